"""The command line, and the only reader of the environment."""

import logging
import os
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from bot import garbage, roles
from bot.env_file import from_file, misspelt
from bot.roles import Role
from bot.settings import Settings, SettingsError, file_of, move_of, server_of, web_of, without_password

if TYPE_CHECKING:
    from bot.service_manager import ServiceManager

log = logging.getLogger("bot")

ENV_FILE = Path(".env")  # in the folder where the bot is started
EXIT_FAILED = 1
EXIT_SETTINGS = 2
CHECKS = ("health", "doctor")
DATABASE_COMMANDS = ("backup", "restore", "after-restore", "move-database", "upgrade-database")

HOW_TO_GO_LIVE = """\
No DISCORD_TOKEN is set, so this is the sandbox: stand-ins for Discord and for the music service, on this machine alone.
For the real thing, let `.venv/bin/encore init` write a .env, and put in:
  DISCORD_TOKEN   from https://discord.com/developers/applications, page “Bot”
  SUNO_API_KEY    from https://sunoapi.org/api-key
then start again. README.md says the rest."""
WHAT_TO_FILL_IN = """\
Wrote {path}, which only you can read. Put in:
  DISCORD_TOKEN   from https://discord.com/developers/applications, page “Bot”
  SUNO_API_KEY    from https://sunoapi.org/api-key
Then `encore doctor` checks everything, and `encore run` starts the bot."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0, 1 (stopped by a fault) or 2 (bad settings or arguments)."""
    options = _options(sys.argv[1:] if arguments is None else arguments)
    if armed := os.environ.get("ENCORE_FAULT"):
        from bot import fault_points  # noqa: PLC0415  # only for tests

        fault_points.arm(armed)
    try:
        file = options.env_file or ENV_FILE
        if options.command == "init":
            return _finished(_init(file.absolute()))
        in_file = from_file(file, is_named=options.env_file is not None)
        if options.command != "doctor":  # it says so itself
            for name, similar in misspelt(in_file).items():
                print(f"encore: {name} in {file.absolute()} is not a setting; did you mean {similar}?", file=sys.stderr)
        environ = {
            **in_file,
            **{name: value for name, value in os.environ.items() if value.strip()},
        }
        work = _check if options.command in CHECKS else _work
        return _finished(work(options, environ))
    except SettingsError as error:
        for problem in error.problems:
            print(f"encore: {problem}", file=sys.stderr)
        return EXIT_SETTINGS
    except KeyboardInterrupt:
        return EXIT_FAILED


def _options(arguments: list[str]) -> SimpleNamespace:
    if arguments == ["run"]:  # as most bots are started; argparse would take a fiftieth of the time until READY
        return SimpleNamespace(command="run", or_sandbox=False, only=None, env_file=None)
    from bot.arguments import parser  # noqa: PLC0415  # see above

    return SimpleNamespace(**vars(parser().parse_args(arguments)))


def _work(options: SimpleNamespace, environ: Mapping[str, str]) -> Coroutine[Any, Any, None]:
    """The work of the command. Each command imports only what it needs, so that nobody waits for the rest."""
    if options.command == "demo":
        audio, continue_at = options.audio or environ.get("AUDIO"), options.continue_at or environ.get("CONTINUE_AT")
        return _demo(Path(audio) if audio else None, continue_at or None)
    without_token = options.command == "run" and options.or_sandbox and not environ.get("DISCORD_TOKEN")
    if without_token:
        print(HOW_TO_GO_LIVE, flush=True)
    if options.command == "sandbox" or without_token:
        return _sandbox()
    if options.command == "cluster":
        return _cluster(options)
    if options.command in DATABASE_COMMANDS:
        return _on_the_database(options, environ)
    settings = Settings.from_environ(environ)
    if options.command == "commands":
        return _commands(settings, options.action)
    return _run(settings, _only(options.only, settings), options.env_file or ENV_FILE)


def _only(words: str | None, settings: Settings) -> frozenset[Role]:
    """The roles that this process is to have.

    Raises:
        SettingsError: one is unknown, or the database does not allow others to have the rest.
    """
    if words is None:
        return roles.ALL
    try:
        only = roles.roles_named(words)
    except ValueError as error:
        raise SettingsError((f"--only: {error}",)) from None
    # Over HTTP, a bot without a gateway is whole.
    has_all_but_gateway = Role.WORKERS in only and Role.WEB in only
    is_whole = has_all_but_gateway and (Role.GATEWAY in only or settings.interactions_public_key)
    if not is_whole and not settings.postgres_url:
        key = ", or set INTERACTIONS_PUBLIC_KEY for commands over HTTP" if has_all_but_gateway else ""
        raise SettingsError(
            (
                "--only: several processes need PostgreSQL: set DATABASE_URL to postgresql://…, or leave out --only"
                + key,
            )
        )
    return only


def _on_the_database(options: SimpleNamespace, environ: Mapping[str, str]) -> Coroutine[Any, Any, None]:
    """They need no token and no key."""
    if options.command == "backup":
        return _back_up(file_of(environ).absolute(), options.file)
    if options.command == "restore":
        return _restore(file_of(environ).absolute(), options.file)
    if options.command == "after-restore":
        return _after_restore(server_of(environ, instead="encore restore puts a copy in its place"))
    if options.command == "upgrade-database":
        return _upgrade(server_of(environ, instead="the bot upgrades it when it starts, and keeps a copy beside it"))
    source, target = move_of({"FROM": options.source, "TO": options.target})
    return _move(source.absolute(), target)


def _set_up_logs(settings: Settings, *, level: str) -> None:
    from bot import logs  # noqa: PLC0415  # a bad setting is told before anything heavy is imported

    password = urlsplit(settings.postgres_url).password or ""
    secrets = (settings.discord_token, settings.suno_api_key, settings.suno_webhook_key, unquote(password))
    logs.set_up(level=level, form=settings.log_format, secrets=secrets)


def _run(settings: Settings, only: frozenset[Role], env_file: Path = ENV_FILE) -> Coroutine[Any, Any, None]:
    _set_up_logs(settings, level=settings.log_level)
    where = env_file.absolute()
    log.info("settings: %s", f"{where} and the environment" if where.exists() else f"the environment; no {where}")
    with garbage.none_expected(freezes=True):
        sys.modules["nacl"] = None  # type: ignore[assignment]  # discord.py would import it, for voice, if it is there
        from bot.app import run  # noqa: PLC0415  # as above

        del sys.modules["nacl"]
    from bot.kernel import keep_memory_private  # noqa: PLC0415  # as above; discord.py has loaded ctypes by now

    keep_memory_private()
    if passed_over := _passed_over():
        log.warning("%s", passed_over)
    return run(settings, only=only, manager=_manager() if "NOTIFY_SOCKET" in os.environ else None)


def _passed_over() -> str:
    """What to say if `TMPDIR` is not followed. In the `.env` it would be too late for Python."""
    from bot.scratch import folder_passed_over  # noqa: PLC0415  # as above

    return folder_passed_over(os.environ.get("TMPDIR", ""))


def _manager() -> "ServiceManager | None":
    from bot.service_manager import service_manager  # noqa: PLC0415  # as above

    manager = service_manager(os.environ, pid=os.getpid())
    if manager is not None and manager.is_watching:
        import faulthandler  # noqa: PLC0415  # as above

        faulthandler.enable()  # the watchdog ends a process with SIGABRT: its log then shows where it hung
    return manager


async def _commands(settings: Settings, action: str) -> None:
    _set_up_logs(settings, level="warning" if settings.log_level == "info" else settings.log_level)
    from bot.commands import clear_commands, sync_commands  # noqa: PLC0415  # as above

    print(await (sync_commands(settings) if action == "sync" else clear_commands(settings)))


async def _back_up(database: Path, to: Path) -> None:
    from storage.backup import back_up  # noqa: PLC0415  # as above

    await back_up(database, to)
    print(f"Copied {database} to {to}.")


async def _restore(database: Path, copy: Path) -> None:
    from storage.restore import restore  # noqa: PLC0415  # as above

    restored = await restore(copy, database)
    print(f"Restored {database} from {copy}.")
    if restored.replaced is not None:
        print(f"The database from before is now {restored.replaced}.")
    _tell_held_back(restored.held_back)


async def _after_restore(url: str) -> None:
    from storage.restored import after_restore  # noqa: PLC0415  # as above

    _leave_it_to_the_last_line()
    held_back = await after_restore(url)
    print("The database is ready for the bot to start.")
    _tell_held_back(held_back)


async def _upgrade(url: str) -> None:
    from storage.upgrade import upgrade_server  # noqa: PLC0415  # as above

    _leave_it_to_the_last_line()
    applied = await upgrade_server(url)
    print(f"Applied {', '.join(applied)}. Now start the bot." if applied else "Nothing to do: start the bot.")


def _tell_held_back(number: int) -> None:
    if number:
        jobs = "1 waiting job is" if number == 1 else f"{number} waiting jobs are"
        print(
            f"{jobs} on hold, because the music service may have had them since the copy was made:"
            " members can continue or cancel them."
        )


async def _move(source: Path, target: str) -> None:
    from storage.move import move  # noqa: PLC0415  # as above

    _leave_it_to_the_last_line()
    moved = await move(source, target)
    counts = ", ".join(f"{name} {number}" for name, number in sorted(moved.rows.items()))
    what = "Everything was there already" if moved.was_done else f"Copied {source}"
    print(f"{what}: {sum(moved.rows.values())} rows in {len(moved.rows)} tables ({counts}).")
    print("Every row was read back and is the same. The SQLite file is as it was; don't start a bot on it again.")
    print(f"Now start the bot with DATABASE_URL={without_password(target)}")


def _leave_it_to_the_last_line() -> None:
    """An outage would also be logged where it happens, but the command's last line says it already."""
    logging.getLogger().addHandler(logging.NullHandler())


def _check(options: SimpleNamespace, environ: Mapping[str, str]) -> Coroutine[Any, Any, int]:
    """What to run before the bot and beside it; returns the exit status."""
    if options.command == "doctor":
        env_file = (options.env_file or ENV_FILE).absolute()
        return _doctor(environ, env_file, as_json=options.json, rehearse=options.rehearse)
    return _health(*web_of(environ))


async def _init(path: Path) -> int:
    from bot.first_settings import write_settings  # noqa: PLC0415  # as above

    write_settings(path)
    print(WHAT_TO_FILL_IN.format(path=path))
    return 0


async def _doctor(environ: Mapping[str, str], env_file: Path, *, as_json: bool, rehearse: bool) -> int:
    from bot.doctor.diagnosis import diagnose  # noqa: PLC0415  # as above

    _leave_it_to_the_last_line()
    is_healthy = True
    lines = diagnose(
        environ,
        env_file=env_file,
        as_json=as_json,
        rehearse=_rehearse if rehearse else None,
        passed_over=_passed_over(),
    )
    async for line in lines:
        try:
            print(line.text, flush=True)
        except BrokenPipeError:  # whoever read it has seen enough, as in `encore doctor | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_FAILED
        is_healthy = is_healthy and not line.is_fault
    return 0 if is_healthy else EXIT_FAILED


async def _rehearse() -> float:
    from bot.sandbox.rehearsal import rehearse  # noqa: PLC0415  # the application does without the stand-ins

    return await rehearse()


async def _health(host: str, port: int) -> int:
    from bot.health import ask  # noqa: PLC0415  # as above

    is_ready, line = ask(host, port)
    print(line)
    return 0 if is_ready else EXIT_FAILED


def _sandbox() -> Coroutine[Any, Any, None]:
    from bot.sandbox.playground import keep_running  # noqa: PLC0415  # the application does without the stand-ins

    return keep_running()


def _cluster(options: SimpleNamespace) -> Coroutine[Any, Any, None]:
    from bot.sandbox.cluster import Size  # noqa: PLC0415  # as above
    from bot.sandbox.supervisor import keep_running  # noqa: PLC0415  # as above

    size = Size(gateways=options.gateways, web=options.web, workers=options.workers)
    return keep_running(size, shards=options.shards)


def _demo(audio: Path | None, continue_at: str | None) -> Coroutine[Any, Any, None]:
    from bot.sandbox.demo import demonstrate  # noqa: PLC0415  # as above

    return demonstrate(audio, continue_at)


def _finished(work: Coroutine[Any, Any, int | None]) -> int:
    """Run `work`; a fault becomes one readable line."""
    import asyncio  # noqa: PLC0415  # as above

    try:
        return asyncio.run(work) or 0
    except Exception as error:  # noqa: BLE001  # whatever it was, the operator reads one line
        _explain(error)
        return EXIT_FAILED


def _explain(error: BaseException) -> None:
    """One line for each cause. An error of our own says what to do; any other is a fault of the program."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            _explain(inner)
        return
    from bot.logs import visible  # noqa: PLC0415  # only where something went wrong

    what = visible(" ".join(str(error).split())) or type(error).__name__
    if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in ("bot", "storage"):
        print(f"encore: stopped: {what}", file=sys.stderr)
        return
    log.debug("stopped by", exc_info=error)
    print(f"encore: stopped by a fault in Encore, please report it: {type(error).__name__} {what}", file=sys.stderr)
    print("encore: LOG_LEVEL=debug shows where it happened", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
