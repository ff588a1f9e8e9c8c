"""An option of `/extend` goes all the way: from the command into the request, and from there to the provider."""

from dataclasses import fields, replace

import pytest

from bot.domain.request import ExtensionRequest
from bot.suno.body import extend_body
from cogs.extend import ExtendCog

SOURCES = {"audio", "url", "track"}
NOT_IN_THE_REQUEST = SOURCES | {"private"}
NOT_TYPED = {"continue_at_words", "source_length", "source_model"}
NOT_SENT_AS_TYPED = NOT_TYPED | {"continue_at"}  # the job says where the continuation really starts

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
    changed = replace(plain, **{name: other_value(name)})  # type: ignore[arg-type]  # a value of the field's type

    bodies = [
        extend_body(request, source_url="https://x.invalid/a", sent_continue_at=5, callback_url="https://x.invalid/b")
        for request in (plain, changed)
    ]

    assert bodies[0] != bodies[1]
