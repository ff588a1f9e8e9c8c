"""`make pictures`: the README's pictures of the sandbox's page, from a real browser. Look at them before a commit."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright, expect

from bot.sandbox.playground import Playground, playground
from bot.sandbox.suno import SunoOptions

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
PATIENCE_MS = 60_000
LOADED = "(audio) => audio.duration || new Promise((resolve) => { audio.onloadedmetadata = resolve; })"


async def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no browser: install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            playground(Path(folder), tell=lambda _: None, suno=SunoOptions(time_scale=0.06)) as ground,
            async_playwright() as playwright,
        ):
            await ground.bot.start()
            browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            await take_all(ground, browser)
            await browser.close()


async def take_all(ground: Playground, browser) -> None:  # noqa: ANN001  # Playwright's
    wide = {"viewport": {"width": 1360, "height": 820}, "device_scale_factor": 1}
    page = await browser.new_page(**wide, color_scheme="light")
    await page.goto(f"{ground.page.url}?as=mia")
    await command(page)
    await shoot(page, "composer")
    await page.get_by_role("button", name="Send").click()
    await page.get_by_role("button", name="Behind the scenes").click()
    await expect(page.locator("audio").first).to_be_visible()
    await expect(page.get_by_text("delivered").first).to_be_visible()
    await page.locator("audio").first.evaluate(LOADED)
    await page.locator(".notice:empty").wait_for(state="attached")
    await shoot(page, "sandbox")

    dark = await browser.new_page(**wide, color_scheme="dark")
    await dark.goto(f"{ground.page.url}?as=jonas")
    await expect(dark.locator("audio").first).to_be_visible()
    await dark.locator("audio").first.evaluate(LOADED)
    await dark.get_by_role("button", name="Behind the scenes").click()
    await dark.get_by_role("tab", name="Levers").click()
    await dark.get_by_role("button", name="Callbacks doubled").click()
    await expect(dark.get_by_text("Done.")).to_be_visible()
    await shoot(dark, "levers")

    phone = await browser.new_page(
        viewport={"width": 390, "height": 780}, device_scale_factor=1, is_mobile=True, has_touch=True
    )
    await phone.goto(f"{ground.page.url}?as=mia")
    await expect(phone.locator("audio").first).to_be_visible()
    await phone.locator("audio").first.evaluate(LOADED)
    await shoot(phone, "phone")


async def command(page: Page) -> None:
    """An /extend with a file and a style, just before it is sent."""
    box = page.get_by_role("textbox", name="Message", exact=True)
    await box.fill("/extend")
    await page.get_by_role("listbox", name="Commands").get_by_role("option").first.click()
    await box.press_sequentially("audio")
    await box.press("Enter")
    await page.get_by_role("button", name="audio: choose a file").click()
    await page.get_by_role("group", name="Files for audio").get_by_role("button", name="paper-boats.mp3").click()
    for option, words in (
        ("style", "sea shanty, accordion"),
        ("title", "Paper Boats"),
        ("prompt", "Row, row, all the way home"),
    ):
        await box.press_sequentially(option)
        await box.press("Enter")
        await page.get_by_label(option, exact=True).fill(words)
    await expect(page.get_by_role("button", name="audio: paper-boats.mp3", exact=True)).to_be_visible()
    await page.mouse.move(0, 0)
    await box.focus()


async def shoot(page: Page, name: str) -> None:
    await page.screenshot(path=PICTURES / f"{name}.png")
    print(f"{PICTURES.name}/{name}.png")


if __name__ == "__main__":
    asyncio.run(main())
