"""What people type, drop and press when nobody has told them how: nothing is lost, and nothing happens twice."""

from playwright.async_api import expect

from bot.sandbox.discord import FORUM, Upload
from tests.browser.conftest import OpenWindow, Stage
from tests.browser.window import Window

TWICE = "(button) => { button.click(); button.click(); }"
LONG_NAME = f"{'a very long name ' * 12}.mp3"
DROP = """(names) => {
    const data = new DataTransfer();
    for (const name of names) data.items.add(new File(["la la"], name, { type: "audio/mpeg" }));
    document.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


WHEN_OPEN = """([channel, names]) => {
    const drop = DROP;
    const seen = new MutationObserver(() => {
        if (document.querySelector("h1").textContent !== channel) return;
        seen.disconnect();
        drop(names);
    });
    seen.observe(document.body, { subtree: true, childList: true, characterData: true });
}""".replace("DROP", DROP)


async def drop(window: Window, *names: str) -> None:
    await window.page.evaluate(DROP, [*names])


async def test_impatience_sends_once(stage: Stage, stage_window: OpenWindow) -> None:
    mia = await stage_window()
    send = mia.button("Send")
    await mia.box.fill("hello")
    await send.evaluate(TWICE)
    await mia.see("hello")
    await mia.begin("vote")
    await send.evaluate(TWICE)
    await mia.see("Shall we sing it?")
    assert len(stage.discord.world.interactions) == 1

    await mia.begin("parts")
    await mia.send()
    dialog = mia.page.get_by_role("dialog")
    await dialog.get_by_label("Parts").select_option(["Alto", "Bass"])
    await dialog.get_by_role("checkbox", name="Friday").check()
    await dialog.get_by_role("button", name="Submit").evaluate(TWICE)
    await mia.see("Alto+Bass on Friday")
    await expect(mia.messages.filter(has_text="hello")).to_have_count(1)
    await expect(mia.messages.filter(has_text="Alto+Bass on Friday")).to_have_count(1)


async def test_words_that_are_refused_come_back(stage_window: OpenWindow) -> None:
    mia = await stage_window()
    await mia.say("x" * 5000)

    await expect(mia.page.get_by_role("alert")).to_have_text("A message takes up to 2000 characters, not 5000.")
    await expect(mia.box).to_have_value("x" * 5000)
    await mia.say("/nonsense 🎶 <b>\u202e&amp;")
    await mia.see("/nonsense 🎶 <b>")


async def test_half_written_things_wait_for_their_person_in_their_channel(
    stage: Stage, stage_window: OpenWindow
) -> None:
    stage.guild.channel("chatter")
    mia = await stage_window()
    await mia.begin("options")
    await mia.fill("take", "3")
    await mia.enter("chatter")
    await expect(mia.page.get_by_role("group", name="/options")).to_have_count(0)
    await mia.box.fill("not yet")

    await mia.page.get_by_role("combobox", name="You are").select_option(label="Jonas, a member")
    await expect(mia.box).to_have_value("")
    await mia.page.get_by_role("combobox", name="You are").select_option(label="Mia, a member")
    await expect(mia.box).to_have_value("not yet")
    await mia.enter("songs")
    await expect(mia.page.get_by_label("take", exact=True)).to_have_value("3")


async def test_back_forward_and_reload_stay_where_one_was(stage: Stage, stage_window: OpenWindow) -> None:
    stage.guild.channel("chatter")
    mia = await stage_window()
    title = mia.page.get_by_role("heading", level=1)
    await mia.enter("chatter")
    await mia.page.go_back()
    await expect(title).to_have_text("songs")
    await mia.page.go_forward()
    await expect(title).to_have_text("chatter")
    await mia.page.reload()
    await expect(title).to_have_text("chatter")


async def test_a_name_that_is_typed_becomes_a_mention(stage: Stage, stage_window: OpenWindow) -> None:
    stage.guild.channel("chatter")
    mia, jonas = await stage_window("mia"), await stage_window("jonas")
    await mia.box.press_sequentially("Ask @jo")
    await expect(mia.page.get_by_role("listbox", name="Names").get_by_role("option")).to_have_text(["@Jonas"])
    await mia.box.press("Enter")
    await expect(mia.box).to_have_value("Ask @Jonas ")
    await mia.box.press_sequentially("in #chatter, or a@Jonas")
    await mia.box.press("Enter")

    heard = await jonas.see("Ask @Jonas in #chatter, or a@Jonas")
    await expect(heard.locator(".mention")).to_have_text(["@Jonas", "#chatter"])
    assert len(stage.jonas.pings) == 1


async def test_jump_links_lead_to_old_messages_and_say_when_one_is_gone(stage: Stage, stage_window: OpenWindow) -> None:
    chatter = stage.guild.channel("chatter")
    old = stage.jonas.post(chatter, "the very first")
    gone = stage.jonas.post(chatter, "soon gone")
    reply = stage.priya.post(chatter, "an answer", replies_to=gone)
    for number in range(60):
        stage.jonas.post(chatter, f"message {number}")
    where = f"https://discord.com/channels/{stage.guild.id}/{chatter.id}"
    stage.jonas.post(stage.songs, f"[the old one]({where}/{old.id}) and [the lost one]({where}/{gone.id})")
    stage.jonas.delete_post(gone)
    mia = await stage_window()

    await mia.page.get_by_role("link", name="the old one").click()
    await expect(mia.message("the very first")).to_be_in_viewport()
    await expect(mia.message("the very first")).to_be_focused()
    await expect(mia.messages.filter(has_text="an answer")).to_contain_text("The original message was deleted")
    assert not reply.deleted
    await mia.button("Jump to the latest messages").click()
    await mia.see("message 59")

    await mia.enter("songs")
    await mia.page.get_by_role("link", name="the lost one").click()
    await expect(mia.page.get_by_text("This message is gone.")).to_be_visible()
    await mia.see("message 59")


async def test_whatever_is_dropped_is_sent_or_named(stage: Stage, stage_window: OpenWindow) -> None:
    quiet = stage.guild.channel("quiet")
    quiet.deny("ATTACH_FILES", who=stage.mia)
    mia = await stage_window()
    files = mia.page.get_by_role("list", name="Files to send")
    await drop(mia, "one.mp3", LONG_NAME)
    await expect(files.get_by_role("listitem")).to_have_count(2)
    assert await mia.page.evaluate("document.documentElement.scrollWidth") == 1280
    await mia.say("two files")
    sent = await mia.see("two files")
    await expect(sent.get_by_role("link")).to_have_count(2)

    await mia.begin("upload")
    await drop(mia, "first.mp3", "second.mp3")
    await expect(mia.page.get_by_role("alert")).to_have_text("/upload takes no more files: second.mp3 was left out.")
    await expect(mia.button("file: first.mp3")).to_be_visible()
    await mia.send()
    await mia.see("Got first.mp3")

    await mia.page.evaluate(WHEN_OPEN, ["quiet", ["one.mp3"]])
    await mia.enter("quiet")
    await expect(mia.page.get_by_role("alert")).to_have_text("You can't attach files in this channel.")


async def test_a_file_from_before_a_lost_connection_is_named_not_dropped(
    stage: Stage, stage_window: OpenWindow
) -> None:
    mia = await stage_window()
    await drop(mia, "one.mp3")
    await expect(mia.page.get_by_role("list", name="Files to send")).to_contain_text("one.mp3")
    for socket in [*stage.page._sockets]:
        await socket.close()
    await expect(mia.page.get_by_text("The sandbox is not answering.")).to_be_visible()
    await expect(mia.page.get_by_text("The sandbox is not answering.")).to_have_count(0)

    await mia.say("here it comes")

    await expect(mia.page.get_by_role("alert")).to_contain_text("A file was lost when the connection broke")
    await expect(mia.box).to_have_value("here it comes")
    await expect(mia.messages).to_have_count(0)


async def test_without_a_connection_nothing_is_lost(stage: Stage, stage_window: OpenWindow) -> None:
    """And nothing fails unseen: the window's fixture would report it."""
    mia = await stage_window()
    await mia.page.evaluate("() => { window.WebSocket = class { static OPEN = 1; readyState = 0; }; }")
    for socket in [*stage.page._sockets]:
        await socket.close()
    await expect(mia.page.get_by_text("The sandbox is not answering.")).to_be_visible()

    await mia.say("are you there?")
    await expect(mia.page.get_by_role("alert").filter(has_text="The sandbox is not answering.")).to_have_count(2)
    await mia.enter("Encore")
    await mia.button("Behind the scenes").click()
    await mia.page.get_by_role("combobox", name="You are").select_option(label="Jonas, a member")

    await mia.enter("songs")
    await expect(mia.box).to_have_value("are you there?")


async def test_a_forum_shows_its_posts(stage: Stage, stage_window: OpenWindow) -> None:
    forum = stage.guild.channel("workshop", kind=FORUM)
    post = forum.thread("Which key?")
    stage.jonas.post(post, "A minor", Upload("a.txt", b"a"))
    mia = await stage_window()
    await mia.enter("workshop")

    await mia.page.get_by_role("list", name="Posts").get_by_role("button", name="Which key?").click()

    await mia.see("A minor")
