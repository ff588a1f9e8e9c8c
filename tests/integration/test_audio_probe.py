"""What the audio process finds in a file, and why it refuses one."""

import io
import os
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from bot.audio.process import AudioProcess
from bot.domain.models import MODELS
from bot.domain.source import AudioFormat
from bot.errors import (
    BadSource,
    NoAudioTrack,
    NotAudio,
    SourceEmpty,
    SourceTooLong,
    SourceTruncated,
)
from bot.sandbox.sounds import compose, silent_mp3_of_size

FORMATS = {
    ".mp3": (AudioFormat.MP3, "mp3"),
    ".wav": (AudioFormat.WAV, "pcm_s16le"),
    ".flac": (AudioFormat.FLAC, "flac"),
    ".ogg": (AudioFormat.OGG, "vorbis"),
    ".opus": (AudioFormat.OGG, "opus"),
    ".m4a": (AudioFormat.M4A, "aac"),
    ".aac": (AudioFormat.M4A, "aac"),
    ".webm": (AudioFormat.WEBM, "opus"),
    ".mp4": (AudioFormat.MP4, "aac"),
}


A_MANIFEST = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011">
<Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL>
</Representation></AdaptationSet></Period></MPD>
"""


def a_png() -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def a_jpeg() -> bytes:
    codec = av.VideoCodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = 64, 64, "yuvj420p", Fraction(1)
    frame = av.VideoFrame(64, 64, "yuvj420p")
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


def a_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("piece.mp3", bytes(5000))
    return buffer.getvalue()


def a_wav(*, sample_rate: int, samples: int) -> bytes:
    """16-bit mono."""
    form = struct.pack("<HHIIHH", 1, 1, sample_rate, sample_rate * 2, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", 2 * samples) + bytes(2 * samples)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def a_sparse_wav(path: Path, *, seconds: int, sample_rate: int, channels: int, bits: int, form: int) -> None:
    """Silence that takes no disk space. `form`: 1 is integer, 3 floating point."""
    frame = channels * bits // 8
    size = seconds * sample_rate * frame
    chunk = struct.pack("<HHIIHH", form, channels, sample_rate, sample_rate * frame, frame, bits)
    header = b"WAVEfmt " + struct.pack("<I", len(chunk)) + chunk + b"data" + struct.pack("<I", size)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(header) + size) + header)
    os.truncate(path, 8 + len(header) + size)


def a_cover_tag(picture: bytes) -> bytes:
    """ID3v2.3 with the picture as front cover."""
    body = b"\0image/png\0\3\0" + picture
    frame = b"APIC" + struct.pack(">IH", len(body), 0) + body
    return b"ID3\3\0\0" + bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0)) + frame


def a_silent_film(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for second in range(3):
            frame = av.VideoFrame(64, 64, "yuv420p")
            frame.pts, frame.time_base = second, Fraction(1)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def rewrapped(source: Path, to: Path, muxer: str, options: dict[str, str] | None = None) -> None:
    """The same packets in another container."""
    with av.open(str(source), "r") as old, av.open(str(to), "w", format=muxer, container_options=options) as new:
        stream = new.add_stream_from_template(old.streams.audio[0])
        for packet in old.demux(old.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)


def a_piece(tmp_path: Path, suffix: str, *, seconds: float = 3.0) -> Path:
    path = tmp_path / f"piece{suffix}"
    compose(path, seconds=seconds)
    return path


@pytest.fixture
def audio() -> AudioProcess:
    return AudioProcess()


@pytest.mark.parametrize("suffix", FORMATS)
async def test_every_format_is_recognised_by_its_bytes(suffix: str, audio: AudioProcess, tmp_path: Path) -> None:
    piece = a_piece(tmp_path, suffix)
    unnamed = piece.rename(tmp_path / "photo.jpg")

    properties = await audio.probe(unnamed)

    assert (properties.format, properties.codec) == FORMATS[suffix]
    assert properties.length_seconds == pytest.approx(3.0, abs=0.1)
    assert properties.sample_rate in {24000, 44100, 48000}
    assert properties.channels == (2 if suffix == ".ogg" else 1)
    assert properties.size_bytes == unnamed.stat().st_size


@pytest.mark.parametrize("suffix", FORMATS)
async def test_a_file_cut_at_three_fifths_is_reported_as_cut_off(
    suffix: str, audio: AudioProcess, tmp_path: Path
) -> None:
    piece = a_piece(tmp_path, suffix, seconds=5.0)
    data = piece.read_bytes()
    piece.write_bytes(data[: len(data) * 3 // 5])

    if suffix == ".aac":
        # Bare frames carry no total length, so this is simply a shorter piece.
        assert (await audio.probe(piece)).length_seconds == pytest.approx(3.0, abs=0.2)
        return
    with pytest.raises(SourceTruncated):
        await audio.probe(piece)


async def test_a_cut_file_is_reported_with_the_length_heard(audio: AudioProcess, tmp_path: Path) -> None:
    piece = a_piece(tmp_path, ".wav", seconds=4.0)
    piece.write_bytes(piece.read_bytes()[: 44 + 2 * 24000 * 3])

    with pytest.raises(SourceTruncated, match=r"after 3\.0"):
        await audio.probe(piece)


async def test_a_cut_film_with_its_index_first_is_reported_as_cut_off(audio: AudioProcess, tmp_path: Path) -> None:
    film = tmp_path / "film.m4a"
    rewrapped(a_piece(tmp_path, ".m4a"), film, "mp4", {"movflags": "faststart"})
    whole = film.read_bytes()
    film.write_bytes(whole[: len(whole) * 4 // 5])

    with pytest.raises(SourceTruncated, match=r"after 2\.\d"):
        await audio.probe(film)


async def test_an_mp3_without_a_header_is_accepted_at_the_length_it_has(audio: AudioProcess, tmp_path: Path) -> None:
    """Nothing in the file says how long it was."""
    piece = tmp_path / "silence.mp3"
    silent_mp3_of_size(piece, 200_000)
    piece.write_bytes(piece.read_bytes()[:120_000])

    assert (await audio.probe(piece)).length_seconds == pytest.approx(3.0, abs=0.1)


async def test_a_live_webm_without_a_length_is_measured(audio: AudioProcess, tmp_path: Path) -> None:
    live = tmp_path / "live.webm"
    rewrapped(a_piece(tmp_path, ".webm"), live, "webm", {"live": "1"})

    assert (await audio.probe(live)).length_seconds == pytest.approx(3.0, abs=0.1)

    live.write_bytes(live.read_bytes()[: live.stat().st_size * 3 // 5])
    with pytest.raises(SourceTruncated):
        await audio.probe(live)


async def test_damage_in_the_middle_is_tolerated(audio: AudioProcess, tmp_path: Path) -> None:
    piece = a_piece(tmp_path, ".flac", seconds=10.0)
    data = bytearray(piece.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = random.Random(1).randbytes(200)
    piece.write_bytes(data)

    assert (await audio.probe(piece)).length_seconds == pytest.approx(10.0, abs=0.5)


async def test_a_file_damaged_throughout_is_not_audio(audio: AudioProcess, tmp_path: Path) -> None:
    piece = a_piece(tmp_path, ".m4a")
    data = bytearray(piece.read_bytes())
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[start:end] = random.Random(1).randbytes(end - start)
    piece.write_bytes(data)

    with pytest.raises(NotAudio):
        await audio.probe(piece)


async def test_a_file_with_a_cover_is_not_a_film(audio: AudioProcess, tmp_path: Path) -> None:
    piece = a_piece(tmp_path, ".mp3")
    piece.write_bytes(a_cover_tag(a_png()) + piece.read_bytes())

    assert (await audio.probe(piece)).format is AudioFormat.MP3


async def test_a_cover_alone_is_not_audio(audio: AudioProcess, tmp_path: Path) -> None:
    path = tmp_path / "cover.mp3"
    path.write_bytes(a_cover_tag(a_png()))

    with pytest.raises(NotAudio):
        await audio.probe(path)


async def test_a_film_without_sound_has_its_own_sentence(audio: AudioProcess, tmp_path: Path) -> None:
    a_silent_film(tmp_path / "film.mp4")

    with pytest.raises(NoAudioTrack):
        await audio.probe(tmp_path / "film.mp4")


async def test_the_same_film_without_sound_marked_as_a_photograph_is_not_audio(
    audio: AudioProcess, tmp_path: Path
) -> None:
    film = tmp_path / "photo.heic"
    a_silent_film(film)
    film.write_bytes(film.read_bytes().replace(b"ftypisom", b"ftypheic", 1))

    with pytest.raises(NotAudio):
        await audio.probe(film)


async def test_matroska_is_not_webm(audio: AudioProcess, tmp_path: Path) -> None:
    rewrapped(a_piece(tmp_path, ".opus"), tmp_path / "film.mkv", "matroska")

    with pytest.raises(NotAudio):
        await audio.probe(tmp_path / "film.mkv")


async def test_an_empty_file_is_empty(audio: AudioProcess, tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").touch()

    with pytest.raises(SourceEmpty):
        await audio.probe(tmp_path / "empty.mp3")


async def test_a_wav_without_samples_is_empty(audio: AudioProcess, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").write_bytes(a_wav(sample_rate=44100, samples=0))

    with pytest.raises(SourceEmpty):
        await audio.probe(tmp_path / "empty.wav")


async def test_a_wav_without_a_sample_rate_is_refused(audio: AudioProcess, tmp_path: Path) -> None:
    (tmp_path / "odd.wav").write_bytes(a_wav(sample_rate=0, samples=1000))

    with pytest.raises((NotAudio, SourceEmpty)):
        await audio.probe(tmp_path / "odd.wav")


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"Dear all,\nplease find no music in this letter.\n" * 50,
        a_png,
        a_jpeg,
        a_zip,
        lambda: random.Random(7).randbytes(200_000),
        lambda: bytes(100_000),
        lambda: b"<html><body>404</body></html>",
        lambda: b"RIFF",
        lambda: b"1\n00:00:01,000 --> 00:00:02,000\nLa la la\n",
    ],
    ids=["letter", "png", "jpeg", "zip", "noise", "zeros", "html", "four letters", "subtitles"],
)
async def test_a_file_that_is_not_audio_is_refused(
    make: Callable[[], bytes], audio: AudioProcess, tmp_path: Path
) -> None:
    path = tmp_path / "piece.mp3"
    path.write_bytes(make())

    with pytest.raises(NotAudio):
        await audio.probe(path)


@pytest.mark.parametrize(
    "words",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{target}'\n",
        "[playlist]\nFile1={target}\nNumberOfEntries=1\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\na=control:{target}\n",
        A_MANIFEST,
    ],
    ids=["hls", "concat", "pls", "sdp", "dash"],
)
async def test_a_list_of_other_files_opens_none_of_them(words: str, audio: AudioProcess, tmp_path: Path) -> None:
    """It names a real piece, so only the refusal keeps it from being read."""
    real = a_piece(tmp_path, ".mp3")
    for target in (str(real), real.name, f"file:{real}", "/etc/passwd", "http://127.0.0.1:9/piece.mp3"):
        listing = tmp_path / "piece.m3u8"
        listing.write_text(words.format(target=target))

        with pytest.raises(NotAudio):
            await audio.probe(listing)


async def test_a_source_slightly_too_long_is_reported_with_its_length(audio: AudioProcess, tmp_path: Path) -> None:
    longest = max(model.source_max_seconds for model in MODELS.values())
    (tmp_path / "long.wav").write_bytes(a_wav(sample_rate=8000, samples=8000 * (longest + 5)))

    assert (await audio.probe(tmp_path / "long.wav")).length_seconds == longest + 5


@pytest.mark.parametrize(
    ("sample_rate", "channels", "bits", "form"),
    [(48000, 2, 64, 3), (192_000, 2, 24, 1)],
    ids=["double precision", "192 kHz"],
)
async def test_the_largest_formats_are_read_within_the_limits(
    sample_rate: int, channels: int, bits: int, form: int, audio: AudioProcess, tmp_path: Path
) -> None:
    """As long as the longest source of any model: 369 and 553 MB."""
    longest = max(model.source_max_seconds for model in MODELS.values())
    piece = tmp_path / "large.wav"
    a_sparse_wav(piece, seconds=longest, sample_rate=sample_rate, channels=channels, bits=bits, form=form)

    assert (await audio.probe(piece)).length_seconds == longest


async def test_a_title_that_is_not_utf8_does_no_harm(audio: AudioProcess, tmp_path: Path) -> None:
    piece = tmp_path / "piece.flac"
    compose(piece, seconds=1.0, title="Paper Boats")
    piece.write_bytes(piece.read_bytes().replace(b"Paper Boats", b"P\xe4per B\xf6ats"))

    assert (await audio.probe(piece)).format is AudioFormat.FLAC


async def test_a_file_that_decodes_to_hours_is_not_decoded_to_its_end(audio: AudioProcess, tmp_path: Path) -> None:
    """8 kB that last over an hour: one sample a second."""
    (tmp_path / "bomb.wav").write_bytes(a_wav(sample_rate=1, samples=4000))

    with pytest.raises(SourceTooLong):
        await audio.probe(tmp_path / "bomb.wav")


async def test_a_refusal_carries_a_sentence(audio: AudioProcess, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")

    with pytest.raises(BadSource) as caught:
        await audio.probe(tmp_path / "x")

    assert caught.value.sentence.message
