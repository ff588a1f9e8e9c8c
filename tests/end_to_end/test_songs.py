"""`/song`: a family as its members and others see it, page by page, also after a restart."""

import asyncio

import pytest
from msgspec.structs import replace

from bot.domain.jobs import Job, JobState, Parent
from bot.sandbox.discord import Channel, Member, Message, Upload
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.end_to_end.town import Town, ended, eventually
from tests.support.storage_samples import a_job, a_track, after

pytestmark = pytest.mark.either_way


def noa(town: Town) -> Member:
    return town.discord.member("Noa", guild=town.guild)


async def a_song(town: Town, title: str, channel: Channel | None = None, *, private: bool = False) -> Job:
    """Mia's delivered job."""
    channel = channel or town.songs
    options = {"style": "folk", "title": title, "prompt": "la", "private": private}
    answer = await town.mia.command(channel, "extend", audio=Upload(town.source), **options)
    if private:
        await answer.wait_until(lambda message: message.attachments)
    else:
        await ended(channel)
    return await town.job_in(JobState.DELIVERED)


async def family(town: Town, member: Member, song: str) -> Message:
    return await (await member.command(town.songs, "song", song=song)).response()


async def suggested(town: Town, member: Member, typed: str = "", *, channel: Channel | None = None) -> list[str]:
    """The titles of the suggested songs."""
    choices = await member.autocomplete(channel or town.songs, "song", focused="song", value=typed)
    return [choice.name.split(" · ")[0] for choice in choices]


def labels(message: Message) -> list[str]:
    return [part["label"] for row in message.components for part in row["components"]]


async def shows(message: Message, words: str) -> None:
    async def look() -> bool:
        return words in message.content

    await eventually(look)


async def test_a_song_shows_who_made_which_take_from_which_moment(town: Town) -> None:
    await town.start()
    first, other = await a_song(town, "Boats"), noa(town)
    result = await town.result()
    await (await town.mia.click(result, "Take 2 · 0")).response()
    form = await (await other.click(result, "Extend 2")).opened_modal()
    await other.submit_modal(form, {})
    second = await town.result(2)
    await town.songs.wait_for(lambda message: "here it is" in message.content and str(second.id) in message.content)

    choices = await other.autocomplete(town.songs, "song", focused="song", value="boa")
    shown = await family(town, other, str(choices[0].value))

    assert choices[0].value == first.id
    assert shown.is_ephemeral
    heading, root, child = shown.content.splitlines()
    assert heading == "**Boats** · 2 results · 2 people"
    assert root.startswith(f"- **#1** · {town.mia.mention} · continues ")
    assert "1 vote, preferred" in root
    assert f"  - **#2** · {other.mention} · continues take 2 of #1 from 0:" in child
    assert f"[open](https://discord.com/channels/{town.guild.id}/{town.songs.id}/{second.id})" in child
    assert shown.pinged == []
    (picture,) = shown.attachments
    assert (picture.filename, picture.content_type) == ("family.png", "image/png")
    assert picture.description is not None
    assert "#2: continues take 2 of #1 from " in picture.description
    assert "1 vote, preferred" in picture.description


async def test_a_track_that_was_continued_by_name_belongs_to_the_family_too(town: Town) -> None:
    await town.start()
    first = await a_song(town, "Boats")
    await town.extend(track="Boats take 2")
    await town.result(2)
    await town.songs.wait_for(lambda message: "here it is" in message.content and message is not town.progress())

    shown = await family(town, town.mia, first.id)

    assert "continues take 2 of #1 from " in shown.content
    assert shown.content.startswith("**Boats** · 2 results · 1 person")


async def test_a_title_is_enough_and_a_song_that_nobody_made_gets_a_sentence(town: Town) -> None:
    await town.start()
    await a_song(town, "Boats")

    alone = await family(town, town.mia, "boats")
    assert alone.content.startswith("**Boats** · 1 result · 1 person")
    assert not alone.attachments
    assert "I can't find a song called “Ships” here." in (await family(town, town.mia, "Ships")).content


async def test_others_neither_see_private_songs_nor_those_in_channels_closed_to_them(town: Town) -> None:
    await town.start()
    staff, other = town.guild.channel("staff"), noa(town)
    staff.deny("VIEW_CHANNEL", who="everyone")
    staff.allow("VIEW_CHANNEL")
    staff.allow("VIEW_CHANNEL", who=town.mia)
    public = await a_song(town, "Open Sea")
    secret = await a_song(town, "Secret Cove", staff)
    private = await a_song(town, "Hidden Bay", private=True)

    assert await suggested(town, other) == ["Open Sea"]
    assert await suggested(town, other, channel=town.guild.channel("lounge")) == ["Open Sea"]
    assert set(await suggested(town, town.mia)) == {"Open Sea", "Secret Cove", "Hidden Bay"}
    for job, title in ((secret, "Secret Cove"), (private, "Hidden Bay")):
        assert "I can't find a song" in (await family(town, other, title)).content
        assert "I can't find a song" in (await family(town, other, job.id)).content
    assert "**Open Sea**" in (await family(town, other, public.id)).content


async def test_a_big_family_is_turned_page_by_page_also_after_a_restart(town: Town) -> None:
    await town.start()
    first = await a_song(town, "Boats")
    track = a_track(1, title="Boats")
    async with town.app.storage.transaction() as work:
        for number in range(30):
            job = a_job(
                member_id=town.mia.id,
                accepted_at=after(10**6 + number),
                parent=Parent(job_id=first.id, song_id=first.id, track_id=first.tracks[0].id),
            )
            done = {"state": JobState.DELIVERED, "tracks": (track,), "due_at": None}
            await work.jobs.insert(replace(job, **done, request=first.request, ended_at=after(10**6 + number)))
    shown = await family(town, town.mia, "Boats")
    assert labels(shown) == ["Next page"]
    await town.stop()
    await town.start()

    await town.mia.click(shown, "Next page")

    await asyncio.wait_for(shows(shown, "Page 2 of "), PATIENCE_SECONDS)
    assert labels(shown) == ["Previous page", "Next page"]
    assert "**#1**" not in shown.content


async def test_a_song_whose_channel_was_closed_to_a_member_gets_a_sentence_instead_of_its_next_page(town: Town) -> None:
    await town.start()
    first, other = await a_song(town, "Boats"), noa(town)
    async with town.app.storage.transaction() as work:
        for number in range(12):
            parent = Parent(job_id=first.id, song_id=first.id)
            job = a_job(member_id=town.mia.id, accepted_at=after(10**6 + number), parent=parent)
            place = replace(first.place, interaction_id=job.place.interaction_id)
            await work.jobs.insert(
                replace(job, place=place, due_at=None, state=JobState.DELIVERED, request=first.request)
            )
    shown = await family(town, other, "Boats")
    assert "made again from #1" in shown.content
    town.songs.deny("READ_MESSAGE_HISTORY", who=other)

    lounge = town.guild.channel("lounge")
    elsewhere = await (await other.command(lounge, "song", song=first.id)).response()
    await other.click(shown, "Next page")

    assert "I can't find a song" in elsewhere.content
    await asyncio.wait_for(shows(shown, "I no longer have this song, or it isn't shared with you."), PATIENCE_SECONDS)
