"""Checks of single fields, with the words that Discord uses for them."""

from collections.abc import Collection
from typing import Any

from bot.sandbox.discord.refuse import addresses
from bot.sandbox.discord.refuse.limits import Problems
from bot.sandbox.discord.world.shapes import Json

REQUIRED = ("BASE_TYPE_REQUIRED", "This field is required")


def text(body: Json, key: str, problems: Problems, *, most: int, least: int = 0, required: bool = False) -> str | None:
    """The string at `key`; None if it is missing or wrong."""
    value = body.get(key)
    if value is None:
        if required:
            problems.add(*REQUIRED, key)
        return None
    if not isinstance(value, str):
        problems.add("STRING_TYPE_CONVERT", f'Could not interpret "{value}" as string.', key)
        return None
    if not least <= len(value) <= most:
        if least:
            problems.add("BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.", key)
        else:
            problems.add("BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.", key)
        return None
    return value


def number(
    body: Json,
    key: str,
    problems: Problems,
    *,
    least: float,
    most: float,
    whole: bool = True,
    required: bool = False,
) -> float | None:
    value = body.get(key)
    if value is None:
        if required:
            problems.add(*REQUIRED, key)
        return None
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        problems.add("NUMBER_TYPE_COERCE", f'Value "{value}" is not {"int" if whole else "float"}.', key)
        return None
    if value < least:
        problems.add("NUMBER_TYPE_MIN", f"Value should be greater than or equal to {least}.", key)
    elif value > most:
        problems.add("NUMBER_TYPE_MAX", f"Value should be less than or equal to {most}.", key)
    else:
        return float(value)
    return None


def one_of(body: Json, key: str, problems: Problems, among: Collection[int], *, required: bool = True) -> int | None:
    value = body.get(key)
    if value is None:
        if required:
            problems.add(*REQUIRED, key)
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value not in among:
        listed = ", ".join(map(str, sorted(among)))
        problems.add("BASE_TYPE_CHOICES", f"Value must be one of {{{listed}}}.", key)
        return None
    return value


def flag(body: Json, key: str, problems: Problems) -> bool | None:
    value = body.get(key)
    if value is None or isinstance(value, bool):
        return value
    problems.add("BOOLEAN_TYPE_CONVERT", "Must be either true or false.", key)
    return None


def rows(body: Json, key: str, problems: Problems, *, most: int, least: int = 0, required: bool = False) -> list[Any]:
    """The list at `key`, empty if it is missing or not a list; its length is checked."""
    value = body.get(key)
    if value is None:
        if required:
            problems.add(*REQUIRED, key)
        return []
    if not isinstance(value, list):
        problems.add("LIST_TYPE_CONVERT", "Only iterables may be used in a ListType", key)
        return []
    if not least <= len(value) <= most:
        if least:
            problems.add("BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.", key)
        else:
            problems.add("BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.", key)
    return value


def as_object(value: object, problems: Problems) -> Json:
    """`value` if it is a JSON object; otherwise a problem is added and an empty object returned."""
    if isinstance(value, dict):
        return value
    problems.add("DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
    return {}


def url(body: Json, key: str, problems: Problems, *, most: int, schemes: Collection[str]) -> str | None:
    value = text(body, key, problems, most=most)
    if value is None:
        return None
    scheme = _scheme(value)
    if scheme not in schemes:
        listed = ", ".join(f"'{scheme}'" for scheme in schemes)
        problems.add(
            "URL_TYPE_INVALID_SCHEME", f"Scheme '{scheme}' is not supported. Scheme must be one of ({listed}).", key
        )
        return None
    if not addresses.is_well_formed(value):
        problems.add("URL_TYPE_INVALID_URL", "Not a well formed URL.", key)
        return None
    return value


def _scheme(value: str) -> str:
    scheme, colon, _ = value.partition(":")
    return scheme.lower() if colon else ""


def snowflake(value: object) -> int | None:
    """Ids come as strings or numbers."""
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).isdecimal():
        return None
    return int(value)
