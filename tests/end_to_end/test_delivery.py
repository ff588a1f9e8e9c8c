"""How results reach their member: too large, channel gone, closed, lost, answered twice."""

from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from bot.domain.jobs import JobState
from bot.sandbox.discord import DiscordOptions, TroubleKind, Upload
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.common.messenger import RouteClosed
from tests.end_to_end.town import QUICK, Town, a_town, ends, eventually

MIB = 1024 * 1024
POST = ("POST", "/channels/{channel_id}/messages")


async def test_a_track_too_large_for_the_server_is_encoded_to_fit(town: Town) -> None:
    await town.start(poll_every_seconds=0.2, poll_after_seconds=0.2)
    town.suno.script("file-large 11", "one-track")  # each takes seconds to encode

    await town.extend()
    (file,) = (await town.result()).attachments

    assert MIB < file.size_bytes <= 10 * MIB


async def test_a_boosted_server_takes_the_same_track_unchanged(tmp_path: Path, source: Path) -> None:
    async with a_town(tmp_path, source) as town:
        town.guild.upgrade(2)
        await town.start()
        town.suno.script("file-large 12")

        await town.extend()
        result = await town.result()

        assert all(file.size_bytes >= 12_000_000 for file in result.attachments)


async def test_a_server_that_takes_less_than_it_says_gets_links_with_an_expiry(tmp_path: Path, source: Path) -> None:
    async with a_town(tmp_path, source, discord=DiscordOptions(upload_limit_bytes=20_000)) as town:
        await town.start()
        tiny = tmp_path / "tiny.mp3"
        tiny.write_bytes(source.read_bytes())
        posted_elsewhere = town.stand_ins.settings.private_hosts

        # The member's own file is also over the limit, so it comes from elsewhere.
        assert posted_elsewhere
        url = await _served_by_the_provider(town, tiny)
        await town.extend(url=url)
        result = await town.result()

        assert result.attachments == ()
        links = [field["value"] for field in result.embeds[0]["fields"] if field["name"].startswith("Track")]
        assert len(links) == 2
        assert all("](http" in link and "<t:" in link for link in links)


async def _served_by_the_provider(town: Town, path: Path) -> str:
    """The provider's upload host serves any file it is given."""
    form = aiohttp.FormData({"uploadPath": "tests", "fileName": path.name})
    form.add_field("file", path.open("rb"), filename=path.name)
    headers = {"Authorization": f"Bearer {town.settings.suno_api_key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{town.suno.upload_url}/api/file-stream-upload", data=form) as answer,
    ):
        return str((await answer.json())["data"]["downloadUrl"])


@pytest.mark.parametrize("trouble", ["deleted", "forbidden"])
async def test_a_deleted_channel_leads_to_a_direct_message(slow_town: Town, trouble: str) -> None:
    town = slow_town
    await town.start()
    await town.extend()
    await town.suno.wait_for_submit()

    if trouble == "deleted":
        town.songs.delete()
    else:
        town.songs.deny("SEND_MESSAGES")
    await town.suno.finish(next(iter(town.suno.tasks)))

    message = await town.mia.dm.wait_for(lambda message: message.attachments)
    assert len(message.attachments) == 2
    assert town.mia in message.pinged
    await town.job_in(JobState.DELIVERED)


async def test_a_kicked_bot_keeps_the_music_until_it_is_collected(slow_town: Town) -> None:
    await slow_town.start()
    await slow_town.extend()
    await slow_town.suno.wait_for_submit()

    slow_town.guild.kick_bot()
    await slow_town.suno.finish(next(iter(slow_town.suno.tasks)))

    await slow_town.job_in(JobState.UNCOLLECTED)
    assert (await slow_town.balance()).spent == 1


async def test_with_nowhere_to_post_the_music_is_paid_for_and_the_member_reads_where_to_find_it(town: Town) -> None:
    await town.start(poll_after_seconds=0.1, poll_every_seconds=0.1)
    town.suno.script("no-callbacks")
    town.mia.close_dms()
    command = await town.extend()
    await town.suno.wait_for_submit()

    town.songs.deny("SEND_MESSAGES")

    await town.job_in(JobState.UNCOLLECTED)
    assert (await town.balance()).spent == 1
    await command.wait_until(lambda message: "`/jobs` has it" in message.content)


@pytest.mark.parametrize(
    "kind",
    [
        TroubleKind.ERROR_BEFORE,
        TroubleKind.ERROR_AFTER,
        TroubleKind.ABORT_BEFORE,
        TroubleKind.ABORT_AFTER,
        TroubleKind.RATE_LIMITED,
        TroubleKind.BANNED,
    ],
)
async def test_whatever_happens_to_the_post_it_is_made_once(slow_town: Town, kind: TroubleKind) -> None:
    town = slow_town
    await town.start()
    await town.extend()
    await town.suno.wait_for_submit()
    await town.songs.wait_for(lambda message: "Composing" in message.content)
    town.discord.troubles.add(*POST, kind, 2)

    await town.suno.finish(next(iter(town.suno.tasks)))
    await town.job_in(JobState.DELIVERED)

    assert len(ends(town.songs)) == 1
    assert len(town.mia.pings) == 1
    assert (await town.balance()).spent == 1


async def test_an_interaction_delivered_twice_makes_one_job(town: Town) -> None:
    await town.start()
    town.discord.gateway.deliver_twice()

    await town.extend()
    await town.result()
    await town.job_in(JobState.DELIVERED)

    assert town.suno.submits == 1
    assert len(await town.app.storage.reading.jobs.of_member(town.mia.id, limit=10)) == 1


@pytest.mark.parametrize("kind", [TroubleKind.ERROR_BEFORE, TroubleKind.ERROR_AFTER])
async def test_an_acknowledgement_that_had_to_be_repeated_still_makes_one_job(town: Town, kind: TroubleKind) -> None:
    await town.start()
    town.discord.troubles.add("POST", "/interactions/*", kind)

    await town.extend()
    await town.result()

    assert town.suno.submits == 1


async def test_a_command_acknowledged_too_late_starts_nothing(town: Town) -> None:
    await town.start()
    held = town.discord.troubles.add("POST", "/interactions/*", TroubleKind.HOLD_BEFORE)
    await town.extend()
    await held.reached()

    town.discord.advance(PATIENCE_SECONDS + 1)
    held.release()
    await town.discord.wait_for_request(lambda request: request.code == 10062)
    quota = await (await town.mia.command(town.songs, "quota")).response()

    assert "10 of 10 extensions left" in quota.content
    assert town.suno.submits == 0


async def test_a_gateway_that_reconnects_and_replays_starts_no_second_job(town: Town) -> None:
    await town.start()
    invocation = await town.extend()
    await invocation.response()

    town.discord.gateway.reconnect(replay=5)
    await town.discord.gateway.wait_resumed()
    await town.result()
    await town.job_in(JobState.DELIVERED)

    assert town.suno.submits == 1
    assert len(ends(town.songs)) == 1


@pytest.mark.parametrize("private", [True, False])
async def test_a_token_that_expires_early_does_not_stop_the_result(tmp_path: Path, source: Path, private: bool) -> None:
    """Discord sometimes forgets it before its 15 minutes are over (docs/discord.md 2.2)."""
    short = DiscordOptions(interaction_seconds=60)
    async with a_town(tmp_path, source, replace(QUICK, manual=True), short) as town:
        await town.start()
        await town.extend(private=private)
        await town.suno.wait_for_submit()
        await town.job_in(JobState.RUNNING)

        town.discord.advance(61)
        await town.suno.finish(next(iter(town.suno.tasks)))
        where = town.mia.dm if private else town.songs
        result = await where.wait_for(lambda message: message.attachments)
        await town.job_in(JobState.DELIVERED)

        assert len(result.attachments) == 2
        assert len(ends(town.songs)) + len(ends(town.mia.dm)) == 1


async def test_a_gateway_that_stays_away_leads_to_a_new_session(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    """discord.py alone would try to resume the old one for ever (docs/discord.md 6)."""
    await town.start(deaf_seconds=0.4)
    town.discord.gateway.refuse_connections(1_000_000)
    town.discord.gateway.drop()
    await until_the_session_is_given_up(caplog)
    town.discord.gateway.refuse_connections(0)

    await town.discord.gateway.wait_identified(2)
    await town.extend()
    await town.result()

    assert town.discord.gateway.resumed == 0


async def until_the_session_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    async def given_up() -> bool:
        return "beginning a new session" in caplog.text

    await eventually(given_up)


async def test_a_deleted_progress_message_does_not_stop_the_result(slow_town: Town) -> None:
    town = slow_town
    await town.start()
    await town.extend()
    progress = await town.songs.wait_for(lambda message: "Composing" in message.content)
    moderator = town.discord.member("Max", guild=town.guild, permissions=["MANAGE_MESSAGES"])
    moderator.delete_post(progress)

    await town.suno.finish(next(iter(town.suno.tasks)))

    assert len((await town.result()).attachments) == 2


async def test_progress_continues_after_discord_was_away(town: Town) -> None:
    await town.start()
    town.discord.troubles.add("PATCH", "/channels/*", TroubleKind.ERROR_BEFORE, 2, status=503)

    await town.extend()
    await town.result()

    async def done() -> bool:
        return "here it is" in town.progress().content

    await eventually(done)


async def test_two_members_uploading_at_once_get_their_own_music(town: Town) -> None:
    await town.start()
    ben = town.discord.member("Ben", guild=town.guild)

    await town.extend(style="folk", title="Mia's", prompt="la")
    await ben.command(town.songs, "extend", audio=Upload(town.source), style="folk", title="Ben's", prompt="lo")
    first, second = await town.result(1), await town.result(2)

    by_title = {message.embeds[0]["title"]: message for message in (first, second)}
    assert by_title["Mia's"].pinged == [town.mia]
    assert by_title["Ben's"].pinged == [ben]


async def test_the_files_of_a_delivery_leave_nothing_behind(town: Town) -> None:
    app = await town.start()

    await town.extend()
    result = await town.result()
    await town.job_in(JobState.DELIVERED)

    folder = app.ground.folder
    assert list(folder.iterdir()) == []
    assert len(result.attachments) == 2  # there were files


async def test_an_uncollected_result_is_posted_as_soon_as_the_channel_reopens(town: Town) -> None:
    await town.start(poll_after_seconds=0.1, poll_every_seconds=0.1)
    town.suno.script("no-callbacks")
    town.mia.close_dms()
    await town.extend()
    await town.suno.wait_for_submit()
    town.songs.deny("SEND_MESSAGES")
    await town.job_in(JobState.UNCOLLECTED)

    town.songs.allow("SEND_MESSAGES")

    assert len((await town.result()).attachments) == 2
    await town.job_in(JobState.DELIVERED)
    assert (await town.balance()).left == 9


async def uncollected(town: Town) -> None:
    """Mia's job, which can be posted neither in #songs nor by direct message."""
    await town.start(poll_after_seconds=0.1, poll_every_seconds=0.1)
    town.suno.script("no-callbacks")
    town.mia.close_dms()
    await town.extend()
    await town.suno.wait_for_submit()
    town.songs.deny("SEND_MESSAGES", who="everyone")
    await town.job_in(JobState.UNCOLLECTED)


async def test_an_uncollected_result_is_posted_as_soon_as_the_bot_has_a_role_that_may_post(town: Town) -> None:
    await uncollected(town)
    posters = town.guild.role("posters", "ADMINISTRATOR")

    town.guild.give(town.discord.world.bot, posters)

    assert len((await town.result()).attachments) == 2


@pytest.mark.parametrize("is_command", [True, False])
async def test_an_uncollected_result_is_sent_as_soon_as_its_member_is_heard_of_and_can_be_reached(
    town: Town, is_command: bool
) -> None:
    await uncollected(town)
    town.mia.open_dms()

    if is_command:
        await town.mia.command(town.mia.dm, "quota")
    else:
        town.mia.post(town.mia.dm, f"{town.discord.world.bot.mention} hello?")

    await town.mia.dm.wait_for(lambda message: message.attachments)
    await town.job_in(JobState.DELIVERED)


async def test_ways_that_are_known_to_be_closed_are_noticed_without_downloading_anything(town: Town) -> None:
    await town.start(poll_after_seconds=0.1, poll_every_seconds=0.1)
    town.suno.script("no-callbacks")
    town.mia.close_dms()
    await town.extend()
    await town.suno.wait_for_submit()
    town.songs.deny("SEND_MESSAGES")
    job = await town.job_in(JobState.UNCOLLECTED)
    messenger = town.app.ground.messenger
    channel, direct = messenger.routes(job)

    for route in (channel, direct):
        with pytest.raises(RouteClosed):
            route.check_open(job)

    messenger.expect_direct(town.mia.id)
    direct.check_open(job)
    town.songs.allow("SEND_MESSAGES")
    await town.job_in(JobState.DELIVERED)
    channel.check_open(job)
