"""What happens to the music of members who have left the server: it stays, and nobody pays for their going."""

import pytest

from bot.domain.jobs import JobState
from bot.sandbox.discord import Member, Message
from tests.end_to_end.town import Town

pytestmark = pytest.mark.either_way


def labels(message: Message) -> list[str]:
    return [part["label"] for row in message.components for part in row["components"]]


async def said(who: Member, message: Message, button: str) -> str:
    return (await (await who.click(message, button)).response()).content


async def test_others_go_on_with_the_result_of_someone_who_left(town: Town) -> None:
    await town.start(undo_seconds=0.3)
    noa = town.discord.member("Noa", guild=town.guild)
    await town.extend(style="folk", title="Boats", prompt="la la", continue_at="0:06")
    result = await town.result()
    town.guild.remove(town.mia)

    assert "You voted for take 2" in await said(noa, result, "Take 2 · 0")
    form = await (await noa.click(result, "Extend 1")).opened_modal()
    await noa.submit_modal(form, {})
    assert noa in (await town.result(2)).pinged
    await noa.click(result, "Again")
    assert noa in (await town.result(3)).pinged
    more = await (await noa.click(result, "More…")).response()
    assert "Edit" not in labels(more)
    assert f"{town.mia.mention} · continues" in await said(noa, more, "Family")
    assert "Boats" in await said(noa, more, "Lyrics")
    whole = await noa.click(result, "Whole song")
    await whole.wait_until(lambda answer: "Here it is" in answer.content, timeout=30)
    assert (await town.balance()).left == town.settings.quota_per_day - 1


@pytest.mark.parametrize("private", [False, True])
async def test_a_job_of_someone_who_left_meanwhile_is_delivered_all_the_same(
    town: Town,
    private: bool,  # a parameter of the test
) -> None:
    await town.start()
    town.suno.time_scale = 1
    answer = await town.extend(private=private)
    await town.suno.wait_for_submit()
    (task,) = town.suno.tasks.values()
    town.guild.remove(town.mia)
    await town.suno.finish(task.id)

    if private:
        await answer.wait_until(lambda message: message.attachments, timeout=30)
    else:
        assert town.mia.mention in (await town.result()).content
    job = await town.job_in(JobState.DELIVERED)
    assert job.place.member_id == town.mia.id
    assert (await town.balance()).left == town.settings.quota_per_day - 1
