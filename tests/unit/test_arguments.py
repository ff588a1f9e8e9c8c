"""The options of a command."""

from bot.__main__ import _options
from bot.arguments import parser


def test_a_plain_run_has_the_options_that_the_parser_would_give_it() -> None:
    assert vars(_options(["run"])) == vars(parser().parse_args(["run"]))


def test_any_other_command_is_parsed() -> None:
    assert _options(["run", "--only", "web"]).only == "web"
