"""Messages with the bot's token: post, edit, delete, read (docs/discord.md 3.1 to 3.4)."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.sandbox.discord.options import MESSAGE, MESSAGES
from bot.sandbox.discord.refuse import fields, limits, messages
from bot.sandbox.discord.refuse.limits import Problems, Refused
from bot.sandbox.discord.wire import compose, payloads
from bot.sandbox.discord.wire.calls import Answer, Call, Route
from bot.sandbox.discord.wire.rates import OldEdits
from bot.sandbox.discord.world import posting
from bot.sandbox.discord.world.channels import FORUM, Channel, Message, Thread
from bot.sandbox.discord.world.people import User
from bot.sandbox.discord.world.permissions import Permission
from bot.sandbox.discord.world.posts import DEFAULT, EPHEMERAL, FORWARD, REPLY
from bot.sandbox.discord.world.shapes import Json
from bot.sandbox.discord.world.state import World

CHANNEL = "/channels/{channel_id}"


@dataclass(slots=True)
class _Nonces:
    """For a few minutes, the same author and nonce mean the same message (docs/discord.md 3.3)."""

    world: World
    _known: dict[tuple[int, str], tuple[datetime, Message]] = field(default_factory=dict)

    def once(self, author: User, nonce: str | None, make: Callable[[], Message]) -> Message:
        """The earlier message, or the one `make` posts. Raises `Refused` if the earlier one was deleted."""
        if nonce is None:
            return make()
        oldest = self.world.clock() - timedelta(seconds=self.world.options.nonce_seconds)
        at, earlier = self._known.get((author.id, nonce), (oldest, None))
        if earlier is not None and at > oldest:
            if earlier.deleted:
                raise Refused(limits.UNKNOWN_MESSAGE)
            return earlier
        message = make()
        self._known[author.id, nonce] = (self.world.clock(), message)
        return message


class MessageRoutes:
    def __init__(self, world: World) -> None:
        self._world = world
        self._nonces = _Nonces(world)
        self._old_edits = OldEdits(world.options.old_edits, world.clock)

    def routes(self) -> list[Route]:
        return [
            Route(method="GET", template=CHANNEL, handler=self._channel),
            Route(method="POST", template=f"{CHANNEL}/typing", handler=self._typing),
            Route(method="GET", template=MESSAGES, handler=self._history),
            Route(method="POST", template=MESSAGES, handler=self._post),
            Route(method="GET", template=MESSAGE, handler=self._get),
            Route(method="PATCH", template=MESSAGE, handler=self._edit),
            Route(method="DELETE", template=MESSAGE, handler=self._delete),
        ]

    def _seen(self, call: Call) -> Channel:
        channel = self._world.channels.get(call.id("channel_id"))
        if channel is None:
            raise Refused(limits.UNKNOWN_CHANNEL)
        if Permission.VIEW_CHANNEL not in channel.permissions_of(self._world.bot):
            raise Refused(limits.MISSING_ACCESS)
        return channel

    def _message(self, call: Call, channel: Channel) -> Message:
        """Ephemeral messages cannot be reached this way (docs/discord.md 2.2)."""
        message = self._world.messages.get(call.id("message_id"))
        if message is None or message.channel is not channel or message.deleted or message.is_ephemeral:
            raise Refused(limits.UNKNOWN_MESSAGE)
        return message

    def _channel(self, call: Call) -> Answer:
        return payloads.channel(self._seen(call))

    def _typing(self, call: Call) -> Answer:
        self._may_write(self._seen(call))
        return None

    def _get(self, call: Call) -> Answer:
        channel = self._seen(call)
        if Permission.READ_MESSAGE_HISTORY not in channel.permissions_of(self._world.bot):
            raise Refused(limits.MISSING_PERMISSIONS)
        return self._readable(self._message(call, channel))

    def _history(self, call: Call) -> Answer:
        """Newest first. Without permission to read the history it is empty, not refused (docs, resources/message)."""
        channel = self._seen(call)
        problems = Problems()
        query: Json = {key: int(value) if value.isdecimal() else value for key, value in call.query.items()}
        fields.number(query, "limit", problems, least=1, most=limits.HISTORY_MAX)
        anchors = [key for key in ("around", "before", "after") if key in query]
        for key in anchors:
            if fields.snowflake(query[key]) is None:
                problems.add("NUMBER_TYPE_COERCE", f'Value "{query[key]}" is not snowflake.', key)
        problems.refuse()
        if Permission.READ_MESSAGE_HISTORY not in channel.permissions_of(self._world.bot):
            return []
        found = _slice(channel.messages, query, int(query.get("limit", 50)))
        return [self._readable(message) for message in sorted(found, key=lambda message: message.id, reverse=True)]

    def _readable(self, message: Message) -> Json:
        """Without the message content intent, the words and files of others stay hidden (docs, resources/message)."""
        found = payloads.message(message)
        bot = self._world.bot
        is_open = message.author is bot or bot in message.mentions or message.channel.guild is None
        return found if is_open or self._world.options.privileged_intents else payloads.bare(found)

    def _may_write(self, channel: Channel) -> Permission:
        if channel.kind == FORUM:
            raise Refused(limits.NO_TEXT_CHANNEL)
        permissions = channel.permissions_of(self._world.bot)
        if channel.needed_to_write not in permissions:
            raise Refused(limits.MISSING_PERMISSIONS)
        if isinstance(channel, Thread) and channel.is_locked_for(self._world.bot):
            raise Refused(limits.LOCKED_THREAD)
        return permissions

    def _may_edit(self, message: Message) -> None:
        channel = message.channel
        if message.author is not self._world.bot:
            raise Refused(limits.OTHERS_MESSAGE)
        if isinstance(channel, Thread) and channel.is_locked_for(self._world.bot):
            raise Refused(limits.LOCKED_THREAD)
        if isinstance(channel, Thread) and channel.archived:
            raise Refused(limits.ARCHIVED_THREAD)

    def _post(self, call: Call) -> Answer:
        channel = self._seen(call)
        permissions = self._may_write(channel)
        self._may_reach(channel)
        data = call.json
        may_embed = Permission.EMBED_LINKS in permissions
        if call.body.files and Permission.ATTACH_FILES not in permissions:
            raise Refused(limits.MISSING_PERMISSIONS)
        messages.check(call.body, data, before=None, limit_bytes=channel.upload_limit_bytes, may_embed=may_embed)
        replies_to = self._referenced(data, channel, permissions)
        nonce = data.get("nonce")

        def make() -> Message:
            version = compose.compose(call.body, data, channel, before=None, may_embed=may_embed)
            return posting.post(
                posting.Draft(
                    channel=channel,
                    author=self._world.bot,
                    version=replace(version, flags=version.flags & ~EPHEMERAL),  # only answers can hide
                    allowed_mentions=data.get("allowed_mentions"),
                    kind=REPLY if replies_to else DEFAULT,
                    nonce=None if nonce is None else str(nonce),
                    replies_to=replies_to,
                )
            )

        enforced = str(nonce) if nonce is not None and data.get("enforce_nonce") else None
        message = self._nonces.once(self._world.bot, enforced, make)
        return payloads.message(message, with_nonce=True)

    def _may_reach(self, channel: Channel) -> None:
        person = channel.recipient
        if person is not None and not (person.dms_open and (self._world.share_a_guild(person) or person.installed_app)):
            raise Refused(limits.CLOSED_TO_MESSAGES)

    def _referenced(self, data: Json, channel: Channel, permissions: Permission) -> Message | None:
        reference = data.get("message_reference")
        if reference is None:
            return None
        problems = Problems()
        with problems.at("message_reference"):
            reference = fields.as_object(reference, problems)
            message_id = fields.snowflake(reference.get("message_id"))
            if message_id is None:
                problems.add(*fields.REQUIRED, "message_id")
        problems.refuse()
        if reference.get("type") == FORWARD:
            raise Refused(limits.NOT_PLAYED, because="forwarding")
        if Permission.READ_MESSAGE_HISTORY not in permissions:
            raise Refused(limits.NO_HISTORY_FOR_REPLY)
        message = self._world.messages.get(message_id or 0)
        is_there = (
            message is not None and message.channel is channel and not message.deleted and not message.is_ephemeral
        )
        if is_there and fields.snowflake(reference.get("channel_id", channel.id)) == channel.id:
            return message
        if reference.get("fail_if_not_exists") is False:
            return None
        problems.add("MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message", "message_reference")
        raise Refused(limits.INVALID_BODY, problems.as_json())

    def _edit(self, call: Call) -> Answer:
        channel = self._seen(call)
        message = self._message(call, channel)
        self._may_edit(message)
        data = call.json
        is_answer = message.origin is not None
        may_embed = is_answer or Permission.EMBED_LINKS in channel.permissions_of(self._world.bot)
        messages.check(call.body, data, before=message.now, limit_bytes=channel.upload_limit_bytes, may_embed=may_embed)
        wait_seconds = self._old_edits.wait_seconds(channel.id, message.created_at)
        if wait_seconds is not None:
            raise Refused(limits.TOO_MANY_OLD_EDITS, retry_after=wait_seconds)
        version = compose.compose(call.body, data, channel, before=message.now, may_embed=may_embed)
        posting.edit(message, version, data.get("allowed_mentions"))
        return payloads.message(message)

    def _delete(self, call: Call) -> Answer:
        channel = self._seen(call)
        message = self._message(call, channel)
        may_all = Permission.MANAGE_MESSAGES in channel.permissions_of(self._world.bot)
        if message.author is not self._world.bot and not may_all:
            raise Refused(limits.MISSING_PERMISSIONS)
        if isinstance(channel, Thread) and channel.archived and channel.is_locked_for(self._world.bot):
            raise Refused(limits.ARCHIVED_THREAD)
        posting.delete(message)
        return None


def _slice(among: list[Message], query: Json, limit: int) -> list[Message]:
    """`among` are oldest first. If several anchors are given, the first counts."""
    if "around" in query:
        half = limit // 2
        before = [message for message in among if message.id < query["around"]][-half:] if half else []
        return [*before, *[message for message in among if message.id >= query["around"]][: limit - len(before)]]
    if "before" in query:
        return [message for message in among if message.id < query["before"]][-limit:]
    if "after" in query:
        return [message for message in among if message.id > query["after"]][:limit]
    return among[-limit:]
