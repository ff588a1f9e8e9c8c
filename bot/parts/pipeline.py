"""One job from its command to its post: accepting, submitting, hearing from the provider, delivering, progress."""

from collections.abc import Callable
from functools import partial

import msgspec

from bot.chat.message_files import MessageFiles
from bot.chat.result.copies import PostedCopies
from bot.domain.pace import SlidingWindow
from bot.domain.public_address import SelfCalls
from bot.parts.ground import Ground
from bot.parts.part import Part
from bot.self_call import call
from bot.services.common.bells import Bell
from bot.services.common.patience import Patience
from bot.services.common.worker import Worker
from bot.services.operator.public_address import PublicAddress
from bot.services.pipeline.accept import Acceptance, AcceptLimits
from bot.services.pipeline.apply_callbacks import ASK_SECONDS, Callbacks
from bot.services.pipeline.callback_queue import CallbackQueue
from bot.services.pipeline.deliver import Delivery, DeliveryTimes
from bot.services.pipeline.join_preview import JoinPreviews
from bot.services.pipeline.kept import KeptTracks
from bot.services.pipeline.posting import Posting
from bot.services.pipeline.progress import Progress, ProgressTimes
from bot.services.pipeline.rate import Rate
from bot.services.pipeline.resend import Resend
from bot.services.pipeline.source_again import SourceAgain
from bot.services.pipeline.sources import Sources
from bot.services.pipeline.submit import Submission, SubmitTimes
from bot.services.pipeline.tracks import TrackFiles
from bot.services.pipeline.waiting import Waiting
from bot.services.pipeline.watch import Watch, WatchTimes
from bot.services.songs.join import Joins
from bot.suno.wire import parse_callback

ACCEPTERS = 12
"""How many sources are fetched, read and uploaded at the same time."""
FURTHER_COMMANDS = 4
"""How many of those may be second or third commands of a member whose first one is still being read. The others are for
first commands: members who send several links to slow servers hold up only one another.
"""
SUBMITTERS = 8
"""How many submissions wait for an answer at the same time."""
WATCHERS = 16
"""How many workers poll jobs; each polls a few at the same time."""
DEADLINE_POLLS = 2
"""A deadline counts only once failed tries are this many polls apart."""
DELIVERERS = 3
"""How many jobs are fetched and posted at the same time: this bounds memory, disk and Discord's patience."""
RESENDERS = 2
"""How many jobs are sent again at the same time, beside the deliverers."""
CLAIM_LEASES = 3
"""With the usual lease, longer than any POST takes; looking earlier is harmless but useless."""
PROGRESS_WORKERS = 2
"""Each edits a few messages at the same time; if one hangs, the other still works."""
PROGRESS_PAUSE_SECONDS = 0.2
SELF_CALL_PAUSE = 5
"""Between the tries of a call to PUBLIC_URL, as a multiple of the usual first pause: 10 s."""

NOWHERE = "https://encore.invalid/callbacks/"
"""The provider requires an address; if it cannot reach us, results are polled (docs/provider.md 1.5)."""


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """What commands call directly, and the workers that do the rest."""

    acceptance: Acceptance
    resend: Resend
    joins: Joins
    sources: Sources
    part: Part


def pipeline_part(ground: Ground) -> Pipeline:
    settings = ground.settings
    kept = kept_tracks(ground)
    files = TrackFiles(ground.tracks, ground.audio, kept, ground.folder)
    joins = JoinPreviews(source_again(ground, kept), ground.audio, is_on=settings.join_preview)
    posting = Posting(ground.storage, ground.provider, files, joins)
    sources = _sources(ground)
    acceptance, delivery, progress = _acceptance(ground, sources), _delivery(ground, posting, kept), _progress(ground)
    address = _public_address(ground)
    silence_seconds = _silence(ground, address)
    callbacks = _callback_queue(ground, silence_seconds)
    return Pipeline(
        acceptance=acceptance,
        resend=_resend(ground, posting),
        joins=Joins(posting, joins),
        sources=sources,
        part=Part(
            submitters=_submitters(ground, silence_seconds),
            workers=(
                *_accepters(ground, acceptance),
                *_listeners(ground, callbacks, silence_seconds),
                *_deliverers(ground, delivery),
                *_progress_workers(ground, progress),
                Worker("kept tracks", kept, Bell(), ground.clock),
                *([Worker("PUBLIC_URL", address, Bell(), ground.clock, asks_first=True)] if address else []),
            ),
            releases=(acceptance.release, callbacks.release, delivery.release, progress.release),
        ),
    )


def kept_tracks(ground: Ground) -> KeptTracks:
    folder = ground.settings.database_path.parent / "tracks"
    return KeptTracks(folder, days=ground.settings.keep_tracks_days, clock=ground.clock)


def source_again(ground: Ground, kept: KeptTracks) -> SourceAgain:
    max_bytes = ground.settings.max_source_bytes
    return SourceAgain(ground.sources, ground.tracks, MessageFiles(ground.client), kept, max_bytes=max_bytes)


def _sources(ground: Ground) -> Sources:
    return Sources(
        ground.provider,
        ground.audio,
        ground.sources,
        ground.account,
        MessageFiles(ground.client),
        ground.audio,
        folder=ground.folder,
        max_source_bytes=ground.settings.max_source_bytes,
        offer=ground.settings.offer,
    )


def _acceptance(ground: Ground, sources: Sources) -> Acceptance:
    settings = ground.settings
    return Acceptance(
        ground.storage,
        sources,
        ground.messenger,
        limits=AcceptLimits(
            quota_per_day=settings.quota_per_day,
            open_commands=settings.open_commands_per_member,
            further_commands=FURTHER_COMMANDS,
            takeover=settings.lease_seconds,
            token=settings.interaction_seconds,
        ),
        bells=ground.bells,
        clock=ground.clock,
    )


def _accepters(ground: Ground, acceptance: Acceptance) -> tuple[Worker, ...]:
    bell = ground.bells.intake
    return tuple(Worker(f"commands {number}", acceptance, bell, ground.clock) for number in range(1, ACCEPTERS + 1))


def _resend(ground: Ground, posting: Posting) -> Resend:
    return Resend(
        ground.storage,
        ground.messenger,
        posting,
        PostedCopies(ground.client),
        at_once=RESENDERS,
        lease_seconds=ground.settings.lease_seconds,
        bells=ground.bells,
        clock=ground.clock,
    )


def _public_address(ground: Ground) -> PublicAddress | None:
    """None without a PUBLIC_URL."""
    settings = ground.settings
    if not settings.public_url:
        return None
    return PublicAddress(
        partial(call, settings.public_url, SelfCalls(settings.discord_token), clock=ground.clock),
        ground.operator,
        url=settings.public_url,
        own_port=f"port {settings.web_port} of the bot",
        every_seconds=settings.self_call_every_seconds,
        pause_seconds=SELF_CALL_PAUSE * settings.retry_base_seconds,
        clock=ground.clock,
    )


def _silence(ground: Ground, address: PublicAddress | None) -> Callable[[], float]:
    """How long a job is given for its next callback before it is asked about, in seconds."""
    settings = ground.settings

    def silence_seconds() -> float:
        is_called_back = address is not None and address.answers
        return settings.poll_after_seconds if is_called_back else settings.poll_every_seconds

    return silence_seconds


def _submitters(ground: Ground, silence_seconds: Callable[[], float]) -> tuple[Worker, ...]:
    settings, bells, clock = ground.settings, ground.bells, ground.clock
    submission = Submission(
        ground.storage,
        ground.provider,
        ground.isolation,
        account=ground.account,
        rate=Rate(SlidingWindow()),
        caps=ground.caps,
        callback_url=lambda token: f"{settings.public_url}/callbacks/{token}" if settings.public_url else NOWHERE,
        times=SubmitTimes(
            turn=settings.lease_seconds,
            lease=CLAIM_LEASES * settings.lease_seconds,
            overdue=settings.overdue_after_seconds,
            backoff_base=settings.retry_base_seconds,
        ),
        silence_seconds=silence_seconds,
        bells=bells,
        clock=clock,
    )
    return tuple(
        Worker(f"submitting {number}", submission, bells.submit, clock, asks_first=True)
        for number in range(1, SUBMITTERS + 1)
    )


def _callback_queue(ground: Ground, silence_seconds: Callable[[], float]) -> CallbackQueue:
    settings, storage, bells, clock = ground.settings, ground.storage, ground.bells, ground.clock
    return CallbackQueue(
        storage,
        parse_callback,
        Callbacks(storage, ground.provider, silence_seconds=silence_seconds, bells=bells, clock=clock).apply,
        ground.operator,
        bells.callbacks,
        clock,
        lease_seconds=ASK_SECONDS + settings.lease_seconds,
        backoff_base_seconds=settings.retry_base_seconds,
    )


def _listeners(ground: Ground, callbacks: CallbackQueue, silence_seconds: Callable[[], float]) -> tuple[Worker, ...]:
    """Hear from the provider, by callback and by poll, and handle jobs it says nothing about."""
    settings, storage, bells, clock = ground.settings, ground.storage, ground.bells, ground.clock
    watch = Watch(
        storage,
        ground.provider,
        ground.isolation,
        patience=_deadline_patience(ground),
        long_patience=Patience(spread_seconds=settings.give_up_after_seconds),
        times=WatchTimes(
            poll_every=settings.poll_every_seconds,
            overdue=settings.overdue_after_seconds,
            give_up=settings.give_up_after_seconds,
        ),
        silence_seconds=silence_seconds,
        bells=bells,
        clock=clock,
    )
    waiting = Waiting(storage, ground.account, give_up_seconds=settings.give_up_after_seconds, bells=bells, clock=clock)
    return (
        Worker("callbacks", callbacks, bells.callbacks, clock),
        *(
            Worker(f"watching {number}", watch, bells.watch, clock, asks_first=True)
            for number in range(1, WATCHERS + 1)
        ),
        Worker("waiting", waiting, Bell(), clock),
    )


def _delivery(ground: Ground, posting: Posting, kept: KeptTracks) -> Delivery:
    settings = ground.settings
    return Delivery(
        ground.storage,
        ground.messenger,
        posting,
        kept,
        ground.isolation,
        patience=_deadline_patience(ground),
        times=DeliveryTimes(
            lease=settings.lease_seconds,
            give_up=settings.give_up_after_seconds,
            backoff_base=settings.retry_base_seconds,
        ),
        bells=ground.bells,
        clock=ground.clock,
    )


def _deliverers(ground: Ground, delivery: Delivery) -> tuple[Worker, ...]:
    bell, clock = ground.bells.deliver, ground.clock
    return tuple(
        Worker(f"delivering {number}", delivery, bell, clock, asks_first=True) for number in range(1, DELIVERERS + 1)
    )


def _deadline_patience(ground: Ground) -> Patience:
    return Patience(spread_seconds=DEADLINE_POLLS * ground.settings.poll_every_seconds)


def _progress(ground: Ground) -> Progress:
    settings = ground.settings
    return Progress(
        ground.storage,
        ground.messenger,
        ground.operator,
        quota_per_day=settings.quota_per_day,
        times=ProgressTimes(
            every=settings.progress_every_seconds,
            lease=settings.lease_seconds,
            backoff_base=settings.retry_base_seconds,
        ),
        bells=ground.bells,
        clock=ground.clock,
    )


def _progress_workers(ground: Ground, progress: Progress) -> tuple[Worker, ...]:
    bell, clock = ground.bells.progress, ground.clock
    return tuple(
        Worker(f"progress {number}", progress, bell, clock, pause_seconds=PROGRESS_PAUSE_SECONDS)
        for number in range(1, PROGRESS_WORKERS + 1)
    )
