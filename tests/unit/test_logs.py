import asyncio
import json
import logging
import re
import sys
from collections.abc import Iterator

import pytest

from bot import logs
from bot.logs import RECONNECTING, WITHOUT_ARGUMENTS, JsonLines, Redaction, TextLines

SECRET = "discord-token-of-somebody"
CALLBACK_TOKEN = "0123456789abcdefghijABCDEFGHIJ_-0123456789x"
FORMATTERS = [TextLines(), JsonLines()]
HARMFUL = {
    "resets the terminal": "\x1bc",
    "moves up a line": "\x1b[1A",
    "is the eight-bit form of the same": "\x9bA",
    "begins a line": "\n",
    "goes back to the line's beginning": "\r",
    "rings": "\x07",
    "deletes": "\x7f",
    "separates lines": "\u2028",
    "separates paragraphs": "\u2029",
    "is a next line of C1": "\x85",
    "turns the reading order around": "\u202e",
    "isolates": "\u2066",
    "is half a character": "\ud83d",
}


def record(
    message: str, *args: object, error: BaseException | None = None, stack: str | None = None
) -> logging.LogRecord:
    made = logging.LogRecord("bot", logging.INFO, __file__, 1, message, args, None, sinfo=stack)
    if error is not None:
        made.exc_info = (type(error), error, error.__traceback__)
    Redaction([SECRET, ""]).filter(made)
    return made


def line(message: str, *args: object, error: BaseException | None = None) -> str:
    return JsonLines().format(record(message, *args, error=error))


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("logging in with " + SECRET, SECRET),
        (f"POST /callbacks/{CALLBACK_TOKEN}", "0123456789abcdefghij"),
        (f"POST /callbacks/lyrics/{CALLBACK_TOKEN}", "0123456789abcdefghij"),
        (f"%2Fcallbacks%2Flyrics%2F{CALLBACK_TOKEN[:30]}", "0123456789abcdefghij"),
        (f"row (7, '{CALLBACK_TOKEN}')", CALLBACK_TOKEN),
        ("token " + "a1B2" * 30, "a1B2" * 30),
        ("PATCH /webhooks/123456/aW50ZXJhY3Rpb24tdG9rZW4/messages/@original", "aW50ZXJhY3Rpb24tdG9rZW4"),
        ("POST /interactions/1/aW50ZXJhY3Rpb24tdG9rZW4/callback", "aW50ZXJhY3Rpb24tdG9rZW4"),
        (f"POST /in?to=https%3A%2F%2Fencore.example%2Fcallbacks%2F{CALLBACK_TOKEN}", "0123456789abcdefghij"),
        (f"%252fcallbacks%252f{CALLBACK_TOKEN}", "0123456789abcdefghij"),
        (f"to=https%3A%2F%2Fencore.example%2F{CALLBACK_TOKEN}", CALLBACK_TOKEN),
        ("PATCH %2Fwebhooks%2F123456%2FaW50ZXJhY3Rpb24tdG9rZW4", "aW50ZXJhY3Rpb24tdG9rZW4"),
        ("GET https://cdn.example/a.mp3?ex=1&hm=signature done", "signature"),
        ("https://discord.com/oauth2/authorize?to=https://cdn.example/a.mp3?hm=signature", "signature"),
    ],
)
def test_no_secret_stands_in_a_line(said: str, secret: str) -> None:
    assert secret not in line(said)
    assert secret not in line("%s", said)
    assert secret not in line("failed", error=RuntimeError(said))
    assert secret not in TextLines().format(record("failed", stack=said))


@pytest.mark.parametrize("said", ["job 0123456789abcdef0123456789abcdef: accepted", "sha256 " + "0a" * 32])
def test_an_id_is_no_secret(said: str) -> None:
    assert said in line(said)


def test_an_invite_link_is_meant_to_be_read() -> None:
    link = "https://discord.com/oauth2/authorize?client_id=1&scope=bot&permissions=2"

    assert link in line("invite link: %s", link)


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize("harmful", HARMFUL.values(), ids=HARMFUL)
def test_no_control_character_reaches_the_terminal(formatter: logging.Formatter, harmful: str) -> None:
    written = formatter.format(record("left server %s (1)", f"A{harmful}Z"))

    assert harmful not in written
    assert len(written.splitlines()) == 1
    assert re.search(r"A\\.+Z", written)  # it is spelled out, so that an operator sees what is there
    written.encode()


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize("harmful", HARMFUL.values(), ids=HARMFUL)
def test_nor_does_one_in_a_traceback_or_a_stack(formatter: logging.Formatter, harmful: str) -> None:
    told = record("failed", error=ValueError(f"A{harmful}Z"), stack=f"Stack:\n  A{harmful}Z")
    written = formatter.format(told)

    assert harmful == "\n" or harmful not in written
    written.encode()


def test_a_json_line_read_back_holds_no_control_character_either() -> None:
    for harmful in HARMFUL.values():
        read = json.loads(line("A%sZ", harmful))["message"]
        assert harmful not in read


def test_a_traceback_cannot_pass_for_a_line_of_the_log() -> None:
    forged = "10:00:00 INFO    bot: all is well"
    written = TextLines().format(record("failed", error=ValueError(f"no\n{forged}"), stack=f"Stack:\n{forged}"))

    first, *below = written.splitlines()
    assert first.endswith("failed")
    assert len(below) > 2
    assert all(each.startswith("    ") for each in below)


@pytest.mark.parametrize("said", ["Attempting a reconnect in %.2fs", "It broke in %.2fs"])
def test_a_lost_connection_is_one_line_and_a_fault_of_discord_py_keeps_its_traceback(said: str) -> None:
    error = ValueError("why")
    told = logging.LogRecord("discord.client", logging.ERROR, __file__, 1, said, (1.0,), (ValueError, error, None))

    assert RECONNECTING.filter(told)

    is_lost = said.startswith("Attempting")
    assert bool(told.exc_info) is not is_lost
    assert (told.levelname == "ERROR") is not is_lost
    assert ("lost the connection to Discord; reconnecting in 1.0 s" in told.getMessage()) is is_lost


def test_a_json_line_is_one_object_with_its_traceback() -> None:
    written = json.loads(line("it broke", error=ValueError("why")))

    assert (written["level"], written["logger"], written["message"]) == ("info", "bot", "it broke")
    assert "ValueError: why" in written["traceback"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "Executing <Task pending name='delivering 1' coro=<f() running at x.py:1>> took 0.123 seconds",
            "Executing something took 0.123 seconds (task delivering 1)",
        ),
        ("Executing <Handle set_result('a-secret') created at x.py:1> took 1.000 seconds", None),
        ("Exception in callback Future.set_result(['a-secret'])\nhandle: <Handle set_result('a-secret')>", None),
        (
            "Task exception was never retrieved\nfuture: <Task finished name='web' exception=E('a-secret')>",
            "Task exception was never retrieved (task web)",
        ),
    ],
)
def test_what_asyncio_complains_about_is_told_without_its_arguments(said: str, told: str | None) -> None:
    complaint = logging.LogRecord("asyncio", logging.WARNING, __file__, 1, "%s", (said,), None)

    assert WITHOUT_ARGUMENTS.filter(complaint)

    assert "a-secret" not in complaint.getMessage()
    assert told is None or complaint.getMessage() == told


@pytest.fixture
def logging_restored() -> Iterator[None]:
    names = (None, *logs.OWN, "discord.client", "asyncio")
    loggers = [logging.getLogger(name) for name in names]
    before = [(each.level, list(each.handlers), list(each.filters)) for each in loggers]
    yield
    for each, (level, handlers, filters) in zip(loggers, before, strict=True):
        each.setLevel(level)
        each.handlers, each.filters = handlers, filters


@pytest.mark.usefixtures("logging_restored")
@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_no_library_says_more_than_warnings_at_any_level(level: str) -> None:
    logs.set_up(level=level, form="text", secrets=())

    for name in ("aiosqlite", "discord.gateway", "discord.http", "discord.webhook.async_", "aiohttp.access", "anybody"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)
    own = {"debug": 10, "info": 20, "warning": 30, "error": 40}[level]
    assert logging.getLogger("bot.services.pipeline.deliver").getEffectiveLevel() == own


@pytest.mark.usefixtures("logging_restored")
def test_a_real_complaint_of_asyncio_shows_no_argument(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(level="debug", form="text", secrets=())

    def fails(row: tuple[str, ...]) -> None:
        raise ValueError(f"{len(row)} values")

    async def complain() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        loop.call_soon(fails, ("7", "a-secret-of-a-row"))
        loop.call_soon(done.set)
        await done.wait()

    asyncio.run(complain())

    sys.stderr.flush()
    told = capsys.readouterr().err
    assert "Exception in callback" in told
    assert "ValueError: 2 values" in told
    assert "a-secret-of-a-row" not in told
