"""What one process of several does: `encore run --only ROLES`."""

from enum import StrEnum


class Role(StrEnum):
    GATEWAY = "gateway"
    """Discord's events: stored and acknowledged, and answered where that needs no more than the database."""
    WEB = "web"
    """Callbacks and health."""
    WORKERS = "workers"
    """Everything else, through Discord's HTTP API alone."""


ALL = frozenset(Role)


def roles_named(words: str) -> frozenset[Role]:
    """The roles in a list with commas.

    Raises:
        ValueError: one is unknown, or there is none.
    """
    names = [word.strip().lower() for word in words.split(",")]
    unknown = [name for name in names if name not in {*Role}]
    if unknown:
        raise ValueError(f"{unknown[0] or 'nothing'} is not a role: use {', '.join(Role)}, separated by commas")
    return frozenset(map(Role, names))


def in_words(roles: frozenset[Role]) -> str:
    """In the order of their definition."""
    return ", ".join(role for role in Role if role in roles)
