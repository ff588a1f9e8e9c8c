"""What the provider said to earlier releases means the same today.

A failing test here has found a change of meaning. If it is intended, store the new outcome with it.
"""

from pathlib import Path

import pytest

from tests.support.provider_replay import RELEASES, expected_of, messages_of, outcome_of

ALL = sorted(folder.name for folder in RELEASES.iterdir() if folder.is_dir())
MESSAGES = [(release, message) for release in ALL for message in messages_of(release)]


@pytest.mark.parametrize(
    ("release", "message"), MESSAGES, ids=[f"{release}/{message.stem}" for release, message in MESSAGES]
)
def test_a_message_from_an_earlier_release_keeps_its_meaning(release: str, message: Path) -> None:
    assert outcome_of(message) == expected_of(release)[message.stem]


@pytest.mark.parametrize("release", ALL)
def test_every_stored_outcome_has_its_message(release: str) -> None:
    assert set(expected_of(release)) == {message.stem for message in messages_of(release)}


def test_the_messages_of_the_first_release_are_there() -> None:
    assert len(messages_of("1")) >= 40
