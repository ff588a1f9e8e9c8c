"""The words that make something happen: each is understood, documented, and found in a request."""

import json
from pathlib import Path

import pytest

from bot.sandbox.suno.envelopes import Stage
from bot.sandbox.suno.scenarios import MARKERS, markers_in, scenario_of, with_words
from bot.sandbox.suno.troubles import SUBMIT_ERRORS, TASK_ERRORS, AnswerKind, FileKind, Scenario

FIXTURES = Path(__file__).parents[1] / "fixtures" / "suno"
PAGE = Path(__file__).parents[2] / "docs" / "sandbox-suno.md"

EXAMPLES = {
    "CODE": "413",
    "STATUS": "502",
    "SECONDS": "0.5",
    "STAGE...": "text",
    "N": "3",
    "MB": "30",
}


def example(name: str) -> str:
    takes = next(marker.takes for marker in MARKERS if marker.name == name)
    return " ".join([name, *(EXAMPLES[word] for word in takes.split() if word in EXAMPLES)])


@pytest.mark.parametrize("name", [marker.name for marker in MARKERS])
def test_every_entry_changes_something(name: str) -> None:
    assert with_words(Scenario(), example(name)) != Scenario()


@pytest.mark.parametrize("name", [marker.name for marker in MARKERS])
def test_every_entry_is_documented(name: str) -> None:
    marker = next(marker for marker in MARKERS if marker.name == name)
    shown = f"{marker.name} {marker.takes}".strip()

    assert f"| `{shown}` | {marker.meaning} |" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words", ["", "chorus", "error", "error 999", "error x", "http 200", "http", "skip tail", "file-cut x", "tracks"]
)
def test_anything_else_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match="not in the table"):
        with_words(Scenario(), words)


@pytest.mark.parametrize("code", list(SUBMIT_ERRORS))
def test_every_submit_error_can_be_ordered(code: str) -> None:
    fault = with_words(Scenario(), f"error {code} 2").answer

    assert fault is not None
    assert (fault.kind, fault.code, fault.times, fault.started) == (
        AnswerKind.ERROR,
        *SUBMIT_ERRORS[code][:1],
        2,
        False,
    )


@pytest.mark.parametrize("code", list(TASK_ERRORS))
def test_every_task_error_can_be_ordered_at_any_stage(code: str) -> None:
    failure = with_words(Scenario(), f"callback-error {code} complete").failure

    assert failure is not None
    assert (failure.message, failure.stage) == (TASK_ERRORS[code].message, Stage.COMPLETE)


@pytest.mark.parametrize("code", ["401", "404", "405", "413", "429", "430", "455", "500"])
def test_submit_errors_have_the_recorded_texts(code: str) -> None:
    recorded = json.loads((FIXTURES / f"submit-error-{code}.json").read_text(encoding="utf-8"))

    assert SUBMIT_ERRORS[code] == (recorded["code"], recorded["msg"])


def test_an_answer_may_be_lost_after_the_task_was_started() -> None:
    fault = with_words(Scenario(), "drop 1 started").answer

    assert fault is not None
    assert (fault.kind, fault.times, fault.started) == (AnswerKind.DROP, 1, True)


def test_entries_add_up() -> None:
    scenario = scenario_of(["one-track", "duplicate 3", "file-cut 1"])

    assert (scenario.tracks, scenario.copies) == (1, 3)
    assert scenario.file_trouble is not None
    assert (scenario.file_trouble.kind, scenario.file_trouble.times) == (FileKind.CUT, 1)


def test_markers_are_found_in_every_text_and_in_the_file_name() -> None:
    body: dict[str, object] = {
        "title": "Boats [[one-track]]",
        "prompt": "[[Chorus]] la [[duplicate 2]]",
        "style": "[[late]]",
        "lyrics": None,
        "uploadUrl": "https://files.example.com/[[folder]]/loop%20%5B%5Berror_405_2%5D%5D.mp3?x=[[stuck]]",
    }

    assert markers_in(body) == ["one-track", "duplicate 2", "late", "error 405 2"]


def test_lyrics_in_brackets_are_no_markers() -> None:
    assert markers_in({"prompt": "[Verse]\n[[Chorus]]\n[[tracks many]]"}) == []
