"""An audio process that looks through its own memory for words that an earlier question held."""

import ctypes
import re
from pathlib import Path

from bot.audio.questions import Confined, Problem, Refusal
from bot.audio.worker import say

WORDS = re.compile(rb"a-title-of-somebody-[e]lse")  # so that this pattern does not find itself


def main(_: bytes) -> None:
    say(Confined(missing=()))
    say(Refusal(problem=Problem.NOT_AUDIO, log_line="remembers" if remembers() else "forgot", heard_seconds=0.0))


def remembers() -> bool:
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, rights, *_ = line.split()
        begin, end = (int(word, 16) for word in span.split("-"))
        if rights.startswith("rw") and WORDS.search(ctypes.string_at(begin, end - begin)):
            return True
    return False
