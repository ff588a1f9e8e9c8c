"""The stand-in sends interactions over HTTP: what it demands of an endpoint, and which answers it accepts."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from bot.sandbox.discord import Callback, DiscordOptions, NotVerified, State
from tests.support.discord_api import Json, Stage, staged

EVERY_TIME = DiscordOptions(forged_every=1)
Answer = Callable[[Json], Awaitable[web.Response]]


class AnEndpoint:
    """An application's address; tests change how it answers."""

    def __init__(self, stage: Stage) -> None:
        self.key = VerifyKey(bytes.fromhex(stage.discord.endpoint.public_key))
        self.verifies = True
        self.refusal = 401  # another status: of everything
        self.pong = web.json_response
        self.answer: Answer = accepted
        self.heard: list[Json] = []
        self.url = ""

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        signature = bytes.fromhex(request.headers.get("X-Signature-Ed25519", ""))
        try:
            self.key.verify(request.headers.get("X-Signature-Timestamp", "").encode() + body, signature)
        except (BadSignatureError, ValueError):
            if self.verifies:
                return web.Response(status=self.refusal)
        if self.refusal != 401:
            return web.Response(status=self.refusal)
        said = json.loads(body)
        if said["type"] == 1:
            return self.pong({"type": 1})
        self.heard.append(said)
        return await self.answer(said)


async def accepted(_said: Json) -> web.Response:
    return web.Response(status=202)


@asynccontextmanager
async def an_endpoint(stage: Stage) -> AsyncIterator[AnEndpoint]:
    endpoint = AnEndpoint(stage)
    app = web.Application()
    app.router.add_post("/interactions", endpoint.receive)
    async with TestServer(app) as server:
        endpoint.url = str(server.make_url("/interactions"))
        yield endpoint


async def test_an_endpoint_that_verifies_is_registered_and_the_application_shows_it() -> None:
    async with staged() as stage, an_endpoint(stage) as endpoint:
        await stage.discord.endpoint.register(endpoint.url)

        about = (await stage.api.ask("GET", "/applications/@me")).body
        assert about["interactions_endpoint_url"] == endpoint.url
        assert about["verify_key"] == stage.discord.endpoint.public_key
        assert stage.discord.endpoint.forged == {401: 3}


async def test_an_endpoint_that_takes_any_signature_is_not_registered() -> None:
    async with staged() as stage, an_endpoint(stage) as endpoint:
        endpoint.verifies = False

        with pytest.raises(NotVerified, match="a wrongly signed request was answered 200"):
            await stage.discord.endpoint.register(endpoint.url)
        assert stage.discord.endpoint.url == ""


@pytest.mark.parametrize(
    "pong",
    [
        lambda _: web.Response(status=204),
        lambda _: web.Response(status=202),
        lambda _: web.json_response({"type": 4}),
        lambda _: web.Response(text='{"type": 1}'),
        lambda _: web.json_response([1]),
    ],
)
async def test_a_ping_needs_a_pong_in_the_response(pong: Callable[[Json], web.Response]) -> None:
    async with staged() as stage, an_endpoint(stage) as endpoint:
        endpoint.pong = pong  # type: ignore[assignment]

        with pytest.raises(NotVerified, match="a PING was answered"):
            await stage.discord.endpoint.register(endpoint.url)


async def test_nobody_at_the_address_is_not_registered() -> None:
    async with staged() as stage:
        with pytest.raises(NotVerified, match="answered 0"):
            await stage.discord.endpoint.register("http://127.0.0.1:1/interactions")


async def test_an_interaction_is_answered_202_and_then_by_the_callback_endpoint() -> None:
    async with staged() as stage, an_endpoint(stage) as endpoint:
        await stage.discord.endpoint.register(endpoint.url)
        invocation = await stage.extend(model="V5")
        delivery = await stage.discord.endpoint.wait_delivered()
        assert (delivery.status, invocation.state) == (202, State.WAITING)

        await stage.api.answer(invocation, {"type": 4, "data": {"content": "c"}})

        assert (await invocation.response()).content == "c"
        (said,) = endpoint.heard
        assert (said["data"]["name"], said["guild_id"]) == ("extend", str(stage.guild.id))


async def test_an_interaction_can_be_answered_in_the_response() -> None:
    async def answer(said: Json) -> web.Response:
        if said["type"] == 4:
            return web.json_response({"type": 8, "data": {"choices": [{"name": "V5", "value": "V5"}]}})
        return web.json_response({"type": 4, "data": {"content": "at once", "flags": 64}})

    async with staged() as stage, an_endpoint(stage) as endpoint:
        endpoint.answer = answer
        await stage.discord.endpoint.register(endpoint.url)

        choices = await stage.mia.autocomplete(stage.songs, "extend", focused="model", value="V")
        invocation = await stage.extend()
        message = await invocation.response()
        late = await stage.api.answer(invocation, {"type": 5})

        assert [choice.value for choice in choices] == ["V5"]
        assert (message.content, message.is_ephemeral) == ("at once", True)
        assert invocation.answered_with is Callback.MESSAGE
        assert late.body["code"] == 40060


async def test_the_response_is_refused_for_the_same_faults_as_the_callback_endpoint() -> None:
    async def answer(_said: Json) -> web.Response:
        return web.json_response({"type": 4, "data": {"content": "c" * 2001}})

    async with staged() as stage, an_endpoint(stage) as endpoint:
        endpoint.answer = answer
        await stage.discord.endpoint.register(endpoint.url)

        await (await stage.extend()).failed()


@pytest.mark.parametrize("status", [200, 204, 401, 500, 503])
async def test_an_interaction_that_is_not_taken_fails_at_once(status: int) -> None:
    async def answer(_said: Json) -> web.Response:
        return web.Response(status=status)

    async with staged() as stage, an_endpoint(stage) as endpoint:
        endpoint.answer = answer
        await stage.discord.endpoint.register(endpoint.url)
        invocation = await stage.extend()

        await invocation.failed(timeout=2)

        assert (await stage.api.answer(invocation, {"type": 5})).body["code"] == 10062


async def test_a_202_alone_is_no_answer() -> None:
    async with staged(DiscordOptions(acknowledge_seconds=0.3)) as stage, an_endpoint(stage) as endpoint:
        await stage.discord.endpoint.register(endpoint.url)

        await (await stage.extend()).failed()


async def test_an_endpoint_that_takes_a_forgery_later_is_removed() -> None:
    async with staged(EVERY_TIME) as stage, an_endpoint(stage) as endpoint:
        await stage.discord.endpoint.register(endpoint.url)
        endpoint.verifies = False

        await stage.extend()
        await stage.discord.endpoint.wait_delivered()

        assert stage.discord.endpoint.url == ""
        assert stage.discord.endpoint.removed_because == "a wrongly signed request was answered 202"


@pytest.mark.parametrize("status", [500, 503])
async def test_a_failing_endpoint_stays_registered(status: int) -> None:
    async with staged(EVERY_TIME) as stage, an_endpoint(stage) as endpoint:
        await stage.discord.endpoint.register(endpoint.url)
        endpoint.refusal = status

        await (await stage.extend()).failed()
        await stage.discord.endpoint.wait_delivered()
        endpoint.refusal = 401
        await stage.extend()
        delivery = await stage.discord.endpoint.wait_delivered(2)

        assert delivery.status == 202


async def test_an_endpoint_that_does_not_answer_stays_registered() -> None:
    async with staged(EVERY_TIME) as stage:
        async with an_endpoint(stage) as endpoint:
            await stage.discord.endpoint.register(endpoint.url)
        await (await stage.extend()).failed()

        assert (await stage.discord.endpoint.wait_delivered()).status == 0
        assert stage.discord.endpoint.url == endpoint.url


async def test_a_delivery_is_repeated_on_demand() -> None:
    async with staged() as stage, an_endpoint(stage) as endpoint:
        await stage.discord.endpoint.register(endpoint.url)
        invocation = await stage.extend()
        await stage.discord.endpoint.wait_delivered()

        assert await stage.discord.endpoint.replay() == 202  # byte for byte
        stage.discord.redeliver(invocation)  # signed anew
        await stage.discord.endpoint.wait_delivered(2)

        assert [said["id"] for said in endpoint.heard] == [str(invocation.interaction.id)] * 3
