"""What one process of several does: `encore run --only ROLES`."""

from enum import StrEnum


class Role(StrEnum):
    GATEWAY = "gateway"
    """Discord's events: stored and acknowledged, and answered where that needs no more than the database."""
    WEB = "web"
    """Callbacks and health; with `INTERACTIONS_PUBLIC_KEY` also Discord's interactions, as for the gateway."""
    WORKERS = "workers"
    """Everything else, through Discord's HTTP API alone."""


ALL = frozenset(Role)


def answers_members(roles: frozenset[Role], *, over_http: bool) -> bool:
    """Whether a process with these roles hears commands. `over_http`: Discord sends them to the web role."""
    return Role.GATEWAY in roles or (over_http and Role.WEB in roles)


def roles_named(words: str) -> frozenset[Role]:
    """The roles in a list with commas.

    Raises:
        ValueError: one is unknown, or there is none.
    """
    names = [word.strip().lower() for word in words.split(",")]
    unknown = [name for name in names if name not in {*Role}]
    if unknown:
        what = f"{unknown[0]} is not a role" if unknown[0] else "a role is missing"
        raise ValueError(f"{what}: use {', '.join(Role)}, separated by commas")
    return frozenset(map(Role, names))


def in_words(roles: frozenset[Role]) -> str:
    """In the order of their definition."""
    return ", ".join(role for role in Role if role in roles)
