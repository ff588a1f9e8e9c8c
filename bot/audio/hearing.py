"""Open a file as audio and decode it to its end. Runs only in the audio process; nothing else imports PyAV."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import av
import av.subtitles.codeccontext
import av.subtitles.stream  # this and the line above: PyAV would load them on demand, when it is too late
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition

from bot.audio.questions import Limits, Problem, Unusable

# Everything else that FFmpeg reads is shut out: playlists, which open other files, pictures, subtitles, guesses.
DEMUXERS = ("aac", "flac", "matroska", "mov", "mp3", "ogg", "wav")
_PCM_LITTLE = {"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw", "pcm_mulaw"}
_PCM_BIG = {"pcm_s16be", "pcm_s24be", "pcm_s32be", "pcm_f32be", "pcm_f64be"}
_WAV = _PCM_LITTLE | _PCM_BIG | {"adpcm_ms", "adpcm_ima_wav"}
_PACKED = {"aac", "ac3", "alac", "eac3", "flac", "libopus", "libvorbis", "mp3", "mp3float", "opus", "vorbis"}
DECODERS = frozenset(_WAV | _PACKED)
# Photographs that share the film's container (ISO/IEC 23008-12; AVIF).
_PICTURE_BRANDS = frozenset({"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif", "avis"})
_PACKETS_BETWEEN_LOOKS_AT_THE_CLOCK = 256
_CLOCK_SECONDS = 0.5  # more than encoders put before the sound
# Up to PyAV 18, a title that is not UTF-8 is an error without this option; from 19 on this is the only behaviour.
_METADATA: dict[str, Any] = {"metadata_errors": "surrogateescape"} if int(av.__version__.split(".")[0]) < 19 else {}


@contextmanager
def opened(file_descriptor: int) -> Iterator[InputContainer]:
    """The open file as a container.

    FFmpeg gets the descriptor and may open nothing else, no file and no address, whatever the file says. Without a
    name, only the bytes decide what it is.

    Raises:
        Unusable: it is empty, or not one of the containers allowed here.
    """
    options = {
        "fd": str(file_descriptor),
        "protocol_whitelist": "fd",
        "format_whitelist": ",".join(DEMUXERS),
        "codec_whitelist": ",".join(sorted(DECODERS)),  # pictures are never decoded, not even to inspect them
        "threads": "1",
    }
    if os.fstat(file_descriptor).st_size == 0:
        raise Unusable(Problem.EMPTY, "no bytes")
    try:
        container = av.open("fd:", "r", options=options, **_METADATA)
    except MemoryError:
        raise
    except av.FFmpegError as error:
        raise Unusable(Problem.NOT_AUDIO, f"not opened: {error.strerror}") from error
    with container:
        yield container


def readable(title: str) -> str:
    """A text from the container's metadata, with a replacement character for bytes that are not UTF-8."""
    return title.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def is_film(container: InputContainer) -> bool:
    """Whether there are moving pictures; cover art does not count."""
    still = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
    return any(not stream.disposition & still for stream in container.streams.video)


def sound_track(container: InputContainer) -> AudioStream:
    """The stream that is heard: the first one.

    Raises:
        Unusable: there is none, or its codec is not allowed here.
    """
    if not container.streams.audio:
        picture = container.metadata.get("major_brand", "").strip() in _PICTURE_BRANDS
        if is_film(container) and not picture:
            raise Unusable(Problem.NO_AUDIO_TRACK, "film without audio")
        raise Unusable(Problem.NOT_AUDIO, "no audio stream")
    stream = container.streams.audio[0]
    # The stub promises a codec context, but a stream has none if FFmpeg does not know its codec.
    decoder = getattr(getattr(stream, "codec_context", None), "name", "none")
    if decoder not in DECODERS or (container.format.name == "mp3" and "mp3" not in decoder):
        raise Unusable(Problem.NOT_AUDIO, f"codec {decoder} in {container.format.name}")
    return stream


@dataclass(slots=True)
class Heard:
    """What came out of the decoder. `until_seconds` is where it ends by the file's own clock."""

    samples_at: dict[int, int] = field(default_factory=dict)  # sample rate -> samples
    sample_rate: int = 0
    channels: int = 0
    good_packets: int = 0
    bad_packets: int = 0
    started_at: float | None = None
    until_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        return sum(samples / rate for rate, samples in self.samples_at.items())

    @property
    def keeps_time(self) -> bool:
        """Whether the file's own clock agrees with what was heard: it can run slow, jump, or be invented."""
        return self.started_at is None or abs(self.until_seconds - self.seconds) < _CLOCK_SECONDS

    @property
    def is_noise(self) -> bool:
        """Most of it could not be decoded, so it is not really this format."""
        return self.bad_packets > self.good_packets

    def add(self, frame: AudioFrame) -> None:
        rate = frame.sample_rate
        if rate <= 0 or frame.samples <= 0:
            return
        self.samples_at[rate] = self.samples_at.get(rate, 0) + frame.samples
        self.sample_rate, self.channels = rate, frame.layout.nb_channels
        if frame.time is not None:
            if self.started_at is None:
                self.started_at = frame.time
            self.until_seconds = frame.time - self.started_at + frame.samples / rate


def hear(container: InputContainer, stream: AudioStream, limits: Limits) -> Heard:
    """Decode everything, counting and skipping packets that cannot be decoded.

    Raises:
        Unusable: it is too long, or takes too much CPU time.
    """
    heard = Heard()
    for _ in frames_of(container, stream, limits, heard):
        pass
    return heard


def frames_of(container: InputContainer, stream: AudioStream, limits: Limits, heard: Heard) -> Iterator[AudioFrame]:
    """Every frame of the stream, each added to `heard` first. Raises like `hear`."""
    stream.codec_context.thread_count = 1
    for number, packet in enumerate(packets_of(container, stream)):
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except av.FFmpegError:
            heard.bad_packets += 1
            continue
        heard.good_packets += packet.size > 0
        for frame in frames:
            if isinstance(frame, AudioFrame):
                heard.add(frame)
                yield frame
        if number % _PACKETS_BETWEEN_LOOKS_AT_THE_CLOCK == 0:
            check_limits(heard.seconds, limits)
    check_limits(heard.seconds, limits)


def packets_of(container: InputContainer, stream: AudioStream) -> "Iterator[Packet[AudioStream]]":
    """The stream's packets, up to where the container can no longer be read."""
    try:
        yield from container.demux(stream)
    except MemoryError:
        raise
    except av.FFmpegError:
        return


def check_limits(seconds: float, limits: Limits) -> None:
    """Raises `Unusable` after too many seconds of audio, or too much CPU time."""
    if seconds > limits.heard_seconds:
        raise Unusable(Problem.TOO_LONG, f"longer than {limits.heard_seconds} s", heard_seconds=seconds)
    if time.process_time() > limits.cpu_seconds:
        line = f"{limits.cpu_seconds} s of CPU time spent after {seconds:.0f} s of audio"
        raise Unusable(Problem.TOO_COSTLY, line, heard_seconds=seconds)
