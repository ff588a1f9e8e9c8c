"""What the page shows behind the scenes, in the sandbox as `encore sandbox` runs it."""

import re

from playwright.async_api import expect

from tests.browser.conftest import OpenWindow
from tests.browser.test_encore import result_of

OPENS_PANEL = """async () => {
    document.querySelector(".to-behind").click();
    await null; await null;  // it is drawn, and nothing has been answered yet
    return document.getElementById("tab-levers").getBoundingClientRect().top;
}"""


async def test_behind_the_scenes_a_job_is_seen_from_acceptance_to_delivery(window: OpenWindow) -> None:
    mia = await window()
    jobs = await mia.see_behind("Jobs")
    await expect(jobs.get_by_text("No jobs yet.")).to_be_visible()
    await mia.extend()
    await result_of(mia)

    events = jobs.get_by_role("listitem").filter(has_text="paper-boats.mp3")
    for event in (
        "accepted",
        "submitted",
        "callback text answered 200",
        "callback complete answered 200",
        "result posted",
        "delivered",
    ):
        await expect(events.first).to_contain_text(event)
    requests = await mia.see_behind("Requests")
    asked = requests.get_by_role("listitem").filter(has_text="/api/v1/generate/upload-extend")
    await asked.locator("summary").click()
    await expect(asked).to_contain_text('"taskId"')
    await expect(requests.get_by_role("listitem").filter(has_text="PATCH").first).to_contain_text("Discord")
    log = await mia.see_behind("Log")
    await expect(log).to_contain_text("callback complete, now finished")
    await expect(mia.page.get_by_text("9,988")).to_be_visible()


async def test_the_tabs_behind_the_scenes_do_not_move_just_as_somebody_clicks_on_one(window: OpenWindow) -> None:
    mia = await window()

    top = await mia.page.evaluate(OPENS_PANEL)
    await expect(mia.page.get_by_text(re.compile(r"\d+ of 20 in 10 s"))).to_be_visible()

    box = await mia.page.locator("#tab-levers").bounding_box()
    assert box is not None
    assert box["y"] == top
