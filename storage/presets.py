"""Members' own sets of options."""

import logging

import msgspec

from bot.domain.presets import Preset, PresetOptions, name_key
from storage.engines.base import Connection, Row
from storage.values import to_json

log = logging.getLogger(__name__)

PUT = """
INSERT INTO preset (member_id, name_folded, name, options) VALUES ($1, $2, $3, $4)
ON CONFLICT (member_id, name_folded) DO UPDATE SET name = excluded.name, options = excluded.options
"""

GET = "SELECT * FROM preset WHERE member_id = $1 AND name_folded = $2"

IN_USE = "SELECT * FROM preset WHERE member_id = $1 AND is_in_use = 1 LIMIT 1"

OF_MEMBER = "SELECT * FROM preset WHERE member_id = $1 ORDER BY name_folded"

USE = """
UPDATE preset SET is_in_use = CASE WHEN name_folded = $2 THEN 1 ELSE 0 END
 WHERE member_id = $1
"""

DELETE = "DELETE FROM preset WHERE member_id = $1 AND name_folded = $2 RETURNING name"

_DECODER = msgspec.json.Decoder(PresetOptions)


class Presets:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, preset: Preset) -> None:
        """In place of the member's preset of the same name; which one is in use does not change."""
        await self._connection.execute(
            PUT, preset.member_id, name_key(preset.name), preset.name, to_json(preset.options)
        )

    async def get(self, member_id: int, name: str) -> Preset | None:
        row = await self._connection.fetch_one(GET, member_id, name_key(name))
        return None if row is None else _preset(row)

    async def in_use(self, member_id: int) -> Preset | None:
        """The one that counts wherever the member names none."""
        row = await self._connection.fetch_one(IN_USE, member_id)
        return None if row is None else _preset(row)

    async def of_member(self, member_id: int) -> list[Preset]:
        """By name."""
        return [_preset(row) for row in await self._connection.fetch_all(OF_MEMBER, member_id)]

    async def use(self, member_id: int, name: str | None) -> None:
        """From now on, this one is in use; None: none is."""
        await self._connection.execute(USE, member_id, "" if name is None else name_key(name))

    async def delete(self, member_id: int, name: str) -> bool:
        """False if there was none."""
        return await self._connection.fetch_one(DELETE, member_id, name_key(name)) is not None


def _preset(row: Row) -> Preset:
    """What this release cannot read of it is left out."""
    try:
        options = _DECODER.decode(row["options"])
    except (ValueError, msgspec.MsgspecError) as error:
        log.error("a preset cannot be read by this version (%s)", type(error).__name__)  # noqa: TRY400
        options = PresetOptions()
    return Preset(member_id=int(row["member_id"]), name=row["name"], options=options, is_in_use=bool(row["is_in_use"]))
