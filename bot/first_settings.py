"""`encore init`: writes a `.env` to fill in."""

import os
from importlib import metadata
from pathlib import Path

NAME = ".env.example"
DISTRIBUTION = "encore-bot"


class InitError(Exception):
    """No `.env` was written; the text says why."""


def write_settings(to: Path) -> None:
    """Write every setting with its explanation to the new file `to`, which only its owner may read.

    Raises:
        InitError: there is something at `to` already, or the example is missing.
        OSError: it cannot be written.
    """
    text = _example()
    try:
        descriptor = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise InitError(f"{to} exists already and stays as it is") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _example() -> str:
    """From the checkout, or from where the wheel has put it."""
    path = Path(__file__).parents[1] / NAME
    if not path.is_file():
        try:
            files = metadata.files(DISTRIBUTION) or ()
        except metadata.PackageNotFoundError:
            files = ()
        found = next((file for file in files if file.name == NAME), None)
        if found is None:
            raise InitError(f"{NAME} is missing from this installation: install Encore again")
        path = Path(str(found.locate()))
    return path.read_text(encoding="utf-8")
