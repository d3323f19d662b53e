"""From an address to the network it is counted by: its first 24 bits (IPv4) or its first 48 bits (IPv6).

Pure, and silent: it raises nothing and logs nothing, so that no address gets out by an error. What is no address of the
public Internet has no network here.

Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890); RFC 4291 §2.5.5.2 (IPv4-mapped), RFC 3056
(6to4), RFC 6052 §2.1 (NAT64), RFC 4380 (Teredo, whose addresses say where a server is, not a visitor).
"""

from __future__ import annotations

import ipaddress
import socket

#: Bytes of an address that are kept.
KEPT_IPV4, KEPT_IPV6 = 3, 6
#: What an IPv6 address of another world begins with, and where the IPv4 address stands in it.
_WRAPPED = (
    (bytes(10) + b"\xff\xff", 12),  # ::ffff:0:0/96
    (bytes.fromhex("0064ff9b") + bytes(8), 12),  # 64:ff9b::/96
    (bytes.fromhex("2002"), 2),  # 2002::/16
)
_NOT_PUBLIC_IPV4 = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
)
#: Of 2000::/3; nothing else of IPv6 is public. 2001::/23 has Teredo in it.
_NOT_PUBLIC_IPV6 = ("2001::/23", "2001:db8::/32", "3fff::/20")


def network(address: str) -> bytes | None:
    """The network of *address*, packed: 4 bytes that end in one zero, or 16 that end in ten.

    :param address: As a server writes it. An IPv4 address within an IPv6 one (mapped, 6to4, NAT64) counts as itself.
    :returns: ``None`` for what is private, reserved, local, multicast, for documentation or with a zone, and for
        whatever is no address.
    """
    try:
        if ":" not in address:
            return _ipv4(socket.inet_pton(socket.AF_INET, address))
        return None if "%" in address else _ipv6(socket.inet_pton(socket.AF_INET6, address))
    except (OSError, ValueError, TypeError):
        return None


def _ipv6(packed: bytes) -> bytes | None:
    kept = packed[:KEPT_IPV6] + bytes(16 - KEPT_IPV6)
    is_unicast = packed[0] & 0xE0 == 0x20
    if is_unicast and packed[:2] not in _LOOK_CLOSER:
        return kept
    for begin, at in _WRAPPED:
        if packed.startswith(begin):
            return _ipv4(packed[at : at + 4])
    return kept if is_unicast and packed[:3] not in _IPV6 and packed[:4] not in _IPV6 else None


def _ipv4(packed: bytes) -> bytes | None:
    if packed[0] in _LOOK_CLOSER_IPV4 and any(packed[:size] in _IPV4 for size in (1, 2, 3)):
        return None
    return packed[:KEPT_IPV4] + b"\0"


def _beginnings(networks: tuple[str, ...]) -> frozenset[bytes]:
    """What the packed addresses of *networks* begin with, each in as few whole bytes as tell them."""
    found: set[bytes] = set()
    for text in networks:
        whole = ipaddress.ip_network(text)
        size = -(-whole.prefixlen // 8)
        found.update(part.network_address.packed[:size] for part in whole.subnets(new_prefix=8 * size))
    return frozenset(found)


_IPV4, _IPV6 = _beginnings(_NOT_PUBLIC_IPV4), _beginnings(_NOT_PUBLIC_IPV6)
#: How addresses begin, of IPv4 and of 2000::/3, that need another look: most do not.
_LOOK_CLOSER_IPV4 = frozenset(begin[0] for begin in _IPV4)
_LOOK_CLOSER = frozenset({begin[:2] for begin in _IPV6} | {bytes.fromhex("2002")})
