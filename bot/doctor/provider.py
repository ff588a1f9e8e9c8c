"""The music service: the key, the credits, and an upload. Nothing here starts paid work."""

from pathlib import Path

import aiohttp
import msgspec

from bot.doctor.finding import Found, failed, ok, warning
from bot.domain.models import CREDITS_PER_JOB
from bot.domain.source import AudioFormat
from bot.errors import ProviderError, ProviderOutOfCredits, ProviderUnauthorized
from bot.settings import Settings
from bot.suno.client import SunoClient, open_session

FEW_EXTENSIONS = 10
TRIED_CREDITS = "comparing the credits with the price of an extension"
KEY_PAGE = "https://sunoapi.org/api-key"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What an accepted key is told."""

    credits: float


async def check_key(settings: Settings) -> tuple[Found, Answer | None]:
    """The finding, and what the music service said if it accepted the key. Asks for the credits, which is free."""
    tried = f"asking {settings.suno_api_url} for the credits with SUNO_API_KEY"
    try:
        async with open_session() as session:
            credits_left = await _client(settings, session).credits()
    except ProviderUnauthorized as error:
        remedy = f"copy the key from {KEY_PAGE} into .env as SUNO_API_KEY"
        return failed(tried, f"the key is refused ({error.code})", remedy), None
    except ProviderOutOfCredits:
        return ok(tried, "the key is accepted"), Answer(credits=0)
    except ProviderError as error:
        remedy = "check the network and SUNO_API_URL, and try again in a few minutes"
        return failed(tried, f"no useful answer ({error})", remedy), None
    return ok(tried, "the key is accepted"), Answer(credits=credits_left)


def judge_credits(credits_left: float) -> Found:
    extensions = int(credits_left // CREDITS_PER_JOB)
    what = f"{credits_left:g} credits left, enough for {extensions} extensions of {CREDITS_PER_JOB}"
    if not extensions:
        return failed(TRIED_CREDITS, what, "top up the account at https://sunoapi.org")
    if extensions < FEW_EXTENSIONS:
        return warning(TRIED_CREDITS, what, "top up the account at https://sunoapi.org soon")
    return ok(TRIED_CREDITS, what)


async def check_upload(settings: Settings, silence: Path) -> Found:
    """Hand over a second of silence, as with every source. Uploads are free."""
    tried = f"uploading one second of silence to {settings.suno_upload_url}"
    try:
        async with open_session() as session:
            await _client(settings, session).upload(silence, name="encore doctor", audio_format=AudioFormat.WAV)
    except ProviderUnauthorized as error:
        return failed(tried, f"the key is refused there ({error.code})", "check SUNO_UPLOAD_URL and SUNO_API_KEY")
    except ProviderError as error:
        remedy = "check the network and SUNO_UPLOAD_URL, and try again in a few minutes"
        return failed(tried, f"it was not accepted ({error})", remedy)
    return ok(tried, "it was accepted")


def _client(settings: Settings, session: aiohttp.ClientSession) -> SunoClient:
    return SunoClient(
        session,
        api_url=settings.suno_api_url,
        upload_url=settings.suno_upload_url,
        api_key=settings.suno_api_key,
        upload_attempts=1,
        upload_seconds=60,
    )
