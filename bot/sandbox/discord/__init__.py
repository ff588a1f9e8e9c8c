"""A stand-in for Discord on 127.0.0.1. docs/sandbox-discord.md says what it refuses, plays and breaks.

It was written from docs/discord.md and Discord's own descriptions; it shares no code with the bot.
"""

from bot.sandbox.discord.changes import NeverHappened
from bot.sandbox.discord.channels import VOICE, Channel, Thread
from bot.sandbox.discord.client import Choice, ClientRefuses, Upload
from bot.sandbox.discord.faults import Fault, FaultKind
from bot.sandbox.discord.forms import Modal
from bot.sandbox.discord.guilds import Guild, Role
from bot.sandbox.discord.interactions import Callback, State
from bot.sandbox.discord.invocation import Invocation
from bot.sandbox.discord.messages import Attachment, Message, Version
from bot.sandbox.discord.options import DiscordOptions, RateLimit
from bot.sandbox.discord.people import Ping, Why
from bot.sandbox.discord.responses import Recorded
from bot.sandbox.discord.server import FakeDiscord
from bot.sandbox.discord.user import Member

__all__ = [
    "VOICE",
    "Attachment",
    "Callback",
    "Channel",
    "Choice",
    "ClientRefuses",
    "DiscordOptions",
    "FakeDiscord",
    "Fault",
    "FaultKind",
    "Guild",
    "Invocation",
    "Member",
    "Message",
    "Modal",
    "NeverHappened",
    "Ping",
    "RateLimit",
    "Recorded",
    "Role",
    "State",
    "Thread",
    "Upload",
    "Version",
    "Why",
]
