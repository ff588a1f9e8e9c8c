"""The frames of an mp3 (ISO/IEC 11172-3, layer III): what their heads say, and what can be changed in them. Pure.

A frame is a head of four bytes, side information, and a share of the main data. A frame's own main data may begin in
the shares of the frames before it (the bit reservoir), and ends in its own.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

FRAME_SAMPLES = 1152
DELAY = 1105
"""By how many samples LAME and a decoder together delay the sound; players leave them out."""
GAIN_STEP = 20 * math.log10(2) / 4
"""Decibels; a frame's loudness changes in whole steps (2.4.2.7, global_gain)."""
_HEAD = 4
_KILOBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES = (44100, 48000, 32000)
_MONO = 3
_GRANULES = 2
_RESERVOIR_BITS, _RESERVOIR_MOST = 9, 511
# In bits of the side information: where the part for the granules begins, and each channel's place in it.
_GRANULES_AT = {1: 18, 2: 20}
_CHANNEL_BITS, _LENGTH_BITS, _GAIN_AT, _GAIN_BITS = 59, 12, 21, 8


class Frame(NamedTuple):
    """`before`: the last bytes of the main data in the frames before it, as many as it may need."""

    data: bytes
    before: bytes = b""

    def follows(self, data: bytes) -> "Frame":
        """The frame after this one."""
        return Frame(data, (self.before + data_of(self.data))[-_RESERVOIR_MOST:])


def is_regular(frame: bytes, *, rate: int, channels: int) -> bool:
    """Whether this is one whole frame of MPEG-1 without a checksum, of this rate (Hz) and so many channels."""
    if len(frame) < _HEAD or frame[:2] != b"\xff\xfb" or _channels(frame) != channels:
        return False
    kilobits, at = _kilobits(frame), frame[2] >> 2 & 3
    return at < len(_RATES) and _RATES[at] == rate and bool(kilobits) and len(frame) == _size(frame, kilobits)


def data_of(frame: bytes) -> bytes:
    """Its share of the main data."""
    return frame[_HEAD + _side(frame) :]


def louder(frame: bytes, steps: int) -> bytes:
    """The same, but louder by so many times `GAIN_STEP`, or softer; what is silent stays so."""
    size, channels = _side(frame), _channels(frame)
    side = int.from_bytes(frame[_HEAD : _HEAD + size])
    for number in range(_GRANULES * channels):
        shift = 8 * size - _GRANULES_AT[channels] - number * _CHANNEL_BITS - _GAIN_AT - _GAIN_BITS
        gain = side >> shift & 255
        side += (max(0, min(255, gain + steps)) - gain) << shift
    return frame[:_HEAD] + side.to_bytes(size) + frame[_HEAD + size :]


def with_room_for(following: Frame, frames: Sequence[bytes]) -> list[bytes] | None:
    """The frames, with the main data in them that the following frame expects there; None if there is no room.

    The last one becomes as large as it must. If that is not enough, some of its own main data moves forward.
    """
    expected = _reservoir(following.data)
    if not expected:
        return list(frames)
    if not frames or expected > len(following.before):
        return None
    *former, last = frames
    side, own = last[_HEAD : _HEAD + _side(last)], data_of(last)[: max(0, _main_bytes(last) - _reservoir(last))]
    room = 0
    for index in range(last[2] >> 4, len(_KILOBITS)):
        head = bytes([*last[:2], index << 4 | last[2] & 0x0D, last[3]])  # no padding
        room = _size(head, _KILOBITS[index]) - _HEAD - len(side)
        if len(own) + expected <= room:
            return [*former, head + side + own.ljust(room - expected, b"\0") + following.before[-expected:]]
    excess = len(own) + expected - room
    if _reservoir(last) or excess > min(len(own), _RESERVOIR_MOST):
        return None
    begins = int.from_bytes(side) | excess << 8 * len(side) - _RESERVOIR_BITS
    last = head + begins.to_bytes(len(side)) + own[excess:] + following.before[-expected:]
    led = with_room_for(Frame(last, own[:excess]), former)
    return None if led is None else [*led, last]


def _kilobits(frame: bytes) -> int:
    """A second; 0 if the head does not say."""
    index = frame[2] >> 4
    return _KILOBITS[index] if index < len(_KILOBITS) else 0


def _size(frame: bytes, kilobits: int) -> int:
    return FRAME_SAMPLES // 8 * 1000 * kilobits // _RATES[frame[2] >> 2 & 3] + (frame[2] >> 1 & 1)


def _channels(frame: bytes) -> int:
    return 1 if frame[3] >> 6 == _MONO else 2


def _side(frame: bytes) -> int:
    """Bytes of side information."""
    return 17 if _channels(frame) == 1 else 32


def _reservoir(frame: bytes) -> int:
    """How many bytes before its own share its main data begins."""
    return frame[4] << 1 | frame[5] >> 7


def _main_bytes(frame: bytes) -> int:
    """The length of its main data, without what is left over."""
    size, channels = _side(frame), _channels(frame)
    side = int.from_bytes(frame[_HEAD : _HEAD + size])
    bits = 0
    for number in range(_GRANULES * channels):
        shift = 8 * size - _GRANULES_AT[channels] - number * _CHANNEL_BITS - _LENGTH_BITS
        bits += side >> shift & (1 << _LENGTH_BITS) - 1
    return -(-bits // 8)
