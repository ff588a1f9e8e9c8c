"""What members see can also be heard: files and pictures have words, and no state is told by a sign alone."""

import ast
import inspect
import pkgutil
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import TypeAlias, get_type_hints

from babel.messages.pofile import read_po
from msgspec.structs import replace

import bot.chat
from bot.chat import cards, why
from bot.chat.cards import Attached, Card, joins_attached, result_card
from bot.chat.lyrics.card import direct_card, lyrics_card
from bot.chat.lyrics.timed import lrc_files
from bot.chat.pick.choice import file_of
from bot.chat.progress_card import progress_content
from bot.chat.result.lyrics import lyrics_shown
from bot.chat.result.rows import ResultVerb
from bot.chat.song.posts import whole_song_file
from bot.domain.gates import Finding, Gate, Verdict
from bot.domain.jobs import Failure, FailureReason, Job, JobState, Stage, Track, WaitReason
from bot.domain.joins import JoinFormat
from bot.domain.lyrics import LyricsOrder, LyricsState, Version
from bot.domain.outlines import Level, Outline, Part
from bot.domain.progress import BANDS, progress_of
from bot.domain.text import text
from bot.domain.timed_lyrics import TimedLine
from bot.services.common.messenger import JoinShown, ResultFile
from bot.services.common.sentences import STATE_NAMES
from bot.services.common.song_posts import WholeSong
from bot.services.songs.picking import Picture
from bot.text import LOCALES, Catalogue
from tests.support.storage_samples import NOW, a_job

ROOT = Path(__file__).parents[2]
SAY = Catalogue.load().for_reader("en-US")
TIME_OF_DAY = re.compile(r"\d:\d\d")
"""Screen readers say "one o'clock" for `1:00` (bbc/simorgh#2309, mediaelement/mediaelement#2935)."""

Shown: TypeAlias = tuple[str, Card]
"""A card with a name for the test."""


def spoken(words: str) -> str:
    """What is left for the ear: without pictographs, Discord's markup for small print, and other signs."""
    return " ".join("".join(c if unicodedata.category(c)[0] in "LNPZ" else " " for c in words).split())


# Every card


def a_track(number: int, *, lyrics: str = "la la", **changes: object) -> Track:
    track = Track(
        id=str(number),
        audio_url=f"https://files.example/{number}.mp3",
        image_url="https://files.example/cover.png",
        title="Boats_2 [live]",
        tags="folk",
        lyrics=lyrics,
        length_seconds=60.0,
    )
    return replace(track, **changes)


def results() -> Iterator[Shown]:
    """Results of every kind: how many takes, attached or linked, with or without a cover, short and long lyrics."""
    lyrics = {"no": "", "short": "la la", "long": "la la la\n" * 400, "marked": "*_~`" * 300}
    for takes, is_attached, cover, (kind, words), is_shared in product(
        (1, 2, 12), (True, False), (None, Path("x/cover.webp")), lyrics.items(), (True, False)
    ):
        job = replace(a_job(), tracks=tuple(a_track(each, lyrics=words) for each in range(takes)))
        job = replace(job, request=replace(job.request, prompt=""))
        files = [
            ResultFile(track=track, path=Path("take.mp3") if is_attached else None, cover=cover) for track in job.tracks
        ]
        name = f"{takes} takes, attached {is_attached}, cover {cover}, {kind} lyrics, shared {is_shared}"
        yield name, result_card(job, files, SAY, is_shared=is_shared)


def failures() -> Iterator[Shown]:
    for reason in FailureReason:
        job = replace(a_job(), state=JobState.FAILED, failure=Failure(reason=reason, provider_message="no"))
        yield str(reason), cards.failure_card(job, SAY)


def lyrics_files() -> Iterator[tuple[str, Attached]]:
    for takes in (1, 2):
        tracks = tuple(a_track(each, lyrics=f"la {each}\n" * 500) for each in range(takes))
        job = a_job()
        titled = replace(job, tracks=tracks, request=replace(job.request, title="Boats (live)"))
        _, files = lyrics_shown(titled, SAY)
        for file in files:
            yield f"lyrics of {takes} takes", file


OUTLINE = Outline(
    length_seconds=150.0,
    points=(12.0, 71.0),
    parts=(
        Part(begins_at=0.0, ends_at=70.0, level=Level.LOUD),
        Part(begins_at=70.0, ends_at=120.0, level=Level.QUIET),
        Part(begins_at=120.0, ends_at=150.0, level=Level.SILENT),
    ),
)


def pictures_to_pick_from() -> Iterator[tuple[str, Attached]]:
    yield "a picture to pick from", file_of(Picture(outline=OUTLINE, path=Path("picture.png")), SAY)


def joins() -> Iterator[tuple[str, Attached]]:
    shown = JoinShown(picture=Path("picture.png"), outline=replace(OUTLINE, seam=71.0), preview=Path("preview.mp3"))
    for takes in (1, 2):
        files = [ResultFile(track=a_track(each), path=None, join=shown) for each in range(takes)]
        for file in joins_attached(a_job(), files, SAY, most=10):
            yield f"joins of {takes} takes", file


CARDS: dict[str, Callable[[], Iterator[Shown]]] = {"result_card": results, "failure_card": failures}


def written_lyrics() -> Iterator[tuple[str, Attached]]:
    versions = tuple(Version(title="Ferry", text="la la la\n" * 900) for _ in range(2))
    order = LyricsOrder(id="2bad", member_id=1, idea="a ferry", made_at=NOW, state=LyricsState.READY, versions=versions)
    for card in (lyrics_card(order, SAY), direct_card(order, SAY, channel=text("Here they are."))):
        assert card.files
        for file in card.files:
            yield "written lyrics", file


def timed_lyrics() -> Iterator[tuple[str, Attached]]:
    for takes in (1, 2):
        job = replace(a_job(), tracks=tuple(a_track(each) for each in range(takes)))
        for file in lrc_files(job, dict.fromkeys(range(1, takes + 1), (TimedLine(begins_at=61.0, text="la"),)), SAY):
            yield f"timed lyrics of {takes} takes", file


def whole_songs() -> Iterator[tuple[str, Attached]]:
    song = WholeSong(
        job=a_job(),
        path=Path("whole.mp3"),
        audio_format=JoinFormat.MP3,
        length_seconds=190.0,
        title="Boats_2 [live]",
        takes=2,
    )
    yield "a whole song", whole_song_file(song, SAY)


FILES: dict[str, Callable[[], Iterator[tuple[str, Attached]]]] = {
    "lyrics_shown": lyrics_files,
    "file_of": pictures_to_pick_from,
    "joins_attached": joins,
    "lyrics_card": written_lyrics,
    "direct_card": written_lyrics,
    "lrc_files": timed_lyrics,
    "whole_song_file": whole_songs,
}
PARTS_OF_CARDS = frozenset({"plainer"})
"""What makes no message of its own."""


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(bot.chat.__path__, "bot.chat."):
        yield import_module(found.name)


def makers() -> Iterator[str]:
    """The public functions in `bot/chat` that make cards or files."""
    for module in modules():
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ != module.__name__ or name.startswith("_") or name in PARTS_OF_CARDS:
                continue
            made = str(get_type_hints(function).get("return"))
            if re.search(r"(Card|Attached)\b", made):
                yield name


def test_every_function_that_makes_a_message_is_walked_here() -> None:
    assert set(makers()) == CARDS.keys() | FILES.keys()


@cache
def all_cards() -> list[Shown]:
    return [(f"{maker}: {name}", card) for maker, make in CARDS.items() for name, card in make()]


def all_files() -> list[tuple[str, Attached]]:
    files = [(name, file) for name, card in all_cards() for file in card.files]
    return [*files, *((name, file) for make in FILES.values() for name, file in make())]


def test_every_file_is_described_in_words() -> None:
    for name, file in all_files():
        assert len(spoken(file.alt).split()) >= 2, name
        assert file.name not in file.alt, name
        assert not TIME_OF_DAY.search(file.alt), name
        assert "\\" not in file.alt, name  # there is no markup that it could escape


def test_every_picture_in_an_embed_is_described() -> None:
    pictures = 0
    for name, card in all_cards():
        shown = {} if card.embed is None else card.embed.to_dict()
        for picture in filter(None, (shown.get("thumbnail"), shown.get("image"))):
            pictures += 1
            assert len(str(picture.get("description", "")).split()) >= 2, name
            assert "\\" not in str(picture.get("description", "")), name
    assert pictures


def test_no_field_is_a_bare_time_that_would_be_read_as_a_time_of_day() -> None:
    for name, card in all_cards():
        for field in card.embed.fields if card.embed is not None else ():
            assert not TIME_OF_DAY.search(field.value or ""), name


def test_lyrics_are_there_as_text_and_below_more() -> None:
    for name, card in results():
        if "no lyrics" in name:
            continue
        is_shown = card.embed is not None and bool(card.embed.description)
        assert is_shown or any(file.name.endswith(".txt") and file.words for file in card.files), name
        assert any(button.custom_id.startswith(f"encore:{ResultVerb.MORE}:") for row in card.rows for button in row)


# Every button


def test_every_button_below_a_card_has_a_name_of_its_own() -> None:
    for name, card in all_cards():
        labels = [spoken(button.label) for row in card.rows for button in row]

        assert all(re.search(r"[A-Za-z]", label) for label in labels), name
        assert len(set(labels)) == len(labels), name


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """Each call in the bot (without the stand-ins) of something with one of these names, and where it is."""
    for folder in ("bot", "cogs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "sandbox" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func).split("[")[0] in names:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def keywords(call: ast.Call) -> set[str | None]:
    return {keyword.arg for keyword in call.keywords}


def test_no_button_or_entry_is_an_emoji() -> None:
    found = list(calls("discord.ui.Button", "discord.SelectOption", "discord.RadioGroupOption", "Button"))

    assert found
    assert [where for where, call in found if "label" not in keywords(call) or "emoji" in keywords(call)] == []


def test_every_file_that_is_sent_has_a_description() -> None:
    found = list(calls("discord.File"))

    assert found
    assert [where for where, call in found if "description" not in keywords(call)] == []


def test_pictures_are_put_into_embeds_with_their_description() -> None:
    """discord.py's own methods have no place for it; they may only take pictures away."""
    for path in sorted((ROOT / "bot" / "chat").rglob("*.py")):
        for setting in re.findall(r"\.set_(?:image|thumbnail)\((.*?)\)", path.read_text()):
            assert setting == "url=None", path


# Every state


def a_job_in(state: JobState, **changes: object) -> Job:
    return replace(a_job(), state=state, submitted_at=NOW, finished_at=NOW, **changes)


def progress_contents() -> set[str]:
    """What progress messages say in every state, stage and wait, and for every part of the queue."""
    contents = set()
    for state, stage, waits_for, unknown, band in product(
        JobState, Stage, (None, *WaitReason), (False, True), (None, *BANDS)
    ):
        job = a_job_in(state, stage=stage, waits_for=waits_for, outcome_unknown=unknown)
        view = progress_of(job, band=band, usual_seconds=None, began_at=NOW, at=NOW)
        contents.add(progress_content(job, view, SAY))
    return contents


def differ_in_words(contents: Sequence[str]) -> bool:
    return len({spoken(content) for content in contents}) == len(set(contents))


def test_progress_messages_differ_in_words() -> None:
    contents = sorted(progress_contents())

    assert len(contents) > 25
    assert differ_in_words(contents)


def test_states_have_names() -> None:
    assert differ_in_words([SAY(STATE_NAMES[state]) for state in JobState])


def test_a_verdict_is_in_the_words_of_why() -> None:
    """The signs before the gates only repeat what the heading and the sentences say."""
    headings = {
        verdict: why.why_content([Finding(Gate.QUOTA, verdict, text("…"))], SAY).splitlines()[0] for verdict in Verdict
    }

    assert differ_in_words(list(headings.values()))
    assert len(set(headings.values())) == len(Verdict)


def test_a_failure_is_told_in_words_and_not_by_its_colour() -> None:
    for _, card in failures():
        assert "couldn't extend" in card.content
        assert card.embed is not None
        assert len(spoken(card.embed.description or "").split()) >= 4


def sentences() -> list[str]:
    with (LOCALES / "encore.pot").open("rb") as file:
        return [form for message in read_po(file) if message.id for form in _forms(message.id)]


def _forms(words: str | tuple[str, ...] | list[str]) -> Sequence[str]:
    return (words,) if isinstance(words, str) else tuple(words)


def test_no_sentence_is_a_sign_alone() -> None:
    bare = [each for each in sentences() if not spoken(re.sub(r"\{\w+\}", "x", each))]

    assert bare == []


def test_no_two_sentences_differ_only_by_a_sign() -> None:
    said: dict[str, set[str]] = {}
    for sentence in sentences():
        said.setdefault(spoken(sentence), set()).add(sentence)

    assert [same for same in said.values() if len(same) > 1] == []


def test_forms_name_their_fields() -> None:
    found = list(calls("discord.ui.Label"))

    assert found
    assert [where for where, call in found if "text" not in keywords(call)] == []
