"""What can be made to happen to one submission and its task, each by a word: in a text of the request as a marker
such as `[[error 405]]` (title, prompt, lyrics, style, or the file name of `uploadUrl`), or by `FakeSuno.script`,
`FakeSuno.next_submit` and `FakeSuno.next_call`. Several may be combined. The table is `MARKERS`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from bot.sandbox.suno.envelopes import Stage, Status
from bot.sandbox.suno.troubles import (
    CREATE_FAILED,
    SENSITIVE_WORD,
    SUBMIT_ERRORS,
    TASK_ERRORS,
    AnswerKind,
    AnswerTrouble,
    FileKind,
    FileTrouble,
    Order,
    Scenario,
    TextData,
    Title,
)

Change = Callable[[Scenario, Sequence[str]], Scenario]


def _whole(words: Sequence[str], place: int = 0, default: int | None = None) -> int | None:
    return int(words[place]) if len(words) > place else default


def _answer(kind: AnswerKind) -> Change:
    """`[N]` for kinds without a code, `CODE [N]` for the others; "started" among the words begins the task first."""

    def change(scenario: Scenario, words: Sequence[str]) -> Scenario:
        rest = [word for word in words if word != "started"]
        code, message = 0, ""
        if kind is AnswerKind.ERROR:
            code, message = SUBMIT_ERRORS[rest.pop(0)]
        elif kind is AnswerKind.HTTP:
            code = int(rest.pop(0))
            if not 400 <= code <= 599:
                raise ValueError(code)
        trouble = AnswerTrouble(
            kind=kind, code=code, message=message, started="started" in words, times=_whole(rest, default=None)
        )
        return replace(scenario, answer=trouble)

    return change


def _task_error(scenario: Scenario, words: Sequence[str]) -> Scenario:
    stage = Stage(words[1]) if len(words) > 1 else Stage.TEXT
    return replace(scenario, failure=replace(TASK_ERRORS[words[0]], stage=stage))


def _file(kind: FileKind) -> Change:
    def change(scenario: Scenario, words: Sequence[str]) -> Scenario:
        if kind is FileKind.STATUS:
            trouble = FileTrouble(kind=kind, status=int(words[0]), times=_whole(words, 1))
        elif kind is FileKind.SLOW:
            trouble = FileTrouble(kind=kind, seconds=float(words[0]), times=_whole(words, 1))
        else:
            trouble = FileTrouble(kind=kind, times=_whole(words))
        return replace(scenario, file_trouble=trouble)

    return change


def _skip(scenario: Scenario, words: Sequence[str]) -> Scenario:
    return replace(scenario, skipped=scenario.skipped | {Stage(word) for word in words})


def _callback_exception(scenario: Scenario, words: Sequence[str]) -> Scenario:
    return replace(scenario, callback_exception=True, exception_has_tracks="empty" not in words)


def _large(scenario: Scenario, words: Sequence[str]) -> Scenario:
    return replace(scenario, file_bytes=round(float(words[0]) * 1_000_000))


@dataclass(frozen=True, slots=True)
class Marker:
    """`takes` are the words that may follow, optional ones in brackets."""

    name: str
    takes: str
    meaning: str
    change: Change


MARKERS: tuple[Marker, ...] = (
    Marker(
        "error",
        "CODE [N]",
        "refused with that code; 429 is no credits, `429-frequency` is kie.ai's",
        _answer(AnswerKind.ERROR),
    ),
    Marker(
        "http",
        "STATUS [N] [started]",
        "a gateway's page with that HTTP status (502, 503, 504)",
        _answer(AnswerKind.HTTP),
    ),
    Marker("html", "[N] [started]", "HTTP 200 with a web page", _answer(AnswerKind.HTML)),
    Marker("hold", "[N] [started]", "no answer at all", _answer(AnswerKind.HOLD)),
    Marker("drop", "[N] [started]", "the connection is closed without an answer", _answer(AnswerKind.DROP)),
    Marker("no-task-id", "[N] [started]", "code 200 without a task id", _answer(AnswerKind.NO_TASK_ID)),
    Marker(
        "late-answer",
        "[STAGE]",
        "the answer comes after that callback (complete)",
        lambda s, w: replace(s, answer_after=Stage(w[0]) if w else Stage.COMPLETE),
    ),
    Marker(
        "slow-answer",
        "SECONDS",
        "the answer comes so many real seconds later",
        lambda s, w: replace(s, answer_delay_seconds=float(w[0])),
    ),
    Marker("code-text", "", "the answer's `code` is a string of digits", lambda s, _: replace(s, code_text=True)),
    Marker(
        "callback-error",
        "CODE [STAGE]",
        "the task fails with that code instead of reaching STAGE (text); credits back",
        _task_error,
    ),
    Marker("create-failed", "", "ends as CREATE_TASK_FAILED", lambda s, _: replace(s, failure=CREATE_FAILED)),
    Marker("generate-failed", "", "ends as GENERATE_AUDIO_FAILED", lambda s, _: replace(s, failure=TASK_ERRORS["501"])),
    Marker("sensitive-word", "", "ends as SENSITIVE_WORD_ERROR", lambda s, _: replace(s, failure=SENSITIVE_WORD)),
    Marker(
        "stuck",
        "[CODE]",
        "stays PENDING with errorCode 413 (or CODE), no callbacks",
        lambda s, w: replace(s, endless=True, pending_error=_whole(w, 0, 413)),
    ),
    Marker("silent", "", "stays PENDING, no callbacks, paid", lambda s, _: replace(s, endless=True)),
    Marker(
        "odd-status",
        "",
        "says GENERATING instead of PENDING",
        lambda s, _: replace(s, pending_status=Status.GENERATING),
    ),
    Marker("no-callbacks", "", "only record-info tells", lambda s, _: replace(s, callbacks=False)),
    Marker("skip", "STAGE...", "these callbacks are left out", _skip),
    Marker(
        "complete-alone",
        "",
        "as `skip text first`",
        lambda s, _: replace(s, skipped=frozenset({Stage.TEXT, Stage.FIRST})),
    ),
    Marker(
        "duplicate", "[N]", "each callback is sent N times (2)", lambda s, w: replace(s, copies=_whole(w, 0, 2) or 1)
    ),
    Marker("out-of-order", "", "complete, first, text, all at the end", lambda s, _: replace(s, order=Order.REVERSED)),
    Marker("late", "", "text and first a scaled minute after complete", lambda s, _: replace(s, order=Order.LATE)),
    Marker("tracks", "N", "so many tracks instead of two", lambda s, w: replace(s, tracks=max(1, min(8, int(w[0]))))),
    Marker("one-track", "", "as `tracks 1`", lambda s, _: replace(s, tracks=1)),
    Marker("camel-task-id", "", "callbacks spell it `taskId`", lambda s, _: replace(s, camel_task_id=True)),
    Marker("text-null", "", "the text callback's data is null", lambda s, _: replace(s, text_data=TextData.NULL)),
    Marker(
        "text-tracks",
        "",
        "the text callback has tracks without audio",
        lambda s, _: replace(s, text_data=TextData.TRACKS),
    ),
    Marker(
        "create-time-text", "", '`createTime` is "2025-01-01 00:00:00"', lambda s, _: replace(s, create_time_text=True)
    ),
    Marker(
        "documented-first",
        "",
        "`first` has the finished track alone, as documented",
        lambda s, _: replace(s, documented_first=True),
    ),
    Marker("empty-first", "", "`first` lists the unfinished track first", lambda s, _: replace(s, second_first=True)),
    Marker("empty-track", "", "the first track never gets an `audio_url`", lambda s, _: replace(s, empty_track=True)),
    Marker(
        "second-track-later",
        "SECONDS",
        "complete and SUCCESS come while the second track has no audio; it has, that many real seconds later",
        lambda s, w: replace(s, second_later_seconds=float(w[0])),
    ),
    Marker(
        "success-empty",
        "[N]",
        "complete and the first N SUCCESS answers (2) have no tracks",
        lambda s, w: replace(s, empty_successes=_whole(w, 0, 2) or 0),
    ),
    Marker("callback-exception", "[empty]", "ends as CALLBACK_EXCEPTION, no complete callback", _callback_exception),
    Marker("file-error", "STATUS [N]", "the audio answers that status, N times or always", _file(FileKind.STATUS)),
    Marker("file-slow", "SECONDS [N]", "the audio takes that long", _file(FileKind.SLOW)),
    Marker("file-cut", "[N]", "the audio breaks off in the middle", _file(FileKind.CUT)),
    Marker("file-large", "MB", "the audio has so many megabytes (silence)", _large),
    Marker(
        "long-track",
        "SECONDS",
        "the first track is that long (silence): from 2,700 s on no encoding fits into 10 MiB",
        lambda s, w: replace(s, first_track_seconds=float(w[0])),
    ),
    Marker(
        "new-alone",
        "",
        "the tracks are the new music alone, without the source before it",
        lambda s, _: replace(s, new_alone=True),
    ),
    Marker("title-uuid", "", "the title comes back as the track's id", lambda s, _: replace(s, title=Title.UUID)),
    Marker("title-empty", "", "the title comes back empty", lambda s, _: replace(s, title=Title.EMPTY)),
)

_BY_NAME = {marker.name: marker for marker in MARKERS}
_MARKED = re.compile(r"\[\[([^\[\]]{1,60})\]\]")
_TEXTS = ("title", "prompt", "lyrics", "style")


def with_words(scenario: Scenario, words: str) -> Scenario:
    """`scenario` changed by one entry of the table, such as "error 405 2". Raises ValueError for anything else."""
    name, *rest = words.replace("=", " ").split() or [""]
    try:
        return _BY_NAME[name].change(scenario, rest)
    except (LookupError, ValueError) as error:
        raise ValueError(f"not in the table of scenarios: {words!r}") from error


def scenario_of(words: Iterable[str], base: Scenario | None = None) -> Scenario:
    scenario = base or Scenario()
    for entry in words:
        scenario = with_words(scenario, entry)
    return scenario


def markers_in(body: Mapping[str, object]) -> list[str]:
    """The words of all markers in a request. Other double brackets (`[[Chorus]]`) are lyrics."""
    texts = [str(body.get(name) or "") for name in _TEXTS]
    texts.append(unquote(urlsplit(str(body.get("uploadUrl") or "")).path).rpartition("/")[2].replace("_", " "))
    found = [words for text in texts for words in _MARKED.findall(text)]
    return [words for words in found if _is_marker(words)]


def _is_marker(words: str) -> bool:
    try:
        with_words(Scenario(), words)
    except ValueError:
        return False
    return True
