"""How services reach members; `bot.chat` does it through Discord."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from bot.domain.jobs import Job, Place, Track
from bot.domain.progress import ProgressView
from bot.domain.text import Text


class RouteClosed(Exception):
    """This way to the member is gone for good: no such channel, no permission, direct messages closed."""


class RouteUnavailable(Exception):
    """No clear answer this time; the same message may be sent again, it will not appear twice."""


class HistoryClosed(RouteUnavailable):
    """The channel may be written to, but not searched."""


class RouteTooSmall(Exception):
    """A file is larger than is taken here, whatever was announced."""


class RouteRefused(RouteClosed):
    """Discord does not take the message in this shape; a plainer one may do."""


@dataclass(frozen=True, slots=True)
class Posted:
    channel_id: int
    message_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFile:
    """A track ready to be posted: `path` is the file to attach, or None where only its link can be given."""

    track: Track
    path: Path | None


class Route(Protocol):
    """One way to a job's member."""

    name: str

    async def upload_limit_bytes(self, job: Job) -> int:
        """The largest file that is taken here, read now."""

    async def find_end(self, job: Job, *, since: datetime) -> Posted | None:
        """The message that told the job's end, where an earlier try since then may have sent it.

        Raises `HistoryClosed` where the bot may not look, and `RouteUnavailable` where it cannot find out now.
        """

    async def post_result(self, job: Job, files: Sequence[ResultFile]) -> Posted: ...

    async def post_failure(self, job: Job) -> Posted: ...


class Messenger(Protocol):
    def routes(self, job: Job) -> Sequence[Route]:
        """The ways to the member, best first."""

    async def answer(self, place: Place, sentences: Sequence[Text]) -> bool:
        """Say something to the member alone, in answer to the command; False when that is not possible any more."""

    async def add_to_answer(self, place: Place, sentences: Sequence[Text]) -> None:
        """Say something to the member alone in a message of its own; the command has been answered before."""

    async def tell_operator(self, sentences: Sequence[Text]) -> None:
        """Say something to whoever runs the bot, where that can be done; the log says it in any case."""

    async def show_progress(self, job: Job, view: ProgressView) -> int | None:
        """Post or edit the progress message; its id, or None where there is none to edit later.

        Raises `RouteClosed` and `RouteUnavailable`.
        """
