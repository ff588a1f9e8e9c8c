"""What stands above the picture in which a moment is picked."""

from functools import partial

import pytest

from bot.chat.pick.choice import words_of
from bot.domain.drafts import Draft
from bot.domain.outlines import Outline
from bot.domain.request import ExtensionRequest
from bot.text import LOCALES, Catalogue
from tests.support.storage_samples import NOW

SAY = partial(Catalogue(LOCALES).render, locale="en-GB")


@pytest.mark.parametrize(
    ("points", "said"), [((6.2, 12.5), "The numbers mark where phrases end."), ((), "there are no points to choose")]
)
def test_it_says_what_the_numbers_are_or_why_there_are_none(points: tuple[float, ...], said: str) -> None:
    draft = Draft(id="d", member_id=1, request=ExtensionRequest(model="V5"), made_at=NOW)

    words = words_of(draft, Outline(length_seconds=20.0, points=points), SAY)

    assert "It's 0:20 long." in words
    assert said in words
