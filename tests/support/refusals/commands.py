"""Announced commands."""

from bot.sandbox.discord.refuse import limits
from tests.support.discord_api import EXTEND, Reply, Stage
from tests.support.refusals.case import UNKNOWN, case


@case(limits.UNKNOWN_COMMAND)
async def an_unknown_command(stage: Stage) -> Reply:
    return await stage.api.ask("GET", f"/applications/{stage.discord.application_id}/commands/{UNKNOWN}")


@case(limits.OTHER_APPLICATION)
async def commands_of_another_application(stage: Stage) -> Reply:
    return await stage.api.ask("PUT", f"/applications/{UNKNOWN}/commands", [])


@case(limits.TOO_MANY_CREATES)
async def more_new_commands_than_a_day_allows(stage: Stage) -> Reply:
    return await stage.api.announce(*({**EXTEND, "name": f"extend{n}"} for n in range(29)))


@case(limits.MISSING_ACCESS)
async def commands_of_a_server_without_the_bot(stage: Stage) -> Reply:
    elsewhere = stage.discord.guild("Elsewhere", with_bot=False)
    return await stage.api.ask(
        "PUT", f"/applications/{stage.discord.application_id}/guilds/{elsewhere.id}/commands", []
    )


@case(limits.TOO_MANY_COMMANDS)
async def a_sixteenth_message_menu(stage: Stage) -> Reply:
    await stage.api.announce(*({"name": f"menu {n}", "type": 3} for n in range(15)))
    path = f"/applications/{stage.discord.application_id}/commands"
    return await stage.api.ask("POST", path, {"name": "menu 15", "type": 3})
