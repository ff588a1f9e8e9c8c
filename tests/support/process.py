"""The bot as a separate process, as an operator starts it."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.settings import Settings
from tests.support.secrets import secrets_in

ROOT = Path(__file__).parents[2]
END_SECONDS = 15
SECRETS = ("DISCORD_TOKEN", "SUNO_API_KEY", "SUNO_WEBHOOK_KEY")


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
        "POLL_AFTER_SECONDS": str(settings.poll_after_seconds),
        "POLL_EVERY_SECONDS": str(settings.poll_every_seconds),
        **more,
    }


@dataclass
class BotProcess:
    """`said` is its output so far, from both streams."""

    process: asyncio.subprocess.Process
    said: list[str] = field(default_factory=list)

    async def end(self) -> int:
        """Ask it to stop like a supervisor; returns its exit status."""
        self.process.terminate()
        async with asyncio.timeout(END_SECONDS):
            return await self.process.wait()

    async def exit_status(self) -> int:
        async with asyncio.timeout(END_SECONDS):
            return await self.process.wait()


async def said(bot: BotProcess, words: str) -> None:
    """Wait until the process has printed `words`."""
    async with asyncio.timeout(20):
        while not any(words in line for line in bot.said):  # noqa: ASYNC110  # another process's output
            await asyncio.sleep(0.02)


@asynccontextmanager
async def bot_process(
    environ: dict[str, str], *arguments: str, folder: Path, module: str = "bot"
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

    async def listen() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            bot.said.append(line.decode(errors="replace").rstrip())

    listening = asyncio.create_task(listen())
    try:
        yield bot
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening
    told = secrets_in(bot.said, more=(environ.get(name, "") for name in SECRETS))
    assert not told, told[:3]
