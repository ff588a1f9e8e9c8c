"""What the services need from the aggregates behind `/song`, `/library` and `/preset`."""

from typing import Protocol

from bot.domain.jobs import Job
from bot.domain.library import Edge, LibraryQuery
from bot.domain.presets import Preset


class Library(Protocol):
    async def page(self, member_id: int, query: LibraryQuery, *, edge: Edge | None, limit: int) -> list[Job]:
        """The delivered jobs of the member nearest to `edge`, newest first; None: the newest."""

    async def public(self, guild_id: int, *, search: str, among: int, limit: int) -> list[Job]:
        """Jobs whose results everyone in the channel could see, newest first, from the latest `among` of the server."""


class Presets(Protocol):
    async def put(self, preset: Preset) -> None:
        """In place of the member's preset of the same name; which one is in use does not change."""

    async def get(self, member_id: int, name: str) -> Preset | None: ...

    async def in_use(self, member_id: int) -> Preset | None:
        """The one that counts wherever the member names none."""

    async def of_member(self, member_id: int) -> list[Preset]:
        """By name."""

    async def use(self, member_id: int, name: str | None) -> None:
        """From now on, this one is in use; None: none is."""

    async def delete(self, member_id: int, name: str) -> bool:
        """False if there was none."""
