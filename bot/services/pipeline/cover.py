"""The picture of a result, attached because the provider's link dies within two weeks."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from bot.domain.jobs import Track
from bot.domain.links import web_url
from bot.services.common.ports import Fetcher

log = logging.getLogger(__name__)

COVER_MAX_BYTES = 2_000_000
COVER_SECONDS = 10.0
_HEAD_BYTES = 12


async def fetch_cover(fetcher: Fetcher, tracks: Sequence[Track], folder: Path) -> Path | None:
    """The first track's picture, in `folder`, with the file ending that its bytes call for.

    None if anything goes wrong: a missing picture never holds a result back.
    """
    url = next((track.image_url for track in tracks if web_url(track.image_url) is not None), None)
    if url is None:
        return None
    path = folder / "cover"
    try:
        async with asyncio.timeout(COVER_SECONDS):
            await fetcher.fetch(url, path, limit_bytes=COVER_MAX_BYTES)
            return await asyncio.to_thread(_named_by_its_bytes, path)
    except Exception as error:  # noqa: BLE001  # whatever it is, the music matters more
        log.info("a cover could not be fetched (%r)", error)
        return None


def _named_by_its_bytes(path: Path) -> Path | None:
    with path.open("rb") as file:
        ending = image_ending(file.read(_HEAD_BYTES))
    return None if ending is None else path.rename(path.with_suffix(f".{ending}"))


def image_ending(head: bytes) -> str | None:
    """The ending for a file that begins this way; None if it is not an image that Discord shows."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return None
