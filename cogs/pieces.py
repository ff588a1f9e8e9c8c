"""Naming the piece of audio in a command: by a file, a link or one of the member's own tracks."""

from typing import Any

import discord
from discord import app_commands

from bot.client import EncoreClient
from bot.domain.source import SourceChoice, SourceKind
from bot.domain.titles import name_in_link
from bot.services.common.sentences import UNTITLED, lookalikes, track_label
from bot.services.members.members import Members
from bot.text import plain
from cogs.submitting import check_size

CHOICE_MAX = 100


async def piece_named(
    members: Members,
    member_id: int,
    *,
    audio: discord.Attachment | None,
    url: str | None,
    track: str | None,
    limit_bytes: int,
) -> SourceChoice | None:
    """The piece, if there is one; the caller has seen to it that there is one at most.

    Raises:
        Refused: there is no such track, or the file is announced as too large.
    """
    if track is not None:
        return await members.source_from_track(member_id, track)
    if url is not None:
        return SourceChoice(kind=SourceKind.URL, name=name_in_link(url), locator=url.strip())
    if audio is None:
        return None
    check_size(audio.size, limit_bytes=limit_bytes)
    return SourceChoice(
        kind=SourceKind.ATTACHMENT, name=audio.title or audio.filename, locator=audio.url, size_bytes=audio.size
    )


async def track_choices(
    interaction: discord.Interaction[EncoreClient], members: Members, current: str
) -> list[app_commands.Choice[Any]]:
    """The member's tracks that match what is typed so far."""
    say = interaction.client.catalogue.for_reader(str(interaction.locale))
    choices = []
    found = await members.tracks(interaction.user.id, current)
    alike = lookalikes(found)
    for owned in found:
        label = say(track_label(owned, title="\0", with_hour=owned.track.id in alike))
        title = plain(owned.title or say(UNTITLED), limit=CHOICE_MAX - len(label) + 1)
        choices.append(app_commands.Choice(name=label.replace("\0", title), value=owned.track.id))
    return choices
