"""Results that members report: written down at once, told to the operator in a few messages instead of many."""

import logging
from datetime import datetime, timedelta

from bot.domain.clicks import Click
from bot.domain.complaints import Complaint
from bot.domain.text import Text, Verbatim, counted, text
from bot.services.common.bells import Bells
from bot.services.common.clock import Clock
from bot.services.common.messenger import Messenger
from bot.services.common.ports import Storage, Work
from bot.services.songs.clicks import taken

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=10)
"""How often the operator gets a message about complaints at most."""
TOLD_AT_ONCE = 10
LAST = "operator told of complaints"


class Complaints:
    """Also the step of a worker."""

    def __init__(self, storage: Storage, messenger: Messenger, *, bells: Bells, clock: Clock) -> None:
        self._storage = storage
        self._messenger = messenger
        self._bells = bells
        self._clock = clock

    async def complain(self, job_id: str, click: Click) -> bool:
        """False if the member complained about this message before.

        Raises:
            TakenElsewhere: another process has this click.
        """
        complaint = Complaint(
            message_id=click.message_id,
            member_id=click.member_id,
            job_id=job_id,
            guild_id=click.guild_id,
            channel_id=click.channel_id,
            at=self._clock(),
        )

        async def written(work: Work) -> bool:
            await taken(work, click.interaction_id)
            return await work.complaints.add(complaint)

        is_new = await self._storage.write(written)
        if is_new:
            log.warning("job %s: a member reported its result", job_id[:8])
            self._bells.complaints.ring()
        return is_new

    async def next_due(self) -> datetime | None:
        async def looked(work: Work) -> datetime | None:
            found = await work.complaints.untold(limit=1)
            return max(found[0].at, await self._may_tell_at(work, self._clock())) if found else None

        return await self._storage.read(looked)

    async def step(self) -> bool:
        """Tell the operator what has come since the last message; never anything twice."""
        complaints = await self._storage.write(self._taken)
        if complaints:
            await self._messenger.tell_operator(_sentences(complaints))
        return bool(complaints)

    async def _taken(self, work: Work) -> list[Complaint]:
        """What this process is to tell."""
        now = self._clock()
        if now < await self._may_tell_at(work, now):
            return []
        complaints = await work.complaints.untold(limit=TOLD_AT_ONCE)
        await work.complaints.told(complaints, at=now)
        await work.memos.put(LAST, now.isoformat())
        return complaints

    async def _may_tell_at(self, work: Work, now: datetime) -> datetime:
        """A time later than now shows that the clock was set back."""
        remembered = await work.memos.get(LAST)
        told_at = datetime.fromisoformat(remembered) if remembered else None
        return now if told_at is None or told_at > now else told_at + EVERY


def _sentences(complaints: list[Complaint]) -> list[Text]:
    head = counted(
        "A member reported a result. Please look at it.",
        "Members sent {count} reports about results. Please look at them.",
        count=len(complaints),
    )
    return [head, *(_sentence(each) for each in complaints)]


def _sentence(complaint: Complaint) -> Text:
    where = complaint.guild_id or "@me"
    return text(
        "Job `{job}`, reported by {member}: {link}",
        job=complaint.job_id[:8],
        member=Verbatim(f"<@{complaint.member_id}>"),
        link=Verbatim(f"https://discord.com/channels/{where}/{complaint.channel_id}/{complaint.message_id}"),
    )
