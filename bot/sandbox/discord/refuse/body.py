"""What a request carries."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """`number` is the n of `files[n]`; `data` is None if bytes are not kept."""

    number: int
    filename: str
    size_bytes: int
    sha256: str
    data: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """`value` is the JSON, or the `payload_json` of a multipart body; None if there is none."""

    value: Any = None
    files: tuple[UploadedFile, ...] = ()
    is_multipart: bool = False
    malformed: str = ""
