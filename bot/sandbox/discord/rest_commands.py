"""Announcing commands: the set is replaced as a whole (Discord reference, sections 1.1 and 1.4)."""

from collections import deque
from datetime import datetime, timedelta

from bot.sandbox.discord import limits
from bot.sandbox.discord.calls import Answer, Call, Route
from bot.sandbox.discord.check_commands import SLASH, check_commands
from bot.sandbox.discord.limits import Payload, Problems, Refused
from bot.sandbox.discord.state import World

DAY = timedelta(days=1)
KEPT_KEYS = ("name_localizations", "description_localizations", "options", "contexts", "integration_types", "nsfw")


class CommandRoutes:
    def __init__(self, world: World) -> None:
        self._world = world
        self._created: dict[int | None, deque[datetime]] = {}

    def routes(self) -> list[Route]:
        everywhere = "/applications/{application_id}/commands"
        in_guild = "/applications/{application_id}/guilds/{guild_id}/commands"
        return [
            Route(method="GET", template=everywhere, handler=self._list),
            Route(method="PUT", template=everywhere, handler=self._replace),
            Route(method="GET", template=f"{everywhere}/{{command_id}}", handler=self._get),
            Route(method="DELETE", template=f"{everywhere}/{{command_id}}", handler=self._delete),
            Route(method="GET", template=in_guild, handler=self._list),
            Route(method="PUT", template=in_guild, handler=self._replace),
            Route(method="GET", template=f"{in_guild}/{{command_id}}", handler=self._get),
            Route(method="DELETE", template=f"{in_guild}/{{command_id}}", handler=self._delete),
        ]

    def _where(self, call: Call) -> int | None:
        """The id of the server, None for everywhere."""
        if call.id("application_id") != self._world.application_id:
            raise Refused(limits.OTHER_APPLICATION)
        if "guild_id" not in call.params:
            return None
        guild = self._world.guilds.get(call.id("guild_id"))
        if guild is None or not guild.has_bot:
            raise Refused(limits.MISSING_ACCESS)
        return guild.id

    def _commands(self, where: int | None) -> list[Payload]:
        return self._world.global_commands if where is None else self._world.guild_commands.setdefault(where, [])

    def _list(self, call: Call) -> Answer:
        return list(self._commands(self._where(call)))

    def _get(self, call: Call) -> Answer:
        for command in self._commands(self._where(call)):
            if command["id"] == call.params["command_id"]:
                return command
        raise Refused(limits.UNKNOWN_COMMAND)

    def _delete(self, call: Call) -> Answer:
        self._commands(self._where(call)).remove(self._found(call))
        self._world.changes.tell()
        return None

    def _found(self, call: Call) -> Payload:
        found = self._get(call)
        assert isinstance(found, dict)  # noqa: S101  # one command
        return found

    def _replace(self, call: Call) -> Answer:
        where = self._where(call)
        wanted = call.body.value
        if call.body.malformed or not isinstance(wanted, list):
            raise Refused(limits.INVALID_JSON)
        problems = Problems()
        check_commands(wanted, problems)
        problems.refuse()
        commands = self._commands(where)
        known = {(command["type"], command["name"]): command for command in commands}
        new = [each for each in wanted if (each.get("type") or SLASH, each["name"]) not in known]
        self._count_creates(where, len(new))
        commands[:] = [self._kept(each, known.get((each.get("type") or SLASH, each["name"])), where) for each in wanted]
        self._world.changes.tell()
        return list(commands)

    def _count_creates(self, where: int | None, new: int) -> None:
        created = self._created.setdefault(where, deque())
        now = self._world.clock()
        while created and created[0] <= now - DAY:
            created.popleft()
        if len(created) + new > self._world.options.commands_created_per_day:
            raise Refused(limits.TOO_MANY_CREATES)
        created.extend([now] * new)

    def _kept(self, command: Payload, before: Payload | None, where: int | None) -> Payload:
        """A command of a known name and type keeps its id; its version changes with its text."""
        kind = command.get("type") or SLASH
        permissions = command.get("default_member_permissions")
        body: Payload = {
            "type": kind,
            "name": command["name"],
            "description": command.get("description") or "",
            "default_member_permissions": None if permissions is None else str(permissions),
            "dm_permission": command.get("dm_permission", True),
            "nsfw": False,
            "integration_types": [0],
            "contexts": None,
            **{key: command[key] for key in KEPT_KEYS if command.get(key) is not None},
        }
        if where is not None:
            body["guild_id"] = str(where)
        is_same = before is not None and {**before, **body} == before
        return {
            "id": before["id"] if before else str(self._world.snowflakes.new()),
            "application_id": str(self._world.application_id),
            "version": before["version"] if before and is_same else str(self._world.snowflakes.new()),
            **body,
        }
