"""The audio process on a system without Landlock."""

import errno
from functools import partial

from bot.audio import confinement, worker


def _lacking() -> None:
    raise OSError(errno.ENOSYS, "no Landlock")


LAYERS = {**confinement.LAYERS, "Landlock": _lacking}


def main(encoded: bytes) -> None:
    vars(worker)["confine"] = partial(confinement.confine, LAYERS)  # of this process alone
    worker.main(encoded)
