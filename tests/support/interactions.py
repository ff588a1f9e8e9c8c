"""The address for Discord's interactions over real sockets, and requests to it, signed or not."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from bot.domain.public_address import SelfCalls
from bot.sandbox.discord.wire.signing import Signer
from bot.web.ed25519 import verifier
from bot.web.interactions import PATH, InteractionEndpoint
from tests.support.web import Parts, serving

NOW = 1_795_000_000.0
COMMAND: Mapping[str, Any] = {"id": "1", "type": 2, "token": "t", "data": {"name": "quota"}}


class Taken:
    """Keeps what is taken in, and counts the signatures that are checked."""

    def __init__(self) -> None:
        self.signer = Signer()
        self.forger = Signer()
        self.taken: list[Mapping[str, Any]] = []
        self.verified = 0
        self.is_ready = True
        self.fault: Exception | None = None
        self._verify = verifier(self.signer.public_key)

    def verify(self, message: bytes, *, signature: bytes) -> bool:
        self.verified += 1
        return self._verify(message, signature=signature)

    def take_in(self, interaction: Mapping[str, Any]) -> None:
        if self.fault is not None:
            raise self.fault
        self.taken.append(interaction)

    def endpoint(self, *, body_seconds: float = 10, self_calls: SelfCalls | None = None) -> InteractionEndpoint:
        return InteractionEndpoint(
            verify=self.verify,
            take_in=self.take_in,
            is_ready=lambda: self.is_ready,
            body_seconds=body_seconds,
            self_calls=self_calls,
        )

    def signed(self, body: bytes) -> dict[str, str]:
        return dict(self.signer.headers(body, at=NOW))

    def forged(self, body: bytes) -> dict[str, str]:
        return dict(self.forger.headers(body, at=NOW))


@asynccontextmanager
async def interactions(taken: Taken, *, body_seconds: float = 10) -> AsyncIterator[int]:
    """The port."""
    parts = Parts()
    parts.interactions = taken.endpoint(body_seconds=body_seconds)
    async with serving(parts) as port:
        yield port


async def post(port: int, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    """Status and text of the answer."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{port}{PATH}", data=body, headers=headers) as answer,
    ):
        return answer.status, await answer.text()


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()
