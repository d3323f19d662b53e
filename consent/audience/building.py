"""Builds a database of countries from a larger one, or from a table of ranges. Needs the extra ``geo``.

The result is as coarse as the look-up (/24, /48), has nothing but a country code for each network, in the shape of
GeoIP2 Country, and is the same, byte for byte, for the same input.

Source: MaxMind DB File Format Specification 2.0; ISO 3166-1 alpha-2.
"""

from __future__ import annotations

import csv
import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPNetwork, IPSet

from .network import KEPT_IPV4, KEPT_IPV6
from .region import Regions, networks

KIND = "Consentry-Country"
#: Bits of an address, and of the block that a look-up knows.
_BITS = {4: (32, 8 * KEPT_IPV4), 6: (128, 8 * KEPT_IPV6)}
_COUNTRY = re.compile(r"[A-Z]{2}")

#: Version, first and last address as numbers, country.
Range = tuple[int, int, int, str]


@dataclass(frozen=True, slots=True)
class Built:
    """What was made.

    :param networks: How many the database has.
    :param countries: How many different ones.
    """

    networks: int
    countries: int


def ranges(path: Path) -> Iterator[Range]:
    """What the operator's file says: a database, or CSV with ``first,last,country`` or ``network,country``.

    Addresses in CSV may be written as whole numbers. More columns are passed over.

    :raises OSError: the file cannot be read.
    :raises ValueError: it is neither, or a line of it is wrong.
    """
    with path.open("rb") as file:
        return networks(path) if b"\0" in file.read(1024) else _table(path)


def dated(path: Path) -> datetime:
    """Of which day the data in *path* is: as the database says; of CSV, when the file was written.

    :raises OSError: the file cannot be read.
    :raises ValueError: it is no database, though it is no text either.
    """
    with path.open("rb") as file:
        if b"\0" not in file.read(1024):
            return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return datetime.combine(Regions(path).open().built, time(), UTC)


def build(said: Iterable[Range], output: Path, *, built: datetime, about: str) -> Built:
    """Write the database of *said* to *output*, as a whole or not at all.

    :param said: In any order. Of overlapping ranges the smaller one counts.
    :param built: When its data was put together, aware.
    :param about: One line on the data, in English.
    :raises OSError: the file cannot be written.
    :raises ValueError: there is no range in it.
    """
    networks_of: dict[str, list[IPNetwork]] = {}
    for version, first, last, country in _coarse(said):
        networks_of.setdefault(country, []).extend(_networks(version, first, last))
    if not networks_of:
        raise ValueError("there is no country in it")
    writer = _Writer(built, ip_version=6, ipv4_compatible=True, database_type=KIND, languages=["en"], description=about)
    for country in sorted(networks_of):
        writer.insert_network(IPSet(networks_of[country]), {"country": {"iso_code": country}})
    unfinished = output.with_name(output.name + ".part")
    try:
        writer.to_db_file(str(unfinished))
        unfinished.replace(output)  # in one step: whoever reads the old file goes on reading it
    finally:
        unfinished.unlink(missing_ok=True)
    return Built(sum(map(len, networks_of.values())), len(networks_of))


class _Writer(MMDBWriter):
    """Says when the data was put together, instead of when it was written."""

    def __init__(self, built: datetime, **about: Any) -> None:  # as the writer takes it
        super().__init__(**about)
        self._built = int(built.timestamp())

    def _build_meta(self) -> dict[str, Any]:
        return super()._build_meta() | {"build_epoch": self._built}


def _coarse(said: Iterable[Range]) -> Iterator[Range]:
    """*said* in blocks of the size of a look-up, neighbours of one country put together.

    A block of several countries is that of the one that has most of its addresses; of two with as many, of the first
    in the alphabet.
    """
    for version, whole in ((version, _flat(ranges)) for version, ranges in _by_version(said)):
        bits, kept = _BITS[version]
        shift = bits - kept
        joined: list[tuple[int, int, str]] = []
        for first, last, country in _blocks(whole, shift):
            if joined and joined[-1][2] == country and joined[-1][1] + 1 == first:
                joined[-1] = (joined[-1][0], last, country)
            else:
                joined.append((first, last, country))
        for first, last, country in joined:
            yield version, first << shift, ((last + 1) << shift) - 1, country


def _by_version(said: Iterable[Range]) -> list[tuple[int, list[tuple[int, int, str]]]]:
    found: dict[int, list[tuple[int, int, str]]] = {4: [], 6: []}
    for version, first, last, country in said:
        found[version].append((first, last, country))
    return list(found.items())


def _flat(said: list[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    """The same without overlaps, in order."""
    around: list[tuple[int, str]] = []  # ends and countries of the ranges that are open, the innermost last
    at = 0
    for first, last, country in sorted(said, key=lambda one: (one[0], -one[1])):
        while around and around[-1][0] < first:
            end, outer = around.pop()
            if at <= end:
                yield at, end, outer
                at = end + 1
        if around and at < first:
            yield at, first - 1, around[-1][1]
        at = max(at, first)
        around.append((last, country))
    while around:
        end, outer = around.pop()
        if at <= end:
            yield at, end, outer
            at = end + 1


def _blocks(whole: Iterable[tuple[int, int, str]], shift: int) -> Iterator[tuple[int, int, str]]:
    """Blocks by number: runs that one country has, and single ones that several share."""
    shared: dict[str, int] = {}
    at = -1
    for first, last, country in whole:
        begin, end = first >> shift, last >> shift
        if begin != at:
            if shared:
                yield at, at, _winner(shared)
            shared, at = {}, begin
        if begin == end:
            shared[country] = shared.get(country, 0) + last - first + 1
            continue
        shared[country] = shared.get(country, 0) + ((begin + 1) << shift) - first
        yield begin, begin, _winner(shared)
        if begin + 1 < end:
            yield begin + 1, end - 1, country
        shared, at = {country: last - (end << shift) + 1}, end
    if shared:
        yield at, at, _winner(shared)


def _winner(shared: dict[str, int]) -> str:
    return min(shared, key=lambda country: (-shared[country], country))


def _networks(version: int, first: int, last: int) -> Iterator[IPNetwork]:
    kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    for one in ipaddress.summarize_address_range(kind(first), kind(last)):
        yield IPNetwork((int(one.network_address), one.prefixlen), version=version)


def _table(path: Path) -> Iterator[Range]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(_rows(file), 1):
            if not row or row[0].startswith("#"):
                continue
            try:
                yield _row(row)
            except ValueError:
                if number == 1 and row[0].strip().replace("_", "").isalpha():
                    continue  # names of columns
                raise ValueError(
                    f"line {number} is not a range. Write first address, last address, country; or network, country"
                ) from None


def _rows(file: Iterable[str]) -> Iterator[list[str]]:
    try:
        yield from csv.reader(file)
    except csv.Error as error:
        raise ValueError(f"not CSV: {error}") from None


def _row(row: list[str]) -> Range:
    if "/" in row[0]:
        whole = ipaddress.ip_network(row[0].strip())
        version, first, last, country = whole.version, int(whole[0]), int(whole[-1]), row[1:2]
    else:
        ends = [_address(text.strip()) for text in row[:2]]
        if len(ends) < 2 or ends[0].version != ends[1].version:
            raise ValueError
        version, first, last, country = ends[0].version, int(ends[0]), int(ends[1]), row[2:3]
    if not country or not _COUNTRY.fullmatch(country[0].strip()) or first > last:
        raise ValueError
    return version, first, last, country[0].strip()


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(int(text) if text.isdecimal() else text)
