"""A real Chromium in front of the page: `make test-browser`. Without `--browser`, this folder is left out.

Chromium takes longer to start than most tests to run, so the tests of one pytest worker share it, and with it their
event loop; each test has a sandbox, a profile and windows of its own.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

from bot.sandbox.discord import DiscordOptions, FakeDiscord, NeverHappened
from bot.sandbox.page.samples import Samples
from bot.sandbox.page.scene import Identity, Scene
from bot.sandbox.page.server import PageServer
from bot.sandbox.playground import Playground, playground
from bot.sandbox.suno import FakeSuno, SunoOptions
from bot.sandbox.supervised import READY_SECONDS
from tests.browser.other_bot import other_bot
from tests.browser.window import PATIENCE_MS, Window
from tests.support.discord_api import connected

LOADING_MS = 8000
NEW_SECONDS = 10
"""Of new music in each track; forty, as the service makes, take half a second of the processor."""
CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first one found is taken: the shell has no windows of its own and needs less than half of the processor."""
QUICK = SunoOptions(time_scale=0.01, continuation_seconds=NEW_SECONDS)
OpenWindow = Callable[..., Awaitable[Window]]
IN_ONE_LOOP = pytest.mark.asyncio(loop_scope="session")
in_one_loop = pytest_asyncio.fixture(loop_scope="session")

expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(IN_ONE_LOOP, append=False)


def chromium_path() -> str:
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail(f"no browser: install one of {', '.join(CHROMIUM)}", pytrace=False)
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium_path(), args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        yield browser
        await browser.close()


def is_an_error(line: ConsoleMessage) -> bool:
    """Chromium gives up what it is loading when a network interface comes or goes, as those of containers do."""
    return line.type == "error" and "ERR_NETWORK_CHANGED" not in line.text


@asynccontextmanager
async def windows(browser: Browser, url: str) -> AsyncIterator[OpenWindow]:
    """Opens windows onto the page at `url`; an error in one of them fails the test."""
    errors: list[str] = []
    profiles: list[BrowserContext] = []

    async def open_window(who: str = "", **context: object) -> Window:
        new = await browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **context})  # type: ignore[arg-type]
        profiles.append(new)
        page: Page = await new.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if is_an_error(line) else None)
        await page.goto(f"{url}?as={who}" if who else url)
        try:
            await expect(page.get_by_role("main")).to_be_visible(timeout=LOADING_MS)
        except AssertionError:
            await page.reload()
            await expect(page.get_by_role("main")).to_be_visible()
        return Window(page)

    try:
        yield open_window
    finally:
        for profile in profiles:
            await profile.close()
    assert errors == []


@in_one_loop
async def ground(tmp_path: Path) -> AsyncIterator[Playground]:
    """The sandbox as `encore sandbox` runs it, with a music service that is ten times as fast and brief."""
    async with playground(tmp_path, tell=lambda _: None, suno=QUICK) as ground:
        starting = asyncio.create_task(ground.bot.start(), name="start of the bot")
        # discord.py calls itself ready two seconds after it has begun to answer.
        try:
            await ground.scene.discord.wait_ready(timeout=READY_SECONDS)
            await ground.scene.discord.wait_for_commands("extend", timeout=READY_SECONDS)
        except NeverHappened as error:
            error.add_note("\n".join(["the bot said:", *ground.bot.said, "and it asked Discord for:", *asked(ground)]))
            raise
        yield ground
        await starting


def asked(ground: Playground) -> list[str]:
    return [f"{request.method} {request.path}: {request.status}" for request in ground.scene.discord.requests]


@in_one_loop
async def window(browser: Browser, ground: Playground) -> AsyncIterator[OpenWindow]:
    async with windows(browser, ground.page.url) as open_window:
        yield open_window


class Stage:
    """The page in front of another bot, which has what Encore lacks so far: forms, votes, context menus."""

    def __init__(self, discord: FakeDiscord, page: PageServer) -> None:
        self.discord = discord
        self.page = page
        self.guild = discord.guild("Choir")
        self.songs = self.guild.channel("songs")
        self.mia = discord.member("Mia", guild=self.guild)
        self.jonas = discord.member("Jonas", guild=self.guild)
        self.priya = discord.member("Priya", guild=self.guild, permissions=("MANAGE_GUILD",))


@in_one_loop
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    identities: list[Identity] = []
    async with FakeDiscord(DiscordOptions(acknowledge_seconds=1.0)) as discord, FakeSuno() as suno:
        scene = Scene(discord=discord, suno=suno, identities=identities, samples=Samples(tmp_path))
        async with PageServer(scene) as page:
            stage = Stage(discord, page)
            identities += [Identity(member=each, note="a member") for each in (stage.mia, stage.jonas, stage.priya)]
            async with connected(discord, other_bot()):
                yield stage


@in_one_loop
async def stage_window(browser: Browser, stage: Stage) -> AsyncIterator[OpenWindow]:
    async with windows(browser, stage.page.url) as open_window:
        yield open_window
