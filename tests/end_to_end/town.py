"""A server with a channel and a member, the real bot, and both stand-ins: where every end-to-end test starts."""

import asyncio
import dataclasses
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bot.app import App
from bot.domain.jobs import Job, JobState
from bot.domain.quota import QuotaBalance, quota_day
from bot.roles import ALL, Role
from bot.sandbox.discord import Channel, DiscordOptions, FakeDiscord, Guild, Invocation, Member, Message, Upload
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.sandbox.stand_ins import StandIns, running, stand_ins
from bot.sandbox.suno import FakeSuno, SunoOptions
from bot.services.common.clock import utc_now
from bot.settings import Settings
from tests.end_to_end.openapi import load_openapi
from tests.support.database import postgres_url_for
from tests.support.secrets import overhearing, secrets_in

QUICK = SunoOptions(time_scale=0.002, audio=False, rate_limit=0)
"""A task takes 0.4 s, and its tracks are silent; the provider's rate has its own tests."""
WITH_SOUND = dataclasses.replace(QUICK, audio=True, continuation_seconds=3)
"""Composing and encoding takes longer than everything else in a test."""
UNHURRIED = DiscordOptions(rate_limits={}, acknowledge_seconds=PATIENCE_SECONDS)
"""Progress is shown 80 times as often here as in real life, so Discord's channel limits would dominate. And a machine
that is busy with other tests may not acknowledge a hundred commands within three seconds (`tests/benchmarks`)."""

WITHOUT_GATEWAY = frozenset({Role.WEB, Role.WORKERS})


@dataclass
class Town:
    stand_ins: StandIns
    settings: Settings
    stack: AsyncExitStack
    guild: Guild
    songs: Channel
    mia: Member
    source: Path
    over_http: bool = False  # whether `start` starts a bot without a gateway
    apps: list[App] = field(default_factory=list)

    @property
    def discord(self) -> FakeDiscord:
        return self.stand_ins.discord

    @property
    def suno(self) -> FakeSuno:
        return self.stand_ins.suno

    @property
    def app(self) -> App:
        return self.apps[-1]

    async def start(self, only: frozenset[Role] = ALL, **changes: Any) -> App:  # noqa: ANN401  # settings of any type
        """Start the bot, or a process of it; it stops with the test, or with `stop`."""
        if self.over_http and only == ALL:
            return await self.start_over_http(**changes)
        self.stack = AsyncExitStack()
        settings = replace(self.settings, **changes)
        app = await self.stack.enter_async_context(running(self.stand_ins, settings, only=only))
        self.apps.append(app)
        return app

    async def start_over_http(
        self,
        only: frozenset[Role] = WITHOUT_GATEWAY,
        **changes: Any,  # noqa: ANN401  # settings of any type
    ) -> App:
        """As `start`, and Discord sends its interactions to this process."""
        app = await self.start(only, interactions_public_key=self.discord.endpoint.public_key, **changes)
        await self.discord.endpoint.register(f"{app.settings.public_url}/interactions")
        return app

    async def stop(self) -> None:
        await self.stack.aclose()

    async def announced(self, *, other_than: str = "") -> str:
        """The digest of the announced commands once stored, the last thing that a start writes."""
        memos, name = self.app.storage.reading.memos, f"commands of {self.app.client.application_id}"

        async def is_stored() -> bool:
            return (await memos.get(name) or "") not in {"", other_than}

        await eventually(is_stored)
        return await memos.get(name) or ""

    async def extend(self, **options: Any) -> Invocation:  # noqa: ANN401  # options of any type
        """Mia uses `/extend` in #songs, with the source as `audio` unless given otherwise."""
        if not {"url", "track", "audio"} & options.keys():
            options["audio"] = Upload(self.source)
        return await self.mia.command(self.songs, "extend", **options)

    async def result(self, number: int = 1) -> Message:
        """The channel's n-th message with tracks or a failure."""
        return await ended(self.songs, number)

    async def job(self) -> Job:
        """Mia's latest job."""
        return (await self.app.storage.reading.jobs.of_member(self.mia.id, limit=1))[0]

    async def job_in(self, state: JobState) -> Job:
        """Mia's latest job once it is in `state`; waits for requests, as jobs change only with those."""
        found: list[Job] = []

        async def look() -> bool:
            jobs = await self.app.storage.reading.jobs.of_member(self.mia.id, limit=1)
            found[:] = [job for job in jobs if job.state is state]
            return bool(found)

        await eventually(look)
        return found[0]

    async def balance(self) -> QuotaBalance:
        ledger = self.app.storage.reading.ledger
        return await ledger.balance(self.mia.id, day=quota_day(utc_now()), limit=self.settings.quota_per_day)

    def handed_over(self) -> list[str]:
        """The paths of the bot's requests to the provider, apart from asking for its credits at the start."""
        return [request.path for request in self.suno.requests if not request.path.endswith("/credit")]

    def progress(self) -> Message:
        return next(message for message in self.songs.messages if not message.embeds)


async def ended(channel: Channel, number: int = 1) -> Message:
    """The n-th message in `channel` about a job's end."""
    await channel.wait_until(lambda here: len(ends(here)) >= number)
    return ends(channel)[number - 1]


def ends(channel: Channel) -> list[Message]:
    return [message for message in channel.messages if message.embeds]


async def sent(town: Town, **options: object) -> dict[str, object]:
    """What reaches the music service from one `/extend`, without addresses."""
    await town.extend(**options)
    await town.suno.wait_for_submit()
    body = next(request.json for request in town.suno.requests if request.path.endswith("/upload-extend"))
    assert body is not None
    return {name: value for name, value in body.items() if name not in {"uploadUrl", "callBackUrl"}}


async def eventually(
    look: Callable[[], Any], *, seconds: float = PATIENCE_SECONDS, every_seconds: float = 0.01
) -> None:
    """Wait until `look` is true; for database changes, which no event announces."""
    async with asyncio.timeout(seconds):
        while not await look():  # noqa: ASYNC110  # the database sends no events
            await asyncio.sleep(every_seconds)


@asynccontextmanager
async def a_town(
    folder: Path,
    source: Path,
    suno: SunoOptions = QUICK,
    discord: DiscordOptions = UNHURRIED,
    *,
    over_http: bool = False,
) -> AsyncIterator[Town]:
    """Everything but the bot, which `Town.start` starts; at the end each request is held against Discord's document."""
    async with stand_ins(suno, folder=folder, discord=discord) as both:
        postgres_url = await postgres_url_for(both.settings.database_path)
        guild = both.discord.guild("Harbour Choir")
        town = Town(
            stand_ins=both,
            settings=replace(
                both.settings,
                postgres_url=postgres_url,
                database_connections=4,
                progress_every_seconds=0.05,
                retry_base_seconds=0.05,
                lease_seconds=30.0,
                open_commands_per_member=1000,
                join_preview=False,  # it takes longer than everything else, and has its own tests
            ),
            stack=AsyncExitStack(),
            guild=guild,
            songs=guild.channel("songs"),
            mia=both.discord.member("Mia", guild=guild),
            source=source,
            over_http=over_http,
        )
        with overhearing() as said:
            try:
                yield town
            finally:
                await town.stop()
    check_requests(town)
    check_secrets(town, said.lines)


def check_secrets(town: Town, logged: list[str]) -> None:
    """No secret in anything logged or posted: tokens, the key, callback addresses, signed links."""
    secrets = {town.settings.discord_token, town.settings.suno_api_key}
    secrets |= {interaction.token for interaction in town.discord.world.interactions.values()}
    for task in town.suno.tasks.values():
        secrets |= {str(task.request["callBackUrl"]).rpartition("/")[2], str(task.request["uploadUrl"])}
    shown = [
        str((version.content, version.embeds, version.components))
        for person in town.discord.world.people.values()
        for channel in (*town.guild.channels, town.discord.world.dm_with(person))
        for message in channel.messages
        if message.author is not person
        for version in message.versions
    ]
    own_links = re.compile(rf"{re.escape(town.discord.world.links.base)}/attachments/[^'\"]+")
    shown = [own_links.sub("[a file of the message's own, signed by Discord]", words) for words in shown]
    found = secrets_in((*logged, *shown), more=secrets)
    assert not found, found[:3]


def check_requests(town: Town) -> None:
    """Check the bot's requests against Discord's OpenAPI document, if present (see `openapi`)."""
    openapi = load_openapi()
    if openapi is None:
        return
    problems = [
        f"{request.method} {request.path}: {problem}"
        for request in town.discord.requests
        if request.status is not None  # from a bot that was killed, so it is incomplete
        for problem in openapi.violations(request.method, request.path, request.query, request.payload)
    ]
    assert not problems, "\n".join(problems)


def undescribed_keys(town: Town) -> set[str]:
    """Keys that the bot sent and Discord's document does not name, such as `PATCH body.tts`."""
    openapi = load_openapi()
    if openapi is None:
        return set()
    return {
        f"{request.method} {re.sub(r'[.][0-9]+', '', key)}"
        for request in town.discord.requests
        for key in openapi.unknown_keys(request.method, request.path, request.payload)
    }
