"""Whether members see the commands that this release has."""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

import cogs
from bot.chat.discord_errors import TROUBLES, in_words
from bot.doctor.finding import Found, Problem, failed, summed_up, warning

TRIED = "reading the announced commands from Discord"
Options = frozenset[str]


async def check_commands(client: discord.Client) -> Found:
    try:
        announced = await app_commands.CommandTree(client).fetch_commands()
    except TROUBLES as error:
        return failed(TRIED, f"Discord does not say ({in_words(error)})", "try again in a few minutes")
    known = {
        command.name: frozenset(option.name for option in command.options)
        for command in announced
        if command.type is discord.AppCommandType.chat_input
    }
    return judge_commands(known, own_commands())


def own_commands() -> dict[str, Options]:
    """The slash commands of this release with their options, read from the cogs without making any."""
    cogs_of_modules = (
        cog
        for module in pkgutil.iter_modules(cogs.__path__)
        for cog in vars(importlib.import_module(f"cogs.{module.name}")).values()
        if isinstance(cog, type) and issubclass(cog, commands.Cog)
    )
    return {command.name: _options(command) for cog in cogs_of_modules for command in cog.__cog_app_commands__}


def _options(command: "app_commands.Command[Any, ..., Any] | app_commands.Group") -> Options:
    if isinstance(command, app_commands.Group):
        return frozenset(each.name for each in command.commands)
    return frozenset(each.display_name for each in command.parameters)


def judge_commands(announced: Mapping[str, Options], own: Mapping[str, Options]) -> Found:
    if not announced:
        remedy = "start the bot, or run encore commands sync"
        return warning(TRIED, "no command is announced yet", remedy)
    problems = []
    if absent := own.keys() - announced.keys():
        problems.append(Problem(what=f"not announced: {_named(absent)}", remedy="run encore commands sync"))
    if old := {name for name, options in own.items() if name in announced and announced[name] != options}:
        problems.append(Problem(what=f"announced with other options: {_named(old)}", remedy="run encore commands sync"))
    if foreign := announced.keys() - own.keys():
        problems.append(
            Problem(
                what=f"announced, but unknown to this release: {_named(foreign)}",
                remedy="run encore commands sync, unless another program uses the same token",
                is_fault=False,
            )
        )
    return summed_up(TRIED, problems, f"{_named(announced)} are announced")


def _named(names: "frozenset[str] | set[str] | Mapping[str, Options]") -> str:
    return ", ".join(f"/{name}" for name in sorted(names))
