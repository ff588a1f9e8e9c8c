from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.fetch.addresses import NOT_PUBLIC_IPV4, NOT_PUBLIC_IPV6, PrivateHosts, is_public, is_public_literal


@pytest.mark.parametrize(
    "literal",
    [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.215.14",
        "162.159.130.233",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "223.255.255.255",
        "2606:4700::6810:84e5",
        "2a00:1450:4001:82a::200e",
        "2400:cb00:2048:1::c629:d7a2",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ],
)
def test_an_internet_address_is_public(literal: str) -> None:
    assert is_public(ip_address(literal))


@pytest.mark.parametrize(
    "literal",
    [
        "0.0.0.0",  # noqa: S104  # nothing listens here
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::8.8.8.8",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_any_other_address_is_not_public(literal: str) -> None:
    assert not is_public(ip_address(literal))


@pytest.mark.parametrize("network", [*NOT_PUBLIC_IPV4, *NOT_PUBLIC_IPV6], ids=str)
def test_a_refused_network_is_refused_from_its_first_to_its_last_address(network: IPv4Network | IPv6Network) -> None:
    assert not is_public(network[0])
    assert not is_public(network[-1])


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_is_public_against_the_registry(address: IPv4Address) -> None:
    assert not is_public(address) or (address.is_global and not address.is_multicast)


@given(st.ip_addresses(v=6))
def test_no_ipv6_address_is_public_against_the_registry(address: IPv6Address) -> None:
    carries_ipv4 = address.ipv4_mapped is not None or (int(address) >> 32) == int(IPv6Address("64:ff9b::")) >> 32

    assert not is_public(address) or carries_ipv4 or (address.is_global and not address.is_multicast)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_an_ipv6_address_is_judged_as_itself(address: IPv4Address) -> None:
    assert is_public(IPv6Address(f"::ffff:{address}")) == is_public(address)
    assert is_public(IPv6Address(f"64:ff9b::{address}")) == is_public(address)
    assert not is_public(IPv6Address(f"::{address}"))


@pytest.mark.parametrize("word", ["", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "010.8.8.8", "8.8.8.8 "])
def test_anything_but_a_plain_address_is_not_public(word: str) -> None:
    assert not is_public_literal(word)


@pytest.mark.parametrize(
    ("word", "host", "port"),
    [
        ("files.lan", "files.lan", 80),
        ("files.lan", "FILES.lan", 65535),
        ("files.lan:8080", "files.lan", 8080),
        ("127.0.0.1:9000", "127.0.0.1", 9000),
        ("::1", "::1", 80),
        ("[::1]", "::1", 80),
        ("[::1]:8080", "0:0:0:0:0:0:0:1", 8080),
    ],
)
def test_a_listed_host_is_allowed(word: str, host: str, port: int) -> None:
    assert PrivateHosts.parse([word]).allow(host, port)


@pytest.mark.parametrize(
    ("word", "host", "port"),
    [
        ("files.lan:8080", "files.lan", 8081),
        ("files.lan", "a.files.lan", 80),
        ("files.lan", "files.lan.", 80),
        ("files.lan", "files.lan.example.com", 80),
        ("127.0.0.1", "127.0.0.2", 80),
        ("[::1]:8080", "::1", 80),
        ("127.0.0.1", "::ffff:127.0.0.1", 80),
    ],
)
def test_a_similar_host_is_not_allowed(word: str, host: str, port: int) -> None:
    assert not PrivateHosts.parse([word]).allow(host, port)


def test_an_empty_list_allows_nothing() -> None:
    assert not PrivateHosts.parse([]).allow("127.0.0.1", 80)


@pytest.mark.parametrize("word", ["", ":80", "host:", "host:0", "host:65536", "host:http", "host:²", "[::1]80", "[]:1"])
def test_a_word_that_is_not_a_host_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="names"):
        PrivateHosts.parse([word])
