"""Where Discord sends this application's interactions, and whether this bot is listening there."""

import logging

from bot.client import EncoreClient

log = logging.getLogger(__name__)

PATH = "/interactions"
PAGE = "https://discord.com/developers/applications, page “General Information”"


def say_where_interactions_go(client: EncoreClient, *, public_key: str, public_url: str, has_gateway: bool) -> None:
    """After the log-in, log one line if something keeps commands from arriving."""
    application = client.application
    if application is None:
        return
    problem = problem_with(
        application.interactions_endpoint_url or "",
        application.verify_key,
        public_key=public_key,
        public_url=public_url,
        has_gateway=has_gateway,
    )
    if problem:
        log.log(logging.ERROR if has_wrong_key(client, public_key) else logging.WARNING, "%s", problem)


def has_wrong_key(client: EncoreClient, public_key: str) -> bool:
    """Whether `public_key` is known to be another application's, so that every interaction over HTTP is refused."""
    application = client.application
    return application is not None and _is_wrong(public_key, application.verify_key)


def _is_wrong(public_key: str, verify_key: str) -> bool:
    return bool(public_key) and public_key != verify_key.lower()


def problem_with(url: str, verify_key: str, *, public_key: str, public_url: str, has_gateway: bool) -> str:
    """What is wrong, and the remedy; empty if nothing is.

    `url` and `verify_key` are the application's at Discord, the others the bot's own settings.
    """
    if _is_wrong(public_key, verify_key):
        return (
            "INTERACTIONS_PUBLIC_KEY is not this application's key, so every interaction is refused:"
            f" copy the Public Key from {PAGE}"
        )
    if public_key and not url:
        first = "" if public_url else "set PUBLIC_URL to the address at which Discord reaches this bot, and "
        here = f"{public_url or 'https://YOUR-ADDRESS'}{PATH}"
        return (
            f"Discord sends no interactions over HTTP yet: {first}enter {here} as Interactions Endpoint URL on {PAGE}"
        )
    if public_key and public_url and url.rstrip("/") != f"{public_url}{PATH}":
        return (
            f"Discord sends interactions to {url}, but PUBLIC_URL is {public_url}: if that address doesn't lead to this"
            f" bot, enter {public_url}{PATH} as Interactions Endpoint URL on {PAGE}"
        )
    if url and not public_key and has_gateway:
        return (
            f"Discord sends interactions to {url} and not to the gateway:"
            f" set INTERACTIONS_PUBLIC_KEY, or clear the Interactions Endpoint URL on {PAGE}"
        )
    return ""
