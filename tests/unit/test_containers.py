"""Dockerfile, compose.yaml and Caddyfile: in step with the program and with each other."""

import re
from pathlib import Path

import pytest

from bot import app
from bot.roles import Role, roles_named
from bot.settings import _PARSERS, Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE, COMPOSE, CADDYFILE, IGNORED = (
    (ROOT / name).read_text(encoding="utf-8")
    for name in ("Dockerfile", "compose.yaml", "ops/caddy/Caddyfile", ".dockerignore")
)
PORT = str(Settings(discord_token="x", suno_api_key="x").web_port)
OF_OTHERS = re.compile(r"POSTGRES_\w+|PYTHON\w*|PATH")


def service(name: str) -> str:
    """The lines of one service of compose.yaml."""
    found = re.search(rf"^  {name}:\n((?:    .*\n|\n)+)", COMPOSE, re.MULTILINE)
    assert found, name
    return found[1]


def template(name: str) -> str:
    """The lines that services share under this name."""
    found = re.search(rf"^x-\w+: &{name}\n((?:  .*\n)+)", COMPOSE, re.MULTILINE)
    assert found, name
    return found[1]


def named_in_the_dockerfile() -> set[str]:
    return set(re.findall(r"^(?:ENV)? +([A-Z_]+)=", DOCKERFILE, re.MULTILINE))


def named_in_compose() -> set[str]:
    return {*re.findall(r"^ +([A-Z_]+):", COMPOSE, re.MULTILINE), *re.findall(r"\$\{([A-Z_]+)", COMPOSE)}


@pytest.mark.parametrize("named", [named_in_the_dockerfile(), named_in_compose()], ids=["Dockerfile", "compose.yaml"])
def test_every_setting_that_is_named_exists(named: set[str]) -> None:
    assert {"DATABASE_URL", "WEB_PORT"} <= named
    assert {name for name in named if not OF_OTHERS.fullmatch(name)} <= _PARSERS.keys()


def test_the_ports_agree() -> None:
    assert f"EXPOSE {PORT}\n" in DOCKERFILE
    assert f"WEB_PORT={PORT} " in DOCKERFILE or f"WEB_PORT={PORT}\n" in DOCKERFILE
    assert set(re.findall(r'WEB_PORT: "(\d+)"', COMPOSE)) == {PORT}
    assert f'ports: ["127.0.0.1:{PORT}:{PORT}"]' in service("encore")
    assert f"dynamic a web {PORT} " in CADDYFILE


def test_the_database_of_one_container_is_on_its_volume() -> None:
    assert "VOLUME /data\n" in DOCKERFILE
    assert 'volumes: ["data:/data"]' in template("encore")
    for text in (DOCKERFILE, service("encore")):
        (url,) = re.findall(r"DATABASE_URL[=:] ?(\S+)", text)
        assert Settings.from_environ(
            {"DISCORD_TOKEN": "x", "SUNO_API_KEY": "x", "DATABASE_URL": url}
        ).database_path == Path("/data/encore.db")


def test_each_role_has_a_service_with_two_containers() -> None:
    found: list[Role] = []
    for role in Role:
        (words,) = re.findall(r"command: \[run, --only, (\S+)\]", service(role))
        found += roles_named(words)
        assert "<<: *clustered" in service(role)

    assert sorted(found) == sorted(Role)
    assert "deploy: {replicas: 2}" in template("clustered")
    assert "profiles: [cluster]" in template("clustered")
    assert "<<: *encore" in template("clustered")
    assert "<<: *encore" in service("encore")


def test_a_container_can_do_no_more_than_it_needs() -> None:
    (user,) = re.findall(r"^USER (\d+:\d+)$", DOCKERFILE, re.MULTILINE)
    lines = template("encore")

    assert not user.startswith("0:")
    assert f'user: "{user}"' in lines
    assert {"read_only: true", "cap_drop: [ALL]", 'security_opt: ["no-new-privileges:true"]', "init: true"} <= {
        line.strip() for line in lines.splitlines()
    }
    assert 'tmpfs: ["/tmp:' in lines


def test_a_container_gets_the_time_that_a_stop_may_take() -> None:
    (seconds,) = re.findall(r"stop_grace_period: (\d+)s", template("encore"))

    assert int(seconds) > app.GRACE_SECONDS + app.INTERACTION_SECONDS + 2 * app.RELEASE_SECONDS


def test_strangers_reach_the_two_paths_that_they_need() -> None:
    assert "method POST" in CADDYFILE
    assert "path /callbacks/* /interactions\n" in CADDYFILE
    assert "respond 404" in CADDYFILE


def test_the_image_holds_the_program_with_every_extra_and_no_settings() -> None:
    copied = {name for line in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()}
    allowed = set(re.findall(r"^!(\S+)$", IGNORED, re.MULTILINE))

    assert copied == allowed
    assert {"bot", "cogs", "storage", "requirements-all.lock"} <= copied
    assert "--require-hashes -r requirements-all.lock" in DOCKERFILE
    assert re.search(r"^\*$", IGNORED, re.MULTILINE)
