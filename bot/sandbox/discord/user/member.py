"""The user side: what a member does in a client."""

import asyncio
from collections.abc import Mapping, Sequence

from bot.sandbox.discord.refuse.commands import MESSAGE_MENU, SLASH, USER_MENU
from bot.sandbox.discord.refuse.components import BUTTON, SELECTS, STRING_SELECT
from bot.sandbox.discord.user import client
from bot.sandbox.discord.user.client import Choice, ClientRefuses, Upload
from bot.sandbox.discord.user.forms import Modal
from bot.sandbox.discord.user.invocation import Invocation
from bot.sandbox.discord.wire import payloads
from bot.sandbox.discord.world import posting
from bot.sandbox.discord.world.channels import FORUM, Channel, Message, Ping, Thread
from bot.sandbox.discord.world.interactions import Interaction, InteractionNews
from bot.sandbox.discord.world.people import Person
from bot.sandbox.discord.world.permissions import Permission
from bot.sandbox.discord.world.posts import DEFAULT, HAS_SNAPSHOT, REPLY, Snapshot, Version
from bot.sandbox.discord.world.shapes import Happened, Json, Kind
from bot.sandbox.discord.world.state import World
from bot.sandbox.patience import PATIENCE_SECONDS

SOON_AFTER_SECONDS = 0.02
LINK_STYLE = 5
USER_INSTALL = 1


class Member(Person):
    """A person with a client. Every method raises `ClientRefuses` if the client would not send it."""

    def __init__(self, world: World, name: str, *, locale: str = "en-US", nitro: int = 0) -> None:
        super().__init__(world.snowflakes.new(), name, locale=locale, nitro=nitro)
        self.world = world

    @property
    def dm(self) -> Channel:
        """The direct conversation with the bot."""
        return self.world.dm_with(self)

    @property
    def dms(self) -> list[Message]:
        """The messages in it, oldest first."""
        return self.dm.messages

    @property
    def pings(self) -> list[Ping]:
        """Every notification so far, oldest first."""
        return self.world.pings[self.id]

    async def command(self, channel: Channel, name: str, /, **options: object) -> Invocation:
        """Use `/name` with `options`: str, int, float, bool, `Upload`, a user, role or channel.

        Name a subcommand in full: `"quota set"`.
        """
        root, path = client.split_name(name)
        command = client.offered(self, channel, root, SLASH)
        data = client.data_for(command, path, options, channel, self)
        return self._invoke(Kind.COMMAND, channel, data, client.owners(command, channel, self))

    async def command_of_old_client(self, channel: Channel, name: str, /, **options: object) -> Invocation:
        """As `command`, from a client that missed a change and still offers the command here.

        If the bot is not in the server, the command comes through the member's own installation.
        """
        root, path = client.split_name(name)
        command = client.announced(channel, root, SLASH)
        data = client.data_for(command, path, options, channel, self)
        owners = client.owners(None, channel, self) or {str(USER_INSTALL): str(self.id)}
        return self._invoke(Kind.COMMAND, channel, data, owners)

    async def autocomplete(
        self,
        channel: Channel,
        name: str,
        /,
        *,
        focused: str,
        value: str | float = "",
        timeout: float = PATIENCE_SECONDS,
        **options: object,
    ) -> list[Choice]:
        """The suggestions while `value` is being typed into the option `focused`, with the other options filled in."""
        return await self.suggestions(channel, name, focused, value, options, timeout=timeout)

    async def suggestions(
        self,
        channel: Channel,
        name: str,
        focused: str,
        value: str | float,
        options: Mapping[str, object],
        *,
        timeout: float = PATIENCE_SECONDS,
    ) -> list[Choice]:
        """As `autocomplete`, for options of any name."""
        root, path = client.split_name(name)
        command = client.offered(self, channel, root, SLASH)
        data = client.partial_data_for(command, path, options, focused, value, channel, self)
        invocation = self._invoke(Kind.AUTOCOMPLETE, channel, data, client.owners(command, channel, self))
        await invocation.acknowledged(timeout=timeout)
        return [Choice(choice["name"], choice["value"]) for choice in invocation.interaction.choices or []]

    async def context_menu(self, target: Message | Person, name: str, *, channel: Channel | None = None) -> Invocation:
        """Choose `name` in the context menu of a message or (in `channel`) of a person."""
        if isinstance(target, Message):
            self._check_sees(target)
            where, kind = target.channel, MESSAGE_MENU
            resolved: Json = {"messages": {str(target.id): payloads.message(target, with_reference=False)}}
        else:
            if channel is None:
                raise ClientRefuses("say in which channel")
            where, kind = channel, USER_MENU
            resolved = {"users": {str(target.id): payloads.user(target)}}
        command = client.offered(self, where, name, kind)
        data = {"id": command["id"], "name": name, "type": kind, "target_id": str(target.id), "resolved": resolved}
        return self._invoke(Kind.COMMAND, where, data, client.owners(command, where, self))

    async def click(self, message: Message, button: str) -> Invocation:
        """Press the button with this custom_id or label."""
        self._check_sees(message)
        found = [each for each in _all(message.components) if each["type"] == BUTTON]
        chosen = next((each for each in found if button in (each.get("custom_id"), each.get("label"))), None)
        if chosen is None:
            raise ClientRefuses(f"no button {button!r} on {message!r}, only {[each.get('label') for each in found]}")
        if chosen.get("disabled") or chosen["style"] == LINK_STYLE:
            raise ClientRefuses(f"the button {button!r} is a link or disabled")
        data = {"custom_id": chosen["custom_id"], "component_type": BUTTON, "id": chosen["id"]}
        return self._invoke(Kind.COMPONENT, message.channel, data, _owners(self, message), source=message)

    async def choose(self, message: Message, menu: str, *values: str) -> Invocation:
        """Choose `values`, or the options with these labels, in the menu with this custom_id or placeholder."""
        self._check_sees(message)
        menus = [each for each in _all(message.components) if each["type"] in SELECTS]
        chosen = next((each for each in menus if menu in (each.get("custom_id"), each.get("placeholder"))), None)
        if chosen is None or chosen.get("disabled"):
            raise ClientRefuses(f"no menu {menu!r} to use on {message!r}")
        picked = _picked(chosen, values)
        data: Json = {"custom_id": chosen["custom_id"], "component_type": chosen["type"], "values": picked}
        if chosen["type"] != STRING_SELECT:
            data["resolved"] = client.resolved_of(chosen["type"], picked, message.channel, self, self.world.channels)
        return self._invoke(Kind.COMPONENT, message.channel, data, _owners(self, message), source=message)

    async def submit_modal(self, form: Modal | Invocation, answers: Mapping[str, object]) -> Invocation:
        """Send the form with `answers` by custom_id or label; other fields keep their contents."""
        modal = form if isinstance(form, Modal) else form.modal
        if modal is None or modal.interaction.member is not self:
            raise ClientRefuses("no form is open")
        opened = modal.interaction
        return self._invoke(
            Kind.MODAL_SUBMIT,
            opened.channel,
            modal.filled(answers, self.world.channels),
            opened.owners,
            opened_by=opened,
        )

    def post(self, channel: Channel, content: str = "", *uploads: Upload, replies_to: Message | None = None) -> Message:
        """Write into a channel, with files."""
        if channel.kind == FORUM:
            raise ClientRefuses(f"#{channel.name} is a forum: write in one of its posts")
        permissions = channel.permissions_of(self)
        may_write = channel.needed_to_write in permissions
        if not may_write or (uploads and Permission.ATTACH_FILES not in permissions):
            raise ClientRefuses(f"{self.name} may not write that in #{channel.name}")
        if isinstance(channel, Thread) and channel.is_locked_for(self):
            raise ClientRefuses(f"#{channel.name} is locked")
        client.check_post(content, uploads, self)
        files = tuple(client.attach(upload, channel, self, ephemeral=False) for upload in uploads)
        version = Version(content=content, embeds=[], components=[], attachments=files, flags=0, at=self.world.clock())
        kind = REPLY if replies_to else DEFAULT
        return posting.post(
            posting.Draft(channel=channel, author=self, version=version, kind=kind, replies_to=replies_to)
        )

    def forward(self, message: Message, channel: Channel) -> Message:
        """Forward a message into another channel: its content and files as they are now."""
        self._check_sees(message)
        if channel.needed_to_write not in channel.permissions_of(self):
            raise ClientRefuses(f"{self.name} may not write in #{channel.name}")
        flags, now = HAS_SNAPSHOT, self.world.clock()
        snapshot = Snapshot(
            message_id=message.id,
            channel_id=message.channel.id,
            guild_id=message.channel.guild.id if message.channel.guild else None,
            kind=message.kind,
            version=message.now,
        )
        version = Version(content="", embeds=[], components=[], attachments=(), flags=flags, at=now)
        return posting.post(posting.Draft(channel=channel, author=self, version=version, snapshot=snapshot))

    def delete_post(self, message: Message) -> None:
        """Delete a message: one's own, or anyone's with MANAGE_MESSAGES."""
        may_all = Permission.MANAGE_MESSAGES in message.channel.permissions_of(self)
        if message.author is not self and not may_all:
            raise ClientRefuses(f"{self.name} may not delete {message!r}")
        posting.delete(message)

    def install_app(self) -> None:
        """Install the application for this user, in every server and conversation."""
        if USER_INSTALL not in self.world.options.integration_types:
            raise ClientRefuses("this application cannot be installed for a user")
        self.installed_app = True

    def close_dms(self) -> None:
        """Refuse direct messages until `open_dms`."""
        self.dms_open = False

    def open_dms(self) -> None:
        """Accept direct messages again."""
        self.dms_open = True

    async def wait_for_ping(self, *, timeout: float = PATIENCE_SECONDS, after: int = 0) -> Ping:
        """Wait for the notification that follows the first `after` ones."""
        return await self.changes.until(
            lambda: self.pings[after] if len(self.pings) > after else None,
            timeout=timeout,
            wanted=f"ping {after + 1} of {self.name}",
            seen=lambda: "; ".join(map(repr, self.pings)),
        )

    def _check_sees(self, message: Message) -> None:
        if not message.is_seen_by(self) or Permission.VIEW_CHANNEL not in message.channel.permissions_of(self):
            raise ClientRefuses(f"{self.name} does not see {message!r}")

    def _invoke(
        self,
        kind: Kind,
        channel: Channel,
        data: Json,
        owners: dict[str, str],
        *,
        source: Message | None = None,
        opened_by: Interaction | None = None,
    ) -> Invocation:
        world = self.world
        limit = world.options.upload_limit_bytes or client.upload_limit_bytes(channel, self)
        interaction = Interaction(
            id=world.snowflakes.new(),
            kind=kind,
            member=self,
            channel=channel,
            data=data,
            created_at=world.clock(),
            upload_limit_bytes=limit,
            owners=owners,
            source=opened_by.source if opened_by else source,
            opened_by=opened_by,
        )
        deadline = world.options.acknowledge_seconds + SOON_AFTER_SECONDS
        asyncio.get_running_loop().call_later(deadline, interaction.changes.tell)
        world.tell(InteractionNews(Happened.NEW, interaction))
        return Invocation(interaction)


def _picked(menu: Json, values: Sequence[str]) -> list[str]:
    """The values on the wire. Raises `ClientRefuses` for unknown values, and for too few or too many."""
    picked = list(values)
    if menu["type"] == STRING_SELECT:
        options = menu["options"]
        by_label = {option["label"]: option["value"] for option in options}
        known = [option["value"] for option in options]
        picked = [value if value in known else by_label.get(value, "") for value in values]
        if not set(picked) <= set(known):
            raise ClientRefuses(f"this menu has only {[*by_label]}")
    least, most = menu.get("min_values", 1), menu.get("max_values", 1)
    if not least <= len(picked) <= most:
        raise ClientRefuses(f"this menu takes {least} to {most} values")
    return picked


def _owners(member: Member, message: Message) -> dict[str, str]:
    if message.origin is not None:
        return message.origin.owners
    return client.owners(None, message.channel, member)


def _all(components: list[Json]) -> list[Json]:
    """Components with all their children."""
    found: list[Json] = []
    for component in components:
        found.append(component)
        found += _all(component.get("components") or [])
        if isinstance(accessory := component.get("accessory"), dict):
            found.append(accessory)
    return found
