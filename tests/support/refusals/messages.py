"""Messages, their files, and who may change and read them."""

from datetime import timedelta

from bot.sandbox.discord import FORUM
from bot.sandbox.discord.refuse import limits
from tests.support.discord_api import Reply, Stage
from tests.support.refusals.case import HELLO, SMALL, case


@case(limits.NOT_PLAYED)
async def a_poll(stage: Stage) -> Reply:
    return await stage.api.post(stage.songs, {"content": "?", "poll": {"question": {"text": "?"}}})


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


@case(limits.REQUEST_TOO_LARGE)
async def a_file_above_the_limit_in_a_channel(stage: Stage) -> Reply:
    return await stage.api.post(stage.songs, {}, files=[("a.mp3", bytes(SMALL + 1))])


@case(limits.OTHERS_MESSAGE)
async def editing_what_a_member_wrote(stage: Stage) -> Reply:
    message = stage.mia.post(stage.songs, "mine")
    return await stage.api.ask("PATCH", f"/channels/{stage.songs.id}/messages/{message.id}", HELLO)


@case(limits.NO_TEXT_CHANNEL)
async def a_message_in_a_forum(stage: Stage) -> Reply:
    return await stage.api.post(stage.guild.channel("workshop", kind=FORUM), HELLO)


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


@case(limits.INVALID_BODY)
async def content_that_is_too_long(stage: Stage) -> Reply:
    return await stage.api.post(stage.songs, {"content": "x" * 2001})


@case(limits.TOO_MANY_OLD_EDITS)
async def more_edits_of_old_messages_than_an_hour_allows(stage: Stage) -> Reply:
    posted = (await stage.api.post(stage.songs, HELLO)).body["id"]
    path = f"/channels/{stage.songs.id}/messages/{posted}"
    stage.discord.advance(timedelta(hours=1, seconds=1).total_seconds())
    await stage.api.ask("PATCH", path, HELLO)
    return await stage.api.ask("PATCH", path, HELLO)


@case(limits.NO_HISTORY_FOR_REPLY)
async def a_reply_without_permission_to_read_the_history(stage: Stage) -> Reply:
    posted = (await stage.api.post(stage.songs, HELLO)).body["id"]
    stage.songs.deny("READ_MESSAGE_HISTORY")
    return await stage.api.post(stage.songs, {**HELLO, "message_reference": {"message_id": posted}})
