"""Typed errors: `str(error)` is for the log, `.sentence` for people, rendered in the reader's language at the edge."""

import re
from collections.abc import Sequence

from bot.domain.drafts import Draft, Field, can_be_fixed
from bot.domain.gates import Gate
from bot.domain.quota import QuotaBalance
from bot.domain.text import Megabytes, Said, Seconds, Text, counted, text

SWITCHED_OFF = text("Extensions are switched off.")


class EncoreError(Exception):
    """What may be said to a member. Its subclasses are split by what the caller does next."""

    def __init__(self, log_line: str, sentence: Text) -> None:
        super().__init__(log_line)
        self.sentence = sentence


class TakenElsewhere(Exception):
    """Another process with the same token carries out this interaction and answers it. Stay silent."""


class Outage(EncoreError):
    """Something that every part needs is unavailable for now. The operator has been told, once."""


class Refused(EncoreError):
    """The command cannot be taken as it is; `sentences` are all the reasons. Nothing was held or spent.

    `rules` names the broken rules. Those that are a `Gate` don't depend on the piece. `options`, if given, names the
    option at fault for each sentence, or None. `draft` is what the member can fix and send again. `can_be_trimmed`: the
    source is only too long.
    """

    def __init__(
        self, sentences: Sequence[Text], *, rules: Sequence[str] = ("other",), options: Sequence[str | None] = ()
    ) -> None:
        super().__init__("; ".join(sentence.message for sentence in sentences), sentences[0])
        self.sentences = tuple(sentences)
        self.rules = tuple(rules)
        self.options = tuple(options)
        self.draft: Draft | None = None
        self.can_be_trimmed = False

    @property
    def is_explained(self) -> bool:
        """Whether `/why` says more. Nothing more can be said about the place."""
        return any(rule in set(Gate) - {Gate.PLACE} for rule in self.rules)

    @property
    def can_be_fixed(self) -> bool:
        """Whether its member may have more luck with the same form, filled in."""
        return can_be_fixed(self.options, self.rules)


def all_of(refusals: Sequence[Refused]) -> Refused:
    """One refusal with the reasons of at least one."""
    if len(refusals) == 1:
        return refusals[0]
    return Refused(
        [sentence for each in refusals for sentence in each.sentences],
        rules=[rule for each in refusals for rule in each.rules],
        options=[option for each in refusals for option in each.options or [None] * len(each.sentences)],
    )


class QuotaExceeded(Refused):
    def __init__(self, balance: QuotaBalance) -> None:
        used_up = text(
            "You've used all {limit} of today's extensions. New ones arrive {renews_at}.",
            limit=balance.limit,
            renews_at=balance.renews_at,
        )
        super().__init__([used_up if balance.limit else SWITCHED_OFF], rules=[Gate.QUOTA])
        self.balance = balance

    @property
    def can_be_fixed(self) -> bool:
        """Not where there will never be a unit."""
        return bool(self.balance.limit)


class TooManyOpenCommands(Refused):
    def __init__(self, *, limit: int) -> None:
        super().__init__(
            [
                counted(
                    "I'm still reading the file from your last command. Try again once that's done.",
                    "I'm still reading the files from your last {count} commands. Try again once one of them is done.",
                    count=limit,
                )
            ],
            rules=[Gate.OPEN_COMMANDS],
        )


def quota_refusal(balance: QuotaBalance) -> QuotaExceeded | None:
    """A command needs a unit that is neither held nor spent."""
    return None if balance.left else QuotaExceeded(balance)


def open_commands_refusal(open_already: int, *, limit: int) -> TooManyOpenCommands | None:
    """Another command needs a place among those of its member that are still being read."""
    return TooManyOpenCommands(limit=limit) if open_already >= limit else None


class BadSource(EncoreError):
    """The piece of audio cannot be used; its sentence says what is wrong. `option` is the one at fault, if any."""

    option: Field | None = Field.AUDIO

    @property
    def rule(self) -> str:
        """The broken rule's name, such as `source_too_long`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(self).__name__).lower()


class SourceUnreachable(BadSource):
    """The file could not be fetched: refused address, no answer, an HTTP error."""


class SourceGone(SourceUnreachable):
    """The server answered clearly that it has no such file (404, 410)."""


class SourceTooLarge(BadSource):
    def __init__(self, *, limit_bytes: int, size_bytes: int | None = None) -> None:
        sentence = (
            text("The file is too large. I can read up to {limit}.", limit=Megabytes(limit_bytes))
            if size_bytes is None
            else text(
                "The file is {size}, but I can only read up to {limit}.",
                size=Megabytes(size_bytes),
                limit=Megabytes(limit_bytes),
            )
        )
        super().__init__(f"source larger than {limit_bytes} bytes", sentence)


class SourceEmpty(BadSource):
    def __init__(self) -> None:
        super().__init__("source is empty", text("This file is empty. Try saving or downloading it again."))


class NotAudio(BadSource):
    def __init__(self, log_line: str = "no audio stream") -> None:
        super().__init__(
            log_line,
            text("I can't read this file as audio. Send mp3, wav, flac, ogg, opus, m4a, webm or mp4."),
        )


class NoAudioTrack(BadSource):
    def __init__(self) -> None:
        super().__init__("video without audio", text("This video has no audio."))


class SourceTruncated(BadSource):
    """The bytes end early: `heard_seconds` could be decoded."""

    def __init__(self, *, heard_seconds: float) -> None:
        super().__init__(
            f"source truncated after {heard_seconds:.2f} s",
            text(
                "I can't read this file past {heard}. Is it complete?",
                heard=Seconds(heard_seconds),
            ),
        )


class SourceTooLong(BadSource):
    """Longer than any model takes; decoding stopped there."""

    def __init__(self, *, limit_seconds: float) -> None:
        super().__init__(
            f"source longer than {limit_seconds} s",
            text("The audio is longer than {limit}, the most any model takes.", limit=Seconds(limit_seconds)),
        )


class SourceTooCostly(BadSource):
    """Reading it ran into the limit of time or memory, or crashed the decoder."""

    def __init__(self, log_line: str) -> None:
        super().__init__(log_line, text("I couldn't read this file. It may be damaged."))


class DecoderUnavailable(BadSource):
    """No audio process could be started, or ended, so nothing is known about the file."""

    option = None

    def __init__(self, log_line: str) -> None:
        super().__init__(log_line, text("I can't read audio right now. Please try again in a while."))


class ProviderError(EncoreError):
    """A call to the provider did not succeed. `may_have_started`: whether it may have begun paid work.

    `code` is the body's code or the HTTP status; the provider's own words are in `provider_message`, without URLs.
    """

    may_have_started = False

    def __init__(self, provider_message: str, sentence: Text | None = None, *, code: int | None = None) -> None:
        super().__init__(
            " ".join(["provider:", *([str(code)] if code is not None else []), provider_message]).strip(),
            sentence
            or text("The music service couldn't do that. It said: “{message}”", message=Said(provider_message)),
        )
        self.code = code
        self.provider_message = provider_message


class ProviderBusy(ProviderError):
    """Rate (405, 430), maintenance (455), its own trouble (5xx with an envelope, 503), no connection: try later."""


class ProviderOutOfCredits(ProviderError):
    """No credits left (429 at sunoapi.org, 402 at kie.ai): only the operator can top up the account."""


class ProviderRefused(ProviderError):
    """The request itself is refused for good (400, 404, 409, 413, 422, 451, ...)."""


class ProviderUnauthorized(ProviderRefused):
    """The key is refused (401, 403): only the operator can change that."""


class ProviderSilent(ProviderError):
    """Sent and not understood: a timeout, a lost connection, a gateway's error page, an answer without a task id."""

    may_have_started = True


def denies_task(error: Exception) -> bool:
    """Whether the provider answered a question about a task that it knows none of that id."""
    return isinstance(error, ProviderRefused) and not isinstance(error, ProviderUnauthorized)
