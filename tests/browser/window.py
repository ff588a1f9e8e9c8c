"""What a person does at the page, by what they see: roles, labels and words."""

from playwright.async_api import Error, Locator, Page, expect

from bot.sandbox.patience import PATIENCE_SECONDS

PATIENCE_MS = 1000 * PATIENCE_SECONDS


class Window:
    """One browser window."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def commands(self) -> Locator:
        return self.page.get_by_role("listbox", name="Commands")

    @property
    def options(self) -> Locator:
        return self.page.get_by_role("listbox", name="Options")

    @property
    def messages(self) -> Locator:
        return self.page.get_by_role("log").get_by_role("article")

    def message(self, words: str) -> Locator:
        """The latest message with `words`."""
        return self.messages.filter(has_text=words).last

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def enter(self, name: str) -> None:
        """Open a channel."""
        await self.page.get_by_role("navigation").get_by_role("button", name=name).click()
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(name)

    async def say(self, words: str) -> None:
        await self.box.fill(words)
        await self.box.press("Enter")

    async def begin(self, command: str) -> None:
        """Choose a command from the list."""
        await self.box.fill(f"/{command}")
        await self.commands.get_by_role("option", name=f"/{command}").first.click()

    async def add(self, option: str) -> None:
        """Add an option to the command."""
        await self.box.focus()  # an option that lists suggestions would cover the list
        await self.options.get_by_role("option").filter(has=self.page.locator("strong", has_text=option)).first.click()

    async def fill(self, option: str, words: str) -> None:
        """Add an option if it isn't there yet, and type its value."""
        field = self.page.get_by_label(option, exact=True).locator("visible=true")
        if not await field.count():
            await self.add(option)
        await field.first.fill(words)

    async def take_sample(self, name: str, *, option: str = "audio") -> None:
        if not await self.page.get_by_role("button", name=f"{option}: ").count():
            await self.add(option)
        await self.page.get_by_role("button", name=f"{option}: ").click()
        await self.page.get_by_role("group", name=f"Files for {option}").get_by_role("button", name=name).click()
        await expect(self.page.get_by_role("button", name=f"{option}: {name}", exact=True)).to_be_visible()

    async def send(self) -> None:
        await self.button("Send").click()

    async def extend(self, sample: str = "paper-boats.mp3") -> None:
        await self.begin("extend")
        await self.take_sample(sample)
        await self.send()

    async def see(self, words: str) -> Locator:
        """Wait until a message has `words`."""
        message = self.message(words)
        await expect(message).to_be_visible()
        return message

    async def see_behind(self, tab: str = "Jobs") -> Locator:
        """Open the panel, and return what a tab of it shows."""
        button = self.button("Behind the scenes")
        if await button.get_attribute("aria-pressed") != "true":
            await button.click()
        await self.page.get_by_role("tab", name=tab).click()
        return self.page.get_by_role("tabpanel")

    async def pull(self, lever: str) -> None:
        panel = await self.see_behind("Levers")
        try:
            await panel.get_by_role("button", name=lever, exact=True).click()
        except Error as error:
            error.add_note(f"the page showed:\n{await self.page.locator('body').aria_snapshot()}")
            raise
        await expect(panel.get_by_text("Done.")).to_be_visible()
