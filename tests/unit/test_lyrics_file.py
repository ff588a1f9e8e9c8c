"""Lyrics in a text file, however it was saved."""

import pytest

from bot.errors import Refused
from bot.services.songs.lyrics_file import words_in


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_read_however_it_was_saved(encoding: str) -> None:
    assert words_in("\n Größe 🌊\r\nla\rla \n".encode(encoding)) == "Größe 🌊\nla\nla"


@pytest.mark.parametrize(
    "body", [b"\xff\xfe\x00", b"\x89PNG\r\n", b"la\0la", "Größe".encode("latin-1"), rb"{\rtf1\ansi la}"]
)
def test_what_is_no_text_is_refused(body: bytes) -> None:
    with pytest.raises(Refused, match="can't read this file as text") as refusal:
        words_in(body)

    assert refusal.value.options == ("prompt",)
