"""How the stand-in for Discord is set up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`requests` in a window of `seconds`, for each channel, server or webhook on its own."""

    requests: int
    seconds: float


MESSAGES = "/channels/{channel_id}/messages"
MESSAGE = "/channels/{channel_id}/messages/{message_id}"
USUAL_RATE_LIMITS: Mapping[tuple[str, str], RateLimit] = MappingProxyType(
    {
        ("POST", MESSAGES): RateLimit(5, 5.0),
        ("PATCH", MESSAGE): RateLimit(5, 5.0),
        ("DELETE", MESSAGE): RateLimit(5, 1.0),
    }
)
"""What the headers usually show (docs/discord.md 5.1; discord-api-docs#2761, #8073, #8330).

The documents publish no numbers and forbid relying on any.
"""


class SecondSession(StrEnum):
    """What a second session of one shard does to the first. Discord documents BOTH (docs/discord.md 6)."""

    BOTH = "both are served"
    REPLACES = "it ends the first"
    REFUSED = "it is refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordOptions:
    """Sources: docs/discord.md 2.1 (interactions), 3.1 (sizes), 3.3 (nonce), 4 (links)."""

    token: str | None = None
    """The bot's token; None accepts any that is not empty."""
    port: int = 0
    """0 takes any free port."""
    acknowledge_seconds: float = 3.0
    """How long an interaction waits for its first answer."""
    interaction_seconds: float = 900.0
    """How long its token can be used after that."""
    nonce_seconds: float = 300.0
    """How long a nonce is remembered: "the past few minutes"; the exact window is unpublished."""
    link_seconds: float = 86_400.0
    """How long a signed link to an attachment works."""
    forged_every: int = 10
    """With an endpoint, a wrongly signed interaction precedes every tenth one. Discord publishes no number."""
    interactions_both_ways: bool = False
    """With an endpoint, send interactions to the gateway as well. Discord says that it never does."""
    heartbeat_seconds: float = 41.25
    shards: int = 1
    """How many `GET /gateway/bot` recommends."""
    max_concurrency: int = 1
    sessions_left: int = 999
    """How many buckets of shards may identify at the same time."""
    identify_seconds: float = 0
    """The pause between two IDENTIFYs in one bucket. Discord demands 5; 0 lets tests restart the bot at once."""
    session_servers: int = 2500
    """With this many servers, a session is refused (4011)."""
    second_session: SecondSession = SecondSession.BOTH
    upload_limit_bytes: int | None = None
    """A limit for one file, below the servers' own, for tests. Answers to interactions obey it too."""
    request_limit_bytes: int = 512 * MIB
    """The largest request that is read at all."""
    rate_limits: Mapping[tuple[str, str], RateLimit] = field(default_factory=lambda: USUAL_RATE_LIMITS)
    """By method and path. Empty: nothing is refused."""
    shared_channel_bucket: bool = False
    """Count posts, edits and deletions in one channel together, by the limit for posts.

    Discord names one bucket for posts and edits; whether it counts them together has changed and is not promised.
    """
    old_edits: RateLimit | None = RateLimit(20, 3600.0)
    """Edits of messages older than an hour, in each channel (30046). The number is assumed: Discord publishes none."""
    requests_per_second: int | None = 50
    """Over all routes that carry the bot's token (topics/rate-limits, docs/discord.md 5.1); None: no such limit."""
    keep_attachment_bytes: bool = True
    """False keeps only size and digest of what the bot uploads, for tests under load."""
    keep_requests: int = 100_000
    """How many of the latest requests are remembered."""
    commands_created_per_day: int = 200
    """New command names a day, by server."""
    bot_public: bool = True
    """Whether anyone may add the bot to a server, or only its owner."""
    integration_types: frozenset[int] = frozenset({0, 1})
    """Where the application can be installed: 0 in servers, 1 for a user."""
    privileged_intents: bool = False
    """Whether the application may ask for members, presences and message content."""
    requires_code_grant: bool = False
    """Whether an invite link alone does not add the bot (documented, resources/application)."""
