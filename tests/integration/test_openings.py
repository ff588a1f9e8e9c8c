"""Which interactions of a member count as a sign that their direct messages may be open again."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import discord
import pytest

from bot.domain.jobs import JobState
from bot.services.common.messenger import RouteClosed
from cogs.openings import OpeningsCog
from tests.support.pipeline import MIA, Pipeline, a_pipeline


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    async with a_pipeline(tmp_path) as pipeline:
        yield pipeline


@pytest.mark.parametrize(
    ("kind", "command", "is_opening"),
    [
        (discord.InteractionType.application_command, "extend", True),
        (discord.InteractionType.application_command, "quota", True),
        (discord.InteractionType.application_command, "jobs", False),
        (discord.InteractionType.component, None, False),
        (discord.InteractionType.autocomplete, "extend", False),
    ],
)
async def test_commands_are_openings_but_for_those_that_offer_the_music_themselves(
    pipeline: Pipeline, kind: discord.InteractionType, command: str | None, is_opening: bool
) -> None:
    pipeline.messenger.ways[0].errors = [RouteClosed("closed")]
    job = await pipeline.finished()
    await pipeline.delivery.step()
    called = SimpleNamespace(name=command) if command else None
    interaction = SimpleNamespace(type=kind, command=called, user=SimpleNamespace(id=MIA))

    cog = OpeningsCog(pipeline.members, pipeline.messenger)
    await cog.on_interaction(cast("discord.Interaction", interaction))
    await pipeline.delivery.step()

    state = JobState.DELIVERED if is_opening else JobState.UNCOLLECTED
    assert (await pipeline.job(job)).state is state
    assert pipeline.messenger.expected_directs == ([MIA] if is_opening else [])
