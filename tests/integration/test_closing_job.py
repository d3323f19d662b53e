"""A site closes the days of its audience by itself, or by hand; and does not start where it could not as declared."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from consent import ConfigError
from consent.audience.counters import Batch, Tallied
from consent.ledger import tables
from flask_consentry.cli import consent_commands
from tests.integration.conftest import Site
from tests.policies import SMALL

DAY = date(2026, 3, 3)


def _batch(day: date = DAY) -> Batch:
    return {(day, "browser", name): Tallied(90, 10) for name in ("Chrome", "Edge", "Firefox")}


def _days(site: Site) -> list[date]:
    counts = site.state.ledger.counts
    found = counts.days(since=DAY - timedelta(days=900), until=DAY + timedelta(days=900))
    return list(found["browser"].days) if found else []


def _run(site: Site, *arguments: str) -> str:
    done = site.app.test_cli_runner().invoke(consent_commands, arguments)
    assert done.exit_code == 0, done.output
    return str(done.stdout)


def _seal(site: Site) -> int:
    said = json.loads(_run(site, "seal", "--json"))
    assert isinstance(said["days_closed"], int)
    return int(said["days_closed"])


def test_a_seal_closes_the_days_that_are_over(site: Site) -> None:
    _run(site, "keys", "new")
    site.state.ledger.counts.add(_batch())
    assert (_seal(site), _days(site)) == (0, [])
    site.clock.advance(days=1)
    assert (_seal(site), _days(site)) == (1, [DAY])
    assert _seal(site) == 0
    site.state.ledger.counts.add(_batch(DAY + timedelta(days=1)))
    site.clock.advance(days=1)
    assert "1 day of the audience closed." in _run(site, "seal")


def test_a_seal_forgets_what_is_older_than_the_policy_keeps(build: Callable[..., Site]) -> None:
    site = build(f'{SMALL}\n[audience]\nretention = "30 days"\n')
    _run(site, "keys", "new")
    site.state.ledger.counts.add(_batch())
    site.clock.advance(days=29)
    assert (_seal(site), _days(site)) == (1, [DAY])
    site.clock.advance(days=1)
    assert (_seal(site), _days(site)) == (0, [])
    with site.state.ledger.database.read() as connection:
        assert connection.execute(tables.audience_day.select()).all() == []


def test_nothing_is_loaded_to_close_no_day(build: Callable[..., Site], monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes noise takes a second and 40 MB: every process looks every ten minutes, and one closes once a day."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "opendp"]:
        monkeypatch.delitem(sys.modules, name)
    site = build(f"{SMALL}\n[audience]\nepsilon = 1.0\n")
    _run(site, "keys", "new")
    assert _seal(site) == 0
    assert "opendp" not in sys.modules
    site.state.ledger.counts.add(_batch())
    site.clock.advance(days=1)
    assert _seal(site) == 1
    assert "opendp" in sys.modules, "control"


def test_a_site_that_serves_closes_them_by_itself(build: Callable[..., Site]) -> None:
    site = build(CONSENT_BACKGROUND=True)
    site.state.ledger.counts.add(_batch())
    site.clock.advance(days=1)
    site.get("/")
    end = time.monotonic() + 20
    while not _days(site):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert _days(site) == [DAY]


def test_a_site_that_asks_for_noise_needs_what_makes_it(
    build: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    noisy = f"{SMALL}\n[audience]\nepsilon = 1.0\n"
    site = build(noisy)
    _run(site, "keys", "new")
    site.state.ledger.counts.add(_batch())
    site.clock.advance(days=1)
    assert _seal(site) == 1
    found = site.state.ledger.counts.days(since=DAY, until=DAY)["browser"].days[DAY]
    assert found.epsilon == pytest.approx(1 / 6)
    monkeypatch.setitem(sys.modules, "opendp", None)
    with pytest.raises(ConfigError, match="epsilon: noise needs OpenDP"):
        build(noisy)


def test_a_site_that_starts_loads_nothing_to_make_noise(
    build: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is large, and most processes never close a day."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "opendp"]:
        monkeypatch.delitem(sys.modules, name)
    build(f"{SMALL}\n[audience]\nepsilon = 1.0\n").get("/")
    assert "opendp" not in sys.modules
