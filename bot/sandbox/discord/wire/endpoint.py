"""Interactions over HTTP: signed requests to the application's Interactions Endpoint URL (docs/discord.md 2.5).

While such an address is registered, the gateway gets no interactions.
"""

import asyncio
import json
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from bot.sandbox.discord.refuse.body import Body
from bot.sandbox.discord.refuse.limits import Refused
from bot.sandbox.discord.wire import payloads
from bot.sandbox.discord.wire.http.interactions import take_answer
from bot.sandbox.discord.world.interactions import Interaction, InteractionNews
from bot.sandbox.discord.world.shapes import Json, News
from bot.sandbox.discord.world.state import World
from bot.sandbox.patience import PATIENCE_SECONDS

if TYPE_CHECKING:
    from bot.sandbox.discord.wire.signing import Signer

PING = PONG = 1
USER_AGENT = "Discord-Interactions/1.0 (+https://discord.com)"
KEPT = 1000


class NotVerified(Exception):
    """Discord does not register this address; the text says what it answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request that carried an interaction; `status` 0: no answer in time, or the connection was lost."""

    interaction: Interaction
    headers: Mapping[str, str]
    body: bytes
    status: int


class Endpoint:
    """`deliveries` are the latest. `forged` counts the answers to wrongly signed requests by status."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.deliveries: deque[Delivery] = deque(maxlen=KEPT)
        self.forged: Counter[int] = Counter()
        self.removed_because = ""
        self.crashes: list[Exception] = []  # the stand-in's own
        self._sent = 0
        self._signers: list[Signer] = []
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        world.listeners.append(self._pass_on)

    @property
    def url(self) -> str:
        """Empty while interactions go to the gateway."""
        return self._world.interactions_url

    @property
    def public_key(self) -> str:
        """The application's, 64 hex digits. The first look makes the key pair."""
        key = self._signer().public_key
        self._world.public_key = key
        return key

    async def register(self, url: str) -> None:
        """Enter the address on the application's page. Discord tries it first (`_verify`).

        Raises:
            NotVerified: it does not answer as it must; nothing has changed.
        """
        await self._verify(url)
        self._world.interactions_url = url
        self.removed_because = ""

    def remove(self) -> None:
        """Send interactions to the gateway from now on."""
        self._world.interactions_url = ""

    async def replay(self) -> int:
        """Send the latest delivery again, byte for byte, as an eavesdropper could; the status of the answer."""
        latest = self.deliveries[-1]
        status, _ = await self._post(self.url, latest.body, latest.headers)
        return status

    async def wait_delivered(self, number: int = 1, *, timeout: float = PATIENCE_SECONDS) -> Delivery:
        """The delivery of this number among those remembered, counted from 1, once it is answered."""
        return await self._world.changes.until(
            lambda: self.deliveries[number - 1] if len(self.deliveries) >= number else None,
            timeout=timeout,
            wanted=f"delivery {number}",
            seen=lambda: ", ".join(f"{each.interaction.what} {each.status}" for each in self.deliveries),
        )

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _signer(self, *, forger: bool = False) -> "Signer":
        if not self._signers:
            from bot.sandbox.discord.wire.signing import Signer  # noqa: PLC0415  # PyNaCl is optional

            self._signers = [Signer(), Signer()]
        return self._signers[forger]

    def _signed(self, body: bytes, *, forged: bool = False) -> Mapping[str, str]:
        return self._signer(forger=forged).headers(body, at=self._world.clock().timestamp())

    async def _verify(self, url: str) -> None:
        """A PING must be answered 200 with a PONG and a content type, and one that is signed wrongly with 401."""
        body = json.dumps(self._ping()).encode()
        status, answer = await self._post(url, body, self._signed(body))
        if status != 200 or answer is None or answer.get("type") != PONG:
            raise NotVerified(f"a PING was answered {status} {answer}")
        for headers in (self._signed(body, forged=True), self._signed(body + b" "), {}):
            status = await self._forge(url, body, headers)
            if status != 401:
                raise NotVerified(f"a wrongly signed request was answered {status}")

    async def _forge(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        status, _ = await self._post(url, body, headers)
        self.forged[status] += 1
        return status

    def _ping(self) -> Json:
        return {
            "id": str(self._world.snowflakes.new()),
            "application_id": str(self._world.application_id),
            "type": PING,
            "token": "a token of no use",
            "version": 1,
        }

    def _pass_on(self, news: News) -> None:
        if isinstance(news, InteractionNews) and self.url:
            task = asyncio.get_running_loop().create_task(self._deliver(news.interaction), name="interaction")
            self._tasks.add(task)
            task.add_done_callback(self._note_end)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self.crashes.append(error)

    async def _deliver(self, interaction: Interaction) -> None:
        url, body = self.url, json.dumps(payloads.interaction(interaction)).encode()
        self._sent += 1
        if self._sent % self._world.options.forged_every == 0:
            await self._check_now_and_then(url, body)
        headers = self._signed(body)
        status, answer = await self._post(url, body, headers)
        if interaction.answered is None and status != 202:
            self._take(interaction, answer if status == 200 else None)
        self.deliveries.append(Delivery(interaction=interaction, headers=headers, body=body, status=status))
        self._world.changes.tell()

    async def _check_now_and_then(self, url: str, body: bytes) -> None:
        """Remove an address that accepts wrongly signed requests, but not one that does not answer (gh #2328)."""
        status = await self._forge(url, body, self._signed(body, forged=True))
        if status not in (0, 401) and status < 500:
            self.removed_because = f"a wrongly signed request was answered {status}"
            self.remove()

    def _take(self, interaction: Interaction, answer: Json | None) -> None:
        """Take the first answer from the response itself; without one, Discord gives up on the interaction."""
        try:
            if answer is None:
                interaction.give_up()
            else:
                take_answer(interaction, Body(value=answer))
        except Refused:
            interaction.give_up()

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Json | None]:
        """The status, 0 without an answer in time, and the JSON of the answer."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._world.options.acknowledge_seconds)
            # Each request on a connection of its own, so that a load balancer spreads them.
            self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(force_close=True))
        all_headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT, **headers}
        try:
            async with self._session.post(url, data=body, headers=all_headers, allow_redirects=False) as answer:
                return answer.status, _json(answer.content_type, await answer.read())
        except (aiohttp.ClientError, TimeoutError):
            return 0, None


def _json(content_type: str, raw: bytes) -> Json | None:
    if content_type != "application/json":
        return None
    try:
        found: Any = json.loads(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
