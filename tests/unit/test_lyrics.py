"""What an order of lyrics says to its member, and what the provider's record says about it."""

import json
import re
from datetime import UTC, datetime

import discord
import pytest
from msgspec.structs import replace

from bot.chat.lyrics.card import (
    SING_ID,
    WRITE_ID,
    LyricsCard,
    direct_card,
    lyrics_card,
    offer_content,
    offer_view,
    plainer,
    versions_view,
)
from bot.domain.jobs import Failure, FailureReason, WaitReason
from bot.domain.lyrics import (
    VERSIONS_MAX,
    LyricsEnd,
    LyricsOrder,
    LyricsState,
    Version,
    some_versions,
)
from bot.domain.spending import A_JOB, AN_ORDER, Spent
from bot.domain.text import text
from bot.suno.lyrics import parse_lyrics_record
from bot.suno.wire import MalformedRecord
from bot.text import Catalogue

SAY = Catalogue.load().for_reader("en-GB")
ORDER = LyricsOrder(id="2bad", member_id=1, idea="a *ferry* at night", made_at=datetime(2026, 11, 22, tzinfo=UTC))


def ready(*versions: Version) -> LyricsOrder:
    return replace(ORDER, state=LyricsState.READY, versions=versions)


def record(status: str, *, response: object = None, code: object = None, message: object = None) -> bytes:
    data = {"taskId": "t1", "status": status, "response": response, "errorCode": code, "errorMessage": message}
    return json.dumps({"code": 200, "msg": "success", "data": data}).encode()


@pytest.mark.parametrize("key", ["data", "lyricsData"])
def test_a_record_lists_its_lyrics_under_either_name(key: str) -> None:
    written = [
        {"text": "[Verse]\nOne", "title": " Ferry\nnight ", "status": "complete", "errorMessage": ""},
        {"text": "  ", "title": "Nothing"},
        {"text": "[Verse]\nTwo", "title": None},
        {"text": 3},
    ]

    report = parse_lyrics_record(record("SUCCESS", response={"taskId": "t1", key: written}))

    assert (report.task_id, report.end) == ("t1", LyricsEnd.COMPLETE)
    assert report.versions == (
        Version(text="[Verse]\nOne", title="Ferry night"),
        Version(text="[Verse]\nTwo"),
    )


@pytest.mark.parametrize(
    ("body", "end"),
    [
        (record("PENDING"), LyricsEnd.WAITING),
        (record("SUCCESS"), LyricsEnd.WAITING),
        (record("SUCCESS", response={"data": []}), LyricsEnd.WAITING),
        (record("INVENTED"), LyricsEnd.WAITING),
        (record("CALLBACK_EXCEPTION"), LyricsEnd.WAITING),
        (record("CALLBACK_EXCEPTION", response={"data": [{"text": "la"}]}), LyricsEnd.COMPLETE),
        (record("CALLBACK_EXCEPTION", code=500), LyricsEnd.FAILED),
        (record("PENDING", code=413), LyricsEnd.FAILED),
        (record("CREATE_TASK_FAILED"), LyricsEnd.FAILED),
        (record("GENERATE_LYRICS_FAILED", code=531), LyricsEnd.FAILED),
        (record("SENSITIVE_WORD_ERROR"), LyricsEnd.FAILED),
        (b'{"code":200,"data":null}', LyricsEnd.WAITING),
    ],
)
def test_a_record_says_how_far_its_task_is(body: bytes, end: LyricsEnd) -> None:
    assert parse_lyrics_record(body).end is end


def test_a_failed_record_gives_its_reason_without_addresses() -> None:
    report = parse_lyrics_record(record("SENSITIVE_WORD_ERROR", code=400, message="no: https://a.invalid/b?c=d"))

    assert report.is_sensitive
    assert report.code == 400
    assert "https" not in report.message


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data":{"response":[]}}', b"\xff"])
def test_what_is_no_record_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRecord):
        parse_lyrics_record(body)


def test_as_many_versions_are_kept_as_have_a_button() -> None:
    kept = some_versions([Version(text=f"la {number}") for number in range(20)])

    assert len(kept) == VERSIONS_MAX
    assert some_versions([Version(text="x" * 50_000, title="y" * 999)])[0].title == "y" * 200


def test_credits_are_counted_in_tenths() -> None:
    assert A_JOB.credits == 12
    assert sum([AN_ORDER] * 30, Spent()).credits == 12


def test_an_offer_says_what_it_costs_and_that_nothing_is_made_yet() -> None:
    said = offer_content(ORDER, 1, SAY)

    assert "a \\*ferry\\* at night" in said
    assert "cost this bot 0.4 credits, but none of your extensions" in said
    assert said.endswith("1 more time today.")
    (button,) = buttons(offer_view(ORDER, SAY))
    assert (button.label, button.custom_id) == ("Write lyrics", "encore:write:2bad")
    assert re.fullmatch(WRITE_ID, str(button.custom_id))


def test_each_version_has_a_button_that_says_which() -> None:
    shown = buttons(versions_view(ready(Version(text="la"), Version(text="li")), SAY))

    assert [button.label for button in shown] == ["Use lyrics 1", "Use lyrics 2"]
    assert [button.custom_id for button in shown] == ["encore:sing:2bad:1", "encore:sing:2bad:2"]
    assert all(re.fullmatch(SING_ID, str(button.custom_id)) for button in shown)
    (only,) = buttons(versions_view(ready(Version(text="la")), SAY))
    assert only.label == "Use these"


def buttons(view: discord.ui.View) -> list[discord.ui.Button[discord.ui.View]]:
    return [item for item in view.children if isinstance(item, discord.ui.Button)]


def size(card: LyricsCard) -> int:
    return sum(len(embed) for embed in card.embeds)


@pytest.mark.parametrize("count", range(1, VERSIONS_MAX + 1))
@pytest.mark.parametrize("line", ["la " * 30, "*_`~|" * 100, "😀" * 300])
def test_the_longest_lyrics_fit_and_come_whole_as_files(count: int, line: str) -> None:
    long = Version(text="\n".join([line] * 400), title="*Ferry* " * 25)

    card = lyrics_card(replace(ready(*[long] * count), idea="*" * 200), SAY)

    assert len(card.content) <= 2000
    assert size(card) <= 6000
    assert all(len(str(embed.description)) <= 4096 and len(str(embed.title)) <= 256 for embed in card.embeds)
    assert [file.words for file in card.files] == [long.text] * count
    assert all(str(embed.description).endswith("…") for embed in card.embeds)


def test_short_lyrics_need_no_file() -> None:
    card = lyrics_card(ready(Version(text="[Verse]\nla *la*", title="Tide"), Version(text="li")), SAY)

    assert card.files == ()
    assert card.embeds[0].description == "\\[Verse\\]\nla \\*la\\*"
    assert [embed.title for embed in card.embeds] == ["1 · Tide", "2"]


def test_a_line_that_has_to_be_cut_comes_whole_as_a_file() -> None:
    line = "la " * 150

    assert [file.words for file in lyrics_card(ready(Version(text=line)), SAY).files] == [line]


def test_what_discord_refuses_comes_without_embeds_and_with_all_lyrics_as_files() -> None:
    order = ready(Version(text="la", title="Tide"), Version(text="li"))

    _, plain = plainer(order, lyrics_card(order, SAY), SAY)

    assert plain.embeds == ()
    assert [(file.name, file.words) for file in plain.files] == [("tide-1.txt", "la"), ("lyrics-2.txt", "li")]
    assert plain.versions == 2
    assert len([*plainer(ORDER, lyrics_card(ORDER, SAY), SAY)]) == 1


def test_a_direct_message_says_where_to_use_them_and_has_no_buttons() -> None:
    card = direct_card(ready(Version(text="la")), SAY, channel=text("Hello."))

    assert card.content.startswith("Hello.\n")
    assert "use `/lyrics` without an idea in a server" in card.content
    assert card.versions == 0
    failed = replace(ORDER, state=LyricsState.FAILED, failure=Failure(reason=FailureReason.SENSITIVE))
    assert "use `/lyrics`" not in direct_card(failed, SAY, channel=text("Hello.")).content


@pytest.mark.parametrize("reason", FailureReason)
def test_every_failure_has_a_sentence_and_says_whether_it_counts(reason: FailureReason) -> None:
    failure = Failure(reason=reason, provider_message="Said *so*")

    content = lyrics_card(replace(ORDER, state=LyricsState.FAILED, failure=failure), SAY).content

    assert "It said: “Said \\*so\\*”" in content
    counts = reason in {FailureReason.SILENCE, FailureReason.NO_RESULT}
    assert ("may have been paid for" in content) is counts
    assert ("doesn't count" in content) is not counts


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": LyricsState.WAITING}, "usually takes less than a minute"),
        ({"state": LyricsState.RUNNING}, "usually takes less than a minute"),
        ({"state": LyricsState.WAITING, "waits_for": WaitReason.NO_CREDITS}, "run out of credits"),
        ({"state": LyricsState.WAITING, "waits_for": WaitReason.KEY_REFUSED}, "refusing me"),
        ({"state": LyricsState.WAITING, "waits_for": WaitReason.BUSY}, "is busy"),
        ({"state": LyricsState.SENT, "outcome_unknown": True}, "I won't ask again"),
    ],
)
def test_its_member_reads_how_it_stands(changes: dict[str, object], said: str) -> None:
    assert said in lyrics_card(replace(ORDER, **changes), SAY).content
