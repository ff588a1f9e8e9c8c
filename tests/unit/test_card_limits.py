"""Whatever a job contains, Discord takes every message about it, judged by the stand-in's own refusals."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import discord
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.chat import cards, job_list
from bot.chat.progress_card import progress_content, reading_content
from bot.domain.jobs import Failure, FailureReason, Job, JobState, Stage, Track, WaitReason
from bot.domain.progress import BANDS, progress_of
from bot.domain.request import ExtensionRequest
from bot.domain.text import Text
from bot.sandbox.discord.refuse import messages
from bot.sandbox.discord.refuse.body import Body
from bot.services.common.messenger import ResultFile
from bot.text import Catalogue
from tests.support.examples import examples
from tests.support.storage_samples import NOW, a_job

MIB = 1024 * 1024
SAY: Callable[[Text], str] = Catalogue.load().for_reader("en-US")

WORDS = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="*_~`|<>[]()@:/\\#-\n ", max_size=300),
    st.builds(lambda piece, times: piece * times, st.text(min_size=1, max_size=5), st.integers(1, 6000)),
)
URLS = st.one_of(
    st.builds(lambda rest: f"https://files.example/{rest}.mp3", st.text(max_size=600)),
    st.builds(lambda times: "https://files.example/" + "x" * times, st.integers(0, 2100)),
    st.sampled_from(["", "https://xn--a/", "https://[::1]@/", "https://a)b.example/", "ftp://x.example/", "http://"]),
)
TRACKS = st.builds(
    Track,
    id=st.uuids().map(str),
    audio_url=URLS,
    stream_url=URLS,
    image_url=URLS,
    title=WORDS,
    tags=WORDS,
    lyrics=WORDS,
    model_name=WORDS,
    length_seconds=st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)),
)
REQUESTS = st.builds(
    ExtensionRequest, model=st.sampled_from(["V5", "V4_5PLUS"]), title=WORDS, style=WORDS, prompt=WORDS
)


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    return replace(
        a_job(),
        request=draw(REQUESTS),
        source_name=draw(WORDS),
        state=draw(st.sampled_from(list(JobState))),
        stage=draw(st.sampled_from(list(Stage))),
        waits_for=draw(st.sampled_from([None, *WaitReason])),
        outcome_unknown=draw(st.booleans()),
        failure=Failure(reason=draw(st.sampled_from(list(FailureReason))), provider_message=draw(WORDS)),
        tracks=tuple(draw(st.lists(TRACKS, min_size=1, max_size=30))),
        submitted_at=NOW,
        finished_at=NOW,
        final_channel_id=draw(st.sampled_from([None, 300, 999])),
        final_guild_id=draw(st.sampled_from([None, 200])),
        final_is_answer=draw(st.booleans()),
        final_message_id=draw(st.sampled_from([None, 2**63])),
    )


def check(
    content: str, *, embed: discord.Embed | None = None, files: int = 0, components: list[Any] | None = None
) -> None:
    """Raise the refusal that the stand-in would send."""
    data: dict[str, Any] = {"content": content, "components": components or []}
    if embed is not None:
        data["embeds"] = [embed.to_dict()]
    messages.check(Body(value=data), data, before=None, limit_bytes=10 * MIB)
    assert files <= 10


def check_card(card: cards.Card) -> None:
    for shape in cards.plainer(card):
        check(shape.content, embed=shape.embed, files=len(shape.files))
    for file in card.files:
        assert 0 < len(file.alt) <= 1024
        assert file.name.isascii()
    assert len({file.name for file in card.files}) == len(card.files)


@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(
    job=jobs(), attached=st.integers(0, 30), cover=st.sampled_from([None, Path("cover.webp")]), preface=st.booleans()
)
def test_discord_takes_a_result_and_a_failure(job: Job, attached: int, cover: Path | None, preface: bool) -> None:
    files = [
        ResultFile(track=track, path=Path("one.mp3") if number < attached else None, cover=cover)
        for number, track in enumerate(job.tracks)
    ]
    why = Text("I can't post in <#1234567890123456789> any more, so here is your music.") if preface else None

    check_card(cards.result_card(job, files, SAY, preface=why))
    check_card(cards.failure_card(job, SAY, preface=why))


@settings(
    max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(job=jobs(), band=st.sampled_from([None, *BANDS]))
def test_discord_takes_a_progress_message(job: Job, band: int | None) -> None:
    view = progress_of(job, band=band, usual_seconds=None, began_at=NOW, at=NOW)

    check(progress_content(job, view, SAY))
    check(reading_content(replace(job.place, member_id=2**63), job.source_name, SAY))


@settings(
    max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(mine=st.lists(jobs(), min_size=1, max_size=4), times=st.integers(1, 8))
def test_discord_takes_the_list_of_jobs_and_the_details_of_each(mine: list[Job], times: int) -> None:
    listed = [(replace(job, id=f"{number:032x}"), 7) for number, job in enumerate(mine * times)]
    options = [option.to_dict() for option in job_list.job_options(listed, SAY)]
    menu = {"type": 3, "custom_id": "encore:jobs", "options": options}

    check(job_list.jobs_content(listed, SAY), components=[{"type": 1, "components": [menu]}])
    for job, position in listed:
        check(job_list.job_content(job, position, SAY, at=NOW))


def test_the_check_itself_refuses() -> None:
    with pytest.raises(Exception, match="50035"):
        check("x" * 2001)
