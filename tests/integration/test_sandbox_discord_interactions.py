import asyncio
from pathlib import Path

import pytest

from bot.sandbox.discord import Callback, ClientRefuses, DiscordOptions, NeverHappened, State, Upload
from tests.support.discord_api import EXTEND, MENU, Json, a_label, a_modal, staged

DEFER: Json = {"type": 5}
HIDDEN: Json = {"type": 5, "data": {"flags": 64}}
AGAIN: Json = [{"type": 1, "components": [{"type": 2, "style": 1, "label": "Again", "custom_id": "again:1"}]}]


async def test_a_deferred_answer_is_thinking_until_it_is_edited() -> None:
    async with staged() as stage:
        invocation = await stage.extend()
        seen = [invocation.state]

        await stage.api.answer(invocation, DEFER)
        seen.append(invocation.state)
        await stage.api.follow(invocation, {"content": "done"}, method="PATCH", to="@original")
        seen.append(invocation.state)

        assert seen == [State.WAITING, State.THINKING, State.ANSWERED]
        assert (await invocation.response()).content == "done"
        assert [message.content for message in stage.songs.messages] == ["done"]


async def test_a_hidden_answer_is_seen_by_its_member_alone() -> None:
    async with staged() as stage:
        tom = stage.discord.member("Tom")
        invocation = await stage.extend()
        await stage.api.answer(invocation, HIDDEN)

        await stage.api.follow(invocation, {"content": "psst"}, method="PATCH", to="@original")

        assert stage.songs.messages == []
        assert [message.content for message in stage.songs.seen_by(stage.mia)] == ["psst"]
        assert stage.songs.seen_by(tom) == []


async def test_the_response_describes_the_first_answer() -> None:
    async with staged() as stage:
        invocation = await stage.extend()

        reply = await stage.api.answer(invocation, HIDDEN)

        about = reply.body["interaction"]
        assert (about["type"], about["response_message_loading"], about["response_message_ephemeral"]) == (
            2,
            True,
            True,
        )
        assert "resource" not in reply.body


async def test_a_message_as_the_first_answer_comes_back_whole() -> None:
    async with staged() as stage:
        reply = await stage.api.answer(await stage.extend(), {"type": 4, "data": {"content": "c"}})

        assert reply.body["resource"]["message"]["content"] == "c"
        assert reply.body["resource"]["message"]["id"] == reply.body["interaction"]["response_message_id"]


async def test_without_with_response_the_first_answer_is_204() -> None:
    async with staged() as stage:
        assert (await stage.api.answer(await stage.extend(), DEFER, query="")).status == 204


async def test_the_member_sees_that_nobody_answered() -> None:
    async with staged(DiscordOptions(acknowledge_seconds=0.05)) as stage:
        invocation = await stage.extend()

        with pytest.raises(NeverHappened, match="did not respond"):
            await invocation.response()
        await invocation.failed()


async def test_a_wait_in_vain_says_what_was_seen() -> None:
    async with staged() as stage:
        await stage.api.post(stage.songs, {"content": "something else"})

        with pytest.raises(NeverHappened, match="something else"):
            await stage.songs.wait_for(lambda message: "done" in message.content, timeout=0.01)


async def test_a_followup_to_a_placeholder_becomes_the_answer() -> None:
    async with staged() as stage:
        invocation = await stage.extend()
        await stage.api.answer(invocation, DEFER)

        await stage.api.follow(invocation, {"content": "first"})
        await stage.api.follow(invocation, {"content": "second"})

        assert (await invocation.response()).content == "first"
        assert (await invocation.followup()).content == "second"


async def test_followups_are_not_counted_where_the_server_has_the_app() -> None:
    async with staged() as stage:
        invocation = await stage.extend()
        await stage.api.answer(invocation, {"type": 4, "data": {"content": "c"}})

        replies = [await stage.api.follow(invocation, {"content": "c"}) for _ in range(6)]

        assert {reply.status for reply in replies} == {200}


async def test_an_answer_can_be_deleted() -> None:
    async with staged() as stage:
        invocation = await stage.extend()
        await stage.api.answer(invocation, DEFER)

        reply = await stage.api.follow(invocation, method="DELETE", to="@original")

        assert (reply.status, invocation.message, stage.songs.messages) == (204, None, [])
        again = await stage.api.follow(invocation, {"content": "c"}, method="PATCH", to="@original")
        assert again.body["code"] == 10008


async def test_a_public_answer_can_be_edited_through_the_channel_too() -> None:
    async with staged() as stage:
        invocation = await stage.extend()
        message_id = (await stage.api.answer(invocation, DEFER)).body["interaction"]["response_message_id"]

        stage.discord.advance(16 * 60)
        reply = await stage.api.ask("PATCH", f"/channels/{stage.songs.id}/messages/{message_id}", {"content": "late"})

        assert (reply.status, stage.songs.messages[0].content) == (200, "late")


async def test_an_attachment_is_uploaded_and_fetched_by_its_link() -> None:
    async with staged() as stage:
        invocation = await stage.extend(audio=Upload("my song.mp3", b"song"))

        data = invocation.interaction.data
        (attachment,) = data["resolved"]["attachments"].values()
        async with stage.api.session.get(attachment["url"]) as answer:
            assert (answer.status, await answer.read()) == (200, b"song")
        assert attachment["ephemeral"] is True
        assert (attachment["filename"], attachment["title"], attachment["size"]) == ("my_song.mp3", "my song", 4)
        assert data["options"] == [{"name": "audio", "type": 11, "value": attachment["id"]}]


async def test_a_local_file_is_uploaded_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "take.wav").write_bytes(b"RIFF")
    async with staged() as stage:
        invocation = await stage.extend(audio=Upload(tmp_path / "take.wav"))

        (attachment,) = invocation.interaction.data["resolved"]["attachments"].values()
        assert (attachment["filename"], attachment["content_type"]) == ("take.wav", "audio/x-wav")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"tempo": 3}, "no option tempo"),
        ({"weight": 1.5}, "takes 0 to 1"),
        ({"weight": "much"}, "takes no str"),
        ({"model": "x" * 21}, "characters"),
        ({"private": "yes"}, "takes no str"),
        ({"audio": "song.mp3"}, "takes no str"),
    ],
)
async def test_the_client_does_not_send_what_the_definition_forbids(options: dict[str, object], why: str) -> None:
    async with staged() as stage:
        with pytest.raises(ClientRefuses, match=why):
            await stage.extend(**options)


async def test_the_client_knows_required_options_and_choices() -> None:
    option = {"type": 3, "name": "who", "description": "d", "required": True, "choices": [{"name": "f", "value": "f"}]}
    async with staged() as stage:
        await stage.api.announce({"name": "sing", "description": "d", "options": [option]})

        with pytest.raises(ClientRefuses, match="required"):
            await stage.mia.command(stage.songs, "sing")
        with pytest.raises(ClientRefuses, match="choices"):
            await stage.mia.command(stage.songs, "sing", who="m")
        with pytest.raises(ClientRefuses, match="no command"):
            await stage.extend()


async def test_a_command_is_not_offered_without_permission() -> None:
    async with staged() as stage:
        await stage.api.announce({**EXTEND, "default_member_permissions": str(1 << 5)})
        boss = stage.discord.member("Boss", permissions=["MANAGE_GUILD"])

        with pytest.raises(ClientRefuses, match="MANAGE_GUILD"):
            await stage.extend()
        await boss.command(stage.songs, "extend")


async def test_a_command_is_not_offered_where_commands_are_denied() -> None:
    async with staged() as stage:
        stage.songs.deny("USE_APPLICATION_COMMANDS", who="everyone")

        with pytest.raises(ClientRefuses, match="may not use commands"):
            await stage.extend()


async def test_a_command_is_not_offered_to_a_member_who_may_not_write() -> None:
    async with staged() as stage:
        thread = stage.songs.thread("takes")
        stage.songs.deny("SEND_MESSAGES", who=stage.mia)

        with pytest.raises(ClientRefuses, match="may not write"):
            await stage.extend()
        await stage.mia.command(thread, "extend")


async def test_a_guild_only_command_is_not_offered_in_direct_messages() -> None:
    async with staged() as stage:
        await stage.api.announce({**EXTEND, "contexts": [0]}, {**EXTEND, "name": "quota", "contexts": [0, 1]})

        with pytest.raises(ClientRefuses, match="not offered"):
            await stage.mia.command(stage.mia.dm, "extend")
        invocation = await stage.mia.command(stage.mia.dm, "quota")

        assert invocation.interaction.channel is stage.mia.dm


async def test_a_user_installed_app_answers_hidden_where_others_may_not_see_it() -> None:
    async with staged() as stage:
        elsewhere = stage.discord.guild("Elsewhere", with_bot=False)
        elsewhere.deny("USE_EXTERNAL_APPS")
        elsewhere.join(stage.mia)
        stage.mia.install_app()
        await stage.api.announce({**EXTEND, "integration_types": [0, 1]})
        channel = elsewhere.channel("general")

        invocation = await stage.mia.command(channel, "extend")
        await stage.api.answer(invocation, {"type": 4, "data": {"content": "c"}})

        assert invocation.interaction.owners == {"1": str(stage.mia.id)}
        assert (await invocation.response()).is_ephemeral


async def test_subcommands_are_named_in_full() -> None:
    limit = {"type": 4, "name": "limit", "description": "d", "required": True}
    quota = {
        "name": "quota",
        "description": "d",
        "options": [{"type": 1, "name": "set", "description": "d", "options": [limit]}],
    }
    async with staged() as stage:
        await stage.api.announce(quota)

        invocation = await stage.mia.command(stage.songs, "quota set", limit=3)

        assert invocation.interaction.data["options"] == [
            {"name": "set", "type": 1, "options": [{"name": "limit", "type": 4, "value": 3}]}
        ]
        with pytest.raises(ClientRefuses, match="subcommands"):
            await stage.mia.command(stage.songs, "quota")


async def test_a_button_is_pressed_by_its_label_and_changes_its_message() -> None:
    async with staged() as stage:
        await stage.api.post(stage.songs, {"content": "c", "components": AGAIN})
        (message,) = stage.songs.messages

        click = await stage.mia.click(message, "Again")
        assert click.interaction.data["custom_id"] == "again:1"
        await stage.api.answer(click, {"type": 7, "data": {"content": "pressed", "components": []}})

        assert message.content == "pressed"
        assert click.answered_with is Callback.UPDATE
        with pytest.raises(ClientRefuses, match="no button"):
            await stage.mia.click(message, "Again")


async def test_a_deferred_update_changes_nothing_until_the_edit() -> None:
    async with staged() as stage:
        await stage.api.post(stage.songs, {"content": "c", "components": AGAIN})
        click = await stage.mia.click(stage.songs.messages[0], "again:1")

        reply = await stage.api.answer(click, {"type": 6})
        assert "resource" not in reply.body
        assert stage.songs.messages[0].content == "c"
        await stage.api.follow(click, {"content": "later"}, method="PATCH", to="@original")

        assert stage.songs.messages[0].content == "later"


async def test_a_hidden_message_cannot_be_clicked_by_others() -> None:
    async with staged() as stage:
        invocation = await stage.extend()
        await stage.api.answer(invocation, {"type": 4, "data": {"content": "c", "flags": 64, "components": AGAIN}})
        tom = stage.discord.member("Tom")

        with pytest.raises(ClientRefuses, match="does not see"):
            await tom.click(await invocation.response(), "Again")


async def test_a_form_is_opened_filled_in_and_sent() -> None:
    async with staged() as stage:
        message = stage.mia.post(stage.songs, "mine", Upload("a.mp3", b"song"))
        opened = await stage.mia.context_menu(message, "Extend this audio")
        target = opened.interaction.data["resolved"]["messages"][str(message.id)]
        assert target["attachments"][0]["filename"] == "a.mp3"
        radio = {
            "type": 21,
            "custom_id": "model",
            "options": [{"label": model, "value": model} for model in ("v4", "v5")],
        }
        rows = (
            a_label({"type": 4, "custom_id": "prompt", "style": 1, "max_length": 5}),
            a_label(radio, "Model"),
            a_label({"type": 19, "custom_id": "cover", "required": False}, "Cover"),
        )
        await stage.api.answer(opened, {"type": 9, "data": a_modal(*rows)})
        form = await opened.opened_modal()

        submitted = await stage.mia.submit_modal(
            form, {"Lyrics": "la la", "Model": "v5", "Cover": Upload("c.png", b"p")}
        )

        data = submitted.interaction.data
        text, model, cover = [row["component"] for row in data["components"]]
        assert (text["value"], model["value"]) == ("la la", "v5")
        assert list(data["resolved"]["attachments"]) == cover["values"]
        with pytest.raises(ClientRefuses, match="characters"):
            await stage.mia.submit_modal(form, {"prompt": "la la la", "model": "v5"})
        with pytest.raises(ClientRefuses, match="required"):
            await stage.mia.submit_modal(form, {"model": "v5"})
        with pytest.raises(ClientRefuses, match="no option"):
            await stage.mia.submit_modal(form, {"prompt": "la", "model": "v6"})


async def test_a_link_stops_working_when_it_expires_or_is_changed() -> None:
    async with staged() as stage:
        link = stage.mia.post(stage.songs, "", Upload("a.mp3", b"song")).attachments[0].url

        async def status(url: str) -> int:
            async with stage.api.session.get(url) as answer:
                return answer.status

        assert await status(link) == 200
        assert await status(link.split("?")[0]) == 404
        assert await status(link.replace("hm=", "hm=0")) == 404
        stage.discord.advance(90_000)
        assert await status(link) == 404


async def test_part_of_a_file_can_be_fetched() -> None:
    async with staged() as stage:
        link = stage.mia.post(stage.songs, "", Upload("a.mp3", b"0123456789")).attachments[0].url

        async with stage.api.session.get(link, headers={"Range": "bytes=2-4"}) as answer:
            assert (answer.status, await answer.read()) == (206, b"234")
        async with stage.api.session.get(link, headers={"Range": "bytes=20-"}) as answer:
            assert answer.status == 416


async def test_commands_keep_their_ids_and_missing_ones_go() -> None:
    async with staged() as stage:
        before = {command["name"]: command for command in stage.discord.commands}

        reply = await stage.api.announce({**EXTEND, "description": "Other"})

        (after,) = reply.body
        assert after["id"] == before["extend"]["id"]
        assert after["version"] != before["extend"]["version"]
        assert MENU["name"] in before
        assert len(stage.discord.commands) == 1


async def test_a_refused_set_of_commands_changes_nothing() -> None:
    async with staged() as stage:
        await stage.api.announce({**EXTEND, "name": "Bad Name"})

        assert {command["name"] for command in stage.discord.commands} == {"extend", "Extend this audio"}


async def test_requests_are_remembered_without_the_token() -> None:
    async with staged() as stage:
        await stage.api.post(stage.songs, {"content": "c"}, files=[("a.mp3", b"song")])

        recorded = stage.discord.requests[-1]
        assert (recorded.method, recorded.template) == ("POST", "/channels/{channel_id}/messages")
        assert (recorded.payload, recorded.files, recorded.status) == ({"content": "c"}, [("a.mp3", 4)], 200)
        assert "Authorization" not in recorded.headers


async def test_autocomplete_sends_files_as_bare_ids() -> None:
    async with staged() as stage:
        asking = stage.mia.autocomplete(stage.songs, "extend", focused="model", value="v", audio=Upload("a.mp3", b"1"))
        asked = asyncio.create_task(asking)
        (interaction,) = await stage.discord.world.changes.until(
            lambda: list(stage.discord.world.interactions.values()), timeout=5, wanted="the question", seen=str
        )
        path = f"/interactions/{interaction.id}/{interaction.token}/callback"
        await stage.api.ask("POST", path, {"type": 8, "data": {"choices": [{"name": "V5", "value": "v5"}]}})

        assert [choice.value for choice in await asked] == ["v5"]
        assert "resolved" not in interaction.data
        assert interaction.data["options"][1] == {"name": "model", "type": 3, "value": "v", "focused": True}
