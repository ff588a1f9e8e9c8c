"""Two bots on one token and database, as when a new version starts before the old one has stopped."""

from msgspec.structs import replace

from bot.domain.jobs import JobState
from bot.sandbox.stand_ins import free_port, running
from tests.end_to_end.town import Town, ends


async def test_each_command_makes_one_job_and_one_post_whichever_process_hears_it(town: Town) -> None:
    await town.start()
    port = free_port()
    other = replace(town.settings, web_port=port, public_url=f"http://127.0.0.1:{port}")
    async with running(town.stand_ins, other):
        await town.discord.wait_ready(2)

        for number in range(1, 6):
            await town.extend()
            await town.result(number)
            await town.job_in(JobState.DELIVERED)

    jobs = await town.app.storage.reading.jobs.of_member(town.mia.id, limit=100)
    assert len(jobs) == town.suno.submits == len(ends(town.songs)) == 5
    assert (await town.balance()).spent == 5
    assert len([message for message in town.songs.messages if not message.embeds]) == 5
