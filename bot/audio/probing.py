"""Find out what a file is: its format from its bytes, its length by decoding it. Runs in the audio process."""

import mmap
import os
from types import MappingProxyType

from bot.audio.declared import Octets, declared_by, doc_type
from bot.audio.hearing import Heard, hear, is_film, opened, sound_track
from bot.audio.questions import Limits, Problem, Unusable
from bot.domain.source import AudioFormat, AudioProperties

_MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
_WEBM = "matroska,webm"
_FORMATS = MappingProxyType(
    {
        "aac": AudioFormat.M4A,
        "flac": AudioFormat.FLAC,
        "mp3": AudioFormat.MP3,
        "ogg": AudioFormat.OGG,
        "wav": AudioFormat.WAV,
        _WEBM: AudioFormat.WEBM,
        _MP4: AudioFormat.M4A,
    }
)


def probe(file_descriptor: int, limits: Limits) -> AudioProperties:
    """What the open file is.

    Raises:
        Unusable: with the reason.
    """
    size_bytes = os.fstat(file_descriptor).st_size
    if size_bytes == 0:
        raise Unusable(Problem.EMPTY, "no bytes")
    with mmap.mmap(file_descriptor, 0, access=mmap.ACCESS_READ) as data:
        try:
            with opened(file_descriptor) as container:
                demuxer = container.format.name
                _check_family(data, demuxer)
                film = is_film(container)
                stream = sound_track(container)
                codec = stream.codec_context.codec.canonical_name
                heard = hear(container, stream, limits)
        except Unusable as error:
            # The index of an mp4 may be at its end: once cut off, it cannot even be opened.
            if error.problem is Problem.NOT_AUDIO and declared_by(data, _MP4).size_bytes > size_bytes:
                raise Unusable(Problem.TRUNCATED, f"mp4, {error.log_line}") from error
            raise
        _check_whole(heard, data, demuxer)
    return AudioProperties(
        format=AudioFormat.MP4 if demuxer == _MP4 and film else _FORMATS[demuxer],
        codec=codec,
        length_seconds=heard.seconds,
        sample_rate=heard.sample_rate,
        channels=heard.channels,
        size_bytes=size_bytes,
    )


def _check_family(data: Octets, demuxer: str) -> None:
    """Raises `Unusable` for any Matroska that is not WebM."""
    if demuxer == _WEBM and doc_type(data) != "webm":
        raise Unusable(Problem.NOT_AUDIO, "matroska, not webm")


def _check_whole(heard: Heard, data: Octets, demuxer: str) -> None:
    """Raises `Unusable` if nothing was heard, or less than the file claims."""
    if heard.is_noise:
        line = f"{heard.bad_packets} of {heard.bad_packets + heard.good_packets} packets are damaged"
        raise Unusable(Problem.NOT_AUDIO, line)
    declared = declared_by(data, demuxer)
    heard_until = max(heard.seconds, heard.until_seconds)
    if declared.size_bytes > len(data) or declared.seconds - heard_until > _tolerance_seconds(declared.seconds):
        raise Unusable(Problem.TRUNCATED, "less than claimed", heard_seconds=heard.seconds)
    if not heard.samples_at:
        raise Unusable(Problem.EMPTY, f"{demuxer} without sound")
    if heard.channels <= 0:
        raise Unusable(Problem.NOT_AUDIO, "no channels")


def _tolerance_seconds(claimed_seconds: float) -> float:
    """What encoder delay and a damaged last frame may take away unnoticed."""
    return max(0.25, 0.01 * claimed_seconds)
