"""A whole song, and how it reaches its member."""

from pathlib import Path
from typing import Protocol

import msgspec

from bot.domain.jobs import Job, Place
from bot.domain.joins import JoinFormat
from bot.domain.whole_songs import WholeSongOrder
from bot.services.common.messenger import Posted


class WholeSong(msgspec.Struct, frozen=True, kw_only=True):
    """A joined file, ready to post. `takes`: how many it consists of, besides the original."""

    job: Job
    path: Path
    audio_format: JoinFormat
    length_seconds: float
    title: str
    takes: int


class SongPosts(Protocol):
    """How a whole song reaches the member; `bot.chat.song` does it through Discord."""

    async def upload_limit_bytes(self, place: Place) -> int:
        """Raises `RouteClosed` and `RouteUnavailable`."""

    async def post(self, order: WholeSongOrder, song: WholeSong) -> Posted:
        """As a reply to the result, or in the answer to the click where only its member sees that.

        The same order posts once, within `NONCE_LASTS`. Raises `RouteTooSmall`, `RouteClosed` and `RouteUnavailable`.
        """
