"""One task: its request, its progress, and how record-info and callbacks show it."""

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from bot.sandbox.suno import envelopes
from bot.sandbox.suno.envelopes import Callback, Json, Links, MadeTrack, Stage, Status
from bot.sandbox.suno.rules import MODEL_NAME_OF_LATER, MODEL_NAMES
from bot.sandbox.suno.troubles import Scenario, TaskFailure, TextData, Title

INVENTED_LYRICS = "[Verse]\nThe engine hums what it was told\n[Chorus]\nAnd carries on, and carries on"


@dataclass(slots=True, kw_only=True, eq=False)
class Task:
    """`request` is the accepted body; `sent_stages` are the stages whose callbacks have been sent, answered or not."""

    id: str
    request: Mapping[str, object] = field(repr=False)
    scenario: Scenario
    model_name: str
    accepted_at: float  # of the event loop's clock
    created_ms: int
    cost: float
    tracks: list[MadeTrack]
    status: Status
    stage: Stage | None = None
    error_code: int | None = None
    error_message: str | None = None
    refunded: bool = False
    sent_stages: set[Stage] = field(default_factory=set)
    telling: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)  # one callback at a time
    held_back: list[Callback] = field(default_factory=list, repr=False)
    empty_successes_left: int = 0
    judged: asyncio.Event = field(default_factory=asyncio.Event, repr=False)  # the source was fetched, or not

    @property
    def callback_url(self) -> str:
        return str(self.request["callBackUrl"])

    @property
    def continue_at(self) -> float:
        return float(str(self.request["continueAt"]))

    @property
    def ended(self) -> bool:
        return self.stage in {Stage.COMPLETE, Stage.ERROR}

    @property
    def paid(self) -> bool:
        return not self.refunded


def new_task(
    request: Mapping[str, object], scenario: Scenario, *, cost: float, accepted_at: float, task_id: str = ""
) -> Task:
    """A task that has just begun, with a new id unless one is given."""
    task_id = task_id or uuid.uuid4().hex
    model_name = MODEL_NAMES.get(str(request["model"]), MODEL_NAME_OF_LATER)
    created_ms = int(time.time() * 1000)
    return Task(
        id=task_id,
        request=request,
        scenario=scenario,
        model_name=model_name,
        accepted_at=accepted_at,
        created_ms=created_ms,
        cost=cost,
        tracks=[_new_track(request, scenario, model_name, created_ms + n) for n in range(scenario.tracks)],
        status=scenario.pending_status,
        error_code=scenario.pending_error,
        error_message="Uploaded audio matches existing work of art" if scenario.pending_error else None,
        empty_successes_left=scenario.empty_successes,
    )


def _new_track(request: Mapping[str, object], scenario: Scenario, model_name: str, created_ms: int) -> MadeTrack:
    identity = uuid.uuid4()
    custom = request.get("defaultParamFlag") is not False
    prompt = str(request.get("lyrics") or request.get("prompt") or "")
    lyrics = prompt if custom and prompt else INVENTED_LYRICS
    file_name = PurePosixPath(unquote(urlsplit(str(request["uploadUrl"])).path)).stem
    titles = {
        # Without a title the provider falls back to the uploaded file's name, without its ending; in default mode it
        # takes everything from the source, of which nothing but the name is known here.
        Title.AS_SENT: str(request.get("title") or file_name) if custom else file_name,
        Title.UUID: str(identity),
        Title.EMPTY: "",
    }
    return MadeTrack(
        id=str(identity),
        key=uuid.uuid4().hex,
        title=titles[scenario.title],
        tags=str(request.get("style") or "") if custom else "",
        lyrics="" if request.get("instrumental") is True else lyrics,
        model_name=model_name,
        created_ms=created_ms,
        seed=identity.int >> 65,  # 63 bits
    )


def finished_at(task: Task, stage: Stage) -> list[MadeTrack]:
    """The tracks that have their audio once the task reaches `stage`."""
    able = task.tracks[1:] if task.scenario.empty_track else task.tracks
    if task.scenario.second_later_seconds is not None:
        able = able[:1]
    return {Stage.TEXT: [], Stage.FIRST: able[:1], Stage.COMPLETE: able}[stage]


def finished_later(task: Task) -> list[MadeTrack]:
    """The tracks that get their audio only after the end."""
    return [] if task.scenario.second_later_seconds is None else task.tracks[1:]


def reach(task: Task, stage: Stage) -> None:
    task.stage = stage
    task.status = envelopes.STATUS_OF_STAGE[stage]
    for track in finished_at(task, stage):
        track.finished = True
    if stage is Stage.COMPLETE and task.scenario.callback_exception:
        task.status = Status.CALLBACK_EXCEPTION


def fail(task: Task, failure: TaskFailure) -> None:
    task.stage = Stage.ERROR
    task.status = failure.status
    task.error_code = failure.code
    task.error_message = failure.message


def error_callback(task: Task, failure: TaskFailure) -> Callback:
    return envelopes.callback(
        Stage.ERROR,
        task.id,
        [] if failure.empty_list else None,
        code=failure.code,
        message=failure.message,
        camel_task_id=task.scenario.camel_task_id,
    )


def stage_callback(task: Task, stage: Stage, links: Links) -> Callback:
    """The callback for `stage`, which the task has just reached."""
    scenario = task.scenario
    message = envelopes.MESSAGE_OF_STAGE[stage]
    tracks: list[Json] | None = [
        envelopes.callback_track(track, links, finished=track.finished, create_time_text=scenario.create_time_text)
        for track in task.tracks
    ]
    if stage is Stage.TEXT and scenario.text_data is not TextData.TRACKS:
        tracks = None if scenario.text_data is TextData.NULL else []
    elif stage is Stage.FIRST and tracks:
        if scenario.documented_first:
            message, tracks = envelopes.DOCUMENTED_FIRST_MESSAGE, tracks[:1]
        elif scenario.second_first:
            tracks.reverse()
    elif stage is Stage.COMPLETE and scenario.empty_successes:
        tracks = []
    return envelopes.callback(stage, task.id, tracks, code=200, message=message, camel_task_id=scenario.camel_task_id)


def record_of(task: Task, links: Links) -> Json:
    """record-info's `data`. Each SUCCESS that is read uses up one of the scenario's empty ones."""
    tracks: list[Json] | None = [
        envelopes.record_track(track, links, finished=track.finished, create_time_text=task.scenario.create_time_text)
        for track in task.tracks
    ]
    lost = task.status is Status.CALLBACK_EXCEPTION and not task.scenario.exception_has_tracks
    if task.status is Status.GENERATE_AUDIO_FAILED:
        tracks = []
    elif lost or task.stage in {None, Stage.ERROR}:
        tracks = None
    elif task.status is Status.SUCCESS and task.empty_successes_left:
        task.empty_successes_left -= 1
        tracks = []
    return envelopes.record(
        task_id=task.id,
        request=task.request,
        tracks=tracks,
        status=task.status,
        model_name=task.model_name,
        error_code=task.error_code,
        error_message=task.error_message,
        created_ms=task.created_ms,
    )
