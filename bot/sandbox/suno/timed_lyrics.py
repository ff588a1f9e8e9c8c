"""When each word of a track is sung: `POST /api/v1/generate/get-timestamped-lyrics` (docs/provider.md 10)."""

import json
import re
from collections.abc import Callable, Mapping
from itertools import pairwise

from aiohttp import web

from bot.sandbox.suno import rules
from bot.sandbox.suno.answers import Answers
from bot.sandbox.suno.envelopes import Json, MadeTrack, envelope
from bot.sandbox.suno.options import SunoOptions
from bot.sandbox.suno.rules import Refusal, Terms
from bot.sandbox.suno.tasks import Task

PATH = "/api/v1/generate/get-timestamped-lyrics"
WAVEFORM_POINTS = 64

_REQUIRED = "documented: required (docs/provider.md 10); text inferred"
_TYPED = "inferred: the type in the field table (docs/provider.md 10)"
TIMED_REFUSALS: tuple[Refusal, ...] = (
    Refusal("task_missing", 400, "taskId cannot be empty", _REQUIRED, lambda body, _: not body.get("taskId")),
    Refusal("task_type", 400, "taskId must be a string", _TYPED, lambda body, _: not isinstance(body["taskId"], str)),
    Refusal("audio_missing", 400, "audioId cannot be empty", _REQUIRED, lambda body, _: not body.get("audioId")),
    Refusal(
        "audio_type", 400, "audioId must be a string", _TYPED, lambda body, _: not isinstance(body["audioId"], str)
    ),
)


class TimedLyricsDesk:
    """`tasks` are those of music. `shortage` and `charge`: as for `LyricsDesk`."""

    def __init__(
        self,
        *,
        options: SunoOptions,
        answers: Answers,
        tasks: Mapping[str, Task],
        shortage: Callable[[float], tuple[int, str] | None],
        charge: Callable[[float], None],
    ) -> None:
        self._options = options
        self._answers = answers
        self._tasks = tasks
        self._shortage = shortage
        self._charge = charge
        self.answered: list[tuple[str, str]] = []
        """A task and a track for each answer that was paid for."""

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self._ask)]

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        """Refuse by the rules, for what is not there, for credits, for rate; else answer at once and charge."""
        try:
            body = json.loads(await request.read())
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return self._answers.error(*rules.NOT_JSON)
        if refusal := next((row for row in TIMED_REFUSALS if row.holds(body, Terms())), None):
            return self._answers.error(refusal.code, refusal.message)
        task = self._tasks.get(body["taskId"])
        track = None if task is None else next((each for each in task.tracks if each.id == body["audioId"]), None)
        if track is None or not track.finished:
            return self._answers.error(*rules.NOT_FOUND)
        if shortage := self._shortage(self._options.timed_lyrics_cost):
            return self._answers.error(*shortage)
        self._charge(self._options.timed_lyrics_cost)
        self.answered.append((body["taskId"], track.id))
        return self._answers.json(envelope(200, "success", timed(track)))


def timed(track: MadeTrack) -> Json:
    """The answer's `data`: each word with the spaces, breaks and headings around it, evenly over the track."""
    words = words_of(track.lyrics)
    length = track.duration or 0.0
    marks = [round(length * number / (len(words) + 1), 2) for number in range(1, len(words) + 2)]
    return {
        "alignedWords": [
            {"word": word, "success": True, "startS": start, "endS": end, "palign": 0}
            for word, (start, end) in zip(words, pairwise(marks), strict=True)
        ],
        "waveformData": [round(abs(number % 8 - 4) / 4, 2) for number in range(WAVEFORM_POINTS)],
        "hootCer": 0.38,
        "isStreamed": False,
    }


def words_of(lyrics: str) -> list[str]:
    """As in the documented example: a heading and its line break belong to the word that follows."""
    return re.findall(r"(?:\s*\[[^\]\n]*\]\s*)*\s*[^\s\[]\S*\s*(?:\[[^\]\n]*\]\s*\Z)?", lyrics)
