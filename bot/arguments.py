"""The commands and their options."""

import argparse
from pathlib import Path

from bot import __version__, roles


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog="encore", description="A Discord bot that continues music.")
    whole.add_argument("--version", action="version", version=f"encore {__version__}")
    commands = whole.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="connect to Discord and to the music service")
    run.add_argument("--or-sandbox", action="store_true", help="without a DISCORD_TOKEN, start the sandbox")
    run.add_argument("--only", metavar="ROLES", help=f"some of {roles.in_words(roles.ALL)}, with commas; otherwise all")
    commands.add_parser("init", help="write a .env to fill in")
    doctor = commands.add_parser("doctor", help="check everything, and say what to do; nothing is spent")
    doctor.add_argument("--json", action="store_true", help="one object for each check, on a line of its own")
    doctor.add_argument("--rehearse", action="store_true", help="then play one job against the stand-ins")
    commands.add_parser("health", help="ask the running bot whether it is ready; the exit status is 0 or 1")
    commands.add_parser("sandbox", help="run against the stand-ins on this machine, until stopped")
    cluster = commands.add_parser("cluster", help="run the sandbox in several processes on a throw-away PostgreSQL")
    for name in ("gateways", "web", "workers"):
        cluster.add_argument(
            f"--{name}", metavar="N", type=_number, default=2, help="how many of them to start; 2 if left out"
        )
    cluster.add_argument(
        "--shards", metavar="N", type=_number, default=4, help="how many the gateways share; 4 if left out"
    )
    backup = commands.add_parser("backup", help="copy the database, consistently, while the bot runs")
    backup.add_argument("file", type=Path, help="the copy; it must not exist yet")
    restore = commands.add_parser("restore", help="put a copy in the place of the database, while no bot is running")
    restore.add_argument("file", type=Path, help="the copy; it stays as it is")
    commands.add_parser(
        "after-restore", help="hold back what waits in a restored PostgreSQL database, while no bot is running"
    )
    commands.add_parser(
        "upgrade-database", help="change a PostgreSQL database so that older releases can't use it; stop the bot first"
    )
    move = commands.add_parser("move-database", help="copy a stopped bot's data from SQLite to PostgreSQL")
    move.add_argument("source", metavar="FROM", help="sqlite:///data/encore.db; it stays as it is")
    move.add_argument("target", metavar="TO", help="postgresql://user:password@host/encore, an empty database")
    announced = commands.add_parser("commands", help="announce the bot's commands to Discord, or remove them")
    announced.add_argument(
        "action",
        choices=("sync", "clear"),
        help="sync: announce them, changed or not; clear: remove them until the next start",
    )
    demo = commands.add_parser("demo", help="one /extend against the stand-ins, from command to audio")
    demo.add_argument("--audio", help="your own file; otherwise a piece is composed")
    demo.add_argument("--continue-at", help="where to continue, such as 1:05; otherwise the end")
    for each, default in ((whole, None), *((command, argparse.SUPPRESS) for command in commands.choices.values())):
        each.add_argument("--env-file", metavar="FILE", type=Path, default=default, help="the settings; otherwise .env")
    return whole


def _number(word: str) -> int:
    if not word.isdecimal() or not int(word):
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number from 1 on")
    return int(word)
