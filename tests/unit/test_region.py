"""A region is all that comes out of an address, whatever the address and the database are."""

from __future__ import annotations

import gc
import hashlib
import ipaddress
import itertools
import logging
import os
import random
import re
import shutil
import tempfile
import threading
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import IO, Any

import geoip2.database
import maxminddb
import pytest

from consent.audience import embedded, region
from consent.audience.region import UNKNOWN, Database, Regions
from tests.geo import IPV4, IPV6, country, database

#: Where nobody may find them again.
CANARIES = ("9.9.9.237", "2a00:1450:4001:dead::beef", "::ffff:9.9.9.237")
_TRACES = re.compile(r"9\.9\.9|9, 9, 9|0?9:?0?9:?0?9|151587|2a00|1450|4001|dead|beef|\\t\\t\\t", re.IGNORECASE)


NO_RECORDS: tuple[object, ...] = ({}, "DE", [{"country_code": "DE"}], 7)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """One IPv4 network in Ireland and one IPv6 network in Germany."""
    return database(tmp_path / "country.mmdb", {IPV4: country("IE"), IPV6: country("DE")})


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged, without the time."""
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("address", "region"),
    [
        ("9.9.9.77", "IE"),
        ("::ffff:9.9.9.77", "IE"),
        ("2002:909:909::1", "IE"),
        ("64:ff9b::9.9.9.1", "IE"),
        ("2a00:1450:4001:ffff::1", "DE"),
        *(
            (address, UNKNOWN)
            for address in ("9.9.8.1", "2a00::1", "10.0.0.1", "::1", "", "not an address", "9.9.9.1:80")
        ),
    ],
)
def test_a_network_has_a_region_or_none(file: Path, address: str, region: str) -> None:
    """A code is all that comes out."""
    regions = Regions(file)
    assert regions.of(address) == region
    assert regions.country(address) == (None if region == UNKNOWN else region)


@pytest.mark.parametrize(
    ("record", "coarse", "fine"),
    [
        ({"country": {"iso_code": "DE"}, "subdivisions": [{"iso_code": "BY"}, {"iso_code": "X"}]}, "DE", "DE-BY"),
        ({"country": {"iso_code": "DE"}, "subdivisions": [{"names": {"en": "Bavaria"}}]}, "DE", "DE"),
        ({"country": {"iso_code": "DE"}, "subdivisions": []}, "DE", "DE"),
        ({"country": {"iso_code": "DE"}, "subdivisions": "BY"}, "DE", "DE"),
        ({"country": {"iso_code": "DE"}, "subdivisions": [{"iso_code": "9.9.9.237"}]}, "DE", "DE"),
        ({"country_code": "DE"}, "DE", "DE"),
        ({"country": "Germany", "country_code": "DE"}, "DE", "DE"),
        ({"country": "DE"}, "DE", "DE"),
        ({"registered_country": {"iso_code": "US"}}, UNKNOWN, UNKNOWN),
        ({"country": {}}, UNKNOWN, UNKNOWN),
        *((other, UNKNOWN, UNKNOWN) for other in NO_RECORDS),
        *(
            ({"country_code": code}, UNKNOWN, UNKNOWN)
            for code in ("EU", "ZZ", "de", "DEU", "D\n", "", 7, "DE-BY", "ÄÖ")
        ),
    ],
)
def test_shapes_of_databases(tmp_path: Path, record: object, coarse: str, fine: str) -> None:
    """GeoIP2, GeoLite2, DB-IP and flat ones; what is no code of a country is no region."""
    file = database(tmp_path / "one.mmdb", {IPV4: record})
    assert Regions(file).of("9.9.9.9") == coarse
    assert Regions(file, subdivisions=["FR", "DE"]).of("9.9.9.9") == fine
    assert Regions(file, subdivisions={"FR"}).of("9.9.9.9") == coarse, "of this country nobody asked for them"
    assert Regions(file, subdivisions={"DE"}).country("9.9.9.9") == (None if coarse == UNKNOWN else coarse)


def test_a_database_without_ipv6(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Knows nothing of IPv6, which is no failure: its reader would quote the address."""
    regions = Regions(database(tmp_path / "four.mmdb", {IPV4: country("IE")}, ip_version=4))
    assert [regions.of(one) for one in CANARIES] == ["IE", UNKNOWN, "IE"]
    assert lines(caplog) == []


def broken_data(whole: bytes) -> bytes:
    """The tree is whole, and what it leads to is not."""
    at = whole.index(b"country")
    end = whole.index(b"\xab\xcd\xefMaxMind.com")
    return whole[: at - 3] + b"\x3f" * (end - at + 3) + whole[end:]


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "text": lambda _: b"No database, but 9.9.9.237\n" * 99,
    "cut": lambda whole: whole[: len(whole) // 2],
    "end only": lambda whole: whole[whole.index(b"\xab\xcd\xefMaxMind.com") :],
    "zeros": lambda whole: bytes(len(whole)),
    "data": broken_data,
}


@pytest.mark.parametrize("how", [*BROKEN, "missing", "folder"])
def test_a_broken_database_is_said_once(file: Path, how: str, caplog: pytest.LogCaptureFixture) -> None:
    """Missing, empty, cut, not one at all: all is unknown, one line says so, and no address is in it or in an error."""
    caplog.set_level(logging.DEBUG)
    whole = file.read_bytes()
    file.unlink()
    if how == "folder":
        file.mkdir()
    elif how != "missing":
        file.write_bytes(BROKEN[how](whole))
    regions = Regions(file)
    assert {regions.of(one) for one in CANARIES for _ in range(5)} == {UNKNOWN}
    regions.refresh()
    assert {regions.country(one) for one in CANARIES} == {None}
    assert len(lines(caplog)) == 1
    assert lines(caplog)[0].startswith("the database of regions cannot be used, regions are unknown: ")
    assert not any(_TRACES.search(record.getMessage()) or record.exc_info for record in caplog.records)
    if how != "data":
        with pytest.raises((OSError, ValueError)) as caught:
            Regions(file).open()
        assert not _TRACES.search("".join(traceback.format_exception(caught.value)).replace(str(file), ""))


def test_a_database_that_comes_later(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Is taken with the next look, and what was said is taken back."""
    whole = file.read_bytes()
    file.unlink()
    regions = Regions(file)
    assert regions.of("9.9.9.9") == UNKNOWN
    file.write_bytes(whole)
    assert regions.of("9.9.9.9") == UNKNOWN, "a hit never looks at the file"
    regions.refresh()
    assert regions.of("9.9.9.9") == "IE"
    assert lines(caplog)[1:] == ["the database of regions can be used again"]


def test_a_database_that_goes(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What its owner took away, or broke, is not used any longer."""
    regions = Regions(file)
    whole = file.read_bytes()
    assert regions.of("9.9.9.9") == "IE"
    for number, broken in enumerate((None, b""), 1):
        if broken is None:
            file.unlink()
        else:
            file.write_bytes(broken)
        assert regions.of("9.9.9.9") == "IE"
        for _ in range(3):
            regions.refresh()
        assert regions.of("9.9.9.9") == UNKNOWN
        file.write_bytes(whole)
        regions.refresh()
        assert regions.of("9.9.9.9") == "IE"
        assert len(lines(caplog)) == 2 * number


def test_nothing_is_read_again_for_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at a file that is the same, or broken as before, costs one look."""
    regions = Regions(file)
    opened: list[Path] = []
    real = Path.open

    def watched(self: Path, mode: str = "r") -> IO[Any]:
        opened.append(self)
        return real(self, mode)

    monkeypatch.setattr(Path, "open", watched)
    regions.refresh()
    assert opened == [], "nothing has been looked up yet"
    regions.open()
    for _ in range(3):
        regions.refresh()
    assert opened == [file]
    os.truncate(file, 100)
    for _ in range(3):
        regions.refresh()
    assert opened == [file, file]


@pytest.mark.parametrize("in_place", [False, True])
def test_a_file_replaced_while_threads_look_up(file: Path, tmp_path: Path, *, in_place: bool) -> None:
    """Four threads see the old answer or the new one, never an error; written over in place, perhaps none for a while."""
    second = database(tmp_path / "second.mmdb", {IPV4: country("FR"), "8.0.0.0/8": country("US")}).read_bytes()
    versions = itertools.cycle([second, file.read_bytes()])
    regions, over = Regions(file), threading.Event()
    seen: list[set[str]] = [set() for _ in range(4)]
    failed: list[Exception] = []

    def look(found: set[str]) -> None:
        try:
            while not over.is_set():
                found.add(regions.of("9.9.9.9"))
        except Exception as error:  # noqa: BLE001  # whatever it is, it must not be
            failed.append(error)

    threads = [threading.Thread(target=look, args=(found,)) for found in seen]
    for thread in threads:
        thread.start()
    for version in itertools.islice(versions, 8):
        if in_place:
            with file.open("r+b") as target:
                target.truncate(0)
                regions.refresh()
                target.write(version[:200])
                target.flush()
                regions.refresh()
                target.write(version[200:])
        else:
            unfinished = tmp_path / "unfinished"
            unfinished.write_bytes(version)
            unfinished.replace(file)
        regions.refresh()
        assert regions.of("9.9.9.9") == ("FR" if version is second else "IE")
    over.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert set().union(*seen) <= {"IE", "FR", *([UNKNOWN] if in_place else [])}
    assert all(seen), "control: they looked"


def open_files() -> int:
    """How many files this process has open; 0 where nobody says."""
    said = Path("/proc/self/fd")
    return len(list(said.iterdir())) if said.exists() else 0


@pytest.mark.parametrize("by_number", [True, False])
def test_nothing_is_left_behind(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, by_number: bool
) -> None:
    """The copies have no name, on Linux not even while they are made; they go with the last one who uses them."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    if not by_number:
        monkeypatch.setattr(region, "_BY_NUMBER", tmp_path / "of another system")
    names: set[int] = set()
    copy = shutil.copyfileobj

    def watched(*given: Any) -> None:
        names.add(len(list(folder.iterdir())))
        copy(*given)

    monkeypatch.setattr(shutil, "copyfileobj", watched)
    before = open_files()
    regions, shipped = Regions(file), Regions()
    for number in range(5):
        database(file, {IPV4: country("FR" if number % 2 else "IE")})
        regions.refresh()
        assert regions.of("9.9.9.9") in {"FR", "IE"}
    assert shipped.of("8.8.8.8") == "US"
    assert list(folder.iterdir()) == []
    assert names == ({0} if by_number and region._BY_NUMBER.is_dir() else {1})
    del regions, shipped
    gc.collect()
    assert open_files() <= before


def test_nowhere_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A machine without room for the copy serves pages; what the system refused is tried again."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    file = database(tmp_path / "country.mmdb", {IPV4: country("IE")})
    regions, shipped = Regions(file), Regions()
    assert {one.of(address) for one in (regions, shipped) for address in CANARIES} == {UNKNOWN}
    assert len(lines(caplog)) == 2
    (tmp_path / "missing").mkdir()
    for one in (regions, shipped):
        one.refresh()
    assert (regions.of("9.9.9.9"), shipped.of("8.8.8.8")) == ("IE", "US")


def test_the_countries_that_ship() -> None:
    """Work out of the box, are what SOURCE.toml says, and are of the shape that geoip2 reads."""
    regions, about = Regions(), embedded.source()
    assert regions.of("8.8.8.8") == "US"
    assert regions.of("193.0.6.139") == "NL"
    assert regions.of("2001:67c:2e8::1") == "NL"
    assert regions.open() == Database("Consentry-Country", about.date, None)
    assert about.date >= date(2026, 6, 17)
    with embedded.unpacked() as file:
        raw = file.read()
    assert hashlib.sha256(raw).hexdigest() == about.sha256
    assert about.networks > 100_000
    assert len(about.limits) >= 3


def test_cutting_changes_no_answer_of_the_countries_that_ship(tmp_path: Path) -> None:
    """Whole addresses have the same country in them, since they are as coarse as a look-up."""
    file, chance = tmp_path / "countries.mmdb", random.Random(5)
    with embedded.unpacked() as source:
        file.write_bytes(source.read())
    regions, asked = Regions(), 0
    with maxminddb.open_database(file) as reader:
        for number in range(20_000):
            address = ipaddress.ip_address(chance.randbytes(4) if number % 2 else b"\x2a\x02" + chance.randbytes(14))
            if not address.is_global:
                continue
            said: Any = reader.get(address)
            assert regions.country(str(address)) == (said and said["country"]["iso_code"])
            asked += said is not None
    assert asked > 9_000, "control: many are known"


def test_the_countries_that_ship_can_be_read_by_geoip2(tmp_path: Path) -> None:
    """Its own reader of countries takes the file."""
    file = tmp_path / "countries.mmdb"
    with embedded.unpacked() as source:
        file.write_bytes(source.read())
    with geoip2.database.Reader(file) as reader:
        assert reader.country("8.8.8.8").country.iso_code == "US"
        assert reader.country("2001:67c:2e8::").country.iso_code == "NL"


def test_the_licence_is_honoured() -> None:
    """NOTICE, which ships, names the source and the licence of the countries."""
    about = embedded.source()
    notice = " ".join((Path(__file__).parents[2] / "NOTICE").read_text(encoding="utf-8").split())
    assert [part for part in (about.attribution, about.licence_url, about.url) if part not in notice] == []


def test_no_address_in_any_log(file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """10,000 look-ups, at DEBUG: found, not found, private, malformed, in databases that are whole and that are not."""
    caplog.set_level(logging.DEBUG)
    cut = tmp_path / "cut.mmdb"
    cut.write_bytes(broken_data(file.read_bytes()))
    four = database(tmp_path / "four.mmdb", {IPV4: country("IE")}, ip_version=4)
    every = [Regions(one) for one in (file, cut, four, tmp_path / "missing")]
    odd = (
        *CANARIES,
        "9.9.9.237%eth0",
        "9.9.9.237:80",
        "10.9.9.237",
        "9.9.9.237, 9.9.9.237",
        "2a00:1450:4001:dead::beef/64",
    )
    for number in range(10_000):
        every[number % 4].of(odd[number // 4 % len(odd)])
    assert len(lines(caplog)) == 2, "control: the failures were met"
    assert not _TRACES.search(caplog.text)
