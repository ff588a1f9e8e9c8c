import json
import logging

import pytest

from bot.logs import RECONNECTING, JsonLines, Redaction

SECRET = "discord-token-of-somebody"


def line(message: str, *args: object, error: BaseException | None = None) -> str:
    record = logging.LogRecord("bot", logging.INFO, __file__, 1, message, args, None)
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
    Redaction([SECRET, ""]).filter(record)
    return JsonLines().format(record)


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("logging in with " + SECRET, SECRET),
        ("POST /callbacks/0123456789abcdefghijABCDEFGHIJ_-0123456789x", "0123456789abcdefghij"),
        ("PATCH /webhooks/123456/aW50ZXJhY3Rpb24tdG9rZW4/messages/@original", "aW50ZXJhY3Rpb24tdG9rZW4"),
        ("POST /interactions/1/aW50ZXJhY3Rpb24tdG9rZW4/callback", "aW50ZXJhY3Rpb24tdG9rZW4"),
        ("GET https://cdn.example/a.mp3?ex=1&hm=signature done", "signature"),
    ],
)
def test_no_secret_stands_in_a_line(said: str, secret: str) -> None:
    assert secret not in line(said)
    assert secret not in line("%s", said)
    assert secret not in line("failed", error=RuntimeError(said))


def test_an_invite_link_is_meant_to_be_read() -> None:
    link = "https://discord.com/oauth2/authorize?client_id=1&scope=bot&permissions=2"

    assert link in line("invite link: %s", link)


@pytest.mark.parametrize(("said", "has_traceback"), [("Attempting a reconnect in %.2fs", False), ("It broke", True)])
def test_a_lost_connection_is_one_line_and_a_fault_of_discord_py_keeps_its_traceback(
    said: str, has_traceback: bool
) -> None:
    error = ValueError("why")
    record = logging.LogRecord("discord.client", logging.ERROR, __file__, 1, said, (1.0,), (ValueError, error, None))

    assert RECONNECTING.filter(record)

    assert bool(record.exc_info) is has_traceback
    assert (record.levelname == "ERROR") is has_traceback


def test_a_json_line_is_one_object_with_its_traceback() -> None:
    written = json.loads(line("it broke", error=ValueError("why")))

    assert (written["level"], written["logger"], written["message"]) == ("info", "bot", "it broke")
    assert "ValueError: why" in written["traceback"]
