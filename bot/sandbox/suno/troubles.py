"""What can happen to a submission and its task: the parts of a scenario, and the provider's errors.

Source of the shapes: docs/provider.md 1.4, 2, 4 and 8.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.sandbox.suno.envelopes import Stage, Status


class AnswerKind(StrEnum):
    ERROR = "error"  # an envelope with a code
    HTTP = "http"  # a gateway's error page
    HTML = "html"  # HTTP 200, but a web page
    HOLD = "hold"  # no answer at all
    DROP = "drop"  # the connection is closed without an answer
    NO_TASK_ID = "no-task-id"  # code 200, data null


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerTrouble:
    """How a call is answered instead. `started`: only after the task was begun and paid. `times` None: always."""

    kind: AnswerKind
    code: int = 0
    message: str = ""
    started: bool = False
    times: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailure:
    """How a task ends instead of reaching `stage`; `empty_list`: the callback's data is [] instead of null."""

    status: Status
    code: int
    message: str
    stage: Stage = Stage.TEXT
    empty_list: bool = False


class FileKind(StrEnum):
    STATUS = "status"
    SLOW = "slow"
    CUT = "cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTrouble:
    """How a result's audio is served, the first `times` times (None: always)."""

    kind: FileKind
    status: int = 200
    seconds: float = 0.0
    times: int | None = None


class Order(StrEnum):
    """In which order callbacks go out."""

    IN_TURN = "in turn"
    REVERSED = "reversed"  # all at the end: complete, first, text
    LATE = "late"  # complete at the end, text and first a (scaled) minute later


class TextData(StrEnum):
    """`data.data` of the text callback."""

    EMPTY = "empty"
    NULL = "null"
    TRACKS = "tracks"


class Title(StrEnum):
    """What the tracks' title comes back as."""

    AS_SENT = "as sent"
    UUID = "uuid"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One submission and its task. By default all goes well."""

    answer: AnswerTrouble | None = None
    answer_after: Stage | None = None  # the answer waits until that stage's callback was delivered
    answer_delay_seconds: float = 0.0  # real seconds
    code_text: bool = False  # codes of the submit answer are strings
    failure: TaskFailure | None = None
    endless: bool = False  # stays PENDING, no callbacks
    pending_error: int | None = None  # with `endless`: the errorCode that the PENDING record shows
    pending_status: Status = Status.PENDING
    callbacks: bool = True
    skipped: frozenset[Stage] = frozenset()
    copies: int = 1
    order: Order = Order.IN_TURN
    tracks: int = 2
    camel_task_id: bool = False
    text_data: TextData = TextData.EMPTY
    create_time_text: bool = False
    documented_first: bool = False
    second_first: bool = False  # at `first`, the track listed first is the unfinished one
    empty_track: bool = False  # the first track never gets its audio
    second_later_seconds: float | None = None  # all tracks but the first get their audio this long after the end
    empty_successes: int = 0  # how often record-info says SUCCESS without tracks; the complete callback does too
    callback_exception: bool = False
    exception_has_tracks: bool = True
    title: Title = Title.AS_SENT
    file_trouble: FileTrouble | None = None
    file_bytes: int | None = None
    first_track_seconds: float | None = None  # the first track is silence of this length
    new_alone: bool = False  # the tracks begin where the source was left


# docs/provider.md 1.4; texts as observed there, else the documents' labels. kie.ai's codes are here too.
SUBMIT_ERRORS: Mapping[str, tuple[int, str]] = {
    "400": (400, "Invalid parameters"),
    "400-model": (400, "model is not supported"),
    "401": (401, "You do not have access permissions"),
    "402": (402, "The current credits are insufficient. Please top up."),
    "404": (404, "Not Found"),
    "405": (405, "Rate limit exceeded"),
    "408": (408, "Timeout."),
    "409": (409, "Record already exists"),
    "413": (413, "Theme or prompt too long"),
    "422": (422, "continueAt cannot be empty or less than 1"),
    "429": (429, "The current credits are insufficient. Please top up."),
    "429-frequency": (429, "Your call frequency is too high. Please try again later."),
    "430": (430, "Your call frequency is too high. Please try again later."),
    "433": (433, "Insufficient credits"),
    "451": (451, "Unable to download source audio file"),
    "455": (455, "System maintenance"),
    "500": (500, "Server error"),
    "505": (505, "Feature disabled"),
    "553": (553, "voice has expired"),
}

_CREATE, _AUDIO = Status.CREATE_TASK_FAILED, Status.GENERATE_AUDIO_FAILED

# docs/provider.md 2.2; which status goes with which code is inferred.
TASK_ERRORS: Mapping[str, TaskFailure] = {
    "400": TaskFailure(status=_AUDIO, code=400, message="Audio extension failed"),
    "400-lyrics": TaskFailure(
        status=_AUDIO, code=400, message="Lyrics contained copyrighted material.", empty_list=True
    ),
    "408": TaskFailure(status=_AUDIO, code=408, message="Timeout."),
    "413": TaskFailure(status=_AUDIO, code=413, message="Uploaded audio matches existing work of art."),
    "451": TaskFailure(status=_CREATE, code=451, message="Unable to download source audio file"),
    "500": TaskFailure(status=_CREATE, code=500, message="Server error"),
    "501": TaskFailure(status=_AUDIO, code=501, message="Audio generation failed", empty_list=True),
    "531": TaskFailure(
        status=_AUDIO,
        code=531,
        message="Sorry, the generation failed due to an issue. Your credits have been refunded. Please try again.",
    ),
}
CREATE_FAILED = TaskFailure(status=_CREATE, code=500, message="Failed to create task")
SENSITIVE_WORD = TaskFailure(
    status=Status.SENSITIVE_WORD_ERROR,
    code=400,
    message="Your tags contain an artist name. Please change your tags and try again.",
)
