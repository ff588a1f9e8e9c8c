"""What becomes of a command: a job that holds one unit, or a refusal that holds none."""

import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.jobs import JobState
from bot.domain.text import Said, Text
from bot.errors import (
    DecoderUnavailable,
    NotAudio,
    ProviderBusy,
    QuotaExceeded,
    SourceTooCostly,
)
from bot.services.common.sentences import NOT_USED, with_more, without_cost
from bot.services.pipeline.accept import GOT_IT
from bot.services.pipeline.sources import NOT_TAKEN
from tests.support.pipeline import LIMIT, SEE_WHY, Pipeline, a_pipeline


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


async def test_an_accepted_job_holds_one_unit_and_waits(pipeline: Pipeline) -> None:
    job = await pipeline.accepted(style="folk", title="Boats", prompt="la la")

    assert job.state is JobState.ACCEPTED
    assert (await pipeline.balance()).held == 1
    assert pipeline.provider.uploaded == [b"audio"]
    assert pipeline.messenger.answers == [[GOT_IT]]


async def test_all_broken_rules_and_a_bad_source_are_reported_at_once_and_nothing_is_held(pipeline: Pipeline) -> None:
    pipeline.audio.error = NotAudio()

    job = await pipeline.extend(title="Boats", vocal_gender="x", style_weight=2.0)

    assert job is None
    *reasons, last = pipeline.messenger.answers[0]
    assert len(reasons) == 5  # the file, style, prompt, gender, weight
    assert last == NOT_USED
    assert (await pipeline.balance()).held == 0
    assert pipeline.provider.uploaded == []


async def test_a_file_that_no_process_could_read_is_not_blamed(pipeline: Pipeline) -> None:
    pipeline.audio.error = DecoderUnavailable("no audio process can be used")

    assert await pipeline.extend() is None

    assert pipeline.messenger.answers[0] == without_cost([DecoderUnavailable("").sentence])
    assert (await pipeline.balance()).held == 0


@pytest.mark.parametrize("option", ["style_weight", "weirdness", "audio_weight"])
@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (math.nan, "`{option}` is not a number. Use one from 0 to 1, like 0.65."),
        (math.inf, "`{option}` is {given}. Use a number from 0 to 1."),
    ],
)
async def test_a_weight_that_is_not_a_number_is_refused_by_its_own_rule(
    pipeline: Pipeline, option: str, weight: float, words: str
) -> None:
    weights: dict[str, Any] = {option: weight}

    assert await pipeline.extend(**weights) is None

    given = {"given": Said("Infinity")} if weight == math.inf else {}
    assert pipeline.messenger.answers[0] == without_cost([Text(words, {"option": option, **given})])
    assert (await pipeline.balance()).held == 0


async def test_a_part_that_is_longer_than_was_to_be_cut_is_never_handed_over(pipeline: Pipeline) -> None:
    pipeline.audio.length_seconds = 1000.0  # the source's, and what the cut left of it

    assert await pipeline.extend(trim=True) is None

    assert pipeline.messenger.answers[0] == without_cost([SourceTooCostly("").sentence])
    assert pipeline.provider.uploaded == []


async def test_options_useless_to_an_instrumental_are_left_out_and_the_member_reads_which(pipeline: Pipeline) -> None:
    job = await pipeline.accepted(
        instrumental=True, style="folk", title="Boats", prompt="la la", vocal_gender="f", continue_at=0.5
    )

    assert (job.request.prompt, job.request.vocal_gender) == ("", None)
    assert (job.request.continue_at, job.sent_continue_at) == (0.5, 1.0)
    told = [sentence.message for sentence in pipeline.messenger.answers[0]]
    assert told == [
        GOT_IT.message,
        "An instrumental has no lyrics, so I left out your `prompt`.",
        "An instrumental has no singer, so I left out `vocal_gender`.",
        "The music service can't start before {earliest}, so I moved `continue_at` there.",
    ]
    assert pipeline.messenger.added == []


async def test_a_private_command_reports_what_was_left_out_in_a_separate_message(pipeline: Pipeline) -> None:
    await pipeline.accepted(instrumental=True, vocal_gender="f", private=True)

    assert [sentence.message for sentence in pipeline.messenger.added[0]] == [
        "An instrumental has no singer, so I left out `vocal_gender`."
    ]
    await pipeline.accepted(private=True)
    assert len(pipeline.messenger.added) == 1


async def test_the_acceptance_says_what_is_left_and_how_long_jobs_took_lately(pipeline: Pipeline) -> None:
    first, second = await pipeline.accepted(), await pipeline.accepted()

    assert [(told.job_id, told.balance.left) for told in pipeline.messenger.receipts] == [
        (first.id, LIMIT - 1),
        (second.id, LIMIT - 2),
    ]


async def test_the_same_interaction_makes_one_job(pipeline: Pipeline) -> None:
    job = await pipeline.accepted()
    pipeline.interactions -= 1

    again = await pipeline.extend()

    assert again == job
    assert (await pipeline.balance()).held == 1


async def test_a_member_without_units_is_refused_before_anything_is_read(pipeline: Pipeline) -> None:
    for _ in range(LIMIT):
        await pipeline.accepted()
    pipeline.fetcher.fetched.clear()

    assert await pipeline.extend() is None

    used_up = QuotaExceeded(await pipeline.balance()).sentences
    assert pipeline.messenger.answers[-1] == with_more(used_up, SEE_WHY)
    assert pipeline.fetcher.fetched == []


async def test_a_failed_upload_holds_nothing(pipeline: Pipeline) -> None:
    pipeline.provider.upload_error = ProviderBusy("maintenance", code=455)

    assert await pipeline.extend() is None

    assert (await pipeline.balance()).held == 0
    assert pipeline.messenger.answers[-1] == with_more(without_cost([NOT_TAKEN]), SEE_WHY)
