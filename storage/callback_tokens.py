"""Which callback tokens are known. Questions from many tasks are one query, and what is known is remembered."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from storage.batches import Batches, Take
from storage.engines.base import Connection

TOKENS_REMEMBERED = 4096
"""A job has three or more callbacks, and only the first needs a query. About a megabyte."""
ASKED_AT_ONCE = 16
"""The parameters of a query for `known_among`; fewer tokens are padded by repeating one."""


class CallbackTokens:
    """`look_up` answers for each token that it takes, in order."""

    def __init__(self, look_up: Callable[[Take[str]], Awaitable[Sequence[bool]]], *, seconds: float, name: str) -> None:
        self._asked = Batches(look_up, seconds=seconds, name=name)
        self._known: OrderedDict[str, None] = OrderedDict()

    async def is_known(self, token: str) -> bool:
        if token in self._known:
            return True
        if not (token.isascii() and await self._asked.add(token)):
            return False
        self._known[token] = None
        if len(self._known) > TOKENS_REMEMBERED:
            self._known.popitem(last=False)
        return True

    async def close(self) -> None:
        await self._asked.close()


async def known_among(connection: Connection, query: str, tokens: Sequence[str]) -> set[str]:
    """Those of `tokens` that `query` finds; it takes `ASKED_AT_ONCE` of them."""
    known: set[str] = set()
    for start in range(0, len(tokens), ASKED_AT_ONCE):
        asked = list(tokens[start : start + ASKED_AT_ONCE])
        asked += [asked[0]] * (ASKED_AT_ONCE - len(asked))
        known.update(str(row["callback_token"]) for row in await connection.fetch_all(query, *asked))
    return known
