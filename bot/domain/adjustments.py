"""What is changed about a request instead of refusing it, and the sentence that tells its member.

A refusal means attaching the file again, so what the provider has no use for is left out, and the member reads so.
"""

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from bot.domain.request import EARLIEST_SECONDS, ExtensionRequest, Mode
from bot.domain.source import SourceChoice
from bot.domain.text import Said, Seconds, Text, text


class Adjustment(msgspec.Struct, frozen=True):
    """Where it `applies`, `adjust` gives the request that is sent instead, and `sentence` says so."""

    applies: Callable[[ExtensionRequest], bool]
    adjust: Callable[[ExtensionRequest], ExtensionRequest]
    sentence: Callable[[ExtensionRequest], Text]


ADJUSTMENTS: tuple[Adjustment, ...] = (
    Adjustment(
        # In custom mode no lyrics are sung then; in default mode the prompt is an idea, with or without singing.
        lambda r: r.mode is Mode.CUSTOM_INSTRUMENTAL and bool(r.prompt),
        lambda r: replace(r, prompt=""),
        lambda _: text("An instrumental has no lyrics, so I left out your `prompt`."),
    ),
    Adjustment(
        lambda r: r.instrumental and r.vocal_gender is not None,
        lambda r: replace(r, vocal_gender=None),
        lambda _: text("An instrumental has no singer, so I left out `vocal_gender`."),
    ),
    Adjustment(
        lambda r: r.continue_at is not None and r.continue_at < EARLIEST_SECONDS < (r.source_length or 0),
        lambda r: r,  # the request keeps the moment asked for; `sent_continue_at` moves what is sent
        lambda _: text(
            "The music service can't start before {earliest}, so I moved `continue_at` there.",
            earliest=Seconds(EARLIEST_SECONDS),
        ),
    ),
    Adjustment(
        # The guide takes it, so it is sent; but no moment in it is as late as the provider was seen to want.
        lambda r: r.source_length is not None and r.source_length <= EARLIEST_SECONDS,
        lambda r: r,
        lambda _: text("This is very short: the music service may want more than a second of audio."),
    ),
)


def adjusted(request: ExtensionRequest) -> ExtensionRequest:
    """The request as it is checked, stored and sent: without what it has no use for."""
    for adjustment in ADJUSTMENTS:
        if adjustment.applies(request):
            request = adjustment.adjust(request)
    return request


def notes_on(request: ExtensionRequest, source: SourceChoice) -> tuple[Text, ...]:
    """What the member should know of a request that is accepted: `request` as it was asked for, before `adjusted`."""
    chosen = (_first_take(source),) if source.takes is not None else ()
    return (*chosen, *(each.sentence(request) for each in ADJUSTMENTS if each.applies(request)))


def _first_take(source: SourceChoice) -> Text:
    return text(
        "“{title}” has {takes} takes, and I chose the first. For another one, add its number: `{title} take 2`.",
        title=Said(source.name),
        takes=source.takes or 0,
    )
