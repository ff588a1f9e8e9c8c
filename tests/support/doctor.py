"""`encore doctor` run in the test's own process, and its findings by name."""

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bot.doctor.diagnosis import diagnose
from bot.doctor.finding import Finding, Found, Status
from bot.settings import Settings
from tests.support.process import environ_of
from tests.support.secrets import secrets_in

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"


async def examined(settings: Settings, environ: Mapping[str, str] | None = None) -> dict[str, Finding]:
    """All findings by name; none of them contains a secret. `environ` replaces some variables."""
    variables = {**environ_of(settings), **(environ or {})}
    lines = [line async for line in diagnose(variables, env_file=Path("/no/such/.env"), as_json=True, rehearse=None)]
    found = [msgspec.json.decode(line.text, type=Finding) for line in lines]
    told = secrets_in([line.text for line in lines], more=(settings.discord_token, settings.suno_api_key))
    assert told == []
    assert [line.is_fault for line in lines] == [finding.status is Status.FAILED for finding in found]
    assert all(set(json.loads(line.text)) == {"name", "status", "tried", "came_back", "remedy"} for line in lines)
    return {finding.name: finding for finding in found}


def check(found: "Found | Finding", status: Status, *words: str) -> None:
    """It has this status and says these words, which docs/troubleshooting.md has too, and what to do."""
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    said = f"{found.came_back} {found.remedy}"
    assert found.status is status, said
    assert found.tried
    assert bool(found.remedy) is (status in {Status.FAILED, Status.WARNING}), said
    for each in words:
        assert each in said, said
        assert each in page, f"docs/troubleshooting.md does not explain “{each}”"


def failed(found: "Found | Finding", *words: str) -> None:
    check(found, Status.FAILED, *words)


def warned(found: "Found | Finding", *words: str) -> None:
    check(found, Status.WARNING, *words)
