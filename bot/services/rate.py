"""The provider's rate over all that is sent: kept in the database, so that restarts and other processes count too."""

from collections.abc import Mapping
from datetime import datetime

from bot.domain.pace import SlidingWindow
from bot.services.ports import Facts

SENT = "latest submissions"


class Rate:
    """Used inside the transactions in which a job is claimed, and in which the answer to it is written down."""

    def __init__(self, window: SlidingWindow) -> None:
        self._window = window

    async def free_at(self, facts: Facts, *, now: datetime) -> datetime | None:
        """When the next submission may be sent; None: now."""
        free_at = self._window.free_at(list((await self._counted(facts, now)).values()), now=now)
        return free_at if free_at > now else None

    async def take(self, facts: Facts, job_id: str, *, now: datetime) -> None:
        """`job_id` is sent now."""
        await self._write(facts, {**await self._counted(facts, now), job_id: now})

    async def answered(self, facts: Facts, job_id: str, *, now: datetime) -> None:
        """Its time counts from now: it reached the provider by now at the latest, however slow it was."""
        counted = await self._counted(facts, now)
        if job_id in counted:
            await self._write(facts, {**counted, job_id: now})

    async def _counted(self, facts: Facts, now: datetime) -> dict[str, datetime]:
        """Job ids with their times; one in the future, from before the clock was set back, counts from now on."""
        lines = (line.split() for line in (await facts.get(SENT) or "").splitlines())
        sent = {job_id: datetime.fromisoformat(at) for job_id, at in lines}
        counted = {job_id: min(at, now) for job_id, at in sent.items() if self._window.counts(at, now=now)}
        if any(at > now for at in sent.values()):
            await self._write(facts, counted)
        return counted

    async def _write(self, facts: Facts, sent: Mapping[str, datetime]) -> None:
        await facts.put(SENT, "\n".join(f"{job_id} {at.isoformat()}" for job_id, at in sent.items()))
