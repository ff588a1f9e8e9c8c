"""Whatever a stranger sends over a raw socket: no 500, no traceback, and the server keeps answering."""

import asyncio
import logging
import random
import re

import pytest

from tests.support.interactions import Taken
from tests.support.web import CALLBACK, POST, Parts, asked, serving

METHODS = (
    *(b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"CONNECT", b"TRACE", b"PATCH", b"DELETE", b"QUERY", b"PRI"),
    *(b"M-SEARCH", b"SOURCE", b"get", b"\xff", b""),
)
TARGETS = (
    *(
        b"/healthz",
        b"/readyz",
        CALLBACK.encode(),
        b"/interactions",
        b"/",
        b"*",
        b"//",
        b"/callbacks/",
        b"/%",
        b"/%ff%fe",
        b"/\xff\xfe",
    ),
    *(b"http://a/healthz", b"http://[::1/", b"http://xn--a/", b"http://xn--\xff/", b"http://\xff\xff/", b"http://"),
    *(b"//a@b:99999/", b"a:1", b"[::1]:x", b"example.com:443", b"mailto:a@b", b"/healthz?\xff", b"/healthz#\xff"),
    *(b"/a/../..//..", b"/\x7f", b"/?" + b"a=b&" * 300, b"http://a:b@c:1/healthz"),
)
VERSIONS = (*(b"HTTP/1.1",) * 5, b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/3.0", b"HTTP/1.", b"RTSP/1.0", b"")
NAMES = (
    *(b"Expect", b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Upgrade", b"Content-Type"),
    *(b"Content-Encoding", b"Cookie", b"Accept", b"If-Modified-Since", b"Range", b"X-Webhook-Timestamp"),
    *(
        b"X-Signature-Ed25519",
        b"X-Signature-Timestamp",
        b"X-Webhook-Signature",
        b"Sec-WebSocket-Key",
        b"Sec-WebSocket-Key1",
        b"Trailer",
        b"TE",
        b"Date",
        b"X",
    ),
)
VALUES = (
    *(b"100-continue", b"\xff", b"\xc3\xa9", b"100-continue\xff", b"chunked", b"gzip, chunked", b"chunked, gzip"),
    *(
        b"keep-alive",
        b"close",
        b"upgrade",
        b"websocket",
        b"h2c",
        b"0",
        b"2",
        b"-1",
        b"+1",
        b"1_0",
        b"9" * 30,
        b"",
        b"a",
    ),
    *(
        b"ab" * 64,
        b"text/plain; charset=\xff",
        b"multipart/form-data; boundary=\xff",
        b"a=b; c=\xff",
        b"\x00",
        b"br",
        b"bytes=0-",
    ),
)
BODIES = (
    *(b"2\r\n{}\r\n0\r\n\r\n", b"0\r\n\r\n", b"zz\r\n", b"-1\r\n", b"f" * 16 + b"\r\n", b"2;a=\xff\r\n{}\r\n"),
    *(b"2\r\n{}\r\n0\r\nExpect: \xff\r\n\r\n", b"0\r\n" + b"T: a\r\n" * 40 + b"\r\n", b"2\n{}\n0\n\n"),
)


class Fuzz:
    """Requests that are mostly right, with a few things wrong."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def requests(self) -> bytes:
        """One request, or several in a row on one connection."""
        words = b"".join(self._request() for _ in range(self._random.choice((1, 1, 1, 2, 3))))
        return self._mutated(words) if self._random.random() < 0.2 else words

    def cut(self, words: bytes) -> tuple[bytes, bytes]:
        at = self._random.randrange(len(words) + 1) if self._random.random() < 0.3 else len(words)
        return words[:at], words[at:]

    def _request(self) -> bytes:
        pick = self._random.choice
        odd = self._random.randrange(6)
        method = pick(METHODS) if odd == 0 else pick((b"GET", b"POST"))
        target = pick(TARGETS) if odd in (1, 2) else pick(TARGETS[:5])
        version = pick(VERSIONS) if odd == 3 else b"HTTP/1.1"
        fields = [b"Host: a"]
        if odd == 4:
            fields += [pick(NAMES) + pick((b": ", b":", b" : ", b":\t")) + pick(VALUES) for _ in range(pick((1, 2, 3)))]
        body = pick((b"", b"{}", pick(BODIES) if odd == 5 else BODIES[0]))
        if body:
            fields.append(b"Content-Length: 2" if body == b"{}" else b"Transfer-Encoding: chunked")
        return b"\r\n".join([b" ".join((method, target, version)), *fields, b"", body])

    def _mutated(self, words: bytes) -> bytes:
        mutated = bytearray(words)
        for _ in range(3):
            at = self._random.randrange(len(mutated))
            mutated[at : at + self._random.randrange(4)] = self._random.randbytes(self._random.randrange(4))
        return bytes(mutated)


async def answers(port: int, *parts: bytes) -> list[int]:
    """The statuses that the server answers before closing the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    try:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0)
        while more := await reader.read(65_536):
            said += more
    except ConnectionError:
        pass  # closed before everything was sent
    finally:
        writer.close()
    return [int(status) for status in re.findall(rb"HTTP/\d\.\d (\d{3})", said)]


def loud(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the operator reads at the usual log level."""
    return [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG or record.exc_info]


@pytest.mark.parametrize("seed", range(4))
async def test_a_stranger_gets_neither_a_500_nor_a_traceback(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    fuzz = Fuzz(seed)
    loop_troubles: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, trouble: loop_troubles.append(trouble))
    statuses: set[int] = set()
    parts, taken = Parts(), Taken()
    parts.interactions = taken.endpoint(body_seconds=0.05)

    async with serving(parts, idle_seconds=0.05, body_seconds=0.05) as port:

        async def talk() -> None:
            for _ in range(25):
                statuses.update(await answers(port, *fuzz.cut(fuzz.requests())))

        await asyncio.gather(*(talk() for _ in range(20)))
        assert (await asked(port, "/healthz"))[0] == 200

    assert {status for status in statuses if status >= 500} == set()
    assert {200, 400, 401, 404, 405} <= statuses
    assert taken.taken == []
    assert loud(caplog) == []
    assert loop_troubles == []


@pytest.mark.parametrize("path", ["/healthz", "/nothing", CALLBACK])
@pytest.mark.parametrize(
    "expectation", [b"\xff", b"100-continue\xff", b"\xc3\xa9", "100-contİnue".encode(), b"miracles", b"100-continue, a"]
)
async def test_an_unknown_expectation_is_refused_without_an_echo(
    path: str, expectation: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: ".encode() + expectation + b"\r\n\r\n{}"
    async with serving(Parts()) as port:
        assert await answers(port, head) == [417]

    assert loud(caplog) == []


async def test_a_sender_that_asks_before_sending_the_body_may_send_it() -> None:
    head, body = POST.replace(b"Host: a", b"Host: a\r\nConnection: close\r\nExpect: 100-Continue")[:-2], b"{}"
    async with serving(Parts()) as port:
        assert await answers(port, head, body) == [100, 200]


@pytest.mark.parametrize("target", [b"http://xn--a/", b"http://xn--\xff/healthz", b"//xn--a/healthz"])
async def test_an_unreadable_target_is_refused(target: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Parts()) as port:
        [status] = await answers(port, b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert status in (400, 404)
    assert loud(caplog) == []


@pytest.mark.parametrize("version", [b"HTTP/0.9", b"HTTP/2.0"])
async def test_another_version_of_http_is_refused(version: bytes) -> None:
    async with serving(Parts()) as port:
        assert await answers(port, b"GET /healthz " + version + b"\r\nHost: a\r\n\r\n") == [400]
