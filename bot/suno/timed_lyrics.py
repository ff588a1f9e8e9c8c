"""What the provider says about when each word of a track is sung (docs/provider.md 10)."""

from typing import Any

import msgspec

from bot.domain.timed_lyrics import SECONDS_MAX, TimedWord
from bot.suno.wire import MalformedRecord, decoded, read_number

WORDS_MAX = 10_000
"""More than anybody sings in eight minutes; reading hundreds of thousands would hold everything up for a second."""


class _Data(msgspec.Struct):
    words: list[dict[str, Any]] | None = msgspec.field(name="alignedWords", default=None)


class _Answer(msgspec.Struct):
    data: _Data | None = None


_ANSWERS = msgspec.json.Decoder(_Answer)


def parse_timed_lyrics(body: bytes) -> tuple[TimedWord, ...]:
    """The words in the order in which they are sung; none where the provider has none.

    Raises:
        MalformedRecord: the body is not such an answer. The caller has already checked that its `code` is 200.
    """
    data = decoded(body, _ANSWERS, MalformedRecord).data
    raw = [] if data is None or data.words is None else data.words
    return tuple(_word(each) for each in raw[:WORDS_MAX])


def _word(raw: dict[str, Any]) -> TimedWord:
    text = raw.get("word")
    begins_at = read_number(raw.get("startS"))
    is_placed = raw.get("success") is not False and begins_at is not None and 0 <= begins_at <= SECONDS_MAX
    words = text.replace("\x00", "").replace("\r", "") if isinstance(text, str) else ""
    return TimedWord(text=words, begins_at=begins_at if is_placed else None)
