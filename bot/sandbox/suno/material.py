"""Audio and pictures of results: real continuations, silence of any size, gradients."""

import math
import struct
import zlib
from pathlib import Path

_FRAME_SAMPLES = 1152
_SAMPLE_RATE = 44_100
# One frame of silence: MPEG-1 layer III, mono, at 44.1 kHz; side information of zeros means no sound.
_LARGE_FRAME = b"\xff\xfb\xe0\xc0".ljust(144 * 320_000 // _SAMPLE_RATE, b"\0")  # 320 kbit/s
_SMALL_FRAME = b"\xff\xfb\x10\xc0".ljust(144 * 32_000 // _SAMPLE_RATE, b"\0")  # 32 kbit/s

COVER_SIDE = 320


def write_silence(to: Path, size_bytes: int) -> float:
    """An mp3 of silence of at least `size_bytes`; returns its length in seconds."""
    return _write(to, _LARGE_FRAME, -(-size_bytes // len(_LARGE_FRAME)))


def write_long_silence(to: Path, seconds: float) -> float:
    """An mp3 of silence of at least `seconds`, 4 kB a second; returns its length."""
    return _write(to, _SMALL_FRAME, math.ceil(seconds * _SAMPLE_RATE / _FRAME_SAMPLES))


def _write(to: Path, frame: bytes, count: int) -> float:
    block_of_frames = 1000
    with to.open("wb") as file:
        for start in range(0, count, block_of_frames):
            file.write(frame * min(block_of_frames, count - start))
    return round(count * _FRAME_SAMPLES / _SAMPLE_RATE, 2)


def length_seconds(path: Path) -> float | None:
    """The true length of a file's sound, from its packets rather than its header.

    None if it has none or cannot be read.
    """
    import av  # noqa: PLC0415  # a stand-in that checks no source need not load FFmpeg

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return None
            stream = container.streams.audio[0]
            ends = [
                float((packet.pts + (packet.duration or 0)) * packet.time_base)
                for packet in container.demux(stream)
                if packet.pts is not None and packet.time_base is not None
            ]
    except (av.FFmpegError, ValueError):
        return None
    return max(ends, default=None)


def cover(seed: int) -> bytes:
    """A PNG: a gradient between two colours that come from `seed`."""
    top, bottom = seed.to_bytes(8, "big", signed=False)[:3], seed.to_bytes(8, "big", signed=False)[3:6]
    rows = []
    for y in range(COVER_SIDE):
        part = y / (COVER_SIDE - 1)
        colour = bytes(round(a + (b - a) * part) for a, b in zip(top, bottom, strict=True))
        rows.append(b"\0" + colour * COVER_SIDE)
    header = struct.pack(">IIBBBBB", COVER_SIDE, COVER_SIDE, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
