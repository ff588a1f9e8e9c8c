"""Uploading a file: streamed, byte for byte, under a unique name."""

import asyncio
import gc
import json
import re
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from aiohttp import BodyPartReader, web
from aiohttp.test_utils import TestServer

from bot.domain.source import AudioFormat
from bot.errors import ProviderBusy, ProviderError, ProviderOutOfCredits, ProviderRefused, ProviderSilent
from bot.suno.client import USER_AGENT, SunoClient, open_session

FIXTURES = Path(__file__).parents[1] / "fixtures" / "suno"
SUCCESS = (FIXTURES / "file-upload-success.json").read_bytes()
URL = "https://tempfile.example.com/discord/demo-loop.mp3"
KEY = "key-0123456789abcdef"
MAINTENANCE = b'{"success": false, "code": 455, "msg": "System maintenance", "data": null}'


@dataclass
class Upload:
    """One upload as it arrived."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None
    size_bytes: int = 0
    digest: str = ""


@dataclass
class Receiver:
    """Reads uploads piece by piece and gives `answers` in turn, repeating the last."""

    answers: list[tuple[int, bytes]] = field(default_factory=lambda: [(200, SUCCESS)])
    uploads: list[Upload] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.Response:
        self.headers.append(dict(request.headers))
        upload = Upload()
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            if part.name == "file":
                await self._file(part, upload)
            else:
                upload.fields[part.name or ""] = await part.text()
        self.uploads.append(upload)
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=status, body=body)

    async def _file(self, part: BodyPartReader, upload: Upload) -> None:
        upload.filename = part.filename
        digest = sha256()
        while chunk := await part.read_chunk(64 * 1024):
            digest.update(chunk)
            upload.size_bytes += len(chunk)
        upload.digest = digest.hexdigest()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def client(receiver: Receiver) -> AsyncIterator[SunoClient]:
    application = web.Application(client_max_size=1 << 30)
    application.router.add_post("/api/file-stream-upload", receiver.receive)
    async with TestServer(application) as server, open_session() as session:
        address = str(server.make_url("/"))
        yield SunoClient(session, api_url=address, upload_url=address, api_key=KEY, upload_wait_seconds=0)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song"
    path.write_bytes(Random(7).randbytes(300_001))
    return path


@pytest.mark.parametrize("size_bytes", [0, 1, 64 * 1024, 3_000_017])
async def test_the_file_arrives_byte_for_byte(
    client: SunoClient, receiver: Receiver, tmp_path: Path, size_bytes: int
) -> None:
    content = b"--\r\nboundary\r\n" + Random(size_bytes).randbytes(size_bytes)
    content = content[:size_bytes]
    path = tmp_path / "song"
    path.write_bytes(content)

    assert await client.upload(path, name="song.mp3", audio_format=AudioFormat.MP3) == URL

    [upload] = receiver.uploads
    assert (upload.size_bytes, upload.digest) == (size_bytes, sha256(content).hexdigest())


async def test_the_upload_carries_key_client_folder_and_length(
    client: SunoClient, receiver: Receiver, song: Path
) -> None:
    await client.upload(song, name="song.mp3", audio_format=AudioFormat.MP3)

    [headers] = receiver.headers
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["User-Agent"] == USER_AGENT
    assert headers["Content-Type"].startswith("multipart/form-data")
    assert int(headers["Content-Length"]) > 300_001
    assert receiver.uploads[0].fields["uploadPath"] == "encore"


@pytest.mark.parametrize(
    ("name", "stored_as"),
    [
        ("Paper Boats.mp3", "paper-boats-*.mp3"),
        ("song.FLAC", "song-*.mp3"),
        ("archive.tar.gz", "archive-tar-gz-*.mp3"),
        ("noise", "noise-*.mp3"),
        ("", "audio-*.mp3"),
        ("song.", "song-*.mp3"),
        ("../../etc/passwd", "etc-passwd-*.mp3"),
        ("song.mp3/../x", "song-mp3-x-*.mp3"),
        ("lied.möp", "lied-mop-*.mp3"),
        ('a".mp3\r\nX-Evil: 1', "a-mp3-x-evil-1-*.mp3"),
        ("song.mp3\n", "song-*.mp3"),
        ("海.opus", "audio-*.mp3"),
        ("song.verylong", "song-verylong-*.mp3"),
        ("0b6c5f4e8d7a4c0f9e1d2b3a4f5e6d7c.mp3", "audio-*.mp3"),
    ],
)
async def test_a_source_is_uploaded_under_a_safe_readable_name(
    client: SunoClient, receiver: Receiver, song: Path, name: str, stored_as: str
) -> None:
    await client.upload(song, name=name, audio_format=AudioFormat.MP3)

    [upload] = receiver.uploads
    stored = upload.fields["fileName"]
    assert upload.filename == stored
    assert re.fullmatch(stored_as.replace(".", r"\.").replace("*", "[0-9a-f]{10}"), stored)


async def test_no_two_uploads_share_a_name(client: SunoClient, receiver: Receiver, song: Path) -> None:
    await asyncio.gather(*(client.upload(song, name="song.mp3", audio_format=AudioFormat.MP3) for _ in range(5)))

    assert len({upload.fields["fileName"] for upload in receiver.uploads}) == 5


@pytest.mark.parametrize(
    "first", [(200, MAINTENANCE), (503, b""), (502, b"<html>"), (200, b"OK"), (200, b'{"code": 200, "data": {}}')]
)
async def test_an_upload_is_tried_again_under_another_name(
    client: SunoClient, receiver: Receiver, song: Path, first: tuple[int, bytes]
) -> None:
    receiver.answers = [first, (200, SUCCESS)]

    assert await client.upload(song, name="song.mp3", audio_format=AudioFormat.MP3) == URL

    assert len({upload.fields["fileName"] for upload in receiver.uploads}) == 2
    assert len({upload.digest for upload in receiver.uploads}) == 1


async def test_an_upload_is_given_up_after_a_few_attempts(client: SunoClient, receiver: Receiver, song: Path) -> None:
    receiver.answers = [(200, MAINTENANCE)]

    with pytest.raises(ProviderBusy) as caught:
        await client.upload(song, name="song.mp3", audio_format=AudioFormat.MP3)

    assert caught.value.provider_message == "System maintenance"
    assert len(receiver.uploads) == 3


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, (FIXTURES / "file-upload-error-400.json").read_bytes()), ProviderRefused),
        ((413, b"<html>too large</html>"), ProviderRefused),
        ((401, b""), ProviderRefused),
        ((200, b'{"code": 402, "msg": "The current credits are insufficient."}'), ProviderOutOfCredits),
    ],
)
async def test_a_refused_upload_is_not_tried_again(
    client: SunoClient, receiver: Receiver, song: Path, answer: tuple[int, bytes], error: type[ProviderError]
) -> None:
    receiver.answers = [answer]

    with pytest.raises(error):
        await client.upload(song, name="song.mp3", audio_format=AudioFormat.MP3)

    assert len(receiver.uploads) == 1


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        7,
        "demo-loop.mp3",
        "//x/y",
        "ftp://x/y",
        "file:///etc/passwd",
        "https://",
        "https://[",
        "https://x/a b",
    ],
)
async def test_an_answer_without_a_web_address_is_not_a_success(
    client: SunoClient, receiver: Receiver, song: Path, url: object
) -> None:
    receiver.answers = [(200, json.dumps({"success": True, "code": 200, "data": {"downloadUrl": url}}).encode())]

    with pytest.raises(ProviderSilent):
        await client.upload(song, name="song.mp3", audio_format=AudioFormat.MP3)


async def test_a_missing_file_is_not_blamed_on_the_provider(
    client: SunoClient, receiver: Receiver, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await client.upload(tmp_path / "gone", name="song.mp3", audio_format=AudioFormat.MP3)

    assert receiver.uploads == []


async def test_a_large_file_is_never_in_memory_as_a_whole(
    client: SunoClient, receiver: Receiver, tmp_path: Path
) -> None:
    path = tmp_path / "large"
    size_bytes = 48 * 1024 * 1024
    with path.open("wb") as file:
        file.truncate(size_bytes)

    tracemalloc.start()
    try:
        await client.upload(path, name="large.wav", audio_format=AudioFormat.WAV)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert receiver.uploads[0].size_bytes == size_bytes
    assert peak_bytes < size_bytes / 4


@pytest.mark.filterwarnings("error::ResourceWarning")
async def test_an_upload_that_is_cancelled_at_any_moment_leaves_no_file_open(
    client: SunoClient, tmp_path: Path
) -> None:
    source = tmp_path / "demo.mp3"
    source.write_bytes(b"music")
    for turns in range(30):
        upload = asyncio.create_task(client.upload(source, name="demo", audio_format=AudioFormat.MP3))
        for _ in range(turns):
            await asyncio.sleep(0)
        upload.cancel()
        await asyncio.gather(upload, return_exceptions=True)
    gc.collect()
