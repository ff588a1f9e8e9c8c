"""Which interactions are being handled: discord.py runs each in a task that it doesn't expose, but names."""

import asyncio

TASK_NAMES = ("CommandTree-invoker", "discord-ui-", "discord.py: on_interaction")
"""How the tasks' names begin: commands and suggestions; buttons and menus; forms (`cogs/form.py`)."""


def _interactions() -> set[asyncio.Task[object]]:
    return {task for task in asyncio.all_tasks() if task.get_name().startswith(TASK_NAMES)}


async def interactions_finished(*, timeout_seconds: float) -> int:
    """Wait for those under way; returns how many did not finish in time."""
    tasks = _interactions()
    if not tasks:
        return 0
    _, pending = await asyncio.wait(tasks, timeout=timeout_seconds)
    return len(pending)
