"""What members read about an order of lyrics: its cost, how it stands, its versions or why there are none. Pure.

Every card fits Discord's limits (docs/discord.md 3).
"""

from collections.abc import Iterator, Mapping

import discord
import msgspec
from msgspec.structs import replace

from bot.chat.cards import COLOUR, EMBED_MAX, Attached, Say, escape_lines
from bot.domain.jobs import FailureReason, WaitReason
from bot.domain.lyrics import UNHEARD, LyricsOrder, LyricsState, Version
from bot.domain.spending import AN_ORDER
from bot.domain.text import Said, Text, counted, text
from bot.domain.titles import slug
from bot.text import escape

WRITE_ID = r"encore:write:(?P<order>[0-9a-f]{1,16})"
SING_ID = r"encore:sing:(?P<order>[0-9a-f]{1,16}):(?P<number>[1-9])"
TITLE_SHOWN_MAX = 150
DESCRIPTION_MAX = 4096
LINE_MAX = 200
"""Characters of a line that are surely shown, escaped or not."""
_ELLIPSIS = "\n…"

WRITE = text("Write lyrics")
USE = text("Use these")
NOT_COUNTED = text("This doesn't count towards your lyrics for today.")
COUNTED = text("It counts towards your lyrics for today, because it may have been paid for.")

_WAITS: Mapping[WaitReason, Text] = {
    WaitReason.NO_CREDITS: text(
        "I've run out of credits, and my operator knows. Your lyrics will be written when there are more."
    ),
    WaitReason.KEY_REFUSED: text(
        "The music service is refusing me, and my operator knows. Your lyrics will be written once that's fixed."
    ),
}
_BUSY = text("The music service is busy. Your lyrics will be written when it has room.")

_REASONS: Mapping[FailureReason, Text] = {
    FailureReason.REFUSED: text("The music service refused the idea. Put it in other words and try again."),
    FailureReason.SENSITIVE: text("The music service didn't accept a word in your idea. Change it and try again."),
    FailureReason.OPERATOR: text("The music service didn't accept my key. My operator needs to fix that."),
    FailureReason.NO_CREDITS: text("I ran out of credits. My operator needs to top up the account."),
    FailureReason.NEVER_STARTED: text("The music service took no new requests for too long. Please try again later."),
    FailureReason.SILENCE: text("The music service never answered. I won't ask again, so nobody is charged twice."),
    FailureReason.NO_RESULT: text("The music service wrote nothing in time. Please try again later."),
}
_OTHER = text("The music service couldn't write these lyrics. Trying again later often helps.")


class LyricsCard(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `versions`: how many have a button."""

    content: str
    embeds: tuple[discord.Embed, ...] = ()
    files: tuple[Attached, ...] = ()
    versions: int = 0


def offer_content(order: LyricsOrder, left: int, say: Say) -> str:
    """What it costs, before anything is ordered."""
    cost = counted(
        "Lyrics about “{idea}” cost this bot {credits} credits, but none of your extensions. I won't make any music"
        " until you say so. You can have lyrics written {count} more time today.",
        "Lyrics about “{idea}” cost this bot {credits} credits, but none of your extensions. I won't make any music"
        " until you say so. You can have lyrics written {count} more times today.",
        count=left,
        idea=Said(order.idea),
        credits=AN_ORDER.credits,
    )
    return say(cost)


def offer_view(order: LyricsOrder, say: Say) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    style = discord.ButtonStyle.primary
    view.add_item(discord.ui.Button(custom_id=f"encore:write:{order.id}", label=say(WRITE), style=style))
    view.stop()  # discord.py need not remember it: `cogs/lyrics.py` answers the click
    return view


def versions_view(order: LyricsOrder, say: Say) -> discord.ui.View:
    """A button for each version; the click needs nothing from memory."""
    view = discord.ui.View(timeout=None)
    count = len(order.versions)
    for number in range(1, count + 1):
        label = say(USE) if count == 1 else say(text("Use lyrics {number}", number=number))
        view.add_item(
            discord.ui.Button(
                custom_id=f"encore:sing:{order.id}:{number}", label=label, style=discord.ButtonStyle.primary
            )
        )
    view.stop()  # as above
    return view


def lyrics_card(order: LyricsOrder, say: Say) -> LyricsCard:
    """The order as it stands."""
    if order.state is LyricsState.READY:
        return _versions_card(order, say)
    if order.state is LyricsState.FAILED:
        return LyricsCard(content="\n".join(map(say, failure_sentences(order))))
    return LyricsCard(content=say(_standing(order)))


def plainer(order: LyricsOrder, card: LyricsCard, say: Say) -> Iterator[LyricsCard]:
    """The card, then without embeds, which Discord may refuse: all lyrics as files."""
    yield card
    if card.embeds:
        files = tuple(_file(version, number, say) for number, version in enumerate(order.versions, 1))
        yield replace(card, embeds=(), files=files)


def direct_card(order: LyricsOrder, say: Say, *, channel: Text) -> LyricsCard:
    """The end as a direct message, where nothing can be extended and so nothing picked."""
    card = lyrics_card(order, say)
    how = text("To pick one, use `/lyrics` without an idea in a server.")
    lines = [say(channel), card.content, *([say(how)] if card.versions else [])]
    return LyricsCard(content="\n".join(lines), embeds=card.embeds, files=card.files)


def failure_sentences(order: LyricsOrder) -> list[Text]:
    """What happened, the provider's own words if any, and whether it counts."""
    if order.failure is None:
        return [_OTHER]
    sentences = [
        text("I got no lyrics about “{idea}”.", idea=Said(order.idea)),
        _REASONS.get(order.failure.reason, _OTHER),
    ]
    if order.failure.provider_message:
        sentences.append(text("It said: “{message}”", message=Said(order.failure.provider_message)))
    return [*sentences, COUNTED if order.failure.reason in UNHEARD else NOT_COUNTED]


def _standing(order: LyricsOrder) -> Text:
    if order.outcome_unknown:
        return text(
            "The music service gave no clear answer. I won't ask again, so nobody is charged twice. If lyrics come"
            " after all, you'll get them."
        )
    if order.state is LyricsState.WAITING and order.waits_for is not None:
        return _WAITS.get(order.waits_for, _BUSY)
    return text(
        "I'm having lyrics written about “{idea}”. That usually takes less than a minute, and you'll read them here.",
        idea=Said(order.idea),
    )


def _versions_card(order: LyricsOrder, say: Say) -> LyricsCard:
    content = counted(
        "Here are lyrics about “{idea}”. Use them, and change whatever you like before any music is made.",
        "Here are {count} sets of lyrics about “{idea}”. Pick one, and change whatever you like before any music is"
        " made.",
        count=len(order.versions),
        idea=Said(order.idea),
    )
    embeds, files = [], []
    room = min(DESCRIPTION_MAX, EMBED_MAX // len(order.versions) - TITLE_SHOWN_MAX - len(_ELLIPSIS))
    for number, version in enumerate(order.versions, 1):
        shown, is_whole = _within(escape_lines(version.text), room)
        embeds.append(discord.Embed(title=_heading(order, version, number), description=shown, colour=COLOUR))
        if not is_whole or any(len(line) > LINE_MAX for line in version.text.splitlines()):
            files.append(_file(version, number, say))
    return LyricsCard(content=say(content), embeds=tuple(embeds), files=tuple(files), versions=len(order.versions))


def _heading(order: LyricsOrder, version: Version, number: int) -> str | None:
    title = escape(version.title, limit=TITLE_SHOWN_MAX - 5)
    if len(order.versions) == 1:
        return title or None
    return f"{number} · {title}" if title else str(number)


def _within(lines: str, room: int) -> tuple[str, bool]:
    """As many whole lines as fit, and whether these are all."""
    if len(lines) <= room:
        return lines, True
    kept: list[str] = []
    for line in lines.splitlines():
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join(kept) + _ELLIPSIS, False


def _file(version: Version, number: int, say: Say) -> Attached:
    name = f"{slug(version.title) or 'lyrics'}-{number}.txt"
    return Attached(name=name, alt=say(text("Lyrics {number}, all of them", number=number)), words=version.text)
