"""Checks of announced commands (docs/discord.md 1.1)."""

import unicodedata
from collections.abc import Iterable
from typing import Any

from bot.sandbox.discord.refuse import fields, limits
from bot.sandbox.discord.refuse.limits import Problems
from bot.sandbox.discord.world.shapes import Json

SLASH, USER_MENU, MESSAGE_MENU = 1, 2, 3
SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(1, 12)
NESTING = (SUBCOMMAND, GROUP)
SUGGESTED = (STRING, INTEGER, NUMBER)
DEVANAGARI_AND_THAI = ((0x0900, 0x097F), (0xA8E0, 0xA8FF), (0x11B00, 0x11B5F), (0x0E01, 0x0E3A), (0x0E40, 0x0E5B))


def check_commands(commands: list[Any], problems: Problems) -> None:
    names: set[tuple[int, str]] = set()
    for index, value in enumerate(commands):
        with problems.at(index):
            command = fields.as_object(value, problems)
            kind = command.get("type") or SLASH
            check_command(command, problems)
            name = (kind, str(command.get("name")))
            if name in names:
                problems.add("APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique", "name")
            names.add(name)
    for kind, most in limits.COMMANDS_MAX.items():
        if sum(each == kind for each, _ in names) > most:
            problems.add("BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer commands of type {kind}.")


def check_command(command: Json, problems: Problems) -> None:
    kind = fields.one_of(command, "type", problems, (SLASH, USER_MENU, MESSAGE_MENU), required=False) or SLASH
    _check_names(command, problems, is_menu=kind != SLASH)
    if kind == SLASH:
        _check_descriptions(command, problems)
        _check_options(command, problems, depth=0)
    else:
        if command.get("description"):
            problems.add(
                "APPLICATION_COMMAND_INVALID_DESCRIPTION",
                "Context menu commands cannot have a description",
                "description",
            )
        if command.get("options"):
            problems.add("APPLICATION_COMMAND_INVALID_OPTIONS", "Context menu commands cannot have options", "options")
    for key, most in (("contexts", 2), ("integration_types", 1)):
        for index, value in enumerate(fields.rows(command, key, problems, most=most + 1, least=1)):
            if value not in range(most + 1):
                problems.add("BASE_TYPE_CHOICES", f"Value must be one of {set(range(most + 1))}.", key, index)
    if total_length(command) > limits.COMMAND_TOTAL_MAX:
        problems.add("APPLICATION_COMMAND_TOO_LARGE", f"Command exceeds maximum size ({limits.COMMAND_TOTAL_MAX})")


def _check_names(of: Json, problems: Problems, *, is_menu: bool) -> None:
    name = fields.text(of, "name", problems, most=limits.COMMAND_NAME_MAX, least=1, required=True)
    if name is not None and not is_menu and not is_command_name(name):
        problems.add("APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid", "name")
    for locale, said in _localizations(of, "name_localizations", problems):
        if not isinstance(said, str) or not 1 <= len(said) <= limits.COMMAND_NAME_MAX:
            problems.add("BASE_TYPE_BAD_LENGTH", "Must be between 1 and 32 in length.", "name_localizations", locale)
        elif not is_menu and not is_command_name(said):
            problems.add("APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid", "name_localizations", locale)


def _check_descriptions(of: Json, problems: Problems) -> None:
    fields.text(of, "description", problems, most=limits.COMMAND_DESCRIPTION_MAX, least=1, required=True)
    for locale, said in _localizations(of, "description_localizations", problems):
        if not isinstance(said, str) or not 1 <= len(said) <= limits.COMMAND_DESCRIPTION_MAX:
            problems.add(
                "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.", "description_localizations", locale
            )


def _localizations(of: Json, key: str, problems: Problems) -> Iterable[tuple[str, object]]:
    given = of.get(key)
    if given is None:
        return
    with problems.at(key):
        said = fields.as_object(given, problems)
    for locale, value in said.items():
        if locale in limits.LOCALES:
            yield locale, value
        else:
            problems.add("BASE_TYPE_CHOICES", f"Locale {locale} is not supported.", key, locale)


def _check_options(of: Json, problems: Problems, *, depth: int) -> None:
    names: set[str] = set()
    had_optional = False
    nested = 0
    options = fields.rows(of, "options", problems, most=limits.COMMAND_OPTIONS_MAX)
    for index, value in enumerate(options):
        with problems.at("options", index):
            option = fields.as_object(value, problems)
            kind = fields.one_of(option, "type", problems, range(1, 12))
            _check_names(option, problems, is_menu=False)
            _check_descriptions(option, problems)
            if str(option.get("name")) in names:
                problems.add("APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Option name already exists", "name")
            names.add(str(option.get("name")))
            if kind in NESTING:
                nested += 1
                _check_nested(option, kind, problems, depth=depth)
            elif kind is not None:
                if option.get("required") and had_optional:
                    problems.add(
                        "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                        "Required options must be placed before non-required options",
                    )
                had_optional = had_optional or not option.get("required")
                _check_value_option(option, kind, problems)
    if nested and nested != len(options):
        problems.add(
            "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
            "Sub-command and sub-command group option types are mutually exclusive to all other types",
            "options",
        )


def _check_nested(option: Json, kind: int | None, problems: Problems, *, depth: int) -> None:
    """Command > group > subcommand, no deeper."""
    if (kind == GROUP and depth != 0) or depth > 1:
        problems.add("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Groups and subcommands nest one level deep", "type")
        return
    _check_options(option, problems, depth=depth + 1 if kind == GROUP else 2)
    if kind == GROUP and any(
        isinstance(child, dict) and child.get("type") != SUBCOMMAND for child in option.get("options") or []
    ):
        problems.add("APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "A group holds subcommands only", "options")


def _check_value_option(option: Json, kind: int, problems: Problems) -> None:
    for key in ("required", "autocomplete"):
        fields.flag(option, key, problems)
    if kind == STRING:
        fields.number(option, "min_length", problems, least=0, most=limits.OPTION_TEXT_MAX)
        fields.number(option, "max_length", problems, least=1, most=limits.OPTION_TEXT_MAX)
    elif kind in (INTEGER, NUMBER):
        most = limits.INTEGER_MAX if kind == INTEGER else limits.NUMBER_MAX
        for key in ("min_value", "max_value"):
            fields.number(option, key, problems, least=-most, most=most, whole=kind == INTEGER)
    if kind not in SUGGESTED and (option.get("choices") or option.get("autocomplete")):
        problems.add(
            "APPLICATION_COMMAND_OPTIONS_CHOICES_INVALID",
            "Only string, integer and number options take choices",
            "choices",
        )
    if option.get("choices") and option.get("autocomplete"):
        problems.add(
            "APPLICATION_COMMAND_AUTOCOMPLETE_WITH_CHOICES",
            "Choices and autocomplete exclude each other",
            "autocomplete",
        )
    check_choices(option, kind, problems)


def check_choices(of: Json, kind: int, problems: Problems) -> None:
    """Check the choices of an option, or those suggested by autocomplete for an option of this type."""
    names: set[str] = set()
    for index, value in enumerate(fields.rows(of, "choices", problems, most=limits.CHOICES_MAX)):
        with problems.at("choices", index):
            choice = fields.as_object(value, problems)
            name = fields.text(choice, "name", problems, most=limits.CHOICE_TEXT_MAX, least=1, required=True)
            if name is not None and name in names and of.get("type") is not None:
                problems.add(
                    "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_EXISTS", "Option choice name already exists", "name"
                )
            names.add(name or "")
            if kind == STRING:
                fields.text(choice, "value", problems, most=limits.CHOICE_TEXT_MAX, required=True)
            else:
                most = limits.INTEGER_MAX if kind == INTEGER else limits.NUMBER_MAX
                fields.number(choice, "value", problems, least=-most, most=most, whole=kind == INTEGER, required=True)


def is_command_name(name: str) -> bool:
    """Letters and numbers of any script, all of Devanagari and Thai, `-_'`; in lower case if the script has one."""
    return name == name.lower() and all(map(_is_name_character, name))


def _is_name_character(character: str) -> bool:
    if character in "-_'" or unicodedata.category(character)[0] in "LN":
        return True
    return any(first <= ord(character) <= last for first, last in DEVANAGARI_AND_THAI)


def total_length(command: Json) -> int:
    """The length of names, descriptions and choice values; the longest localization of each counts."""
    total = 0
    for key in ("name", "description"):
        said = [command.get(key) or "", *(command.get(f"{key}_localizations") or {}).values()]
        total += max(len(str(each)) for each in said)
    for option in command.get("options") or []:
        if isinstance(option, dict):
            total += total_length(option)
    for choice in command.get("choices") or []:
        if isinstance(choice, dict):
            names = [choice.get("name") or "", *(choice.get("name_localizations") or {}).values()]
            total += max(len(str(each)) for each in names) + len(str(choice.get("value", "")))
    return total
