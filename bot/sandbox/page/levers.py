"""Levers: what a person at the page can make happen, each with what to expect of it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from bot.sandbox.discord.user.client import ClientRefuses
from bot.sandbox.discord.wire.troubles import TroubleKind
from bot.sandbox.discord.world.shapes import Json
from bot.sandbox.page.scene import Scene

log = logging.getLogger(__name__)

UNREACHABLE_SECONDS = 8.0
A_MINUTE, A_QUARTER, A_DAY = 60.0, 15 * 60.0, 86_400.0
FULL_CREDITS = 10_000.0
MESSAGES = "/channels/{channel_id}/messages"
Act = Callable[[Scene], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class Lever:
    """`expect` says what will be seen once it is pulled."""

    name: str
    group: str
    label: str
    expect: str
    act: Act


def _speed(scale: float) -> Act:
    def act(scene: Scene) -> None:
        scene.suno.time_scale = scale

    return act


def _next_job(*words: str) -> Act:
    return lambda scene: scene.suno.next_submit(*words)


def _trouble(kind: TroubleKind, times: int, *, status: int = 500, retry_after_seconds: float = 3.0) -> Act:
    """It strikes the bot's next posts into channels."""

    def act(scene: Scene) -> None:
        scene.discord.troubles.add(
            "POST", MESSAGES, kind, times, status=status, retry_after_seconds=retry_after_seconds
        )

    return act


def _credits(amount: float) -> Act:
    def act(scene: Scene) -> None:
        scene.suno.credits = amount

    return act


def _key(*, refused: bool) -> Act:
    def act(scene: Scene) -> None:
        scene.suno.refuse_key = refused

    return act


async def _unreachable(scene: Scene) -> None:
    async with scene.discord.unreachable():
        await asyncio.sleep(UNREACHABLE_SECONDS)


def _drop(scene: Scene) -> None:
    scene.discord.gateway.drop()


def _deliver_twice(scene: Scene) -> None:
    scene.discord.gateway.deliver_twice()


def _calm(scene: Scene) -> None:
    scene.discord.troubles.clear()


def _advance(seconds: float) -> Act:
    return lambda scene: scene.advance(seconds)


async def _kill(scene: Scene) -> None:
    if scene.bot is not None:
        await scene.bot.kill()


async def _stop(scene: Scene) -> None:
    if scene.bot is not None:
        await scene.bot.stop()


async def _start(scene: Scene) -> None:
    if scene.bot is not None:
        await scene.bot.start()


SPEED, NEXT, ACCOUNT, DISCORD, CLOCK, BOT = (
    "Speed of the music service",
    "The next extension",
    "The account",
    "Discord",
    "The clock",
    "The bot",
)
LEVERS: tuple[Lever, ...] = (
    Lever(
        "speed-fast",
        SPEED,
        "Fast",
        "An extension takes about 5 seconds. Jobs under way speed up at their next stage.",
        _speed(0.03),
    ),
    Lever("speed-usual", SPEED, "Brisk", "An extension takes about 18 seconds. This is the default.", _speed(0.1)),
    Lever("speed-real", SPEED, "Real", "An extension takes about three minutes, as at the real service.", _speed(1.0)),
    Lever(
        "lyrics-first",
        NEXT,
        "Lyrics first",
        "The first callback brings the lyrics of tracks that have no audio yet; the music follows as usual.",
        _next_job("text-tracks"),
    ),
    Lever("one-track", NEXT, "One track", "The result has one track instead of two.", _next_job("one-track")),
    Lever(
        "sensitive-words",
        NEXT,
        "Sensitive words",
        "The service rejects the words. The member is told why, and the extension isn't used up.",
        _next_job("sensitive-word"),
    ),
    Lever(
        "copyright",
        NEXT,
        "Copyright match",
        "The service recognises the recording. The member is told, and the extension isn't used up.",
        _next_job("callback-error 413"),
    ),
    Lever(
        "maintenance",
        NEXT,
        "Maintenance",
        "The service refuses the job twice for maintenance. The job keeps its place, and the bot tries again.",
        _next_job("error 455 2"),
    ),
    Lever(
        "silence",
        NEXT,
        "Silence",
        "The service takes the job and goes silent: no callbacks, no progress. The bot polls, says so, and"
        " gives up after a day. Move the clock forward to see it.",
        _next_job("silent"),
    ),
    Lever(
        "callbacks-lost",
        NEXT,
        "Callbacks lost",
        "No callback arrives. The bot notices, polls, and posts the music a little later.",
        _next_job("no-callbacks"),
    ),
    Lever(
        "callbacks-doubled",
        NEXT,
        "Callbacks doubled",
        "Each callback arrives twice. The music is posted once.",
        _next_job("duplicate"),
    ),
    Lever(
        "callbacks-late",
        NEXT,
        "Callbacks late",
        "The lyrics and the first track are reported after the end. Nothing changes.",
        _next_job("late"),
    ),
    Lever(
        "out-of-credits",
        ACCOUNT,
        "Out of credits",
        "The account is empty. The next job waits; its member and the operator are told why. Top up to continue.",
        _credits(0),
    ),
    Lever(
        "top-up",
        ACCOUNT,
        "Top up",
        "There are 10,000 credits again. Waiting jobs continue.",
        _credits(FULL_CREDITS),
    ),
    Lever(
        "refuse-key",
        ACCOUNT,
        "Refuse the key",
        "The service refuses the bot's key. Jobs wait, and the operator gets a direct message.",
        _key(refused=True),
    ),
    Lever("accept-key", ACCOUNT, "Accept the key", "The key works again. Waiting jobs continue.", _key(refused=False)),
    Lever(
        "post-refused",
        DISCORD,
        "Fail the next post",
        "Discord answers the bot's next post with an error. The bot tries again; the message appears once.",
        _trouble(TroubleKind.ERROR_BEFORE, 1),
    ),
    Lever(
        "post-lost",
        DISCORD,
        "Lose the next answer",
        "Discord posts the bot's next message and the connection breaks before the answer. It appears once.",
        _trouble(TroubleKind.ABORT_AFTER, 1),
    ),
    Lever(
        "rate-limit",
        DISCORD,
        "Rate limit",
        "Discord refuses the bot's next post for three seconds (429). The bot waits that long.",
        _trouble(TroubleKind.RATE_LIMITED, 1, status=429),
    ),
    Lever(
        "gateway-drop",
        DISCORD,
        "Drop the gateway",
        "The bot's connection breaks. It resumes within seconds and misses nothing.",
        _drop,
    ),
    Lever(
        "deliver-twice",
        DISCORD,
        "Deliver twice",
        "Discord delivers the next command or click twice. The bot carries it out once.",
        _deliver_twice,
    ),
    Lever(
        "unreachable",
        DISCORD,
        "Unreachable",
        "Discord can't be reached for eight seconds, and commands fail. The bot reconnects on its own.",
        _unreachable,
    ),
    Lever("calm", DISCORD, "End all troubles", "Discord works as it should again.", _calm),
    Lever(
        "clock-minute",
        CLOCK,
        "Forward a minute",
        "A minute passes for Discord and the bot. The bot's workers notice within half a minute.",
        _advance(A_MINUTE),
    ),
    Lever(
        "clock-quarter",
        CLOCK,
        "Forward 15 minutes",
        "Answers to commands can no longer be edited. A silent job becomes overdue, and its message says so.",
        _advance(A_QUARTER),
    ),
    Lever(
        "clock-day",
        CLOCK,
        "Forward a day",
        "Quotas are full again, links to files have expired, and a silent job is given up.",
        _advance(A_DAY),
    ),
    Lever(
        "kill",
        BOT,
        "Kill",
        "The bot dies at once, in the middle of whatever it was doing. Commands fail until you start it again.",
        _kill,
    ),
    Lever(
        "stop",
        BOT,
        "Stop",
        "The bot finishes what it can't leave undone, then exits. Commands fail until you start it again.",
        _stop,
    ),
    Lever("start", BOT, "Start", "The bot picks up where it left off. Nothing is lost or posted twice.", _start),
)
_BY_NAME: Mapping[str, Lever] = {lever.name: lever for lever in LEVERS}


class Levers:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._acting: dict[str, asyncio.Task[None]] = {}

    @property
    def listed(self) -> list[Json]:
        levers = [lever for lever in LEVERS if lever.group != BOT or self._scene.bot is not None]
        return [
            {"name": lever.name, "group": lever.group, "label": lever.label, "expect": lever.expect} for lever in levers
        ]

    async def pull(self, name: str) -> str:
        """Begin it, unless it is still under way, and return what to expect.

        Raises:
            ClientRefuses: there is no such lever.
        """
        lever = _BY_NAME.get(name)
        if lever is None:
            raise ClientRefuses(f"there is no lever {name}")
        if name not in self._acting and isinstance(begun := lever.act(self._scene), Awaitable):
            self._acting[name] = asyncio.create_task(self._whole(name, begun), name=f"lever {name}")
        return lever.expect

    async def _whole(self, name: str, work: Awaitable[None]) -> None:
        try:
            await work
        except (OSError, TimeoutError) as error:
            log.warning("lever %s: %s", name, str(error) or type(error).__name__)
        finally:
            del self._acting[name]

    async def close(self) -> None:
        """End what takes longer than the page is open."""
        acting = [*self._acting.values()]
        for task in acting:
            task.cancel()
        await asyncio.gather(*acting, return_exceptions=True)
