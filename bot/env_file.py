"""The file with the settings: read whole or refused, because a setting that gets lost may cost credits."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bot.settings import SETTINGS, SettingsError

if TYPE_CHECKING:
    from dotenv.parser import Original


def from_file(path: Path, *, is_named: bool) -> Mapping[str, str]:
    """The settings in `path`; none if there is no such file and `--env-file` does not name it.

    Raises:
        SettingsError: the file, or a line of it, cannot be read.
    """
    if not path.exists():
        if is_named:
            raise SettingsError((f"--env-file: there is no file {path.absolute()}",))
        return {}
    if path.is_dir():
        raise SettingsError((f"{path.absolute()} cannot be read: it is a folder; put a file with your settings there",))
    from dotenv import dotenv_values  # noqa: PLC0415  # only if there is such a file
    from dotenv.parser import parse_stream  # noqa: PLC0415  # as above

    try:
        with path.open(encoding="utf-8") as stream:
            unreadable = tuple(
                f"line {_line(binding.original)} of {path.absolute()} cannot be read: write it as NAME=value, and close"
                " every quote"
                for binding in parse_stream(stream)
                if binding.error or (binding.key is not None and binding.value is None)  # a name alone sets nothing
            )
        found = {} if unreadable else dotenv_values(path)
    except UnicodeDecodeError:
        raise SettingsError((f"{path.absolute()} is not UTF-8 text: save it again as UTF-8",)) from None
    except OSError as error:
        raise SettingsError((f"{path.absolute()} cannot be read: {error.strerror}",)) from None
    if unreadable:
        raise SettingsError(unreadable)
    return {name: value for name, value in found.items() if value is not None}


def _line(original: "Original") -> int:
    """python-dotenv counts empty lines before a statement as a part of it."""
    before = original.string[: len(original.string) - len(original.string.lstrip())]
    return original.line + before.count("\n")


def misspelt(names: Iterable[str]) -> dict[str, str]:
    """Those that are no settings but look like one, and the one that they look like."""
    unknown = sorted(set(names) - SETTINGS)
    if not unknown:
        return {}
    from difflib import get_close_matches  # noqa: PLC0415  # rarely needed

    similar = {name: get_close_matches(name.upper(), SETTINGS, n=1) for name in unknown}
    return {name: matches[0] for name, matches in similar.items() if matches}
