"""A song's family in words."""

from msgspec.structs import replace

from bot.chat.song.tree import LINES_MAX, pages_of, picture_described
from bot.domain.jobs import Job, JobState, Parent, Track
from bot.domain.songs import Reader, tree_of
from bot.domain.votes import Vote
from bot.services.songs.families import Family, Viewer
from bot.text import Catalogue
from tests.support.storage_samples import NOW, a_job, a_track, after

SAY = Catalogue.load().for_reader("en-GB")


async def sees_all(channels: object) -> frozenset[int]:
    raise AssertionError(channels)  # pages are pure


def viewer(member_id: int = 1, guild_id: int | None = 200) -> Viewer:
    return Viewer(member_id=member_id, guild_id=guild_id, sees=sees_all)


def done(job: Job, **changes: object) -> Job:
    job = replace(job, final_message_id=7, final_channel_id=300, final_guild_id=200)
    return replace(job, state=JobState.DELIVERED, tracks=(a_track(1), a_track(2)), **changes)


def family(*jobs: Job, votes: tuple[Vote, ...] = (), by: int = 1) -> Family:
    reader = Reader(member_id=by, guild_id=200, channels=frozenset({300}))
    return Family(song_id=jobs[0].song_id, nodes=tree_of(jobs, reader, votes))


def child(job: Job, *, seconds: float = 1, member_id: int = 1) -> Job:
    parent = Parent(job_id=job.id, song_id=job.song_id, track_id=job.tracks[0].id)
    return done(a_job(accepted_at=after(seconds), parent=parent, member_id=member_id), sent_continue_at=65)


def test_a_family_says_who_made_what_from_which_moment_and_where_it_is() -> None:
    first = done(a_job(), sent_continue_at=30)
    votes = tuple(Vote(message_id=7, member_id=each, job_id=first.id, take=2, at=NOW) for each in (1, 2))

    (shown,) = pages_of(family(first, child(first, member_id=2), votes=votes), viewer(), SAY)

    assert shown.content.splitlines() == [
        "**Tide** · 2 results · 2 people",
        (
            "- **#1** · <@1> · continues tide from 0:30 · take 1 (3:18), take 2 (3:18, 2 votes, preferred)"
            " · [open](https://discord.com/channels/200/300/7)"
        ),
        (
            "  - **#2** · <@2> · continues take 1 of #1 from 1:05 · take 1 (3:18), take 2 (3:18)"
            " · [open](https://discord.com/channels/200/300/7)"
        ),
    ]


def test_a_job_under_way_says_how_far_it_is() -> None:
    job = replace(done(a_job()), state=JobState.RUNNING, tracks=(), final_message_id=None)

    (shown,) = pages_of(family(job), viewer(), SAY)

    assert shown.content.endswith("· composing")


def test_the_moment_is_that_of_the_source_also_if_only_its_end_was_sent() -> None:
    job = done(a_job(), sent_continue_at=30)
    job = replace(job, request=replace(job.request, source_began_at=60.0))

    (shown,) = pages_of(family(job), viewer(), SAY)

    assert "continues tide from 1:30" in shown.content


def test_others_get_no_link_into_a_direct_conversation() -> None:
    job = replace(done(a_job()), final_guild_id=None)

    assert "[open]" in pages_of(family(job), viewer(), SAY)[0].content
    assert "[open]" not in pages_of(family(job, by=2), viewer(2), SAY)[0].content


def test_a_big_family_is_paged_and_every_page_fits_a_message() -> None:
    jobs = [done(a_job())]
    awful = Track(id="x", audio_url="https://a.invalid/1", title="*_`@everyone " * 40, length_seconds=198)
    for number in range(60):
        jobs.append(replace(child(jobs[-1], seconds=number), tracks=(awful,) * 5))

    pages = [page.content for page in pages_of(family(*jobs), viewer(), SAY)]

    assert len(pages) >= len(jobs) / LINES_MAX
    assert max(map(len, pages)) <= 2000
    numbers = [line.split("**")[1] for page in pages for line in page.splitlines()[1:]]
    assert numbers == [f"#{number}" for number in range(1, len(jobs) + 1)]
    assert pages[1].splitlines()[0].endswith(f"Page 2 of {len(pages)}")


def test_words_from_outside_have_no_effect() -> None:
    job = done(a_job(), source_name="[x](https://evil.invalid) @everyone.mp3")
    job = replace(job, request=replace(job.request, title="**bold** <@5>"))

    (shown,) = pages_of(family(job), viewer(), SAY)

    assert "<@5>" not in shown.content
    assert "](https://evil" not in shown.content
    assert "@everyone" not in shown.content


def test_the_picture_is_described_in_sentences_with_times_in_words() -> None:
    first = done(a_job(), sent_continue_at=30)
    votes = (Vote(message_id=7, member_id=1, job_id=first.id, take=2, at=NOW),)

    (page,) = pages_of(family(first, child(first), votes=votes), viewer(), SAY)

    assert picture_described(page, SAY) == (
        "A song's family as a tree. #1: continues tide from 30 seconds; take 1 (3 minutes 18 seconds),"
        " take 2 (3 minutes 18 seconds, 1 vote, preferred). #2: continues take 1 of #1 from 1 minute 5 seconds;"
        " take 1 (3 minutes 18 seconds), take 2 (3 minutes 18 seconds)."
    )


def test_the_description_of_a_picture_fits_whatever_the_names_are() -> None:
    jobs = [done(a_job(), source_name="*_" * 100)]
    for number in range(9):
        jobs.append(replace(child(jobs[-1], seconds=number), tracks=(a_track(1),) * 5))

    (page, *_) = pages_of(family(*jobs), viewer(), SAY)

    assert 500 < len(picture_described(page, SAY)) <= 1024
    assert "\\" not in picture_described(page, SAY)
