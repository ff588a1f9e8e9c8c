"""Putting a message into a channel: by the bot's token, or as an answer to an interaction."""

from dataclasses import dataclass

from bot.sandbox.discord.world import mentions
from bot.sandbox.discord.world.channels import Channel, Message, MessageNews, Thread
from bot.sandbox.discord.world.interactions import Interaction
from bot.sandbox.discord.world.people import Person, User
from bot.sandbox.discord.world.posts import DEFAULT, EPHEMERAL, Snapshot, Version
from bot.sandbox.discord.world.shapes import Happened, Json


@dataclass(slots=True, kw_only=True)
class Draft:
    """A message before it has an id."""

    channel: Channel
    author: User
    version: Version
    allowed_mentions: Json | None = None
    kind: int = DEFAULT
    nonce: str | None = None
    replies_to: Message | None = None
    snapshot: Snapshot | None = None
    interaction: Interaction | None = None
    rings: bool = True


def post(draft: Draft) -> Message:
    """Post it and ring everyone it mentions, unless only one member sees it. An archived thread is reopened."""
    world = draft.channel.world
    if isinstance(draft.channel, Thread) and draft.channel.archived and not draft.version.flags & EPHEMERAL:
        draft.channel.unarchive()
    named = mentions.mentions_of(
        draft.version.content,
        draft.allowed_mentions,
        author=draft.author,
        channel=draft.channel,
        replies_to=None if draft.interaction else draft.replies_to,
    )
    visible_to: Person | None = None
    if draft.version.flags & EPHEMERAL and draft.interaction is not None:
        visible_to = draft.interaction.member
    message = Message(
        id=world.snowflakes.new(),
        channel=draft.channel,
        author=draft.author,
        kind=draft.kind,
        versions=[draft.version],
        nonce=draft.nonce,
        replies_to=draft.replies_to,
        snapshot=draft.snapshot,
        origin=draft.interaction.origin if draft.interaction else None,
        visible_to=visible_to,
        mentions=named.users,
        mention_role_ids=named.role_ids,
        mentions_everyone=named.everyone,
    )
    if draft.rings:
        mentions.ring(message)
    world.tell(MessageNews(Happened.NEW, message))
    return message


def edit(message: Message, version: Version, allowed_mentions: Json | None) -> None:
    """Replace what it shows. Mentions may change, but nobody's client rings (docs/discord.md 3.4)."""
    named = mentions.mentions_of(
        version.content,
        allowed_mentions,
        author=message.author,
        channel=message.channel,
        replies_to=None if message.origin else message.replies_to,
    )
    message.mentions, message.mention_role_ids = named.users, named.role_ids
    message.mentions_everyone = named.everyone
    message.versions.append(version)
    message.channel.world.tell(MessageNews(Happened.CHANGED, message))


def delete(message: Message) -> None:
    message.deleted = True
    message.channel.world.tell(MessageNews(Happened.GONE, message))
