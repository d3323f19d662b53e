"""From an address to a country code; nothing else leaves. The only module that is handed an address.

The address is cut to its network (/24, /48) before it is looked up, and no error carries it: geoip2 writes the address
into its exceptions.

Source: RFC 4291 §2.5.5.2 (IPv4-mapped addresses); EDPB Guidelines 01/2025 on pseudonymisation (coarsening).
"""

from __future__ import annotations

import ipaddress
from pathlib import Path

import geoip2.database
from maxminddb.const import MODE_MEMORY
from maxminddb.errors import InvalidDatabaseError


class Regions:
    """Looks countries up in a GeoIP2 or GeoLite2 database file.

    :raises OSError: the file cannot be read.
    :raises ValueError: it is no such database.
    """

    def __init__(self, database: Path) -> None:
        try:
            self._reader = geoip2.database.Reader(str(database), mode=MODE_MEMORY)
        except (InvalidDatabaseError, UnicodeDecodeError) as error:
            raise ValueError(f"not a GeoIP2 database: {type(error).__name__}") from None

    def country(self, address: str) -> str | None:
        """ISO 3166-1 alpha-2 code of the network of *address*; ``None`` if unknown, private or malformed."""
        try:
            return self._reader.country(_network(address)).country.iso_code
        except Exception:  # noqa: BLE001  # any geoip2 error may hold the address in its text
            return None


def _network(address: str) -> str:
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    kept = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network((parsed, kept), strict=False).network_address)
