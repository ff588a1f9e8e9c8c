"""Who may be connected at the same time, and who is disconnected to make room."""

from typing import Generic, Protocol, TypeVar


class Cuttable(Protocol):
    def cut(self) -> None:
        """Close the connection at once."""


C = TypeVar("C", bound=Cuttable)


class Crowd(Generic[C]):
    """At most `most` connections, of which at most `most_unfinished` have begun a request without finishing its head.

    If there is one too many, the client that has kept us waiting longest is cut off. A proper request arrives complete
    within milliseconds, so clients that only occupy connections push each other out. Addresses play no part: behind a
    reverse proxy all clients share one.
    """

    def __init__(self, *, most: int, most_unfinished: int) -> None:
        self._most = most
        self._most_unfinished = most_unfinished
        self._open: set[C] = set()
        # Both ordered by waiting time, longest first.
        self._waiting: dict[C, None] = {}  # between two requests, or in the middle of a head
        self._unfinished: dict[C, None] = {}  # in the middle of a head, or still silent

    def admit(self, connection: C) -> bool:
        """Take a new connection; False if there is no room, because every other one has a request under way."""
        if len(self._open) >= self._most and not self._cut_first(self._waiting):
            return False
        self._open.add(connection)
        self._begin(connection)
        return True

    def spoke(self, connection: C) -> None:
        """Bytes came. If no request is under way, they begin or continue one."""
        if connection in self._waiting and connection not in self._unfinished:
            del self._waiting[connection]
            self._begin(connection)

    def asked(self, connection: C) -> None:
        """The head of a request is complete; the request is under way now."""
        self._waiting.pop(connection, None)
        self._unfinished.pop(connection, None)

    def answered(self, connection: C) -> None:
        if connection in self._open:
            self._waiting[connection] = None

    def left(self, connection: C) -> None:
        self._open.discard(connection)
        self.asked(connection)

    def _begin(self, connection: C) -> None:
        if len(self._unfinished) >= self._most_unfinished:
            self._cut_first(self._unfinished)
        self._waiting[connection] = None
        self._unfinished[connection] = None

    def _cut_first(self, connections: dict[C, None]) -> bool:
        longest = next(iter(connections), None)
        if longest is None:
            return False
        self.left(longest)
        longest.cut()
        return True
