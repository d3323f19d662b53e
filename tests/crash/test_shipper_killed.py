"""Twenty thousand answers wait on a host's disk, and whoever brings them to the store dies again and again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from consent.ledger import Database, Sequencer
from consent.ledger.spool import _PUT, Spool
from tests.crash.audit import SITE, Watch
from tests.entries import NOW, entry
from tests.servers import ROOT

ROWS, KILLS = 20_000, 8
_SHIPPER = """
import sys
from datetime import UTC, datetime
from consent.ledger import Database, Store
from consent.ledger.shipper import Shipper
from consent.ledger.spool import Spool

def clock():
    return datetime.now(UTC)

url, path = sys.argv[1:]
shipper = Shipper(Spool(path, clock=clock), Store(Database(url), "example"), clock=clock)
print("begins", flush=True)
while shipper.ship(500):
    pass
"""


@pytest.mark.slow
def test_every_spooled_answer_arrives_once(database_url: str, tmp_path: Path, report: Callable[[str], None]) -> None:
    """Killed in the middle of its work eight times, then left in peace: all are there, and none twice."""
    database = Database(database_url)
    database.upgrade()
    spool = Spool(tmp_path / "a spool.sqlite3")
    entries = [entry(number) for number in range(ROWS)]
    entries_of = {one.record.record_id: one for one in entries}
    _fill(spool, entries)
    watch, chance = Watch(database, every=4.0), Random(4)
    killed_at = []
    with watch.watching():
        for kill in range(1, KILLS + 1):
            _ship_until(database_url, spool, waiting=ROWS - kill * ROWS // (KILLS + 1), chance=chance)
            killed_at.append(spool.status().rows)
        begin = time.monotonic()
        assert _shipper(database_url, spool).wait(timeout=120) == 0
    log = watch.finish()
    lost = entries_of.keys() - log.records.keys()
    engine = "PostgreSQL" if database.is_postgresql else "SQLite"
    report(
        f"{engine}: shipper killed {KILLS} times over {ROWS} spooled answers (left then: {killed_at}): "
        f"{len(lost)} lost, {len(log.records) - ROWS + len(lost)} duplicates; the rest shipped in {time.monotonic() - begin:.1f} s"
    )
    assert spool.status().rows == spool.status().refused == 0
    assert log.records.keys() == entries_of.keys()
    assert all(0 < left < ROWS for left in killed_at), "a kill came before the first batch or after the last"
    spool.close()
    Sequencer(database, SITE, list).seal_all(NOW)
    log = watch.finish()
    assert len(log.leaves) == ROWS
    assert not log.pending
    database.close()


def _fill(spool: Spool, entries: list) -> None:
    """Put all of *entries* there in a few transactions: this is not what is tested."""
    spool.put(entries[0])
    with spool._file.writing() as connection:
        connection.executemany(_PUT, map(spool._row, entries[1:]))
    assert spool.status().rows == len(entries)


def _shipper(url: str, spool: Spool) -> subprocess.Popen:
    path = os.pathsep.join([str(ROOT), *sys.path])
    started = subprocess.Popen(
        [sys.executable, "-c", _SHIPPER, url, str(spool.path)],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
    )
    assert started.stdout is not None
    with started.stdout:
        assert started.stdout.readline() == b"begins\n"
    return started


def _ship_until(url: str, spool: Spool, *, waiting: int, chance: Random) -> None:
    """Let a shipper work until at most so many wait, and kill it at a random moment thereafter."""
    shipper = _shipper(url, spool)
    while spool.status().rows > waiting:
        assert shipper.poll() is None
        time.sleep(0.01)
    time.sleep(chance.uniform(0, 0.05))
    shipper.send_signal(signal.SIGKILL)
    shipper.wait()
