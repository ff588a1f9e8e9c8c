"""How everything that submits goes in: written down, acknowledged, begun. One way for commands, forms and buttons."""

from datetime import timedelta
from functools import partial

import discord
from discord import app_commands

from bot.acknowledge import acknowledge
from bot.chat.permissions import posting_refusal
from bot.chat.why import outside_servers
from bot.client import EncoreClient
from bot.domain.clicks import Click
from bot.domain.gates import Gate
from bot.domain.jobs import Intake
from bot.domain.source import SourceChoice, SourceKind
from bot.domain.text import text
from bot.domain.titles import name_in_link
from bot.errors import Refused, SourceTooLarge
from bot.services.common.sentences import UNTITLED, lookalikes, track_label, without_cost
from bot.services.members.members import Members
from bot.services.pipeline.accept import Acceptance
from bot.text import plain

Interaction = discord.Interaction[EncoreClient]

CHOICE_MAX = 100


def check_place(interaction: Interaction, *, private: bool) -> None:
    """Before spending anything: could the result be posted here?

    Raises:
        Refused: it could not.
    """
    if (refusal := outside_servers(interaction.guild_id)) is not None:  # an old client may still offer it there
        raise Refused([refusal], rules=[Gate.PLACE])
    if private:
        return
    if (refusal := posting_refusal(interaction.channel, interaction.app_permissions)) is not None:
        raise Refused([refusal], rules=[Gate.PERMISSIONS])


def check_size(size_bytes: int, *, limit_bytes: int) -> None:
    """Raises `Refused` for a file that is announced as too large."""
    if size_bytes > limit_bytes:
        too_large = SourceTooLarge(limit_bytes=limit_bytes, size_bytes=size_bytes)
        raise Refused(without_cost([too_large.sentence]), rules=[too_large.rule], options=["audio"])


async def chosen_source(
    members: Members,
    member_id: int,
    audio: discord.Attachment | None,
    url: str | None,
    track: str | None,
    *,
    limit_bytes: int,
) -> SourceChoice:
    """Exactly one of the three ways to name the source.

    Raises:
        Refused: there are none or several, or this one can't be used.
    """
    if sum(given is not None for given in (audio, url, track)) != 1:
        raise Refused(
            [text("Give one piece of audio: an `audio` file, a `url`, or a `track` of your own.")],
            rules=["one_source"],
            options=["audio"],
        )
    if track is not None:
        return await members.source_from_track(member_id, track)
    if url is not None:
        return SourceChoice(kind=SourceKind.URL, name=name_in_link(url), locator=url.strip())
    assert audio is not None  # noqa: S101  # one of the three is given
    check_size(audio.size, limit_bytes=limit_bytes)
    return SourceChoice(
        kind=SourceKind.ATTACHMENT, name=audio.title or audio.filename, locator=audio.url, size_bytes=audio.size
    )


async def track_choices(members: Members, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
    """The member's tracks as suggestions."""
    say = interaction.client.catalogue.for_reader(str(interaction.locale))
    choices = []
    found = await members.tracks(interaction.user.id, current)
    alike = lookalikes(found)
    for owned in found:
        label = say(track_label(owned, title="\0", with_hour=owned.track.id in alike))
        title = plain(owned.title or say(UNTITLED), limit=CHOICE_MAX - len(label) + 1)
        choices.append(app_commands.Choice(name=label.replace("\0", title), value=owned.track.id))
    return choices


def click_behind(interaction: Interaction) -> Click:
    """A click, or the form that follows one."""
    return Click(
        interaction_id=interaction.id,
        member_id=interaction.user.id,
        message_id=interaction.message.id if interaction.message else 0,
        channel_id=interaction.channel_id or 0,
        guild_id=interaction.guild_id,
    )


async def hand_in(
    interaction: Interaction,
    acceptance: Acceptance,
    intake: Intake,
    *,
    is_acknowledged: bool = False,
    after: timedelta = timedelta(0),
) -> bool:
    """Write it down, acknowledge the interaction, leave it to the workers; False if nothing was handed in here.

    `after`: how long it can still be undone.

    Raises:
        TooManyOpenCommands: the member has as many on their way as one may have.
    """
    if not await acceptance.write_down(intake):
        return False
    if not is_acknowledged and not await acknowledge(interaction, put_away=partial(acceptance.forget, intake)):
        return False
    await acceptance.begin(intake, after=after)
    return True
