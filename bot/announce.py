"""Announce the commands to Discord, once for each change, while the bot is working."""

import asyncio
import contextlib
import hashlib
import json
import logging
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

import discord
from discord import app_commands

from bot.chat.discord_errors import TROUBLES, in_words
from bot.chat.translator import DescriptionTranslator
from bot.domain.pace import backoff_seconds
from bot.errors import Outage
from bot.services.common.clock import Clock, utc_now
from bot.services.common.command_mentions import remember_ids
from bot.services.common.ports import Storage, Work

log = logging.getLogger(__name__)

RETRY_CAP_SECONDS = 300.0
TURN = timedelta(minutes=2)
"""How long one process may take to announce them before another tries. discord.py repeats its request for 25 s."""
GIVE_BACK_SECONDS = 2.0
LOOK_SECONDS = 1.0
"""How often the others look whether it is done."""

Tree = app_commands.CommandTree[discord.Client]


class CommandsRejected(Exception):
    """Discord rejects the commands; `str(error)` is one line that names the field."""


async def keep_announced(tree: Tree, storage: Storage, clock: Clock = utc_now) -> None:
    """Announce the commands if they have changed since last time; retry until Discord answers.

    Announcing at every start would run into Discord's limits (docs/discord.md 1.4). A rejected set is not sent
    again until the next start. Of several processes that start together, one announces and the others wait for it.
    """
    turn = _Turn(tree, storage, clock)
    try:
        await _keep_announced(tree, storage, turn)
    except asyncio.CancelledError:
        await turn.give_back()  # it may have been cancelled right after its turn was written down
        raise


async def _keep_announced(tree: Tree, storage: Storage, turn: "_Turn") -> None:
    failures = 0
    while True:
        try:
            digest = _digest(tree)
            if await storage.reading.memos.get(_name(tree)) == digest:
                return
            if not await turn.take(digest):
                await asyncio.sleep(LOOK_SECONDS)
                continue
            count = await _announced_or_given_back(tree, storage, turn, digest)
        except CommandsRejected as error:
            log.error("%s; members keep the commands that Discord already knows", error)  # noqa: TRY400  # one line
            return
        except (*TROUBLES, Outage) as error:
            cause = str(error) if isinstance(error, Outage) else in_words(error)
            if not failures:
                log.warning("the commands could not be announced (%s); trying again until it works", cause)
        except Exception:
            # The bot works without this, so an unexpected answer must not end it.
            if not failures:
                log.exception("the commands could not be announced; trying again until it works")
        else:
            log.info("announced %d commands to Discord", count)
            return
        failures += 1
        await asyncio.sleep(backoff_seconds(failures, base_seconds=0.5, cap_seconds=RETRY_CAP_SECONDS))


async def _announced_or_given_back(tree: Tree, storage: Storage, turn: "_Turn", digest: str) -> int:
    """After a success the turn ends with the digest, in one transaction. Raises as `announce` does."""
    try:
        return await _announce(tree, storage, digest)
    except Exception:
        await turn.give_back()
        raise


async def announce(tree: Tree, storage: Storage) -> int:
    """Announce all commands, whatever was announced before; returns their number.

    Raises:
        CommandsRejected: Discord refuses their content.
        One of `TROUBLES`: Discord did not answer, or refused for another reason.
        Outage: they are announced, but that could not be written down.
    """
    return await _announce(tree, storage, _digest(tree))


async def _announce(tree: Tree, storage: Storage, digest: str) -> int:
    try:
        announced = await tree.sync()
    except app_commands.CommandSyncFailure as error:
        # discord.py gives the path to the field on several lines below a heading.
        heading, *path = [line.strip() for line in str(error).splitlines()]
        raise CommandsRejected(f"Discord rejects the commands: {': '.join(path) or heading}") from error
    ids = {each.name: each.id for each in announced if each.type is discord.AppCommandType.chat_input}
    await _remember(tree, storage, digest, ids)
    return len(tree.get_commands())


async def clear(tree: Tree, storage: Storage) -> None:
    """Remove all global commands from Discord; the next start announces them again.

    Raises: like `announce`, except for `CommandsRejected`.
    """
    tree.clear_commands(guild=None)
    await tree.sync()
    await _remember(tree, storage, "", {})


async def _remember(tree: Tree, storage: Storage, digest: str, ids: Mapping[str, int]) -> None:
    async def remembered(work: Work) -> None:
        await remember_ids(work.memos, tree.client.application_id, ids)
        await work.memos.put(_name(tree), digest)
        await work.memos.put(_turn_name(tree), "")

    await storage.write(remembered)


def _name(tree: Tree) -> str:
    return f"commands of {tree.client.application_id}"


def _turn_name(tree: Tree) -> str:
    return f"{_name(tree)}: whose turn"


def _digest(tree: Tree) -> str:
    """Equal for the same commands and files of translations, in whatever order the commands were added."""
    commands = [command.to_dict(tree) for command in tree.get_commands()]
    commands.sort(key=lambda command: (command["type"], command["name"]))
    digest = hashlib.sha256(json.dumps(commands, sort_keys=True).encode())
    if isinstance(tree.translator, DescriptionTranslator):
        digest.update(tree.translator.digest().encode())
    return digest.hexdigest()


class _Turn:
    """The right to announce, which one process at a time has; that of a process which died runs out."""

    def __init__(self, tree: Tree, storage: Storage, clock: Clock) -> None:
        self._tree = tree
        self._storage = storage
        self._name = _turn_name(tree)
        self._clock = clock
        self._process = secrets.token_hex(8)

    async def take(self, digest: str) -> bool:
        """False while another process has it, or once one has announced `digest`. Raises an outage."""

        async def taken(work: Work) -> bool:
            now = self._clock()  # not before: while it waited, another process may have begun its turn
            if await work.memos.get(_name(self._tree)) == digest:
                return False
            owner, _, until = (await work.memos.get(self._name) or "").partition(" ")
            # A turn that ends far later than it can says that the clock was set back.
            if owner not in {"", self._process} and now < datetime.fromisoformat(until) <= now + 2 * TURN:
                return False
            await work.memos.put(self._name, f"{self._process} {(now + TURN).isoformat()}")
            return True

        return await self._storage.write(taken)

    async def give_back(self) -> None:
        """End this process's turn, if it has one; otherwise others would wait for it to run out."""

        async def given_back(work: Work) -> None:
            if (await work.memos.get(self._name) or "").startswith(f"{self._process} "):
                await work.memos.put(self._name, "")

        with contextlib.suppress(Outage, TimeoutError):
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await self._storage.write(given_back)
