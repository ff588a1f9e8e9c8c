"""No option of `/extend` is lost on its way to the provider, and no command goes untested or unexplained."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest
from discord.ext import commands
from msgspec.structs import fields, replace

import cogs
from bot.domain.request import ExtensionRequest
from bot.suno.body import extend_body
from cogs.extend import ExtendCog

ROOT = Path(__file__).parents[2]

SOURCES = {"audio", "url", "track"}
NOT_IN_THE_REQUEST = SOURCES | {"private", "form", "preset"}
NOT_TYPED = {"continue_at_words", "source_length", "source_model", "source_began_at", "trim"}
NOT_SENT_AS_TYPED = NOT_TYPED | {"continue_at"}  # the job holds where the continuation really starts

OTHER_VALUES: dict[type, object] = {str: "other", bool: True, float: 0.5, int: 2}


def other_value(name: str) -> object:
    """A value of the field's type that is not its default."""
    (annotation,) = (field.type for field in fields(ExtensionRequest) if field.name == name)
    words = str(getattr(annotation, "__name__", annotation)).split(" | ")[0]
    return next(value for kind, value in OTHER_VALUES.items() if kind.__name__ == words)


REQUEST_FIELDS = {field.name for field in fields(ExtensionRequest)}


def test_every_option_of_the_command_is_a_field_of_the_request() -> None:
    options = {parameter.name for parameter in ExtendCog.extend.parameters}

    assert options - NOT_IN_THE_REQUEST == REQUEST_FIELDS - NOT_TYPED


@pytest.mark.parametrize("name", sorted(REQUEST_FIELDS - NOT_SENT_AS_TYPED))
def test_every_field_of_the_request_reaches_the_provider(name: str) -> None:
    plain = ExtensionRequest(style="folk", title="Tide", prompt="la la")
    changed = replace(plain, **{name: other_value(name)})  # a value of the field's type

    bodies = [
        extend_body(request, source_url="https://x.invalid/a", sent_continue_at=5, callback_url="https://x.invalid/b")
        for request in (plain, changed)
    ]

    assert bodies[0] != bodies[1]


COMMANDS = sorted(
    command.name
    for module in pkgutil.iter_modules(cogs.__path__)
    for cog in vars(importlib.import_module(f"cogs.{module.name}")).values()
    if isinstance(cog, type) and issubclass(cog, commands.Cog)
    for command in cog.__cog_app_commands__
)


def test_the_commands_are_found() -> None:
    assert {"extend", "jobs"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_tried_end_to_end_and_explained_to_members(command: str) -> None:
    tries = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "end_to_end").glob("*.py"))

    assert re.search(rf'command\(\s*\S+, "{command}(?: \w+)?"', tries), "write an end-to-end test that uses it"
    assert f"| `/{command}" in (ROOT / "README.md").read_text(encoding="utf-8"), "add it to the table in README.md"
