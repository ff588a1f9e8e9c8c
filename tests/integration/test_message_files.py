"""A new link to a file whose link has expired, through the message that it is in."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import discord
import pytest
from msgspec.structs import replace

from bot.chat.form.audio_files import audio_in
from bot.chat.message_files import MessageFiles
from bot.domain.source import InMessage, SourceKind
from bot.domain.text import text
from bot.errors import SourceGone
from bot.sandbox.discord import DiscordOptions, FakeDiscord, Message, Upload
from tests.support.discord_api import a_bot, connected
from tests.support.pipeline import PIECE, Pipeline, a_pipeline

AUDIO = Upload("song.mp3", b"song")


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


def where(message: Message, attachment_id: int = 0) -> InMessage:
    return InMessage(channel_id=message.channel.id, message_id=message.id, attachment_id=attachment_id)


async def test_a_file_is_found_again_by_its_id_or_else_by_its_name() -> None:
    async with FakeDiscord(DiscordOptions(privileged_intents=True)) as fake, connected(fake, bot := a_bot()):
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        post = mia.post(songs, "", AUDIO, Upload("other.mp3", b"other"))
        forwarded = mia.forward(post, songs)
        first, other = post.attachments
        files = MessageFiles(bot)

        assert await files.fresh_link(where(post, other.id), "song.mp3") == other.url
        assert await files.fresh_link(where(post, 5), "song.mp3") == first.url
        assert await files.fresh_link(where(forwarded, other.id), "") == other.url
        assert await files.fresh_link(where(post, 5), "gone.mp3") is None


async def test_files_of_others_are_shown_only_where_discord_shows_them() -> None:
    async with FakeDiscord() as fake, connected(fake, bot := a_bot()):
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        hidden = mia.post(songs, "", AUDIO)
        shown = mia.post(songs, f"for {fake.world.bot.mention}", AUDIO)
        files = MessageFiles(bot)

        assert await files.fresh_link(where(hidden), "song.mp3") is None
        assert await files.fresh_link(where(shown), "song.mp3") == shown.attachments[0].url


async def test_there_is_no_link_to_what_is_gone_or_closed() -> None:
    async with FakeDiscord() as fake, connected(fake, bot := a_bot()):
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        post = mia.post(songs, f"for {fake.world.bot.mention}", AUDIO)
        files = MessageFiles(bot)
        songs.deny("READ_MESSAGE_HISTORY")
        assert await files.fresh_link(where(post), "song.mp3") is None
        songs.allow("READ_MESSAGE_HISTORY")
        mia.delete_post(post)

        assert await files.fresh_link(where(post), "song.mp3") is None


async def test_what_may_be_audio_goes_by_type_or_by_name() -> None:
    async with FakeDiscord(DiscordOptions(privileged_intents=True)) as fake, connected(fake, bot := a_bot()):
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        named = ("a.mp3", "b.FLAC", "c.png", "d.txt", "e.mp4")
        uploads = [Upload(name, b"x", content_type="application/octet-stream") for name in named]
        post = mia.post(songs, "", *uploads, Upload("f", b"x", content_type="audio/ogg"))
        message: discord.Message = await bot.get_partial_messageable(songs.id).fetch_message(post.id)

        assert [source.name for source in audio_in(message)] == ["a.mp3", "b.FLAC", "e.mp4", "f"]


async def test_a_result_offers_its_takes_and_not_the_seconds_around_their_joins() -> None:
    async with FakeDiscord(DiscordOptions(privileged_intents=True)) as fake, connected(fake, bot := a_bot()):
        songs, mia = fake.guild().channel("songs"), fake.member("Mia")
        names = ("tide-1.mp3", "tide-2.mp3", "tide-join-1.mp3", "tide-join-2.mp3")
        channel = bot.get_partial_messageable(songs.id)
        result = await channel.send(files=[discord.File(io.BytesIO(b"x"), name) for name in names])
        post = mia.post(songs, "", *(Upload(name, b"x") for name in names))

        assert [source.name for source in audio_in(result)] == ["tide-1.mp3", "tide-2.mp3"]
        assert [source.name for source in audio_in(await channel.fetch_message(post.id))] == list(names)


@pytest.mark.parametrize("is_there", [True, False])
async def test_an_expired_link_is_replaced_through_its_message(pipeline: Pipeline, is_there: bool) -> None:
    old, new = "https://files.invalid/old.mp3", "https://files.invalid/new.mp3"
    message = InMessage(channel_id=12, message_id=13, attachment_id=14)
    pipeline.fetcher.errors[old] = SourceGone("404", text("There is no file."))
    if is_there:
        pipeline.files.links[13] = new

    pipeline.piece = replace(PIECE, kind=SourceKind.ATTACHMENT, locator=old, message=message)
    await pipeline.waiting_command()
    await pipeline.acceptance.step()

    assert pipeline.fetcher.fetched == ([old, new] if is_there else [old])
    assert (await pipeline.latest_job() is not None) is is_there
    if not is_there:  # not a word about a link: its member gave none
        assert "I can't get this file any more." in str(pipeline.messenger.answers[-1])
