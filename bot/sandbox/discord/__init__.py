"""A stand-in for Discord on 127.0.0.1. docs/sandbox-discord.md says what it refuses, plays and breaks.

It was written from docs/discord.md and Discord's own descriptions; it shares no code with the bot.
"""

from bot.sandbox.discord.options import DiscordOptions, RateLimit, SecondSession
from bot.sandbox.discord.stand_in import FakeDiscord
from bot.sandbox.discord.user.client import Choice, ClientRefuses, Upload
from bot.sandbox.discord.user.forms import Modal
from bot.sandbox.discord.user.invocation import Invocation
from bot.sandbox.discord.user.member import Member
from bot.sandbox.discord.wire.endpoint import NotVerified
from bot.sandbox.discord.wire.responses import Recorded
from bot.sandbox.discord.wire.troubles import Trouble, TroubleKind
from bot.sandbox.discord.world.changes import NeverHappened
from bot.sandbox.discord.world.channels import FORUM, VOICE, Channel, Message, Ping, Thread
from bot.sandbox.discord.world.guilds import Guild
from bot.sandbox.discord.world.interactions import Callback, State
from bot.sandbox.discord.world.people import Why
from bot.sandbox.discord.world.posts import Attachment, Version
from bot.sandbox.discord.world.roster import Role

__all__ = [
    "FORUM",
    "VOICE",
    "Attachment",
    "Callback",
    "Channel",
    "Choice",
    "ClientRefuses",
    "DiscordOptions",
    "FakeDiscord",
    "Guild",
    "Invocation",
    "Member",
    "Message",
    "Modal",
    "NeverHappened",
    "NotVerified",
    "Ping",
    "RateLimit",
    "Recorded",
    "Role",
    "SecondSession",
    "State",
    "Thread",
    "Trouble",
    "TroubleKind",
    "Upload",
    "Version",
    "Why",
]
