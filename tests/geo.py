"""Small databases of regions, written as those of the world are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

#: Networks that belong to somebody, since those for documentation have no region.
IPV4, IPV6 = "9.9.9.0/24", "2a00:1450:4001::/48"


def country(code: str) -> dict[str, object]:
    """A record of GeoIP2 Country."""
    return {"country": {"iso_code": code}}


def database(path: Path, records: Mapping[str, Any], *, kind: str = "Test-Country", ip_version: int = 6) -> Path:
    """Write what *records* say of networks to *path*, in one step."""
    writer = MMDBWriter(ip_version=ip_version, ipv4_compatible=ip_version == 6, database_type=kind)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    unfinished = path.with_name(path.name + ".new")
    writer.to_db_file(str(unfinished))
    unfinished.replace(path)
    return path
