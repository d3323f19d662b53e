"""``flask consent doctor``: what it can see, and what it leaves to the operator."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from consent.audience.closing import judge
from consent.audience.counters import Tallied
from flask_consentry import Consentry
from flask_consentry.cli import consent_commands
from tests.geo import country, database
from tests.policies import SMALL

from .conftest import Site


class Middleware:
    """Somebody's own, that calls the next one as most do."""

    def __init__(self, app: Callable) -> None:
        self.app = app

    def __call__(self, *args: object) -> Iterable[bytes]:
        found: Iterable[bytes] = self.app(*args)
        return found


def diagnosis(site: Site) -> tuple[int, str]:
    """Exit code, and what was said."""
    said = site.app.test_cli_runner().invoke(consent_commands, ["doctor"])
    return said.exit_code, said.output


def wrapped(app: Flask, *hops: int) -> None:
    """*app* behind middleware, and a ProxyFix for each of *hops* within it."""
    for hop in hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hop)  # type: ignore[method-assign]
    app.wsgi_app = Middleware(app.wsgi_app)  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize(
    ("hops", "code", "said"),
    [
        ((), 0, "look:    addresses come straight from the connection"),
        ((1,), 0, "look:    ProxyFix believes 1 proxy (x_for=1)"),
        ((2,), 0, "look:    ProxyFix believes 2 proxies (x_for=2)"),
        ((0,), 1, "warning: ProxyFix has x_for=0"),
        ((1, 1), 1, "warning: 2 ProxyFix"),
    ],
)
def test_proxies(build: Callable[..., Site], hops: tuple[int, ...], code: int, said: str) -> None:
    """None, one with its number of proxies, too many."""
    site = build()
    site.clock.now = datetime(2026, 9, 1, tzinfo=UTC)
    wrapped(site.app, *hops)
    ended, told = diagnosis(site)
    assert ended == code
    assert told.startswith(said)


def test_a_proxy_fix_within_the_gate(build: Callable[..., Site], tmp_path: Path) -> None:
    """It may be put there before ``Consentry(app)``, too."""
    app = Flask("inner", root_path=build().app.root_path, instance_path=str(tmp_path / "inner"))
    app.config.update(SECRET_KEY="of a test", CONSENT_BACKGROUND=False)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=3)  # type: ignore[method-assign]
    Consentry(app)
    said = app.test_cli_runner().invoke(consent_commands, ["doctor"]).output
    assert said.startswith("look:    ProxyFix believes 3 proxies")


def test_old_regions(build: Callable[..., Site]) -> None:
    """After a year somebody should get a newer database."""
    site = build()
    site.clock.now = datetime(2026, 9, 1, tzinfo=UTC)
    assert "fine:    regions are 76 days old" in diagnosis(site)[1]
    site.clock.now = datetime(2028, 9, 1, tzinfo=UTC)
    code, told = diagnosis(site)
    assert code == 1
    assert "warning: regions are 807 days old" in told


def test_subdivisions_that_nobody_can_tell(build: Callable[..., Site], tmp_path: Path) -> None:
    """The policy asks for them, and the database has none of them; one that has some of each country is fine."""
    asked = SMALL + '[audience]\nsubdivisions = ["DE", "US"]\n'
    told = "no subdivisions of {} in the database of regions. Set CONSENT_GEOIP_DATABASE"
    code, said = diagnosis(build(asked))
    assert code == 1
    assert told.format("DE, US") in said

    berlin = country("DE") | {"subdivisions": [{"iso_code": "BE"}]}
    half = database(tmp_path / "half.mmdb", {"80.0.0.0/8": berlin, "8.0.0.0/8": country("US")})
    assert told.format("US") in diagnosis(build(asked, CONSENT_GEOIP_DATABASE=str(half)))[1]
    assert "no subdivisions" not in diagnosis(build(CONSENT_GEOIP_DATABASE=str(half)))[1]

    texas = country("US") | {"subdivisions": [{"iso_code": "TX"}]}
    whole = database(tmp_path / "whole.mmdb", {"80.0.0.0/8": berlin, "8.0.0.0/8": country("US"), "9.0.0.0/8": texas})
    code, said = diagnosis(build(asked, CONSENT_GEOIP_DATABASE=str(whole)))
    assert "no subdivisions" not in said


def test_who_can_see_the_report(build: Callable[..., Site]) -> None:
    """Nobody, until the site says so; and nothing is in it of pages that are not counted."""
    _, said = diagnosis(build())
    assert "look:    nobody can open /consent/report: CONSENT_AUTHORIZE is not set" in said
    assert "no pages are counted" not in said
    without = SMALL.replace("[purposes.statistics]\n", "").replace('purpose = "statistics"', 'purpose = "social"')
    _, said = diagnosis(build(without, CONSENT_AUTHORIZE=bool))
    assert "nobody can open" not in said
    assert 'look:    no pages are counted: the policy declares no purpose "statistics"' in said


def test_under_which_purpose_pages_are_counted(build: Callable[..., Site]) -> None:
    """With a yes, or of everybody: then only the operator can know whether that may be."""
    _, said = diagnosis(build())
    assert 'fine:    pages with consent_beacon() are counted under "statistics": of visitors who said yes to it' in said
    code, said = diagnosis(build(SMALL.replace("[purposes.statistics]", '[purposes.statistics]\nbasis = "exempt"')))
    assert 'look:    pages are counted under "statistics", of everybody who did not object, in every country' in said
    assert code == 0


def test_whether_days_are_closed(build: Callable[..., Site]) -> None:
    """By the site itself, or by a command alone."""
    assert (
        "CONSENT_BACKGROUND is off: a day is closed, and then shown, only by: flask consent seal"
        in diagnosis(build(CONSENT_BACKGROUND=False))[1]
    )
    assert "fine:    the background work is on" in diagnosis(build(CONSENT_BACKGROUND=True))[1]


def test_the_newest_day_that_can_be_read(build: Callable[..., Site]) -> None:
    """Closed days only: what is counted of today is nobody's to see, and what is too old does not help."""
    site = build()
    counts, today = site.state.ledger.counts, site.clock().date()

    def count(days_ago: int) -> None:
        day = today - timedelta(days=days_ago)
        counts.add({(day, "page", value): Tallied(40, 10) for value in ("/", "/news")})
        counts.close(judge(site.state.policy.audience, site.state.policy.purposes), now=site.clock())

    for days_ago in (36, 0):
        count(days_ago)
        assert 'look:    nothing can be read of the last 35 days. See "The report stays empty"' in diagnosis(site)[1]
    for days_ago, shown in ((35, "27 January 2026"), (2, "1 March 2026")):
        count(days_ago)
        assert f"fine:    the newest day of which something can be read is {shown}\n" in diagnosis(site)[1]


def test_looking_makes_no_store(build: Callable[..., Site], tmp_path: Path) -> None:
    """Where nothing was ever counted there is nothing to read; a file that is no database is a warning."""
    file = tmp_path / "none.sqlite3"
    site = build(CONSENT_STORE_URL=f"sqlite:///{file}")
    assert "look:    nothing can be read of the last 35 days" in diagnosis(site)[1]
    assert not file.exists()
    file.write_bytes(b"SQLite format 3\0" + b"no database" * 99)
    code, said = diagnosis(site)
    assert code == 1
    assert "warning: the numbers cannot be read" in said
