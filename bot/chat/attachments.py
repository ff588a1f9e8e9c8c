"""The files of one message."""

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import discord

from bot.chat.cards import Attached

SMALL_BYTES = 256 << 10
"""Files up to this size are read whole: pictures and previews, mostly. aiohttp reads a file in threads, piece by piece,
and closes it there, which costs more than a small file is worth."""


@contextmanager
def attachments(files: Sequence[Attached]) -> Iterator[list[discord.File]]:
    """The files for one try: a sent `discord.File` is empty the second time (docs/discord.md 3.1).

    They are closed at once, because a sent file stays in a reference cycle with all its bytes.
    """
    with ExitStack() as stack:
        attached = []
        for file in files:
            found = _content(file)
            content = stack.enter_context(io.BytesIO(found)) if isinstance(found, bytes) else found
            attached.append(discord.File(content, filename=file.name, description=file.alt))
            stack.callback(attached[-1].close)
        yield attached


def _content(file: Attached) -> bytes | Path:
    if file.path is None:
        return file.words.encode()
    return file.path.read_bytes() if file.path.stat().st_size <= SMALL_BYTES else file.path
