"""`make pictures`: the pictures in README.md and in the guides, from a real browser. Look at them before a commit."""

import asyncio
import base64
import html
import re
import shutil
import sys
import tempfile
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
from playwright.async_api import Locator, Page, async_playwright, expect

from bot.sandbox.discord import FakeDiscord
from bot.sandbox.playground import Playground, playground
from bot.sandbox.processes import environ_of
from bot.sandbox.stand_ins import stand_ins
from bot.sandbox.suno import SunoOptions

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
PATIENCE_MS = 120_000  # an account that was empty is looked at once a minute
OPTIONS = {"style": "sea shanty, accordion", "title": "Paper Boats", "prompt": "Row, row, all the way home"}
TERMINAL = """<pre style="margin: 0; padding: 16px; background: #16181d; color: #e6e6e6; font: 13px/1.45 monospace;
white-space: pre-wrap; width: 1040px">{text}</pre>"""
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
            await take_for_guides(ground, browser)
            await take_music(ground, browser)
            await take_doctor(browser)
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


async def take_for_guides(ground: Playground, browser) -> None:  # noqa: ANN001  # Playwright's
    size = {"viewport": {"width": 760, "height": 1700}, "device_scale_factor": 1}
    page = await browser.new_page(**size, color_scheme="light")
    await page.goto(f"{ground.page.url}?as=mia")
    messages = page.get_by_role("log").get_by_role("article")
    result = messages.filter(has=page.locator("audio")).last
    await expect(result.locator("audio")).to_have_count(4)
    await result.locator("audio").last.evaluate(LOADED)
    await shoot_both(messages.filter(has_text="used /extend").last, result, "job")

    await page.goto(f"{ground.page.url}?as=mia")
    await open_channel(page, "notice-board")
    box = page.get_by_role("textbox", name="Message", exact=True)
    await box.fill("/why")
    await page.get_by_role("listbox", name="Commands").get_by_role("option").first.click()
    await page.get_by_role("button", name="Send").click()
    verdicts = messages.filter(has_text="Only you can see this").last
    await expect(verdicts).to_be_visible()
    await shoot(verdicts, "why")

    wide = await browser.new_page(viewport={"width": 1360, "height": 620}, device_scale_factor=1, color_scheme="light")
    await wide.goto(f"{ground.page.url}?as=mia")
    await wide.get_by_role("button", name="Behind the scenes").click()
    panel = wide.get_by_role("tabpanel")
    await expect(panel.get_by_text("delivered").first).to_be_visible()
    await shoot(panel, "behind")

    await wide.get_by_role("tab", name="Levers").click()
    await wide.get_by_role("button", name="Out of credits").click()
    await command(wide)
    await wide.get_by_role("button", name="Send").click()
    sam = await browser.new_page(**size, color_scheme="light")
    await sam.goto(f"{ground.page.url}?as=sam")
    await sam.get_by_role("region", name="Direct messages").get_by_role("button").click()
    notice = sam.get_by_role("log").get_by_role("article").filter(has_text="credits").last
    await expect(notice).to_be_visible()
    await shoot(notice, "operator")


async def take_music(ground: Playground, browser) -> None:  # noqa: ANN001  # Playwright's
    """The pictures that the bot draws, as members see them: to pick from, with the seam, of a family."""
    ground.scene.suno.credits = 10_000
    page = await browser.new_page(viewport={"width": 900, "height": 1700}, device_scale_factor=1)
    await page.goto(f"{ground.page.url}?as=jonas")
    await open_channel(page, "chatter")
    messages = page.get_by_role("log").get_by_role("article")
    music = messages.filter(has=page.locator("audio"))
    box = page.get_by_role("textbox", name="Message", exact=True)

    wishes = {"style": "slow waltz, brass", "title": "Lighthouse", "prompt": "Turn, light, turn"}
    await command(page, "lighthouse.ogg", **wishes, continue_at="pick")
    await page.get_by_role("button", name="Send").click()
    picking = messages.filter(has=page.get_by_role("button", name="Another moment…")).last
    await expect(picking.locator("img")).to_be_visible()
    await shoot_in_both_themes(picking, browser, "pick")
    await picking.get_by_role("button", name=re.compile("^5 · ")).click()
    await expect(music).to_have_count(1)
    await shoot_in_both_themes(music.last.locator(".embed"), browser, "join")

    for number, take in ((2, "Extend 1"), (3, "Extend 2")):
        await music.first.get_by_role("button", name=take).click()
        form = page.get_by_role("dialog")
        if number == 3:
            await form.get_by_label("Where to continue").fill("0:30")
        await form.get_by_role("button", name="Submit").click()
        await expect(music).to_have_count(number)
    await music.first.get_by_role("button", name=re.compile("^Take 2")).click()
    await expect(music.first.get_by_role("button", name="Take 2 · 1")).to_be_visible()
    families = messages.filter(has_text="3 results")
    for tries in range(1, 6):  # the picture is left out where it would take too long
        await box.fill("/song")
        await page.get_by_role("listbox", name="Commands").get_by_role("option").first.click()
        await page.get_by_label("song", exact=True).locator("visible=true").first.fill("light")
        await page.get_by_role("listbox", name="song").get_by_role("option").first.click()
        await page.get_by_role("button", name="Send").click()
        await expect(families).to_have_count(tries)
        if await families.last.locator("img").count():
            break
    await shoot_in_both_themes(families.last, browser, "family")


async def take_doctor(browser) -> None:  # noqa: ANN001  # Playwright's
    """Its output as a terminal shows it, for an account that is nearly empty."""
    with tempfile.TemporaryDirectory(prefix="encore-") as folder:
        async with stand_ins(SunoOptions(), folder=Path(folder)) as both:
            furnish_one(both.discord)
            both.suno.credits = 9
            environ = environ_of(both.settings)
            doctor = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot", "doctor"), cwd=folder, env=environ, stdout=asyncio.subprocess.PIPE
            )
            said, _ = await doctor.communicate()
    page = await browser.new_page(viewport={"width": 1100, "height": 800}, device_scale_factor=1)
    words = said.decode().replace(folder, "/srv/encore")
    await page.set_content(TERMINAL.format(text=html.escape("$ encore doctor\n" + words)))
    await shoot(page.locator("pre"), "doctor")


def furnish_one(discord: FakeDiscord) -> None:
    guild = discord.guild("Harbour Choir")
    guild.channel("songs")


async def open_channel(page: Page, name: str) -> None:
    await page.get_by_role("navigation").get_by_role("button", name=name).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(name)


async def command(page: Page, sample: str = "paper-boats.mp3", **options: str) -> None:
    """An /extend with a file and options, just before it is sent."""
    box = page.get_by_role("textbox", name="Message", exact=True)
    await box.fill("/extend")
    await page.get_by_role("listbox", name="Commands").get_by_role("option").first.click()
    await box.press_sequentially("audio")
    await box.press("Enter")
    await page.get_by_role("button", name="audio: choose a file").click()
    await page.get_by_role("group", name="Files for audio").get_by_role("button", name=sample).click()
    for option, words in (options or OPTIONS).items():
        await box.press_sequentially(option)
        await box.press("Enter")
        await page.get_by_label(option, exact=True).locator("visible=true").first.fill(words)
        if words == "pick":
            await page.get_by_role("listbox", name=option).get_by_role("option").first.click()
    await expect(page.get_by_role("button", name=f"audio: {sample}", exact=True)).to_be_visible()
    await page.mouse.move(0, 0)
    await box.focus()


async def shoot(what: Page | Locator, name: str) -> None:
    keep(await what.screenshot(), name)


async def shoot_in_both_themes(what: Locator, browser, name: str) -> None:  # noqa: ANN001  # Playwright's
    """Light on the left, dark on the right."""
    taken = []
    for theme in ("light", "dark"):
        switch = what.page.get_by_role("button", name=f"{theme.title()} theme", exact=True)
        if await switch.count():
            await switch.click()
        await what.scroll_into_view_if_needed()
        taken.append(base64.b64encode(await what.screenshot()).decode())
    await what.page.get_by_role("button", name="Light theme", exact=True).click()
    beside = await browser.new_page(viewport={"width": 1800, "height": 1000}, device_scale_factor=1)
    images = "".join(f'<img src="data:image/png;base64,{png}">' for png in taken)
    await beside.set_content(f'<div style="display: inline-flex; gap: 12px; align-items: start">{images}</div>')
    keep(await beside.locator("div").screenshot(), name)
    await beside.close()


async def shoot_both(first: Locator, last: Locator, name: str) -> None:
    """From the top of one message to the end of another one below it."""
    await last.scroll_into_view_if_needed()
    top, end = await first.bounding_box(), await last.bounding_box()
    if top is None or end is None:
        raise SystemExit(f"{name}: a message is out of sight")
    clip = {"x": top["x"], "y": top["y"], "width": top["width"], "height": end["y"] + end["height"] - top["y"]}
    keep(await first.page.screenshot(clip=clip), name)


def keep(png: bytes, name: str) -> None:
    to = PICTURES / f"{name}.png"
    to.write_bytes(with_palette(png))
    print(f"{PICTURES.name}/{to.name} ({to.stat().st_size // 1000} KB)")


def with_palette(png: bytes) -> bytes:
    """The same picture in its 256 commonest colours: to the eye no different, and a third of the size."""
    with av.open(BytesIO(png)) as opened:
        picture = next(opened.decode(video=0))
    a_second = Fraction(1, 1)  # pictures have no time, but filters and encoders want one
    graph = av.filter.Graph()
    source = graph.add_buffer(width=picture.width, height=picture.height, format=picture.format, time_base=a_second)
    both, use = graph.add("split"), graph.add("paletteuse", "dither=none")
    colours, sink = graph.add("palettegen", "reserve_transparent=0"), graph.add("buffersink")
    source.link_to(both)
    both.link_to(use, 0, 0)
    both.link_to(colours, 1, 0)
    colours.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    graph.push(picture)
    graph.push(None)
    small = graph.pull()
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = small.width, small.height, "pal8", a_second
    encoder.options = {"compression_level": "9", "pred": "mixed"}
    return b"".join(bytes(packet) for packet in [*encoder.encode(small), *encoder.encode(None)])


if __name__ == "__main__":
    asyncio.run(main())
