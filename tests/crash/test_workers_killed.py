"""Two hundred SIGKILLs of the processes that record, on each engine, while visitors answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from consent.ledger import Database
from tests.crash.audit import Watch, compare
from tests.crash.site import Site
from tests.crash.visitors import Visitors

KILLS = 200
#: A kill comes at a random moment within so many seconds after an answer was acknowledged.
_WITHIN = 0.25


@pytest.mark.slow
def test_no_answer_is_lost_or_doubled(database_url: str, tmp_path: Path, report: Callable[[str], None]) -> None:
    """Whatever was acknowledged is in the ledger once, and the log is whole, at every moment."""
    database = Database(database_url)
    database.upgrade()
    begin = time.monotonic()
    with Site(tmp_path / "a site", CONSENT_STORE_URL=database_url) as site:
        visitors, watch, chance = Visitors(site.port), Watch(database), Random(4)
        with visitors.coming(), watch.watching():
            for _ in range(KILLS):
                before, end = visitors.acknowledged, time.monotonic() + 30
                while visitors.acknowledged == before:
                    assert time.monotonic() < end, site.said
                    time.sleep(0.005)
                time.sleep(chance.uniform(0, _WITHIN))
                site.kill_worker(chance)
        site.ship_all()
    site.verdict([note for _, note in watch.seen[:: max(1, len(watch.seen) // 8)]])
    log = watch.finish()
    database.close()
    found = compare(visitors.visitors, log.decoded())
    took = time.monotonic() - begin
    engine = "PostgreSQL" if database.is_postgresql else "SQLite"
    report(
        f"{engine}: {KILLS} SIGKILLs of workers in {took:.0f} s: {found}; sent again: {dict(visitors.again)}; looks: {watch.looks}"
    )
    assert found.lost == []
    assert found.duplicates == []
    assert found.acknowledged >= KILLS
    assert len(watch.seen) > 1, "the log was not signed during the kills"
    assert not log.pending
    assert len(log.records) == found.acknowledged
    assert "Traceback" not in site.said
