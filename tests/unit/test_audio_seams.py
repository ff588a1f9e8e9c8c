"""Where a continuation follows, and whether it contains what it continues."""

from array import array
from itertools import pairwise

import pytest

from bot.audio.beats import beat_of, offset, step_samples
from bot.audio.crossfade import crossfaded
from bot.audio.samples import best_place, likeness
from bot.audio.seams import Excerpt, seam_between, seam_in_take
from bot.audio.stretches import Kind, excerpt
from tests.support.music import RATE, drums, noise, tone

KIND = Kind("s16", "mono", RATE)


def whole_steps(samples: "array[int]") -> bytes:
    return samples[: len(samples) // step_samples(RATE) * step_samples(RATE)].tobytes()


def an_excerpt(samples: "array[int]", begin_seconds: float = 0.0) -> Excerpt:
    begin = round(begin_seconds * RATE)
    return excerpt(samples[begin:].tobytes(), KIND, begin)


def test_likeness_is_that_of_the_shape_whatever_the_loudness() -> None:
    wave = tone(0.1).tobytes()

    assert likeness(wave, tone(0.1, loudness=0.05).tobytes()) == pytest.approx(1.0, abs=0.01)
    assert likeness(wave, array("h", [-value for value in tone(0.1)]).tobytes()) == pytest.approx(-1.0, abs=0.01)
    assert abs(likeness(noise(0.1, seed=1).tobytes(), noise(0.1, seed=2).tobytes())) < 0.1
    assert likeness(wave, bytes(len(wave))) == 0.0


def test_the_place_of_a_stretch_is_found_to_the_sample() -> None:
    samples = noise(0.2)

    place, alike = best_place(samples[1234:3000].tobytes(), samples.tobytes())

    assert place == 1234
    assert alike == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("every", [0.35, 0.5, 0.731])
def test_the_beat_is_found(every: float) -> None:
    beat = beat_of(whole_steps(drums(8.0, every=every)), RATE)

    assert beat is not None
    assert (beat.seconds / every) % 1 == pytest.approx(0.0, abs=0.01) or beat.seconds == pytest.approx(every, rel=0.01)


@pytest.mark.parametrize("samples", [tone(8.0), array("h", bytes(2 * 8 * RATE)), tone(1.0)])
def test_a_chord_and_silence_have_no_beat(samples: "array[int]") -> None:
    assert beat_of(whole_steps(samples), RATE) is None


@pytest.mark.parametrize("late", [-0.12, -0.03, 0.0, 0.02, 0.1, 0.2])
def test_how_late_a_beat_is_is_known_to_a_few_milliseconds(late: float) -> None:
    before, after = drums(8.0, every=0.5), drums(8.0, every=0.5, first=(0.5 + late) % 0.5)
    size = len(before) // step_samples(RATE) * step_samples(RATE)

    moved = offset(beat_of(before[-size:].tobytes(), RATE), beat_of(after[:size].tobytes(), RATE))

    assert moved == pytest.approx(-late, abs=0.006)


def test_different_tempos_have_no_common_beat() -> None:
    one, other = (beat_of(whole_steps(drums(8.0, every=every)), RATE) for every in (0.5, 0.43))

    assert offset(one, other) is None


def test_a_take_that_contains_the_original_is_recognised() -> None:
    original = drums(20.0, every=0.5, hertz=300)
    take = array("h", bytes(2 * 441)) + original[: 15 * RATE] + tone(8.0)  # and begins ten milliseconds late

    found = seam_in_take(an_excerpt(original, 5.0), 15.0, an_excerpt(take, 5.0))

    assert found == pytest.approx(15.01, abs=0.002)


def test_the_same_kind_of_music_is_not_the_same_recording() -> None:
    original, take = drums(20.0, every=0.5, hertz=300), drums(20.0, every=0.5, hertz=330)

    assert seam_in_take(an_excerpt(original, 5.0), 15.0, an_excerpt(take, 5.0)) is None


def test_silence_is_no_recording() -> None:
    nothing = array("h", bytes(2 * 20 * RATE))

    assert seam_in_take(an_excerpt(nothing, 5.0), 15.0, an_excerpt(nothing, 5.0)) is None


def test_repeated_moments_are_heard_once() -> None:
    original = noise(12.0, seed=5)
    take = original[7 * RATE : 9 * RATE] + noise(9.0, seed=6)

    seam = seam_between(an_excerpt(original, 0.0), 9.0, an_excerpt(take))

    assert seam.out - seam.into == pytest.approx(7 * RATE, abs=2)
    assert seam.out + seam.fade == 9 * RATE


@pytest.mark.parametrize("bars", [1, 3])
def test_bars_that_the_original_itself_repeats_are_left_out_as_often_as_the_take_has_them(bars: int) -> None:
    bar = noise(2.0, seed=5)
    original, take = bar * 4, bar * bars + noise(3.0, seed=6)

    seam = seam_between(an_excerpt(original), 8.0, an_excerpt(take))

    assert seam.out - seam.into == pytest.approx((8 - 2 * bars) * RATE, abs=2)


@pytest.mark.parametrize("repeated_at", [0.0, 3.0])
def test_a_take_that_begins_like_an_earlier_moment_is_heard_from_its_beginning(repeated_at: float) -> None:
    original = noise(9.0, seed=5)
    begin = round(repeated_at * RATE)
    take = original[begin : begin + 2 * RATE] + noise(2.0, seed=6)

    seam = seam_between(an_excerpt(original), 8.0, an_excerpt(take))

    assert seam.into < 0.2 * RATE
    assert seam.out == pytest.approx(8 * RATE, abs=0.2 * RATE)


def test_a_take_of_repeated_moments_alone_is_heard() -> None:
    original = noise(9.0, seed=5)
    take = original[5 * RATE : 8 * RATE]

    assert seam_between(an_excerpt(original), 8.0, an_excerpt(take)).into < 0.2 * RATE


def faded(before: "array[float]", after: "array[float]") -> "array[float]":
    mixed = array("f")
    mixed.frombytes(crossfaded(before.tobytes(), after.tobytes(), Kind("flt", "stereo", RATE)))
    return mixed


def test_a_crossfade_of_the_same_music_changes_nothing() -> None:
    same = array("f", [0.5] * 2000)

    assert all(value == pytest.approx(0.5, abs=1e-3) for value in faded(same, same))


def test_a_crossfade_begins_with_the_one_and_ends_with_the_other() -> None:
    mixed = faded(array("f", [0.5] * 3528), array("f", [-0.5] * 3528))

    assert [mixed[0], mixed[-1]] == pytest.approx([0.5, -0.5], abs=1e-3)
    assert max(abs(later - sooner) for sooner, later in pairwise(mixed[::2])) < 0.001


def test_a_beat_at_the_beginning_of_the_second_is_heard_whole() -> None:
    nothing, beat = array("f", bytes(4 * 3528)), array("f", (0.5 - at / 8000 for at in range(3528)))

    mixed = faded(nothing, beat)

    assert mixed[2 * 265 :] == beat[2 * 265 :]
    assert max(abs(later - sooner) for sooner, later in pairwise(mixed[::2])) < 0.005


def test_a_crossfade_is_between_30_and_400_milliseconds_long() -> None:
    original, take = drums(12.0), drums(12.0, hertz=200)

    for seam_seconds in (9.0, 12.0):
        seam = seam_between(an_excerpt(original), seam_seconds, an_excerpt(take))
        assert 0.03 <= seam.fade / RATE <= 0.4
