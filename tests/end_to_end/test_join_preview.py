"""What shows how a result joins the original: seconds to listen to, and a picture of the whole piece."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from bot.audio.process import AudioProcess
from bot.domain.jobs import JobState
from bot.fault_points import hold
from bot.sandbox.discord import Attachment, Message
from bot.sandbox.suno import SunoOptions
from tests.end_to_end.town import WITH_SOUND, Town


@pytest.fixture
def suno() -> SunoOptions:
    """Its tracks contain the original, as they usually do."""
    return WITH_SOUND


def names(message: Message) -> list[str]:
    return [file.filename for file in message.attachments]


async def length_of(file: Attachment, folder: Path) -> float:
    path = folder / file.filename
    path.write_bytes(file.data)
    return (await AudioProcess().probe(path)).length_seconds


async def test_a_result_brings_the_join_to_hear_and_to_see(town: Town, tmp_path: Path) -> None:
    await town.start(join_preview=True)

    await town.extend(continue_at="0:06", style="folk", title="Tide", prompt="la la")
    result = await town.result()

    first, second, one, two = result.attachments
    assert [first.filename, second.filename] == ["tide-1.mp3", "tide-2.mp3"]
    assert [one.filename, two.filename] == ["tide-join-1.mp3", "tide-join-2.mp3"]
    assert one.description == "The seconds around the place where take 1 joins the original"
    assert await length_of(one, tmp_path) == pytest.approx(8, abs=0.2)  # five seconds before, three that are new
    picture = next(file for file in result.now.attachments if file.filename == "whole-piece.png")
    assert picture.data.startswith(b"\x89PNG")
    assert "The continuation begins at 6 seconds." in (picture.description or "")
    assert result.embeds[0]["image"]["description"] == picture.description
    assert result.embeds[0]["image"]["url"].partition("?")[0].endswith("whole-piece.png")


async def test_a_single_take_has_one_join(town: Town) -> None:
    await town.start(join_preview=True, poll_every_seconds=0.2, poll_after_seconds=0.2)
    town.suno.script("one-track")

    await town.extend(style="folk", title="Tide", prompt="la la")

    assert names(await town.result()) == ["tide.mp3", "tide-join.mp3"]


async def test_an_operator_can_do_without(town: Town) -> None:
    await town.start(join_preview=False)

    await town.extend(style="folk", title="Tide", prompt="la la")

    assert names(await town.result()) == ["tide-1.mp3", "tide-2.mp3"]


async def test_without_it_more_has_the_join_also_after_a_restart(town: Town) -> None:
    await town.start(join_preview=False)
    await town.extend(style="folk", title="Tide", prompt="la la")
    more = await (await town.mia.click(await town.result(), "More…")).response()
    await town.stop()
    await town.start(join_preview=False)

    click = await town.mia.click(more, "Hear the join")
    answer = await click.wait_until(lambda message: message.attachments)

    assert sorted(names(answer)) == ["tide-join-1.mp3", "tide-join-2.mp3", "whole-piece.png"]
    assert answer.content == "How **Tide** joins the original"


async def test_a_member_has_one_join_made_at_a_time(town: Town) -> None:
    await town.start(join_preview=False)
    await town.extend(style="folk", title="Tide", prompt="la la")
    more = await (await town.mia.click(await town.result(), "More…")).response()

    async with hold("while a track is fetched") as fetching:
        click = await town.mia.click(more, "Hear the join")
        await fetching.reached(timeout=30)
        again = await town.mia.click(more, "Hear the join")
        assert "I'm still making the last join" in (await again.wait_until(lambda message: message.content)).content

    await click.wait_until(lambda message: message.attachments, timeout=30)


async def test_the_join_of_music_that_is_gone_is_said_to_be_gone(town: Town) -> None:
    await town.start(join_preview=False)
    command = await town.extend(style="folk", title="Tide", prompt="la la")
    more = await (await town.mia.click(await town.result(), "More…")).response()
    job = await town.job_in(JobState.DELIVERED)
    town.discord.vanish(command)
    async with town.app.storage.transaction() as work:
        await work.jobs.save(replace(job, source_url=""))

    click = await town.mia.click(more, "Hear the join")

    await click.wait_until(lambda message: "the original or the music is gone" in message.content)
