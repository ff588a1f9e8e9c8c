"""One frozen settings object, checked once. `from_environ` reports every problem at the same time."""

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

import msgspec

from bot.domain.models import CREDITS_PER_JOB, DEFAULT_MODEL, MODELS, Offer, model_spelled
from bot.domain.secrets import repr_without

T = TypeVar("T")

DATABASE = Path("data/encore.db")
GIVE_UP_LEAST_SECONDS = 900
"""A job that is given up returns its unit, but its music may still be made and paid for. The provider takes up to
10 minutes (docs/provider.md 5)."""


class SettingsError(Exception):
    """`problems` has one line for each bad variable: its name, what is wrong, and the remedy."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """See `.env.example` for what each one means; names here are the variables' in lower case."""

    discord_token: str
    suno_api_key: str
    discord_api_url: str = "https://discord.com/api/v10"
    discord_gateway_url: str = "wss://gateway.discord.gg/"
    suno_api_url: str = "https://api.sunoapi.org"
    suno_upload_url: str = "https://sunoapiorg.redpandaai.co"
    suno_webhook_key: str = ""
    interactions_public_key: str = ""
    public_url: str = ""
    web_host: str = "0.0.0.0"  # noqa: S104  # the provider calls from outside
    web_port: int = 8080
    metrics_addr: tuple[str, int] | None = None  # host and port; None: no metrics
    database_path: Path = DATABASE  # beside it: copies of tracks, whatever the database
    postgres_url: str = ""  # instead of the file at `database_path`
    database_connections: int = 8
    quota_per_day: int = 10
    open_commands_per_member: int = 3
    credits_per_day: int | None = None
    credits_per_server_per_day: int | None = None
    lyrics_per_day: int = 5  # orders of one member
    keep_tracks_days: int = 0
    join_preview: bool = True
    keep_jobs_days: int = 365
    max_source_mb: int = 100
    models: tuple[str, ...] = tuple(MODELS)
    default_model: str = DEFAULT_MODEL
    private_hosts: tuple[str, ...] = ()
    allowed_servers: frozenset[int] = frozenset()
    shards: int | None = None  # of the gateway connection; 0: as many as Discord recommends
    poll_after_seconds: float = 90
    poll_every_seconds: float = 30
    overdue_after_seconds: float = 900
    give_up_after_seconds: float = 86400
    log_level: str = "info"
    log_format: str = "text"
    lease_seconds: float = 30
    # Not read from the environment: fixed by the platforms, turned by tests alone.
    progress_every_seconds: float = 4
    interaction_seconds: float = 870  # half a minute under the 15 minutes that a token lives
    watched_seconds: float = 20  # for so long somebody who gave a command looks at its answer and needs no ping
    relay_vote_seconds: float = 120  # for so long a relay's take can be voted for before the next turn can be taken
    undo_seconds: float = 5  # for so long what a button submits at once can be undone
    retry_base_seconds: float = 2
    identify_seconds: float = 5  # between two shards in one bucket
    self_call_every_seconds: float = 600  # between two checks of PUBLIC_URL
    deaf_seconds: float = 120  # without the gateway, until a new session is begun
    locales_path: Path | None = None  # None: the languages that come with Encore

    def __repr__(self) -> str:
        return repr_without(self, frozenset({"discord_token", "suno_api_key", "suno_webhook_key", "postgres_url"}))

    @property
    def max_source_bytes(self) -> int:
        return self.max_source_mb * 1_000_000

    @property
    def offer(self) -> Offer:
        """The models that members may choose."""
        return Offer.of(self.models, self.default_model)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the variables; an empty one counts as not set.

        Raises:
            SettingsError: with one line for each problem.
        """
        reader = _Reader(environ)
        values: dict[str, object] = {}
        for name, parse in _PARSERS.items():
            if (value := reader.read(name, parse)) is not None:
                values[_field_of(name, value)] = value
        for name, remedy in _REQUIRED.items():
            if not environ.get(name, "").strip():
                reader.problems.append(f"{name} is not set: {remedy}")
        if problem := _default_left_out(environ, values.get("models"), values.get("default_model")):
            reader.problems.append(problem)
        reader.problems += _times_out_of_order(environ, values)
        if reader.problems:
            raise SettingsError(tuple(reader.problems))
        return cls(**values)  # type: ignore[arg-type]  # each parser gives its field's type


def file_of(environ: Mapping[str, str]) -> Path:
    """The file of `DATABASE_URL` alone, for commands that need no other setting. Raises `SettingsError`."""
    database = _database_named("DATABASE_URL", environ)
    if isinstance(database, str):
        raise SettingsError(
            ("DATABASE_URL names a PostgreSQL database: pg_dump and pg_restore copy it, see docs/operating.md",)
        )
    return database or DATABASE


def server_of(environ: Mapping[str, str], *, instead: str) -> str:
    """The PostgreSQL address of `DATABASE_URL` alone, as `file_of`. `instead`: what is done with an SQLite file."""
    database = _database_named("DATABASE_URL", environ)
    if not isinstance(database, str):
        raise SettingsError((f"DATABASE_URL names an SQLite file: {instead}",))
    return database


def web_of(environ: Mapping[str, str]) -> tuple[str, int]:
    """`WEB_HOST` and `WEB_PORT` alone, as `file_of`."""
    reader = _Reader(environ)
    host, port = reader.read("WEB_HOST", _secret), reader.read("WEB_PORT", _PARSERS["WEB_PORT"])
    if reader.problems:
        raise SettingsError(tuple(reader.problems))
    return host or "0.0.0.0", 8080 if port is None else int(str(port))  # noqa: S104  # the setting's default


def move_of(arguments: Mapping[str, str]) -> tuple[Path, str]:
    """The file `FROM` and the PostgreSQL address `TO`. Raises `SettingsError`."""
    source, target = _database_named("FROM", arguments), _database_named("TO", arguments)
    problems = []
    if not isinstance(source, Path):
        problems.append("FROM is not the address of an SQLite file: use sqlite:///data/encore.db")
    if not isinstance(target, str):
        problems.append("TO is not the address of a PostgreSQL database: use postgresql://user:password@host/encore")
    if not isinstance(source, Path) or not isinstance(target, str):
        raise SettingsError(tuple(problems))
    return source, target


def without_password(url: str) -> str:
    """A PostgreSQL address as it may be printed."""
    url = re.sub(r"(?<=://)([^/@:]*):[^/]*@", r"\1:PASSWORD@", url)
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", r"\1PASSWORD", url)


def _database_named(name: str, environ: Mapping[str, str]) -> Path | str | None:
    reader = _Reader(environ)
    database = reader.read(name, _database)
    if reader.problems:
        raise SettingsError(tuple(reader.problems))
    return database


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def read(self, name: str, parse: Callable[[str], T]) -> T | None:
        raw = self._environ.get(name, "").strip()
        if not raw:
            return None
        try:
            return parse(raw)
        except ValueError as error:
            # A secret's own value is never repeated; none of the parsers of secrets puts it into its message.
            self.problems.append(f"{name} {error}")
            return None


def _secret(raw: str) -> str:
    if re.search(r"\s", raw):
        raise ValueError("contains white space: copy it again, in one piece")
    return raw


def _on_or_off(raw: str) -> bool:
    if raw.lower() not in {"on", "off"}:
        raise ValueError("is neither on nor off")
    return raw.lower() == "on"


def _public_key(raw: str) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", raw):
        raise ValueError(
            "is not 64 hexadecimal digits: copy the Public Key from"
            " https://discord.com/developers/applications, page “General Information”"
        )
    return raw.lower()


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        try:
            parts = urlsplit(raw)
        except ValueError:  # half an IPv6 address
            parts = urlsplit("")
        if parts.scheme not in schemes or not parts.hostname:
            raise ValueError(f"is not a URL that begins with {' or '.join(s + '://' for s in schemes)}")
        if not _has_good_port(parts):
            raise ValueError("has a port that is not a number from 1 to 65535")
        if "?" in raw or "#" in raw:
            raise ValueError("has a query or a fragment: leave out everything from ? or # on")
        return raw.rstrip("/") if "http" in schemes else raw

    return parse


def _has_good_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


_ADDRESS = re.compile(r"(?:(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9.-]+)):)?(?P<port>\d{1,5})", re.IGNORECASE)


def _address(raw: str) -> tuple[str, int]:
    """Host and port. A port alone is on this machine; for others, the operator has to say so."""
    found = _ADDRESS.fullmatch(raw)
    if not found or int(found["port"]) > 65535:
        raise ValueError(
            f"is {raw!r}: write host:port, such as 127.0.0.1:9100, or [::1]:9100; other machines can read the metrics"
            " at 0.0.0.0:9100"
        )
    return found["v6"] or found["name"] or "127.0.0.1", int(found["port"])


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        if not re.fullmatch(r"\d{1,9}", raw) or not low <= int(raw) <= high:
            raise ValueError(f"is {raw!r}: use a whole number from {low} to {high}")
        return int(raw)

    return parse


def _credits(raw: str) -> int:
    """A cap that no extension fits under would only make every job wait for a tomorrow that never comes."""
    if not re.fullmatch(r"\d{1,9}", raw) or int(raw) < CREDITS_PER_JOB:
        raise ValueError(
            f"is {raw!r}: use a whole number from {CREDITS_PER_JOB} on, because one extension costs {CREDITS_PER_JOB}"
            " credits; leave it empty for no limit, or set QUOTA_PER_DAY=0 to switch extensions off"
        )
    return int(raw)


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(raw: str) -> float:
        try:
            value = float(raw)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ValueError(f"is {raw!r}: use a number of seconds from {low:.9g} to {high:.9g}")
        return value

    return parse


def _word(*allowed: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if raw.lower() not in allowed:
            raise ValueError(f"is {raw!r}: use one of {', '.join(allowed)}")
        return raw.lower()

    return parse


_HOST_AND_PORT = r"(?:\[[^\]]*\]|[^\[\]:,@]*)(?::\d*)?"
_PORTS = rf"(?:.*@)?{_HOST_AND_PORT}(?:,{_HOST_AND_PORT})*"


_ENCODED = "(special characters in the password are percent-encoded, such as %40 for @)"


def _database(raw: str) -> Path | str:
    """A file's path, or PostgreSQL's address as it is."""
    if raw.startswith(("postgresql://", "postgres://")):
        try:
            named = urlsplit(raw).path.strip("/")
        except ValueError:
            named = ""
        if not named:
            # Without the value itself, which holds a password.
            raise ValueError(f"names no database: use postgresql://user:password@host/encore {_ENCODED}")
        if urlsplit(raw).netloc.count("@") > 1 or "@" in named:  # asyncpg would take the first for the end of it
            raise ValueError(f"has an @ too many: use postgresql://user:password@host/encore {_ENCODED}")
        if not re.fullmatch(_PORTS, urlsplit(raw).netloc):
            raise ValueError(
                f"has a port that is not a number: use postgresql://user:password@host:5432/encore {_ENCODED}"
            )
        return raw
    if not raw.startswith("sqlite:///") or raw == "sqlite:///":
        raise ValueError(
            "is neither sqlite:///data/encore.db (four slashes for an absolute path)"
            " nor postgresql://user:password@host/encore"
        )
    return Path(raw.removeprefix("sqlite:///"))


def _field_of(name: str, value: object) -> str:
    if name != "DATABASE_URL":
        return name.lower()
    return "postgres_url" if isinstance(value, str) else "database_path"


def _model(raw: str) -> str:
    model = model_spelled(raw)
    if model is None:
        raise ValueError(f"names {raw!r}, which is no model: use one of {', '.join(MODELS)}")
    return model.name


def _models(raw: str) -> tuple[str, ...]:
    """Oldest first, whatever their order in the setting."""
    if not (parts := [part.strip() for part in raw.split(",") if part.strip()]):
        raise ValueError(f"lists no model: use some of {', '.join(MODELS)}, separated by commas")
    named = {_model(part) for part in parts}
    return tuple(name for name in MODELS if name in named)


def _default_left_out(environ: Mapping[str, str], models: object, default: object) -> str | None:
    """What is wrong if the default is not one of `models`; a value that could not be read has its own line already."""
    is_set = bool(environ.get("DEFAULT_MODEL", "").strip())
    if not isinstance(models, tuple) or (is_set and default is None) or (default or DEFAULT_MODEL) in models:
        return None
    what = f"is {default}" if is_set else f"is {DEFAULT_MODEL} unless you set it"
    return f"DEFAULT_MODEL {what}, but MODELS leaves that out: use one of {', '.join(models)}"


# Each comes after the one before it in the life of a job.
_TIMES_IN_ORDER = ("POLL_AFTER_SECONDS", "OVERDUE_AFTER_SECONDS", "GIVE_UP_AFTER_SECONDS")


def _times_out_of_order(environ: Mapping[str, str], values: Mapping[str, object]) -> list[str]:
    """A line for each time that does not come after the one before it, unless one of the two could not be read."""
    defaults = {each.name: each.default for each in msgspec.structs.fields(Settings)}

    def is_set(name: str) -> bool:
        return bool(environ.get(name, "").strip())

    def seconds(name: str) -> float | None:
        found = values.get(name.lower()) if is_set(name) else defaults[name.lower()]
        return found if isinstance(found, int | float) else None

    def said(name: str, value: float) -> str:
        return f"{value:.9g}" if is_set(name) else f"{value:.9g} (the default)"

    problems = []
    for earlier, later in pairwise(_TIMES_IN_ORDER):
        first, second = seconds(earlier), seconds(later)
        if first is not None and second is not None and second <= first:
            problems.append(
                f"{later} is {said(later, second)}, but must be longer than {earlier}, which is {said(earlier, first)}"
            )
    return problems


_HOST = r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?"


def _hosts(raw: str) -> tuple[str, ...]:
    hosts = tuple(part.strip().lower() for part in raw.split(",") if part.strip())
    for host in hosts:
        if not re.fullmatch(_HOST, host):
            raise ValueError(f"names {host!r}: write host or host:port, separated by commas")
    return hosts


_SERVER_ID = r"[1-9]\d{15,19}"


def _servers(raw: str) -> frozenset[int]:
    servers = [part.strip() for part in raw.split(",") if part.strip()]
    for server in servers:
        if not re.fullmatch(_SERVER_ID, server):
            raise ValueError(
                f"names {server!r}: write the ids of servers, separated by commas"
                " (with Discord's Developer Mode on, right-click a server and choose Copy Server ID)"
            )
    return frozenset(map(int, servers))


SHARDS_MAX = 16_384


def _shards(raw: str) -> int:
    if raw.lower() == "auto":
        return 0
    if not re.fullmatch(r"\d{1,9}", raw) or not 1 <= int(raw) <= SHARDS_MAX:
        raise ValueError(f"is {raw!r}: use auto or a whole number from 1 to {SHARDS_MAX}, or leave it empty")
    return int(raw)


_REQUIRED = {
    "DISCORD_TOKEN": "put the bot's token into .env (https://discord.com/developers/applications, page “Bot”)",
    "SUNO_API_KEY": "put your key into .env (https://sunoapi.org/api-key)",
}

_PARSERS: Mapping[str, Callable[[str], object]] = {
    "DISCORD_TOKEN": _secret,
    "SUNO_API_KEY": _secret,
    "DISCORD_API_URL": _url("https", "http"),
    "DISCORD_GATEWAY_URL": _url("wss", "ws"),
    "SUNO_API_URL": _url("https", "http"),
    "SUNO_UPLOAD_URL": _url("https", "http"),
    "SUNO_WEBHOOK_KEY": _secret,
    "INTERACTIONS_PUBLIC_KEY": _public_key,
    "PUBLIC_URL": _url("https", "http"),
    "WEB_HOST": _secret,
    "WEB_PORT": _whole(0, 65535),
    "METRICS_ADDR": _address,
    "DATABASE_URL": _database,
    "DATABASE_CONNECTIONS": _whole(2, 1000),
    "QUOTA_PER_DAY": _whole(0, 1_000_000),
    "OPEN_COMMANDS_PER_MEMBER": _whole(1, 1000),
    "CREDITS_PER_DAY": _credits,
    "CREDITS_PER_SERVER_PER_DAY": _credits,
    "LYRICS_PER_DAY": _whole(0, 1_000_000),
    "KEEP_TRACKS_DAYS": _whole(0, 3650),
    "JOIN_PREVIEW": _on_or_off,
    "KEEP_JOBS_DAYS": _whole(15, 36500),
    "MAX_SOURCE_MB": _whole(1, 2000),
    "MODELS": _models,
    "DEFAULT_MODEL": _model,
    "PRIVATE_HOSTS": _hosts,
    "ALLOWED_SERVERS": _servers,
    "SHARDS": _shards,
    "POLL_AFTER_SECONDS": _seconds(0, 86400),
    "POLL_EVERY_SECONDS": _seconds(0.05, 86400),
    "OVERDUE_AFTER_SECONDS": _seconds(0.1, 86400 * 14),
    "GIVE_UP_AFTER_SECONDS": _seconds(GIVE_UP_LEAST_SECONDS, 86400 * 14),
    "LEASE_SECONDS": _seconds(0.5, 3600),
    "LOG_LEVEL": _word("debug", "info", "warning", "error"),
    "LOG_FORMAT": _word("text", "json"),
}
SETTINGS = frozenset({*_PARSERS, "AUDIO", "CONTINUE_AT"})
"""The names that `.env` may hold for us; the last two are for the demo."""
