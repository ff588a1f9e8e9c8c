"""The page's files, from the package."""

from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).parent / "static"
CONTENT_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    content_type: str


def names() -> list[str]:
    """All files that are served, by their paths below the page's address."""
    return sorted(
        str(path.relative_to(STATIC)) for path in STATIC.rglob("*") if path.is_file() and path.suffix in CONTENT_TYPES
    )


def read(name: str) -> Asset | None:
    """None if there is no such file; names are compared, never joined to a path, so that nothing else is read."""
    if name not in names():
        return None
    path = STATIC / name
    return Asset(path.read_bytes(), CONTENT_TYPES[path.suffix])
