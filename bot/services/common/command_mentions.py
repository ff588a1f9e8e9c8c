"""Name a command so that Discord shows it as a link, which starts the command when clicked.

That takes the command's id, which Discord gives when the commands are announced (docs/discord.md 1.4). The announcing
process stores the ids for all.
"""

from collections.abc import Mapping
from contextlib import suppress

import msgspec

from bot.domain.text import Text, Verbatim, text
from bot.errors import Outage
from bot.services.common.aggregates import Memos
from bot.services.common.ports import Storage


class CommandMentions:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def see_why(self, application_id: int) -> Text:
        """The sentence below a refusal that `/why` explains."""
        ids: Mapping[str, int] = {}
        with suppress(Outage, msgspec.MsgspecError):
            stored = await self._storage.reading.memos.get(_name(application_id))
            ids = msgspec.json.decode(stored or "{}", type=dict[str, int])
        return text("See {why} for more.", why=Verbatim(mention("why", ids)))


async def remember_ids(memos: Memos, application_id: int | None, ids: Mapping[str, int]) -> None:
    """Store the ids of the announced commands by name; none after they have been removed."""
    await memos.put(_name(application_id), msgspec.json.encode(ids).decode())


def mention(name: str, ids: Mapping[str, int]) -> str:
    """`</why:1234>`, or `/why` as code if its id is not known."""
    return f"</{name}:{ids[name]}>" if name in ids else f"`/{name}`"


def _name(application_id: int | None) -> str:
    return f"commands of {application_id}: ids"
