"""How services reach members; `bot.chat` does it through Discord."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from bot.domain.jobs import Job, Place, Track
from bot.domain.progress import ProgressView
from bot.domain.text import Text


class RouteClosed(Exception):
    """This way to the member is closed: no such channel, no permission, direct messages off.

    `why` says so to the member, where that is known.
    """

    def __init__(self, summary: str = "", *, why: Text | None = None) -> None:
        super().__init__(summary)
        self.why = why


class RouteUnavailable(Exception):
    """No clear answer this time; the same message may be sent again, it will not appear twice."""


class HistoryClosed(RouteUnavailable):
    """The channel may be written to, but not searched."""


class RouteBusy(Exception):
    """Not now: what matters more goes first. Worth another try in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"busy for {seconds:.1f} s")
        self.seconds = seconds


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
    """A track ready to be posted: `path` is the file to attach, or None where only its link can be given.

    `cover` is its picture, if that could be fetched.
    """

    track: Track
    path: Path | None
    cover: Path | None = None


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

    async def answer_if_acknowledged(self, place: Place, sentences: Sequence[Text]) -> bool:
        """As `answer`, for a command that was perhaps never acknowledged; False if it was not, or is too old.

        Raises `RouteUnavailable` while Discord does not say.
        """

    async def add_to_answer(self, place: Place, sentences: Sequence[Text]) -> None:
        """Say something to the member alone in a message of its own; the command has been answered before."""

    async def tell(self, place: Place, sentences: Sequence[Text]) -> None:
        """Say something to the member alone: in answer to the command, or once that is over by direct message."""

    async def tell_operator(self, sentences: Sequence[Text]) -> None:
        """Say something to the operator, where that can be done; the log says it in any case."""

    async def begin_progress(self, place: Place, source_name: str, *, is_repeat: bool) -> int:
        """Post the progress message, which says that the source is being read; its id.

        `is_repeat`: an earlier try may have posted it; then that message is the one.
        Raises `RouteClosed`, with its reason, and `RouteUnavailable`.
        """

    async def withdraw_progress(self, place: Place, source_name: str, message_id: int | None) -> None:
        """Remove the progress message of a command that came to nothing; None: if there is one."""

    async def show_progress(self, job: Job, view: ProgressView) -> None:
        """Edit the job's progress message, or the answer that it is.

        Raises `RouteBusy`, `RouteClosed` and `RouteUnavailable`.
        """

    def alone(self, job_id: str) -> AbstractAsyncContextManager[None]:
        """While it is held, nobody else writes into the private answer of this job.

        Raises `RouteBusy` where somebody does so now.
        """
