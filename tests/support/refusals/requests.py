"""Tokens, paths, bodies and rates."""

from bot.sandbox.discord.refuse import limits
from tests.support.discord_api import Reply, Stage
from tests.support.refusals.case import HELLO, UNKNOWN, case


@case(limits.UNAUTHORIZED)
async def no_token(stage: Stage) -> Reply:
    return await stage.api.ask("GET", "/users/@me", token=None)


@case(limits.UNAUTHORIZED)
async def another_token(stage: Stage) -> Reply:
    return await stage.api.ask("GET", "/users/@me", token="another")


@case(limits.NOT_FOUND)
async def an_unknown_path(stage: Stage) -> Reply:
    return await stage.api.ask("GET", "/no/such/thing")


@case(limits.NOT_ALLOWED)
async def a_known_path_and_another_method(stage: Stage) -> Reply:
    return await stage.api.ask("PUT", f"/channels/{stage.songs.id}/messages", HELLO)


@case(limits.UNKNOWN_USER)
async def an_unknown_user(stage: Stage) -> Reply:
    return await stage.api.ask("GET", f"/users/{UNKNOWN}")


@case(limits.INVALID_JSON)
async def a_body_that_is_no_json(stage: Stage) -> Reply:
    path = f"/channels/{stage.songs.id}/messages"
    return await stage.api.ask("POST", path, data="{", headers={"Content-Type": "application/json"})


@case(limits.INVALID_JSON)
async def a_body_that_is_no_object(stage: Stage) -> Reply:
    return await stage.api.post(stage.songs, ["hello"])


@case(limits.INVALID_JSON)
async def a_multipart_that_breaks_off(stage: Stage) -> Reply:
    broken = b'--b\r\nContent-Disposition: form-data; name="payload_json"\r\n\r\n{}'
    path = f"/channels/{stage.songs.id}/messages"
    return await stage.api.ask("POST", path, data=broken, headers={"Content-Type": "multipart/form-data; boundary=b"})


@case(limits.RATE_LIMITED)
async def a_sixth_message_within_five_seconds(stage: Stage) -> Reply:
    for _ in range(5):
        assert (await stage.api.post(stage.songs, HELLO)).status == 200
    return await stage.api.post(stage.songs, HELLO)
