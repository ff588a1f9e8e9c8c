"""How the stand-in for Discord is set up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`requests` in any `seconds`, for each value of the path's first parameter (a channel)."""

    requests: int
    seconds: float


USUAL_RATE_LIMITS: Mapping[tuple[str, str], RateLimit] = MappingProxyType(
    {("POST", "/channels/{channel_id}/messages"): RateLimit(5, 5.0)}
)
"""What the headers usually show (Discord reference, section 5.1); the documents forbid to rely on numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscordOptions:
    """Sources: Discord reference, sections 2.1 (interactions), 3.1 (sizes), 3.3 (nonce), 4 (links)."""

    token: str | None = None
    """The bot's token; None takes any that is not empty."""
    port: int = 0
    """0: any free one."""
    acknowledge_seconds: float = 3.0
    """How long an interaction waits for its first answer."""
    interaction_seconds: float = 900.0
    """How long its token can be used after that."""
    nonce_seconds: float = 300.0
    """For how long a nonce is known: "the past few minutes"; the exact window is unpublished."""
    link_seconds: float = 86_400.0
    """How long a signed link to an attachment works."""
    heartbeat_seconds: float = 41.25
    upload_limit_bytes: int | None = None
    """A smaller limit for one file than the servers' own, for tests; also of what goes out by an interaction."""
    request_limit_bytes: int = 512 * MIB
    """The largest request that is read at all."""
    rate_limits: Mapping[tuple[str, str], RateLimit] = field(default_factory=lambda: USUAL_RATE_LIMITS)
    """By method and path; empty: none is refused."""
    requests_per_second: int | None = 50
    """Over all routes that carry the bot's token; None: no such limit."""
    keep_attachment_bytes: bool = True
    """False: of what the bot uploads only size and digest are kept, for tests under load."""
    keep_requests: int = 100_000
    """As many of the latest requests are remembered."""
    commands_created_per_day: int = 200
    """New command names a day, by server."""
    privileged_intents: bool = False
    """Whether the application may ask for members, presences and message content."""
