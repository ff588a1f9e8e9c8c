"""Encore itself in a browser, in the sandbox as `encore sandbox` runs it."""

import re

import pytest
from playwright.async_api import Locator, expect

from bot.sandbox.discord import Upload
from bot.sandbox.playground import Playground
from tests.browser.conftest import NEW_SECONDS, OpenWindow
from tests.browser.window import Window

CONTINUED_FROM = 23
"""Seconds into Paper Boats: one before its end, unless the member says otherwise."""
PLAYS = """async (audio) => {
    audio.muted = true;
    await audio.play();
    await new Promise((resolve) => { audio.ontimeupdate = () => audio.currentTime > 0 && resolve(); });
    audio.currentTime = 20;
    await new Promise((resolve) => { audio.onseeked = resolve; });
    await new Promise((resolve) => { audio.ontimeupdate = () => audio.currentTime > 20 && resolve(); });
    return { at: audio.currentTime, seconds: audio.duration };
}"""


async def result_of(window: Window) -> Locator:
    """The message with the music."""
    result = window.messages.filter(has=window.page.locator("audio")).last
    await expect(result).to_be_visible()
    return result


async def test_a_command_with_a_file_ends_in_music_that_plays_and_seeks(ground: Playground, window: OpenWindow) -> None:
    mia = await window()
    await mia.extend()
    await mia.see("Got it.")

    result = await result_of(mia)
    await expect(result).to_contain_text("@Mia Your 2 tracks are ready.")
    await expect(result.locator("audio")).to_have_count(4)  # and how each joins the original
    played = await result.locator("audio").first.evaluate(PLAYS)
    assert played["at"] > 20
    assert played["seconds"] == pytest.approx(CONTINUED_FROM + NEW_SECONDS, abs=0.5)
    assert ground.scene.suno.submits == 1


async def test_a_waiting_job_is_cancelled_from_its_acceptance(ground: Playground, window: OpenWindow) -> None:
    ground.scene.suno.credits = 0
    mia = await window()
    await mia.extend()
    receipt = await mia.see("This uses one extension, which leaves you")
    await mia.see("run out of credits")

    await receipt.get_by_role("button", name="Cancel").click()

    await mia.see("This didn't use up an extension.")
    await expect(mia.messages.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)
    assert ground.scene.suno.tasks == {}


async def test_a_command_waits_for_its_file(window: OpenWindow, ground: Playground) -> None:
    mia = await window()
    await mia.begin("extend")
    await mia.add("audio")
    await mia.button("audio: choose a file").click()
    await mia.page.get_by_role("group", name="Files for audio").get_by_role("button", name="night-train.m4a").click()
    await mia.send()

    await mia.see("Got it.")
    await ground.scene.suno.wait_for_submit()


async def test_a_file_of_ones_own_can_be_picked(window: OpenWindow, ground: Playground) -> None:
    mia = await window()
    song = await ground.scene.samples.get("ferry.flac")
    await mia.begin("extend")
    await mia.add("audio")
    await mia.page.get_by_label("audio", exact=True).set_input_files(
        {"name": "my song.flac", "mimeType": "audio/flac", "buffer": song.data}
    )
    await expect(mia.button("audio: my song.flac")).to_be_visible()
    await mia.send()

    await mia.see("my song")
    await result_of(mia)


async def test_the_models_are_suggested_while_typing(window: OpenWindow) -> None:
    jonas = await window("jonas")
    await jonas.box.fill("/ext")
    await expect(jonas.commands.get_by_role("option")).to_have_count(1)
    await jonas.commands.get_by_role("option").click()
    await jonas.fill("model", "5")

    options = jonas.page.get_by_role("listbox", name="model").get_by_role("option")
    await expect(options.first).to_contain_text("V5")
    await options.first.click()
    await expect(jonas.page.get_by_label("model", exact=True)).to_have_value(re.compile("^V5"))


async def test_a_song_is_found_again_with_its_family(window: OpenWindow) -> None:
    mia, jonas = await window("mia"), await window("jonas")
    await mia.extend()
    await result_of(mia)
    await mia.see("here it is")

    await jonas.begin("song")
    await jonas.fill("song", "paper")
    await jonas.page.get_by_role("listbox", name="song").get_by_role("option").first.click()
    await jonas.send()
    family = await jonas.see("1 result · 1 person")
    await expect(family).to_contain_text("@Mia · continues paper-boats from 0:23 · take 1")

    await mia.begin("library")
    await mia.send()
    library = await mia.see("Your results")
    await library.get_by_role("combobox", name="Choose a result…").select_option(index=1)
    shown = await mia.see("There's a copy in")
    await shown.get_by_role("button", name="Back").click()
    await expect(await mia.see("Your results")).to_contain_text("paper-boats · V5 · 2 takes")


async def test_a_preset_is_saved_and_used(window: OpenWindow, ground: Playground) -> None:
    mia = await window()
    await mia.begin("preset save")
    await mia.fill("name", "Late Night")
    await mia.fill("exclude", "drums")
    await mia.send()
    await mia.see("Saved Late Night: without “drums”.")

    await mia.begin("extend")
    await mia.take_sample("paper-boats.mp3")
    await mia.fill("preset", "late")
    await mia.page.get_by_role("listbox", name="preset").get_by_role("option").first.click()
    await mia.send()
    await mia.see("Got it.")
    await ground.scene.suno.wait_for_submit()

    sent = next(request.json for request in ground.scene.suno.requests if request.path.endswith("/upload-extend"))
    assert sent is not None
    assert sent["negativeTags"] == "drums"


async def test_a_refusal_is_seen_by_its_member_alone(window: OpenWindow, ground: Playground) -> None:
    mia, jonas = await window("mia"), await window("jonas")
    await mia.extend("shopping-list.mp3")

    refusal = await mia.see("didn't use up")
    await expect(refusal).to_contain_text("Only you can see this")
    await expect(jonas.page.get_by_text("didn't use up")).to_have_count(0)
    assert ground.scene.suno.submits == 0


async def test_a_missing_permission_is_named(window: OpenWindow) -> None:
    mia = await window()
    await mia.enter("notice-board")
    await mia.extend()

    refusal = await mia.see("Attach Files")
    await expect(refusal).to_contain_text("Only you can see this")
    await refusal.get_by_role("button", name="/why").click()
    await expect(mia.page.get_by_role("group", name="/why")).to_be_visible()
    await mia.box.press("Enter")
    await mia.see("Not right now.")


async def test_a_private_result_is_seen_by_its_member_alone(window: OpenWindow) -> None:
    mia, jonas = await window("mia"), await window("jonas")
    await mia.begin("extend")
    await mia.take_sample("paper-boats.mp3")
    await mia.fill("private", "True")
    await mia.page.get_by_role("listbox", name="private").get_by_role("option").first.click()
    await mia.send()

    await result_of(mia)
    await expect(jonas.page.locator("audio")).to_have_count(0)


async def test_in_a_thread_a_forum_post_and_a_voice_chat(window: OpenWindow) -> None:
    mia = await window()
    for place in ("takes for Friday", "How should the bridge go?", "rehearsal-room"):
        await mia.enter(place)
        await mia.extend("harbour.wav")
        await result_of(mia)

    await mia.page.get_by_role("button", name="workshop").click()
    await expect(mia.page.get_by_text("This is a forum")).to_be_visible()


async def test_in_direct_messages_only_their_commands_are_offered(window: OpenWindow) -> None:
    mia = await window()
    await mia.enter("Encore")
    await mia.box.fill("/")
    await expect(mia.commands.get_by_role("option", name="/jobs")).to_be_visible()
    await expect(mia.commands.get_by_role("option", name=re.compile(r"^.extend\b"))).to_have_count(0)
    await mia.begin("jobs")
    await mia.send()

    await mia.see("Only you can see this")


async def test_the_operator_gets_a_direct_message_when_the_key_is_refused(window: OpenWindow) -> None:
    mia, sam = await window("mia"), await window("sam")
    await mia.pull("Refuse the key")
    await mia.extend("harbour.wav")

    badge = sam.page.get_by_role("navigation").get_by_role("button", name="Encore").get_by_text("1 mention")
    await expect(badge).to_be_visible()
    await sam.enter("Encore")
    await sam.see("SUNO_API_KEY")


async def test_a_mention_elsewhere_shows_as_a_badge(window: OpenWindow) -> None:
    mia = await window()
    await mia.extend("harbour.wav")
    await mia.see("Got it.")
    await mia.enter("chatter")

    badge = mia.page.get_by_role("navigation").get_by_role("button", name="songs").get_by_text("1 mention")
    await expect(badge).to_be_visible()
    await expect(mia.page).to_have_title("(1) #chatter · Encore sandbox")
    await mia.enter("songs")
    await expect(badge).to_have_count(0)


async def test_a_bot_that_is_killed_midway_carries_on(window: OpenWindow, ground: Playground) -> None:
    ground.scene.suno.time_scale = 0.05
    mia = await window()
    await mia.extend()
    await mia.see("Composing")
    await mia.pull("Kill")
    await expect(mia.page.get_by_text("stopped", exact=True)).to_be_visible()

    await mia.begin("jobs")
    await mia.send()
    await expect(mia.page.get_by_text("The application did not respond")).to_be_visible()
    await mia.pull("Start")

    await result_of(mia)
    jobs = await mia.see_behind("Jobs")
    await expect(jobs.get_by_text("delivered").first).to_be_visible()
    assert ground.scene.suno.submits == 1


async def test_people_vote_below_a_result_and_have_it_made_again(window: OpenWindow, ground: Playground) -> None:
    mia, jonas = await window("mia"), await window("jonas")
    await mia.extend()
    result = await result_of(mia)
    theirs = await result_of(jonas)

    await result.get_by_role("button", name="Take 2 · 0").click()
    await mia.see("You voted for take 2.")
    await theirs.get_by_role("button", name="Take 2 · 1").click()
    await expect(result.get_by_role("button", name="Take 2 · 2")).to_be_visible()

    await theirs.get_by_role("button", name="Again").click()
    undone = await jonas.see("seconds to undo")
    await undone.get_by_role("button", name="Undo").click()
    await jonas.see("Undone.")
    await theirs.get_by_role("button", name="Extend 1").click()
    await expect(jonas.page.get_by_role("dialog")).to_be_visible()
    assert ground.scene.suno.submits == 1


async def test_a_form_is_refused_fixed_and_ends_in_music(window: OpenWindow, ground: Playground) -> None:
    mia = await window()
    await mia.begin("extend")
    await mia.take_sample("paper-boats.mp3")
    await mia.fill("form", "True")
    await mia.page.get_by_role("listbox", name="form").get_by_role("option").first.click()
    await mia.send()
    form = mia.page.get_by_role("dialog", name="Extend paper-boats.mp3")
    await form.get_by_label("Where to continue").fill("at the drop")
    await form.get_by_label("Style").fill("folk")
    await form.get_by_label("Lyrics or idea").fill("la la")
    await form.get_by_role("radio", name="Female").check()
    await form.get_by_role("button", name="Submit").click()

    refusal = await mia.see("I can't read “at the drop” as a time")
    await refusal.get_by_role("button", name="Fix").click()
    await expect(form.get_by_label("Where to continue")).to_have_value("at the drop")
    await expect(form.get_by_text("give a title too: what should it be called?")).to_be_visible()
    await expect(form.get_by_role("radio", name="Female")).to_be_checked()
    await form.get_by_label("Where to continue").fill("0:20")
    await form.get_by_label("Title").fill("Tide")
    await form.get_by_role("button", name="Submit").click()

    await expect(await result_of(mia)).to_contain_text("Tide")
    assert ground.scene.suno.submits == 1


async def test_lyrics_are_written_picked_and_sung(window: OpenWindow, ground: Playground) -> None:
    mia = await window()
    await mia.begin("lyrics")
    await mia.fill("idea", "a ferry at night")
    await mia.send()
    offer = await mia.see("cost this bot 0.4 credits")
    assert not ground.scene.suno.lyrics.tasks
    await offer.get_by_role("button", name="Write lyrics").click()
    lyrics = await mia.see("In version number 2")
    await lyrics.get_by_role("button", name="Use lyrics 2").click()

    form = mia.page.get_by_role("dialog", name="Extend")
    await expect(form.get_by_label("Title")).to_have_value("A Ferry At")
    await form.get_by_label("Lyrics or idea").fill("[Verse]\nMine now")
    await form.get_by_label("Style").fill("folk")
    song = await ground.scene.samples.get("ferry.flac")
    await form.get_by_label("Audio").set_input_files(
        {"name": "ferry.flac", "mimeType": "audio/flac", "buffer": song.data}
    )
    assert ground.scene.suno.submits == 0
    await form.get_by_role("button", name="Submit").click()

    await expect(await result_of(mia)).to_contain_text("Mine now")


async def test_the_audio_in_somebodys_message_is_extended_also_where_it_was_forwarded(
    window: OpenWindow, ground: Playground
) -> None:
    jonas = next(each.member for each in ground.scene.identities if each.member.name == "Jonas")
    songs = next(each for each in ground.scene.discord.world.channels.values() if each.name == "songs")
    samples = [await ground.scene.samples.get(name) for name in ("paper-boats.mp3", "harbour.wav")]
    jonas.post(songs, "which one?", *(Upload(each.name, each.data) for each in samples))
    mia = await window()
    await mia.message("which one?").click(button="right")
    await mia.page.get_by_role("menuitem", name="Forward…").click()
    await expect(mia.page.get_by_role("menuitem", name="#moderators")).to_have_count(0)
    await mia.page.get_by_role("menuitem", name="#chatter", exact=True).click()
    await mia.enter("chatter")
    forwarded = await mia.see("which one?")
    await expect(forwarded.get_by_role("region", name="Forwarded").locator("audio")).to_have_count(2)
    await forwarded.click(button="right")
    await mia.page.get_by_role("menuitem", name="Extend this audio").click()
    await mia.see("Which one do you want to continue?")
    await mia.page.get_by_role("combobox", name="Choose a file…").select_option("1")

    form = mia.page.get_by_role("dialog", name="Extend harbour.wav")
    await form.get_by_label("Lyrics or idea").fill("softer")
    await form.get_by_role("button", name="Submit").click()

    await mia.see("harbour")
    await result_of(mia)


async def test_a_relay_in_a_thread(window: OpenWindow) -> None:
    mia, jonas = await window("mia"), await window("jonas")
    for each in (mia, jonas):
        await each.enter("takes for Friday")
    await mia.begin("relay start")
    await mia.take_sample("harbour.wav")
    await mia.send()
    await mia.page.get_by_role("dialog").get_by_role("button", name="Submit").click()
    await result_of(mia)

    call = await jonas.see("turn 1, by @Mia, is done")
    await call.get_by_role("button", name="Take the next turn").click()
    await jonas.see("People are still voting.")

    await mia.begin("relay finish")
    await mia.send()
    await jonas.see("Made by @Mia.")


async def test_a_moment_is_picked_by_eye_and_the_join_is_there_to_hear_and_to_see(
    window: OpenWindow, ground: Playground
) -> None:
    mia = await window()
    await mia.begin("extend")
    await mia.take_sample("paper-boats.mp3")
    await mia.fill("continue_at", "pick")
    await mia.page.get_by_role("listbox", name="continue_at").get_by_role("option").first.click()
    await mia.send()
    picture = await mia.see("Where should paper-boats.mp3 continue?")
    await expect(picture.get_by_role("img", name=re.compile("^Waveform of a piece"))).to_be_visible()
    await picture.get_by_role("button", name="The end").click()

    result = await result_of(mia)
    await expect(result.locator("audio")).to_have_count(4)
    await expect(result.get_by_role("img", name=re.compile("The continuation begins"))).to_be_visible()
    await result.get_by_role("button", name="Whole song").click()
    await mia.see("already contains the whole song from its beginning")
    assert ground.scene.suno.submits == 1


async def test_everything_below_more(window: OpenWindow) -> None:
    mia = await window()
    await mia.extend()
    result = await result_of(mia)
    await result.get_by_role("button", name="More…").click()
    more = mia.messages.filter(has=mia.page.get_by_role("button", name="Lyrics with times", exact=True)).last

    await more.get_by_role("button", name="Lyrics", exact=True).click()
    await expect(await mia.see("The lyrics of paper-boats")).to_contain_text("The engine hums what it was told")
    await more.get_by_role("button", name="Lyrics with times").click()
    offer = await mia.see("Each take costs this bot 0.5 credits, once")
    await offer.get_by_role("button", name="Get take 1 for 0.5 credits").click()
    await expect(mia.page.get_by_role("link", name="paper-boats-1.lrc")).to_be_visible()
    await more.get_by_role("button", name="Family").click()
    await mia.see("1 result · 1 person")
    await more.get_by_role("button", name="Hear the join").click()
    await expect((await mia.see("How paper-boats joins the original")).locator("audio")).to_have_count(2)
    await more.get_by_role("button", name="Report").click()
    await mia.see("Thank you. I'll let my operator know.")
    await more.get_by_role("button", name="Edit").click()
    form = mia.page.get_by_role("dialog", name="Extend paper-boats")
    await form.get_by_role("button", name="Cancel").click()
    await more.get_by_role("button", name="Delete").click()
    await (await mia.see("Delete this message and its music")).get_by_role("button", name="Delete").click()
    await mia.see("Deleted.")
    await expect(mia.messages.filter(has_text="Your 2 tracks are ready.")).to_have_count(0)


async def test_audio_that_is_too_long_is_trimmed_and_the_whole_song_has_all_of_it(
    window: OpenWindow, ground: Playground
) -> None:
    ground.scene.suno.next_submit("new-alone")
    mia = await window()
    await mia.begin("extend")
    await mia.take_sample("night-train.m4a")
    await mia.fill("model", "V4_5ALL")
    await mia.fill("continue_at", "1:20")
    await mia.send()
    await (await mia.see("V4_5ALL takes at most 1:00")).get_by_role("button", name="Trim it").click()

    result = await result_of(mia)
    await expect(result).to_contain_text("1 minute 20 seconds")
    await result.get_by_role("button", name="Whole song").click()
    song = await mia.see("the whole song, 1:30")
    assert (await song.locator("audio").first.evaluate(PLAYS))["seconds"] == pytest.approx(80 + NEW_SECONDS, abs=1)
