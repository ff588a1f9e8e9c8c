"""The shapes of everything sent. Pure: facts in, JSON-ready values out.

Sources: docs/provider.md 1.4 (envelope), 2 (callbacks), 3 (signature), 4 (record-info), 6 (uploads). The tests
compare these with the recorded messages under tests/fixtures/suno.
"""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

Json = dict[str, object]


class Stage(StrEnum):
    """A callback's `callbackType`."""

    TEXT = "text"
    FIRST = "first"
    COMPLETE = "complete"
    ERROR = "error"


class Status(StrEnum):
    """record-info's `status`."""

    PENDING = "PENDING"
    GENERATING = "GENERATING"  # appears only in the quickstart's sample code (docs/provider.md 1.5)
    TEXT_SUCCESS = "TEXT_SUCCESS"
    FIRST_SUCCESS = "FIRST_SUCCESS"
    SUCCESS = "SUCCESS"
    CREATE_TASK_FAILED = "CREATE_TASK_FAILED"
    GENERATE_AUDIO_FAILED = "GENERATE_AUDIO_FAILED"
    GENERATE_LYRICS_FAILED = "GENERATE_LYRICS_FAILED"  # of lyrics alone
    SENSITIVE_WORD_ERROR = "SENSITIVE_WORD_ERROR"
    CALLBACK_EXCEPTION = "CALLBACK_EXCEPTION"


STATUS_OF_STAGE = {
    Stage.TEXT: Status.TEXT_SUCCESS,
    Stage.FIRST: Status.FIRST_SUCCESS,
    Stage.COMPLETE: Status.SUCCESS,
}

MESSAGE_OF_STAGE = {
    Stage.TEXT: "Text generated successfully.",
    Stage.FIRST: "First audio generated successfully.",
    Stage.COMPLETE: "All generated successfully.",
}
DOCUMENTED_FIRST_MESSAGE = "First track generated successfully."


@dataclass(slots=True, kw_only=True, eq=False)
class MadeTrack:
    """A track of a task. `key` names its files and is not revealed before they can be read."""

    id: str
    key: str
    title: str
    tags: str
    lyrics: str
    model_name: str
    created_ms: int
    seed: int
    duration: float | None = None
    path: Path | None = None
    made: asyncio.Event = field(default_factory=asyncio.Event, repr=False)  # its file exists, or never will
    finished: bool = False  # may be announced and fetched
    fetches: int = 0  # how often its audio was requested


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where a track's files are, under `base` (scheme, host and port). Only the audio has a fixed ending."""

    base: str

    def of(self, track: MadeTrack) -> dict[str, str]:
        stream = base64.urlsafe_b64encode(track.id.encode()).decode().rstrip("=")
        return {
            "audio_url": f"{self.base}/r/{track.key}.mp3",
            "source_audio_url": f"{self.base}/o/{track.id}.mp3",
            "stream_audio_url": f"{self.base}/s/{stream}",
            "source_stream_audio_url": f"{self.base}/pipe?item_id={track.id}",
            "image_url": f"{self.base}/r/{track.key}.png",
            "source_image_url": f"{self.base}/o/image_{track.id}.png",
        }


def envelope(code: int, message: str, data: object = None) -> Json:
    return {"code": code, "msg": message, "data": data}


def upload_envelope(code: int, message: str, data: object = None) -> Json:
    return {"success": code == 200, "code": code, "msg": message, "data": data}


def callback_track(track: MadeTrack, links: Links, *, finished: bool, create_time_text: bool) -> Json:
    """One track as in callbacks. Unfinished: `audio_url` is "", two keys are absent (observed, docs/provider.md 2)."""
    fields: Json = dict(links.of(track))
    if not finished:
        fields["audio_url"] = ""
        del fields["source_audio_url"]
    moment = datetime.fromtimestamp(track.created_ms / 1000, UTC)
    shown: Json = {
        "id": track.id,
        **fields,
        "prompt": track.lyrics,
        "model_name": track.model_name,
        "title": track.title,
        "tags": track.tags,
        "createTime": f"{moment:%Y-%m-%d %H:%M:%S}" if create_time_text else track.created_ms,
    }
    if finished:
        shown["duration"] = track.duration
    return shown


def record_track(track: MadeTrack, links: Links, *, finished: bool, create_time_text: bool) -> Json:
    """One track as in record-info: camelCase, and null for keys that callbacks leave out."""
    fields = callback_track(track, links, finished=finished, create_time_text=create_time_text)
    shown = {_camel(name): value for name, value in fields.items()}
    return shown if finished else {**shown, "sourceAudioUrl": None, "duration": None}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One message for the callback address; `body` is what is posted."""

    stage: Stage
    body: Json = field(repr=False)


def callback(
    stage: Stage, task_id: str, tracks: Sequence[Json] | None, *, code: int, message: str, camel_task_id: bool
) -> Callback:
    data: Json = {"callbackType": stage.value}
    if not camel_task_id:
        data["task_id"] = task_id
    data["data"] = None if tracks is None else list(tracks)
    if camel_task_id:
        data["taskId"] = task_id
    return Callback(stage=stage, body=envelope(code, message, data))


def signature_headers(key: str, task_id: str, timestamp: int) -> dict[str, str]:
    """The two headers of a signed callback; the body is not part of the signature (docs/provider.md 3)."""
    digest = hmac.new(key.encode(), f"{task_id}.{timestamp}".encode(), hashlib.sha256).digest()
    return {"X-Webhook-Timestamp": str(timestamp), "X-Webhook-Signature": base64.b64encode(digest).decode()}


def record(
    *,
    task_id: str,
    request: Mapping[str, object],
    tracks: Sequence[Json] | None,
    status: Status,
    model_name: str,
    error_code: int | None,
    error_message: str | None,
    created_ms: int,
) -> Json:
    """record-info's `data`; `tracks` None makes `response` null, as it is while PENDING."""
    return {
        "taskId": task_id,
        "parentMusicId": "",
        "param": json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
        "response": None if tracks is None else {"taskId": task_id, "sunoData": list(tracks)},
        "status": status.value,
        "type": model_name,
        "operationType": "upload_extend",
        "errorCode": error_code,
        "errorMessage": error_message,
        "createTime": created_ms,
    }


def uploaded(*, name: str, path: str, url: str, size_bytes: int, mime_type: str, at: datetime) -> Json:
    """The `data` of a successful upload; only `downloadUrl` is safe to rely on."""
    return {
        "fileName": name,
        "filePath": path,
        "downloadUrl": url,
        "fileSize": size_bytes,
        "mimeType": mime_type,
        "uploadedAt": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
    }
