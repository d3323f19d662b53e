"""A database is built from what an operator has: coarse, small and the same every time."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from pathlib import Path

import geoip2.database
import maxminddb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.audience.building import Built, Range, _coarse, build, ranges
from consent.audience.region import UNKNOWN, Regions
from tests.geo import country as geoip2_country
from tests.geo import database

DAY = datetime(2026, 11, 1, tzinfo=UTC)
TABLE = """first,last,country
1.0.0.0,1.0.0.255,AU
# 1.0.1.0,1.0.1.255,XX
1.0.2.0,1.0.3.255,CN
2a00:1450::,2a00:1450:ffff:ffff:ffff:ffff:ffff:ffff,IE
9.0.0.0/8,US
9.9.9.0/24 ,CH,Zürich
134744064,134744319,DE
55832768119825001489588427028103692288,55832768119825001489588427028103757823,FR

"""


def made(tmp_path: Path, table: str) -> Path:
    """A table as a file."""
    path = tmp_path / "table.csv"
    path.write_text(table, encoding="utf-8")
    return path


def test_from_a_table(tmp_path: Path) -> None:
    """First and last address or a network, then a country; the smaller of two that overlap counts."""
    output = tmp_path / "out.mmdb"
    done = build(ranges(made(tmp_path, TABLE)), output, built=DAY, about="A test.")
    regions = Regions(output)
    told = {
        "1.0.0.7": "AU",
        "1.0.1.7": UNKNOWN,
        "1.0.3.7": "CN",
        "9.9.9.9": "CH",
        "9.9.8.9": "US",
        "9.9.10.1": "US",
        "8.8.8.8": "DE",
        "2a00:1450:4001::1": "IE",
        "2a01::1": "FR",
    }
    assert {address: regions.of(address) for address in told} == told
    assert regions.open().built == DAY.date()
    assert done == Built(networks=done.networks, countries=7)
    with geoip2.database.Reader(output) as reader:
        assert reader.country("9.9.9.9").country.iso_code == "CH"


def test_from_a_database(tmp_path: Path) -> None:
    """Flat or not; what is finer than a look-up goes to whoever has most of it."""
    records = {
        "9.9.9.0/25": {"country_code": "FR"},
        "9.9.9.128/26": {"country_code": "DE"},
        "9.9.9.192/26": {"country_code": "DE"},
        "9.9.8.0/26": geoip2_country("FR"),
        "9.9.8.64/26": geoip2_country("DE"),
        "9.9.8.128/25": geoip2_country("DE"),
        "2a00:0:0:8000::/49": geoip2_country("IE"),
        "2a00::/50": geoip2_country("FR"),
        "8.0.0.0/8": {"country_code": "EU"},
    }
    output = tmp_path / "out.mmdb"
    done = build(ranges(database(tmp_path / "in.mmdb", records)), output, built=DAY, about="A test.")
    regions = Regions(output)
    assert [regions.of(one) for one in ("9.9.9.1", "9.9.8.1", "2a00::1", "8.8.8.8")] == ["DE", "DE", "IE", UNKNOWN]
    assert done == Built(networks=2, countries=2)
    with maxminddb.open_database(output) as reader:
        assert sorted(str(network) for network, _ in reader) == ["2a00::/48", "9.9.8.0/23"]


def test_the_same_input_makes_the_same_file(tmp_path: Path) -> None:
    """Byte for byte, in any order of lines."""
    one, two = tmp_path / "one.mmdb", tmp_path / "two.mmdb"
    build(ranges(made(tmp_path, TABLE)), one, built=DAY, about="A test.")
    build(reversed(list(ranges(made(tmp_path, TABLE)))), two, built=DAY, about="A test.")
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "no country"),
        ("first,last,country\n", "no country"),
        ("1.0.0.0,1.0.0.255,AU\n1.0.1.0,1.0.1.255,Australia\n", "line 2"),
        ("1.0.0.0,1.0.0.255,AU\n1.0.1.255,1.0.1.0,AU\n", "line 2"),
        ("1.0.0.0,1.0.0.255,AU\n1.0.1.0,2a00::,AU\n", "line 2"),
        ("1.0.0.0,1.0.0.255,AU\n1.0.1.0\n", "line 2"),
        ("1.0.0.0,1.0.0.255,AU\n1.0.1.7/24,AU\n", "line 2"),
        ("1.0.0.0,1.0.0.255,Australia\n", "line 1"),
        ("x" * 200_000, "not CSV"),
        ("1.0.0.0,1.0.0.255,AU\n\0\n", "not a MaxMind database"),
    ],
)
def test_a_wrong_table(tmp_path: Path, table: str, said: str) -> None:
    """The line is named, and what was there before stays."""
    output = tmp_path / "out.mmdb"
    output.write_text("before", encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        build(ranges(made(tmp_path, table)), output, built=DAY, about="A test.")
    assert output.read_text(encoding="utf-8") == "before"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out.mmdb", "table.csv"]


_ENDS = st.tuples(st.integers(0, 255), st.integers(0, 255)).map(lambda ends: (min(ends), max(ends)))
_SAID = st.lists(st.tuples(_ENDS, st.sampled_from(["AA", "BB", "CC"])), max_size=6)


@given(_SAID, st.sampled_from([4, 6]))
def test_ranges_are_cut_as_a_look_up_cuts(said: list, version: int) -> None:
    """A block has the country of most of its addresses, taken one by one; of overlaps the one that begins later counts."""
    shift = 8 if version == 4 else 80
    quarter = 1 << (shift - 2)  # four places to a block, sixty-four blocks
    given_: list[Range] = [
        (version, begin * quarter, (end + 1) * quarter - 1, country) for (begin, end), country in said
    ]
    inner = sorted(said, key=lambda one: (one[0][0], -one[0][1]))
    places: list[str | None] = [None] * 256
    for (begin, end), country in inner:
        places[begin : end + 1] = [country] * (end + 1 - begin)
    wanted: dict[int, str] = {}
    for block in range(64):
        votes = [place for place in places[4 * block : 4 * block + 4] if place]
        if votes:
            wanted[block] = min(set(votes), key=lambda country: (-votes.count(country), country))
    found: dict[int, str] = {}
    for family, first, last, country in _coarse(given_):
        assert family == version
        assert first % (1 << shift) == 0
        assert (last + 1) % (1 << shift) == 0
        for block in range(first >> shift, (last >> shift) + 1):
            assert block not in found
            found[block] = country
    assert found == wanted


def test_blocks_are_joined() -> None:
    """Neighbours of one country are one range."""
    first = int(ipaddress.ip_address("9.0.0.0"))
    said = [(4, first + number * 256, first + number * 256 + 255, "DE") for number in range(8)]
    assert list(_coarse(said)) == [(4, first, first + 2047, "DE")]
