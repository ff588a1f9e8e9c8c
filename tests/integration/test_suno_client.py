"""The client against a scripted server: what it sends, and what it makes of each answer."""

import json
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace

from bot.domain.lyrics import Version
from bot.domain.reports import ReportKind
from bot.domain.request import ExtensionRequest
from bot.errors import (
    ProviderBusy,
    ProviderError,
    ProviderOutOfCredits,
    ProviderRefused,
    ProviderSilent,
    ProviderUnauthorized,
)
from bot.services.common.ports import Provider
from bot.suno.client import ANSWER_MAX_BYTES, USER_AGENT, SunoClient, open_session
from bot.suno.wire import parse_record

FIXTURES = Path(__file__).parents[1] / "fixtures" / "suno"
TASK = "5c79a1d2f0e94b6b8c3d7a10e2f4be8e"
KEY = "key-0123456789abcdef"
SOURCE = "https://files.example.com/uploads/encore/demo.mp3?signature=s3cret"
CALLBACK = "https://bot.example.com/callbacks/t0ken-that-nobody-knows"
REQUEST = ExtensionRequest(model="V5", style="dream pop", title="Paper Boats", prompt="la la")
SUCCESS = (FIXTURES / "submit-success.json").read_bytes()


@dataclass
class Scripted:
    """Gives every request the same answer and keeps what it received."""

    status: int = 200
    body: bytes = SUCCESS
    headers: Mapping[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        sent = await request.read()
        self.requests.append((request.method, str(request.rel_url), request.headers, sent))
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@pytest.fixture
def scripted() -> Scripted:
    return Scripted()


@pytest.fixture
async def client(scripted: Scripted) -> AsyncIterator[SunoClient]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", scripted.answer)
    async with TestServer(application) as server, open_session() as session:
        address = str(server.make_url("/"))
        yield SunoClient(session, api_url=address, upload_url=address, api_key=KEY)


async def extend(client: Provider, request: ExtensionRequest = REQUEST) -> str:
    return await client.extend(request, source_url=SOURCE, sent_continue_at=42.5, callback_url=CALLBACK)


async def fault(client: SunoClient) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await extend(client)
    return caught.value


def enveloped(code: object, msg: object = "", data: object = None) -> bytes:
    return json.dumps({"code": code, "msg": msg, "data": data}).encode()


async def test_an_extension_is_sent_as_documented_and_returns_its_task(client: SunoClient, scripted: Scripted) -> None:
    assert await extend(client) == TASK

    [(method, address, headers, body)] = scripted.requests
    assert (method, address) == ("POST", "/api/v1/generate/upload-extend")
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Content-Type"].startswith("application/json")
    assert json.loads(body) == {
        "uploadUrl": SOURCE,
        "defaultParamFlag": True,
        "instrumental": False,
        "prompt": "la la",
        "style": "dream pop",
        "title": "Paper Boats",
        "continueAt": 42.5,
        "model": "V5",
        "callBackUrl": CALLBACK,
    }


async def test_texts_in_any_script_arrive_whole(client: SunoClient, scripted: Scripted) -> None:
    words = "Größe 海 🎶 \u202e «quoted»"

    await extend(client, replace(REQUEST, prompt=words))

    assert json.loads(scripted.requests[0][3])["prompt"] == words


async def test_every_request_says_who_asks_even_on_another_session(client: SunoClient, scripted: Scripted) -> None:
    async with aiohttp.ClientSession() as session:
        strange = SunoClient(session, api_url=client._api_url, upload_url=client._upload_url, api_key=KEY)
        await extend(strange)
    await extend(client)

    assert USER_AGENT.startswith("Encore/")
    assert [headers["User-Agent"] for _, _, headers, _ in scripted.requests] == [USER_AGENT, USER_AGENT]


async def test_cookies_are_neither_kept_nor_sent(client: SunoClient, scripted: Scripted) -> None:
    scripted.headers = {"Set-Cookie": "visitor=7; Path=/"}
    await extend(client)
    await extend(client)

    assert all("Cookie" not in headers for _, _, headers, _ in scripted.requests)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("submit-error-400-no-callback", ProviderRefused),
        ("submit-error-400-no-continue-at", ProviderRefused),
        ("submit-error-400-no-model", ProviderRefused),
        ("submit-error-401", ProviderUnauthorized),
        ("submit-error-404", ProviderRefused),
        ("submit-error-405", ProviderBusy),
        ("submit-error-413", ProviderRefused),
        ("submit-error-429", ProviderOutOfCredits),
        ("submit-error-430", ProviderBusy),
        ("submit-error-455", ProviderBusy),
        ("submit-error-500", ProviderBusy),
        ("kie-submit-error-402", ProviderOutOfCredits),
        ("kie-submit-error-422", ProviderRefused),
        ("kie-submit-error-422-continue-at", ProviderRefused),
        ("kie-submit-error-429", ProviderBusy),
    ],
)
@pytest.mark.parametrize("real_status", [False, True])
async def test_every_recorded_refusal_has_its_type_and_started_nothing(
    client: SunoClient, scripted: Scripted, name: str, error: type[ProviderError], *, real_status: bool
) -> None:
    scripted.body = (FIXTURES / f"{name}.json").read_bytes()
    told = json.loads(scripted.body)
    scripted.status = told["code"] if real_status else 200

    found = await fault(client)

    assert type(found) is error
    assert not found.may_have_started
    assert (found.code, found.provider_message) == (told["code"], told["msg"])
    assert len(scripted.requests) == 1


def test_no_recorded_refusal_is_missing_here() -> None:
    assert len(list(FIXTURES.glob("*submit-error-*.json"))) == 15


@pytest.mark.parametrize(
    ("code", "msg", "error"),
    [
        ("430", "", ProviderBusy),
        (403, "", ProviderUnauthorized),
        (408, "upstream timeout", ProviderRefused),
        (409, "", ProviderRefused),
        (429, "", ProviderOutOfCredits),
        (429, "Too many requests", ProviderBusy),
        (433, "Your credits are used up", ProviderOutOfCredits),
        (433, "", ProviderRefused),
        (451, "File fetch failed", ProviderRefused),
        (501, "", ProviderRefused),
        (502, "", ProviderBusy),
        (505, "", ProviderRefused),
        (553, "voice has expired", ProviderRefused),
        (0, "", ProviderRefused),
        (1001, "", ProviderRefused),
    ],
)
async def test_other_codes_are_distinguished_too(
    client: SunoClient, scripted: Scripted, code: object, msg: str, error: type[ProviderError]
) -> None:
    scripted.body = enveloped(code, msg)

    assert type(await fault(client)) is error


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, ProviderRefused),
        (307, ProviderRefused),
        (400, ProviderRefused),
        (401, ProviderUnauthorized),
        (402, ProviderOutOfCredits),
        (403, ProviderUnauthorized),
        (404, ProviderRefused),
        (405, ProviderRefused),
        (408, ProviderSilent),
        (413, ProviderRefused),
        (422, ProviderRefused),
        (429, ProviderBusy),
        (451, ProviderRefused),
        (455, ProviderBusy),
        (500, ProviderSilent),
        (502, ProviderSilent),
        (503, ProviderBusy),
        (504, ProviderSilent),
        (520, ProviderSilent),
        (524, ProviderSilent),
    ],
)
@pytest.mark.parametrize("body", [b"<html>oops</html>", b"", b'{"message": "oops", "code": 504}', SUCCESS])
async def test_a_status_without_an_envelope_speaks_for_itself(
    client: SunoClient, scripted: Scripted, status: int, error: type[ProviderError], body: bytes
) -> None:
    scripted.status, scripted.body = status, body
    scripted.headers = {"Location": "/elsewhere"}

    found = await fault(client)

    assert (type(found), found.code) == (error, status)
    assert found.may_have_started is (error is ProviderSilent)
    assert len(scripted.requests) == 1  # redirects are not followed either


async def test_a_gateway_that_bars_the_client_is_named_in_the_log(client: SunoClient, scripted: Scripted) -> None:
    scripted.status, scripted.body = 403, b"error code: 1010"

    found = await fault(client)

    assert type(found) is ProviderUnauthorized
    assert "error code: 1010" in str(found)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"OK",
        b"<html></html>",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"msg": "success", "data": {"taskId": "x"}}',
        b'{"code": 200',
        enveloped(200, "success"),
        enveloped(200, "success", {}),
        enveloped(200, "success", {"taskId": None}),
        enveloped(200, "success", {"taskId": " "}),
        enveloped(200, "success", {"taskId": 7}),
        enveloped(200, "success", {"taskId": "x" * 129}),
        enveloped(200, "success", "task"),
        SUCCESS + b" " * ANSWER_MAX_BYTES,
    ],
    ids=range(16),
)
async def test_a_success_that_names_no_task_may_have_started_one(
    client: SunoClient, scripted: Scripted, body: bytes
) -> None:
    scripted.body = body

    found = await fault(client)

    assert type(found) is ProviderSilent
    assert found.may_have_started
    assert len(scripted.requests) == 1


async def test_a_success_code_given_as_digits_is_a_success(client: SunoClient, scripted: Scripted) -> None:
    scripted.body = enveloped("200", "success", {"taskId": TASK})

    assert await extend(client) == TASK


async def test_no_error_repeats_the_key_the_callback_address_or_the_source(
    client: SunoClient, scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bare = CALLBACK.removeprefix("https://")
    scripted.body = enveloped(400, f"{CALLBACK} or {bare} or /callbacks/t0ken-that-nobody-knows, {SOURCE}, key {KEY}")

    found = await fault(client)

    told = f"{found!s} {found!r} {found.provider_message} {found.sentence} {caplog.text}"
    assert all(secret not in told for secret in (KEY, "t0ken", "s3cret", "uploads/encore"))
    assert found.provider_message == "[hidden] or [hidden] or [hidden], [hidden], key [hidden]"


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("record-info-*.json")), ids=lambda path: path.stem)
async def test_a_report_says_what_record_info_says(client: SunoClient, scripted: Scripted, path: Path) -> None:
    scripted.body = path.read_bytes()

    report = await client.report(TASK)

    assert report == parse_record(scripted.body)
    [(method, address, headers, _)] = scripted.requests
    assert (method, address) == ("GET", f"/api/v1/generate/record-info?taskId={TASK}")
    assert headers["Authorization"] == f"Bearer {KEY}"


async def test_the_record_of_another_task_is_no_answer(client: SunoClient, scripted: Scripted) -> None:
    scripted.body = (FIXTURES / "record-info-success.json").read_bytes()
    with pytest.raises(ProviderSilent, match="an answer about another task"):
        await client.report("another")

    scripted.body = b'{"code": 200, "data": {"taskId": "another", "status": "PENDING"}}'
    with pytest.raises(ProviderSilent, match="an answer about another task"):
        await client.lyrics_report(TASK)


async def test_an_odd_task_id_stays_one_parameter(client: SunoClient, scripted: Scripted) -> None:
    scripted.body = (FIXTURES / "record-info-pending.json").read_bytes().replace(TASK.encode(), b"a&b=c/#d")

    assert (await client.report("a&b=c/#d")).kind is ReportKind.WAITING
    assert scripted.requests[0][1] in {
        "/api/v1/generate/record-info?taskId=a%26b%3Dc/%23d",
        "/api/v1/generate/record-info?taskId=a%26b%3Dc%2F%23d",
    }


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, enveloped(404, "task not found"), ProviderRefused),
        (200, enveloped(401, "no"), ProviderUnauthorized),
        (200, enveloped(200, "success", "text"), ProviderSilent),
        (200, b"<html>", ProviderSilent),
        (502, b"<html>", ProviderSilent),
        (503, b"", ProviderBusy),
    ],
)
async def test_an_unavailable_report_is_an_error_of_a_known_type(
    client: SunoClient, scripted: Scripted, status: int, body: bytes, error: type[ProviderError]
) -> None:
    scripted.status, scripted.body = status, body

    with pytest.raises(error):
        await client.report(TASK)


@pytest.mark.parametrize(("told", "credits_left"), [(100, 100.0), (99.6, 99.6), ("88.4", 88.4), (0, 0.0), (-3, -3.0)])
async def test_credits_are_read_however_the_number_is_written(
    client: SunoClient, scripted: Scripted, told: object, credits_left: float
) -> None:
    scripted.body = enveloped(200, "success", told)

    assert await client.credits() == credits_left
    assert scripted.requests[0][:2] == ("GET", "/api/v1/generate/credit")


async def test_the_recorded_credits_are_read(client: SunoClient, scripted: Scripted) -> None:
    scripted.body = (FIXTURES / "credit-success.json").read_bytes()

    assert await client.credits() == 100


@pytest.mark.parametrize("told", [None, "many", "nan", True, {"credits": 3}, [3]])
async def test_credits_that_are_not_a_number_are_an_error(client: SunoClient, scripted: Scripted, told: object) -> None:
    scripted.body = enveloped(200, "success", told)

    with pytest.raises(ProviderSilent):
        await client.credits()


async def test_lyrics_are_ordered_as_documented(client: SunoClient, scripted: Scripted) -> None:
    assert await client.order_lyrics("a ferry at night", callback_url=CALLBACK) == TASK

    ((method, path, headers, body),) = scripted.requests
    assert (method, path) == ("POST", "/api/v1/lyrics")
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert json.loads(body) == {"prompt": "a ferry at night", "callBackUrl": CALLBACK}


@pytest.mark.parametrize(("code", "kind"), [(413, ProviderRefused), (429, ProviderOutOfCredits), (430, ProviderBusy)])
async def test_an_order_of_lyrics_is_refused_like_a_submission(
    client: SunoClient, scripted: Scripted, code: int, kind: type[ProviderError]
) -> None:
    scripted.body = json.dumps({"code": code, "msg": f"no: {CALLBACK} {KEY}", "data": None}).encode()

    with pytest.raises(kind) as refused:
        await client.order_lyrics("a ferry at night", callback_url=CALLBACK)

    assert not refused.value.may_have_started
    assert CALLBACK not in str(refused.value)
    assert KEY not in str(refused.value)


async def test_an_order_of_lyrics_without_a_task_may_have_started_one(client: SunoClient, scripted: Scripted) -> None:
    scripted.body = b'{"code":200,"msg":"success","data":null}'

    with pytest.raises(ProviderSilent):
        await client.order_lyrics("a ferry at night", callback_url=CALLBACK)


async def test_the_state_of_lyrics_is_asked_for_by_their_task(client: SunoClient, scripted: Scripted) -> None:
    data = {
        "taskId": TASK,
        "status": "SUCCESS",
        "response": {"taskId": TASK, "data": [{"text": "la", "title": "Ferry"}]},
    }
    scripted.body = json.dumps({"code": 200, "msg": "success", "data": data}).encode()

    report = await client.lyrics_report(TASK)

    assert scripted.requests[0][:2] == ("GET", f"/api/v1/lyrics/record-info?taskId={TASK}")
    assert (report.task_id, report.versions) == (TASK, (Version(text="la", title="Ferry"),))
    scripted.body = b'{"code":200,"data":[]}'
    with pytest.raises(ProviderSilent):
        await client.lyrics_report(TASK)
