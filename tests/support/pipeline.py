"""All services on a real database, with a clock that tests set and a scripted provider."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from bot.domain.jobs import SOURCE_KEPT, Intake, Job, JobEvent, Track
from bot.domain.pace import SlidingWindow
from bot.domain.quota import QuotaBalance, quota_day
from bot.domain.reports import ReportKind, TaskReport
from bot.domain.request import ExtensionRequest
from bot.domain.source import SourceChoice, SourceKind
from bot.domain.text import Verbatim, text
from bot.errors import ProviderSilent
from bot.parts.pipeline import FURTHER_COMMANDS
from bot.services.common import settle
from bot.services.common.bells import Bells
from bot.services.common.clock_watch import ClockWatch
from bot.services.common.patience import Patience
from bot.services.members.members import Members
from bot.services.operator.account import Account
from bot.services.operator.caps import Caps
from bot.services.operator.isolation import Isolation
from bot.services.operator.notices import Operator
from bot.services.pipeline.accept import Acceptance, AcceptLimits
from bot.services.pipeline.apply_callbacks import Callbacks
from bot.services.pipeline.callback_queue import CallbackQueue
from bot.services.pipeline.deliver import Delivery, DeliveryTimes
from bot.services.pipeline.kept import KeptTracks
from bot.services.pipeline.posting import Posting
from bot.services.pipeline.progress import Progress, ProgressTimes
from bot.services.pipeline.rate import Rate
from bot.services.pipeline.resend import Resend
from bot.services.pipeline.sources import Sources
from bot.services.pipeline.submit import Submission, SubmitTimes
from bot.services.pipeline.tracks import TrackFiles
from bot.services.pipeline.waiting import Waiting
from bot.services.pipeline.watch import Watch, WatchTimes
from bot.suno.wire import parse_callback
from storage.storage import SqlStorage
from tests.support.database import open_storage
from tests.support.fakes import (
    FakeAudio,
    FakeFetcher,
    FakeMessageFiles,
    FakeMessenger,
    FakeProvider,
    FakeStudio,
    TurnedClock,
)
from tests.support.storage_samples import a_place

MIA = 1001
TRACKS = (
    Track(id="one", audio_url="https://files.example/one.mp3", length_seconds=90.0),
    Track(id="two", audio_url="https://files.example/two.mp3", length_seconds=95.0),
)
PIECE = SourceChoice(kind=SourceKind.URL, name="loop.mp3", locator="https://files.example/loop.mp3")
LIMIT = 5
SEE_WHY = text("See {why} for more.", why=Verbatim("`/why`"))
"""No commands have been announced here, so there is nothing to link to."""


@dataclass
class Pipeline:
    """All services around one database."""

    bells: Bells
    storage: SqlStorage
    clock: TurnedClock
    provider: FakeProvider
    fetcher: FakeFetcher
    files: FakeMessageFiles
    audio: FakeAudio
    messenger: FakeMessenger
    isolation: Isolation
    kept: KeptTracks
    acceptance: Acceptance
    submission: Submission
    watch: Watch
    waiting: Waiting
    callbacks: CallbackQueue
    delivery: Delivery
    progress: Progress
    members: Members
    posting: Posting
    resend: Resend
    interactions: int = 0
    piece: SourceChoice = PIECE

    async def extend(self, *, member_id: int = MIA, private: bool = False, **changes: object) -> Job | None:
        """One command of a member; the job that came of it."""
        intake = await self.written_down(member_id=member_id, private=private, **changes)
        if intake is not None:
            await self.acceptance.begin(intake)
            await self.acceptance.step()
        return await self.latest_job()

    async def latest_job(self) -> Job | None:
        """The job that came of the latest command."""
        return await self.storage.reading.jobs.by_interaction(5000 + self.interactions)

    async def waiting_command(self) -> Intake:
        """A command that was acknowledged, and that no worker has seen yet."""
        intake = await self.written_down()
        assert intake is not None
        await self.acceptance.begin(intake)
        return intake

    async def written_down(self, *, member_id: int = MIA, private: bool = False, **changes: object) -> Intake | None:
        """A command that was not acknowledged yet; None where it was taken before."""
        self.interactions += 1
        place = replace(
            a_place(),
            interaction_id=5000 + self.interactions,
            member_id=member_id,
            private=private,
            received_at=self.clock(),
        )
        intake = Intake(
            place=place,
            source=self.piece,
            request=ExtensionRequest(**changes),  # type: ignore[arg-type]  # each test names the fields it means
            due_at=self.clock(),
        )
        return intake if await self.acceptance.write_down(intake) else None

    async def accepted(self, *, member_id: int = MIA, private: bool = False, **changes: object) -> Job:
        job = await self.extend(member_id=member_id, private=private, **changes)
        assert job is not None
        return job

    async def unanswered(self) -> Job:
        """A job whose submission was sent and never answered."""
        self.provider.answers = [ProviderSilent("timeout")]
        job = await self.accepted()
        await self.submission.step()
        return await self.job(job)

    async def held_back(self, job: Job | None = None) -> Job:
        """A job that waited in the backup from which the database was restored."""
        job = job or await self.accepted()
        async with self.storage.transaction() as work:
            held = job.after(JobEvent.HELD_BACK, due_at=self.clock() + SOURCE_KEPT)
            await settle.save(work, held, before=job, at=self.clock())
        return held

    async def job(self, job: Job) -> Job:
        found = await self.storage.reading.jobs.get(job.id)
        assert found is not None
        return found

    async def running(self, *, member_id: int = MIA) -> Job:
        job = await self.accepted(member_id=member_id)
        assert await self.submission.step()
        return await self.job(job)

    async def finished(self, *, member_id: int = MIA) -> Job:
        job = await self.running(member_id=member_id)
        assert job.task_id is not None
        self.provider.reports[job.task_id] = TaskReport(task_id=job.task_id, kind=ReportKind.COMPLETE, tracks=TRACKS)
        self.clock.turn(31)
        assert await self.watch.step()
        return await self.job(job)

    async def call_back(self, job: Job, kind: str, *, code: int = 200, tracks: int = 2, confirmed: bool = True) -> None:
        """A callback about the job's task; if `confirmed`, the provider's record says the same."""
        if confirmed and kind in {"complete", "error"}:
            end = ReportKind.COMPLETE if kind == "complete" else ReportKind.FAILED
            task_id = job.task_id or "task-told"
            self.provider.reports[task_id] = TaskReport(
                task_id=task_id, kind=end, tracks=TRACKS[:tracks], code=code, message="said so"
            )
        body = json.dumps(
            {
                "code": code,
                "msg": "said so",
                "data": {
                    "callbackType": kind,
                    "task_id": job.task_id or "task-told",
                    "data": [{"id": t.id, "audio_url": t.audio_url} for t in TRACKS[:tracks]],
                },
            }
        ).encode()
        await self.storage.record_callback(token=job.callback_token, body=body, at=self.clock())
        await self.callbacks.step()

    async def balance(self, member_id: int = MIA) -> QuotaBalance:
        day = quota_day(self.clock())
        return await self.storage.reading.ledger.balance(member_id, day=day, limit=LIMIT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What the services are built from."""

    folder: Path
    bells: Bells
    storage: SqlStorage
    clock: TurnedClock
    provider: FakeProvider
    fetcher: FakeFetcher
    files: FakeMessageFiles
    audio: FakeAudio
    messenger: FakeMessenger
    operator: Operator
    account: Account
    isolation: Isolation
    kept: KeptTracks
    posting: Posting
    silence_seconds: float


@asynccontextmanager
async def a_pipeline(
    folder: Path,
    *,
    clock: TurnedClock | None = None,
    provider: FakeProvider | None = None,
    fetcher: FakeFetcher | None = None,
    window: SlidingWindow = SlidingWindow(limit=1000),  # noqa: B008  # it never changes
    busy_seconds: float = 2,
    caps: Caps = Caps(),  # noqa: B008  # as above
    keep_tracks_days: int = 0,
    silence_seconds: float = 30,
) -> AsyncIterator[Pipeline]:
    """Everything but Discord and the provider, on a database in `folder`; call it again to restart on the same one."""
    clock = clock or TurnedClock()
    provider = provider or FakeProvider()
    fetcher = fetcher or FakeFetcher()
    audio, messenger = FakeAudio(), FakeMessenger()
    async with open_storage(folder / "encore.db", busy_seconds=busy_seconds) as storage:
        operator, bells = Operator(storage, messenger, clock), Bells(clock=clock)
        kept = KeptTracks(folder / "tracks", days=keep_tracks_days, clock=clock)
        base = Base(
            folder=folder,
            bells=bells,
            storage=storage,
            clock=clock,
            provider=provider,
            fetcher=fetcher,
            files=FakeMessageFiles(),
            audio=audio,
            messenger=messenger,
            operator=operator,
            account=Account(
                storage,
                provider,
                operator,
                every_seconds=60,
                patience=patience(clock, 900),
                long_patience=patience(clock, 86400),
                bells=bells,
                clock=clock,
            ),
            isolation=Isolation(storage, operator, backoff_base_seconds=2, bells=bells, clock=clock),
            kept=kept,
            posting=Posting(storage, provider, TrackFiles(fetcher, audio, kept, folder)),
            silence_seconds=silence_seconds,
        )
        yield pipeline_on(base, window=window, caps=caps)


@asynccontextmanager
async def another_process(folder: Path, one: Pipeline) -> AsyncIterator[Pipeline]:
    """Beside `one`: on the same database and in the same channel, at the same time."""
    async with a_pipeline(folder, clock=one.clock, provider=one.provider) as other:
        other.messenger.ways = one.messenger.ways
        other.messenger.shown = one.messenger.shown
        yield other


def patience(clock: TurnedClock, spread_seconds: float) -> Patience:
    return Patience(spread_seconds=spread_seconds, steady_seconds=clock.steady_seconds)


def pipeline_on(base: Base, *, window: SlidingWindow, caps: Caps) -> Pipeline:
    storage, bells, clock = base.storage, base.bells, base.clock
    return Pipeline(
        bells=bells,
        storage=storage,
        clock=clock,
        provider=base.provider,
        fetcher=base.fetcher,
        files=base.files,
        audio=base.audio,
        messenger=base.messenger,
        isolation=base.isolation,
        kept=base.kept,
        acceptance=an_acceptance(base),
        submission=a_submission(base, window=window, caps=caps),
        watch=a_watch(base),
        waiting=Waiting(storage, base.account, give_up_seconds=86400, bells=bells, clock=clock),
        callbacks=CallbackQueue(
            storage,
            parse_callback,
            Callbacks(
                storage, base.provider, silence_seconds=lambda: base.silence_seconds, bells=bells, clock=clock
            ).apply,
            base.operator,
            bells.callbacks,
            clock,
            lease_seconds=38,
        ),
        delivery=a_delivery(base),
        progress=Progress(
            storage,
            base.messenger,
            base.operator,
            quota_per_day=LIMIT,
            times=ProgressTimes(every=4),
            bells=bells,
            clock=clock,
        ),
        posting=base.posting,
        resend=Resend(
            storage,
            base.messenger,
            base.posting,
            base.messenger,
            at_once=2,
            lease_seconds=30,
            bells=bells,
            clock=clock,
        ),
        members=Members(storage, quota_per_day=LIMIT, bells=bells, clock=clock),
    )


def an_acceptance(base: Base) -> Acceptance:
    return Acceptance(
        base.storage,
        Sources(
            base.provider,
            base.audio,
            base.fetcher,
            base.account,
            base.files,
            FakeStudio(),
            folder=base.folder,
            max_source_bytes=1_000_000,
        ),
        base.messenger,
        limits=AcceptLimits(
            quota_per_day=LIMIT,
            open_commands=3,
            further_commands=FURTHER_COMMANDS,
            takeover=180,
            token=870,
        ),
        bells=base.bells,
        clock=base.clock,
    )


def a_submission(base: Base, *, window: SlidingWindow, caps: Caps) -> Submission:
    return Submission(
        base.storage,
        base.provider,
        base.isolation,
        account=base.account,
        rate=Rate(window),
        caps=caps,
        callback_url=lambda token: f"https://encore.example/callbacks/{token}",
        times=SubmitTimes(overdue=900),
        silence_seconds=lambda: base.silence_seconds,
        bells=base.bells,
        clock=base.clock,
    )


def a_watch(base: Base) -> Watch:
    return Watch(
        base.storage,
        base.provider,
        base.isolation,
        patience=patience(base.clock, 60),
        long_patience=patience(base.clock, 86400),
        times=WatchTimes(poll_every=30, overdue=900, give_up=86400),
        silence_seconds=lambda: base.silence_seconds,
        bells=base.bells,
        clock=base.clock,
    )


def a_delivery(base: Base) -> Delivery:
    return Delivery(
        base.storage,
        base.messenger,
        base.posting,
        base.kept,
        base.isolation,
        patience=patience(base.clock, 60),
        times=DeliveryTimes(lease=30, give_up=86400, backoff_base=2),
        bells=base.bells,
        clock=base.clock,
    )


async def set_the_clock_back(pipeline: Pipeline, seconds: float) -> None:
    """As the clock's watch finds it, before and after."""
    watch = ClockWatch(
        pipeline.storage,
        grace_seconds=30,
        bells=pipeline.bells,
        clock=pipeline.clock,
        steady_seconds=pipeline.clock.steady_seconds,
    )
    await watch.step()
    pipeline.clock.jump(-seconds)
    await watch.step()
