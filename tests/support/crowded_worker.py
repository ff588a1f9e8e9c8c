"""A worker whose machine has room for one process and no more."""

import os

from bot.audio.worker import main

__all__ = ["main"]

_fork, _forks = os.fork, iter(range(1))


def _fork_if_there_is_room() -> int:
    if next(_forks, None) is None:
        raise BlockingIOError
    return _fork()


os.fork = _fork_if_there_is_room
