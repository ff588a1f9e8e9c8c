import pytest

from bot.sandbox.discord.refuse.commands import check_commands, is_command_name, total_length
from bot.sandbox.discord.refuse.limits import Problems
from tests.support.discord_api import EXTEND, MENU, Json


def errors_of(commands: Json) -> Json:
    problems = Problems()
    check_commands(commands, problems)
    return problems.as_json()


def errors_at(commands: Json, path: str) -> Json:
    node: Json = errors_of(commands)
    for key in path.split("."):
        node = node.get(key, {})
    return node.get("_errors", [])


def command(**changes: Json) -> Json:
    return {"name": "extend", "description": "Go on", **changes}


def option(**changes: Json) -> Json:
    return {"type": 3, "name": "model", "description": "Which", **changes}


def with_option(**changes: Json) -> Json:
    return [command(options=[option(**changes)])]


CHOICE = {"name": "n", "value": "v"}
BAD: list[tuple[str, Json, str]] = [
    ("name in capitals", [command(name="Extend")], "0.name"),
    ("name with a space", [command(name="go on")], "0.name"),
    ("empty name", [command(name="")], "0.name"),
    ("name of 33", [command(name="x" * 33)], "0.name"),
    ("no name", [{"description": "d"}], "0.name"),
    ("no description", [{"name": "extend"}], "0.description"),
    ("description of 101", [command(description="x" * 101)], "0.description"),
    ("the same name twice", [command(), command()], "1.name"),
    ("unknown language", [command(name_localizations={"xx": "weiter"})], "0.name_localizations.xx"),
    ("a translated name in capitals", [command(name_localizations={"de": "Weiter"})], "0.name_localizations.de"),
    (
        "a translated description of 101",
        [command(description_localizations={"de": "x" * 101})],
        "0.description_localizations.de",
    ),
    ("a menu with a description", [{**MENU, "description": "d"}], "0.description"),
    ("a menu with options", [{**MENU, "options": [option()]}], "0.options"),
    ("26 options", [command(options=[option(name=f"o{n}") for n in range(26)])], "0.options"),
    ("an option twice", [command(options=[option(), option()])], "0.options.1.name"),
    (
        "a required option after another",
        [command(options=[option(name="a"), option(name="b", required=True)])],
        "0.options.1",
    ),
    ("option name", with_option(name="The Model"), "0.options.0.name"),
    ("option description", with_option(description=""), "0.options.0.description"),
    ("unknown type", with_option(type=12), "0.options.0.type"),
    ("26 choices", with_option(choices=[{"name": f"{n}", "value": f"{n}"} for n in range(26)]), "0.options.0.choices"),
    ("a choice twice", with_option(choices=[CHOICE, CHOICE]), "0.options.0.choices.1.name"),
    (
        "a choice's value of 101",
        with_option(choices=[{"name": "n", "value": "x" * 101}]),
        "0.options.0.choices.0.value",
    ),
    ("choices with autocomplete", with_option(choices=[CHOICE], autocomplete=True), "0.options.0.autocomplete"),
    ("autocomplete of a file", with_option(type=11, autocomplete=True), "0.options.0.choices"),
    ("max_length of 6001", with_option(max_length=6001), "0.options.0.max_length"),
    ("max_length of 0", with_option(max_length=0), "0.options.0.max_length"),
    ("min_length of -1", with_option(min_length=-1), "0.options.0.min_length"),
    ("a whole number of 2^53", with_option(type=4, max_value=2**53), "0.options.0.max_value"),
    ("a fraction for a whole number", with_option(type=4, min_value=0.5), "0.options.0.min_value"),
    ("subcommands beside options", [command(options=[option(type=1), option(name="b")])], "0.options"),
    (
        "a group in a group",
        [command(options=[option(type=2, options=[option(type=2, options=[])])])],
        "0.options.0.options.0.type",
    ),
    ("a context of no kind", [command(contexts=[3])], "0.contexts.0"),
    ("no context", [command(contexts=[])], "0.contexts"),
    (
        "more than 8000 characters",
        [
            command(
                options=[
                    option(name=f"o{n}", choices=[{"name": f"{m:0100}", "value": "x"} for m in range(25)])
                    for n in range(4)
                ]
            )
        ],
        "0",
    ),
]


@pytest.mark.parametrize(("commands", "path"), [each[1:] for each in BAD], ids=[each[0] for each in BAD])
def test_a_command_is_refused_with_its_field(commands: Json, path: str) -> None:
    assert errors_at(commands, path)


@pytest.mark.parametrize(
    "commands",
    [
        [EXTEND, MENU],
        [command(description="x" * 100, name="x" * 32)],
        [command(options=[option(name="b", required=True), option(name="a")])],
        [command(name_localizations={"de": "weiter", "ja": "続き", "hi": "आगे", "th": "ต่อ"})],
        [command(options=[option(type=2, options=[option(type=1, options=[option()])])])],
        [command(contexts=[0, 1, 2], integration_types=[0, 1])],
    ],
)
def test_a_command_within_the_limits_is_accepted(commands: Json) -> None:
    assert errors_of(commands) == {}


@pytest.mark.parametrize("kind", [2, 3])
def test_at_most_fifteen_menus_are_accepted(kind: int) -> None:
    menus = [{"name": f"menu {n}", "type": kind} for n in range(16)]
    assert errors_of(menus[:15]) == {}
    assert errors_of(menus)["_errors"]


@pytest.mark.parametrize(
    ("name", "good"),
    [("extend", True), ("ex-tend_2'", True), ("größe", True), ("Größe", False), ("a b", False), ("a!", False)],
)
def test_names_take_lower_case_letters_and_numbers(name: str, good: bool) -> None:
    assert is_command_name(name) is good


def test_the_longest_translation_counts_towards_the_total() -> None:
    assert total_length(command(description="12345", name="1234")) == 9
    assert total_length(command(description="12345", name="1234", name_localizations={"de": "123456"})) == 11
