"""Where and how a continuation follows the original. Pure: samples in, a plan out.

The provider's takes come in three kinds: new music alone, new music after the last moments of the original, and the
whole original with new music after it. The last kind is whole already.
"""

import math
from dataclasses import dataclass, replace

from bot.audio.beats import beat_of, offset, step_samples
from bot.audio.samples import SILENCE, WIDTH, best_place, level, likeness

SLOW_RATE = 2000
"""Hz; enough to recognise a recording."""
SAME = 0.95
"""From this likeness on, two stretches are the same recording. Measured: the same one as mp3 0.999, after AAC, EQ or
compression nearly always more than this; the same chords later in a song up to 0.885, another piece up to 0.09."""
_PERHAPS = 0.6
BEFORE_SECONDS, AFTER_SECONDS = 10.0, 1.0
"""What is looked at around a seam."""
_SAME_SECONDS = 6.0
_SAME_WITHIN_SECONDS = (0.1, 1.0)  # first where it should be, because music repeats itself
_REPEAT_SECONDS, _REPEAT_SKIPS_SECONDS, _REPEAT_STEP_SECONDS = 1.5, 0.1, 0.5
_BEAT_SECONDS = 8.0

_SHIFT_SECONDS, _SHIFTS = 0.005, 20
_INTO_SECONDS, _INTO_STEP_SECONDS = 0.12, 0.01
_SHORT_FADE_SECONDS = 0.04
_FADES_SECONDS = (0.4, 0.2, 0.1, 0.06)
_REPEAT_FADE_SECONDS = 0.1
_ALIKE = 0.6  # music that is less alike is faded quickly, or both would be heard
_LATENESS = 0.3  # how much more alike the last place must be than the first one
_LEAD_IN_SECONDS = 0.1  # silence that an encoder puts before a take


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A stretch of a file as mono 16-bit samples: at `rate`, and again at `SLOW_RATE`.

    `begin` is its first sample's number in the file, at `rate`.
    """

    begin: int
    rate: int
    samples: bytes
    slow: bytes

    @property
    def end(self) -> int:
        return self.begin + len(self.samples) // WIDTH

    def cut(self, begin: int, end: int) -> bytes:
        """The samples from `begin` to `end` of the file. Past the excerpt's end it is heard backwards."""
        first, last = max(0, begin - self.begin), max(0, end - self.begin)
        piece = self.samples[first * WIDTH : last * WIDTH]
        missing = (last - first) * WIDTH - len(piece)
        return piece + backwards(self.samples[-missing:], WIDTH) if missing > 0 else piece

    def slow_cut(self, begin_seconds: float, end_seconds: float) -> bytes:
        """The slow samples between two moments of the file, as far as there are any."""
        first, last = (
            max(0, round((seconds - self.begin / self.rate) * SLOW_RATE)) for seconds in (begin_seconds, end_seconds)
        )
        return self.slow[first * WIDTH : last * WIDTH]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """In samples: the original is heard up to `out`, the take from `into`, and both during the `fade` after these.

    `alike`: how alike the two are during the fade, from -1 to 1; `late`: by how much the take is behind the beat.
    """

    out: int
    into: int
    fade: int
    alike: float
    late: int = 0


def backwards(samples: bytes, sample_bytes: int) -> bytes:
    """The same, from the last sample to the first: what follows a sound that ends without a click."""
    return b"".join(samples[at : at + sample_bytes] for at in range(len(samples) - sample_bytes, -1, -sample_bytes))


def seam_in_take(original: Excerpt, seam_seconds: float, take: Excerpt) -> float | None:
    """Where the take continues the original that it contains, in seconds of the take; None if it does not contain it.

    Both excerpts are those around `seam_seconds`.
    """
    sought = original.slow_cut(seam_seconds - _SAME_SECONDS, seam_seconds)
    if level(sought) < SILENCE or len(sought) < SLOW_RATE * WIDTH:
        return None
    length = len(sought) / WIDTH / SLOW_RATE
    for reach in _SAME_WITHIN_SECONDS:
        begin = max(take.begin / take.rate, seam_seconds - length - reach)
        place, alike = best_place(sought, take.slow_cut(begin, seam_seconds + reach))
        later = round((begin + place / SLOW_RATE + length - seam_seconds) * take.rate)
        if alike >= _PERHAPS:
            later, exact = _exactly(original, round(seam_seconds * original.rate), take, later)
            if max(alike, exact) >= SAME:
                return seam_seconds + later / take.rate
    return None


def _exactly(original: Excerpt, seam: int, take: Excerpt, later: int) -> tuple[int, float]:
    """By how many samples, about `later`, the take is behind the original before the seam; and how alike they then are.

    At the slow rate, a quarter of a millisecond is enough to make the same recording look like another one.
    """
    rate, reach = original.rate, 2 * original.rate // SLOW_RATE
    first = max(original.begin, take.begin + reach - later, seam - round(_SAME_SECONDS * rate))
    size = rate // 2
    begins = range(first, max(first + 1, seam - size), size)
    loudest = max(begins, key=lambda begin: level(original.cut(begin, begin + size)))
    near = loudest + later - reach
    place, _ = best_place(original.cut(loudest, loudest + size), take.cut(near, near + size + 2 * reach))
    later = near + place - loudest
    return later, likeness(original.cut(first, seam), take.cut(first + later, seam + later))


def seam_between(original: Excerpt, seam_seconds: float, take: Excerpt) -> Seam:
    """How a take that does not contain the whole original follows it. The take's excerpt is its beginning."""
    rate = original.rate
    seam = min(round(seam_seconds * rate), original.end)
    begins = _repeated(original, seam, take)
    if begins is None:
        return _best(original, take, seam + _later(original, seam, take))
    fade = min(round(_REPEAT_FADE_SECONDS * rate), seam - max(begins, original.begin))
    if fade < _SHORT_FADE_SECONDS * rate:
        return _best(original, take, begins)
    return Seam(out=seam - fade, into=seam - fade - begins, fade=fade, alike=1.0)


def _repeated(original: Excerpt, seam: int, take: Excerpt) -> int | None:
    """The original's sample at which the take begins, if it repeats everything from there to the seam.

    Music also repeats itself: what is only like some earlier moments is new. So is a take that would end at the seam.
    Of several such places, the first one is the likeliest: most of the take is the same.
    """
    rate, skipped = original.rate, _REPEAT_SKIPS_SECONDS
    sought = take.slow_cut(skipped, skipped + _REPEAT_SECONDS)
    if level(sought) < SILENCE:
        return None
    first = original.begin / rate
    while first + _REPEAT_SECONDS < original.end / rate:
        within = original.slow_cut(first, first + _REPEAT_STEP_SECONDS + _REPEAT_SECONDS)
        place, alike = best_place(sought, within)
        if alike >= SAME:
            near = round((first + place / SLOW_RATE - skipped) * rate)
            begins = _begins_exactly(original, near, take)
            if 0 < seam - begins < take.end and _is_same(original, begins, seam, take):
                return begins
        first += _REPEAT_STEP_SECONDS
    return None


def _begins_exactly(original: Excerpt, near: int, take: Excerpt) -> int:
    """Where in the original the take begins, found with all samples within two of the slow ones."""
    rate = original.rate
    reach, first = 2 * rate // SLOW_RATE, round(_REPEAT_SKIPS_SECONDS * rate)
    begin = max(original.begin, near + first - reach)
    place, _ = best_place(take.cut(first, first + rate // 4), original.cut(begin, near + first + rate // 4 + reach))
    return begin + place - first


def _is_same(original: Excerpt, begins: int, seam: int, take: Excerpt) -> bool:
    """Whether the take repeats the original from its sample `begins` to the seam."""
    rate = original.rate
    first = max(begins + round(_REPEAT_SKIPS_SECONDS * rate), original.begin)
    if first >= seam:
        return True
    seconds = first / rate, seam / rate
    slow = original.slow_cut(*seconds), take.slow_cut(*(each - begins / rate for each in seconds))
    size = min(map(len, slow))
    alike = likeness(slow[0][:size], slow[1][:size])
    return max(alike, likeness(original.cut(first, seam), take.cut(first - begins, seam - begins))) >= SAME


def _later(original: Excerpt, seam: int, take: Excerpt) -> int:
    """By how many samples the take must begin later, or earlier, than at the seam to keep the beat.

    Without a common beat, the silence that an encoder puts before the sound is left out.
    """
    rate = original.rate
    step = step_samples(rate)
    window = round(_BEAT_SECONDS * rate) // step * step
    before = original.cut(max(original.begin, seam - window), seam)
    before = before[len(before) % (step * WIDTH) :]
    beat = beat_of(before, rate)
    new_beat = beat_of(take.cut(0, min(window, take.end)), rate)
    seconds = offset(beat, new_beat)
    if beat is not None and new_beat is not None and seconds is not None:
        # Where the original has ended, nothing can be heard until the take begins: then it begins a beat earlier.
        waits = seam + round(seconds * rate) > original.end + round(_SHIFT_SECONDS * rate)
        return round((seconds - min(beat.seconds, new_beat.seconds) if waits else seconds) * rate)
    lead_in = 0
    while lead_in < _LEAD_IN_SECONDS * rate and level(take.cut(lead_in, lead_in + step)) < SILENCE // 4:
        lead_in += step
    return -lead_in if lead_in < _LEAD_IN_SECONDS * rate else 0


def _best(original: Excerpt, take: Excerpt, begins: int) -> Seam:
    """The place near the seam where both are most alike, if the take begins at about the sample `begins`."""
    rate = original.rate
    short = round(_SHORT_FADE_SECONDS * rate)
    shifts = [round(k / _SHIFTS * _SHIFT_SECONDS * rate) for k in range(-_SHIFTS, _SHIFTS + 1)]
    intos = [round(k * _INTO_STEP_SECONDS * rate) for k in range(round(_INTO_SECONDS / _INTO_STEP_SECONDS) + 1)]
    first_into = max(0, original.begin + shifts[-1] - begins)
    best, found = -math.inf, _butted(original, begins, first_into, short)
    for into in intos:
        heard = take.cut(first_into + into, first_into + into + short)
        for shift in shifts:
            out = begins + shift + first_into + into
            if out < original.begin or out > original.end or (into and out + short > original.end):
                continue
            alike = likeness(original.cut(out, out + short), heard)
            score = alike - _LATENESS * into / max(1, intos[-1]) - 0.05 * abs(shift) / max(1, shifts[-1])
            if score > best:
                best, found = score, Seam(out=out, into=first_into + into, fade=short, alike=alike, late=shift)
    return _longer(original, take, found)


def _butted(original: Excerpt, begins: int, into: int, fade: int) -> Seam:
    return Seam(out=max(original.begin, min(begins + into, original.end)), into=into, fade=fade, alike=0.0)


def _longer(original: Excerpt, take: Excerpt, seam: Seam) -> Seam:
    """The same with the longest fade during which both stay alike."""
    for seconds in _FADES_SECONDS:
        fade = round(seconds * original.rate)
        if seam.out + fade <= original.end and seam.into + fade <= take.end:
            alike = likeness(original.cut(seam.out, seam.out + fade), take.cut(seam.into, seam.into + fade))
            if alike >= _ALIKE:
                return replace(seam, fade=fade, alike=alike)
    return seam
