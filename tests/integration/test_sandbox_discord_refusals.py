"""Every refusal of the stand-in, provoked by a bare request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from bot.sandbox.discord import VOICE, DiscordOptions, RateLimit
from bot.sandbox.discord.refuse import limits
from bot.sandbox.discord.refuse.limits import Refusal
from tests.support.discord_api import EXTEND, Json, Reply, Stage, staged

SMALL = 1000
OPTIONS = DiscordOptions(
    token="an invented token", upload_limit_bytes=SMALL, commands_created_per_day=30, old_edits=RateLimit(1, 3600)
)
DEFER: Json = {"type": 5}
HELLO: Json = {"content": "hello"}
UNKNOWN = "99"


@dataclass(frozen=True)
class Case:
    name: str
    refusal: Refusal
    ask: Callable[[Stage], Awaitable[Reply]]


CASES: list[Case] = []


def case(refusal: Refusal) -> Callable[[Callable[[Stage], Awaitable[Reply]]], None]:
    def add(ask: Callable[[Stage], Awaitable[Reply]]) -> None:
        CASES.append(Case(ask.__name__.replace("_", " "), refusal, ask))

    return add


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


@case(limits.NOT_PLAYED)
async def a_poll(stage: Stage) -> Reply:
    return await stage.api.post(stage.songs, {"content": "?", "poll": {"question": {"text": "?"}}})


@case(limits.UNKNOWN_CHANNEL)
async def a_deleted_channel(stage: Stage) -> Reply:
    stage.songs.delete()
    return await stage.api.post(stage.songs, HELLO)


@case(limits.UNKNOWN_CHANNEL)
async def a_followup_in_a_deleted_channel(stage: Stage) -> Reply:
    invocation = await stage.extend()
    await stage.api.answer(invocation, DEFER)
    stage.songs.delete()
    return await stage.api.follow(invocation, HELLO)


@case(limits.UNKNOWN_GUILD)
async def a_guild_without_the_bot(stage: Stage) -> Reply:
    elsewhere = stage.discord.guild("Elsewhere", with_bot=False)
    return await stage.api.ask("GET", f"/guilds/{elsewhere.id}")


@case(limits.UNKNOWN_MESSAGE)
async def editing_a_deleted_message(stage: Stage) -> Reply:
    posted = (await stage.api.post(stage.songs, HELLO)).body["id"]
    path = f"/channels/{stage.songs.id}/messages/{posted}"
    await stage.api.ask("DELETE", path)
    return await stage.api.ask("PATCH", path, HELLO)


@case(limits.UNKNOWN_MESSAGE)
async def an_ephemeral_answer_over_the_channel(stage: Stage) -> Reply:
    invocation = await stage.extend()
    answered = await stage.api.answer(invocation, {"type": 4, "data": {"content": "psst", "flags": 64}})
    message_id = answered.body["interaction"]["response_message_id"]
    return await stage.api.ask("PATCH", f"/channels/{stage.songs.id}/messages/{message_id}", HELLO)


@case(limits.UNKNOWN_MESSAGE)
async def the_nonce_of_a_deleted_message(stage: Stage) -> Reply:
    once = {**HELLO, "nonce": "n", "enforce_nonce": True}
    posted = (await stage.api.post(stage.songs, once)).body["id"]
    await stage.api.ask("DELETE", f"/channels/{stage.songs.id}/messages/{posted}")
    return await stage.api.post(stage.songs, once)


@case(limits.UNKNOWN_USER)
async def an_unknown_user(stage: Stage) -> Reply:
    return await stage.api.ask("GET", f"/users/{UNKNOWN}")


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


@case(limits.UNKNOWN_COMMAND)
async def an_unknown_command(stage: Stage) -> Reply:
    return await stage.api.ask("GET", f"/applications/{stage.discord.application_id}/commands/{UNKNOWN}")


@case(limits.OTHER_APPLICATION)
async def commands_of_another_application(stage: Stage) -> Reply:
    return await stage.api.ask("PUT", f"/applications/{UNKNOWN}/commands", [])


@case(limits.TOO_MANY_CREATES)
async def more_new_commands_than_a_day_allows(stage: Stage) -> Reply:
    return await stage.api.announce(*({**EXTEND, "name": f"extend{n}"} for n in range(29)))


@case(limits.REQUEST_TOO_LARGE)
async def a_file_above_the_limit_in_a_channel(stage: Stage) -> Reply:
    return await stage.api.post(stage.songs, {}, files=[("a.mp3", bytes(SMALL + 1))])


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


@case(limits.MISSING_ACCESS)
async def a_channel_that_the_bot_does_not_see(stage: Stage) -> Reply:
    stage.songs.deny("VIEW_CHANNEL")
    return await stage.api.post(stage.songs, HELLO)


@case(limits.MISSING_ACCESS)
async def a_server_that_threw_the_bot_out(stage: Stage) -> Reply:
    stage.guild.kick_bot()
    return await stage.api.post(stage.songs, HELLO)


@case(limits.MISSING_ACCESS)
async def commands_of_a_server_without_the_bot(stage: Stage) -> Reply:
    elsewhere = stage.discord.guild("Elsewhere", with_bot=False)
    return await stage.api.ask(
        "PUT", f"/applications/{stage.discord.application_id}/guilds/{elsewhere.id}/commands", []
    )


@case(limits.OTHERS_MESSAGE)
async def editing_what_a_member_wrote(stage: Stage) -> Reply:
    message = stage.mia.post(stage.songs, "mine")
    return await stage.api.ask("PATCH", f"/channels/{stage.songs.id}/messages/{message.id}", HELLO)


@case(limits.EMPTY_MESSAGE)
async def a_message_without_anything(stage: Stage) -> Reply:
    return await stage.api.post(stage.songs, {"content": "  \n", "embeds": [{}]})


@case(limits.EMPTY_MESSAGE)
async def an_edit_that_leaves_nothing(stage: Stage) -> Reply:
    posted = (await stage.api.post(stage.songs, {}, files=[("a.mp3", b"1")])).body["id"]
    return await stage.api.ask("PATCH", f"/channels/{stage.songs.id}/messages/{posted}", {"attachments": []})


@case(limits.EMPTY_MESSAGE)
async def an_edit_to_an_embed_alone_without_permission(stage: Stage) -> Reply:
    stage.songs.deny("EMBED_LINKS")
    posted = (await stage.api.post(stage.songs, HELLO)).body["id"]
    path = f"/channels/{stage.songs.id}/messages/{posted}"
    return await stage.api.ask("PATCH", path, {"content": "", "embeds": [{"title": "t"}]})


@case(limits.CLOSED_TO_MESSAGES)
async def a_member_who_takes_no_direct_messages(stage: Stage) -> Reply:
    stage.mia.close_dms()
    return await stage.api.post(stage.mia.dm, HELLO)


@case(limits.CLOSED_TO_MESSAGES)
async def a_member_without_a_common_server(stage: Stage) -> Reply:
    stage.guild.kick_bot()
    return await stage.api.post(stage.mia.dm, HELLO)


@case(limits.MISSING_PERMISSIONS)
async def writing_without_permission(stage: Stage) -> Reply:
    stage.songs.deny("SEND_MESSAGES")
    return await stage.api.post(stage.songs, HELLO)


@case(limits.MISSING_PERMISSIONS)
async def writing_in_a_thread_without_permission(stage: Stage) -> Reply:
    stage.songs.deny("SEND_MESSAGES_IN_THREADS")
    return await stage.api.post(stage.songs.thread("takes"), HELLO)


@case(limits.MISSING_PERMISSIONS)
async def a_file_without_permission(stage: Stage) -> Reply:
    stage.songs.deny("ATTACH_FILES")
    return await stage.api.post(stage.songs, HELLO, files=[("a.mp3", b"1")])


@case(limits.MISSING_PERMISSIONS)
async def an_embed_alone_without_permission(stage: Stage) -> Reply:
    stage.songs.deny("EMBED_LINKS")
    return await stage.api.post(stage.songs, {"embeds": [{"title": "t"}]})


@case(limits.MISSING_PERMISSIONS)
async def one_message_without_permission_to_read_the_history(stage: Stage) -> Reply:
    posted = (await stage.api.post(stage.songs, HELLO)).body["id"]
    stage.songs.deny("READ_MESSAGE_HISTORY")
    return await stage.api.ask("GET", f"/channels/{stage.songs.id}/messages/{posted}")


@case(limits.MISSING_PERMISSIONS)
async def deleting_what_a_member_wrote(stage: Stage) -> Reply:
    message = stage.mia.post(stage.songs, "mine")
    return await stage.api.ask("DELETE", f"/channels/{stage.songs.id}/messages/{message.id}")


@case(limits.INVALID_TOKEN)
async def an_answer_after_fifteen_minutes(stage: Stage) -> Reply:
    invocation = await stage.extend()
    await stage.api.answer(invocation, DEFER)
    stage.discord.advance(timedelta(minutes=15, seconds=1).total_seconds())
    return await stage.api.follow(invocation, HELLO, method="PATCH", to="@original")


@case(limits.INVALID_TOKEN)
async def a_token_that_never_was(stage: Stage) -> Reply:
    return await stage.api.ask("POST", f"/webhooks/{stage.discord.application_id}/none", HELLO)


@case(limits.INVALID_RECIPIENT)
async def a_conversation_with_nobody(stage: Stage) -> Reply:
    return await stage.api.ask("POST", "/users/@me/channels", {"recipient_id": UNKNOWN})


@case(limits.INVALID_BODY)
async def content_that_is_too_long(stage: Stage) -> Reply:
    return await stage.api.post(stage.songs, {"content": "x" * 2001})


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


@case(limits.ARCHIVED_THREAD)
async def an_edit_in_an_archived_thread(stage: Stage) -> Reply:
    thread = stage.songs.thread("takes")
    posted = (await stage.api.post(thread, HELLO)).body["id"]
    thread.archive()
    return await stage.api.ask("PATCH", f"/channels/{thread.id}/messages/{posted}", HELLO)


@case(limits.LOCKED_THREAD)
async def a_message_in_a_locked_thread(stage: Stage) -> Reply:
    thread = stage.songs.thread("takes")
    thread.lock()
    return await stage.api.post(thread, HELLO)


@case(limits.LOCKED_THREAD)
async def an_edit_in_a_locked_thread(stage: Stage) -> Reply:
    thread = stage.songs.thread("takes")
    posted = (await stage.api.post(thread, HELLO)).body["id"]
    thread.lock()
    return await stage.api.ask("PATCH", f"/channels/{thread.id}/messages/{posted}", HELLO)


@case(limits.ANSWER_IN_LOCKED_THREAD)
async def a_visible_answer_in_a_thread_that_was_locked_meanwhile(stage: Stage) -> Reply:
    thread = stage.songs.thread("takes")
    invocation = await stage.mia.command(thread, "extend")
    thread.lock()
    return await stage.api.answer(invocation, DEFER)


@case(limits.MISSING_ACCESS)
async def a_private_thread_without_the_bot(stage: Stage) -> Reply:
    return await stage.api.post(stage.songs.thread("takes", private=True), HELLO)


@case(limits.MISSING_ACCESS)
async def the_chat_of_a_voice_channel_without_permission_to_connect(stage: Stage) -> Reply:
    chat = stage.guild.channel("stage", kind=VOICE)
    chat.deny("CONNECT")
    return await stage.api.post(chat, HELLO)


@case(limits.TOO_MANY_OLD_EDITS)
async def more_edits_of_old_messages_than_an_hour_allows(stage: Stage) -> Reply:
    posted = (await stage.api.post(stage.songs, HELLO)).body["id"]
    path = f"/channels/{stage.songs.id}/messages/{posted}"
    stage.discord.advance(timedelta(hours=1, seconds=1).total_seconds())
    await stage.api.ask("PATCH", path, HELLO)
    return await stage.api.ask("PATCH", path, HELLO)


@case(limits.TOO_MANY_COMMANDS)
async def a_sixteenth_message_menu(stage: Stage) -> Reply:
    await stage.api.announce(*({"name": f"menu {n}", "type": 3} for n in range(15)))
    path = f"/applications/{stage.discord.application_id}/commands"
    return await stage.api.ask("POST", path, {"name": "menu 15", "type": 3})


@case(limits.UNKNOWN_GUILD)
async def leaving_a_server_without_the_bot(stage: Stage) -> Reply:
    elsewhere = stage.discord.guild("Elsewhere", with_bot=False)
    return await stage.api.ask("DELETE", f"/users/@me/guilds/{elsewhere.id}")


@case(limits.NO_HISTORY_FOR_REPLY)
async def a_reply_without_permission_to_read_the_history(stage: Stage) -> Reply:
    posted = (await stage.api.post(stage.songs, HELLO)).body["id"]
    stage.songs.deny("READ_MESSAGE_HISTORY")
    return await stage.api.post(stage.songs, {**HELLO, "message_reference": {"message_id": posted}})


@case(limits.RATE_LIMITED)
async def a_sixth_message_within_five_seconds(stage: Stage) -> Reply:
    for _ in range(5):
        assert (await stage.api.post(stage.songs, HELLO)).status == 200
    return await stage.api.post(stage.songs, HELLO)


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
