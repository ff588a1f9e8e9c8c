import re
from itertools import pairwise
from pathlib import Path

import pytest

from bot.settings import _PARSERS, Settings, SettingsError, without_password

ROOT = Path(__file__).parents[2]
TOKEN = "invented-token-of-a-bot"
KEY = "invented-key-of-an-account"
NEEDED = {"DISCORD_TOKEN": TOKEN, "SUNO_API_KEY": KEY}
SECRETS = ("DISCORD_TOKEN", "SUNO_API_KEY", "SUNO_WEBHOOK_KEY")

# The design's table, "Names others may rely on": variable, value by default, its field.
DEFAULTS: dict[str, tuple[str, object]] = {
    "DISCORD_API_URL": ("discord_api_url", "https://discord.com/api/v10"),
    "DISCORD_GATEWAY_URL": ("discord_gateway_url", "wss://gateway.discord.gg/"),
    "SUNO_API_URL": ("suno_api_url", "https://api.sunoapi.org"),
    "SUNO_UPLOAD_URL": ("suno_upload_url", "https://sunoapiorg.redpandaai.co"),
    "SUNO_WEBHOOK_KEY": ("suno_webhook_key", ""),
    "INTERACTIONS_PUBLIC_KEY": ("interactions_public_key", ""),
    "PUBLIC_URL": ("public_url", ""),
    "WEB_HOST": ("web_host", "0.0.0.0"),  # noqa: S104  # the default, not a socket
    "WEB_PORT": ("web_port", 8080),
    "METRICS_ADDR": ("metrics_addr", None),
    "DATABASE_URL": ("database_path", Path("data/encore.db")),
    "DATABASE_CONNECTIONS": ("database_connections", 8),
    "QUOTA_PER_DAY": ("quota_per_day", 10),
    "OPEN_COMMANDS_PER_MEMBER": ("open_commands_per_member", 3),
    "CREDITS_PER_DAY": ("credits_per_day", None),
    "CREDITS_PER_SERVER_PER_DAY": ("credits_per_server_per_day", None),
    "LYRICS_PER_DAY": ("lyrics_per_day", 5),
    "KEEP_TRACKS_DAYS": ("keep_tracks_days", 0),
    "JOIN_PREVIEW": ("join_preview", True),
    "KEEP_JOBS_DAYS": ("keep_jobs_days", 365),
    "MAX_SOURCE_MB": ("max_source_mb", 100),
    "MODELS": (
        "models",
        ("V3_5", "V4", "V4_5", "V4_5PLUS", "V4_5ALL", "V5", "V5_5", "V6", "V6_WILD", "V6_MINI"),
    ),
    "DEFAULT_MODEL": ("default_model", "V5"),
    "PRIVATE_HOSTS": ("private_hosts", ()),
    "ALLOWED_SERVERS": ("allowed_servers", frozenset()),
    "SHARDS": ("shards", None),
    "POLL_AFTER_SECONDS": ("poll_after_seconds", 90),
    "POLL_EVERY_SECONDS": ("poll_every_seconds", 30),
    "OVERDUE_AFTER_SECONDS": ("overdue_after_seconds", 900),
    "GIVE_UP_AFTER_SECONDS": ("give_up_after_seconds", 86400),
    "LEASE_SECONDS": ("lease_seconds", 30),
    "LOG_LEVEL": ("log_level", "info"),
    "LOG_FORMAT": ("log_format", "text"),
}
GOOD = [
    ("DISCORD_API_URL", "http://127.0.0.1:8000/api/v10/", "http://127.0.0.1:8000/api/v10"),
    ("DISCORD_GATEWAY_URL", "ws://127.0.0.1:8000/gateway/", "ws://127.0.0.1:8000/gateway/"),
    ("SUNO_API_URL", "https://api.kie.ai", "https://api.kie.ai"),
    ("SUNO_UPLOAD_URL", "https://[::1]:8443/", "https://[::1]:8443"),
    ("SUNO_WEBHOOK_KEY", "invented", "invented"),
    ("INTERACTIONS_PUBLIC_KEY", "A1b2" * 16, "a1b2" * 16),
    ("PUBLIC_URL", "https://encore.example.org/base/", "https://encore.example.org/base"),
    ("WEB_HOST", "127.0.0.1", "127.0.0.1"),
    ("WEB_PORT", "0", 0),
    ("WEB_PORT", "65535", 65535),
    ("METRICS_ADDR", "9100", ("127.0.0.1", 9100)),
    ("METRICS_ADDR", "0.0.0.0:9100", ("0.0.0.0", 9100)),  # noqa: S104  # said by the operator
    ("METRICS_ADDR", "[::1]:9100", ("::1", 9100)),
    ("METRICS_ADDR", "metrics.internal:0", ("metrics.internal", 0)),
    ("DATABASE_URL", "sqlite:///encore.db", Path("encore.db")),
    ("DATABASE_URL", "sqlite:////srv/encore.db", Path("/srv/encore.db")),
    ("DATABASE_CONNECTIONS", "2", 2),
    ("QUOTA_PER_DAY", "0", 0),
    ("OPEN_COMMANDS_PER_MEMBER", "1", 1),
    ("CREDITS_PER_DAY", "12", 12),
    ("CREDITS_PER_SERVER_PER_DAY", "120", 120),
    ("LYRICS_PER_DAY", "0", 0),
    ("KEEP_TRACKS_DAYS", "30", 30),
    ("JOIN_PREVIEW", "Off", False),
    ("KEEP_JOBS_DAYS", "15", 15),
    ("MAX_SOURCE_MB", "1", 1),
    ("MAX_SOURCE_MB", "2000", 2000),
    ("MODELS", "V5", ("V5",)),
    ("MODELS", " v5, V4.5 plus,,V3_5 , V5", ("V3_5", "V4_5PLUS", "V5")),
    ("DEFAULT_MODEL", "V3_5", "V3_5"),
    ("DEFAULT_MODEL", "v6 wild", "V6_WILD"),
    ("PRIVATE_HOSTS", " Localhost , 127.0.0.1:8000,, ", ("localhost", "127.0.0.1:8000")),
    (
        "ALLOWED_SERVERS",
        "123456789012345678, 223456789012345678,,",
        frozenset({123456789012345678, 223456789012345678}),
    ),
    ("SHARDS", "Auto", 0),
    ("SHARDS", "16", 16),
    ("POLL_AFTER_SECONDS", "0", 0.0),
    ("POLL_EVERY_SECONDS", "0.05", 0.05),
    ("OVERDUE_AFTER_SECONDS", "90.5", 90.5),
    ("GIVE_UP_AFTER_SECONDS", "1209600", 1_209_600.0),
    ("LEASE_SECONDS", "1.5", 1.5),
    ("LOG_LEVEL", "DEBUG", "debug"),
    ("LOG_FORMAT", "JSON", "json"),
]
BAD = [
    ("DISCORD_TOKEN", "two words"),
    ("SUNO_API_KEY", "two\nlines"),
    ("SUNO_WEBHOOK_KEY", "a\tb"),
    *(("INTERACTIONS_PUBLIC_KEY", key) for key in ("a1b2", "a1" * 33, "xy" * 32, "a1 " * 32)),
    *(
        (name, url)
        for name in ("DISCORD_API_URL", "SUNO_API_URL", "SUNO_UPLOAD_URL", "PUBLIC_URL")
        for url in (
            "example.org",
            "ftp://example.org",
            "https://",
            "https:///path",
            "wss://example.org",
            "http://[half",
            "//example.org",
            "https://example.org:99999",
            "https://example.org:0",
            "https://example.org:http",
            "https://example.org/?x=1",
            "https://example.org/#top",
        )
    ),
    ("DISCORD_GATEWAY_URL", "https://gateway.discord.gg/"),
    ("WEB_HOST", "two hosts"),
    *(("METRICS_ADDR", address) for address in (":9100", "localhost", "127.0.0.1:65536", "http://localhost:9100")),
    *(("METRICS_ADDR", address) for address in ("::1:9100", "*:9100", "127.0.0.1:9100/metrics", "a b:9100", "[]:1")),
    *(("WEB_PORT", port) for port in ("-1", "65536", "http", "80.5", "8 0", "99999999999")),
    *(
        ("DATABASE_URL", url)
        for url in ("data/encore.db", "postgresql://encore@db", "postgresql://[db/encore", "sqlite://", "sqlite:///")
    ),
    ("DATABASE_CONNECTIONS", "1"),
    ("OPEN_COMMANDS_PER_MEMBER", "0"),
    *(("CREDITS_PER_DAY", number) for number in ("-1", "0", "11")),
    *(("CREDITS_PER_SERVER_PER_DAY", number) for number in ("many", "1")),
    *(("LYRICS_PER_DAY", number) for number in ("-1", "many")),
    ("KEEP_TRACKS_DAYS", "0.5"),
    ("JOIN_PREVIEW", "yes"),
    ("KEEP_JOBS_DAYS", "14"),
    *(("QUOTA_PER_DAY", number) for number in ("-1", "ten", "1000001", "1e3")),
    *(("MAX_SOURCE_MB", number) for number in ("0", "2001", "100MB")),
    *(("MODELS", models) for models in ("V99", "V5,V99", "V5 V4", ",", "plus")),
    *(("DEFAULT_MODEL", model) for model in ("V99", "V4,V5", "plus")),
    *(("PRIVATE_HOSTS", hosts) for hosts in ("http://localhost", "localhost,me@host", "localhost/path")),
    *(
        ("ALLOWED_SERVERS", servers)
        for servers in ("Harbour Choir", "12345", "123456789012345678;1", "-123456789012345678")
    ),
    *(("SHARDS", number) for number in ("0", "16385", "two", "-1", "1.5")),
    *(
        (name, number)
        for name in DEFAULTS
        if name.endswith("_SECONDS")
        for number in ("-1", "nan", "inf", "1h", "99999999")
    ),
    ("POLL_EVERY_SECONDS", "0"),
    ("OVERDUE_AFTER_SECONDS", "0"),
    ("GIVE_UP_AFTER_SECONDS", "899"),
    ("LOG_LEVEL", "loud"),
    ("LOG_FORMAT", "xml"),
]


def problems(**environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(NEEDED | environ)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_two_variables_are_enough() -> None:
    settings = Settings.from_environ(NEEDED)

    assert (settings.discord_token, settings.suno_api_key) == (TOKEN, KEY)


def test_the_defaults_are_those_of_the_design() -> None:
    settings = Settings.from_environ(NEEDED)

    assert {name: getattr(settings, field) for name, (field, _) in DEFAULTS.items()} == {
        name: value for name, (_, value) in DEFAULTS.items()
    }
    assert set(_PARSERS) == {*NEEDED, *DEFAULTS}


@pytest.mark.parametrize(("name", "raw", "value"), GOOD)
def test_a_good_value_is_read(name: str, raw: str, value: object) -> None:
    assert getattr(Settings.from_environ(NEEDED | {name: raw}), DEFAULTS[name][0]) == value


def test_every_variable_has_been_set_in_these_tests() -> None:
    assert {name for name, _, _ in GOOD} | set(NEEDED) == set(_PARSERS)
    assert {name for name, _ in BAD} == set(_PARSERS)


@pytest.mark.parametrize("name", DEFAULTS)
def test_an_empty_variable_counts_as_not_set(name: str) -> None:
    assert Settings.from_environ(NEEDED | {name: "  "}) == Settings.from_environ(NEEDED)


@pytest.mark.parametrize(("name", "raw"), BAD)
def test_a_bad_value_is_one_line_that_names_its_variable(name: str, raw: str) -> None:
    (problem,) = problems(**{name: raw})

    assert problem.startswith(f"{name} ")
    assert len(problem.splitlines()) == 1
    assert len(problem) > len(name) + 10


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("raw", ["", "   "])
def test_what_is_needed_and_missing_is_named_with_where_to_get_it(name: str, raw: str) -> None:
    (problem,) = problems(**{name: raw})

    assert problem.startswith(f"{name} is not set: ")
    assert "https://" in problem


def test_all_problems_are_told_at_once() -> None:
    told = problems(DISCORD_TOKEN="", SUNO_API_KEY="", WEB_PORT="x", LOG_LEVEL="x", DATABASE_URL="x", PUBLIC_URL="x")

    assert sorted(problem.split()[0] for problem in told) == [
        "DATABASE_URL",
        "DISCORD_TOKEN",
        "LOG_LEVEL",
        "PUBLIC_URL",
        "SUNO_API_KEY",
        "WEB_PORT",
    ]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_neither_shown_nor_told(name: str) -> None:
    secret = "invented-secret"
    environ = NEEDED | {name: secret}

    assert secret not in repr(Settings.from_environ(environ))
    assert secret not in "".join(problems(**{name: f"{secret} copied twice"}))
    assert secret not in "".join(problems(**{name: secret, "WEB_PORT": "x"}))


def test_an_address_with_a_password_in_it_is_not_repeated() -> None:
    assert "invented" not in "".join(
        problems(PUBLIC_URL="ftp://me:invented@example.org", DATABASE_URL="pg://me:invented@x")
    )


@pytest.mark.parametrize(
    ("url", "printed"),
    [
        ("postgresql://encore@db/encore", "postgresql://encore@db/encore"),
        ("postgresql://encore:in:vent@ed@db:5432/encore", "postgresql://encore:PASSWORD@db:5432/encore"),
        (
            "postgresql://db/encore?user=a&password=invented&port=1",
            "postgresql://db/encore?user=a&password=PASSWORD&port=1",
        ),
        ("postgres://:invented@/encore?sslpassword=invented", "postgres://:PASSWORD@/encore?sslpassword=PASSWORD"),
        ("postgresql://encore@/encore?host=/run/a:b@c", "postgresql://encore@/encore?host=/run/a:b@c"),
    ],
)
def test_a_postgresql_address_is_printed_without_its_password(url: str, printed: str) -> None:
    assert without_password(url) == printed


def test_a_postgresql_address_may_name_several_servers_with_their_ports() -> None:
    for hosts in ("db", "db:5432", "a:1,b:2", "[::1]:5432", "a:b@db:5432", ""):
        url = f"postgresql://{hosts}/encore"
        assert Settings.from_environ(NEEDED | {"DATABASE_URL": url}).postgres_url == url
    for hosts in ("db:port", "a:1,b:x"):
        (problem,) = problems(DATABASE_URL=f"postgresql://{hosts}/encore")
        assert problem.startswith("DATABASE_URL has a port that is not a number")


@pytest.mark.parametrize("password", ["in#vented", "in/vented", "in@vented", "in?vented", "1/vented"])
def test_a_password_with_special_characters_is_pointed_out_and_not_repeated(password: str) -> None:
    (problem,) = problems(DATABASE_URL=f"postgresql://encore:{password}@db.example/encore")

    assert problem.startswith("DATABASE_URL ")
    assert problem.endswith("(special characters in the password are percent-encoded, such as %40 for @)")
    assert "vented" not in problem


def test_a_postgresql_address_is_kept_whole_and_secret() -> None:
    url = "postgresql://encore:invented@db.example/encore?sslmode=verify-full"

    settings = Settings.from_environ(NEEDED | {"DATABASE_URL": url})

    assert settings.postgres_url == url
    assert "invented" not in repr(settings)
    assert "invented" not in "".join(problems(DATABASE_URL="postgresql://encore:invented@db.example/"))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings.from_environ(NEEDED).web_port = 1  # type: ignore[misc]  # that is the point


def test_megabytes_are_of_a_million_bytes() -> None:
    assert Settings.from_environ(NEEDED | {"MAX_SOURCE_MB": "7"}).max_source_bytes == 7_000_000


def test_a_model_that_nobody_knows_is_named_beside_those_there_are() -> None:
    known = "V3_5, V4, V4_5, V4_5PLUS, V4_5ALL, V5, V5_5, V6, V6_WILD, V6_MINI"

    assert problems(MODELS="V5, V7") == (f"MODELS names 'V7', which is no model: use one of {known}",)
    assert problems(DEFAULT_MODEL="V7") == (f"DEFAULT_MODEL names 'V7', which is no model: use one of {known}",)
    assert problems(MODELS=",") == (f"MODELS lists no model: use some of {known}, separated by commas",)


def test_the_default_model_is_one_of_those_that_are_offered() -> None:
    assert problems(MODELS="V4,V4_5", DEFAULT_MODEL="V5_5") == (
        "DEFAULT_MODEL is V5_5, but MODELS leaves that out: use one of V4, V4_5",
    )
    assert problems(MODELS="V4,V4_5") == (
        "DEFAULT_MODEL is V5 unless you set it, but MODELS leaves that out: use one of V4, V4_5",
    )
    assert len(problems(MODELS="V4", DEFAULT_MODEL="V99")) == 1
    assert len(problems(MODELS="V99", DEFAULT_MODEL="V4")) == 1


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (
            {"POLL_AFTER_SECONDS": "900"},
            ["OVERDUE_AFTER_SECONDS is 900 (the default), but must be longer than POLL_AFTER_SECONDS, which is 900"],
        ),
        (
            {"OVERDUE_AFTER_SECONDS": "3600", "GIVE_UP_AFTER_SECONDS": "1800"},
            ["GIVE_UP_AFTER_SECONDS is 1800, but must be longer than OVERDUE_AFTER_SECONDS, which is 3600"],
        ),
        (
            {"OVERDUE_AFTER_SECONDS": "60"},
            ["OVERDUE_AFTER_SECONDS is 60, but must be longer than POLL_AFTER_SECONDS, which is 90 (the default)"],
        ),
        ({"GIVE_UP_AFTER_SECONDS": "2"}, ["GIVE_UP_AFTER_SECONDS is '2': use a number of seconds from 900 to 1209600"]),
    ],
)
def test_no_setting_makes_the_bot_give_up_music_that_is_still_being_made(
    times: dict[str, str], told: list[str]
) -> None:
    assert list(problems(**times)) == told


def test_the_shortest_times_are_accepted() -> None:
    settings = Settings.from_environ(
        NEEDED | {"POLL_AFTER_SECONDS": "0", "OVERDUE_AFTER_SECONDS": "899", "GIVE_UP_AFTER_SECONDS": "900"}
    )

    assert settings.give_up_after_seconds == 900


def test_a_cap_that_no_extension_fits_under_is_refused_with_the_price() -> None:
    (problem,) = problems(CREDITS_PER_DAY="6")

    assert problem.startswith("CREDITS_PER_DAY is '6': use a whole number from 12 on, because one extension costs 12")
    assert "QUOTA_PER_DAY=0 to switch extensions off" in problem


def test_members_are_offered_the_models_that_are_set() -> None:
    offer = Settings.from_environ(NEEDED | {"MODELS": "V5,V4", "DEFAULT_MODEL": "V4"}).offer

    assert (offer.names, offer.default.name) == (("V4", "V5"), "V4")


@pytest.fixture(scope="module")
def example() -> list[str]:
    return (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()


def test_the_example_lists_every_variable_once_and_no_other(example: list[str]) -> None:
    listed = [line.lstrip("#").partition("=")[0] for line in example if re.match(r"#?[A-Z_]+=", line)]

    assert sorted(listed) == sorted(_PARSERS)


def test_the_example_explains_each_variable_or_group_in_the_line_above(example: list[str]) -> None:
    for above, line in pairwise(example):
        if re.match(r"#?[A-Z_]+=", line):
            assert re.match(r"# \w|#?[A-Z_]+=", above), line
        else:
            assert line == "" or line.startswith("# "), line


def test_the_examples_values_are_the_defaults(example: list[str]) -> None:
    given = dict(line.lstrip("#").split("=", 1) for line in example if re.match(r"#?[A-Z_]+=", line))

    assert Settings.from_environ(given | NEEDED) == Settings.from_environ(NEEDED)
    assert {name for name, value in given.items() if not value} == {
        *NEEDED,
        *(name for name, (_, value) in DEFAULTS.items() if value in ("", (), None, frozenset())),
    }
