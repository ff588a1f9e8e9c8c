"""Imports run one way, as `docs/design.md` draws the layers."""

import ast
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BELOW_SERVICES = ("bot.cancellation", "bot.domain", "bot.errors", "bot.fault_points")
SERVICES = ("bot.services", *BELOW_SERVICES)
CHAT = ("bot.chat", "bot.text", *SERVICES)

# What each part may import from the project besides itself. A new part needs a row.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "bot.cancellation": (),
    "bot.domain": (),
    "bot.errors": ("bot.domain",),
    "bot.settings": ("bot.domain",),
    "bot.env_file": ("bot.settings",),
    "bot.fault_points": (),
    "bot.first_settings": (),
    "bot.health": (),
    "bot.kernel": (),
    "bot.logs": (),
    "bot.roles": (),
    "bot.scratch": (),
    "bot.self_call": ("bot.domain",),
    "bot.service_manager": (),
    "bot.text": ("bot.domain",),
    "bot.under_way": (),
    # Three floors: the capabilities, the operator's concerns, the common ground. Capabilities never import each other.
    "bot.services.pipeline": ("bot.services.operator", "bot.services.common", *BELOW_SERVICES),
    "bot.services.members": ("bot.services.operator", "bot.services.common", *BELOW_SERVICES),
    "bot.services.songs": (
        *("bot.services.pipeline", "bot.services.members", "bot.services.operator", "bot.services.common"),
        *BELOW_SERVICES,
    ),
    "bot.services.operator": ("bot.services.common", *BELOW_SERVICES),
    "bot.services.gateway": ("bot.services.common", *BELOW_SERVICES),
    "bot.services.common": BELOW_SERVICES,
    "storage": BELOW_SERVICES,
    "bot.suno": BELOW_SERVICES,
    "bot.audio": ("bot.kernel", *BELOW_SERVICES),
    "bot.fetch": BELOW_SERVICES,
    "bot.web": SERVICES,
    "bot.chat": CHAT,
    "bot.metrics": ("bot.web", "storage", *SERVICES),
    "bot.acknowledge": CHAT,
    "bot.announce": CHAT,
    "bot.servers": CHAT,
    "bot.connected_client": CHAT,
    "bot.client": ("bot.acknowledge", "bot.connected_client", "bot.servers", *CHAT),
    "bot.endpoint": ("bot.client", *CHAT),
    "bot.gateway": ("bot.client", "bot.connected_client", *CHAT),
    "bot.shard_client": ("bot.client", "bot.connected_client", *CHAT),
    "bot.shard_keeper": ("bot.client", "bot.connected_client", "bot.gateway", "bot.shard_client", *CHAT),
    "cogs": ("bot.acknowledge", "bot.client", *CHAT),
    # The composition root: the parts by capability, and the code that chooses and runs them.
    "bot.parts": (
        *("bot.audio", "bot.client", "bot.endpoint", "bot.fetch", "bot.gateway", "bot.metrics", "bot.roles"),
        *("bot.scratch", "bot.self_call"),
        "bot.servers",
        *("bot.settings", "bot.shard_keeper"),
        *("bot.suno", "bot.web", "cogs", "storage", *CHAT),
    ),
    "bot.app": (
        "bot.announce",
        "bot.client",
        "bot.endpoint",
        "bot.garbage",
        "bot.gateway",
        "bot.parts",
        "bot.roles",
        "bot.service_manager",
        "bot.settings",
        "bot.shard_keeper",
        "bot.standing",
        "bot.under_way",
        "storage",
        *CHAT,
    ),
    "bot.standing": ("bot.parts", "bot.roles", "bot.service_manager"),
    "bot.commands": ("bot.announce", "bot.app", "bot.gateway", "bot.settings", *CHAT),
    # The checks by subject; each imports only what it looks at.
    "bot.doctor.installation": ("bot.doctor.finding",),
    "bot.doctor.configuration": ("bot.doctor.finding", "bot.env_file", "bot.settings"),
    "bot.doctor": (
        *("bot.audio", "bot.endpoint", "bot.gateway", "bot.health", "bot.logs", "bot.self_call"),
        *("bot.settings", "bot.suno", "bot.web", "cogs", "storage", *CHAT),
    ),
    "bot.arguments": ("bot.roles",),
    "bot.garbage": (),
    "bot.__main__": (
        "bot.app",
        "bot.arguments",
        "bot.commands",
        "bot.doctor",
        "bot.env_file",
        "bot.fault_points",
        "bot.first_settings",
        "bot.garbage",
        "bot.health",
        "bot.kernel",
        "storage",
        "bot.logs",
        "bot.roles",
        "bot.sandbox",
        "bot.scratch",
        "bot.service_manager",
        "bot.settings",
    ),
    # The stand-ins share no line with what they check; only what runs the bot against them knows the bot.
    "bot.sandbox.patience": (),
    "bot.sandbox.discord.options": (),
    "bot.sandbox.discord.world": ("bot.sandbox.discord.options", "bot.sandbox.patience"),
    "bot.sandbox.discord.refuse": ("bot.sandbox.discord.world",),
    "bot.sandbox.runner": (),
    "bot.sandbox.discord.wire": (
        "bot.sandbox.discord.options",
        "bot.sandbox.discord.refuse",
        "bot.sandbox.discord.world",
        "bot.sandbox.patience",
        "bot.sandbox.runner",
    ),
    "bot.sandbox.discord.user": (
        "bot.sandbox.discord.refuse",
        "bot.sandbox.discord.wire",
        "bot.sandbox.discord.world",
        "bot.sandbox.patience",
    ),
    "bot.sandbox.discord": ("bot.sandbox.patience",),
    "bot.sandbox.suno": ("bot.sandbox.patience", "bot.sandbox.runner", "bot.sandbox.sounds"),
    "bot.sandbox.page": (
        "bot.sandbox.discord",
        "bot.sandbox.runner",
        "bot.sandbox.sounds",
        "bot.sandbox.suno",
    ),
    "bot.sandbox.jobs_seen": ("bot.domain", "bot.sandbox.discord", "storage"),
    "bot.sandbox.turned_clock": ("bot.services.common.clock",),
    "bot.sandbox": ("bot.app", "bot.audio", "bot.domain", "bot.errors", "bot.logs", "bot.roles", "bot.settings"),
}
# The only modules that may import these.
ONLY_IN: dict[str, tuple[str, ...]] = {
    # FFmpeg reads foreign bytes only in the audio process; the sandbox makes and measures its own sounds.
    "av": ("bot.audio", "bot.sandbox.sounds", "bot.sandbox.suno.material"),
    "PIL": ("bot.audio", "bot.sandbox.sounds"),
    "resvg_py": ("bot.audio.drawing",),
    "audioop": ("bot.audio.samples",),
    "aiosqlite": ("storage.engines",),
    "sqlite3": ("storage.engines", "storage.migrate"),
    # Optional: imported with a PostgreSQL database alone.
    "asyncpg": ("storage.engines.postgres", "storage.engines.postgres_bells", "storage.engines.postgres_outages"),
    "babel": ("bot.text",),
    # Optional: imported with INTERACTIONS_PUBLIC_KEY alone, and by a stand-in that signs.
    "nacl": ("bot.web.ed25519", "bot.sandbox.discord.wire.signing"),
    "dotenv": ("bot.env_file",),
    # Optional: imported with METRICS_ADDR alone.
    "prometheus_client": ("bot.metrics.meters",),
    "discord": (
        *("bot.acknowledge", "bot.announce", "bot.chat", "bot.client", "bot.connected_client", "bot.gateway"),
        *("bot.servers", "bot.shard_client", "bot.shard_keeper"),
        *("bot.doctor.announced", "bot.doctor.application", "bot.doctor.checks", "bot.doctor.servers"),
        *("bot.parts.part", "cogs"),
    ),
}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {
    name_of(path): path for folder in ("bot", "cogs", "storage") for path in sorted((ROOT / folder).rglob("*.py"))
}
PACKAGES = {name for name, path in MODULES.items() if path.name == "__init__.py"}


def imported(module: str, source: str) -> Iterator[str]:
    """Every module that `source` imports anywhere, by its full name."""
    package = module.split(".") if module in PACKAGES else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in MODULES else base


def within(name: str, parts: tuple[str, ...]) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def part_of(module: str) -> str | None:
    """The table's row for `module`: the longest match."""
    return max((part for part in MAY_IMPORT if within(module, (part,))), key=len, default=None)


def wrong_imports(module: str, source: str) -> list[str]:
    part = part_of(module)
    if part is None:
        return [f"{module} has no row in the table"]
    wrong = []
    for name in imported(module, source):
        if within(name, ("bot", "cogs", "storage", "tests")):
            # `bot` itself contains only the version.
            allowed = name == "bot" or within(name, (part, *MAY_IMPORT[part]))
        else:
            owners = ONLY_IN.get(name.partition(".")[0])
            allowed = owners is None or within(module, owners)
        if not allowed:
            wrong.append(name)
    return wrong


def circle_in(imports: Mapping[str, set[str]]) -> list[str]:
    """The modules of one circle, the first of them again at its end; empty if there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def reads_environment(source: str) -> bool:
    return any(
        (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv", "getenvb"})
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and {a.name for a in node.names} & {"environ", "getenv"}
        )
        for node in ast.walk(ast.parse(source))
    )


@pytest.mark.parametrize("module", [name for name in MODULES if name not in {"bot", "bot.services", "cogs"}])
def test_imports_run_one_way(module: str) -> None:
    assert wrong_imports(module, MODULES[module].read_text(encoding="utf-8")) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports for type checking count as well."""
    sources = {name: path.read_text(encoding="utf-8") for name, path in MODULES.items()}

    assert circle_in({name: {*imported(name, source)} & MODULES.keys() for name, source in sources.items()}) == []


@pytest.mark.parametrize("module", [name for name in MODULES if within(name, ("bot.domain",))])
def test_the_domain_needs_only_the_standard_library_and_its_records(module: str) -> None:
    names = set(imported(module, MODULES[module].read_text(encoding="utf-8")))

    assert {
        name
        for name in names
        if not within(name, ("bot.domain", "msgspec")) and name.partition(".")[0] not in sys.stdlib_module_names
    } == set()


@pytest.mark.parametrize("module", [name for name in MODULES if name != "bot.__main__"])
def test_only_the_command_line_reads_the_environment(module: str) -> None:
    assert not reads_environment(MODULES[module].read_text(encoding="utf-8"))


def test_the_command_line_does_read_it() -> None:
    assert reads_environment(MODULES["bot.__main__"].read_text(encoding="utf-8"))


def test_the_packages_themselves_hold_no_code() -> None:
    for name in ("bot", "cogs", "storage"):
        tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
        assert all(isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign) for node in tree.body)


def test_every_row_of_the_table_has_its_module() -> None:
    assert [part for part in MAY_IMPORT if not any(within(module, (part,)) for module in MODULES)] == []


@pytest.mark.parametrize(
    ("module", "line", "wrong"),
    [
        ("bot.services.pipeline.accept", "import discord", "discord"),
        ("bot.services.pipeline.accept", "from discord import app_commands", "discord"),
        ("bot.services.pipeline.accept", "from storage.jobs import JobTable", "storage.jobs"),
        ("bot.services.pipeline.accept", "from bot.sandbox.suno import FakeSuno", "bot.sandbox.suno"),
        ("bot.services.pipeline.accept", "def late():\n    import av.container", "av.container"),
        ("bot.domain.rules", "from bot import errors", "bot.errors"),
        ("bot.domain.rules", "from .. import errors", "bot.errors"),
        ("bot.domain.rules", "from ..errors import EncoreError", "bot.errors"),
        ("bot.audio.worker", "from bot.services.pipeline import accept", "bot.services.pipeline.accept"),
        ("bot.services.members.members", "from bot.services.pipeline import resend", "bot.services.pipeline.resend"),
        ("bot.services.common.worker", "import bot.services.operator.account", "bot.services.operator.account"),
        ("bot.app", "import bot.sandbox", "bot.sandbox"),
        ("bot.web.health", "import tests", "tests"),
        ("bot.sandbox.suno", "from bot.suno import wire", "bot.suno.wire"),
        (
            "bot.sandbox.discord.world.guilds",
            "from bot.sandbox.discord.wire import payloads",
            "bot.sandbox.discord.wire.payloads",
        ),
        (
            "bot.sandbox.discord.wire.server",
            "from bot.sandbox.discord import Member",
            "bot.sandbox.discord",
        ),
        ("cogs.extend", "import sqlite3", "sqlite3"),
        ("storage.engines.opening", "import asyncpg", "asyncpg"),
    ],
)
def test_a_wrong_import_is_noticed(module: str, line: str, wrong: str) -> None:
    assert wrong_imports(module, line) == [wrong]


def test_a_circle_is_noticed() -> None:
    assert {*circle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})} == {"a", "b", "c"}


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.environ['A']",
        "import os as o\no.getenv('A')",
        "from os import environ",
        "from os import getenv as g",
    ],
)
def test_reading_the_environment_is_noticed(source: str) -> None:
    assert reads_environment(source)
