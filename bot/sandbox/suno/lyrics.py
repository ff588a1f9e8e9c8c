"""Lyrics alone: `POST /api/v1/lyrics`, its record-info and its one callback (docs/provider.md 9)."""

import asyncio
import json
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from bot.sandbox.suno import envelopes, rules
from bot.sandbox.suno.answers import Answers
from bot.sandbox.suno.clock import Bell, Crew, ScaledClock
from bot.sandbox.suno.envelopes import Callback, Json, Stage, Status
from bot.sandbox.suno.options import SunoOptions, UnknownTask
from bot.sandbox.suno.outbox import Courier
from bot.sandbox.suno.rules import Body, Refusal, Terms
from bot.sandbox.suno.scenarios import markers_in, scenario_of
from bot.sandbox.suno.troubles import AnswerTrouble, Scenario, TaskFailure

PATH = "/api/v1/lyrics"
IDEA_MAX = 200

_TYPED = "inferred: the type in the field table (docs/provider.md 9)"
LYRICS_REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        "callback_missing",
        400,
        "Please enter callBackUrl.",
        "documented: required (docs/provider.md 9); text observed at a sister call (docs/provider.md 1.4)",
        lambda body, _: not body.get("callBackUrl"),
    ),
    Refusal(
        "callback_no_url",
        400,
        "callBackUrl is not a valid URL",
        _TYPED,
        lambda body, _: not rules.is_web_address(body.get("callBackUrl")),
    ),
    Refusal(
        "idea_missing",
        400,
        "prompt cannot be empty",
        "documented: required (docs/provider.md 9); text inferred",
        lambda body, _: not str(body.get("prompt") or "").strip(),
    ),
    Refusal("idea_type", 400, "prompt must be a string", _TYPED, lambda body, _: not isinstance(body["prompt"], str)),
    Refusal(
        "idea_too_long",
        413,
        "Theme or prompt too long",
        "documented: 413, and at most 200 characters (docs/provider.md 9)",
        lambda body, _: len(str(body["prompt"])) > IDEA_MAX,
    ),
)


def lyrics_refusal(body: Body) -> Refusal | None:
    """The first row that `body` breaks; None if only credits and rate are left to check."""
    return next((row for row in LYRICS_REFUSALS if row.holds(body, Terms())), None)


@dataclass(slots=True, kw_only=True, eq=False)
class LyricsTask:
    """`versions` are what is written; nobody sees them before the end."""

    id: str
    idea: str
    callback_url: str = field(repr=False)
    scenario: Scenario
    accepted_at: float  # of the event loop's clock
    versions: list[Json]
    status: Status = Status.PENDING
    error_code: int | None = None
    error_message: str | None = None
    refunded: bool = False
    empty_successes_left: int = 0
    ended: bool = False


class LyricsDesk:
    """`shortage` says why a price cannot be paid now, `charge` takes it, or gives it back if it is negative; `due`
    says whether a trouble is still played for a callback address.
    """

    def __init__(
        self,
        *,
        options: SunoOptions,
        answers: Answers,
        courier: Courier,
        crew: Crew,
        bell: Bell,
        clock: ScaledClock,
        shortage: Callable[[float], tuple[int, str] | None],
        charge: Callable[[float], None],
        due: Callable[[AnswerTrouble | None, str], AnswerTrouble | None],
    ) -> None:
        self._options = options
        self._answers = answers
        self._courier = courier
        self._crew = crew
        self._bell = bell
        self._clock = clock
        self._shortage = shortage
        self._charge = charge
        self._due = due
        self._next: deque[tuple[str, ...]] = deque()
        self.tasks: dict[str, LyricsTask] = {}

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self._order), web.get(f"{PATH}/record-info", self._record_info)]

    def next_order(self, *words: str, times: int = 1) -> None:
        """The next `times` orders that pass the rules play these entries of the table of scenarios."""
        scenario_of(words)
        self._next.extend([words] * times)

    async def finish(self, task_id: str) -> None:
        """End the task by hand, as its scenario says."""
        await self._end(self.tasks[task_id])

    async def _order(self, request: web.Request) -> web.StreamResponse:
        """As for a submission: refuse by the rules, by the scenario, for credits, for rate; else accept and charge."""
        body = await _json_object(request)
        if body is None:
            return self._answers.error(*rules.NOT_JSON)
        if refusal := lyrics_refusal(body):
            return self._answers.error(refusal.code, refusal.message)
        planned = self._next.popleft() if self._next else ()
        scenario = scenario_of([*planned, *markers_in(body)])
        trouble = self._due(scenario.answer, str(body["callBackUrl"]))
        if trouble is not None and not trouble.started:
            return await self._answers.troubled(request, trouble)
        if shortage := self._shortage(self._options.lyrics_cost):
            return self._answers.error(*shortage)
        task = self._accept(body, scenario)
        await asyncio.sleep(scenario.answer_delay_seconds)
        if scenario.answer_after is not None:
            await self._bell.wait_for(lambda: task.ended)
        if trouble is not None:
            return await self._answers.troubled(request, trouble)
        return self._answers.json(envelopes.envelope(200, "success", {"taskId": task.id}))

    def _accept(self, body: Mapping[str, object], scenario: Scenario) -> LyricsTask:
        self._charge(self._options.lyrics_cost)
        idea = str(body["prompt"])
        task = LyricsTask(
            id=uuid.uuid4().hex,
            idea=idea,
            callback_url=str(body["callBackUrl"]),
            scenario=scenario,
            accepted_at=self._clock.now(),
            versions=[_version(idea, number) for number in range(1, scenario.tracks + 1)],
            status=scenario.pending_status,
            error_code=scenario.pending_error,
            empty_successes_left=scenario.empty_successes,
        )
        self.tasks[task.id] = task
        if not self._options.manual:
            self._crew.start(self._live(task), name=f"lyrics {task.id}")
        self._bell.ring()
        return task

    async def _live(self, task: LyricsTask) -> None:
        await self._clock.sleep_until(task.accepted_at, self._options.lyrics_after_seconds)
        await self._end(task)

    async def _end(self, task: LyricsTask) -> None:
        scenario = task.scenario
        if scenario.endless or task.ended:
            return
        task.status = Status.SUCCESS
        if scenario.failure is not None:
            self._fail(task, scenario.failure)
        elif scenario.callback_exception:
            task.status = Status.CALLBACK_EXCEPTION
        task.ended = True
        if scenario.callbacks and not scenario.callback_exception:
            await self._tell(task)
        self._bell.ring()

    def _fail(self, task: LyricsTask, failure: TaskFailure) -> None:
        """Failed tasks were given back (docs/provider.md 5)."""
        of_music = failure.status is Status.GENERATE_AUDIO_FAILED
        task.status = Status.GENERATE_LYRICS_FAILED if of_music else failure.status
        task.error_code, task.error_message = failure.code, failure.message
        task.refunded = True
        self._charge(-self._options.lyrics_cost)

    async def _tell(self, task: LyricsTask) -> None:
        message = callback_of(task)
        for _ in range(task.scenario.copies):
            sent = await self._courier.send(task.id, task.callback_url, message, attempt=1)
            if not sent.accepted:
                self._crew.start(self._retry(task, message), name=f"retries of lyrics {task.id}")

    async def _retry(self, task: LyricsTask, message: Callback) -> None:
        """As for music (docs/provider.md 2.3)."""
        for attempt, pause_seconds in enumerate(self._options.retry_after_seconds, start=2):
            await self._clock.sleep(pause_seconds)
            if (await self._courier.send(task.id, task.callback_url, message, attempt=attempt)).accepted:
                return
        if task.status is Status.SUCCESS:
            task.status = Status.CALLBACK_EXCEPTION

    async def _record_info(self, request: web.Request) -> web.StreamResponse:
        task_id = request.query.get("taskId", "")
        if not task_id:
            return self._answers.error(400, "taskId cannot be empty")
        if (task := self.tasks.get(task_id)) is not None:
            return self._answers.json(envelopes.envelope(200, "success", record_of(task)))
        if self._options.unknown_task is UnknownTask.DATA_NULL:
            return self._answers.json(envelopes.envelope(200, "success"))
        return self._answers.error(*rules.NOT_FOUND)


def callback_of(task: LyricsTask) -> Callback:
    """As documented by sunoapi.org; with `camel_task_id` off, the id is spelled as kie.ai does."""
    failed = task.error_code is not None
    data: Json = {"callbackType": "error" if failed else "complete"}
    data["taskId" if task.scenario.camel_task_id else "task_id"] = task.id
    data["data"] = None if failed else [] if task.empty_successes_left else task.versions
    code, message = (task.error_code or 500, task.error_message or "") if failed else (200, _DONE)
    stage = Stage.ERROR if failed else Stage.COMPLETE
    return Callback(stage=stage, body=envelopes.envelope(code, message, data))


_DONE = "All generated successfully."


def record_of(task: LyricsTask) -> Json:
    """record-info's `data`. Each SUCCESS that is read uses up one of the scenario's empty ones."""
    is_lost = task.status is Status.CALLBACK_EXCEPTION and not task.scenario.exception_has_tracks
    versions = task.versions if task.status in {Status.SUCCESS, Status.CALLBACK_EXCEPTION} and not is_lost else None
    if versions is not None and task.empty_successes_left:
        task.empty_successes_left -= 1
        versions = []
    return {
        "taskId": task.id,
        "param": json.dumps({"prompt": task.idea, "callBackUrl": task.callback_url}),
        "response": None if versions is None else {"taskId": task.id, "data": versions},
        "status": task.status.value,
        "type": "LYRICS",
        "errorCode": task.error_code,
        "errorMessage": task.error_message,
    }


def _version(idea: str, number: int) -> Json:
    title = " ".join(word for word in idea.split()[:3] if "[" not in word and "]" not in word).title()
    verse = f"[Verse]\nThe stand-in sings of {idea.splitlines()[0][:60]}\nIn version number {number}"
    return {
        "text": f"{verse}\n\n[Chorus]\nAnd carries on, and carries on",
        "title": title or "Untitled",
        "status": "complete",
        "errorMessage": "",
    }


async def _json_object(request: web.Request) -> Json | None:
    try:
        body = json.loads(await request.read())
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
