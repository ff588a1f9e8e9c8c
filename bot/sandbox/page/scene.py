"""Everything that the page stands in front of: both stand-ins, the people to be, sample pieces, and the bot."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bot.sandbox.discord.stand_in import FakeDiscord
from bot.sandbox.discord.user.member import Member
from bot.sandbox.discord.world.channels import Channel
from bot.sandbox.discord.world.shapes import Json
from bot.sandbox.page.samples import Samples
from bot.sandbox.suno import FakeSuno


class BotControl(Protocol):
    """The process of the bot, and its output."""

    @property
    def state(self) -> str:
        """As a person reads it: "running", "starting", "stopped"."""

    @property
    def said(self) -> Sequence[str]:
        """Its latest lines, oldest first; `line_count` says how many there were in all."""

    @property
    def line_count(self) -> int: ...

    async def kill(self) -> None:
        """End it without warning. It is not started again on its own."""

    async def stop(self) -> None:
        """Ask it to end."""

    async def start(self) -> None:
        """Start it, if it is not running."""

    def set_ahead(self, seconds: float) -> None:
        """Set its clock ahead of the machine's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Someone whom the person at the page can be; `note` says who that is."""

    member: Member
    note: str


class ReadMarks:
    """Up to which message each person has read each channel."""

    def __init__(self) -> None:
        self._read: defaultdict[tuple[int, int], int] = defaultdict(int)

    def read(self, member: Member, channel: Channel) -> bool:
        """Mark all of `channel` as read; False if it was."""
        latest = channel.all_messages[-1].id if channel.all_messages else 0
        key = (member.id, channel.id)
        if self._read[key] >= latest:
            return False
        self._read[key] = latest
        return True

    def unread(self, member: Member, channel: Channel) -> Json:
        """Whether something is new to `member`, and how many pings are among it."""
        mark = self._read[member.id, channel.id]
        pings = 0
        for ping in reversed(member.pings):
            if ping.message.id <= mark:
                break
            pings += ping.message.channel is channel and not ping.message.deleted
        is_new = False
        for message in reversed(channel.all_messages):
            if message.id <= mark:
                break
            if message.author is not member and message.is_seen_by(member):
                is_new = True
                break
        return {"unread": is_new, "pings": pings}


@dataclass(slots=True, kw_only=True)
class Scene:
    """`jobs` reads the bot's own view of the jobs, newest first. Both may be missing, as in tests of the page alone."""

    discord: FakeDiscord
    suno: FakeSuno
    identities: Sequence[Identity]
    samples: Samples
    bot: BotControl | None = None
    jobs: Callable[[], Awaitable[list[Json]]] | None = None
    ahead_seconds: float = 0.0
    marks: ReadMarks = field(default_factory=ReadMarks)

    def who(self, person_id: str) -> Member | None:
        return next((each.member for each in self.identities if str(each.member.id) == person_id), None)

    def advance(self, seconds: float) -> None:
        """Let time pass for Discord and for the bot."""
        self.ahead_seconds += seconds
        self.discord.advance(seconds)
        if self.bot is not None:
            self.bot.set_ahead(self.ahead_seconds)
