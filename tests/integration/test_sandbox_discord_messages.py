import asyncio
import hashlib

from bot.sandbox.discord import DiscordOptions, Upload, Why
from tests.support.discord_api import Json, Stage, staged

HELLO: Json = {"content": "hello"}
ONCE: Json = {"content": "done", "nonce": "e0123", "enforce_nonce": True}
FREE = DiscordOptions(rate_limits={}, requests_per_second=None)


def message_path(stage: Stage, message_id: str) -> str:
    return f"/channels/{stage.songs.id}/messages/{message_id}"


async def test_the_same_nonce_gives_the_same_message_with_its_file() -> None:
    async with staged() as stage:
        first, second = [await stage.api.post(stage.songs, ONCE, files=[("a.mp3", b"song")]) for _ in range(2)]

        assert first.body["id"] == second.body["id"]
        assert first.body["attachments"][0]["id"] == second.body["attachments"][0]["id"]
        assert first.body["nonce"] == "e0123"
        assert len(stage.songs.messages) == 1


async def test_two_requests_at_once_with_one_nonce_make_one_message() -> None:
    async with staged() as stage:
        replies = await asyncio.gather(*(stage.api.post(stage.songs, ONCE, files=[("a", b"1")]) for _ in range(4)))

        assert len({reply.body["id"] for reply in replies}) == 1


async def test_a_nonce_is_forgotten_after_a_few_minutes() -> None:
    async with staged() as stage:
        await stage.api.post(stage.songs, ONCE)
        stage.discord.advance(301)
        await stage.api.post(stage.songs, ONCE)

        assert len(stage.songs.messages) == 2


async def test_a_nonce_that_is_not_enforced_does_nothing() -> None:
    async with staged() as stage:
        for _ in range(2):
            await stage.api.post(stage.songs, {"content": "done", "nonce": "n"})

        assert len(stage.songs.messages) == 2


async def test_the_history_is_newest_first_and_without_nonces() -> None:
    async with staged(FREE) as stage:
        ids = [(await stage.api.post(stage.songs, {**ONCE, "nonce": str(n)})).body["id"] for n in range(5)]

        path = f"/channels/{stage.songs.id}/messages"
        found = {
            query: [message["id"] for message in (await stage.api.ask("GET", path + query)).body]
            for query in ("", "?limit=2", f"?before={ids[2]}", f"?after={ids[2]}", f"?around={ids[2]}&limit=3")
        }

        assert list(found.values()) == [
            ids[::-1],
            [ids[4], ids[3]],
            [ids[1], ids[0]],
            [ids[4], ids[3]],
            [ids[3], ids[2], ids[1]],
        ]
        assert "nonce" not in (await stage.api.ask("GET", path)).body[0]


async def test_a_page_after_a_message_holds_the_next_ones_newest_first() -> None:
    async with staged(FREE) as stage:
        ids = [(await stage.api.post(stage.songs, HELLO)).body["id"] for _ in range(5)]
        path = f"/channels/{stage.songs.id}/messages?limit=2"

        pages = [(await stage.api.ask("GET", f"{path}&after={anchor}")).body for anchor in (0, ids[1], ids[3], ids[4])]

        assert [[message["id"] for message in page] for page in pages] == [
            [ids[1], ids[0]],
            [ids[3], ids[2]],
            [ids[4]],
            [],
        ]


async def test_without_permission_the_history_is_empty() -> None:
    async with staged() as stage:
        await stage.api.post(stage.songs, HELLO)
        stage.songs.deny("READ_MESSAGE_HISTORY")

        reply = await stage.api.ask("GET", f"/channels/{stage.songs.id}/messages")

        assert (reply.status, reply.body) == (200, [])


async def test_a_history_of_more_than_a_hundred_is_refused() -> None:
    async with staged() as stage:
        reply = await stage.api.ask("GET", f"/channels/{stage.songs.id}/messages?limit=101")

        assert reply.field_errors("limit")


async def test_embeds_beside_content_are_dropped_without_permission() -> None:
    async with staged() as stage:
        stage.songs.deny("EMBED_LINKS")

        reply = await stage.api.post(stage.songs, {"content": "c", "embeds": [{"title": "t"}]})

        assert reply.body["embeds"] == []


async def test_an_answer_may_attach_and_embed_anywhere() -> None:
    async with staged() as stage:
        stage.songs.deny("EMBED_LINKS", "ATTACH_FILES", "SEND_MESSAGES")
        invocation = await stage.extend()

        answer = {"type": 4, "data": {"embeds": [{"title": "t"}]}}
        reply = await stage.api.answer(invocation, answer, files=[("a.mp3", b"1")])

        assert reply.status == 200
        message = await invocation.response()
        assert (len(message.embeds), len(message.attachments)) == (1, 1)


async def test_an_edit_keeps_listed_files_and_adds_new_ones_after_them() -> None:
    async with staged() as stage:
        posted = (await stage.api.post(stage.songs, HELLO, files=[("a.mp3", b"a"), ("b.mp3", b"b")])).body
        kept = posted["attachments"][1]["id"]

        body = {"attachments": [{"id": 0, "description": "new"}, {"id": kept}]}
        edited = await stage.api.ask("PATCH", message_path(stage, posted["id"]), body, files=[("c.mp3", b"c")])

        assert [each["filename"] for each in edited.body["attachments"]] == ["b.mp3", "c.mp3"]
        assert edited.body["attachments"][1]["description"] == "new"
        assert stage.songs.messages[0].attachments[1].data == b"c"


async def test_an_edit_without_the_key_keeps_all_files() -> None:
    async with staged() as stage:
        posted = (await stage.api.post(stage.songs, HELLO, files=[("a.mp3", b"a")])).body

        edited = await stage.api.ask("PATCH", message_path(stage, posted["id"]), {"content": "other"})

        assert [each["filename"] for each in edited.body["attachments"]] == ["a.mp3"]
        assert [version.content for version in stage.songs.messages[0].edits] == ["other"]
        assert edited.body["edited_timestamp"] is not None


async def test_an_edit_of_an_unknown_file_is_refused() -> None:
    async with staged() as stage:
        posted = (await stage.api.post(stage.songs, HELLO)).body["id"]

        reply = await stage.api.ask("PATCH", message_path(stage, posted), {"attachments": [{"id": "5"}]})

        assert reply.field_errors("attachments.0.id")


async def test_a_file_in_an_embed_leaves_the_list_until_the_embed_goes() -> None:
    async with staged() as stage:
        body = {"embeds": [{"title": "t", "image": {"url": "attachment://wave.png"}}]}
        posted = (await stage.api.post(stage.songs, body, files=[("wave.png", b"png")])).body
        assert posted["attachments"] == []
        assert posted["embeds"][0]["image"]["url"].startswith("http://127.0.0.1")

        edited = await stage.api.ask("PATCH", message_path(stage, posted["id"]), {"content": "c", "embeds": []})

        assert [each["filename"] for each in edited.body["attachments"]] == ["wave.png"]


async def test_in_components_v2_only_shown_files_are_seen() -> None:
    async with staged() as stage:
        body = {"flags": 1 << 15, "components": [{"type": 13, "file": {"url": "attachment://a.mp3"}}]}

        await stage.api.post(stage.songs, body, files=[("a.mp3", b"a"), ("b.mp3", b"b")])

        (message,) = stage.songs.messages
        assert [each.filename for each in message.shown_attachments] == ["a.mp3"]


async def test_a_v2_message_stays_v2() -> None:
    async with staged() as stage:
        body = {"flags": 1 << 15, "components": [{"type": 10, "content": "hello"}]}
        posted = (await stage.api.post(stage.songs, body)).body["id"]

        edited = await stage.api.ask(
            "PATCH", message_path(stage, posted), {"flags": 0, "content": "c", "components": []}
        )

        assert edited.field_errors("content")


async def test_alt_text_stays_with_its_file_and_has_a_limit() -> None:
    async with staged() as stage:
        body = {**HELLO, "attachments": [{"id": 0, "description": "x" * 1024}]}
        longer = {**HELLO, "attachments": [{"id": 0, "description": "x" * 1025}]}

        refused = await stage.api.post(stage.songs, longer, files=[("a.png", b"1")])
        await stage.api.post(stage.songs, body, files=[("a.png", b"1")])

        assert refused.field_errors("attachments.0.description")
        assert [each.description for each in stage.songs.messages[0].attachments] == ["x" * 1024]


async def test_a_thumbnail_may_be_a_file_of_the_message() -> None:
    async with staged() as stage:
        body = {"embeds": [{"title": "t", "thumbnail": {"url": "attachment://cover.png"}}]}

        posted = await stage.api.post(stage.songs, body, files=[("cover.png", b"png")])

        assert posted.body["embeds"][0]["thumbnail"]["url"].startswith("http://127.0.0.1")
        assert [each.filename for each in stage.songs.messages[0].now.attachments] == ["cover.png"]
        assert stage.songs.messages[0].attachments == ()


async def test_a_picture_in_an_embed_may_be_described() -> None:
    async with staged() as stage:
        picture = {"url": "https://files.example/cover.png", "description": "x" * 4096}

        longer = {"embeds": [{"title": "t", "image": {**picture, "description": "x" * 4097}}]}
        refused = await stage.api.post(stage.songs, longer)
        await stage.api.post(stage.songs, {"embeds": [{"title": "t", "image": picture}]})

        assert refused.field_errors("embeds.0.image.description")
        assert stage.songs.messages[0].embeds[0]["image"]["description"] == "x" * 4096


async def test_unsafe_characters_in_file_names_are_replaced() -> None:
    async with staged() as stage:
        posted = await stage.api.post(stage.songs, HELLO, files=[("Größe 1.mp3", b"1")])

        (attachment,) = posted.body["attachments"]
        assert attachment["filename"] == "Gr__e_1.mp3"
        assert attachment["title"] == "Größe 1"
        assert attachment["content_type"] == "audio/mpeg"


async def test_without_kept_bytes_size_and_digest_remain() -> None:
    async with staged(DiscordOptions(keep_attachment_bytes=False)) as stage:
        await stage.api.post(stage.songs, HELLO, files=[("a.mp3", b"song")])

        (attachment,) = stage.songs.messages[0].attachments
        assert attachment.size_bytes == 4
        assert attachment.sha256 == hashlib.sha256(b"song").hexdigest()
        assert attachment.kept is None


async def test_ten_files_of_ten_mebibytes_pass() -> None:
    async with staged() as stage:
        content = bytes(10 * 1024 * 1024)

        reply = await stage.api.post(stage.songs, HELLO, files=[(f"{n}.mp3", content) for n in range(10)])

        assert [each["size"] for each in reply.body["attachments"]] == [len(content)] * 10


async def test_a_boosted_server_takes_larger_files() -> None:
    async with staged() as stage:
        eleven_mib = bytes(11 * 1024 * 1024)
        assert (await stage.api.post(stage.songs, HELLO, files=[("a.mp3", eleven_mib)])).body["code"] == 40005

        stage.guild.upgrade(2)

        assert (await stage.api.post(stage.songs, HELLO, files=[("a.mp3", eleven_mib)])).status == 200


async def test_a_mention_rings_unless_it_is_not_allowed() -> None:
    async with staged() as stage:
        said = f"done, {stage.mia.mention}"
        await stage.api.post(stage.songs, {"content": said, "allowed_mentions": {"parse": []}})
        assert stage.mia.pings == []

        await stage.api.post(
            stage.songs, {"content": said, "allowed_mentions": {"parse": [], "users": [str(stage.mia.id)]}}
        )
        reply = await stage.api.post(stage.songs, {"content": said})

        assert [ping.why for ping in stage.mia.pings] == [Why.MENTION, Why.MENTION]
        assert [user["id"] for user in reply.body["mentions"]] == [str(stage.mia.id)]


async def test_everyone_rings_only_with_permission() -> None:
    async with staged() as stage:
        await stage.api.post(stage.songs, {"content": "@everyone"})
        assert stage.mia.pings == []

        stage.songs.allow("MENTION_EVERYONE")
        await stage.api.post(stage.songs, {"content": "@everyone"})

        assert [ping.why for ping in stage.mia.pings] == [Why.EVERYONE]


async def test_a_mentionable_role_rings_its_members() -> None:
    async with staged() as stage:
        singers = stage.guild.role("singers", mentionable=True)
        stage.guild.give(stage.mia, singers)

        await stage.api.post(stage.songs, {"content": singers.mention})

        assert [ping.why for ping in stage.mia.pings] == [Why.ROLE]


async def test_a_reply_rings_the_author_and_names_the_message() -> None:
    async with staged() as stage:
        asked = stage.mia.post(stage.songs, "please")

        reply = await stage.api.post(stage.songs, {**HELLO, "message_reference": {"message_id": str(asked.id)}})

        assert reply.body["type"] == 19
        assert reply.body["referenced_message"]["content"] == "please"
        assert stage.songs.messages[-1].reference is asked
        assert [ping.why for ping in stage.mia.pings] == [Why.REPLY]


async def test_a_reply_without_replied_user_does_not_ring() -> None:
    async with staged() as stage:
        asked = stage.mia.post(stage.songs, "please")
        reference = {"message_id": str(asked.id)}

        await stage.api.post(
            stage.songs, {**HELLO, "message_reference": reference, "allowed_mentions": {"replied_user": False}}
        )

        assert stage.mia.pings == []


async def test_edits_and_hidden_answers_never_ring() -> None:
    async with staged() as stage:
        posted = (await stage.api.post(stage.songs, HELLO)).body["id"]
        await stage.api.ask("PATCH", message_path(stage, posted), {"content": stage.mia.mention})
        invocation = await stage.extend()
        await stage.api.answer(invocation, {"type": 4, "data": {"content": stage.mia.mention, "flags": 64}})

        assert stage.mia.pings == []


async def test_a_silent_message_rings_silently() -> None:
    async with staged() as stage:
        await stage.api.post(stage.songs, {"content": stage.mia.mention, "flags": 4096})

        assert [ping.silent for ping in stage.mia.pings] == [True]
        assert stage.songs.messages[0].is_silent


async def test_members_who_cannot_see_the_channel_are_not_rung() -> None:
    async with staged() as stage:
        stage.songs.deny("VIEW_CHANNEL", who=stage.mia)

        await stage.api.post(stage.songs, {"content": stage.mia.mention})

        assert stage.mia.pings == []


async def test_a_direct_message_arrives_and_rings() -> None:
    async with staged() as stage:
        opened = await stage.api.ask("POST", "/users/@me/channels", {"recipient_id": str(stage.mia.id)})
        await stage.api.ask("POST", f"/channels/{opened.body['id']}/messages", HELLO)

        assert [message.content for message in stage.mia.dms] == ["hello"]
        assert [ping.why for ping in stage.mia.pings] == [Why.DIRECT]


async def test_direct_messages_can_be_closed_and_opened_again() -> None:
    async with staged() as stage:
        stage.mia.close_dms()
        closed = await stage.api.post(stage.mia.dm, HELLO)
        stage.mia.open_dms()
        opened = await stage.api.post(stage.mia.dm, HELLO)

        assert (closed.body["code"], opened.status) == (50007, 200)


async def test_a_reply_to_an_unknown_message_is_posted_if_the_bot_allows_it() -> None:
    async with staged() as stage:
        reference = {"message_id": "5", "fail_if_not_exists": False}

        reply = await stage.api.post(stage.songs, {**HELLO, "message_reference": reference})

        assert (reply.status, reply.body["type"]) == (200, 0)


async def test_only_answers_can_be_hidden() -> None:
    async with staged() as stage:
        reply = await stage.api.post(stage.songs, {**HELLO, "flags": 64})

        assert reply.body["flags"] == 0
        assert len(stage.songs.messages) == 1


async def test_members_post_files_and_see_who_wrote() -> None:
    async with staged() as stage:
        message = stage.mia.post(stage.songs, f"mine, {stage.discord.world.bot.mention}", Upload("a.mp3", b"song"))

        reply = await stage.api.ask("GET", message_path(stage, str(message.id)))

        assert reply.body["author"]["id"] == str(stage.mia.id)
        assert reply.body["attachments"][0]["size"] == 4


async def test_without_the_intent_what_members_write_to_each_other_stays_hidden() -> None:
    async with staged() as stage:
        written = stage.mia.post(stage.songs, "mine", Upload("a.mp3", b"song"))
        forwarded = stage.mia.forward(written, stage.songs)

        one = await stage.api.ask("GET", message_path(stage, str(written.id)))
        history = await stage.api.ask("GET", f"/channels/{stage.songs.id}/messages")

        assert (one.body["content"], one.body["attachments"]) == ("", [])
        assert [each["id"] for each in history.body] == [str(forwarded.id), str(written.id)]
        assert history.body[0]["message_snapshots"] == history.body[1]["attachments"] == []


async def test_with_the_intent_messages_and_what_they_forward_can_be_read() -> None:
    async with staged(DiscordOptions(privileged_intents=True)) as stage:
        written = stage.mia.post(stage.songs, "mine", Upload("a.mp3", b"song"))
        forwarded = stage.mia.forward(written, stage.songs)
        stage.mia.delete_post(written)

        reply = await stage.api.ask("GET", message_path(stage, str(forwarded.id)))

        (snapshot,) = reply.body["message_snapshots"]
        assert snapshot["message"]["content"] == "mine"
        assert snapshot["message"]["attachments"][0]["filename"] == "a.mp3"
        assert reply.body["message_reference"]["message_id"] == str(written.id)
        assert reply.body["attachments"] == []
