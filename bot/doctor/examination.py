"""Runs the checks one after another. What depends on something that failed is skipped and says so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Mapping, Sequence

import msgspec

from bot.doctor.finding import Finding, Found, Status, failed

CHECK_SECONDS = 90.0
"""The longest that one check may take; discord.py repeats a request for 25 s."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """`run` takes a look. `needs`: earlier checks that must not have failed. `settings`: those that must be good."""

    name: str
    run: Callable[[], Awaitable[Found]]
    needs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    seconds: float = CHECK_SECONDS


async def examine(checks: Sequence[Check], bad_settings: Container[str]) -> AsyncIterator[Finding]:
    """Yield each finding as it is made. `bad_settings`: the names of those that are missing or unusable."""
    causes: dict[str, str] = {}  # by check: what has to be fixed before it can be ok
    for check in checks:
        cause = _obstacle(check, causes, bad_settings)
        if cause:
            found = Found(status=Status.SKIPPED, tried="nothing", came_back=f"not checked: {cause}")
            causes[check.name] = cause
        else:
            found = await _looked(check)
            if found.status is Status.FAILED:
                causes[check.name] = f"“{check.name}” has to be fixed first"
        yield Finding(
            name=check.name, status=found.status, tried=found.tried, came_back=found.came_back, remedy=found.remedy
        )


def _obstacle(check: Check, causes: Mapping[str, str], bad_settings: Container[str]) -> str:
    bad = next((name for name in check.settings if name in bad_settings), "")
    if bad:
        return f"{bad} has to be corrected first"
    return next((causes[name] for name in check.needs if name in causes), "")


async def _looked(check: Check) -> Found:
    try:
        async with asyncio.timeout(check.seconds) as limit:
            return await check.run()
    except Exception as error:  # noqa: BLE001  # one check never ends the others
        if isinstance(error, TimeoutError) and limit.expired():
            return failed(check.name, f"it took longer than {check.seconds:g} s", "try again, and check the network")
        what = f"{type(error).__name__}: {error}"
        return failed(check.name, f"the check itself failed ({what})", "please report this fault in Encore")
