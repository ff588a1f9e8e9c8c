"""A click that follows another one closely is the second half of a double click."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.clicks import REST, Click, Standing
from storage.storage import SqlStorage, open_storage
from tests.support.storage_samples import after

FIRST, DOUBLE, ELSEWHERE = Standing.FIRST, Standing.DOUBLE, Standing.ELSEWHERE


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqlStorage]:
    async with open_storage(tmp_path / "encore.db") as opened:
        yield opened


async def clicked(storage: SqlStorage, interaction_id: int, *, at: float, action: str = "again") -> Standing:
    click = Click(interaction_id=interaction_id, member_id=1, message_id=2, channel_id=3, guild_id=4)
    time = after(at)
    return await storage.write(lambda work: work.clicks.begin(click, action, at=time, since=time - REST))


async def test_a_second_click_is_a_double_click_until_the_first_has_rested(storage: SqlStorage) -> None:
    rest = REST.total_seconds()

    assert await clicked(storage, 1, at=10) is FIRST
    assert await clicked(storage, 2, at=10 + rest - 0.1) is DOUBLE
    assert await clicked(storage, 3, at=10 + rest) is FIRST


async def test_a_second_click_is_a_double_click_even_if_its_time_was_taken_before_the_first(
    storage: SqlStorage,
) -> None:
    assert await clicked(storage, 1, at=10) is FIRST
    assert await clicked(storage, 2, at=9.999) is DOUBLE


async def test_a_click_counts_again_once_the_clock_was_set_back(storage: SqlStorage) -> None:
    assert await clicked(storage, 1, at=3600) is FIRST
    assert await clicked(storage, 2, at=10) is FIRST


async def test_the_same_click_belongs_to_the_process_that_heard_it_first(storage: SqlStorage) -> None:
    assert await clicked(storage, 1, at=10) is FIRST
    assert await clicked(storage, 1, at=10.5) is ELSEWHERE


async def test_different_buttons_do_not_disturb_each_other(storage: SqlStorage) -> None:
    assert await clicked(storage, 1, at=10) is FIRST
    assert await clicked(storage, 2, at=10, action="vote 1") is FIRST
