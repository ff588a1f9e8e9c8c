"""The piece of audio that is continued."""

from enum import StrEnum

import msgspec

from bot.domain.measured import Channels, CodecName, MeasuredBytes, MeasuredSeconds, SampleRate
from bot.domain.secrets import repr_without


class SourceKind(StrEnum):
    ATTACHMENT = "attachment"  # a file handed to the command
    URL = "url"  # a link typed by the member
    TRACK = "track"  # a track that Encore made earlier


class AudioFormat(StrEnum):
    """What the bytes are, whatever the file's name says."""

    MP3 = "mp3"
    WAV = "wav"
    FLAC = "flac"
    OGG = "ogg"  # Vorbis or Opus in Ogg
    M4A = "m4a"  # AAC, bare or in MP4 without a picture
    WEBM = "webm"
    MP4 = "mp4"  # a film; its audio track counts


class AudioProperties(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a file by decoding it to its end.

    `format` is the container, `codec` the decoder's name (`mp3`, `opus`, `aac`, ...), `length_seconds` the true length.
    """

    format: AudioFormat
    codec: CodecName
    length_seconds: MeasuredSeconds
    sample_rate: SampleRate
    channels: Channels
    size_bytes: MeasuredBytes


class InMessage(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment by the message it is in: a new link to it can be had there when its link has expired."""

    channel_id: int
    message_id: int
    attachment_id: int


class SourceChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which source a member named, before anything was read.

    `name` is what the member would recognise: the file's name, the last part of the link's path, or the track's title.
    `locator` is the URL to read from. `model` is the model that made the track, if it is one of Encore's. `takes` is
    set if the member named a track by its title alone and its job made several: how many. The first one was chosen.
    `job_id` is the job that made the track. `message` is set if the audio was found in a message.
    """

    kind: SourceKind
    name: str
    locator: str
    size_bytes: int | None = None  # as announced, not as counted
    model: str | None = None
    track_id: str | None = None
    job_id: str | None = None
    takes: int | None = None
    message: InMessage | None = None

    def __repr__(self) -> str:
        return repr_without(self, frozenset({"locator"}))
