"""Whatever a stranger writes, as a link or in an answer, leads to a refusal and never to another error."""

import asyncio
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from yarl import URL

from bot.errors import SourceTooLarge, SourceUnreachable
from bot.fetch.addresses import PrivateHosts, is_public_literal
from bot.fetch.fetcher import SafeFetcher
from bot.fetch.limits import FetchLimits
from bot.fetch.refusals import UNREADABLE
from bot.fetch.targets import LINK_MAX_CHARS, check, read_link, read_redirect
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.integration.test_fetch_refusals import FixedResolver
from tests.support.examples import examples
from tests.support.raw_server import head, serving

HOSTS = st.one_of(
    st.sampled_from(
        [
            *("xn--a", "xn--", "xn--a.b", "a..b", "1.2.3", "0x7f.1", "::1", "[::1]", "[::1", "[v1.a]", "[", "]", "%2e"),
            *("[::1%25lo]", "[::1%]", "例え", "ß.de", "a" * 70, "\u200d", "\ufeff", "a\u3002b", "℀.com", "a%00b"),
            *("localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "xn--zzzzzz99999", "\ud800", "a.example", ""),
        ]
    ),
    st.text(max_size=8),
)
URLS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["https://", "http://", "https:", "//", "", "https:///", "HTTPS://", "ht\ttps://", "ftp://"]),
        st.sampled_from(["", "@", "u@", "u:p@", ":@", "%zz@", "[@", "[::1]@"]),
        HOSTS,
        st.sampled_from(["", ":", ":443", ":99999", ":-1", ":a", ":٣", ":²", ":0", ":00443", ":1_0", "@"]),
        st.one_of(st.sampled_from(["", "/", "/..", "?a", "#x", "/%zz", "\\", "/\ud800", "/a b"]), st.text(max_size=6)),
    ),
)
LINKS = st.one_of(URLS, st.text())


def judged(link: str) -> URL | None:
    """The URL if it may be fetched; the only possible error is a refusal."""
    try:
        url = read_link(link)
        check(url, PrivateHosts())
    except SourceUnreachable:
        return None
    return url


@settings(deadline=None, max_examples=examples(200))
@given(LINKS)
@example("https://xn--a/")
@example("https://[::1]@/")
@example("https://:@[::1]@")
@example("//:80/..")
def test_any_string_is_at_worst_a_refused_link(link: str) -> None:
    judged(link)


@settings(deadline=None, max_examples=examples(200))
@given(LINKS)
@example("https://xn--a/")
@example("https://[::1]@/")
@example("//:80/..")
def test_any_redirect_is_at_worst_a_refused_link(location: str) -> None:
    with suppress(SourceUnreachable):
        check(read_redirect(URL("https://a.example/b?c"), location), PrivateHosts())


@settings(deadline=None, max_examples=examples(50))
@given(LINKS)
@example("https://xn--a/")
@example("https://[::1]@/")
def test_no_string_makes_a_fetch_raise_anything_but_a_refusal(link: str) -> None:
    url = judged(link)
    assume(url is None or not is_public_literal(url.raw_host or ""))  # nothing outside may be reached

    async def fetch() -> None:
        fetcher = SafeFetcher(private_hosts=(), resolver=FixedResolver({}), limits=FetchLimits(connect_seconds=2))
        with TemporaryDirectory() as folder:
            async with asyncio.timeout(PATIENCE_SECONDS), fetcher:
                with pytest.raises(SourceUnreachable):
                    await fetcher.fetch(link, Path(folder) / "source", limit_bytes=1000)

    asyncio.run(fetch())


@pytest.mark.parametrize(
    "link", [f"https://a.example/{'a' * LINK_MAX_CHARS}", f"https://{'a.' * 300}example/", f"https://a@{'ﷺ' * 8000}"]
)
def test_a_link_of_excessive_length_is_not_even_parsed(link: str) -> None:
    """The host name parser would block everybody for half a second."""
    with pytest.raises(SourceUnreachable) as caught:
        read_link(link)

    assert caught.value.sentence == UNREADABLE


@pytest.mark.parametrize(
    ("link", "host"),
    [
        ("https://straße.example/", "xn--strae-oqa.example"),
        (" https://a.example/ein lied.mp3\n", "a.example"),
        ("https://xn--i-7iq.example/", "xn--i-7iq.example"),
        ("https://a_b.example/🎵", "a_b.example"),
        (f"https://a.example/?{'a' * 6000}", "a.example"),
    ],
)
def test_unusual_links_are_read(link: str, host: str) -> None:
    url = judged(link)

    assert url is not None
    assert url.raw_host == host


WORDS = st.one_of(
    st.sampled_from(
        [
            *(b"chunked", b"gzip", b"identity, chunked", b"0", b"5", b"-1", b"1e3", b"text/html", b"a/b;=", b"\xff"),
            *(b"https://xn--a/", b"https://[::1]@/", b"/", b"//", b"bytes 0-1/2", b"close", b"=?utf-8?q?a?=", b""),
        ]
    ),
    st.binary(max_size=12),
)
NAMES = st.sampled_from(
    [
        *(b"Content-Type", b"Content-Length", b"Transfer-Encoding", b"Content-Encoding", b"Location", b"Connection"),
        *(b"Set-Cookie", b"Content-Disposition", b"Upgrade", b"Link", b"Trailer"),
    ]
)


@settings(deadline=None, max_examples=examples(100))
@given(
    st.sampled_from([200, 200, 200, 301, 100, 204, 206, 999]),
    st.lists(st.tuples(NAMES, WORDS), max_size=4),
    st.binary(max_size=40),
)
def test_no_answer_makes_a_fetch_raise_anything_but_a_refusal(
    status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    words = head(status).removesuffix(b"\r\n") + b"".join(b"%b: %b\r\n" % each for each in headers) + b"\r\n" + body

    async def fetch() -> None:
        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(words)

        async with serving(answer) as server:
            limits = FetchLimits(answer_seconds=5, window_seconds=5)
            fetcher = SafeFetcher(private_hosts=(f"127.0.0.1:{server.port}",), limits=limits)
            with TemporaryDirectory() as folder:
                to = Path(folder) / "source"
                async with asyncio.timeout(PATIENCE_SECONDS), fetcher:
                    try:
                        size = await fetcher.fetch(f"http://127.0.0.1:{server.port}/", to, limit_bytes=1000)
                    except (SourceUnreachable, SourceTooLarge):
                        assert not to.exists()
                    else:
                        assert to.stat().st_size == size

    asyncio.run(fetch())
