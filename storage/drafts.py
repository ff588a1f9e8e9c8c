"""What forms are opened with, for a day."""

import json
import logging
from datetime import datetime

import msgspec

from bot.domain.drafts import Draft, Problem
from bot.domain.jobs import Parent
from bot.domain.request import ExtensionRequest
from bot.domain.source import SourceChoice
from storage.engines.base import Connection, Row
from storage.sentences import sentences_from, stored_sentences
from storage.values import from_ms, to_ms

log = logging.getLogger(__name__)

PUT = """
INSERT INTO draft (id, member_id, payload, problems, made_ms) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO UPDATE
   SET member_id = excluded.member_id, payload = excluded.payload, problems = excluded.problems,
       made_ms = excluded.made_ms
"""

GET = "SELECT * FROM draft WHERE id = $1"

FORGET = """
DELETE FROM draft WHERE id IN (SELECT id FROM draft WHERE made_ms < $1 ORDER BY made_ms, id LIMIT $2) RETURNING id
"""


class DraftPayload(msgspec.Struct, frozen=True, kw_only=True):
    """What of a draft has no column: `options` are those of its problems. Later fields need a default."""

    request: ExtensionRequest
    source: SourceChoice | None = None
    choices: tuple[SourceChoice, ...] = ()
    private: bool = False
    parent: Parent | None = None
    by_file: bool = False
    can_be_trimmed: bool = False
    options: tuple[str | None, ...] = ()


class Drafts:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, draft: Draft) -> None:
        """Keep it, in place of another one with its id."""
        payload = DraftPayload(
            request=draft.request,
            source=draft.source,
            choices=draft.choices,
            private=draft.private,
            parent=draft.parent,
            by_file=draft.by_file,
            can_be_trimmed=draft.can_be_trimmed,
            options=tuple(problem.option for problem in draft.problems),
        )
        stored = json.dumps(msgspec.to_builtins(payload))  # keeps NaN, which msgspec's own JSON does not
        problems = stored_sentences([problem.sentence for problem in draft.problems])
        await self._connection.execute(PUT, draft.id, draft.member_id, stored, problems, to_ms(draft.made_at))

    async def get(self, draft_id: str) -> Draft | None:
        """None also for what this release cannot read."""
        row = await self._connection.fetch_one(GET, draft_id)
        return None if row is None else _read(row)

    async def forget(self, *, made_before: datetime, limit: int) -> int:
        """Remove old ones; returns their number."""
        return len(await self._connection.fetch_all(FORGET, to_ms(made_before), limit))


def _read(row: Row) -> Draft | None:
    try:
        payload = msgspec.convert(json.loads(row["payload"]), DraftPayload)
        problems = zip(payload.options, sentences_from(row["problems"]), strict=True)
        return Draft(
            id=row["id"],
            member_id=int(row["member_id"]),
            request=payload.request,
            made_at=from_ms(int(row["made_ms"])),
            source=payload.source,
            choices=payload.choices,
            private=payload.private,
            parent=payload.parent,
            problems=tuple(Problem(option, sentence) for option, sentence in problems),
            by_file=payload.by_file,
            can_be_trimmed=payload.can_be_trimmed,
        )
    except (LookupError, ValueError, TypeError, msgspec.MsgspecError) as error:
        log.error("draft %s cannot be read by this version (%s)", row["id"], type(error).__name__)  # noqa: TRY400
        return None
