"""What a member's client does before it sends a command: offer it, check its options, upload files."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.sandbox.discord.refuse.commands import (
    ATTACHMENT,
    BOOLEAN,
    CHANNEL,
    GROUP,
    INTEGER,
    MENTIONABLE,
    NUMBER,
    ROLE,
    SLASH,
    STRING,
    SUBCOMMAND,
    USER,
)
from bot.sandbox.discord.refuse.components import CHANNEL_SELECT, MENTIONABLE_SELECT, ROLE_SELECT, USER_SELECT
from bot.sandbox.discord.refuse.limits import ATTACHMENTS_MAX, CONTENT_MAX, INTEGER_MAX, NUMBER_MAX
from bot.sandbox.discord.wire import payloads
from bot.sandbox.discord.wire.uploads import keep_file
from bot.sandbox.discord.world.channels import FORUM, Channel, Thread
from bot.sandbox.discord.world.people import Person, User
from bot.sandbox.discord.world.permissions import Permission
from bot.sandbox.discord.world.posts import Attachment
from bot.sandbox.discord.world.roster import Role
from bot.sandbox.discord.world.shapes import Json, id_in
from bot.sandbox.discord.world.sizes import UPLOAD_BYTES_BY_NITRO, UPLOAD_BYTES_BY_TIER

STRING_MAX = 6000
NITRO = 2
CONTENT_MAX_WITH_NITRO = 4000
GUILD_CONTEXT, DM_CONTEXT = 0, 1


class ClientRefuses(ValueError):
    """The member's client would not have sent this."""


class Upload:
    """A file on the member's machine: `Upload(path)`, or `Upload("name.mp3", data)`.

    `content_type` is what Discord will call it; by default it depends on the name.
    """

    def __init__(self, source: Path | str, data: bytes | None = None, *, content_type: str | None = None) -> None:
        self.name = Path(source).name
        self.data = Path(source).read_bytes() if data is None else data
        self.content_type = content_type


@dataclass(frozen=True, slots=True)
class Choice:
    """One suggestion below the option that is being typed."""

    name: str
    value: str | int | float


def attach(upload: Upload, channel: Channel, member: Person, *, ephemeral: bool) -> Attachment:
    """Upload a file. Raises `ClientRefuses` if it is larger than server and Nitro allow."""
    limit = upload_limit_bytes(channel, member)
    if len(upload.data) > limit:
        raise ClientRefuses(f"{upload.name} has {len(upload.data)} bytes; {member.name} may upload {limit}")
    return keep_file(
        channel,
        name=upload.name,
        data=upload.data,
        size=len(upload.data),
        sha256=hashlib.sha256(upload.data).hexdigest(),
        entry={},
        ephemeral=ephemeral,
        content_type=upload.content_type,
    )


def check_post(content: str, uploads: Sequence[Upload], member: Person) -> None:
    """Raises `ClientRefuses` for a message that is too long, or has too many files.

    With Nitro, a member may write longer messages (Discord's support article "Discord Nitro").
    """
    most = CONTENT_MAX_WITH_NITRO if member.nitro == NITRO else CONTENT_MAX
    if len(content) > most:
        raise ClientRefuses(f"a message takes up to {most} characters, not {len(content)}")
    if len(uploads) > ATTACHMENTS_MAX:
        raise ClientRefuses(f"a message takes up to {ATTACHMENTS_MAX} files, not {len(uploads)}")


def upload_limit_bytes(channel: Channel, member: Person) -> int:
    tier = channel.guild.premium_tier if channel.guild else 0
    return max(UPLOAD_BYTES_BY_TIER[tier], UPLOAD_BYTES_BY_NITRO[member.nitro])


def owners(command: Json | None, channel: Channel, member: Person) -> dict[str, str]:
    """Who installed the app here, the server ("0") or the user ("1"), in the ways the command is offered."""
    kinds = set((command or {}).get("integration_types") or (0,)) if command else {0, 1}
    found = {}
    if 0 in kinds and (channel.guild is None or channel.guild.has_bot):
        found["0"] = str(channel.guild.id) if channel.guild else "0"
    if 1 in kinds and member.installed_app:
        found["1"] = str(member.id)
    return found


def announced(channel: Channel, name: str, kind: int) -> Json:
    """The command of that name. Raises `ClientRefuses` if there is none."""
    commands = [
        each for each in channel.world.commands_in(channel.guild.id if channel.guild else None) if each["type"] == kind
    ]
    command = next((each for each in commands if each["name"] == name), None)
    if command is None:
        names = ", ".join(each["name"] for each in commands) or "none"
        raise ClientRefuses(f"no command {name!r} here; there are {names}")
    return command


def offered(member: Person, channel: Channel, name: str, kind: int) -> Json:
    """The announced command. Raises `ClientRefuses` if the client does not offer it to this member here."""
    command = announced(channel, name, kind)
    permissions = channel.permissions_of(member)
    if Permission.VIEW_CHANNEL not in permissions:
        raise ClientRefuses(f"{member.name} does not see #{channel.name}")
    if channel.kind == FORUM:
        raise ClientRefuses(f"#{channel.name} is a forum: use commands in one of its posts")
    if isinstance(channel, Thread) and channel.archived:
        raise ClientRefuses(f"#{channel.name} is archived: it takes no commands (docs, topics/threads)")
    if channel.guild is not None and Permission.USE_APPLICATION_COMMANDS not in permissions:
        raise ClientRefuses(f"{member.name} may not use commands in #{channel.name}")
    if channel.guild is not None and channel.needed_to_write not in permissions:
        # "a user must be able to 'Send Messages' as well" (reported, discord/discord-api-docs#4626, #2696, #3801)
        raise ClientRefuses(f"{member.name} may not write in #{channel.name}, and so not use commands there")
    needed = command["default_member_permissions"]
    if channel.guild is not None and needed is not None:
        asked = Permission(int(needed))
        if Permission.ADMINISTRATOR not in permissions and (not asked or asked & ~permissions):
            raise ClientRefuses(f"/{name} is not shown to {member.name}: it needs {asked!r}")
    context = DM_CONTEXT if channel.guild is None else GUILD_CONTEXT
    in_context = context in command["contexts"] if command["contexts"] is not None else True
    if not in_context or (context == DM_CONTEXT and command["contexts"] is None and not command["dm_permission"]):
        raise ClientRefuses(f"/{name} is not offered in this kind of channel")
    if not owners(command, channel, member):
        raise ClientRefuses(f"/{name} is not installed here")
    return command


def split_name(spoken: str) -> tuple[str, list[str]]:
    """`quota set` is the subcommand `set` of `quota`."""
    root, *path = spoken.split(" ")
    return root, path


def data_for(command: Json, path: list[str], given: Mapping[str, object], channel: Channel, member: Person) -> Json:
    """`data` of a command as the client sends it: options in the order of the definition, files uploaded."""
    defined = options_of(command, path)
    unknown = set(given) - {option["name"] for option in defined}
    if unknown:
        raise ClientRefuses(f"/{command['name']} has no option {', '.join(sorted(unknown))}")
    resolved: Json = {}
    sent: list[Json] = []
    for option in defined:
        value = given.get(option["name"])
        if value is None:
            if option.get("required"):
                raise ClientRefuses(f"option {option['name']} is required")
            continue
        wire = _wire_value(option, value, channel, member, resolved)
        sent.append({"name": option["name"], "type": option["type"], "value": wire})
    return _data(command, path, sent, resolved)


def partial_data_for(
    command: Json,
    path: list[str],
    given: Mapping[str, object],
    focused: str,
    value: object,
    channel: Channel,
    member: Person,
) -> Json:
    """`data` while typing: nothing is required, files come as bare ids without `resolved` (docs/discord.md 1.2)."""
    sent: list[Json] = []
    for option in options_of(command, path):
        name = option["name"]
        if name == focused:
            if not option.get("autocomplete"):
                raise ClientRefuses(f"option {name} has no autocomplete")
            sent.append({"name": name, "type": option["type"], "value": value, "focused": True})
        elif given.get(name) is not None:
            wire = _wire_value(option, given[name], channel, member, {})
            sent.append({"name": name, "type": option["type"], "value": wire})
    if not any(option.get("focused") for option in sent):
        raise ClientRefuses(f"/{command['name']} has no option {focused}")
    return _data(command, path, sent, {})


def options_of(command: Json, path: list[str]) -> list[Json]:
    """The options of a command, or of its subcommand. Raises `ClientRefuses` if it only has subcommands."""
    options: list[Json] = command.get("options") or []
    for name in path:
        found = next((each for each in options if each["name"] == name and each["type"] in (SUBCOMMAND, GROUP)), None)
        if found is None:
            raise ClientRefuses(f"/{command['name']} has no subcommand {name}")
        options = found.get("options") or []
    if any(option["type"] in (SUBCOMMAND, GROUP) for option in options):
        raise ClientRefuses(f"/{command['name']} needs one of its subcommands")
    return options


def _data(command: Json, path: list[str], sent: list[Json], resolved: Json) -> Json:
    for depth, name in enumerate(reversed(path)):
        sent = [{"name": name, "type": SUBCOMMAND if depth == 0 else GROUP, "options": sent}]
    data: Json = {"id": command["id"], "name": command["name"], "type": SLASH, "options": sent}
    if resolved:
        data["resolved"] = resolved
    if "guild_id" in command:
        data["guild_id"] = command["guild_id"]
    return data


def _wire_value(option: Json, value: object, channel: Channel, member: Person, resolved: Json) -> object:
    """The value on the wire; what it points to goes into `resolved`."""
    kind = option["type"]
    if kind in (USER, MENTIONABLE) and isinstance(value, User):
        return _resolve_user(value, channel, resolved)
    folder, found = _resolved(kind, value, channel, member)
    if found is not None:
        resolved.setdefault(folder, {})[found["id"]] = found
        return found["id"]
    if kind == STRING and isinstance(value, str):
        return _checked_text(option, value)
    if kind == BOOLEAN and isinstance(value, bool):
        return value
    if kind in (INTEGER, NUMBER) and isinstance(value, int | float) and not isinstance(value, bool):
        return _checked_number(option, value)
    raise ClientRefuses(f"option {option['name']} (type {kind}) takes no {type(value).__name__}")


def _resolved(kind: int, value: object, channel: Channel, member: Person) -> tuple[str, Json | None]:
    """The folder of `resolved` for a file, role or channel, and its entry."""
    if kind == ATTACHMENT and isinstance(value, Upload):
        return "attachments", payloads.attachment(attach(value, channel, member, ephemeral=True))
    if kind in (ROLE, MENTIONABLE) and isinstance(value, Role):
        return "roles", payloads.role(value)
    if kind == CHANNEL and isinstance(value, Channel):
        return "channels", {**payloads.channel(value), "permissions": str(int(value.permissions_of(member)))}
    return "", None


def resolved_of(menu: int, ids: Sequence[str], channel: Channel, member: Person, places: Mapping[int, Channel]) -> Json:
    """`resolved` for what is picked in a menu of people, roles or channels (docs, "Component Interaction Data").

    `places` are all channels there are.

    Raises:
        ClientRefuses: an id is nothing that the menu offers here.
    """
    resolved: Json = {}
    guild = channel.guild
    for text in ids:
        number = id_in(text)
        user = {channel.world.bot.id: channel.world.bot, **channel.world.people}.get(number)
        role = guild.roles.get(number) if guild else None
        if menu in (USER_SELECT, MENTIONABLE_SELECT) and user is not None:
            _resolve_user(user, channel, resolved)
        elif menu in (ROLE_SELECT, MENTIONABLE_SELECT) and role is not None:
            resolved.setdefault("roles", {})[text] = payloads.role(role)
        elif menu == CHANNEL_SELECT and (place := places.get(number)) is not None and place.guild is guild:
            found = {**payloads.channel(place), "permissions": str(int(place.permissions_of(member)))}
            resolved.setdefault("channels", {})[text] = found
        else:
            raise ClientRefuses(f"this menu does not offer {text}")
    return resolved


def _resolve_user(user: User, channel: Channel, resolved: Json) -> str:
    resolved.setdefault("users", {})[str(user.id)] = payloads.user(user)
    if channel.guild is not None and user.id in channel.guild.members:
        partial = payloads.member(channel.guild.members[user.id])
        del partial["user"]
        partial["permissions"] = str(int(channel.permissions_of(user)))
        resolved.setdefault("members", {})[str(user.id)] = partial
    return str(user.id)


def _checked_text(option: Json, value: str) -> str:
    least, most = option.get("min_length") or 0, option.get("max_length") or STRING_MAX
    if not least <= len(value) <= most:
        raise ClientRefuses(f"option {option['name']} takes {least} to {most} characters, not {len(value)}")
    _check_choice(option, value)
    return value


def _checked_number(option: Json, value: float) -> float:
    kind = option["type"]
    if kind == INTEGER and not isinstance(value, int):
        raise ClientRefuses(f"option {option['name']} takes whole numbers")
    widest = INTEGER_MAX if kind == INTEGER else NUMBER_MAX
    least, most = option.get("min_value", -widest), option.get("max_value", widest)
    if not least <= value <= most:
        raise ClientRefuses(f"option {option['name']} takes {least} to {most}, not {value}")
    _check_choice(option, value)
    return value


def _check_choice(option: Json, value: object) -> None:
    choices = option.get("choices")
    if choices and value not in [choice["value"] for choice in choices]:
        raise ClientRefuses(f"option {option['name']} takes only its choices, not {value!r}")
