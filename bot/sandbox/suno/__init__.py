"""A stand-in for the Suno API on 127.0.0.1. docs/sandbox-suno.md says what it checks, plays and breaks.

It was written from docs/provider.md alone and shares no code with the client in `bot.suno` nor with the rules of
`bot.domain`, so that a misreading on one side shows as a failing test instead of being agreed upon.
"""

from bot.sandbox.suno.envelopes import Stage, Status
from bot.sandbox.suno.options import SunoOptions, UnknownTask
from bot.sandbox.suno.outbox import SentCallback
from bot.sandbox.suno.server import FakeSuno, RecordedRequest
from bot.sandbox.suno.tasks import Task

__all__ = ["FakeSuno", "RecordedRequest", "SentCallback", "Stage", "Status", "SunoOptions", "Task", "UnknownTask"]
