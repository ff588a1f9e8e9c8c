import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from yarl import URL

from bot.domain.links import HOST_MAX, web_url
from bot.sandbox.discord.refuse import fields
from bot.sandbox.discord.refuse.limits import Problems
from tests.support.examples import examples


@pytest.mark.parametrize(
    ("words", "url"),
    [
        ("https://a.example", "https://a.example/"),
        (" HTTPS://CDN.A.Example/Song.mp3 ", "https://cdn.a.example/Song.mp3"),
        ("https://a.example:443/b", "https://a.example/b"),
        ("http://a.example:443/b", "http://a.example:443/b"),
        ("https://a.example:/b", "https://a.example/b"),
        ("http://127.0.0.1:8000/image.jpg", "http://127.0.0.1:8000/image.jpg"),
        ("https://a.example/b%20c?d=%2B&e=f+g#h", "https://a.example/b%20c?d=%2B&e=f+g#h"),
        ("https://a.example/100%?b=%zz", "https://a.example/100%25?b=%25zz"),
        ("https://a.example/ä?ö#ü", "https://a.example/%C3%A4?%C3%B6#%C3%BC"),
        ("https://a.example/b_(c).mp3", "https://a.example/b_%28c%29.mp3"),
        ('https://a.example/)[b](<c>`|"', "https://a.example/%29%5Bb%5D%28%3Cc%3E%60%7C%22"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://例え。テスト/", "https://xn--r8jz45g.xn--zckzah/"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
    ],
)
def test_a_web_address_is_written_so_that_discord_takes_it(words: str, url: str) -> None:
    assert web_url(words) == url


@pytest.mark.parametrize(
    "words",
    [
        *("", "song.mp3", "//a.example/", "https:a.example", "https://", "https:///b", "https://?b"),
        *("javascript:alert(1)", "ftp://a.example/", "data:image/png;base64,AAAA", "attachment://cover.png"),
        *("https://user@a.example/", "https://user:password@a.example/", "https://@a.example/", "https://[::1]@/"),
        *("https://a.example/b c", "https://a.example/b\tc", "https://a.example/b\x00", "https://a.example/\u202eb"),
        *("https://a.example/\u00a0b", "https://a.example/\ud800", "https://a.example\\b", "https://a.example/\\b"),
        *("https://localhost/", "https://a/", "https://a_b.example/", "https://-a.example/", "https://a-.example/"),
        *("https://a..example/", "https://.example/", "https://a.example./", "https://a.b1/", "https://%61.example/"),
        *(
            "https://xn--a/",
            "https://xn--a.example/",
            "https://xn--.example/",
            "https://a.xn--0/",
            "https://ß.example/",
            "https://xn--strae-oqa.example/",
            "https://xn--00a.example/",
        ),
        *("https://127.1/", "https://1.2.3.4.5/", "https://256.1.1.1/", "https://0x7f.0.0.1/x", "https://0177.0.0.1/"),
        *("https://[::1]/", "https://[2606:4700::1]/", "https://[::1/", "https://[v1.a]/", "https://℀.com/"),
        *("https://a.example:0/", "https://a.example:65536/", "https://a.example:٣/", "https://a.example:-1/"),
        *(f"https://{'a' * 64}.example/", f"https://{'a.' * 130}example/", f"https://{'ﷺ' * 1000}.example/"),
    ],
)
def test_what_discord_would_refuse_is_no_web_address(words: str) -> None:
    assert web_url(words) is None


@pytest.mark.parametrize(("port", "is_one"), [(0, False), (1, True), (65535, True), (65536, False)])
def test_a_port_is_between_1_and_65535(port: int, is_one: bool) -> None:
    url = f"https://a.example:{port}/"

    assert web_url(url) == (url if is_one else None)


def test_a_host_has_its_longest_name() -> None:
    longest = ".".join(["b" * 63] * 3 + ["c" * (HOST_MAX - 3 * 64 - len(".example"))]) + ".example"

    assert len(longest) == HOST_MAX
    assert web_url(f"https://{longest}/") == f"https://{longest}/"
    assert web_url(f"https://c{longest}/") is None


def test_the_limit_counts_the_address_as_it_is_sent() -> None:
    assert web_url("https://a.example/ä", limit=24) == "https://a.example/%C3%A4"
    assert web_url("https://a.example/ä", limit=23) is None
    assert web_url("https://a.example/" + "b" * 2030) is not None
    assert web_url("https://a.example/" + "b" * 2031) is None


WORDS = st.one_of(
    st.text(),
    st.builds(
        "".join,
        st.tuples(
            st.sampled_from(["https://", "http://", "HTTP://"]),
            st.lists(st.text(min_size=1, max_size=5), max_size=3).map(".".join),
            st.sampled_from(["", ".example", ".1", ".xn--a", ":80", ":٣"]),
            st.sampled_from(["", "/"]),
            st.text(max_size=10),
        ),
    ),
    st.from_regex(r"https?://(xn--)?[a-z0-9-]{1,8}\.[a-z0-9-]{1,8}(:[0-9]{1,6})?/[ -~]{0,10}", fullmatch=True),
)


@settings(max_examples=examples(200))
@given(WORDS)
@example("https://xn--a/")
@example("https://[::1]@/")
def test_every_web_address_is_safe_in_a_message(words: str) -> None:
    url = web_url(words)
    if url is None:
        return

    assert re.fullmatch(r"https?://[a-z0-9.-]+(:[0-9]+)?/[A-Za-z0-9\-._~:/?#@!$&'*+,;=%]*", url)
    assert len(url) <= 2048
    assert web_url(url) == url
    assert URL(url).host
    problems = Problems()
    assert fields.url({"url": url}, "url", problems, most=2048, schemes=("http", "https")) == url
    assert not problems
