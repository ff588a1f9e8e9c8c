"""The stand-in's uploads and the files of its tracks: what is refused, kept, served, and served badly."""

import asyncio
import base64
import struct
import zlib
from io import BytesIO
from pathlib import Path

import aiohttp
import av
import pytest

from bot.sandbox.sounds import compose
from bot.sandbox.suno import SunoOptions
from bot.sandbox.suno.material import cover, length_seconds, write_long_silence, write_silence
from tests.support.suno_api import KEY, QUICK, Caller, Json, a_caller

STREAM, BASE64, FROM_URL = "/api/file-stream-upload", "/api/file-base64-upload", "/api/file-url-upload"


async def get(caller: Caller, url: str) -> tuple[int, str, bytes]:
    async with caller.session.get(url) as answer:
        return answer.status, answer.content_type, await answer.read()


async def finished(caller: Caller, *words: str) -> list[Json]:
    """The tracks of a task that ended well."""
    await caller.play("complete-alone", *words, callbacks=1)
    return caller.receiver.tracks("complete") or []


async def test_an_upload_comes_back_byte_for_byte(tmp_path: Path) -> None:
    source = tmp_path / "any.mp3"
    source.write_bytes(bytes(range(256)) * 5000)
    async with a_caller() as caller:
        answer = await caller.upload(source, "ünï söng.mp3")

        data = answer["data"]
        assert (answer["success"], answer["code"]) == (True, 200)
        assert data["filePath"] == "discord/ünï söng.mp3"
        assert data["fileSize"] == source.stat().st_size
        assert await get(caller, data["downloadUrl"]) == (200, "audio/mpeg", source.read_bytes())


async def test_the_same_name_overwrites_and_no_name_is_a_random_one(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.write_bytes(b"one")
    second.write_bytes(b"two")
    async with a_caller() as caller:
        urls = [
            (await caller.upload(path, name))["data"]["downloadUrl"]
            for path, name in ((first, "a.mp3"), (second, "a.mp3"), (first, None), (first, None))
        ]

        assert urls[0] == urls[1]
        assert (await get(caller, urls[0]))[2] == b"two"
        assert urls[2] != urls[3]
        assert urls[2].endswith(".mp3")


@pytest.mark.parametrize("prefix", ["", "data:audio/mpeg;base64,"])
async def test_base64_is_accepted_with_and_without_its_prefix(prefix: str) -> None:
    body = {
        "base64Data": prefix + base64.b64encode(b"sound").decode(),
        "uploadPath": "../../etc",
        "fileName": "../x.mp3",
    }
    async with a_caller() as caller:
        data = (await caller.call("POST", BASE64, json=body))["data"]

        assert data["filePath"] == "etc/x.mp3"
        assert (await get(caller, data["downloadUrl"]))[2] == b"sound"


async def test_a_url_is_fetched() -> None:
    async with a_caller() as caller:
        body = {"fileUrl": caller.source_url, "uploadPath": "copies", "fileName": "copy.mp3"}
        data = (await caller.call("POST", FROM_URL, json=body))["data"]

        assert (await get(caller, data["downloadUrl"]))[2] == (await get(caller, caller.source_url))[2]


@pytest.mark.parametrize(
    ("path", "body", "code", "message"),
    [
        (BASE64, {"base64Data": "QUJD"}, 400, "Missing required parameter: uploadPath"),
        (BASE64, {"uploadPath": "x"}, 400, "Missing required parameter: base64Data"),
        (BASE64, {"base64Data": "?", "uploadPath": "x"}, 400, "Invalid Base64 data"),
        (BASE64, [], 400, "Request body is not valid JSON"),
        (FROM_URL, {"uploadPath": "x"}, 400, "Missing required parameter: fileUrl"),
        (FROM_URL, {"fileUrl": "http://127.0.0.1:9/x", "uploadPath": "x"}, 500, "File fetch failed"),
        (STREAM, {}, 400, "Current request is not a multipart request"),
    ],
)
async def test_bad_uploads_are_refused(path: str, body: object, code: int, message: str) -> None:
    async with a_caller() as caller:
        answer = await caller.call("POST", path, json=body)

    assert answer == {"success": False, "code": code, "msg": message, "data": None}


async def test_base64_has_a_smaller_limit() -> None:
    body = b'{"uploadPath": "x", "base64Data": "' + b"A" * 13_400_000 + b'"}'
    async with a_caller() as caller:
        answer = await caller.call("POST", BASE64, data=BytesIO(body))

    assert (answer["code"], answer["msg"]) == (400, "File size exceeds the limit")


@pytest.mark.parametrize(("field", "missing"), [("file", "uploadPath"), ("uploadPath", "file")])
async def test_an_upload_needs_its_fields(field: str, missing: str) -> None:
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field(field, "x", filename="x.mp3" if field == "file" else None)
    async with a_caller() as caller:
        answer = await caller.call("POST", STREAM, data=form)

    assert (answer["code"], answer["msg"]) == (400, f"Missing required parameter: {missing}")


async def test_an_upload_has_a_limit(tmp_path: Path) -> None:
    large = tmp_path / "large.mp3"
    large.write_bytes(bytes(600_000))
    async with a_caller(SunoOptions(upload_limit_bytes=500_000)) as caller:
        answer = await caller.upload(large)

    assert (answer["success"], answer["msg"]) == (False, "File size exceeds the limit")


async def test_uploads_need_the_key_and_the_right_method() -> None:
    async with a_caller() as caller:
        async with caller.session.post(caller.suno.upload_url + BASE64, json={}) as answer:
            without_key = await answer.json()
        wrong_method = await caller.call("GET", STREAM)

    assert (without_key["success"], without_key["code"]) == (False, 401)
    assert (wrong_method["success"], wrong_method["code"]) == (False, 405)


async def test_tracks_are_served_under_addresses_that_cannot_be_guessed() -> None:
    async with a_caller() as caller:
        one, two = await finished(caller)

        for track in (one, two):
            audio = await get(caller, track["audio_url"])
            assert audio[:2] == (200, "audio/mpeg")
            assert len(audio[2]) >= 20_000
            assert await get(caller, track["source_audio_url"]) == audio
            assert await get(caller, track["stream_audio_url"]) == audio
            assert await get(caller, track["source_stream_audio_url"]) == audio
            picture = await get(caller, track["image_url"])
            assert picture[:2] == (200, "image/png")
            assert await get(caller, track["source_image_url"]) == picture
        assert one["audio_url"] != two["audio_url"]
        assert "." not in one["stream_audio_url"].rpartition("/")[2]
        assert (await get(caller, caller.suno.api_url + "/r/" + "0" * 32 + ".mp3"))[0] == 404
        assert (await get(caller, caller.suno.api_url + "/s/@@@"))[0] == 404


async def test_an_unfinished_track_can_be_streamed_but_not_fetched() -> None:
    async with a_caller(SunoOptions(manual=True, audio=False)) as caller:
        task_id = await caller.begin(title="[[text-tracks]]")
        await caller.suno.finish(task_id, "text")
        track = (caller.receiver.tracks("text") or [])[0]
        key = caller.suno.tasks[task_id].tracks[0].key

        assert (await get(caller, f"{caller.suno.api_url}/r/{key}.mp3"))[0] == 404
        async with caller.session.get(track["stream_audio_url"]) as answer:
            assert (answer.status, answer.content_length) == (200, None)
            assert await answer.read()


async def test_a_file_may_fail_a_given_number_of_times() -> None:
    async with a_caller() as caller:
        (track,) = await finished(caller, "one-track", "file-error 500 2")

        assert [(await get(caller, track["audio_url"]))[0] for _ in range(4)] == [500, 500, 200, 200]


async def test_a_file_may_be_missing_for_good() -> None:
    async with a_caller() as caller:
        (track,) = await finished(caller, "one-track", "file-error 404")

        assert [(await get(caller, track["audio_url"]))[0] for _ in range(3)] == [404] * 3


async def test_a_file_may_break_off_in_the_middle() -> None:
    async with a_caller() as caller:
        (track,) = await finished(caller, "one-track", "file-cut 1")

        with pytest.raises(aiohttp.ClientPayloadError):
            await get(caller, track["audio_url"])
        assert (await get(caller, track["audio_url"]))[0] == 200


async def test_a_file_may_be_slow() -> None:
    async with a_caller() as caller:
        (track,) = await finished(caller, "one-track", "file-slow 0.2")
        start = asyncio.get_running_loop().time()

        body = (await get(caller, track["audio_url"]))[2]

        assert asyncio.get_running_loop().time() - start >= 0.15
        assert len(body) >= 20_000


async def test_a_file_may_be_large() -> None:
    async with a_caller() as caller:
        (track,) = await finished(caller, "one-track", "file-large 3")

        assert len((await get(caller, track["audio_url"]))[2]) >= 3_000_000


async def test_the_first_of_two_tracks_may_be_very_long() -> None:
    async with a_caller() as caller:
        long, usual = await finished(caller, "long-track 2700")

        assert long["duration"] == pytest.approx(2700, abs=0.1)
        assert len((await get(caller, long["audio_url"]))[2]) > 10 * 1024 * 1024
        assert usual["duration"] < 10


async def test_the_audio_of_results_is_real(tmp_path: Path) -> None:
    source, heard = tmp_path / "source.mp3", tmp_path / "heard.mp3"
    compose(source, seconds=4)
    async with a_caller(SunoOptions(time_scale=0.001, continuation_seconds=3)) as caller:
        url = (await caller.upload(source, "piece.mp3"))["data"]["downloadUrl"]
        task_id = await caller.play(callbacks=3, uploadUrl=url, continueAt=2.5)

        files = [(await get(caller, track["audio_url"]))[2] for track in caller.receiver.tracks("complete") or []]
        heard.write_bytes(files[0])
        told = (await caller.record(task_id))["response"]["sunoData"][0]["duration"]

    assert files[0] != files[1]
    assert told == pytest.approx(5.5, abs=0.1)
    assert length_seconds(heard) == pytest.approx(told, abs=0.2)


def test_silence_has_the_length_it_claims(tmp_path: Path) -> None:
    path = tmp_path / "silence.mp3"

    told = write_silence(path, 200_000)

    assert 200_000 <= path.stat().st_size < 202_000
    assert length_seconds(path) == pytest.approx(told, abs=0.05)
    with av.open(str(path)) as container:
        decoded = sum(frame.samples for frame in container.decode(audio=0))
    assert decoded / 44_100 == pytest.approx(told, abs=0.1)


def test_long_silence_takes_little_room(tmp_path: Path) -> None:
    path = tmp_path / "silence.mp3"

    told = write_long_silence(path, 60)

    assert told == pytest.approx(60, abs=0.05)
    assert length_seconds(path) == pytest.approx(60, abs=0.05)
    assert path.stat().st_size < 60 * 4_100


def test_a_file_without_sound_has_no_length(tmp_path: Path) -> None:
    picture = tmp_path / "cover.png"
    picture.write_bytes(cover(1))

    assert length_seconds(picture) is None
    assert length_seconds(tmp_path / "missing.mp3") is None


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_a_cover_is_a_whole_picture(seed: int, tmp_path: Path) -> None:
    data = cover(seed)
    path = tmp_path / "cover.png"
    path.write_bytes(data)

    with av.open(str(path)) as container:
        (frame,) = container.decode(video=0)
    assert (frame.width, frame.height) == struct.unpack(">II", data[16:24])
    assert len(data) < 20_000
    assert zlib.crc32(b"IEND") == struct.unpack(">I", data[-4:])[0]


def test_covers_differ() -> None:
    assert cover(2**60) != cover(2**61)


async def test_files_need_no_key() -> None:
    async with a_caller(QUICK) as caller:
        (track,) = await finished(caller, "one-track")

        assert KEY not in [dict(request.headers) for request in caller.suno.requests]
        assert (await get(caller, track["audio_url"]))[0] == 200
