"""Servers, channels, threads and conversations, and who may write in them."""

from bot.sandbox.discord import VOICE
from bot.sandbox.discord.refuse import limits
from tests.support.discord_api import Reply, Stage
from tests.support.refusals.case import DEFER, HELLO, UNKNOWN, case


@case(limits.UNKNOWN_CHANNEL)
async def a_deleted_channel(stage: Stage) -> Reply:
    stage.songs.delete()
    return await stage.api.post(stage.songs, HELLO)


@case(limits.UNKNOWN_GUILD)
async def a_guild_without_the_bot(stage: Stage) -> Reply:
    elsewhere = stage.discord.guild("Elsewhere", with_bot=False)
    return await stage.api.ask("GET", f"/guilds/{elsewhere.id}")


@case(limits.MISSING_ACCESS)
async def a_channel_that_the_bot_does_not_see(stage: Stage) -> Reply:
    stage.songs.deny("VIEW_CHANNEL")
    return await stage.api.post(stage.songs, HELLO)


@case(limits.MISSING_ACCESS)
async def a_server_that_threw_the_bot_out(stage: Stage) -> Reply:
    stage.guild.kick_bot()
    return await stage.api.post(stage.songs, HELLO)


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


@case(limits.INVALID_RECIPIENT)
async def a_conversation_with_nobody(stage: Stage) -> Reply:
    return await stage.api.ask("POST", "/users/@me/channels", {"recipient_id": UNKNOWN})


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


@case(limits.UNKNOWN_GUILD)
async def leaving_a_server_without_the_bot(stage: Stage) -> Reply:
    elsewhere = stage.discord.guild("Elsewhere", with_bot=False)
    return await stage.api.ask("DELETE", f"/users/@me/guilds/{elsewhere.id}")
