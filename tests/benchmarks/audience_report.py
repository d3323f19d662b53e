"""What the audience report of 25 months costs: reading the published days, adding them up, and the whole page.

The days are made up: 30 rows of each dimension of a page view, and the answers about five purposes, on each of 775
days, in SQLite. ``python -m tests.benchmarks.audience_report`` runs it alone; ``make bench`` with the others.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from flask import Flask

from consent.audience.period import LONGEST
from flask_consentry import Consentry
from tests import closed_days

#: Milliseconds of a whole page.
GOAL = 200
_NEWEST = date(2026, 11, 22)
_POLICY = 'site = "bench"\n[controller]\nname = "Bench"\n[purposes.statistics]\n'


def report(rounds: int = 15) -> bool:
    """Print what the page costs; whether the goal is met."""
    with tempfile.TemporaryDirectory() as name:
        app = _site(Path(name))
        state = app.extensions["consentry"]
        first = _NEWEST - timedelta(days=LONGEST - 1)
        closed_days.publish(
            state.ledger, {name: table.days for name, table in closed_days.long_tables(first, LONGEST).items()}
        )
        client = app.test_client()
        times, size = [], 0
        for number in range(rounds + 1):
            begin = time.perf_counter()
            response = client.get(f"/consent/report?from={first}")
            taken = (time.perf_counter() - begin) * 1e3
            assert response.status_code == 200
            size = len(response.data)
            if number:
                times.append(taken)
            else:
                print(f"report of 25 months: the first, which loads the chart library and the map, {taken:.0f} ms")
        state.ledger.close()
    median = statistics.median(times)
    said = "ok" if median <= GOAL else "MISSED"
    print(f"report of 25 months: page of {size / 1e3:.0f} kB in {median:.0f} ms (best {min(times):.0f}), ", end="")
    print(f"goal {GOAL}: {said}")
    return median <= GOAL


def _site(folder: Path) -> Flask:
    (folder / "consent.toml").write_text(_POLICY, encoding="utf-8")
    app = Flask("bench", root_path=str(folder), instance_path=str(folder / "instance"))
    app.config.update(SECRET_KEY="bench", CONSENT_AUTHORIZE=lambda _: True, CONSENT_BACKGROUND=False)
    Consentry(app, clock=lambda: datetime(2026, 11, 23, 12, tzinfo=UTC))
    app.extensions["consentry"].ledger.database.upgrade()
    return app


if __name__ == "__main__":
    raise SystemExit(0 if report() else 1)
