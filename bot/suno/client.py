"""The provider over HTTP: upload a file, start an extension, ask about it, ask for the credits."""

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import aiohttp

from bot import __version__
from bot.domain.lyrics import LyricsReport
from bot.domain.reports import TaskReport
from bot.domain.request import ExtensionRequest
from bot.domain.source import AudioFormat
from bot.domain.timed_lyrics import TimedWord
from bot.domain.titles import UNIQUE_HEX, upload_name
from bot.errors import ProviderBusy, ProviderError, ProviderSilent
from bot.suno import refusals
from bot.suno.body import extend_body
from bot.suno.lyrics import parse_lyrics_record
from bot.suno.timed_lyrics import parse_timed_lyrics
from bot.suno.wire import ID_MAX, Envelope, MalformedRecord, parse_record, read_number

ANSWER_MAX_BYTES = 2 * 1024 * 1024
UPLOAD_FOLDER = "encore"

OnAnswer: TypeAlias = Callable[[str, int | None, float], None]
"""Takes the URL without its query, the code of the answer (None: there was no clear one), and the seconds it took."""


USER_AGENT = f"Encore/{__version__}"
"""Always sent: the provider's gateway was seen to refuse requests without one (docs/provider.md 1.1)."""


def open_session() -> aiohttp.ClientSession:
    """A session for `SunoClient`: no cookies, nothing from the environment, a new connection for each request.

    The server can close a kept connection just as it is used again; then nobody knows whether the request arrived. A
    fresh connection that breaks was really in use. And on a kept one, an answer that came twice would be taken for the
    next question's.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True, limit=0),  # the workers limit the number
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": USER_AGENT},
        trust_env=False,
    )


class SunoClient:
    """Talks to one account. Times are seconds; `session` is closed by its opener.

    `submit`, `ask` and `upload` limit one request each, `connect` the time until the first byte is sent. Uploads are
    tried `upload_attempts` times with growing waits, starting at `upload_wait_seconds`; nothing else is repeated here.

    Every method raises `ProviderError`s: `ProviderBusy` (try later), `ProviderOutOfCredits`, `ProviderUnauthorized`,
    `ProviderRefused` (do not retry) and `ProviderSilent` (sent, no clear answer). None contains the key or a URL.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        api_url: str,
        upload_url: str,
        api_key: str,
        connect_seconds: float = 10,
        submit_seconds: float = 60,
        ask_seconds: float = 20,
        upload_seconds: float = 120,
        upload_attempts: int = 3,
        upload_wait_seconds: float = 1,
    ) -> None:
        self._session = session
        self._api_url = api_url.rstrip("/")
        self._upload_url = upload_url.rstrip("/")
        self._api_key = api_key
        self._connect_seconds = connect_seconds
        self._submit_seconds = submit_seconds
        self._ask_seconds = ask_seconds
        self._upload_seconds = upload_seconds
        self._upload_attempts = upload_attempts
        self._upload_wait_seconds = upload_wait_seconds
        self.on_answer: OnAnswer | None = None  # for the metrics

    async def extend(
        self, request: ExtensionRequest, *, source_url: str, sent_continue_at: float, callback_url: str
    ) -> str:
        """Start an extension and return its task id. Costs credits, so it is sent once, whatever happens.

        `sent_continue_at` is seconds; `request` breaks no rule; both URLs are absolute.

        Raises:
            ProviderSilent: the task may have started.
            ProviderError: any other; nothing was started.

        Source: docs/provider.md 1.1 to 1.4.
        """
        body = extend_body(request, source_url=source_url, sent_continue_at=sent_continue_at, callback_url=callback_url)
        envelope, _ = await self._call(
            "POST",
            f"{self._api_url}/api/v1/generate/upload-extend",
            seconds=self._submit_seconds,
            secrets=_spellings(callback_url) + _spellings(source_url),
            json=body,
        )
        return _task_id_in(envelope)

    async def order_lyrics(self, idea: str, *, callback_url: str) -> str:
        """Have lyrics written from an idea, and return the task's id. Costs credits, so it is sent once.

        Raises as `extend`. Source: docs/provider.md 9.
        """
        envelope, _ = await self._call(
            "POST",
            f"{self._api_url}/api/v1/lyrics",
            seconds=self._submit_seconds,
            secrets=_spellings(callback_url),
            json={"prompt": idea, "callBackUrl": callback_url},
        )
        return _task_id_in(envelope)

    async def lyrics_report(self, task_id: str) -> LyricsReport:
        """The state of a task of `order_lyrics` (docs/provider.md 9). Not repeated: the caller will ask again."""
        _, body = await self._call(
            "GET", f"{self._api_url}/api/v1/lyrics/record-info", seconds=self._ask_seconds, params={"taskId": task_id}
        )
        try:
            record = parse_lyrics_record(body)
        except MalformedRecord as error:
            raise refusals.silent(f"lyrics/record-info: {error}") from None
        _check_task(record.task_id, task_id)
        return record

    async def timed_lyrics(self, task_id: str, track_id: str) -> tuple[TimedWord, ...]:
        """When the words of a track are sung; none if it has none. Costs credits, so it is asked once.

        Raises as `extend`: `ProviderSilent` means that it may have been charged. Source: docs/provider.md 10.
        """
        _, body = await self._call(
            "POST",
            f"{self._api_url}/api/v1/generate/get-timestamped-lyrics",
            seconds=self._submit_seconds,
            json={"taskId": task_id, "audioId": track_id},
        )
        try:
            return parse_timed_lyrics(body)
        except MalformedRecord as error:
            raise refusals.silent(f"get-timestamped-lyrics: {error}") from None

    async def upload(self, path: Path, *, name: str, audio_format: AudioFormat) -> str:
        """Hand the file over, byte for byte, streamed from disk; the http(s) URL under which the provider has it.

        The file there is named after `name`, since a song without a title is called like it, with something random for
        each attempt: the same name would overwrite, and caches may serve the old file (docs/provider.md 6). Its ending
        tells the `audio_format`. Free.

        Raises:
            OSError: the file cannot be read.
            ProviderError: as for the class; `ProviderSilent` is harmless here.
        """
        import stamina  # noqa: PLC0415  # takes 14 ms that starting should not wait for

        stamina.instrumentation.set_on_retry_hooks([])  # the caller logs the outcome in one line
        retrying = stamina.AsyncRetryingCaller(
            attempts=self._upload_attempts,
            timeout=self._upload_seconds,
            wait_initial=self._upload_wait_seconds,
            wait_jitter=self._upload_wait_seconds,
        )
        return await retrying((ProviderBusy, ProviderSilent), self._upload_once, path, name, audio_format)

    async def report(self, task_id: str) -> TaskReport:
        """The state of a task (docs/provider.md 4). Not repeated: the caller will ask again."""
        _, body = await self._call(
            "GET",
            f"{self._api_url}/api/v1/generate/record-info",
            seconds=self._ask_seconds,
            params={"taskId": task_id},
        )
        try:
            record = parse_record(body)
        except MalformedRecord as error:
            raise refusals.silent(f"record-info: {error}") from None
        _check_task(record.task_id, task_id)
        return record

    async def credits(self) -> float:
        """The credits left in the account (docs/provider.md 5), possibly a fraction."""
        envelope, _ = await self._call("GET", f"{self._api_url}/api/v1/generate/credit", seconds=self._ask_seconds)
        credits_left = read_number(envelope.data)
        if credits_left is None:
            raise refusals.silent("credits without a number", code=envelope.code)
        return credits_left

    async def _upload_once(self, path: Path, source_name: str, audio_format: AudioFormat) -> str:
        name = upload_name(source_name, audio_format, unique=token_hex(UNIQUE_HEX // 2))
        # Not in a thread, which would leave it open if this is cancelled meanwhile.
        with path.open("rb") as file:
            form = aiohttp.FormData()
            form.add_field("uploadPath", UPLOAD_FOLDER)
            form.add_field("fileName", name)
            form.add_field("file", file, filename=name, content_type="application/octet-stream")
            envelope, _ = await self._call(
                "POST", f"{self._upload_url}/api/file-stream-upload", seconds=self._upload_seconds, data=form
            )
        url = envelope.data.get("downloadUrl") if isinstance(envelope.data, dict) else None
        if not isinstance(url, str) or not _is_web_url(url):
            raise refusals.silent("an upload without a download URL", code=envelope.code)
        return url

    async def _call(self, method: str, url: str, **options: Any) -> tuple[Envelope, bytes]:  # noqa: ANN401  # as below
        """As `_exchange`, with every answer reported to `on_answer`."""
        if self.on_answer is None:
            return await self._exchange(method, url, **options)
        began = time.perf_counter()
        try:
            envelope, body = await self._exchange(method, url, **options)
        except ProviderError as error:
            self.on_answer(url, error.code, time.perf_counter() - began)
            raise
        self.on_answer(url, envelope.code, time.perf_counter() - began)
        return envelope, body

    async def _exchange(
        self,
        method: str,
        url: str,
        *,
        seconds: float,
        secrets: tuple[str, ...] = (),
        json: Mapping[str, object] | None = None,
        data: aiohttp.FormData | None = None,
        params: Mapping[str, str] | None = None,
    ) -> tuple[Envelope, bytes]:
        """Make one request; returns the envelope of a success and the whole body.

        Redirects are not followed: a 307 would repeat a paid request and send the key to another address. Errors carry
        no cause, because aiohttp's can show the request's headers.
        """
        try:
            async with self._session.request(
                method,
                url,
                json=json,
                data=data,
                params=params,
                headers={
                    "Authorization": f"Bearer {self._api_key}",
                    "User-Agent": USER_AGENT,
                    "Accept": "application/json",
                },
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=seconds, connect=self._connect_seconds),
            ) as response:
                status, body = response.status, await _body_of(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise refusals.busy(f"no connection ({type(error).__name__})") from None
        except TimeoutError:
            raise refusals.silent(f"no answer within {seconds:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise refusals.silent(f"connection lost ({type(error).__name__})") from None
        return refusals.read_answer(status, body, secrets=(self._api_key, *secrets)), body


def _check_task(found: str | None, asked: str) -> None:
    """Raises `ProviderSilent` for the record of another task. One without an id says that there is no such task."""
    if found is not None and found.strip() != asked.strip():
        raise refusals.silent("an answer about another task")


def _task_id_in(envelope: Envelope) -> str:
    task_id = envelope.data.get("taskId") if isinstance(envelope.data, dict) else None
    if not isinstance(task_id, str) or not 0 < len(task_id.strip()) <= ID_MAX:
        raise refusals.silent("an answer without a task id", code=envelope.code)
    return task_id.strip()


async def _body_of(response: aiohttp.ClientResponse) -> bytes:
    """The body; empty if it is larger than any real answer, so that it is not interpreted."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > ANSWER_MAX_BYTES:
            return b""
    return bytes(body)


def _spellings(url: str) -> tuple[str, ...]:
    """A URL as an answer may quote it: whole, without its scheme, only its path."""
    path = urlsplit(url).path
    return (url, url.partition("://")[2], path if len(path) > 1 else "")


def _is_web_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", url)
