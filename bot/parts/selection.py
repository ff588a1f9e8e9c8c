"""Which parts a process has, by its roles."""

from collections.abc import Iterator

import msgspec

from bot.parts.ground import Ground
from bot.parts.lyrics import lyrics_part
from bot.parts.members import members_part
from bot.parts.part import Part
from bot.parts.pipeline import Pipeline, pipeline_part
from bot.parts.relays import relay_workers
from bot.parts.results import result_workers
from bot.parts.upkeep import clock_part, upkeep_part
from bot.parts.whole_songs import whole_song_workers
from bot.roles import Role


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    pipeline: Pipeline
    parts: tuple[Part, ...]


def select(ground: Ground, only: frozenset[Role], *, answers_members: bool) -> Selection:
    pipeline = pipeline_part(ground)
    return Selection(pipeline=pipeline, parts=tuple(_parts(ground, pipeline, only, answers_members=answers_members)))


def _parts(ground: Ground, pipeline: Pipeline, only: frozenset[Role], *, answers_members: bool) -> Iterator[Part]:
    if answers_members:
        yield members_part(ground, pipeline)
    if Role.WORKERS in only:
        yield pipeline.part
        yield result_workers(ground)
        yield relay_workers(ground)
        yield whole_song_workers(ground)
        yield lyrics_part(ground)
        yield upkeep_part(ground)
    yield clock_part(ground)
