"""How today's code reads the provider's messages from the time of earlier releases.

`python -m tests.support.provider_replay 1` prints the outcomes of release 1, to be stored as its `expected.json`.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bot.domain.jobs import Job, JobState
from bot.domain.reports import TaskReport, apply_report
from bot.errors import ProviderError
from bot.suno.refusals import read_answer
from bot.suno.wire import parse_callback, parse_record
from tests.support.storage_samples import a_job, after

RELEASES = Path(__file__).parents[1] / "fixtures" / "provider"
EXPECTED = "expected.json"

Outcome = dict[str, Any]


def messages_of(release: str) -> list[Path]:
    return sorted(path for path in (RELEASES / release).glob("*.json") if path.name != EXPECTED)


def expected_of(release: str) -> Mapping[str, Outcome]:
    found: Mapping[str, Outcome] = json.loads((RELEASES / release / EXPECTED).read_text(encoding="utf-8"))
    return found


def outcome_of(message: Path) -> Outcome:
    """What today's code makes of a message; the file's name gives its kind."""
    body = message.read_bytes()
    if message.name.startswith("callback-"):
        return _of_report(parse_callback, body)
    if message.name.startswith("record-info-"):
        return _of_report(parse_record, body)
    return _of_answer(body)


def _of_report(parse: Callable[[bytes], TaskReport], body: bytes) -> Outcome:
    """The report, and a running job after applying it."""
    report = parse(body)
    job = apply_report(_a_running_job(report), report, at=after(60))
    return {
        "kind": report.kind.value,
        "tracks_ready": [bool(track.audio_url) for track in report.tracks],
        "code": report.code,
        "state": job.state.value,
        "stage": job.stage.value,
        "reason": job.failure.reason.value if job.failure else None,
        "told": job.failure.provider_message if job.failure else None,
    }


def _a_running_job(report: TaskReport) -> Job:
    return replace(a_job(state=JobState.RUNNING), task_id=report.task_id, submitted_at=after(0), heard_at=after(0))


def _of_answer(body: bytes) -> Outcome:
    """A success, or the error of an HTTP 200 answer and whether paid work may have started."""
    try:
        envelope = read_answer(200, body)
    except ProviderError as error:
        return {"error": type(error).__name__, "code": error.code, "may_have_started": error.may_have_started}
    return {"error": None, "code": envelope.code, "data": sorted(envelope.data)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release")
    release = parser.parse_args().release
    outcomes = {message.stem: outcome_of(message) for message in messages_of(release)}
    print(json.dumps(outcomes, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
