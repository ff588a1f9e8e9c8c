"""The bot's account at Discord: its token, how the application is set up, and the link that invites it."""

import asyncio

import discord

from bot.chat.discord_errors import TROUBLES, in_words
from bot.chat.permissions import invite_link
from bot.doctor.finding import Found, Problem, failed, ok, summed_up
from bot.endpoint import problem_with
from bot.settings import Settings

PORTAL = "https://discord.com/developers/applications"
SERVERS_MAX = 2500
"""Discord refuses a connection for this many (docs/discord.md 6)."""
LOGIN_SECONDS = 60.0
TRIED_TOKEN = "logging in to Discord with DISCORD_TOKEN"  # noqa: S105  # says what was done
TRIED_APPLICATION = "reading the application's settings at Discord"
TRIED_INVITE = "building the invite link"


async def check_token(client: discord.Client, token: str) -> Found:
    """Log `client` in; it stays so for the checks that need it."""
    try:
        async with asyncio.timeout(LOGIN_SECONDS):
            await client.login(token)
    except discord.LoginFailure:
        return failed(
            TRIED_TOKEN,
            "Discord refuses the token",
            f"reset it on {PORTAL}, page “Bot”, and put the new one into .env",
        )
    except TROUBLES as error:
        return failed(
            TRIED_TOKEN,
            f"Discord does not answer as it should ({in_words(error)})",
            "check the network and DISCORD_API_URL, and try again in a few minutes",
        )
    except Exception as error:  # noqa: BLE001  # what is no Discord can answer anything
        return failed(
            TRIED_TOKEN,
            f"the answer is not Discord's ({type(error).__name__})",
            "check DISCORD_API_URL, and whether a proxy or a login page of the network is in between",
        )
    return ok(TRIED_TOKEN, f"logged in as {client.user}")


def check_application(application: discord.AppInfo, settings: Settings) -> Found:
    """Everything that would cost the operator money, or keep commands from arriving."""
    problems = [*_problems_of_access(application, settings), *_problems_of_the_connection(application, settings)]
    return summed_up(TRIED_APPLICATION, problems, "no privileged intents, and it can only be added as you intend")


def _problems_of_access(application: discord.AppInfo, settings: Settings) -> list[Problem]:
    problems = []
    if application.bot_public and not settings.allowed_servers:
        problems.append(
            Problem(
                what="Public Bot is on and ALLOWED_SERVERS is empty: anybody can add the bot and spend your credits",
                remedy=f"turn off Public Bot on {PORTAL}, page “Bot”, or list your servers in ALLOWED_SERVERS",
                is_fault=False,
            )
        )
    if application.user_integration_config is not None:
        problems.append(
            Problem(
                what="User Install is on: members can install the bot for themselves, but it refuses their commands"
                " in servers that have not added it",
                remedy=f"untick User Install on {PORTAL}, page “Installation”",
                is_fault=False,
            )
        )
    return problems


def _problems_of_the_connection(application: discord.AppInfo, settings: Settings) -> list[Problem]:
    flags = application.flags
    on = [
        name
        for name, is_on in {
            "Presence": flags.gateway_presence or flags.gateway_presence_limited,
            "Server Members": flags.gateway_guild_members or flags.gateway_guild_members_limited,
            "Message Content": flags.gateway_message_content or flags.gateway_message_content_limited,
        }.items()
        if is_on
    ]
    problems = []
    if on:
        problems.append(
            Problem(
                what=f"privileged intents are on that the bot does not use: {', '.join(on)}",
                remedy=f"turn all three off on {PORTAL}, page “Bot”",
                is_fault=False,
            )
        )
    endpoint = problem_with(
        application.interactions_endpoint_url or "",
        application.verify_key,
        public_key=settings.interactions_public_key,
        public_url=settings.public_url,
        has_gateway=not settings.interactions_public_key,
    )
    if endpoint:
        what, _, remedy = endpoint.partition(": ")
        problems.append(Problem(what=what, remedy=remedy))
    is_large = application.approximate_guild_count >= SERVERS_MAX
    if is_large and settings.shards is None and not settings.interactions_public_key:
        problems.append(
            Problem(
                what=f"in {application.approximate_guild_count} servers, Discord requires shards",
                remedy="set SHARDS=auto",
            )
        )
    return problems


def check_invite(application: discord.AppInfo) -> Found:
    problems = []
    if application.bot_require_code_grant:
        problems.append(
            Problem(
                what="Requires OAuth2 Code Grant is on, so the invite link leads nowhere",
                remedy=f"turn it off on {PORTAL}, page “Bot”",
            )
        )
    if application.guild_integration_config is None and application.user_integration_config is not None:
        problems.append(
            Problem(
                what="Guild Install is off, so the bot can't be added to any server",
                remedy=f"tick Guild Install on {PORTAL}, page “Installation”",
            )
        )
    return summed_up(TRIED_INVITE, problems, invite_link(application.id))
