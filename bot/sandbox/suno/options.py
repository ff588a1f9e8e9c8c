"""How the stand-in for the Suno API is set up."""

from dataclasses import dataclass
from enum import StrEnum


class UnknownTask(StrEnum):
    """record-info's answer for an unknown task id; nobody has recorded the real one."""

    CODE_404 = "code 404"
    DATA_NULL = "data null"


@dataclass(frozen=True, slots=True, kw_only=True)
class SunoOptions:
    """Seconds marked `scaled` are multiplied by `time_scale`; all others are real.

    Sources: docs/provider.md 5 for times and prices, 2 for callbacks, 6 for uploads.
    """

    api_key: str = "sandbox-suno-key"
    port: int = 0  # 0: any free one
    credits: float = 10_000
    cost: float = 12  # credits per task
    lyrics_cost: float = 0.4  # credits for lyrics alone (docs/provider.md 9)
    timed_lyrics_cost: float = 0.5  # credits for the times of one track (docs/provider.md 10)
    time_scale: float = 1.0

    text_after_seconds: float = 30  # scaled, like the next four; all counted from acceptance
    first_after_seconds: float = 100
    complete_after_seconds: float = 180
    lyrics_after_seconds: float = 20  # scaled; inferred: lyrics as a part of music take 30 s
    retry_after_seconds: tuple[float, ...] = (60, 300, 900)
    callback_timeout_seconds: float = 15
    webhook_key: str = ""  # not empty: callbacks are signed as kie.ai does

    rate_limit: int = 20  # accepted submissions in any `rate_window_seconds`; 0: no limit
    rate_window_seconds: float = 10
    latency_seconds: float = 0.0  # before each answer of the API
    real_http_status: bool = False  # errors carry their code as HTTP status instead of HTTP 200
    unknown_task: UnknownTask = UnknownTask.CODE_404
    retired_models: frozenset[str] = frozenset()  # refused as if they had never existed
    v6: bool = False  # the contract of the V6 generation: `lyrics`, `variety`, `defaultParamFlag` may be missing

    audio: bool = True  # False: every result is one silent mp3 of `audio_bytes`, made once
    audio_bytes: int = 65_536
    check_source: bool = True  # False: the source is fetched, but its length is not measured
    continuation_seconds: float = 40  # of new music after `continueAt`

    manual: bool = False  # True: only `FakeSuno.finish` and `FakeSuno.fail` move tasks
    upload_limit_bytes: int = 200_000_000
    source_timeout_seconds: float = 30
    hold_seconds: float = 600  # the longest that an answer is withheld
    keep: int = 20_000  # how many requests, callbacks and tasks are remembered
