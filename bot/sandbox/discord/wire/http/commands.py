"""Announcing commands, the whole set at once or one by one (docs/discord.md 1.1 and 1.4)."""

from collections import deque
from datetime import datetime, timedelta

from bot.sandbox.discord.refuse import limits
from bot.sandbox.discord.refuse.commands import SLASH, check_command, check_commands
from bot.sandbox.discord.refuse.limits import Problems, Refused
from bot.sandbox.discord.wire.calls import Answer, Call, Created, Route
from bot.sandbox.discord.world.shapes import Json
from bot.sandbox.discord.world.state import World

DAY = timedelta(days=1)
KEPT_KEYS = ("name_localizations", "description_localizations", "options", "contexts", "integration_types", "nsfw")


class CommandRoutes:
    def __init__(self, world: World) -> None:
        self._world = world
        self._created: dict[int | None, deque[datetime]] = {}

    def routes(self) -> list[Route]:
        found = []
        for many in (
            "/applications/{application_id}/commands",
            "/applications/{application_id}/guilds/{guild_id}/commands",
        ):
            one = f"{many}/{{command_id}}"
            found += [
                Route(method="GET", template=many, handler=self._list),
                Route(method="PUT", template=many, handler=self._replace),
                Route(method="POST", template=many, handler=self._create),
                Route(method="GET", template=one, handler=self._get),
                Route(method="PATCH", template=one, handler=self._edit),
                Route(method="DELETE", template=one, handler=self._delete),
            ]
        return found

    def _where(self, call: Call) -> int | None:
        """The id of the server; None for global commands."""
        if call.id("application_id") != self._world.application_id:
            raise Refused(limits.OTHER_APPLICATION)
        if "guild_id" not in call.params:
            return None
        guild = self._world.guilds.get(call.id("guild_id"))
        if guild is None or not guild.has_bot:
            raise Refused(limits.MISSING_ACCESS)
        return guild.id

    def _commands(self, where: int | None) -> list[Json]:
        return self._world.global_commands if where is None else self._world.guild_commands.setdefault(where, [])

    def _list(self, call: Call) -> Answer:
        return list(self._commands(self._where(call)))

    def _get(self, call: Call) -> Answer:
        return self._found(call)

    def _found(self, call: Call) -> Json:
        for command in self._commands(self._where(call)):
            if command["id"] == call.params["command_id"]:
                return command
        raise Refused(limits.UNKNOWN_COMMAND)

    def _create(self, call: Call) -> Answer:
        """201 for a new name, 200 if it overwrote a command (docs, application commands)."""
        where = self._where(call)
        commands = self._commands(where)
        wanted = call.json
        _check_one(wanted)
        before = next((each for each in commands if _key(each) == _key(wanted)), None)
        if before is not None:
            return self._put(before, wanted, where)
        kind = _key(wanted)[0]
        if sum(each["type"] == kind for each in commands) >= limits.COMMANDS_MAX[kind]:
            raise Refused(limits.TOO_MANY_COMMANDS)
        self._count_creates(where, 1)
        new = self._kept(wanted, None, where)
        commands.append(new)
        self._world.changes.tell()
        return Created(new)

    def _edit(self, call: Call) -> Answer:
        """Each key that is given replaces the old one. The type stays."""
        where = self._where(call)
        before = self._found(call)
        wanted = {**before, **call.json, "type": before["type"]}
        _check_one(wanted)
        if any(each is not before and _key(each) == _key(wanted) for each in self._commands(where)):
            problems = Problems()
            problems.add("APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique", "name")
            problems.refuse()
        return self._put(before, wanted, where)

    def _put(self, before: Json, wanted: Json, where: int | None) -> Json:
        commands = self._commands(where)
        commands[commands.index(before)] = after = self._kept(wanted, before, where)
        self._world.changes.tell()
        return after

    def _delete(self, call: Call) -> Answer:
        self._commands(self._where(call)).remove(self._found(call))
        self._world.changes.tell()
        return None

    def _replace(self, call: Call) -> Answer:
        where = self._where(call)
        wanted = call.body.value
        if call.body.malformed or not isinstance(wanted, list):
            raise Refused(limits.INVALID_JSON)
        problems = Problems()
        check_commands(wanted, problems)
        problems.refuse()
        commands = self._commands(where)
        known = {_key(command): command for command in commands}
        self._count_creates(where, sum(_key(each) not in known for each in wanted))
        commands[:] = [self._kept(each, known.get(_key(each)), where) for each in wanted]
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

    def _kept(self, command: Json, before: Json | None, where: int | None) -> Json:
        """A command of a known name and type keeps its id; its version changes with its definition."""
        kind = command.get("type") or SLASH
        permissions = command.get("default_member_permissions")
        body: Json = {
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


def _key(command: Json) -> tuple[int, str]:
    """Two commands of one type and name are the same command."""
    return command.get("type") or SLASH, command["name"]


def _check_one(command: Json) -> None:
    problems = Problems()
    check_command(command, problems)
    problems.refuse()
