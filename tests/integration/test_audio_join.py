"""One song from several files, judged by what is heard around the seam."""

from array import array
from itertools import pairwise
from pathlib import Path

import av
import pytest

from bot.audio.process import AudioProcess
from bot.audio.stretches import Kind, loudness
from bot.domain.joins import Joined, JoinFormat, JoinPart, Tags
from bot.domain.source import AudioFormat
from bot.errors import NotAudio, SourceEmpty
from bot.sandbox.sounds import compose, continue_piece
from tests.support.music import RATE, drums, hits, noise, read, tone, write

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


@pytest.fixture
def audio() -> AudioProcess:
    return AudioProcess()


async def joined(
    audio: AudioProcess, folder: Path, original: "array[int]", take: "array[int]", *, seam: float
) -> tuple["array[int]", Joined]:
    """Both as WAV, so that nothing but the join changes a sample."""
    parts = [
        JoinPart(path=write(folder / "original.wav", original), until_seconds=seam),
        JoinPart(path=write(folder / "take.wav", take)),
    ]
    answer = await audio.join(parts, folder / "whole.wav", audio_format=JoinFormat.WAV)
    return read(folder / "whole.wav"), answer


def step(samples: "array[int]", seam: float) -> float:
    """The difference of the short-term loudness after the seam and before it, in LU."""
    kind, at, window = Kind("s16", "mono", RATE), round(seam * RATE), 3 * RATE
    fade = round(0.4 * RATE)
    before = loudness(samples[max(0, at - window) : at].tobytes(), kind)
    after = loudness(samples[at + fade : at + fade + window].tobytes(), kind)
    assert before is not None
    assert after is not None
    return after - before


@pytest.mark.parametrize("loud", [0.05, 0.15, 0.6])
async def test_both_sides_of_the_seam_are_equally_loud(loud: float, audio: AudioProcess, tmp_path: Path) -> None:
    original, take = tone(12.0, loudness=0.3), tone(10.0, hertz=260, loudness=loud)

    whole, answer = await joined(audio, tmp_path, original, take, seam=8.0)

    assert abs(step(whole, answer.seams[0])) < 0.5


async def test_a_take_that_begins_much_quieter_is_not_made_loud_for_good(audio: AudioProcess, tmp_path: Path) -> None:
    original, take = tone(8.0, loudness=0.4), tone(6.0, loudness=0.03) + tone(12.0, loudness=0.4)

    whole, answer = await joined(audio, tmp_path, original, take, seam=8.0)

    assert abs(step(whole, answer.seams[0])) < 1.0
    kind = Kind("s16", "mono", RATE)
    first, last = (loudness(part.tobytes(), kind) for part in (whole[: 3 * RATE], whole[-3 * RATE :]))
    assert first is not None
    assert last is not None
    assert last - first < 6.5


@pytest.mark.parametrize("late", [0.0, 0.035, 0.1, 0.3, 0.45])
@pytest.mark.parametrize("seam", [10.0, 10.2, 14.0])  # on a beat, between two, and where the original ends
async def test_the_beat_goes_on_across_the_seam(late: float, seam: float, audio: AudioProcess, tmp_path: Path) -> None:
    original, take = drums(14.0, every=0.5), drums(12.0, every=0.5, first=late, hertz=176)

    whole, answer = await joined(audio, tmp_path, original, take, seam=seam)

    found = hits(whole)
    off_beat = [abs((seconds + 0.25) % 0.5 - 0.25) for seconds in found]
    assert max(off_beat) < 0.015
    near = [seconds for seconds in found if abs(seconds - answer.seams[0]) < 4]
    assert all(0.47 < later - sooner < 0.53 for sooner, later in pairwise(near))


async def test_a_take_that_begins_like_the_original_is_joined_whole(audio: AudioProcess, tmp_path: Path) -> None:
    """It used to be taken for one that repeats all of the original, and was left out up to there."""
    original, take, whole = (tmp_path / name for name in ("original.mp3", "take.mp3", "whole.mp3"))
    compose(original, seconds=8, seed=7)
    continue_piece(original, take, continue_at=4, seconds=3, seed=7, is_alone=True)

    await audio.join([JoinPart(path=original, until_seconds=4), JoinPart(path=take)], whole)

    assert (await audio.probe(whole)).length_seconds == pytest.approx(7.0, abs=0.2)


async def test_nothing_clicks_at_the_seam(audio: AudioProcess, tmp_path: Path) -> None:
    """The largest jump from sample to sample is one that the music has anyway."""
    for seam in (5.0, 5.0037, 9.0):
        whole, answer = await joined(audio, tmp_path, tone(9.0, hertz=180), tone(8.0, hertz=148), seam=seam)
        jumps = [abs(later - sooner) for sooner, later in pairwise(whole)]
        at, around = round(answer.seams[0] * RATE), round(0.5 * RATE)
        assert max(jumps[at - 100 : at + around]) <= max(*jumps[: at - 100], *jumps[at + around :]) + 1


async def test_moments_that_the_take_repeats_are_heard_once(audio: AudioProcess, tmp_path: Path) -> None:
    original = noise(12.0, seed=1)
    take = original[8 * RATE : 11 * RATE] + noise(6.0, seed=2)

    whole, _ = await joined(audio, tmp_path, original, take, seam=11.0)

    assert len(whole) / RATE == pytest.approx(17.0, abs=0.01)


@pytest.mark.parametrize("suffix", [".mp3", ".ogg", ".m4a", ".flac"])
async def test_a_take_that_contains_the_original_is_whole_already(
    suffix: str, audio: AudioProcess, tmp_path: Path
) -> None:
    original, take, to = tmp_path / f"original{suffix}", tmp_path / "take.mp3", tmp_path / "whole.mp3"
    compose(original, seconds=14.0, seed=3)
    continue_piece(original, take, continue_at=11.0, seconds=8.0, seed=4)
    parts = [JoinPart(path=original, until_seconds=11.0), JoinPart(path=take)]

    answer = await audio.join(parts, to)

    assert answer.is_whole_already
    assert list(answer.seams) == pytest.approx([11.0], abs=0.08)
    assert answer.length_seconds == pytest.approx(19.0, abs=0.2)
    assert not to.exists()


async def test_a_chain_becomes_one_song(audio: AudioProcess, tmp_path: Path) -> None:
    """The second take contains the first one, but not the original; the third one contains nothing."""
    pieces = [tone(10.0, hertz=220) + noise(4.0, seed=3), noise(9.0, seed=4), noise(7.0, seed=5), noise(6.0, seed=6)]
    first, second, third, fourth = pieces
    files = [
        write(tmp_path / "1.wav", first),
        write(tmp_path / "2.wav", second),
        write(tmp_path / "3.wav", second[: 8 * RATE] + third),
        write(tmp_path / "4.wav", fourth),
    ]
    seams = [13.0, 8.0, 12.0, None]
    parts = [JoinPart(path=file, until_seconds=seam) for file, seam in zip(files, seams, strict=True)]

    answer = await audio.join(parts, tmp_path / "whole.wav", audio_format=JoinFormat.WAV)

    assert not answer.is_whole_already
    assert answer.length_seconds == pytest.approx(13.0 + 12.0 + 6.0, abs=0.2)
    assert list(answer.seams) == pytest.approx([13.0, 13.0 + 8.0, 13.0 + 12.0], abs=0.2)
    assert len(read(tmp_path / "whole.wav")) / RATE == pytest.approx(answer.length_seconds, abs=0.001)


@pytest.mark.parametrize("audio_format", list(JoinFormat))
async def test_the_file_has_its_format_its_title_its_artist_and_its_cover(
    audio_format: JoinFormat, audio: AudioProcess, tmp_path: Path
) -> None:
    (tmp_path / "cover.png").write_bytes(PNG)
    parts = [
        JoinPart(path=write(tmp_path / "1.wav", tone(5.0)), until_seconds=4.0),
        JoinPart(path=write(tmp_path / "2.wav", noise(5.0))),
    ]
    to, tags = (
        tmp_path / "whole",
        Tags(title="Über\u202e den\n\0 Wolken", artist="Ann & Bo", cover=tmp_path / "cover.png"),
    )

    answer = await audio.join(parts, to, audio_format=audio_format, tags=tags)

    properties = await audio.probe(to)
    assert properties.format is AudioFormat(audio_format)
    assert properties.length_seconds == pytest.approx(answer.length_seconds, abs=0.06)
    with av.open(str(to), "r") as file:
        assert (file.metadata["title"], file.metadata["artist"]) == ("Über den Wolken", "Ann & Bo")
        pictures = [bytes(packet) for packet in file.demux(video=0)] if file.streams.video else []
    assert pictures[:1] == ([] if audio_format is JoinFormat.WAV else [PNG])


async def test_stereo_stays_stereo_whatever_the_rates(audio: AudioProcess, tmp_path: Path) -> None:
    stereo = array("h", (value for sample in tone(6.0) for value in (sample, sample)))
    parts = [
        JoinPart(path=write(tmp_path / "1.wav", noise(6.0), rate=RATE), until_seconds=5.0),
        JoinPart(path=write(tmp_path / "2.wav", stereo, channels=2, rate=22050)),
    ]

    answer = await audio.join(parts, tmp_path / "whole.mp3")

    properties = await audio.probe(tmp_path / "whole.mp3")
    assert (properties.channels, properties.sample_rate) == (2, RATE)
    assert answer.length_seconds == pytest.approx(5.0 + 12.0, abs=0.2)


async def test_a_preview_is_ten_seconds_around_the_seam(audio: AudioProcess, tmp_path: Path) -> None:
    original, take, contains = tmp_path / "original.mp3", tmp_path / "take.mp3", tmp_path / "contains.mp3"
    compose(original, seconds=14.0, seed=3)
    compose(take, seconds=9.0, seed=8)
    continue_piece(original, contains, continue_at=11.0, seconds=8.0, seed=4)

    for second in (take, contains):
        parts = [JoinPart(path=original, until_seconds=11.0), JoinPart(path=second)]
        answer = await audio.preview(parts, tmp_path / "preview.mp3")
        properties = await audio.probe(tmp_path / "preview.mp3")
        assert properties.length_seconds == pytest.approx(10.0, abs=0.15)
        assert answer.seam_seconds == pytest.approx(5.0, abs=0.01)
        assert properties.size_bytes < 300_000


@pytest.mark.parametrize("broken", [0, 1])
async def test_a_file_that_is_not_audio_is_named_and_leaves_nothing_behind(
    broken: int, audio: AudioProcess, tmp_path: Path
) -> None:
    files = [tmp_path / "1.mp3", tmp_path / "2.mp3"]
    compose(files[1 - broken], seconds=3.0)
    files[broken].write_bytes(b"no music" * 1000)
    parts = [JoinPart(path=files[0], until_seconds=2.0), JoinPart(path=files[1])]

    with pytest.raises(NotAudio):
        await audio.join(parts, tmp_path / "whole.mp3")
    with pytest.raises(NotAudio):
        await audio.preview(parts, tmp_path / "preview.mp3")

    assert not (tmp_path / "whole.mp3").exists()
    assert not (tmp_path / "preview.mp3").exists()


async def test_there_must_be_something_before_the_seam(audio: AudioProcess, tmp_path: Path) -> None:
    compose(tmp_path / "1.mp3", seconds=3.0)
    parts = [JoinPart(path=tmp_path / "1.mp3", until_seconds=0.0), JoinPart(path=tmp_path / "1.mp3")]

    with pytest.raises(SourceEmpty):
        await audio.join(parts, tmp_path / "whole.mp3")


async def test_a_seam_after_the_end_is_at_the_end(audio: AudioProcess, tmp_path: Path) -> None:
    whole, answer = await joined(audio, tmp_path, tone(4.0), noise(4.0), seam=30.0)

    assert list(answer.seams) == pytest.approx([4.0], abs=0.1)
    assert len(whole) / RATE == pytest.approx(8.0, abs=0.2)


async def test_a_join_needs_two_parts_and_their_seams(audio: AudioProcess, tmp_path: Path) -> None:
    part = JoinPart(path=tmp_path / "1.mp3")

    for parts in ([part], [part, part]):
        with pytest.raises(ValueError):
            await audio.join(parts, tmp_path / "whole.mp3")
