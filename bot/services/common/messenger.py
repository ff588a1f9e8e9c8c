"""How services reach members; `bot.chat` does it through Discord."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from bot.domain.drafts import Draft
from bot.domain.jobs import Job, Place, Track
from bot.domain.outlines import Outline
from bot.domain.progress import ProgressView
from bot.domain.receipt import Receipt
from bot.domain.source import InMessage
from bot.domain.text import Text

NONCE_LASTS = timedelta(seconds=120)
"""For this long, and a little longer, Discord answers a repeated post with the first one (docs/discord.md 3.3)."""


def is_nonce_known(tried_at: datetime, *, at: datetime) -> bool:
    """Whether Discord would answer another post with the one that was tried earlier.

    A negative age says that the clock was set back, and nothing about the nonce.
    """
    return timedelta(0) <= at - tried_at < NONCE_LASTS


class RouteClosed(Exception):
    """This route to the member is closed: no such channel, no permission, direct messages off.

    `why` is the reason for the member, if known.
    """

    def __init__(self, summary: str = "", *, why: Text | None = None) -> None:
        super().__init__(summary)
        self.why = why


class RouteUnavailable(Exception):
    """No clear answer this time; the same message may be sent again and will not appear twice."""


class HistoryClosed(RouteUnavailable):
    """The channel can be written to, but not searched."""


class RouteBusy(Exception):
    """Not now: something more important goes first. Try again in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"busy for {seconds:.1f} s")
        self.seconds = seconds


class RouteTooSmall(Exception):
    """A file is too large here, whatever limit was announced."""


class RouteRefused(RouteClosed):
    """Discord refuses the message in this shape; a plainer one may work."""


class Posted(msgspec.Struct, frozen=True):
    """Where a message is. `guild_id` None: in a direct conversation. `is_answer`: one member sees it."""

    channel_id: int
    message_id: int
    guild_id: int | None = None
    is_answer: bool = False


class JoinShown(msgspec.Struct, frozen=True, kw_only=True):
    """How a take joins what it continues, as far as it could be made.

    `preview`: an mp3 of a few seconds around the seam. `picture`: a PNG of the whole piece with the seam marked, which
    `outline` puts into words.
    """

    preview: Path | None = None
    picture: Path | None = None
    outline: Outline | None = None


class ResultFile(msgspec.Struct, frozen=True, kw_only=True):
    """A track ready to post: `path` is the file to attach, or None if only its link can be given.

    `cover` is its picture, if it could be fetched; `join` is how it joins what it continues.
    """

    track: Track
    path: Path | None
    cover: Path | None = None
    join: JoinShown = JoinShown()


class Route(Protocol):
    """One route to a job's member."""

    name: str

    async def upload_limit_bytes(self, job: Job) -> int:
        """The current limit for files here."""

    async def find_end(self, job: Job, *, since: datetime) -> Posted | None:
        """The message about the job's end, if an earlier try has sent it since then.

        Raises `HistoryClosed` if the bot may not look, and `RouteUnavailable` if it cannot find out now.
        """

    def check_open(self, job: Job) -> None:
        """Raise `RouteClosed` if that is known without asking Discord."""

    async def post_result(self, job: Job, files: Sequence[ResultFile]) -> Posted: ...

    async def post_failure(self, job: Job) -> Posted: ...


class MessageFiles(Protocol):
    async def fresh_link(self, where: InMessage, name: str) -> str | None:
        """A new link to the file in a message, by its id or else its name; None if there is none to be had."""

    async def posted_link(self, job: Job, track: Track) -> str | None:
        """A new link to a take in the message with its job's result; None if it is not there."""


class ResultCopies(Protocol):
    async def in_channel(self, job: Job) -> Mapping[str, str]:
        """Links to the job's tracks in the message with its result, by their ids; none if it is gone.

        Raises `RouteUnavailable` if Discord does not say.
        """


class Messenger(Protocol):
    def routes(self, job: Job) -> Sequence[Route]:
        """The routes to the member, best first."""

    async def answer(self, place: Place, sentences: Sequence[Text], *, receipt: Receipt | None = None) -> bool:
        """Answer the command, visible only to the member; False if that is no longer possible.

        `receipt`: it was accepted, and can still be cancelled.
        """

    async def answer_if_acknowledged(self, place: Place, sentences: Sequence[Text]) -> bool:
        """Like `answer`, for a command that may never have been acknowledged; False if it was not, or is too old.

        Raises `RouteUnavailable` if Discord does not say.
        """

    async def add_to_answer(self, place: Place, sentences: Sequence[Text]) -> None:
        """Add a message that only the member sees; the command has already been answered."""

    async def tell(self, place: Place, sentences: Sequence[Text], *, draft: Draft | None = None) -> None:
        """Tell only the member: in the answer to the command, or by direct message once that is too old.

        `draft`: the answer has a button with which its member can fix it.
        """

    async def tell_operator(self, sentences: Sequence[Text]) -> None:
        """Tell the operator if possible; the log says it in any case."""

    async def begin_progress(self, place: Place, source_name: str, *, is_repeat: bool) -> int:
        """Post the progress message, which says that the source is being read; returns its id.

        `is_repeat`: an earlier try may have posted it; then that message is used.
        Raises `RouteClosed`, with its reason, and `RouteUnavailable`.
        """

    async def withdraw_progress(self, place: Place, source_name: str, message_id: int | None) -> None:
        """Remove the progress message of a command that came to nothing; None: if there is any."""

    async def show_progress(self, job: Job, view: ProgressView, *, receipt: Receipt | None = None) -> None:
        """Edit the job's progress message, or the answer in its place, which has the `receipt` too.

        Raises `RouteBusy`, `RouteClosed` and `RouteUnavailable`.
        """

    @property
    def edits_wait_seconds(self) -> float:
        """For how long no message can be edited, because requests are needed for something else; 0: now."""

    async def show_votes(self, job: Job, *, channel_id: int, message_id: int, votes: Mapping[int, int]) -> None:
        """Edit the counts below a message with the job's result; `votes` by take.

        Raises `RouteBusy`, `RouteClosed` and `RouteUnavailable`.
        """

    async def remove_result(self, *, channel_id: int, message_id: int) -> None:
        """Delete a message of ours. Raises `RouteClosed` if it is gone, and `RouteUnavailable`."""

    def expect_direct(self, member_id: int) -> None:
        """The member's direct messages may be open again: try them, even if they were closed a moment ago."""

    def alone(self, job_id: str) -> AbstractAsyncContextManager[None]:
        """While held, nobody else writes into this job's private answer.

        Raises `RouteBusy` if somebody is writing now.
        """
