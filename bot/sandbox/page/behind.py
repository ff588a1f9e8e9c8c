"""Behind the scenes: what the panel shows, a few times a second while it is open and only what has changed."""

import asyncio
import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from bot.sandbox.discord.wire.responses import LOST, Recorded
from bot.sandbox.discord.world.shapes import Json
from bot.sandbox.page.scene import Scene
from bot.sandbox.suno import RecordedRequest

EVERY_SECONDS = 0.25
REQUESTS_SHOWN = 300
LINES_SHOWN = 500
REQUESTS_SEARCHED = 2000
TEXT_SHOWN = 4000


class Watcher:
    """Sends `behind` frames while it is shown. `crashed` is called if it can't go on."""

    def __init__(self, scene: Scene, send: Callable[[Json], None], crashed: Callable[[Exception], None]) -> None:
        self._scene = scene
        self._send = send
        self._crashed = crashed
        self._current: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # with those that are hidden, but have not ended yet

    def show(self) -> None:
        if self._current is None:
            self._current = asyncio.create_task(self._watch(), name="behind the scenes")
            self._tasks.add(self._current)
            self._current.add_done_callback(self._tasks.discard)

    def hide(self) -> None:
        if self._current is not None:
            self._current.cancel()
            self._current = None

    async def closed(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self) -> None:
        requests = Requests(self._scene)
        lines = Lines(self._scene)
        sent: Json = {}
        try:
            while True:
                state = {
                    "account": account(self._scene),
                    "jobs": await lives(self._scene),
                    "bot": bot_state(self._scene),
                }
                news = {key: value for key, value in state.items() if sent.get(key) != value}
                sent |= news
                if found := requests.news():
                    news["requests"] = found
                if said := lines.news():
                    news["lines"] = said
                if news:
                    self._send({"is": "behind", **news})
                await asyncio.sleep(EVERY_SECONDS)
        except Exception as error:  # noqa: BLE001  # raised when the page's server ends
            self._crashed(error)


def account(scene: Scene) -> Json:
    suno = scene.suno
    return {
        "credits": suno.credits,
        "cost": suno.options.cost,
        "submitted": suno.submits,
        "window": {
            "used": suno.in_rate_window,
            "limit": suno.options.rate_limit,
            "seconds": suno.options.rate_window_seconds,
        },
    }


def bot_state(scene: Scene) -> Json:
    return {
        "state": scene.bot.state if scene.bot is not None else "elsewhere",
        "sessions": len(scene.discord.gateway.sessions),
        "ahead_seconds": scene.ahead_seconds,
    }


async def lives(scene: Scene) -> list[Json]:
    """The jobs as the bot knows them, each with what the provider and Discord were asked for it."""
    if scene.jobs is None:
        return []
    jobs = await scene.jobs()
    wanted = {job["task"] for job in jobs if job["task"]}
    by_task: dict[str, list[Json]] = {task: [] for task in wanted}
    for sent in scene.suno.callbacks_sent:
        if sent.task_id in wanted:
            outcome = sent.status if sent.status is not None else sent.error
            by_task[sent.task_id].append(_event(sent.at, f"callback {sent.stage}", f"answered {outcome}"))
    for asked in scene.suno.requests:
        if asked.path.endswith("record-info") and (task := asked.query.get("taskId", "")) in wanted:
            by_task[task].append(_event(asked.at, "poll", _status_in(asked.answer)))
    posts = list(_posts(scene, {number: what for job in jobs for number, what in job["posts"].items()}))
    for job in jobs:
        own = [event for number, event in posts if number in job["posts"]]
        events = [*job["events"], *by_task.get(job["task"], []), *own]
        job["events"] = sorted(events, key=lambda event: int(event["at"]))
        if (task_now := scene.suno.tasks.get(job["task"] or "")) is not None:
            job["provider"] = str(task_now.status)
    return jobs


def _posts(scene: Scene, wanted: dict[str, str]) -> Iterator[tuple[str, Json]]:
    """The bot's posts and edits of the messages with these ids, which are named by what they are."""
    for request in islice(reversed(scene.discord.requests), REQUESTS_SEARCHED):
        message = str(request.answer.get("id")) if isinstance(request.answer, dict) else ""
        if message in wanted and request.method in ("POST", "PATCH"):
            done = "posted" if request.method == "POST" else "edited"
            yield message, _event(request.at.timestamp(), f"{wanted[message]} {done}", f"answered {request.status}")


def _event(at: float, what: str, more: str = "") -> Json:
    return {"at": round(at * 1000), "what": what, "more": more}


def _status_in(answer: str) -> str:
    """What record-info said, from the beginning of its answer."""
    _, found, rest = answer.partition('"status": "')
    return rest.partition('"')[0] if found else ""


class Requests:
    """What both stand-ins were asked, and how they answered."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._count = 0
        self._last: list[object] = [None, None]
        self._open: dict[int, Recorded | RecordedRequest] = {}

    def news(self) -> list[Json]:
        """Requests since the last call, and those answered since."""
        fresh = [*self._since(0, self._scene.discord.requests), *self._since(1, self._scene.suno.requests)]
        for request in sorted(fresh, key=_moment)[-REQUESTS_SHOWN:]:
            self._count += 1
            self._open[self._count] = request
        found = []
        for number, request in [*self._open.items()]:
            is_new = number > self._count - len(fresh)
            if request.status is not None or is_new:
                found.append({"number": number, **_entry(request)})
            if request.status is not None:
                del self._open[number]
        return found

    def _since(self, place: int, requests: Any) -> Iterator[Any]:  # noqa: ANN401  # either kind
        last, newest = self._last[place], None
        for request in reversed(requests):
            newest = newest or request
            if request is last:
                break
            yield request
        self._last[place] = newest


def _moment(request: Recorded | RecordedRequest) -> float:
    return request.at if isinstance(request, RecordedRequest) else request.at.timestamp()


def _entry(request: Recorded | RecordedRequest) -> Json:
    if isinstance(request, RecordedRequest):
        to, sent, answer, status = "music service", request.json, request.answer, request.status
    else:
        to, sent, answer, status = "Discord", request.payload, request.answer, request.status
    path = request.path + (
        "?" + "&".join(f"{key}={value}" for key, value in request.query.items()) * bool(request.query)
    )
    return {
        "at": round(_moment(request) * 1000),
        "to": to,
        "method": request.method,
        "path": path.removesuffix("?"),
        "status": "lost" if status == LOST else status,
        "sent": _text(sent),
        "answer": _text(answer),
    }


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)[:TEXT_SHOWN]
    return json.dumps(value, indent=2, ensure_ascii=False)[:TEXT_SHOWN]


class Lines:
    """The bot's log."""

    def __init__(self, scene: Scene) -> None:
        self._bot = scene.bot
        self._seen = 0

    def news(self) -> list[str]:
        if self._bot is None or self._bot.line_count == self._seen:
            return []
        new = min(self._bot.line_count - self._seen, LINES_SHOWN, len(self._bot.said))
        self._seen = self._bot.line_count
        return [*self._bot.said[-new:]]
