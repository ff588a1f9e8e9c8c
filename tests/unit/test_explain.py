"""What an operator reads when the program ends."""

import logging

import pytest

from bot.__main__ import _explain
from bot.gateway import GatewayError


@pytest.mark.parametrize("error", [GatewayError("DISCORD_TOKEN is refused"), OSError(28, "No space left on device")])
def test_an_expected_fault_is_one_line_without_a_traceback(
    error: Exception, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        _explain(ExceptionGroup("unhandled errors", [error]))

    assert capsys.readouterr().err == f"encore: stopped: {error}\n"
    assert caplog.records == []


def test_a_fault_of_the_program_says_so_and_shows_its_traceback_at_debug_alone(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        _explain(KeyError("id"))

    assert capsys.readouterr().err == (
        "encore: stopped by a fault in Encore, please report it: KeyError 'id'\n"
        "encore: LOG_LEVEL=debug shows where it happened\n"
    )
    assert [record.levelname for record in caplog.records] == ["DEBUG"]


def test_several_causes_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    _explain(ExceptionGroup("", [GatewayError("one"), ExceptionGroup("", [GatewayError("two\nlines \x1bc")])]))

    assert capsys.readouterr().err == "encore: stopped: one\nencore: stopped: two lines \\x1bc\n"
