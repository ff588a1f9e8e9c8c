"""`encore init` in an empty folder."""

import os
import stat
import tomllib
from pathlib import Path

import pytest
from dotenv import dotenv_values

from bot import first_settings
from bot.first_settings import NAME, InitError, write_settings
from bot.settings import Settings
from tests.support.process import bot_process

ROOT = Path(__file__).parents[2]


async def test_it_writes_every_setting_and_says_what_to_fill_in(tmp_path: Path) -> None:
    async with bot_process({"PYTHONPATH": str(ROOT)}, "init", folder=tmp_path) as bot:
        assert await bot.exit_status() == 0

    file = tmp_path / ".env"
    assert file.read_text() == (ROOT / ".env.example").read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert str(file) in bot.said[0]
    assert [line.split()[0] for line in bot.said[1:3]] == ["DISCORD_TOKEN", "SUNO_API_KEY"]
    assert "encore doctor" in bot.said[-1]


async def test_what_it_wrote_works_once_the_two_are_filled_in(tmp_path: Path) -> None:
    write_settings(tmp_path / ".env")
    values = {name: value or "" for name, value in dotenv_values(tmp_path / ".env").items()}

    settings = Settings.from_environ({**values, "DISCORD_TOKEN": "invented", "SUNO_API_KEY": "invented"})

    assert [name for name, value in values.items() if not value] == ["DISCORD_TOKEN", "SUNO_API_KEY"]
    assert settings == Settings(discord_token="invented", suno_api_key="invented")


async def test_an_existing_file_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("QUOTA_PER_DAY=3\n")

    async with bot_process({"PYTHONPATH": str(ROOT)}, "init", folder=tmp_path) as bot:
        assert await bot.exit_status() == 1

    assert bot.said == [f"encore: stopped: {tmp_path / '.env'} exists already and stays as it is"]
    assert (tmp_path / ".env").read_text() == "QUOTA_PER_DAY=3\n"


def test_the_wheel_carries_the_example() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert project["tool"]["setuptools"]["data-files"] == {"share/encore": [NAME]}


def test_an_installation_without_the_example_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_settings, "DISTRIBUTION", "no-such-distribution")
    monkeypatch.setattr(first_settings, "__file__", str(tmp_path / "bot" / "first_settings.py"))

    with pytest.raises(InitError, match="is missing from this installation"):
        write_settings(tmp_path / ".env")
    assert not (tmp_path / ".env").exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(InitError):
        write_settings(tmp_path / ".env")
    assert os.listdir(tmp_path) == [".env"]  # noqa: PTH208  # with what the link names
