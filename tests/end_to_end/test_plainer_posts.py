"""Discord refuses a result in one shape: it is posted in a plainer one at once, and by the next route in the end."""

import pytest

from bot.domain.jobs import JobState
from bot.sandbox.discord import Message, Trouble, TroubleKind
from tests.end_to_end.town import Town

SHAPES = 3
"""The whole card, one without pictures and links, and plain text."""


async def finished_while_refused(town: Town, times: int) -> Trouble:
    """A finished job, whose post Discord refuses as often as this for a bad field."""
    await town.start(retry_base_seconds=600.0)  # so that nothing but a plainer shape can be in time
    await town.extend()
    await town.suno.wait_for_submit()
    await town.songs.wait_for(lambda message: "Composing" in message.content)
    trouble = town.discord.troubles.add(
        "POST",
        f"/channels/{town.songs.id}/messages",
        TroubleKind.ERROR_BEFORE,
        times,
        status=400,
        code=50035,
        message="Invalid Form Body",
    )
    await town.suno.finish(next(iter(town.suno.tasks)))
    return trouble


def has_tracks(message: Message) -> bool:
    return any(file.filename.endswith(".mp3") for file in message.attachments)


@pytest.mark.parametrize("refused", [1, 2])
async def test_a_refused_result_is_posted_in_a_plainer_shape_at_once(slow_town: Town, refused: int) -> None:
    await finished_while_refused(slow_town, refused)

    message = await slow_town.songs.wait_for(has_tracks)

    assert len([file for file in message.attachments if file.filename.endswith(".mp3")]) == 2
    assert not any({"thumbnail", "image", "url"} & embed.keys() for embed in message.embeds)
    assert len(message.embeds) == (1 if refused == 1 else 0)
    assert not message.components
    assert message.reference is None
    assert slow_town.mia in message.pinged
    assert (await slow_town.job_in(JobState.DELIVERED)).attempts == 1


async def test_a_result_that_is_refused_in_every_shape_takes_the_next_route(slow_town: Town) -> None:
    trouble = await finished_while_refused(slow_town, SHAPES + 1)

    message = await slow_town.mia.dm.wait_for(has_tracks)

    assert trouble.hits == SHAPES
    assert slow_town.mia in message.pinged
    assert not any(map(has_tracks, slow_town.songs.messages))
    await slow_town.job_in(JobState.DELIVERED)
