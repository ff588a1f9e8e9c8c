"""Answers to interactions."""

from datetime import timedelta

from bot.sandbox.discord.refuse import limits
from tests.support.discord_api import EXTEND, Reply, Stage
from tests.support.refusals.case import DEFER, HELLO, SMALL, UNKNOWN, case


@case(limits.UNKNOWN_CHANNEL)
async def a_followup_in_a_deleted_channel(stage: Stage) -> Reply:
    invocation = await stage.extend()
    await stage.api.answer(invocation, DEFER)
    stage.songs.delete()
    return await stage.api.follow(invocation, HELLO)


@case(limits.UNKNOWN_WEBHOOK)
async def a_followup_before_any_answer(stage: Stage) -> Reply:
    return await stage.api.follow(await stage.extend(), HELLO)


@case(limits.UNKNOWN_WEBHOOK)
async def a_token_of_another_application(stage: Stage) -> Reply:
    invocation = await stage.extend()
    return await stage.api.ask("POST", f"/webhooks/{UNKNOWN}/{invocation.interaction.token}", HELLO)


@case(limits.UNKNOWN_INTERACTION)
async def an_unknown_interaction(stage: Stage) -> Reply:
    return await stage.api.ask("POST", f"/interactions/{UNKNOWN}/token/callback", DEFER)


@case(limits.UNKNOWN_INTERACTION)
async def an_answer_after_three_seconds(stage: Stage) -> Reply:
    invocation = await stage.extend()
    stage.discord.advance(3.01)
    return await stage.api.answer(invocation, DEFER)


@case(limits.REQUEST_TOO_LARGE)
async def a_file_above_the_limit_in_an_answer(stage: Stage) -> Reply:
    invocation = await stage.extend()
    return await stage.api.answer(invocation, {"type": 4}, files=[("a.mp3", bytes(SMALL + 1))])


@case(limits.ALREADY_ACKNOWLEDGED)
async def a_second_answer(stage: Stage) -> Reply:
    invocation = await stage.extend()
    await stage.api.answer(invocation, DEFER)
    return await stage.api.answer(invocation, DEFER)


@case(limits.ALREADY_ACKNOWLEDGED)
async def a_form_after_a_deferral(stage: Stage) -> Reply:
    invocation = await stage.extend()
    await stage.api.answer(invocation, DEFER)
    return await stage.api.answer(invocation, {"type": 9, "data": {}})


@case(limits.TOO_MANY_FOLLOWUPS)
async def a_sixth_followup_when_only_the_user_installed_the_app(stage: Stage) -> Reply:
    elsewhere = stage.discord.guild("Elsewhere", with_bot=False)
    channel = elsewhere.channel("general")
    elsewhere.join(stage.mia)
    stage.mia.install_app()
    await stage.api.announce({**EXTEND, "integration_types": [0, 1]})
    invocation = await stage.mia.command(channel, "extend")
    await stage.api.answer(invocation, {"type": 4, "data": HELLO})
    for _ in range(5):
        assert (await stage.api.follow(invocation, HELLO)).status == 200
    return await stage.api.follow(invocation, HELLO)


@case(limits.INVALID_TOKEN)
async def an_answer_after_fifteen_minutes(stage: Stage) -> Reply:
    invocation = await stage.extend()
    await stage.api.answer(invocation, DEFER)
    stage.discord.advance(timedelta(minutes=15, seconds=1).total_seconds())
    return await stage.api.follow(invocation, HELLO, method="PATCH", to="@original")


@case(limits.INVALID_TOKEN)
async def a_token_that_never_was(stage: Stage) -> Reply:
    return await stage.api.ask("POST", f"/webhooks/{stage.discord.application_id}/none", HELLO)
