"""How large or how long a file is said to be by its own structure. If there is less, it was cut off.

Each function reads the structure of one container and never the sound. The bytes come from outside, so every read is
checked against their end and every walk is bounded. A structure that cannot be followed declares nothing.
"""

import mmap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

Octets = bytes | mmap.mmap

_STEPS_MAX = 200_000  # hours of film have fewer elements; this many take a tenth of a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """The file has at least `size_bytes` and at least `seconds` of sound. Zero declares nothing."""

    size_bytes: int = 0
    seconds: float = 0.0


NOTHING_DECLARED = Declared()


def _big(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _little(octets: bytes) -> int:
    return int.from_bytes(octets, "little")


def _after_id3(data: Octets) -> int:
    """Where the sound begins, after any ID3v2 tags (id3.org, "ID3v2.4 main structure", section 3.1)."""
    at = 0
    for _ in range(16):
        header = data[at : at + 10]
        if len(header) < 10 or header[:3] != b"ID3":
            break
        size = 0
        for octet in header[6:10]:
            size = size << 7 | octet & 0x7F
        footer = 10 if header[5] & 0x10 else 0
        at += 10 + size + footer
    return at


# Writers that cannot seek leave a size that means "until the end": all ones, or just below 2 GiB.
_WAV_SIZE_UNKNOWN = 0x7FFF_0000


def wav(data: Octets) -> Declared:
    """The size of the `data` chunk (Microsoft, "Multimedia Programming Interface", RIFF; EBU Tech 3306 for RF64)."""
    number = _big if data[:4] == b"RIFX" else _little
    size64 = None
    at = 12
    for _ in range(_STEPS_MAX):
        name, size = data[at : at + 4], number(data[at + 4 : at + 8])
        if at + 8 > len(data):
            break
        if name == b"ds64":
            size64 = number(data[at + 16 : at + 24])
        if name == b"data":
            if size >= _WAV_SIZE_UNKNOWN and at + 8 + size > len(data):
                return Declared(size_bytes=at + 8 + size64) if size64 else NOTHING_DECLARED
            return Declared(size_bytes=at + 8 + size)
        at += 8 + size + size % 2
    return Declared(size_bytes=at)


def flac(data: Octets) -> Declared:
    """The number of samples in STREAMINFO (RFC 9639, section 8.2); zero means unknown."""
    at = _after_id3(data)
    block = data[at + 8 : at + 8 + 18]
    if data[at : at + 4] != b"fLaC" or len(block) < 18:
        return NOTHING_DECLARED
    packed = _big(block[10:18])
    sample_rate, samples = packed >> 44, packed & (1 << 36) - 1
    return Declared(seconds=samples / sample_rate) if sample_rate else NOTHING_DECLARED


_MP3_SAMPLE_RATES = (44100, 48000, 32000)


def mp3(data: Octets) -> Declared:
    """The frame count of the Xing, Info or VBRI header in the first frame; without one, nothing is claimed.

    Layout: ISO/IEC 11172-3, section 2.4.2.3, and the usual descriptions of the headers (Xing, Fraunhofer).
    """
    at = _after_id3(data)
    header = data[at : at + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2 or header[2] >> 2 & 3 == 3:
        return NOTHING_DECLARED
    version, mono = header[1] >> 3 & 3, header[3] >> 6 == 3  # version 3 is MPEG-1, 2 is MPEG-2, 0 is MPEG-2.5
    sample_rate = _MP3_SAMPLE_RATES[header[2] >> 2 & 3] >> {3: 0, 2: 1}.get(version, 2)
    frame_seconds = (1152 if version == 3 else 576) / sample_rate
    side_bytes = (17 if mono else 32) if version == 3 else (9 if mono else 17)
    xing = at + 4 + side_bytes
    vbri = at + 4 + 32
    if data[xing : xing + 4] in {b"Xing", b"Info"}:
        flags, frames, size = (_big(data[xing + i : xing + i + 4]) for i in (4, 8, 12))
        if flags & 1:
            return Declared(seconds=frames * frame_seconds)
        return Declared(size_bytes=at + size) if flags & 2 else NOTHING_DECLARED
    if data[vbri : vbri + 4] == b"VBRI":
        return Declared(seconds=_big(data[vbri + 14 : vbri + 18]) * frame_seconds)
    return NOTHING_DECLARED


def ogg(data: Octets) -> Declared:
    """The end of the last page and of the packet in it (RFC 3533, section 6).

    A last page without the end-of-stream flag proves nothing: Android's own recorder never sets it.
    """
    at = data.rfind(b"OggS")
    while at > 0 and data[at + 4 : at + 5] not in {b"\0", b""}:
        at = data.rfind(b"OggS", 0, at)
    if at < 0:
        return NOTHING_DECLARED
    segments = data[at + 26] if at + 26 < len(data) else 0
    lacing = data[at + 27 : at + 27 + segments]
    if at + 26 >= len(data) or len(lacing) < segments:
        return Declared(size_bytes=len(data) + 1)
    goes_on = segments > 0 and lacing[-1] == 255
    return Declared(size_bytes=len(data) + 1 if goes_on else at + 27 + segments + sum(lacing))


_MP4_TOP_BOXES = frozenset(
    b"ftyp moov mdat free skip wide uuid moof mfra sidx styp udta meta emsg pdin prft ssix pnot".split()
)


def _mp4_boxes(data: Octets) -> Iterator[tuple[bytes, int]]:
    """The top-level boxes: each one's name and end (ISO/IEC 14496-12, section 4.2)."""
    at = 0
    for _ in range(_STEPS_MAX):
        size, name = _big(data[at : at + 4]), bytes(data[at + 4 : at + 8])
        if name not in _MP4_TOP_BOXES:
            return
        if size == 1:
            size = _big(data[at + 8 : at + 16])
        end = at + size if size else len(data)
        if end < at + 8:
            return
        yield name, end
        at = end


def mp4(data: Octets) -> Declared:
    """The end of the last box; if no `moov` has come yet, the file should be longer."""
    boxes = list(_mp4_boxes(data))
    if not boxes:
        return NOTHING_DECLARED
    end = boxes[-1][1]
    if all(name != b"moov" for name, _ in boxes):
        end = max(end, len(data) + 1)
    return Declared(size_bytes=end)


_EBML_HEADER, _SEGMENT = 0x1A45_DFA3, 0x1853_8067
_DOC_TYPE = b"\x42\x82"


def _ebml_number(data: Octets, at: int) -> tuple[int, int]:
    """A variable-length number, marker included, and its length; length 0 if there is none (RFC 8794, section 4)."""
    first = data[at] if at < len(data) else 0
    length = 9 - first.bit_length() if first else 0
    return _big(data[at : at + length]), length if at + length <= len(data) else 0


def webm(data: Octets) -> Declared:
    """The end of the segment, or of its last element if its size is unknown (a live recording)."""
    at = 0
    for _ in range(_STEPS_MAX):
        if at >= len(data):
            break
        name, name_length = _ebml_number(data, at)
        marked, size_length = _ebml_number(data, at + name_length)
        if not name_length or not size_length:
            return Declared(size_bytes=len(data) + 1) if len(data) - at < 12 else NOTHING_DECLARED
        all_ones = (1 << 7 * size_length) - 1
        size = marked & all_ones
        at += name_length + size_length
        if size == all_ones:
            continue  # its children follow
        at += size
        if name == _SEGMENT:
            break
    return Declared(size_bytes=at)


def doc_type(data: Octets) -> str:
    """`webm` or `matroska`; empty if the file does not say (RFC 9559, section 4)."""
    header = bytes(data[:128])
    at = header.find(_DOC_TYPE)
    if _big(header[:4]) != _EBML_HEADER or at < 0:
        return ""
    marked, length = _ebml_number(header, at + 2)
    start = at + 2 + length
    return header[start : start + (marked & (1 << 7 * length) - 1)].rstrip(b"\0").decode("ascii", "replace")


def _nothing(_: Octets) -> Declared:
    return NOTHING_DECLARED


_BY_DEMUXER: Mapping[str, Callable[[Octets], Declared]] = MappingProxyType(
    {
        "aac": _nothing,  # bare frames, which announce no length
        "flac": flac,
        "matroska,webm": webm,
        "mov,mp4,m4a,3gp,3g2,mj2": mp4,
        "mp3": mp3,
        "ogg": ogg,
        "wav": wav,
    }
)


def declared_by(data: Octets, demuxer: str) -> Declared:
    """What a file that FFmpeg's `demuxer` reads declares of itself."""
    return _BY_DEMUXER[demuxer](data)
