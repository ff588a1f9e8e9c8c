"""Commands announced one by one, everywhere or in one server."""

from bot.sandbox.discord import DiscordOptions
from tests.support.discord_api import EXTEND, MENU, Json, Reply, Stage, staged

JOBS: Json = {"name": "jobs", "description": "Your latest jobs"}


def everywhere(stage: Stage) -> str:
    return f"/applications/{stage.discord.application_id}/commands"


def in_server(stage: Stage) -> str:
    return f"/applications/{stage.discord.application_id}/guilds/{stage.guild.id}/commands"


async def create(stage: Stage, command: Json, *, where: str = "") -> Reply:
    return await stage.api.ask("POST", where or everywhere(stage), command)


async def test_a_new_command_is_added_beside_the_others() -> None:
    async with staged() as stage:
        reply = await create(stage, JOBS)

        assert (reply.status, reply.body["name"]) == (201, "jobs")
        assert [command["name"] for command in stage.discord.commands] == [EXTEND["name"], MENU["name"], "jobs"]


async def test_a_command_of_a_known_name_is_overwritten_and_keeps_its_id() -> None:
    async with staged() as stage:
        first = await create(stage, JOBS)
        second = await create(stage, {**JOBS, "description": "Your jobs"})

        assert (second.status, second.body["id"]) == (200, first.body["id"])
        assert second.body["version"] != first.body["version"]
        assert [command["description"] for command in stage.discord.commands if command["name"] == "jobs"] == [
            "Your jobs"
        ]


async def test_a_menu_may_have_the_name_of_a_command() -> None:
    async with staged() as stage:
        await create(stage, JOBS)

        assert (await create(stage, {"name": "jobs", "type": 3})).status == 201


async def test_a_wrong_command_is_refused_by_its_field_and_nothing_changes() -> None:
    async with staged() as stage:
        before = list(stage.discord.commands)

        reply = await create(stage, {**JOBS, "description": "x" * 101})

        assert reply.field_errors("description")
        assert stage.discord.commands == before


async def test_an_edit_changes_what_it_names() -> None:
    async with staged() as stage:
        command_id = (await create(stage, JOBS)).body["id"]

        edited = await stage.api.ask("PATCH", f"{everywhere(stage)}/{command_id}", {"description": "Your jobs"})

        assert (edited.status, edited.body["id"]) == (200, command_id)
        assert (edited.body["name"], edited.body["description"]) == ("jobs", "Your jobs")


async def test_an_edit_cannot_take_another_commands_name() -> None:
    async with staged() as stage:
        command_id = (await create(stage, JOBS)).body["id"]

        reply = await stage.api.ask("PATCH", f"{everywhere(stage)}/{command_id}", {"name": "extend"})

        assert reply.field_errors("name") == ["APPLICATION_COMMANDS_DUPLICATE_NAME"]


async def test_a_deleted_command_is_gone() -> None:
    async with staged() as stage:
        command_id = (await create(stage, JOBS)).body["id"]

        assert (await stage.api.ask("DELETE", f"{everywhere(stage)}/{command_id}")).status == 204
        assert (await stage.api.ask("GET", f"{everywhere(stage)}/{command_id}")).body["code"] == 10063


async def test_a_servers_own_command_is_offered_there_alone() -> None:
    async with staged() as stage:
        reply = await create(stage, JOBS, where=in_server(stage))

        assert (reply.status, reply.body["guild_id"]) == (201, str(stage.guild.id))
        elsewhere = stage.discord.guild("Elsewhere")
        assert "jobs" in {command["name"] for command in stage.discord.world.commands_in(stage.guild.id)}
        assert "jobs" not in {command["name"] for command in stage.discord.world.commands_in(elsewhere.id)}


async def test_only_new_names_count_towards_a_days_commands() -> None:
    async with staged(DiscordOptions(commands_created_per_day=3)) as stage:  # two of them are announced already
        statuses = [(await create(stage, JOBS)).status for _ in range(5)]
        refused = await create(stage, {**JOBS, "name": "quota"})

        assert statuses == [201, 200, 200, 200, 200]
        assert refused.body["code"] == 30034
