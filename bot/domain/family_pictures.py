"""What a picture of a song's family shows, as values: a row for each result, below the one that it was made from."""

from collections.abc import Sequence

import msgspec

from bot.domain.songs import Node
from bot.domain.takes import takes_of

DEPTH_MAX = 5
"""Further generations stand no further to the right; lines still lead to them."""
TAKES_MAX = 4


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A take, as long as it lasts; `length_seconds` None: unknown."""

    take: int
    length_seconds: float | None = None
    votes: int = 0
    is_preferred: bool = False


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """A result. `parent`: the number of the one that it was made from, None if the picture does not show that one.

    `is_root`: it was made from none. `take`, `moment`: what of its parent it continues, and from which second.
    """

    number: int
    depth: int
    parent: int | None
    is_root: bool
    take: int | None
    moment: float
    bars: tuple[Bar, ...] = ()


def branches_of(nodes: Sequence[Node]) -> tuple[Branch, ...]:
    """The rows for these nodes, which may be a part of a family."""
    least = min((node.depth for node in nodes), default=0)
    shown = {node.number for node in nodes}
    return tuple(
        Branch(
            number=node.number,
            depth=min(node.depth - least, DEPTH_MAX),
            parent=node.parent if node.parent in shown else None,
            is_root=node.job.parent is None,
            take=node.take,
            moment=node.job.continues_from,
            bars=tuple(
                Bar(
                    take=take,
                    length_seconds=track.length_seconds,
                    votes=node.votes.get(take, 0),
                    is_preferred=node.preferred == take,
                )
                for take, track in takes_of(node.job).items()
            )[:TAKES_MAX],
        )
        for node in nodes
    )
