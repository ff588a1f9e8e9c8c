"""What is never fetched. A listener on the loopback address plays the internal service that must not be reached."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.errors import SourceUnreachable
from bot.fetch.connections import AddressNotPublic, CheckedResolver, sockets
from bot.fetch.fetcher import SafeFetcher
from bot.fetch.limits import FetchLimits
from bot.fetch.refusals import NOT_HTTPS, NOT_PUBLIC
from bot.fetch.wire import Wire
from bot.sandbox.patience import PATIENCE_SECONDS
from tests.support.raw_server import anonymous_tls

PUBLIC = "93.184.215.14"
Answer = Callable[[str], bytes]


class Listener:
    """Counts connections, and answers each request with `answer` of its head."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.visits = 0
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(self._answer((await reader.readuntil(b"\r\n\r\n")).decode()))
            await writer.drain()
        writer.close()


def secret(_head: str) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"


def forwarding(location: str) -> Answer:
    return lambda _head: f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


@asynccontextmanager
async def listening(answer: Answer = secret, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Listener]:
    listener = Listener(answer)
    server = await asyncio.start_server(listener.talk, "127.0.0.1", 0, ssl=tls)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()


class FixedResolver(AbstractResolver):
    """Answers from a table; names not in it do not exist."""

    def __init__(self, table: Mapping[str, list[str]]) -> None:
        self._table = table
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        self.asked.append(host)
        if host not in self._table:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
            for address in self._table[host]
        ]

    async def close(self) -> None:
        return


class TurningResolver(FixedResolver):
    """Answers with a public address the first time, and with the loopback address after that."""

    def __init__(self) -> None:
        super().__init__({"turning.example": [PUBLIC]})

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        self._table = {"turning.example": ["127.0.0.1"]}
        return found


async def refused(
    url: str,
    to: Path,
    *,
    private_hosts: tuple[str, ...] = (),
    resolver: AbstractResolver | None = None,
    tls: ssl.SSLContext | None = None,
) -> SourceUnreachable:
    """The error that refuses `url`; nothing may be left behind."""
    fetcher = SafeFetcher(
        private_hosts=private_hosts, resolver=resolver, tls=tls, limits=FetchLimits(connect_seconds=5)
    )
    async with asyncio.timeout(PATIENCE_SECONDS), fetcher:
        with pytest.raises(SourceUnreachable) as caught:
            await fetcher.fetch(url, to, limit_bytes=1000)
    assert not to.exists()
    return caught.value


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "source"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "127.000.000.001",
        "0.0.0.0",  # noqa: S104  # as a destination it means this machine
        "0",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fe80::1%25lo]",
        "[::1%25lo]",
    ],
)
async def test_no_spelling_of_an_address_reaches_this_machine(host: str, to: Path) -> None:
    async with listening() as inside:
        error = await refused(f"https://{host}:{inside.port}/secret", to)

        assert error.sentence == NOT_PUBLIC
        assert inside.visits == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_plain_http_is_refused_before_anything_is_looked_up(host: str, to: Path) -> None:
    resolver = FixedResolver({})
    async with listening() as inside:
        error = await refused(f"http://{host}:{inside.port}/secret", to, resolver=resolver)

        assert error.sentence == NOT_HTTPS
        assert inside.visits == 0
        assert resolver.asked == []


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "168.63.129.16", "192.168.1.1", "10.0.0.1"]
)
async def test_no_literal_reaches_the_network_inside(host: str, to: Path) -> None:
    error = await refused(f"https://{host}/latest/meta-data/", to)

    assert error.sentence == NOT_PUBLIC


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["fe80::1%lo"],
        [PUBLIC, "127.0.0.1"],
        ["127.0.0.1", PUBLIC],
        ["2606:4700::6810:84e5", "::1"],
        ["nonsense"],
        [],
    ],
)
async def test_a_name_with_one_address_that_is_not_public_is_refused(addresses: list[str], to: Path) -> None:
    async with listening() as inside:
        resolver = FixedResolver({"inside.example": addresses})
        error = await refused(f"https://inside.example:{inside.port}/", to, resolver=resolver)

        assert error.sentence == NOT_PUBLIC
        assert inside.visits == 0


async def test_names_in_our_network_look_like_names_that_do_not_exist(to: Path) -> None:
    resolver = FixedResolver({"vault.internal": ["10.1.2.3"]})

    known = await refused("https://vault.internal/", to, resolver=resolver)
    unknown = await refused("https://nothing.internal/", to, resolver=resolver)

    assert known.sentence == unknown.sentence == NOT_PUBLIC


async def test_a_changing_answer_is_checked_each_time() -> None:
    resolver = CheckedResolver(TurningResolver(), public_only=True)

    first = await resolver.resolve("turning.example", 443)
    with pytest.raises(AddressNotPublic):
        await resolver.resolve("turning.example", 443)

    assert [result["host"] for result in first] == [PUBLIC]


async def test_a_name_that_turns_to_this_machine_reaches_nothing(to: Path) -> None:
    resolver = TurningResolver()
    await resolver.resolve("turning.example")  # the first look-up returned a public address
    async with listening() as inside:
        error = await refused(f"https://turning.example:{inside.port}/", to, resolver=resolver)

        assert error.sentence == NOT_PUBLIC
        assert inside.visits == 0
        assert len(resolver.asked) == 2  # one look-up per connection, with none in between


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "169.254.169.254", "::ffff:10.0.0.1", "127.1", "localhost"])
def test_no_socket_is_made_for_an_address_that_is_not_public(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    make = sockets(Wire(FetchLimits()), public_only=True)

    with pytest.raises(AddressNotPublic):
        make((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 443)))


def test_a_socket_is_made_for_a_public_address() -> None:
    make = sockets(Wire(FetchLimits()), public_only=True)
    with make((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (PUBLIC, 443))) as made:
        assert made.family is socket.AF_INET


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/secret",
        "https://127.0.0.1:{port}/secret",
        "https://localhost:{port}/secret",
        "//127.0.0.1:{port}/secret",
        "https://2130706433:{port}/secret",
        "https://[::ffff:127.0.0.1]:{port}/secret",
        "https://169.254.169.254/latest/meta-data/",
        "http://user:password@127.0.0.1:{port}/secret",
        "file:///etc/passwd",
        "ftp://127.0.0.1:{port}/secret",
        "http://[::1",
        "http://127.0.0.1:99999/",
    ],
)
async def test_a_redirect_cannot_lead_where_a_link_could_not(location: str, to: Path) -> None:
    async with listening() as inside, listening(forwarding(location.format(port=inside.port))) as allowed:
        await refused(f"http://127.0.0.1:{allowed.port}/", to, private_hosts=(f"127.0.0.1:{allowed.port}",))

        assert inside.visits == 0
        assert allowed.visits == 1


async def test_an_allowed_host_is_allowed_only_on_its_listed_port(to: Path) -> None:
    async with listening() as inside:
        await refused(f"http://127.0.0.1:{inside.port}/", to, private_hosts=(f"127.0.0.1:{inside.port + 1}",))

        assert inside.visits == 0


async def test_an_allowed_host_may_be_named_by_its_name(to: Path) -> None:
    async with listening() as allowed:
        fetcher = SafeFetcher(private_hosts=("files.lan",), resolver=FixedResolver({"files.lan": ["127.0.0.1"]}))
        async with asyncio.timeout(PATIENCE_SECONDS), fetcher:
            assert await fetcher.fetch(f"http://files.lan:{allowed.port}/", to, limit_bytes=1000) == 6


@pytest.mark.parametrize(
    "link",
    [
        "",
        " ",
        "not a link",
        "example.com/song.mp3",
        "//example.com/song.mp3",
        "/etc/passwd",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://example.com/song.mp3",
        "wss://example.com/",
        "https:",
        "https://",
        "https:///song.mp3",
        "https://[::1",
        "https://example.com:99999/",
        "https://example.com:port/",
        "https://example.com:22/",
        "https://example.com:25/",
        "https://example.com:80/",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://:password@example.com/",
        "https://exa mple.com/",
        "https://exa\r\nmple.com/",
        "https://exam\x00ple.com/",
        "https://a..b/",
        "https://../",
        f"https://{'a' * 64}.example/",
        f"https://{'a.' * 2000}example/",
    ],
)
async def test_an_unusable_link_is_refused(link: str, to: Path) -> None:
    await refused(link, to)


async def test_neither_log_nor_sentence_repeats_what_may_be_secret(to: Path) -> None:
    link = "https://media.example/PATH-SECRET/song.mp3?sig=QUERY-SECRET#FRAGMENT-SECRET"
    error = await refused(link, to, resolver=FixedResolver({"media.example": ["10.11.12.13"]}))

    told = f"{error} {error.sentence} {error.__cause__}"
    assert "media.example" in told
    assert "SECRET" not in told
    assert "10.11.12.13" not in told
    assert error.__suppress_context__


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"])
async def test_a_proxy_in_the_environment_is_not_used(name: str, to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as proxy, listening() as allowed:
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        fetcher = SafeFetcher(private_hosts=("127.0.0.1",))
        async with asyncio.timeout(PATIENCE_SECONDS), fetcher:
            await fetcher.fetch(f"http://127.0.0.1:{allowed.port}/", to, limit_bytes=1000)

        assert (proxy.visits, allowed.visits) == (0, 1)


async def test_https_works(to: Path) -> None:
    async with listening(tls=anonymous_tls(ssl.PROTOCOL_TLS_SERVER)) as allowed:
        fetcher = SafeFetcher(private_hosts=("127.0.0.1",), tls=anonymous_tls(ssl.PROTOCOL_TLS_CLIENT))
        async with asyncio.timeout(PATIENCE_SECONDS), fetcher:
            await fetcher.fetch(f"https://127.0.0.1:{allowed.port}/", to, limit_bytes=1000)

    assert to.read_bytes() == b"secret"


async def test_a_server_that_cannot_prove_who_it_is_is_refused(to: Path) -> None:
    async with listening(tls=anonymous_tls(ssl.PROTOCOL_TLS_SERVER)) as server:
        await refused(f"https://127.0.0.1:{server.port}/", to, private_hosts=("127.0.0.1",))

        assert server.visits == 0  # nothing was exchanged


async def test_a_server_without_tls_is_refused(to: Path) -> None:
    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(secret(""))
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error = await refused(f"https://127.0.0.1:{port}/", to, private_hosts=("127.0.0.1",))

    assert "secure" in error.sentence.message


async def test_https_never_leads_to_http(to: Path) -> None:
    async with (
        listening() as plain,
        listening(forwarding(f"http://127.0.0.1:{plain.port}/"), tls=anonymous_tls(ssl.PROTOCOL_TLS_SERVER)) as allowed,
    ):
        error = await refused(
            f"https://127.0.0.1:{allowed.port}/",
            to,
            private_hosts=("127.0.0.1",),
            tls=anonymous_tls(ssl.PROTOCOL_TLS_CLIENT),
        )

        assert error.sentence == NOT_HTTPS
        assert (allowed.visits, plain.visits) == (1, 0)
