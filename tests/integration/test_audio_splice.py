"""A joined mp3 whose frames are copied, except around the seam, judged by what is heard and by its bytes."""

import os
import random
from array import array
from itertools import accumulate, pairwise
from pathlib import Path

import av
import pytest

from bot.audio.encoding import mp3_frames
from bot.audio.mp3 import FRAME_SAMPLES, Frame, is_regular, louder, with_room_for
from bot.audio.parts import slowed
from bot.audio.process import AudioProcess
from bot.audio.questions import Limits
from bot.audio.samples import level
from bot.audio.splicing import left_out, to_grid
from bot.audio.stretches import Kind, loudness, stretch
from bot.domain.joins import Joined, JoinPart
from tests.support.music import RATE, drums, hits, tone, write

MONO = Kind("s16", "mono", RATE)
ENDLESS = Limits(cpu_seconds=1 << 20)  # this process has all the tests' time on it


def mp3(path: Path, samples: "array[int]", *, kilobits: int = 128, channels: int = 1) -> Path:
    """LAME's, with a bit reservoir."""
    with av.open(str(path), "w", format="mp3") as file:
        layout, fast = "stereo" if channels == 2 else "mono", {"compression_level": "9"}
        stream = file.add_stream("libmp3lame", rate=RATE, layout=layout, options=fast)
        stream.bit_rate = kilobits * 1000
        source = write(path.with_suffix(".wav"), samples, channels=channels)
        with av.open(str(source), "r") as sound:
            for frame in sound.decode(audio=0):
                frame.pts = None
                file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def frames(path: Path) -> list[bytes]:
    with av.open(str(path), "r") as file:
        return [bytes(packet) for packet in file.demux(audio=0) if packet.size]


def samples(path: Path, kind: Kind = MONO) -> "array[int]":
    with path.open("rb") as file:
        return array("h", b"".join(stretch(file.fileno(), kind, ENDLESS)))


def hiss(seconds: float, *, seed: int = 0) -> "array[int]":
    """Noise, made quickly."""
    return array("h", map((25).__mul__, array("b", random.Random(seed).randbytes(round(seconds * RATE)))))


async def joined(original: Path, seam: float, take: Path) -> tuple[Path, Joined]:
    whole = original.parent / "whole.mp3"
    parts = [JoinPart(path=original, until_seconds=seam), JoinPart(path=take)]
    return whole, await AudioProcess().join(parts, whole)


def step(heard: "array[int]", seam: float) -> float:
    """The difference of the short-term loudness after the seam and before it, in LU."""
    at, window, fade = round(seam * RATE), 3 * RATE, round(0.4 * RATE)
    before = loudness(heard[at - window : at].tobytes(), MONO)
    after = loudness(heard[at + fade : at + fade + window].tobytes(), MONO)
    assert before is not None
    assert after is not None
    return after - before


@pytest.mark.parametrize(("kilobits", "channels"), [(64, 1), (128, 2), (320, 2)])
async def test_all_frames_but_those_near_the_seam_are_the_files_own(
    kilobits: int, channels: int, tmp_path: Path
) -> None:
    original, take = hiss(14.0 * channels, seed=1), hiss(12.0 * channels, seed=2)
    files = [
        mp3(tmp_path / "original.mp3", original, kilobits=kilobits, channels=channels),
        mp3(tmp_path / "take.mp3", take, kilobits=kilobits, channels=channels),
    ]

    whole, answer = await joined(files[0], 10.0, files[1])

    found, before, after = frames(whole), frames(files[0]), frames(files[1])
    assert found[:350] == before[:350]
    assert found[-150:] == after[-150:]
    assert len(found) * FRAME_SAMPLES / RATE == pytest.approx(answer.length_seconds, abs=0.05)
    assert len(samples(whole)) / RATE == pytest.approx(answer.length_seconds, abs=0.001)


@pytest.mark.parametrize("late", [0.04, 0.3])
@pytest.mark.parametrize("seam", [10.0, 10.2])
async def test_the_beat_goes_on_in_copied_frames(late: float, seam: float, tmp_path: Path) -> None:
    original = mp3(tmp_path / "original.mp3", drums(14.0, every=0.5))
    take = mp3(tmp_path / "take.mp3", drums(14.0, every=0.5, first=late, hertz=176))

    whole, _ = await joined(original, seam, take)

    off_beat = [abs((seconds + 0.25) % 0.5 - 0.25) for seconds in hits(samples(whole))]
    assert max(off_beat) < 0.015
    assert frames(whole)[-100:] == frames(take)[-100:]


@pytest.mark.parametrize("loud", [0.05, 0.12, 0.5])
async def test_both_sides_are_equally_loud_and_the_copied_frames_keep_to_it(loud: float, tmp_path: Path) -> None:
    original = mp3(tmp_path / "original.mp3", tone(14.0, loudness=0.25))
    take = mp3(tmp_path / "take.mp3", tone(16.0, hertz=260, loudness=loud))

    whole, answer = await joined(original, 10.0, take)

    heard, seam = samples(whole), round(answer.seams[0] * RATE)
    assert abs(step(heard, answer.seams[0])) < 1.0
    # What a seam needs more than 6 dB is eased off; the rest stays, in steps of 1.5 dB.
    first, last = (level(part.tobytes()) for part in (heard[seam + RATE : seam + 2 * RATE], heard[-3 * RATE : -RATE]))
    assert (max(first, last) / min(first, last) < 1.1) == (loud > 0.1)
    changes = [abs(later - sooner) for sooner, later in pairwise(heard)]
    own = max(*changes[: seam - RATE], *changes[-3 * RATE :])
    assert max(changes[seam - RATE : -3 * RATE]) <= 1.1 * own


async def test_a_chain_of_mp3s_is_copied_between_its_seams(tmp_path: Path) -> None:
    files = [mp3(tmp_path / f"{seed}.mp3", hiss(14.0, seed=seed)) for seed in (1, 2, 3)]
    parts = [JoinPart(path=path, until_seconds=seam) for path, seam in zip(files, (12.0, 12.0, None), strict=True)]

    answer = await AudioProcess().join(parts, tmp_path / "whole.mp3")

    found = set(frames(tmp_path / "whole.mp3"))
    shares = [len(found & set(frames(file))) / len(frames(file)) for file in files]
    assert [share > 0.2 for share in shares] == [True, True, True]
    assert len(samples(tmp_path / "whole.mp3")) / RATE == pytest.approx(answer.length_seconds, abs=0.001)


async def test_the_take_is_copied_after_an_original_that_is_no_mp3(tmp_path: Path) -> None:
    original = write(tmp_path / "original.wav", hiss(10.0, seed=1))
    take = mp3(tmp_path / "take.mp3", hiss(12.0, seed=2))

    whole, answer = await joined(original, 8.0, take)

    assert frames(whole)[-100:] == frames(take)[-100:]
    assert len(samples(whole)) / RATE == pytest.approx(answer.length_seconds, abs=0.001)


async def test_a_damaged_mp3_is_encoded_as_a_whole(tmp_path: Path) -> None:
    """A frame of another rate in the middle: players skip it, but what follows it is no longer where it seems to be."""
    original, take = (
        mp3(tmp_path / "original.mp3", hiss(14.0, seed=1)),
        mp3(tmp_path / "take.mp3", hiss(12.0, seed=2)),
    )
    found = frames(original)
    other = [b"\xff\xfb" + bytes([frame[2] | 0x04]) + frame[3:] for frame in found[180:190]]
    original.write_bytes(b"".join([*found[:180], *other, *found[190:]]))

    whole, answer = await joined(original, 10.0, take)

    assert not set(frames(whole)) & set(frames(take))
    assert len(samples(whole)) / RATE == pytest.approx(answer.length_seconds, abs=0.05)


async def test_an_mp3_without_a_head_of_its_own_is_copied_too(tmp_path: Path) -> None:
    """Nothing says how much of its beginning is left out, as in a file that was cut from a longer one."""
    original, take = (
        mp3(tmp_path / "original.mp3", hiss(20.0, seed=1)),
        mp3(tmp_path / "take.mp3", hiss(12.0, seed=2)),
    )
    original.write_bytes(b"".join(frames(original)[50:]))
    with original.open("rb") as file:
        assert left_out(file.fileno(), MONO) == 0

    whole, answer = await joined(original, 12.0, take)

    assert set(frames(original)[200:300]) < set(frames(whole))
    assert len(samples(whole)) / RATE == pytest.approx(answer.length_seconds, abs=0.001)


def test_a_frame_can_be_louder_by_steps_of_a_decibel_and_a_half(tmp_path: Path) -> None:
    sound = tone(4.0, loudness=0.1)
    found = frames(mp3(tmp_path / "a.mp3", sound))
    assert all(is_regular(frame, rate=RATE, channels=1) for frame in found)
    assert not is_regular(found[9][:-1], rate=RATE, channels=1)
    assert not is_regular(found[9], rate=48000, channels=1)
    assert not is_regular(found[9], rate=RATE, channels=2)
    assert [louder(louder(frame, 5), -5) for frame in found] == found

    (tmp_path / "b.mp3").write_bytes(b"".join(louder(frame, 4) for frame in found))

    soft, loud = (level(samples(tmp_path / name).tobytes()) for name in ("a.mp3", "b.mp3"))
    assert loud / soft == pytest.approx(2.0, abs=0.02)


def test_main_data_for_the_next_frame_goes_into_the_frames_before_it(tmp_path: Path) -> None:
    kind = Kind("s16", "stereo", RATE)
    encoded = list(mp3_frames(iter([hiss(4.0).tobytes()]), kind))
    first, *rest = frames(mp3(tmp_path / "a.mp3", hiss(4.0, seed=3), kilobits=320, channels=2))
    following = list(accumulate(rest, Frame.follows, initial=Frame(first)))
    needed, follow = max((frame.data[4] << 1 | frame.data[5] >> 7, frame) for frame in following)
    assert needed > 440

    changed = with_room_for(follow, encoded[:40])

    assert changed is not None
    assert changed[-1].endswith(follow.before[-needed:])
    assert changed[:38] == encoded[:38]
    assert changed[38] != encoded[38]  # the last one alone would be too small
    assert all(is_regular(frame, rate=RATE, channels=2) for frame in changed)
    assert with_room_for(follow, []) is None
    (tmp_path / "changed.mp3").write_bytes(b"".join(changed))
    (tmp_path / "encoded.mp3").write_bytes(b"".join(encoded[:40]))
    assert samples(tmp_path / "changed.mp3", kind) == samples(tmp_path / "encoded.mp3", kind)


@pytest.mark.parametrize("place", [0, 1000, 123456])
@pytest.mark.parametrize("skipped", [0, 1105, 1634])
@pytest.mark.parametrize("late", [-220, 0, 100])
def test_a_part_comes_to_the_grid_of_frames_by_the_shortest_way(place: int, skipped: int, late: int) -> None:
    longer = to_grid(place, 77, skipped, late)

    assert (place + longer - 77 + 1105 - skipped) % FRAME_SAMPLES == 0
    assert abs(late + longer) <= FRAME_SAMPLES // 2


@pytest.mark.parametrize("longer", [-300, -1, 1, 300])
def test_a_slowed_beginning_is_longer_and_what_follows_is_the_same(longer: int) -> None:
    kind = Kind("flt", "mono", RATE)
    sound = array("f", (value / 32768 for value in tone(6.0, loudness=0.9)))

    found = array("f", b"".join(slowed(iter([sound.tobytes()]), kind, longer)))

    assert len(found) == len(sound) + longer
    after = abs(longer) * RATE // 100
    assert found[after + longer :] == sound[after:]
    jump = max(abs(later - sooner) for sooner, later in pairwise(sound))
    assert max(abs(later - sooner) for sooner, later in pairwise(found)) < 1.05 * jump


def test_what_cannot_be_copied_is_said_so(tmp_path: Path) -> None:
    for path in (write(tmp_path / "a.wav", hiss(3.0)), mp3(tmp_path / "b.mp3", tone(3.0), channels=1)):
        descriptor = os.open(path, os.O_RDONLY)
        assert left_out(descriptor, Kind("flt", "stereo", RATE)) is None
        os.close(descriptor)
