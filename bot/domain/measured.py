"""What an audio process may say that it measured. Code that took one over could say anything."""

from typing import Annotated

from msgspec import Meta

MeasuredSeconds = Annotated[float, Meta(ge=0, le=86_400)]
"""A length or a moment; nothing longer than an hour is read."""
MeasuredBytes = Annotated[int, Meta(ge=0, le=1 << 40)]
SampleRate = Annotated[int, Meta(ge=1, le=10_000_000)]
Channels = Annotated[int, Meta(ge=1, le=1000)]
CodecName = Annotated[str, Meta(max_length=100)]
