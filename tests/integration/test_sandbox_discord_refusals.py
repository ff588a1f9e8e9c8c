"""Every refusal of the stand-in, provoked by a bare request."""

import pytest

from bot.sandbox.discord.refuse import limits
from bot.sandbox.discord.refuse.limits import Refusal
from tests.support.discord_api import staged
from tests.support.refusals import commands, interactions, messages, places, requests
from tests.support.refusals.case import CASES, DEFER, OPTIONS, Case

SUBJECTS = (commands, interactions, messages, places, requests)  # importing them fills CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_it_is_refused_as_discord_does(case: Case) -> None:
    async with staged(OPTIONS) as stage:
        reply = await case.ask(stage)

        assert reply.status == case.refusal.status
        if case.refusal is not limits.RATE_LIMITED:
            assert reply.body["code"] == case.refusal.code
        assert reply.body["message"].startswith(case.refusal.message)


def test_every_refusal_of_the_table_is_provoked() -> None:
    known = {name for name, value in vars(limits).items() if isinstance(value, Refusal)}
    provoked = {name for name in known if any(case.refusal is getattr(limits, name) for case in CASES)}
    assert provoked == known


async def test_a_refused_request_has_no_effect() -> None:
    async with staged(OPTIONS) as stage:
        await stage.api.post(stage.songs, {"content": "x" * 2001})
        invocation = await stage.extend()
        await stage.api.answer(invocation, {"type": 4, "data": {"content": "x" * 2001}})

        assert stage.songs.messages == []
        assert (await stage.api.answer(invocation, DEFER)).status == 200
