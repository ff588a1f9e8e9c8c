"""Troubles on demand: what a busy or broken platform does to requests."""

import asyncio
import re
from dataclasses import dataclass, field
from enum import StrEnum

from bot.sandbox.discord.world.changes import Changes
from bot.sandbox.patience import PATIENCE_SECONDS


class TroubleKind(StrEnum):
    ERROR_BEFORE = "error before the effect"  # answers `status`; nothing happened
    ERROR_AFTER = "error after the effect"  # answers `status`; it happened all the same
    RATE_LIMITED = "429"  # with the `Via` header, from Discord itself
    BANNED = "429 without Via"  # from the network in front of Discord
    ABORT_BEFORE = "connection lost before the effect"
    ABORT_AFTER = "connection lost after the effect"
    HOLD_BEFORE = "held before the effect"  # until `Trouble.release()`
    HOLD_AFTER = "held after the effect"


BEFORE = frozenset(
    {
        TroubleKind.ERROR_BEFORE,
        TroubleKind.RATE_LIMITED,
        TroubleKind.BANNED,
        TroubleKind.ABORT_BEFORE,
        TroubleKind.HOLD_BEFORE,
    }
)


@dataclass(slots=True, kw_only=True, eq=False)
class Trouble:
    """Strikes `left` more requests of `method` (`*`: any) to a path like `path`; `hits` counts them."""

    method: str
    path: str
    kind: TroubleKind
    left: int
    status: int = 500
    code: int = 0
    message: str = "Internal Server Error"
    retry_after_seconds: float = 0.05
    is_global: bool = False
    hits: int = 0
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _changes: Changes = field(default_factory=Changes)

    def release(self) -> None:
        """Let all held requests pass, and later ones too."""
        self._released.set()

    async def reached(self, times: int = 1, *, timeout: float = PATIENCE_SECONDS) -> None:
        """Wait until it has struck `times` times. Raises `NeverHappened`."""
        await self._changes.until(
            lambda: self.hits >= times,
            timeout=timeout,
            wanted=f"{self.method} {self.path} hit {times} times by {self.kind!s}",
            seen=lambda: f"{self.hits} hits",
        )

    async def wait_released(self) -> None:
        await self._released.wait()

    def strike(self) -> None:
        self.left -= 1
        self.hits += 1
        self._changes.tell()


class Troubles:
    def __init__(self) -> None:
        self._troubles: list[Trouble] = []

    def add(
        self,
        method: str,
        path: str,
        kind: TroubleKind,
        times: int = 1,
        *,
        status: int = 500,
        code: int = 0,
        message: str = "Internal Server Error",
        retry_after_seconds: float = 0.05,
        is_global: bool = False,
    ) -> Trouble:
        """Strike the next `times` requests of `method` ("*": any) to `path`.

        In `path`, which has no `/api/v10`, `*` stands for anything and `{name}` for anything without a slash:
        `/channels/{channel_id}/messages`, `/webhooks/*`. `status`, `code` and `message` are what the two kinds of
        error answer, also 4xx; the last two belong to RATE_LIMITED. Troubles added first strike first.
        """
        trouble = Trouble(
            method=method,
            path=path,
            kind=TroubleKind(kind),
            left=times,
            status=status,
            code=code,
            message=message,
            retry_after_seconds=retry_after_seconds,
            is_global=is_global,
        )
        self._troubles.append(trouble)
        return trouble

    def take(self, method: str, path: str, *, before: bool) -> Trouble | None:
        """The trouble that strikes this request before (or after) its effect."""
        for trouble in self._troubles:
            is_meant = (trouble.kind in BEFORE) is before and trouble.method in ("*", method)
            if trouble.left > 0 and is_meant and _like(trouble.path).fullmatch(path):
                trouble.strike()
                return trouble
        return None

    def clear(self) -> None:
        """End all troubles and let held requests pass."""
        for trouble in self._troubles:
            trouble.left = 0
            trouble.release()
        self._troubles.clear()


def _like(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\w+\}|\*)", pattern)
    return re.compile(
        "".join(".*" if part == "*" else "[^/]+" if part.startswith("{") else re.escape(part) for part in parts)
    )
