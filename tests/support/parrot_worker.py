"""An audio process that gives the file's own words for its answer, and fills the output if it has one."""

import os

import msgspec

from bot.audio.questions import Confined, Probe, Question
from bot.audio.worker import say


def main(encoded: bytes) -> None:
    question: Question = msgspec.json.decode(encoded, type=Question)
    if not isinstance(question, Probe):
        os.ftruncate(question.to, question.limit_bytes + 1)
    say(Confined(missing=()))
    os.write(1, os.read(0, 1 << 14) + b"\n")
