"""The page for everyone: by keyboard, by ear, in both themes, enlarged, and with a thumb."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenWindow, Stage
from tests.browser.contrast import WEAK
from tests.browser.window import Window

THUMB_PX = 40
SMALL = """(least) => [...document.querySelectorAll("button, select, [role=option], [role=menuitem]")]
    .filter((each) => each.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
    .filter((each) => !each.closest(".visually-hidden, .content, .reference, .cover"))
    .map((each) => [each.ariaLabel ?? each.textContent, each.getBoundingClientRect()])
    .filter(([, box]) => box.width < least || box.height < least)
    .map(([name, box]) => `${name}: ${Math.round(box.width)} x ${Math.round(box.height)}`)"""


async def focused(window: Window) -> str:
    """The name or the id of what has the focus."""
    found: str = await window.page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.id")
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_state_of_the_page_has_enough_contrast(theme: str, stage: Stage, stage_window: OpenWindow) -> None:
    original = stage.jonas.post(stage.songs, f"{stage.mia.mention} `code` and <t:0:R> @everyone\n-# small print")
    stage.priya.post(stage.songs, "> I agree", replies_to=original)
    mia = await stage_window(color_scheme=theme)

    async def readable(what: str) -> None:
        assert (what, await mia.page.evaluate(WEAK)) == (what, [])

    await mia.see("I agree")
    await readable("messages")
    await mia.begin("think")
    await mia.send()
    await mia.see("Only you can see this")
    await mia.begin("choir")
    await mia.send()
    await mia.see("Choose:")
    await readable("private answers and buttons")
    await mia.box.fill("/")
    await mia.box.press("ArrowDown")
    await readable("commands")
    await mia.begin("options")
    await mia.send()
    await expect(mia.page.get_by_role("alert")).to_be_visible()
    await readable("a refused command")
    await mia.fill("key", "C")
    await mia.page.keyboard.press("ArrowDown")
    await readable("suggestions")
    await mia.button("Cancel the command").click()
    await mia.button("Add a file").click()
    await readable("files")
    await mia.page.keyboard.press("Escape")
    await mia.message("I agree").click(button="right")
    await readable("a context menu")
    await mia.page.keyboard.press("Escape")
    await mia.begin("form")
    await mia.send()
    await expect(mia.page.get_by_role("dialog")).to_be_visible()
    await mia.page.get_by_role("button", name="Submit").click()
    await expect(mia.page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    await readable("a form")


async def test_arrow_keys_go_through_channels_messages_and_members(stage: Stage, stage_window: OpenWindow) -> None:
    stage.guild.channel("chatter")
    for words in ("first", "second"):
        stage.jonas.post(stage.songs, words)
    mia = await stage_window()
    press = mia.page.keyboard.press
    await mia.see("second")

    await mia.page.get_by_role("log").focus()
    await press("ArrowUp")
    await press("ArrowUp")
    assert await focused(mia) == "Jonas: first"
    await press("Enter")
    await expect(mia.page.get_by_role("menuitem", name="Reply")).to_be_focused()
    await press("Escape")
    assert await focused(mia) == "Jonas: first"
    await press("Escape")
    await expect(mia.box).to_be_focused()

    navigation = mia.page.get_by_role("navigation")
    await navigation.get_by_role("button", name="songs").focus()
    await press("ArrowDown")
    await expect(navigation.get_by_role("button", name="chatter")).to_be_focused()
    members = mia.page.get_by_role("complementary", name="Members")
    await members.get_by_role("button", name="Mia").focus()
    await press("ArrowDown")
    await expect(members.get_by_role("button", name="Jonas")).to_be_focused()


ESCAPE_AT_ONCE = """() => {
    const seen = new MutationObserver(() => {
        if (!document.querySelector("[role=menu]")) return;
        seen.disconnect();
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
        window.escaped = true;
    });
    seen.observe(document.body, { subtree: true, childList: true });
}"""


async def test_a_menu_hears_a_key_as_soon_as_it_is_there(stage: Stage, stage_window: OpenWindow) -> None:
    stage.jonas.post(stage.songs, "hello")
    mia = await stage_window()
    await mia.see("hello")
    await mia.page.evaluate(ESCAPE_AT_ONCE)

    await mia.message("hello").click(button="right")
    await mia.page.wait_for_function("() => window.escaped")

    await expect(mia.page.get_by_role("menu")).to_have_count(0)


async def test_the_focus_is_never_lost(stage: Stage, stage_window: OpenWindow) -> None:
    own = stage.mia.post(stage.songs, "a slip of the pen")
    mia = await stage_window()
    press = mia.page.keyboard.press
    await mia.button("Add a file").press("Enter")
    await press("Tab")
    await press("Escape")
    await expect(mia.button("Add a file")).to_be_focused()

    await mia.message("a slip of the pen").get_by_role("button", name="More actions").press("Enter")
    await mia.page.get_by_role("menuitem", name="Delete message").press("Enter")
    await expect(mia.message("a slip of the pen")).to_have_count(0)
    assert own.deleted
    await expect(mia.box).to_be_focused()

    await mia.begin("choir")
    await mia.send()
    never = mia.button("Never answers")
    await never.press("Enter")
    await expect(never).to_have_attribute("aria-busy", "true")
    await expect(mia.message("Choose:").get_by_role("alert")).to_be_visible()
    await expect(never).to_be_focused()

    await mia.begin("silent")
    await mia.send()
    await mia.button("Dismiss").press("Enter")
    await expect(mia.box).to_be_focused()

    await mia.begin("form")
    await mia.send()
    await expect(mia.page.get_by_role("dialog").get_by_label("Lyrics")).to_be_focused()
    await press("Escape")
    await expect(mia.page.get_by_role("dialog")).to_have_count(0)
    await expect(mia.box).to_be_focused()

    await mia.see_behind("Levers")
    await press("Escape")
    await expect(mia.button("Behind the scenes")).to_be_focused()


async def test_a_screen_reader_hears_words_instead_of_codes(stage: Stage, stage_window: OpenWindow) -> None:
    stage.jonas.post(stage.songs, f"{stage.mia.mention}: **<#{stage.songs.id}>** <t:0:D> </vote:5>")
    mia = await stage_window()

    await expect(mia.messages.last).to_have_accessible_name("Jonas: @Mia: #songs 1 January 1970 /vote")
    await mia.begin("options")
    take = mia.page.get_by_role("textbox", name="take")
    await expect(take).to_have_accessible_description("take …")
    await mia.send()
    await expect(mia.page.get_by_role("alert")).to_have_text("Option take is required.")
    await expect(take).to_have_attribute("aria-required", "true")
    await mia.button("Cancel the command").click()
    await mia.box.fill("/vo")
    await expect(mia.box).to_have_attribute("aria-activedescendant", re.compile("composer-list-0"))


async def test_everything_fits_at_twice_the_size(stage: Stage, stage_window: OpenWindow) -> None:
    """A window of 1280 x 800 that is enlarged to 200 % has 640 x 400 left."""
    stage.jonas.post(stage.songs, f"look https://example.com/{'long' * 60}")
    mia = await stage_window(viewport={"width": 640, "height": 400})
    await mia.see("look")
    await mia.begin("options")
    await mia.fill("key", "C")
    await mia.see_behind("Levers")
    await mia.page.keyboard.press("Escape")

    assert await mia.page.evaluate("document.documentElement.scrollWidth") == 640
    await mia.send()
    await expect(mia.page.get_by_role("alert")).to_be_in_viewport()


async def test_with_a_thumb(stage: Stage, stage_window: OpenWindow) -> None:
    stage.jonas.post(stage.songs, "hello")
    mia = await stage_window(viewport={"width": 390, "height": 780}, has_touch=True, is_mobile=True)
    await mia.see("hello")

    async def large_enough(what: str) -> None:
        assert (what, await mia.page.evaluate(SMALL, THUMB_PX)) == (what, [])

    await large_enough("the chat")
    await mia.button("Channels").tap()
    await expect(mia.page.get_by_role("navigation")).to_be_visible()
    await large_enough("channels")
    await mia.page.touchscreen.tap(375, 400)
    await expect(mia.page.get_by_role("navigation")).not_to_be_visible()
    await mia.button("Members").tap()
    await mia.page.get_by_role("complementary", name="Members").get_by_role("button", name="Priya").tap()
    await large_enough("members")
    await mia.page.get_by_role("menuitem", name="Mention Priya").tap()
    await expect(mia.box).to_have_value("@Priya ")
    await expect(mia.page.get_by_role("complementary", name="Members")).to_have_count(0)
    await mia.box.fill("/")
    await large_enough("commands")
    await mia.see_behind("Levers")
    await large_enough("levers")


async def test_nothing_moves_for_those_who_asked_for_that(stage_window: OpenWindow) -> None:
    mia = await stage_window(reduced_motion="reduce")
    await mia.begin("choir")
    await mia.send()
    await mia.button("Never answers").click()
    await expect(mia.button("Never answers")).to_have_attribute("aria-busy", "true")

    assert await mia.page.evaluate("document.getAnimations().length") == 0
