"""An address is cut to its network before anything else; what is not public has none."""

from __future__ import annotations

import ipaddress
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.audience.network import network

_PRIVATE = [
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/3", "4000::/2", "8000::/1", "2001::/23", "2001:db8::/32", "3fff::/20"),
    )
]
_IPV4 = st.ip_addresses(v=4) | st.sampled_from(_PRIVATE[:15]).flatmap(
    lambda one: st.sampled_from([one[0], one[-1], one[0] - bool(int(one[0])), one[-1] + (int(one[-1]) < 2**32 - 1)])
)
_IPV6 = st.ip_addresses(v=6) | st.ip_addresses(network="2000::/3") | st.ip_addresses(network="2001::/16")


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("8.8.8.77", "8.8.8.0"),
        ("100.63.255.255", "100.63.255.0"),
        ("100.128.0.1", "100.128.0.0"),
        ("172.32.0.1", "172.32.0.0"),
        ("223.255.255.255", "223.255.255.0"),
        ("2a00:1450:4001:81b::200e", "2a00:1450:4001::"),
        ("2A00:1450:4001:81B::200E", "2a00:1450:4001::"),
        ("2001:4860:4860::8888", "2001:4860:4860::"),
        ("2001:200::1", "2001:200::"),
        ("3fff:1000::1", "3fff:1000::"),
        ("::ffff:8.8.8.77", "8.8.8.0"),
        ("::ffff:808:84d", "8.8.8.0"),
        ("64:ff9b::8.8.8.77", "8.8.8.0"),
        ("2002:808:84d:1::1", "8.8.8.0"),
    ],
)
def test_an_address_is_cut(address: str, kept: str) -> None:
    """To 24 or 48 bits, and an IPv4 address within an IPv6 one is found."""
    assert network(address) == ipaddress.ip_address(kept).packed


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255"),  # not public
        *("127.0.0.1", "0.1.2.3", "169.254.1.1", "255.255.255.255", "224.0.0.1", "239.1.1.1", "240.0.0.1"),
        *("192.0.2.1", "198.51.100.1", "203.0.113.1", "198.19.255.255", "192.0.0.8", "192.88.99.1"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "2a00:1450:4001::1%1", "fc00::1", "fd12::1", "fec0::1", "ff02::1"),
        *("2001:db8::1", "3fff::1", "3fff:fff::1", "2001::1", "2001:0:808:84d::1", "2001:1ff::1", "100::1", "5f00::1"),
        *("::8.8.8.8", "::ffff:10.0.0.1", "::ffff:0:8.8.8.8", "64:ff9b:1::8.8.8.8", "64:ff9b::10.0.0.1"),
        *("2002:a00:1::1", "2002:7f00:1::1", "2002:cb00:7101::1"),
        *("", " ", "8.8.8.8 ", " 8.8.8.8", "8.8.8", "8.8", "134744072", "0x8.8.8.8", "08.8.8.8", "8.8.8.256"),
        *("8.8.8.8:80", "[2a00::1]", "[2a00::1]:80", "8.8.8.8, 9.9.9.9", "8.8.8.8/24", "2a00::1/48", "2a00:::1"),
        *("unknown", "localhost", "8.8.8.8\0", "2a00::1\0", "８.8.8.8", "\ud800", "2a00::\ud800", "x" * 100_000),
    ],
)
def test_what_is_not_public_has_no_network(address: str, caplog: pytest.LogCaptureFixture) -> None:
    """And nothing is said or raised."""
    caplog.set_level(logging.DEBUG)
    assert network(address) is None
    assert caplog.text == ""


@pytest.mark.parametrize("value", [None, 7, b"8.8.8.8", ["8.8.8.8"]])
def test_what_is_no_text_has_no_network(value: object) -> None:
    """A server that sets no address must not break a page."""
    assert network(value) is None  # type: ignore[arg-type]


@given(_IPV4)
def test_ipv4_as_in_the_registry(address: ipaddress.IPv4Address) -> None:
    """The same as by the slow way, alone and in each wrapping."""
    public = not any(address in one for one in _PRIVATE[:15])
    wanted = address.packed[:3] + b"\0" if public else None
    six = ipaddress.IPv6Address
    wrapped = (
        six(bytes(10) + b"\xff\xff" + address.packed),
        six(bytes.fromhex("0064ff9b") + bytes(8) + address.packed),
        six(b"\x20\x02" + address.packed + bytes(range(10))),
    )
    assert [network(str(one)) for one in (address, *wrapped)] == [wanted] * 4


@given(_IPV6)
def test_ipv6_as_in_the_registry(address: ipaddress.IPv6Address) -> None:
    """The same as by the slow way."""
    if address.ipv4_mapped or address.sixtofour or address in ipaddress.ip_network("64:ff9b::/96"):
        return
    public = not any(address in one for one in _PRIVATE[15:])
    assert network(str(address)) == (address.packed[:6] + bytes(10) if public else None)


@given(st.text())
def test_any_text_is_fine(text: str) -> None:
    """No text raises."""
    found = network(text)
    assert found is None or len(found) in {4, 16}
