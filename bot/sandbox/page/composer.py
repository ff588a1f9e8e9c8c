"""From what is typed and picked on the page to what the stand-in's user side takes."""

from collections.abc import Mapping

from bot.sandbox.discord.refuse.commands import ATTACHMENT, CHANNEL, MENTIONABLE, ROLE, SLASH, USER
from bot.sandbox.discord.refuse.components import FILE_UPLOAD
from bot.sandbox.discord.user import client
from bot.sandbox.discord.user.client import ClientRefuses, Upload
from bot.sandbox.discord.user.forms import Modal
from bot.sandbox.discord.world.channels import Channel
from bot.sandbox.discord.world.shapes import Json, id_in
from bot.sandbox.discord.world.state import World

Files = Mapping[str, Upload]


def options_for(
    world: World, channel: Channel, name: str, given: Mapping[str, object], files: Files
) -> dict[str, object]:
    """The options with what their ids stand for. Raises `ClientRefuses` if an id stands for nothing."""
    root, path = client.split_name(name)
    definitions = {each["name"]: each for each in client.options_of(client.announced(channel, root, SLASH), path)}
    return {key: _meant(key, definitions.get(key, {}), value, world, channel, files) for key, value in given.items()}


def _meant(name: str, definition: Json, value: object, world: World, channel: Channel, files: Files) -> object:
    kind = definition.get("type")
    found: object = value
    if kind == ATTACHMENT:
        found = files.get(str(value))
    elif kind in (USER, ROLE, MENTIONABLE, CHANNEL):
        found = _by_id(int(kind), id_in(str(value)), world, channel)
    if found is None:
        raise ClientRefuses(f"option {name}: nothing has been picked")
    return found


def _by_id(kind: int, number: int, world: World, channel: Channel) -> object:
    guild = channel.guild
    if kind == CHANNEL:
        found = world.channels.get(number)
        return found if found is not None and found.guild is guild else None
    if kind in (USER, MENTIONABLE) and (user := {world.bot.id: world.bot, **world.people}.get(number)):
        return user
    return guild.roles.get(number) if guild and kind in (ROLE, MENTIONABLE) else None


def answers_for(form: Modal, given: Mapping[str, object], files: Files) -> dict[str, object]:
    """The answers with the files that were picked."""
    uploads = {field.custom_id for field in form.fields if field.component["type"] == FILE_UPLOAD}
    return {
        key: [files[name] for name in value if name in files] if key in uploads and isinstance(value, list) else value
        for key, value in given.items()
    }
