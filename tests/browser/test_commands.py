"""Commands, menus, forms and votes, as members use them in a browser."""

import base64
from pathlib import Path

from playwright.async_api import expect

from tests.browser.conftest import OpenWindow, Stage

A_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def test_the_list_of_commands_follows_the_words(stage_window: OpenWindow) -> None:
    mia = await stage_window()
    await mia.box.fill("/")
    await expect(mia.commands.get_by_role("option", name="/vote Vote for a take")).to_be_visible()

    await mia.box.fill("/fo")

    await expect(mia.commands.get_by_role("option")).to_have_text(["/form Fill in a form"])


async def test_a_command_for_others_is_not_offered(stage_window: OpenWindow) -> None:
    mia, priya = await stage_window("mia"), await stage_window("priya")
    for window in (mia, priya):
        await window.box.fill("/")
        await expect(window.commands.get_by_role("option", name="/vote")).to_be_visible()

    await expect(mia.commands.get_by_role("option", name="/manage")).to_have_count(0)
    await expect(priya.commands.get_by_role("option", name="/manage")).to_be_visible()


async def test_required_options_come_first_and_every_kind_can_be_filled_in(stage_window: OpenWindow) -> None:
    mia = await stage_window()
    await mia.begin("options")
    labels = mia.page.get_by_role("group", name="/options").locator("label")
    await expect(labels).to_have_text(["take", "key", "singer"])

    await mia.fill("take", "3")
    for option, words in (
        ("key", "A minor"),
        ("singer", "Jonas"),
        ("loud", "True"),
        ("place", "songs"),
        ("role", "everyone"),
    ):
        await mia.fill(option, words)
        await mia.page.get_by_role("listbox", name=option).get_by_role("option").first.click()
    await mia.fill("weight", "0.5")
    await mia.send()

    await mia.see("3 a Jonas True songs @everyone 0.5")


async def test_a_missing_option_is_refused_where_it_is_typed(stage_window: OpenWindow) -> None:
    mia = await stage_window()
    await mia.begin("options")

    await mia.send()

    await expect(mia.page.get_by_role("alert")).to_have_text("Option take is required.")
    await expect(mia.page.get_by_label("take", exact=True)).to_have_attribute("aria-invalid", "true")
    await expect(mia.page.get_by_label("take", exact=True)).to_be_focused()


async def test_an_option_that_was_added_and_left_empty_is_refused(stage: Stage, stage_window: OpenWindow) -> None:
    mia = await stage_window()
    await mia.begin("options")
    await mia.fill("take", "3")
    await mia.fill("key", "A minor")
    await mia.fill("singer", "@Jonas")
    await mia.add("weight")

    await mia.send()

    await expect(mia.page.get_by_role("alert")).to_have_text("Option weight is required.")
    await mia.page.get_by_role("button", name="Remove weight").click()
    await mia.send()
    await mia.see("3 a Jonas False None None None")
    assert len(stage.discord.world.interactions) == 1


async def test_a_number_out_of_range_is_refused_and_nothing_is_sent(stage: Stage, stage_window: OpenWindow) -> None:
    mia = await stage_window()
    await mia.begin("options")
    await mia.fill("take", "12")
    await mia.send()

    await expect(mia.page.get_by_role("alert")).to_have_text("Option take takes 1 to 9, not 12.")
    assert stage.discord.world.interactions == {}


async def test_suggestions_come_while_typing_and_the_picked_one_is_sent(stage_window: OpenWindow) -> None:
    mia = await stage_window()
    await mia.begin("suggest")
    await mia.fill("word", "tea")
    listed = mia.page.get_by_role("listbox", name="word")
    await expect(listed.get_by_role("option")).to_have_text(["tea number 1", "tea number 2", "tea number 3"])

    await listed.get_by_role("option", name="tea number 2").click()
    await mia.send()

    await mia.see("You chose tea2")


async def test_suggestions_that_take_too_long_fail_as_in_a_client(stage_window: OpenWindow) -> None:
    mia = await stage_window()
    await mia.begin("suggest")
    await mia.fill("word", "slow")

    await expect(mia.page.get_by_role("listbox", name="word")).to_have_text("Loading options failed")


async def test_a_command_without_an_answer_fails_in_place(stage_window: OpenWindow) -> None:
    mia = await stage_window()
    await mia.begin("silent")
    await mia.send()
    await expect(mia.page.get_by_text("Sending command…")).to_be_visible()

    await expect(mia.page.get_by_text("The application did not respond")).to_be_visible()
    await mia.button("Dismiss").click()
    await expect(mia.page.get_by_text("The application did not respond")).to_have_count(0)


async def test_only_its_member_sees_an_ephemeral_answer_first_thinking_then_done(stage_window: OpenWindow) -> None:
    mia, jonas = await stage_window("mia"), await stage_window("jonas")
    await mia.begin("think")
    await mia.send()
    await expect(mia.page.get_by_text("is thinking…")).to_be_visible()

    answer = await mia.see("Only you can see this")
    await expect(answer.get_by_role("heading", name="Done")).to_be_visible()
    await expect(answer.locator("strong", has_text="bold")).to_be_visible()
    await expect(answer.get_by_text("1 January 1970")).to_be_visible()
    await expect(jonas.page.get_by_text("Done")).to_have_count(0)


async def test_two_members_vote_and_both_see_the_count(stage_window: OpenWindow) -> None:
    mia, jonas = await stage_window("mia"), await stage_window("jonas")
    await mia.begin("vote")
    await mia.send()
    await mia.button("Vote 0").click()
    await jonas.button("Vote 1").click()

    await expect(mia.button("Vote 2")).to_be_visible()
    await mia.button("Vote 2").click()

    await mia.see("You have voted already.")
    await expect(jonas.page.get_by_text("You have voted already.")).to_have_count(0)


async def test_menus_of_options_and_of_people(stage_window: OpenWindow) -> None:
    mia = await stage_window()
    await mia.begin("choir")
    await mia.send()

    await mia.page.get_by_role("combobox", name="Who sings?").select_option("Bass")
    await mia.see("Bass sings")
    await mia.page.get_by_role("combobox", name="Who conducts?").select_option(label="@Jonas")
    await mia.see("Jonas conducts")


async def test_a_button_without_an_answer_waits_and_then_fails_in_place(stage_window: OpenWindow) -> None:
    mia = await stage_window()
    await mia.begin("choir")
    await mia.send()
    await mia.button("Never answers").click()
    await expect(mia.button("Never answers")).to_be_disabled()

    await expect(mia.message("Choose:").get_by_role("alert")).to_have_text("This interaction failed")
    await expect(mia.button("Never answers")).to_be_enabled()


async def test_a_form_with_text_menus_and_boxes(stage_window: OpenWindow) -> None:
    mia = await stage_window()
    await mia.begin("parts")
    await mia.send()
    dialog = mia.page.get_by_role("dialog", name="Who sings what")
    await expect(dialog.get_by_text("Pick two parts.")).to_be_visible()
    await dialog.get_by_label("Parts").select_option(["Alto", "Bass"])
    await dialog.get_by_role("checkbox", name="Friday").check()
    await dialog.get_by_role("button", name="Submit").click()

    await mia.see("Alto+Bass on Friday")


async def test_a_form_with_words_a_choice_a_person_a_file_and_a_tick(stage_window: OpenWindow, tmp_path: Path) -> None:
    cover = tmp_path / "cover.png"
    cover.write_bytes(A_PIXEL)
    mia = await stage_window()
    await mia.begin("form")
    await mia.send()
    dialog = mia.page.get_by_role("dialog", name="A new take")
    await dialog.get_by_label("Lyrics").fill("oh")
    await dialog.get_by_role("radio", name="V5").check()
    await dialog.get_by_label("Singer").select_option(label="@Priya")
    await dialog.get_by_label("Cover").set_input_files(cover)
    await dialog.get_by_label("Loud").check()
    await dialog.get_by_role("button", name="Submit").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("takes 3 to 50 characters, not 2")

    await dialog.get_by_label("Lyrics").fill("oh boats")
    await dialog.get_by_role("button", name="Submit").click()

    await expect(dialog).to_have_count(0)
    await expect(mia.page.locator(":focus")).to_have_count(1)
    await mia.see("oh boats · V5 · ['Priya'] · ['cover.png'] · True")


async def test_apps_in_the_context_menu_of_a_message_and_of_a_member(stage: Stage, stage_window: OpenWindow) -> None:
    stage.jonas.post(stage.songs, "three little words")
    mia = await stage_window()
    await mia.message("three little words").click(button="right")
    await mia.page.get_by_role("menuitem", name="Count words").click()
    await mia.see("3 words")

    await (
        mia.page.get_by_role("complementary", name="Members").get_by_role("button", name="Priya").click(button="right")
    )
    await mia.page.get_by_role("menuitem", name="Say hello").click()
    await mia.see("Hello Priya")
