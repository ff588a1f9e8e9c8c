"""Texts that not every database can store are mended before any sees them."""

import pytest

from storage.engines.base import Value, bound


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("Paper Boats", "Paper Boats"),
        ("Paper\0Boats\0", "PaperBoats"),
        ("Nana 🎵 \ud83c", "Nana 🎵 ?"),
        ("\ud800\0", "?"),
        (b"\0", b"\0"),
        (7, 7),
        (None, None),
    ],
)
def test_a_text_keeps_everything_but_nul_and_lone_surrogates(value: Value, stored: Value) -> None:
    assert bound([value]) == [stored]
