"""`encore doctor` as a whole. Imports the other checks only once the libraries are known to be there."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from bot.doctor.configuration import check_settings, usable
from bot.doctor.examination import Check, examine
from bot.doctor.finding import Finding, Found, Status
from bot.doctor.installation import check_libraries
from bot.doctor.rehearsal import rehearsal_check
from bot.doctor.report import Line, as_lines, in_sum
from bot.doctor.report import as_json as to_json
from bot.logs import Redaction

SECRETS = ("DISCORD_TOKEN", "SUNO_API_KEY", "SUNO_WEBHOOK_KEY")

Rehearse = Callable[[], Awaitable[float]]


async def diagnose(
    environ: Mapping[str, str], *, env_file: Path, as_json: bool, rehearse: Rehearse | None, passed_over: str = ""
) -> AsyncIterator[Line]:
    """Yield the output line by line. `env_file`: the `.env`, whose settings are in `environ` already.

    `passed_over`: what to say if `TMPDIR` is not followed.
    """
    clean = Redaction(_secrets_in(environ)).clean
    statuses: list[Status] = []
    async for finding in _findings(environ, env_file=env_file, rehearse=rehearse, passed_over=passed_over):
        statuses.append(finding.status)
        is_fault = finding.status is Status.FAILED
        for text in [to_json(finding, clean)] if as_json else as_lines(finding, clean):
            yield Line(text=text, is_fault=is_fault)
    if not as_json:
        yield Line(text=in_sum(statuses))


async def _findings(
    environ: Mapping[str, str], *, env_file: Path, rehearse: Rehearse | None, passed_over: str
) -> AsyncIterator[Finding]:
    found = usable(environ)

    async def libraries() -> Found:
        settings = found.settings
        return check_libraries(
            with_postgres=bool(settings.postgres_url), with_http=bool(settings.interactions_public_key)
        )

    async def settings() -> Found:
        return check_settings(found, env_file)

    first = [Check(name="python", run=libraries), Check(name="settings", run=settings)]
    async for finding in examine(first, ()):
        yield finding
    try:
        from bot.doctor.checks import all_checks  # noqa: PLC0415  # needs the libraries
    except ImportError as error:
        yield Finding(
            name="all others",
            status=Status.FAILED,
            tried="importing the libraries",
            came_back=f"a library can't be imported ({error})",
            remedy="install Encore's libraries again: make setup, or pip install encore-bot",
        )
        return
    async with all_checks(found.settings, passed_over=passed_over) as checks:
        more = [] if rehearse is None else [rehearsal_check(rehearse)]
        async for finding in examine([*checks, *more], found.bad):
            yield finding


def _secrets_in(environ: Mapping[str, str]) -> list[str]:
    """As they were given, even where that is not how they should be."""
    secrets = [environ.get(name, "").strip() for name in SECRETS]
    secrets += [part for secret in secrets for part in secret.split()]
    for name in ("DATABASE_URL", "PUBLIC_URL"):
        password = _password_in(environ.get(name, ""))
        secrets += [password, unquote(password), quote(password)]
    return [secret for secret in secrets if secret]


def _password_in(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""
