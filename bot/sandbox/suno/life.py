"""The life of a task: source, audio, stages, callbacks and their retries, on a scaled clock."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiohttp

from bot.sandbox.sounds import continue_piece
from bot.sandbox.suno import tasks
from bot.sandbox.suno.clock import Bell, Crew, ScaledClock
from bot.sandbox.suno.envelopes import Callback, Links, MadeTrack, Stage, Status
from bot.sandbox.suno.material import length_seconds, write_long_silence, write_silence
from bot.sandbox.suno.options import SunoOptions
from bot.sandbox.suno.outbox import Courier
from bot.sandbox.suno.rules import LIMITS
from bot.sandbox.suno.sources import NOT_FETCHED, fetch, judge
from bot.sandbox.suno.tasks import Task
from bot.sandbox.suno.troubles import TASK_ERRORS, Order, TaskFailure

T = TypeVar("T")

log = logging.getLogger(__name__)

STAGES = (Stage.TEXT, Stage.FIRST, Stage.COMPLETE)
LATE_AFTER_SECONDS = 60  # scaled


class Life:
    """Brings tasks from stage to stage. `refund` gives a failed task's credits back."""

    def __init__(
        self,
        *,
        options: SunoOptions,
        links: Links,
        folder: Path,
        session: aiohttp.ClientSession,
        courier: Courier,
        crew: Crew,
        bell: Bell,
        refund: Callable[[Task], None],
    ) -> None:
        self._options = options
        self._links = links
        self._folder = folder
        self._session = session
        self._courier = courier
        self._crew = crew
        self._bell = bell
        self._refund = refund
        self.clock = ScaledClock(options.time_scale)
        # Its own threads, so that `stop` can wait for them.
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="suno-audio")
        self._silences: dict[str, tuple[Path, float]] = {}
        self._silence_lock = asyncio.Lock()

    async def stop(self) -> None:
        """Wait until no audio is being made, so that nothing writes into a removed folder."""
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)

    def begin(self, task: Task) -> None:
        self._crew.start(self._live(task), name=f"task {task.id}")

    async def adopt(self, task: Task) -> None:
        """Prepare the task's audio, and leave the rest to `advance` and `fail`."""
        await self._give_silence(task.tracks, "adopted", partial(write_silence, size_bytes=self._options.audio_bytes))
        for track in task.tracks:
            track.made.set()
        task.judged.set()

    async def _live(self, task: Task) -> None:
        source = self._folder / f"{task.id}.source"
        try:
            failure = await self._judge_source(task, source)
            task.judged.set()
            self._bell.ring()
            if task.scenario.endless:
                if task.scenario.pending_error:
                    self._refund(task)
                return
            if failure is not None:
                await self.fail(task, failure)
                return
            if not self._options.manual:
                self._crew.start(self._by_the_clock(task), name=f"stages of {task.id}")
            await self._make_audio(task, source)
        finally:
            for track in task.tracks:
                track.made.set()
            await asyncio.to_thread(source.unlink, missing_ok=True)

    async def _by_the_clock(self, task: Task) -> None:
        seconds = (
            self._options.text_after_seconds,
            self._options.first_after_seconds,
            self._options.complete_after_seconds,
        )
        for stage, after_seconds in zip(STAGES, seconds, strict=True):
            await self.clock.sleep_until(task.accepted_at, after_seconds)
            if message := await self._come_to(task, stage):
                # In the background: a receiver that hangs does not hold up the task.
                self._crew.start(self._tell_in_order(task, message), name=f"{stage} of {task.id}")

    async def advance(self, task: Task, stage: Stage) -> None:
        """Move `task` on to `stage` and call back, or let it fail if its scenario says so. It never moves back."""
        if message := await self._come_to(task, stage):
            await self._tell_in_order(task, message)

    async def _come_to(self, task: Task, stage: Stage) -> Callback | None:
        """The callback for `stage` once the task is there; None if it never gets there."""
        await task.judged.wait()
        if task.scenario.endless:
            return None
        failure = task.scenario.failure
        if failure is not None and STAGES.index(failure.stage) <= STAGES.index(stage):
            await self.fail(task, failure)
        finished = tasks.finished_at(task, stage)
        for track in finished:
            await track.made.wait()
        if any(track.path is None for track in finished):
            await self.fail(task, TASK_ERRORS["501"])
        if task.ended or (task.stage is not None and STAGES.index(task.stage) >= STAGES.index(stage)):
            return None
        tasks.reach(task, stage)
        self._bell.ring()
        if stage is Stage.COMPLETE and (later := tasks.finished_later(task)):
            self._crew.start(self._finish_later(task, later), name=f"later tracks of {task.id}")
        return tasks.stage_callback(task, stage, self._links)

    async def _finish_later(self, task: Task, tracks: list[MadeTrack]) -> None:
        """No callback announces them: all have been sent by then (docs/provider.md 8)."""
        await asyncio.sleep(task.scenario.second_later_seconds or 0)
        for track in tracks:
            await track.made.wait()
            track.finished = track.path is not None
        self._bell.ring()

    async def fail(self, task: Task, failure: TaskFailure) -> None:
        if task.ended:
            return
        tasks.fail(task, failure)
        self._refund(task)
        self._bell.ring()
        await self._tell(task, [tasks.error_callback(task, failure)])

    async def _tell_in_order(self, task: Task, message: Callback) -> None:
        complete = message.stage is Stage.COMPLETE
        if message.stage in task.scenario.skipped or (complete and task.scenario.callback_exception):
            task.sent_stages.add(message.stage)
            self._bell.ring()
        elif task.scenario.order is Order.IN_TURN:
            await self._tell(task, [message])
        else:
            task.held_back.append(message)
        if not complete:
            return
        held, task.held_back = task.held_back, []
        if task.scenario.order is Order.LATE:
            await self._tell(task, [late for late in held if late.stage is Stage.COMPLETE])
            await self.clock.sleep(LATE_AFTER_SECONDS)
            await self._tell(task, [late for late in held if late.stage is not Stage.COMPLETE])
        else:
            await self._tell(task, held[::-1])

    async def _tell(self, task: Task, messages: list[Callback]) -> None:
        """Send these in order, after all earlier callbacks of the task; retries do not delay them."""
        async with task.telling:
            for message in messages if task.scenario.callbacks else []:
                for _ in range(task.scenario.copies):
                    sent = await self._courier.send(task.id, task.callback_url, message, attempt=1)
                    if not sent.accepted:
                        self._crew.start(self._retry(task, message), name=f"retries of {task.id}")
        task.sent_stages.update(message.stage for message in messages)
        self._bell.ring()

    async def _retry(self, task: Task, message: Callback) -> None:
        """Send again after 1, 5 and 15 scaled minutes, then give up (docs/provider.md 2.3)."""
        for attempt, pause_seconds in enumerate(self._options.retry_after_seconds, start=2):
            await self.clock.sleep(pause_seconds)
            sent = await self._courier.send(task.id, task.callback_url, message, attempt=attempt)
            if sent.accepted:
                return
        # Section 4: "our callback failed; tracks may be there".
        if message.stage is Stage.COMPLETE and task.status is Status.SUCCESS:
            task.status = Status.CALLBACK_EXCEPTION
            self._bell.ring()

    async def _judge_source(self, task: Task, source: Path) -> TaskFailure | None:
        """Fetch the source into the file `source` and say what is wrong with it, if anything."""
        trouble = await fetch(
            self._session,
            str(task.request["uploadUrl"]),
            source,
            limit_bytes=self._options.upload_limit_bytes,
            timeout_seconds=self._options.source_timeout_seconds,
        )
        if trouble is not None:
            return NOT_FETCHED
        if not self._options.check_source:
            return None
        return judge(
            await self._in_thread(partial(length_seconds, source)),
            continue_at=task.continue_at,
            limit_seconds=LIMITS[str(task.request["model"])].source_seconds,
        )

    async def _make_audio(self, task: Task, source: Path) -> None:
        """Give every track its file. If one cannot have it, the task fails."""
        long_seconds = task.scenario.first_track_seconds
        if long_seconds is not None:
            write = partial(write_long_silence, seconds=long_seconds)
            await self._give_silence(task.tracks[:1], f"long-{long_seconds:g}", write)
        others = task.tracks if long_seconds is None else task.tracks[1:]
        size_bytes = task.scenario.file_bytes
        if size_bytes is None and not self._options.audio:
            size_bytes = self._options.audio_bytes
        if size_bytes is not None:
            await self._give_silence(others, str(size_bytes), partial(write_silence, size_bytes=size_bytes))
            return
        pieces = [self._continued(task, source, track) for track in others]
        for outcome in await asyncio.gather(*pieces, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("no continuation could be made", exc_info=outcome)

    async def _continued(self, task: Task, source: Path, track: MadeTrack) -> None:
        path = self._folder / f"{track.key}.mp3"
        make = partial(
            continue_piece,
            source,
            path,
            continue_at=task.continue_at,
            seconds=self._options.continuation_seconds,
            seed=track.seed,
            is_alone=task.scenario.new_alone,
        )
        length = await self._in_thread(make)
        track.path, track.duration = path, round(length, 2)
        track.made.set()

    async def _give_silence(self, tracks: list[MadeTrack], name: str, write: Callable[[Path], float]) -> None:
        """Give `tracks` the silent file of that `name`, which they share; `write` makes it and returns its length."""
        async with self._silence_lock:
            if name not in self._silences:
                path = self._folder / f"silence-{name}.mp3"
                self._silences[name] = path, await self._in_thread(partial(write, path))
        for track in tracks:
            track.path, track.duration = self._silences[name]

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
