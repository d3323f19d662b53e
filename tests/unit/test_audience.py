"""Counting without keeping: regions, devices, counters."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from consent.audience.counters import OTHER, Counters, Counts
from consent.audience.device import Device, device
from consent.audience.region import Regions

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Regions:
    """A small database of countries: one IPv4 network and one IPv6 network."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Test-Country")
    writer.insert_network(IPSet(["203.0.113.0/24"]), {"country": {"iso_code": "IE"}})
    writer.insert_network(IPSet(["2001:db8:1::/48"]), {"country": {"iso_code": "DE"}})
    file = tmp_path_factory.mktemp("geo") / "country.mmdb"
    writer.to_db_file(str(file))
    return Regions(Path(file))


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("203.0.113.77", "IE"),
        ("::ffff:203.0.113.77", "IE"),
        ("2001:db8:1:ffff::1", "DE"),
        ("2001:db8:2::1", None),
        ("192.0.2.1", None),
        ("10.0.0.1", None),
        ("", None),
        ("not an address", None),
        ("203.0.113.77:80", None),
    ],
)
def test_a_network_has_a_country_or_none(regions: Regions, address: str, country: str | None) -> None:
    """A country code is all that comes out, whatever goes in."""
    assert regions.country(address) == country


@pytest.mark.parametrize(
    ("agent", "seen"),
    [
        (FIREFOX, Device("desktop", "Firefox")),
        (IPHONE, Device("mobile", "Mobile Safari")),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Device("machine", "other")),
        ("curl/8.0", Device("machine", "other")),
        ("Mozilla/5.0 HeadlessChrome/140.0", Device("machine", "other")),
        ("", Device("machine", "other")),
    ],
)
def test_a_user_agent_is_a_coarse_class(agent: str, seen: Device) -> None:
    """A kind and a family; machines are told apart from people."""
    assert device(agent) == seen


def test_a_hostile_user_agent_costs_little() -> None:
    """Only the first 512 characters are looked at."""
    begin = datetime.now(UTC)
    device("; " * 30_000)
    assert datetime.now(UTC) - begin < timedelta(seconds=1)


def test_counts_are_handed_over_in_batches_and_nothing_is_lost() -> None:
    """Hits add up by day and value; a hand-over that fails is tried again."""
    kept: list[Counts] = []
    broken = True

    def keep(counts: Counts) -> None:
        if broken:
            raise OSError
        kept.append(dict(counts))

    counters = Counters(keep, every=timedelta(seconds=5))
    with pytest.raises(OSError, match=r"\A\Z"):
        counters.add("page", "/", now=NOW)
    broken = False
    counters.add("page", "/", now=NOW + timedelta(seconds=1))
    assert kept == []
    counters.add("page", "/x", now=NOW + timedelta(days=1))
    assert kept == [{(date(2026, 3, 3), "page", "/"): 2, (date(2026, 3, 4), "page", "/x"): 1}]
    counters.flush()
    assert len(kept) == 1


def test_made_up_values_stay_bounded() -> None:
    """Past ten thousand, new values are counted together."""
    kept: list[Counts] = []
    counters = Counters(kept.append, every=timedelta(days=1))
    counters.add("page", "first", now=NOW)
    for number in range(10_050):
        counters.add("page", str(number), now=NOW)
    counters.flush()
    assert len(kept[-1]) == 10_001
    assert kept[-1][date(2026, 3, 3), "page", OTHER] == 50
