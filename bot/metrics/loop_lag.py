"""How late the event loop is: what blocks it delays every acknowledgement."""

import asyncio

from bot.metrics.meters import Meters

LOOK_SECONDS = 0.25


async def keep_measuring(meters: Meters) -> None:
    loop = asyncio.get_running_loop()
    while True:
        wakes_at = loop.time() + LOOK_SECONDS
        await asyncio.sleep(LOOK_SECONDS)
        meters.observe("encore_event_loop_lag_seconds", max(0.0, loop.time() - wakes_at))
