"""Several workers that share a task."""

import asyncio

from bot.fault_points import hold
from bot.sandbox.patience import PATIENCE_SECONDS
from bot.services.common.bells import Bell
from bot.services.common.worker import Task


async def wakes_another_worker(task: Task, bell: Bell, *, before: str) -> None:
    """Take a step of `task` while another worker rests: that one is woken before the step gets to `before`."""
    async with asyncio.timeout(PATIENCE_SECONDS), hold(before) as point, asyncio.TaskGroup() as group:
        other = group.create_task(bell.wait(seen=bell.rung, timeout_seconds=PATIENCE_SECONDS))
        working = group.create_task(task.step())
        await point.reached()
        await other
        point.release()
    assert working.result()
