"""The server: its lifecycle, the three calls of the music API, and what tests ask of it."""

import asyncio
import json
import socket
import tempfile
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from bot.sandbox.patience import PATIENCE_SECONDS
from bot.sandbox.runner import Runner
from bot.sandbox.suno import envelopes, rules
from bot.sandbox.suno.answers import Answers
from bot.sandbox.suno.clock import Bell, Crew, RateWindow
from bot.sandbox.suno.envelopes import Callback, Json, Links, Stage
from bot.sandbox.suno.files import Uploads
from bot.sandbox.suno.life import Life
from bot.sandbox.suno.lyrics import LyricsDesk
from bot.sandbox.suno.options import SunoOptions, UnknownTask
from bot.sandbox.suno.outbox import Courier, SentCallback
from bot.sandbox.suno.results import Results
from bot.sandbox.suno.scenarios import markers_in, scenario_of
from bot.sandbox.suno.tasks import Task, new_task, record_of
from bot.sandbox.suno.timed_lyrics import TimedLyricsDesk
from bot.sandbox.suno.troubles import TASK_ERRORS, AnswerTrouble, Scenario

HOST = "127.0.0.1"
BODY_MAX_BYTES = 16_000_000
SHUTDOWN_SECONDS = 1.0
ANSWER_KEPT = 4000  # characters
BACKLOG = 4096  # thousands may call at the same moment
API = "/api/"
UPLOADS = "/api/file-"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True, kw_only=True)
class RecordedRequest:
    """A call as it arrived; `json` is None if the body is not a JSON object; `headers` lack the key.

    `at`: by `time.time`. `status` is that of the answer, None until it is sent; `answer` is its beginning, if text.
    """

    method: str
    path: str
    query: dict[str, str]
    json: Json | None
    headers: dict[str, str] = field(repr=False)
    at: float = field(default_factory=time.time, repr=False)
    status: int | None = None
    answer: str = field(default="", repr=False)


@dataclass(slots=True)
class _PlannedTrouble:
    call: str  # what the path ends with
    trouble: AnswerTrouble
    times_left: int


class FakeSuno:
    """`async with FakeSuno(SunoOptions(...)) as suno:` serves on 127.0.0.1 until the block is left.

    Leaving it raises an ExceptionGroup if the stand-in itself broke. `requests` and `callbacks_sent` are oldest
    first; `tasks` are by id. While it runs, `latency_seconds` (before each answer of the API),
    `refuse_key` (401 to every call) and `retired_models` may be changed.
    """

    def __init__(self, options: SunoOptions | None = None) -> None:
        self.options = options or SunoOptions()
        self.credits: float = self.options.credits
        self.tasks: dict[str, Task] = {}
        self.submits = 0  # accepted ones
        self.latency_seconds = self.options.latency_seconds
        self.refuse_key = False
        self.retired_models = set(self.options.retired_models)
        self.requests: deque[RecordedRequest] = deque(maxlen=self.options.keep)
        self._rate = RateWindow(self.options.rate_limit, self.options.rate_window_seconds)
        self._standing: tuple[str, ...] = ()
        self._next_submits: deque[tuple[str, ...]] = deque()
        self._planned: list[_PlannedTrouble] = []
        self._played: Counter[tuple[str, AnswerTrouble]] = Counter()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._open(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _open(self, stack: AsyncExitStack) -> None:
        """Opened last is closed first: held answers, the server, tasks, makers of audio, connections, files."""
        listener = socket.create_server((HOST, self.options.port))
        stack.callback(listener.close)
        self.host_port = f"{HOST}:{listener.getsockname()[1]}"
        self.api_url = self.upload_url = f"http://{self.host_port}"
        self._links = Links(base=self.api_url)

        temporary = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="encore-suno-")
        stack.push_async_callback(asyncio.to_thread, temporary.cleanup)
        self._folder = Path(temporary.name)
        # A new connection each time: a receiver may have been started anew since the last callback.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))

        self._bell, crew, self._closing = Bell(), Crew(), asyncio.Event()
        self._courier = Courier(session, self.options, self._bell)
        self._life = Life(
            options=self.options,
            links=self._links,
            folder=self._folder,
            session=session,
            courier=self._courier,
            crew=crew,
            bell=self._bell,
            refund=self._refund,
        )
        stack.push_async_callback(self._life.stop)
        stack.push_async_callback(crew.stop)
        self._answers = Answers(
            real_http_status=self.options.real_http_status,
            hold_seconds=self.options.hold_seconds,
            closing=self._closing,
        )
        self.lyrics = LyricsDesk(
            options=self.options,
            answers=self._answers,
            courier=self._courier,
            crew=crew,
            bell=self._bell,
            clock=self._life.clock,
            shortage=self._shortage,
            charge=self._charge,
            due=self._due,
        )
        self.timed_lyrics = TimedLyricsDesk(
            options=self.options,
            answers=self._answers,
            tasks=self.tasks,
            shortage=self._shortage,
            charge=self._charge,
        )
        self._results = Results()
        uploads = Uploads(options=self.options, base=self.upload_url, folder=self._folder, session=session)
        app = web.Application(client_max_size=BODY_MAX_BYTES, middlewares=[self._around])
        desks = (self.lyrics, self.timed_lyrics, uploads, self._results)
        app.add_routes([*self._routes(), *(route for desk in desks for route in desk.routes())])
        runner = Runner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        stack.callback(self._let_go)
        await runner.listen(listener, backlog=BACKLOG)

    def _let_go(self) -> None:
        self._closing.set()
        self._bell.ring()

    # What tests ask and order

    @property
    def time_scale(self) -> float:
        """How much faster than the real service its tasks go; a change is felt from each task's next stage on."""
        return self._life.clock.scale

    @time_scale.setter
    def time_scale(self, scale: float) -> None:
        self._life.clock.scale = scale

    @property
    def in_rate_window(self) -> int:
        """How many submissions count towards the rate at present."""
        return self._rate.used

    @property
    def callbacks_sent(self) -> list[SentCallback]:
        return list(self._courier.sent)

    @property
    def paid_tasks(self) -> list[Task]:
        """Tasks whose credits were kept."""
        return [task for task in self.tasks.values() if task.paid]

    def script(self, *words: str) -> None:
        """Play these entries of the table of scenarios for every submission until the next call; none without words."""
        scenario_of(words)
        self._standing = words

    def next_submit(self, *words: str, times: int = 1) -> None:
        """The next `times` submissions that pass the rules play these entries, after those planned earlier."""
        scenario_of(words)
        self._next_submits.extend([words] * times)

    def next_call(self, call: str, words: str, *, times: int = 1) -> None:
        """The next `times` calls whose path ends with `call` ("record-info") are answered as `words` say.

        `words` is one of the entries that change an answer: "http 502", "error 430", "hold", "drop started", ...
        """
        trouble = scenario_of([words]).answer
        if trouble is None:
            raise ValueError(f"{words!r} changes no answer")
        self._planned.append(_PlannedTrouble(call, trouble, times))

    async def wait_until(self, holds: Callable[[], bool], *, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until it `holds`; checked after every acceptance, stage and callback. Raises TimeoutError."""
        async with asyncio.timeout(timeout_seconds):
            await self._bell.wait_for(holds)

    async def wait_for_submit(self, n: int = 1, *, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until `n` submissions have been accepted."""
        await self.wait_until(lambda: self.submits >= n, timeout_seconds=timeout_seconds)

    async def adopt(self, task_id: str, callback_url: str) -> Task:
        """Add a task that "was begun before", for jobs that a test puts straight into the bot's database.

        It is paid and PENDING, with silent tracks, until `finish` or `fail`.
        """
        source = f"{self.api_url}/f/adopted.mp3"
        body = {"uploadUrl": source, "callBackUrl": callback_url, "continueAt": 1, "model": "V5"}
        now = asyncio.get_running_loop().time()
        task = new_task(body, Scenario(), cost=self.options.cost, accepted_at=now, task_id=task_id)
        self.tasks[task.id] = task
        self._results.add(task)
        await self._life.adopt(task)
        return task

    async def finish(self, task_id: str, stage: str = Stage.COMPLETE) -> int | None:
        """Bring the task to `stage` ("text", "first", "complete") by hand, skipping those before it.

        Returns the HTTP status of the last callback, None if none was sent or answered. Retries continue.
        """
        task = self.tasks[task_id]
        await self._life.advance(task, Stage(stage))
        return self._last_status(task_id)

    async def fail(self, task_id: str, code: int) -> int | None:
        """End the task with that callback error by hand. Returns as `finish` does."""
        task = self.tasks[task_id]
        await task.judged.wait()
        await self._life.fail(task, TASK_ERRORS[str(code)])
        return self._last_status(task_id)

    async def resend(self, task_id: str, stage: str = Stage.COMPLETE) -> int | None:
        """Send the task's latest callback of that stage again, and return the HTTP status it got."""
        latest = next(sent for sent in reversed(self._courier.sent) if (sent.task_id, sent.stage) == (task_id, stage))
        message = Callback(stage=latest.stage, body=latest.body)
        return (await self._courier.send(task_id, latest.url, message, attempt=latest.attempt + 1)).status

    def _last_status(self, task_id: str) -> int | None:
        return next((sent.status for sent in reversed(self._courier.sent) if sent.task_id == task_id), None)

    # What the API answers

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/v1/generate/upload-extend", self._submit),
            web.get("/api/v1/generate/record-info", self._record_info),
            web.get("/api/v1/generate/credit", self._credit),
        ]

    @web.middleware
    async def _around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        record = await self._remember(request)
        answer = await self._answered(request, handler)
        record.status = answer.status
        if isinstance(answer, web.Response) and answer.content_type.startswith(("text/", "application/json")):
            record.answer = (answer.text or "")[:ANSWER_KEPT]
        return answer

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(API):
            return await handler(request)
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        if self.refuse_key or request.headers.get("Authorization") != f"Bearer {self.options.api_key}":
            return self._api_error(request, *rules.UNAUTHORIZED)
        trouble = self._take_planned(request.path)
        if trouble is not None and not trouble.started:
            return await self._answers.troubled(request, trouble)
        try:
            answer = await handler(request)
        except web.HTTPMethodNotAllowed:
            # "Wrong path or method" is 404 at the music API, 405 at the upload host (docs/provider.md 1.4).
            wrong = (405, "Method Not Allowed") if request.path.startswith(UPLOADS) else rules.NOT_FOUND
            return self._api_error(request, *wrong)
        except web.HTTPNotFound:
            return self._api_error(request, *rules.NOT_FOUND)
        return answer if trouble is None else await self._answers.troubled(request, trouble)

    async def _remember(self, request: web.Request) -> RecordedRequest:
        multipart = request.content_type.startswith("multipart/")
        body = None if multipart or not request.body_exists else _json_object(await request.read())
        record = RecordedRequest(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            json=body,
            headers={name: value for name, value in request.headers.items() if name != "Authorization"},
        )
        self.requests.append(record)
        return record

    def _api_error(self, request: web.Request, code: int, message: str) -> web.Response:
        if request.path.startswith(UPLOADS):
            return self._answers.json(envelopes.upload_envelope(code, message))
        return self._answers.error(code, message)

    def _take_planned(self, path: str) -> AnswerTrouble | None:
        for planned in self._planned:
            if path.endswith(planned.call):
                planned.times_left -= 1
                if planned.times_left <= 0:
                    self._planned.remove(planned)
                return planned.trouble
        return None

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        """Refuse by the rules, by the scenario, for credits, for rate, in this order; otherwise accept and charge."""
        body = _json_object(await request.read())
        if body is None:
            return self._answers.error(*rules.NOT_JSON)
        terms = rules.Terms(v6=self.options.v6, retired=self.retired_models)
        if refusal := rules.first_refusal(body, terms):
            return self._answers.error(refusal.code, refusal.message)
        scenario = self._scenario_for(body)
        trouble = self._due(scenario.answer, str(body["callBackUrl"]))
        if trouble is not None and not trouble.started:
            return await self._answers.troubled(request, trouble)
        if shortage := self._shortage(self.options.cost):
            return self._answers.error(*shortage)
        return await self._started(request, self._accept(body, scenario), trouble)

    async def _started(self, request: web.Request, task: Task, trouble: AnswerTrouble | None) -> web.StreamResponse:
        await asyncio.sleep(task.scenario.answer_delay_seconds)
        if task.scenario.answer_after is not None:
            await self._wait_until_sent(task, task.scenario.answer_after)
        if trouble is not None:
            return await self._answers.troubled(request, trouble)
        answer = envelopes.envelope(200, "success", {"taskId": task.id})
        return self._answers.json({**answer, "code": "200"} if task.scenario.code_text else answer)

    def _shortage(self, cost: float) -> tuple[int, str] | None:
        if self.credits < cost:
            return rules.NO_CREDITS
        return None if self._rate.has_room() else rules.TOO_FREQUENT

    def _scenario_for(self, body: Json) -> Scenario:
        planned = self._next_submits.popleft() if self._next_submits else ()
        return scenario_of([*self._standing, *planned, *markers_in(body)])

    def _due(self, trouble: AnswerTrouble | None, callback_url: str) -> AnswerTrouble | None:
        """`trouble`, unless it has been played as often as it says for this callback address."""
        if trouble is None or trouble.times is None:
            return trouble
        self._played[callback_url, trouble] += 1
        return trouble if self._played[callback_url, trouble] <= trouble.times else None

    def _charge(self, cost: float) -> None:
        """Take credits, and a place in the rate; or give credits back."""
        self.credits = round(self.credits - cost, 1)
        if cost > 0:
            self._rate.take()

    def _accept(self, body: Json, scenario: Scenario) -> Task:
        task = new_task(body, scenario, cost=self.options.cost, accepted_at=asyncio.get_running_loop().time())
        self._charge(task.cost)
        self.submits += 1
        self.tasks[task.id] = task
        self._results.add(task)
        self._forget_old()
        self._life.begin(task)
        self._bell.ring()
        return task

    def _forget_old(self) -> None:
        while len(self.tasks) > self.options.keep:
            oldest = self.tasks.pop(next(iter(self.tasks)))
            for key in self._results.remove(oldest):
                (self._folder / f"{key}.mp3").unlink(missing_ok=True)

    def _refund(self, task: Task) -> None:
        if not task.refunded:
            task.refunded = True
            self.credits += task.cost

    async def _wait_until_sent(self, task: Task, stage: Stage) -> None:
        try:
            async with asyncio.timeout(self.options.hold_seconds):
                await self._bell.wait_for(
                    lambda: bool(task.sent_stages & {stage, Stage.ERROR}) or self._closing.is_set()
                )
        except TimeoutError:
            return

    async def _record_info(self, request: web.Request) -> web.StreamResponse:
        task_id = request.query.get("taskId", "")
        if not task_id:
            return self._answers.error(400, "taskId cannot be empty")
        task = self.tasks.get(task_id)
        if task is not None:
            return self._answers.json(envelopes.envelope(200, "success", record_of(task, self._links)))
        if self.options.unknown_task is UnknownTask.DATA_NULL:
            return self._answers.json(envelopes.envelope(200, "success"))
        return self._answers.error(*rules.NOT_FOUND)

    async def _credit(self, _: web.Request) -> web.StreamResponse:
        left = int(self.credits) if float(self.credits).is_integer() else self.credits
        return self._answers.json(envelopes.envelope(200, "success", left))


def _json_object(raw: bytes) -> Json | None:
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
