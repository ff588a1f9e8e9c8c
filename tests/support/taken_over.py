"""An audio process taken over by a file: it sets itself up like the real one, then does what the file says.

The file is `Orders`, as JSON. Their outcome is the answer's log line.
"""

import os
import time
from typing import Literal

import msgspec

from bot.audio.confinement import LAYERS, bound, confine
from bot.audio.questions import Confined, Problem, Question, Refusal
from bot.audio.worker import say, shut_in
from tests.support.attacks import Target, outcomes


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """`layers` and `limits`: None means all, as in the real process. `user`: the user to become first.

    `fifo` is a named pipe that the process and its children hold open, so its reader sees when the last one is gone.
    """

    layers: tuple[str, ...] | None = None
    limits: bool = True
    user: int | None = None
    missing: tuple[str, ...] = ()
    target: Target | None = None
    leave: Literal["nobody", "a sleeper", "a flood"] = "nobody"
    answers: bool = True
    fifo: str = ""


def set_up(question: Question, orders: Orders) -> Confined:
    if orders.user is not None:
        os.setgroups([])
        os.setgid(orders.user)
        os.setuid(orders.user)
    if orders.layers is None:
        return shut_in(question)
    missing = bound(memory_bytes=1 << 29, cpu_seconds=60, file_bytes=0) if orders.limits else []
    return Confined(missing=(*missing, *confine({name: LAYERS[name] for name in orders.layers}), *orders.missing))


def leave_behind(orders: Orders) -> None:
    if orders.fifo:
        os.write(os.open(orders.fifo, os.O_WRONLY), b"here")
    if orders.leave == "nobody" or os.fork():
        return
    while orders.leave == "a flood":
        os.write(1, bytes(1 << 16))
    time.sleep(600)


def main(encoded: bytes) -> None:
    question: Question = msgspec.json.decode(encoded, type=Question)
    orders = msgspec.json.decode(os.fdopen(0, "rb", closefd=False).read(), type=Orders)
    say(set_up(question, orders))
    leave_behind(orders)
    if orders.answers:
        found = dict(outcomes(orders.target)) if orders.target else {}
        say(Refusal(problem=Problem.TOO_COSTLY, log_line=msgspec.json.encode(found).decode(), heard_seconds=0.0))
