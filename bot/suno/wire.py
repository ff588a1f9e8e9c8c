"""The provider's messages, read into our own types. Strict where a decision depends on it, otherwise tolerant.

docs/provider.md 1.4 (answers), 2 (callbacks) and 4 (record-info).
"""

import re
from itertools import accumulate
from typing import Any, TypeVar

import msgspec

from bot.domain.jobs import Track
from bot.domain.reports import TRACKS_MAX, ReportKind, TaskReport, without_urls

OK = 200
MESSAGE_MAX = 500
MESSAGE_READ_MAX = 10_000
"""Of a message, before the URLs in it are replaced."""
ID_MAX = 128
"""Of a task or a track; real ones are 32 hex digits or a UUID (docs/provider.md 1.4)."""
TITLE_MAX = 500
TAGS_MAX = 2_000
LYRICS_MAX = 20_000
LINK_MAX = 2_048
NESTING_MAX = 64
CODE_MAX = 9_999_999
LENGTH_MAX_SECONDS = 86_400

T = TypeVar("T")


class Malformed(Exception):
    """Bytes that are not the expected message; says what is wrong, never what was in them."""


class MalformedCallback(Malformed):
    """Not a callback from the provider."""


class MalformedRecord(Malformed):
    """Not an answer from record-info."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer comes in. `message` is None if there was none; `data` is any JSON."""

    code: int
    message: str | None
    data: Any


class _Envelope(msgspec.Struct):
    code: int | str
    msg: Any = None
    data: Any = None


class _CallbackHeadData(msgspec.Struct):
    callback_type: str | None = msgspec.field(name="callbackType", default=None)
    task_id: str | None = None
    camel_task_id: str | None = msgspec.field(name="taskId", default=None)


class _CallbackHead(msgspec.Struct):
    code: int | str
    data: _CallbackHeadData | None = None
    task_id: str | None = None
    camel_task_id: str | None = msgspec.field(name="taskId", default=None)


class _CallbackData(_CallbackHeadData):
    data: list[dict[str, Any]] | dict[str, Any] | None = None


class _Callback(_CallbackHead):
    data: _CallbackData | None = None
    msg: Any = None


class _Response(msgspec.Struct):
    camel_tracks: list[dict[str, Any]] | None = msgspec.field(name="sunoData", default=None)
    snake_tracks: list[dict[str, Any]] | None = msgspec.field(name="data", default=None)
    error_message: Any = msgspec.field(name="errorMessage", default=None)


class _RecordData(msgspec.Struct):
    task_id: str | None = msgspec.field(name="taskId", default=None)
    status: Any = None
    response: _Response | None = None
    error_code: Any = msgspec.field(name="errorCode", default=None)
    error_message: Any = msgspec.field(name="errorMessage", default=None)


class _Record(msgspec.Struct):
    data: _RecordData | None = None


_ENVELOPES = msgspec.json.Decoder(_Envelope)
_CALLBACKS = msgspec.json.Decoder(_Callback)
_CALLBACK_HEADS = msgspec.json.Decoder(_CallbackHead)
_RECORDS = msgspec.json.Decoder(_Record)

_KIND_OF_CALLBACK = {
    "text": ReportKind.TEXT,
    "first": ReportKind.FIRST,
    "complete": ReportKind.COMPLETE,
    "error": ReportKind.FAILED,
}

_KIND_OF_STATUS = {
    "PENDING": ReportKind.WAITING,
    "TEXT_SUCCESS": ReportKind.TEXT,
    "FIRST_SUCCESS": ReportKind.FIRST,
    "SUCCESS": ReportKind.COMPLETE,
    "CALLBACK_EXCEPTION": ReportKind.COMPLETE,  # our receiver failed, not the task
    "CREATE_TASK_FAILED": ReportKind.FAILED,
    "GENERATE_AUDIO_FAILED": ReportKind.FAILED,
    "SENSITIVE_WORD_ERROR": ReportKind.FAILED,
}


def callback_task_id(body: bytes) -> str | None:
    """The task that a posted body names, or None: the quick check that each post gets on arrival.

    Raises:
        MalformedCallback: it is not a callback. `parse_callback` may still reject its tracks.
    """
    task_id, _, _ = _head(decoded(body, _CALLBACK_HEADS, MalformedCallback))
    return task_id


def parse_callback(body: bytes) -> TaskReport:
    """What a posted body says. A `complete` may come without any finished track; the caller judges that.

    Raises:
        MalformedCallback: it is not a callback. No bytes raise anything else.
    """
    callback = decoded(body, _CALLBACKS, MalformedCallback)
    task_id, code, stage = _head(callback)
    if code != OK or stage == "error":
        return TaskReport(task_id=task_id, kind=ReportKind.FAILED, code=code, message=_words(callback.msg))
    raw = (callback.data and callback.data.data) or []
    kind = _KIND_OF_CALLBACK.get(stage, ReportKind.WAITING)
    return TaskReport(task_id=task_id, kind=kind, tracks=_tracks([raw] if isinstance(raw, dict) else raw))


def _head(callback: _CallbackHead) -> tuple[str | None, int, str]:
    """The task, the code and the `callbackType`, which only a failure may omit."""
    code = read_code(callback.code)
    if code is None:
        raise MalformedCallback("code is not a number")
    data = callback.data or _CallbackHeadData()
    task_id = data.task_id or data.camel_task_id or callback.task_id or callback.camel_task_id or None
    if task_id is not None and len(task_id) > ID_MAX:
        raise MalformedCallback("the task's id is too long for one")
    stage = (data.callback_type or "").strip().lower()
    if code == OK and not stage:
        raise MalformedCallback("callbackType is missing")
    return task_id, code, stage


def parse_record(body: bytes) -> TaskReport:
    """What record-info says. An unknown status and a task without tracks are `WAITING`, so it is polled again.

    Raises:
        MalformedRecord: the body is not such an answer. The caller has already checked that its `code` is 200.
    """
    record = decoded(body, _RECORDS, MalformedRecord).data
    if record is None:
        return TaskReport(task_id=None, kind=ReportKind.WAITING)
    task_id = record.task_id or None
    status = record.status.strip().upper() if isinstance(record.status, str) else ""
    kind = _KIND_OF_STATUS.get(status, ReportKind.WAITING)
    code = read_code(record.error_code)
    response = record.response or _Response()
    tracks = _tracks(response.camel_tracks or response.snake_tracks or [])
    # These two are failures only with an error code and nothing to fetch.
    doomed = status in {"PENDING", "CALLBACK_EXCEPTION"} and code not in {None, 0, OK}
    if kind is ReportKind.FAILED or (doomed and not any(track.audio_url for track in tracks)):
        return TaskReport(task_id=task_id, kind=ReportKind.FAILED, code=code, message=_reason(record, status))
    if kind is ReportKind.COMPLETE:
        tracks = tuple(track for track in tracks if track.audio_url)
        kind = ReportKind.COMPLETE if tracks else ReportKind.WAITING
    return TaskReport(task_id=task_id, kind=kind, tracks=tracks)


def parse_envelope(body: bytes) -> Envelope | None:
    """The envelope of an answer; None if the body is not one."""
    try:
        raw = decoded(body, _ENVELOPES, Malformed)
    except Malformed:
        return None
    code = read_code(raw.code)
    if code is None:
        return None
    message = raw.msg if isinstance(raw.msg, str) else None
    return Envelope(code=code, message=message, data=raw.data)


def read_code(value: object) -> int | None:
    """A code given as a number or as digits; None for anything else and for impossible codes."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,7}", value.strip()):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= CODE_MAX:
        return value
    return None


def read_number(value: object) -> float | None:
    """A finite number given as a number or as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < float("inf") else None  # NaN compares with nothing


def one_line(message: str) -> str:
    """The provider's words as one line of bounded length, without URLs."""
    return " ".join(without_urls(message[:MESSAGE_READ_MAX].replace("\x00", "")).split())[:MESSAGE_MAX]


def _words(message: object) -> str:
    return one_line(message) if isinstance(message, str) else ""


def _reason(record: _RecordData, status: str) -> str:
    """The provider's words. Those about a banned word are marked, because its code is shared with other refusals."""
    inside = record.response.error_message if record.response else None
    message = _words(record.error_message) or _words(inside)
    if status == "SENSITIVE_WORD_ERROR" and "sensitive" not in message.lower():
        return f"Sensitive word: {message}".removesuffix(": ")
    return message


def _tracks(raw: list[dict[str, Any]]) -> tuple[Track, ...]:
    """The tracks that have an id, ten at most; one without cannot be distinguished from a repeat."""
    return tuple(track for track in map(_track, raw[:TRACKS_MAX]) if track.id)


def _track(raw: dict[str, Any]) -> Track:
    """Callbacks use snake_case keys, record-info camelCase; both are read in either."""
    length_seconds = read_number(raw.get("duration"))
    return Track(
        id=_text(raw, "id")[:ID_MAX],
        audio_url=_link(raw, "audio_url", "audioUrl"),
        stream_url=_link(raw, "stream_audio_url", "streamAudioUrl"),
        image_url=_link(raw, "image_url", "imageUrl"),
        title=_text(raw, "title")[:TITLE_MAX],
        tags=_text(raw, "tags")[:TAGS_MAX],
        lyrics=_text(raw, "prompt")[:LYRICS_MAX],
        model_name=_text(raw, "model_name", "modelName")[:ID_MAX],
        length_seconds=length_seconds if length_seconds and 0 < length_seconds <= LENGTH_MAX_SECONDS else None,
    )


def _text(raw: dict[str, Any], *names: str) -> str:
    """The first of these that is a text and not empty."""
    for name in names:
        value = raw.get(name)
        if isinstance(value, str) and (stripped := value.replace("\x00", "").strip()):
            return stripped
    return ""


def _link(raw: dict[str, Any], *names: str) -> str:
    link = _text(raw, *names)
    return link if len(link) <= LINK_MAX and link.lower().startswith(("https://", "http://")) else ""


_BRACKETS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(set(range(256)) - _BRACKETS.keys())


def _too_deep(body: bytes) -> bool:
    """Whether lists and objects are nested deeper than in any message from the provider.

    The decoder has its own limit, but that depends on the caller's stack: what was read once must stay readable from
    anywhere. Whatever the body, this takes at most a few milliseconds for each 64 KB.
    """
    if body.count(b"[") + body.count(b"{") <= NESTING_MAX:
        return False
    unescaped = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(unescaped.split(b'"')[::2])
    brackets = outside_strings.translate(None, _NO_BRACKETS)
    return max(accumulate(map(_BRACKETS.__getitem__, brackets)), default=0) > NESTING_MAX


def decoded(body: bytes, decoder: msgspec.json.Decoder[T], malformed: type[Malformed]) -> T:
    if _too_deep(body):
        raise malformed(f"nested deeper than {NESTING_MAX}")
    try:
        body.decode()  # the decoder skips what it does not need without checking its characters
        return decoder.decode(body)
    except UnicodeDecodeError:
        raise malformed("not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise malformed(str(error)) from None
