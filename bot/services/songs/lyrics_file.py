"""Lyrics that are too long to type, from a text file."""

import codecs
import logging
import secrets
from pathlib import Path

from bot.domain.text import Megabytes, text
from bot.errors import Refused, SourceTooLarge, SourceUnreachable
from bot.services.common.ports import Fetcher

log = logging.getLogger(__name__)

FILE_MAX_BYTES = 100_000
"""Far above any model's limit, so that a rule can say by how much the lyrics are too long."""
PROMPT = "prompt"
RICH_TEXT = "{\\rtf"
"""How the files of some editors begin, whatever they are called: their markup would be sung."""


class LyricsFiles:
    """`folder`: where a file is while it is read."""

    def __init__(self, fetcher: Fetcher, *, folder: Path) -> None:
        self._fetcher = fetcher
        self._folder = folder

    async def read(self, url: str) -> str:
        """The words in the file.

        Raises:
            Refused: it can't be fetched, is too large, or is no plain text.
        """
        path = self._folder / f"lyrics-{secrets.token_hex(8)}"
        try:
            await self._fetcher.fetch(url, path, limit_bytes=FILE_MAX_BYTES)
            return words_in(path.read_bytes())  # small, and in memory
        except SourceTooLarge as error:
            sentence = text("The text file is too large. I can read up to {limit}.", limit=Megabytes(FILE_MAX_BYTES))
            raise Refused([sentence], rules=["lyrics_file_too_large"], options=[PROMPT]) from error
        except SourceUnreachable as error:
            log.info("a text file could not be fetched: %s", error)
            sentence = text("I couldn't download the text file. Please add it again.")
            raise Refused([sentence], rules=["lyrics_file_unreachable"], options=[PROMPT]) from error
        finally:
            path.unlink(missing_ok=True)  # as above


def words_in(body: bytes) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte order mark, as Windows writes it.

    Raises:
        Refused: it is something else.
    """
    encoding = "utf-16" if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        words = body.decode(encoding)
    except UnicodeDecodeError:
        words = "\0"
    if "\0" in words or words.startswith(RICH_TEXT):
        sentence = text("I can't read this file as text. Save it as plain text (.txt) in UTF-8.")
        raise Refused([sentence], rules=["lyrics_file_unreadable"], options=[PROMPT])
    return words.replace("\r\n", "\n").replace("\r", "\n").strip()
