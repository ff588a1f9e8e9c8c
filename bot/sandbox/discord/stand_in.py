"""The stand-in as a whole: the server, and what a test or the sandbox makes happen in it."""

from collections.abc import Callable, Sequence
from datetime import datetime

from bot.sandbox.discord.options import DiscordOptions
from bot.sandbox.discord.user.invocation import Invocation
from bot.sandbox.discord.user.member import Member
from bot.sandbox.discord.wire.server import Server
from bot.sandbox.discord.world.clock import utc_now
from bot.sandbox.discord.world.guilds import Guild
from bot.sandbox.discord.world.interactions import InteractionNews
from bot.sandbox.discord.world.roster import Role
from bot.sandbox.discord.world.shapes import Happened, Json
from bot.sandbox.patience import PATIENCE_SECONDS


class FakeDiscord(Server):
    """`async with FakeDiscord(options) as discord:` listens on 127.0.0.1; servers and members can be added before that.

    `now` replaces the clock that snowflakes, tokens and links go by; `advance` moves it. `owner` owns the application.
    """

    def __init__(self, options: DiscordOptions | None = None, *, now: Callable[[], datetime] = utc_now) -> None:
        super().__init__(options, now=now)
        self.owner = Member(self.world, "the owner")
        self.world.add_person(self.owner)

    @property
    def commands(self) -> list[Json]:
        """The global commands currently announced."""
        return self.world.global_commands

    def guild(
        self, name: str = "Choir", *, premium_tier: int = 0, locale: str = "en-US", with_bot: bool = True
    ) -> Guild:
        """Add a server, with the bot in it unless `with_bot` is False."""
        guild = Guild(self.world, name, premium_tier=premium_tier, locale=locale)
        self.world.guilds[guild.id] = guild
        guild.join(self.world.owner)
        if with_bot:
            guild.invite_bot()
        return guild

    def member(
        self,
        name: str,
        *,
        locale: str = "en-US",
        guild: Guild | None = None,
        permissions: Sequence[str] = (),
        roles: Sequence[Role] = (),
        nitro: int = 0,
    ) -> Member:
        """Add a member to `guild` (None: to the first server, if there is one).

        `permissions` are granted to this member on top, by Discord's names; `nitro` is the `premium_type`.
        """
        member = Member(self.world, name, locale=locale, nitro=nitro)
        self.world.add_person(member)
        home = guild or next(iter(self.world.guilds.values()), None)
        if home is not None:
            own = (home.role(f"of {name}", *permissions),) if permissions else ()
            home.join(member, roles=(*roles, *own))
        return member

    def advance(self, seconds: float) -> None:
        """Let time pass: deadlines of interactions, links and nonces."""
        self.clock.advance(seconds)
        for interaction in self.world.interactions.values():
            interaction.changes.tell()
        self.world.changes.tell()

    async def wait_for_commands(self, *names: str, timeout: float = PATIENCE_SECONDS) -> None:
        """Wait until all of `names` are announced, anywhere."""

        def announced() -> set[str]:
            everywhere = [self.world.global_commands, *self.world.guild_commands.values()]
            return {str(command["name"]) for commands in everywhere for command in commands}

        await self.world.changes.until(
            lambda: set(names) <= announced() and bool(announced()),
            timeout=timeout,
            wanted=f"the commands {', '.join(names) or 'of the bot'}",
            seen=lambda: ", ".join(sorted(announced())),
        )

    def redeliver(self, invocation: Invocation) -> None:
        """Send the same interaction to all sessions again."""
        self.world.tell(InteractionNews(Happened.NEW, invocation.interaction))

    def vanish(self, invocation: Invocation) -> None:
        """Remove the files that came with a command, as Discord does after a time that it does not publish."""
        files = invocation.interaction.data.get("resolved", {}).get("attachments", {})
        self.cdn.vanished.update(map(int, files))
