"""What the provider says about lyrics that it writes from an idea (docs/provider.md 9)."""

from typing import Any

import msgspec

from bot.domain.lyrics import LyricsEnd, LyricsReport, Version, some_versions
from bot.suno.wire import OK, MalformedRecord, decoded, one_line, read_code

_FAILED = frozenset({"CREATE_TASK_FAILED", "GENERATE_LYRICS_FAILED", "SENSITIVE_WORD_ERROR"})
_COMPLETE = frozenset({"SUCCESS", "CALLBACK_EXCEPTION"})  # the latter: our receiver failed, not the task


class _Response(msgspec.Struct):
    lyrics: list[dict[str, Any]] | None = msgspec.field(name="lyricsData", default=None)
    data: list[dict[str, Any]] | None = None


class _RecordData(msgspec.Struct):
    task_id: str | None = msgspec.field(name="taskId", default=None)
    status: Any = None
    response: _Response | None = None
    error_code: Any = msgspec.field(name="errorCode", default=None)
    error_message: Any = msgspec.field(name="errorMessage", default=None)


class _Record(msgspec.Struct):
    data: _RecordData | None = None


_RECORDS = msgspec.json.Decoder(_Record)


def parse_lyrics_record(body: bytes) -> LyricsReport:
    """What lyrics/record-info says. An unknown status, and an end without lyrics, are `WAITING`: it is asked again.

    Raises:
        MalformedRecord: the body is not such an answer. The caller has already checked that its `code` is 200.
    """
    record = decoded(body, _RECORDS, MalformedRecord).data
    if record is None:
        return LyricsReport(task_id=None, end=LyricsEnd.WAITING)
    status = record.status.strip().upper() if isinstance(record.status, str) else ""
    code = read_code(record.error_code)
    response = record.response or _Response()
    versions = some_versions([_version(raw) for raw in response.lyrics or response.data or []])
    report = LyricsReport(task_id=record.task_id or None, end=LyricsEnd.WAITING, code=code)
    is_doomed = status in {"PENDING", "CALLBACK_EXCEPTION"} and code not in {None, 0, OK}  # as docs/provider.md 4
    if status in _FAILED or (is_doomed and not versions):
        message = one_line(record.error_message) if isinstance(record.error_message, str) else ""
        is_sensitive = status == "SENSITIVE_WORD_ERROR"
        return msgspec.structs.replace(report, end=LyricsEnd.FAILED, is_sensitive=is_sensitive, message=message)
    if status in _COMPLETE and versions:
        return msgspec.structs.replace(report, end=LyricsEnd.COMPLETE, versions=versions)
    return report


def _version(raw: dict[str, Any]) -> Version:
    return Version(text=_words(raw.get("text")), title=" ".join(_words(raw.get("title")).split()))


def _words(value: object) -> str:
    return value.replace("\x00", "") if isinstance(value, str) else ""
