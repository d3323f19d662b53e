"""The example site's numbers: made up, counted and closed like any, and for members alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from consent.audience import dimensions
from consent.audience.view import last_closed
from flask_consentry.state import KEY, State

SITE = Path(__file__).parents[2] / "examples" / "site"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The example with a store of its own, where two days count as two months."""
    monkeypatch.syspath_prepend(str(SITE))
    before = set(sys.modules)
    import app  # it is no package, and stands in the path only here
    import demo_numbers

    monkeypatch.setattr(demo_numbers, "DAYS", 2)
    config: dict[str, Any] = {"SECRET_KEY": "of a test", "CONSENT_BACKGROUND": False}
    config |= {
        "CONSENT_STORE_URL": f"sqlite:///{tmp_path / 'consent.sqlite3'}",
        "CONSENT_SPOOL": str(tmp_path / "spool.sqlite3"),
        "CONSENT_SIGNING_KEY": str(tmp_path / "log.key"),
    }
    yield app.create_app(config)
    for name in set(sys.modules) - before:
        if str(SITE) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_made_up_numbers(site: Flask) -> None:
    """They are there once, of days that are over, and no row of them is below k."""
    state: State = site.extensions[KEY]
    command = site.test_cli_runner()
    assert (
        command.invoke(args=["demo-numbers"]).output == "Made-up numbers of 2 days, for the report that members see.\n"
    )
    newest = last_closed(state.clock())
    tables = state.ledger.counts.days(since=newest - timedelta(days=9), until=newest)
    assert {dimensions.PAGE, dimensions.REGION, dimensions.BROWSER, dimensions.answer("statistics")} <= set(tables)
    pages = tables[dimensions.PAGE]
    assert max(pages.days) == newest
    assert {"/", "/events", "/events/observing-night"} <= {row.label for row in pages.sums}
    links = {row.label for row in tables[dimensions.LINK].sums}
    assert len(links & set(state.policy.audience.links)) > 1
    assert all(row.count >= state.policy.audience.k for table in tables.values() for _, row in table)
    assert command.invoke(args=["demo-numbers"]).output == "There are numbers already.\n"


def test_members_see_the_report(site: Flask) -> None:
    """And nobody else; of the rest that is not for visitors they see nothing."""
    browser = site.test_client()
    assert browser.get("/consent/report").status_code == 403
    with browser.session_transaction() as session:
        session["member"] = "demo"
    assert 'href="/consent/report"' in browser.get("/members").text
    assert browser.get("/consent/report").status_code == 200
    assert browser.get("/consent/metrics").status_code == 403
