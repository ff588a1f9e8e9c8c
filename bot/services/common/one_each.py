"""One at a time for each member: work that uses up nothing, and so could be asked for without end."""

from collections.abc import Iterator
from contextlib import contextmanager

from bot.domain.text import Text
from bot.errors import Refused


class OneEach:
    """In this process. `busy` is what a member reads who asks for another one meanwhile."""

    def __init__(self, busy: Text) -> None:
        self._busy = busy
        self._members: set[int] = set()

    @contextmanager
    def one(self, member_id: int) -> Iterator[None]:
        """The member's, until the block is left.

        Raises:
            Refused: the member has one.
        """
        if member_id in self._members:
            raise Refused([self._busy], rules=["one_each"])
        self._members.add(member_id)
        try:
            yield
        finally:
            self._members.discard(member_id)
