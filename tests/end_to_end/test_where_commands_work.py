"""Where commands may be used: in servers that have added the bot, and some of them in its direct messages."""

import pytest

from tests.end_to_end.town import Town

pytestmark = pytest.mark.either_way


async def test_commands_work_in_servers_and_in_the_bots_own_direct_messages(town: Town) -> None:
    await town.start()

    declared = {each["name"]: (each["integration_types"], each["contexts"]) for each in town.discord.commands}
    in_servers = dict.fromkeys(("extend", "Extend this audio", "lyrics", "relay"), ([0], [0]))
    everywhere = dict.fromkeys(("jobs", "cancel", "quota", "why", "library", "preset", "song"), ([0], [0, 1]))
    assert declared == in_servers | everywhere


async def test_quota_and_jobs_work_in_a_direct_message(town: Town) -> None:
    await town.start()

    quota = await (await town.mia.command(town.mia.dm, "quota")).response()
    jobs = await (await town.mia.command(town.mia.dm, "jobs")).response()

    assert "10 of 10 extensions left" in quota.content
    assert jobs.content


async def test_extend_in_a_direct_message_from_a_stale_client_says_where_it_works(town: Town) -> None:
    await town.start()

    answer = await (await town.mia.command_of_old_client(town.mia.dm, "extend")).response()

    assert answer.content == "`/extend` only works in servers."


@pytest.mark.parametrize("name", ["extend", "quota", "jobs"])
async def test_a_member_who_uses_the_bot_outside_its_servers_reads_where_it_works(town: Town, name: str) -> None:
    await town.start()
    elsewhere = town.discord.guild("Elsewhere", with_bot=False)
    lobby = elsewhere.channel("lobby")
    elsewhere.join(town.mia)

    answer = await (await town.mia.command_of_old_client(lobby, name)).response()

    assert answer.content.startswith("I only work in servers that have added me.")
    assert answer.is_ephemeral


async def test_suggestions_are_empty_where_the_bot_does_not_work(town: Town) -> None:
    await town.start()
    elsewhere = town.discord.guild("Elsewhere", with_bot=False)
    lobby = elsewhere.channel("lobby")
    elsewhere.join(town.mia)
    town.mia.install_app()
    for command in town.discord.commands:
        command["integration_types"] = [0, 1]  # as a client may still have it cached

    assert await town.mia.autocomplete(lobby, "extend", focused="model", value="V") == []
