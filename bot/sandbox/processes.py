"""The bot as separate processes, as an operator starts them."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.settings import Settings

ROOT = Path(__file__).parents[2]
END_SECONDS = 30


def environ_of(settings: Settings, **more: str) -> dict[str, str]:
    """The variables for `settings`, with nothing from this process's environment but what Python needs."""
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(settings.database_path.parent),
        "DISCORD_TOKEN": settings.discord_token,
        "SUNO_API_KEY": settings.suno_api_key,
        "DISCORD_API_URL": settings.discord_api_url,
        "DISCORD_GATEWAY_URL": settings.discord_gateway_url,
        "SUNO_API_URL": settings.suno_api_url,
        "SUNO_UPLOAD_URL": settings.suno_upload_url,
        "PUBLIC_URL": settings.public_url,
        "WEB_HOST": settings.web_host,
        "WEB_PORT": str(settings.web_port),
        "DATABASE_URL": settings.postgres_url or f"sqlite:///{settings.database_path}",
        "QUOTA_PER_DAY": str(settings.quota_per_day),
        "OPEN_COMMANDS_PER_MEMBER": str(settings.open_commands_per_member),
        "PRIVATE_HOSTS": ",".join(settings.private_hosts),
        "ALLOWED_SERVERS": ",".join(map(str, sorted(settings.allowed_servers))),
        "SHARDS": "" if settings.shards is None else str(settings.shards or "auto"),
        "INTERACTIONS_PUBLIC_KEY": settings.interactions_public_key,
        "JOIN_PREVIEW": "on" if settings.join_preview else "off",
        "POLL_AFTER_SECONDS": str(settings.poll_after_seconds),
        "POLL_EVERY_SECONDS": str(settings.poll_every_seconds),
        **more,
    }


@dataclass
class BotProcess:
    """`said` is its output so far, from both streams; `hear` is called with each further line."""

    process: asyncio.subprocess.Process
    said: list[str] = field(default_factory=list)
    hear: Callable[[str], None] | None = None
    _stirred: asyncio.Event = field(default_factory=asyncio.Event)

    async def end(self) -> int:
        """Ask it to stop like a supervisor; returns its exit status."""
        self.process.terminate()
        return await self.exit_status()

    async def exit_status(self) -> int:
        async with asyncio.timeout(END_SECONDS):
            return await self.process.wait()

    async def has_said(self, words: str, *, seconds: float) -> bool:
        """Wait until it has printed `words`; False if it ends before.

        Raises:
            TimeoutError: neither happened in time.
        """
        async with asyncio.timeout(seconds):
            while not any(words in line for line in self.said):
                self._stirred.clear()
                if self.process.stdout is None or self.process.stdout.at_eof():
                    return False
                await self._stirred.wait()
        return True

    async def listen(self) -> None:
        """Collect what it says, until it has ended."""
        assert self.process.stdout is not None  # noqa: S101  # it is a pipe
        async for line in self.process.stdout:
            words = line.decode(errors="replace").rstrip()
            self.said.append(words)
            if self.hear is not None:
                self.hear(words)
            self._stirred.set()
        self._stirred.set()


@asynccontextmanager
async def bot_process(
    environ: Mapping[str, str], *arguments: str, folder: Path, module: str = "bot"
) -> AsyncIterator[BotProcess]:
    """`python -m bot ARGUMENTS` in `folder`, or another `module` in its place; killed on leaving if still running."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        env=environ,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    bot = BotProcess(process)
    listening = asyncio.create_task(bot.listen(), name="output of a bot")
    try:
        yield bot
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening
