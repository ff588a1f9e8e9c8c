"""Log the credits left at the start, so that a wrong key or address is noticed before the first command."""

import asyncio
import contextlib
import logging
from datetime import datetime, timedelta

import msgspec

from bot.domain.models import CREDITS_PER_JOB, pays_for_a_job
from bot.errors import Outage, ProviderError, ProviderUnauthorized
from bot.services.common.aggregates import Memos
from bot.services.common.clock import Clock
from bot.services.common.ports import Provider, Storage, Work

log = logging.getLogger(__name__)

CHECKED = "latest credits check"
KNOWN = "latest credits"
"""Unlike the check itself, this keeps the last number while somebody asks again."""
ASKING = "asking"
LOOK_SECONDS = 0.5
"""How often the others look for its answer."""


class Checked(msgspec.Struct, frozen=True):
    at: datetime
    credits_left: float


class Balance:
    """When several processes start together on one database, one asks, and the others use its answer."""

    def __init__(
        self, storage: Storage, provider: Provider, *, account: str, lasts_seconds: float, clock: Clock
    ) -> None:
        """`account`: distinguishes accounts, and may be stored. `lasts_seconds`: how long a check counts."""
        self._storage = storage
        self._provider = provider
        self._account = account
        self._lasts = timedelta(seconds=lasts_seconds)
        self._clock = clock

    async def say(self) -> None:
        """Log the credits once."""
        try:
            credits_left = await self.checked()
        except ProviderUnauthorized as error:
            log.error("SUNO_API_KEY is refused (%s): check it in .env", error)  # noqa: TRY400  # one line is enough
        except ProviderError as error:
            log.warning(
                "cannot ask the music service for its credits (%s): if this lasts, check SUNO_API_URL and the network",
                error,
            )
        except Exception:
            log.exception("cannot ask the music service for its credits")
        else:
            if not pays_for_a_job(credits_left):
                log.warning("%g credits left, and an extension costs %d: top up", credits_left, CREDITS_PER_JOB)
            else:
                log.info("%g credits left; an extension costs %d", credits_left, CREDITS_PER_JOB)

    async def checked(self) -> float:
        """The credits now, or as another process has found them a moment ago. Raises `ProviderError`s."""
        if not self._storage.is_shared:
            return await self._asked()
        while (latest := await self._latest_or_turn()) == ASKING:  # noqa: ASYNC110  # the database sends no events
            await asyncio.sleep(LOOK_SECONDS)
        return await self._asked() if latest is None else float(latest)

    async def _latest_or_turn(self) -> str | None:
        """As `_latest`; None: it is this process's turn to ask, while the others wait."""

        async def turned(work: Work) -> str | None:
            latest = self._latest(await work.memos.get(CHECKED) or "")
            if latest is None:
                await work.memos.put(CHECKED, self._record(ASKING))
            return latest

        return await self._storage.write(turned)

    async def _asked(self) -> float:
        """A failure is not shared: the next process asks for itself, as it does if this cannot be stored."""
        try:
            credits_left = await self._provider.credits()
        except Exception:
            await self._storage.write(lambda work: work.memos.put(CHECKED, ""))
            raise
        found = self._record(str(credits_left))

        async def written(work: Work) -> None:
            await work.memos.put(CHECKED, found)
            await work.memos.put(KNOWN, found)

        with contextlib.suppress(Outage):
            await self._storage.write(written)
        return credits_left

    async def known(self, memos: Memos) -> float | None:
        """The credits at the last check of this account, however long ago; None before the first."""
        checked = self.parse(await memos.get(KNOWN) or "")
        return None if checked is None else checked.credits_left

    def parse(self, words: str) -> "Checked | None":
        """The value of the memo `KNOWN`; None for another account."""
        at, found = self._parsed(words)
        return None if at is None or found is None else Checked(at, float(found))

    def _record(self, found: str) -> str:
        return f"{self._account} {self._clock().isoformat()} {found}"

    def _latest(self, words: str) -> str | None:
        """What the latest check of this account found, or that one is under way; None if there was none lately."""
        at, found = self._parsed(words)
        return found if at is not None and timedelta(0) <= self._clock() - at < self._lasts else None

    def _parsed(self, words: str) -> tuple[datetime | None, str | None]:
        """When this account was last checked, and what was found."""
        try:
            account, at, found = words.split()
            return (datetime.fromisoformat(at), found) if account == self._account else (None, None)
        except ValueError:
            return None, None
