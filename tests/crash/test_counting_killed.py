"""A process that counts is killed at any moment: it loses what came in since its last hand-over, and counts nothing twice.

In a site the last hand-over is five seconds ago at most, plus one that is under way: the period of the job ``count``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest

from consent.ledger import Database
from flask_consentry.state import COUNT_EVERY
from tests.servers import ROOT

KILLS = 14
_COUNTS = """
import json, os, random, signal, struct, sys, threading, time
from datetime import UTC, datetime
import sqlalchemy as sa
from consent.audience.counters import Counters
from consent.audience.dimensions import OF_A_PAGE
from consent.ledger import Counts, Database, tables

url, kills, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
database, chance = Database(url, timeout=30.0), random.Random(seed)
counters = Counters(Counts(database, "example").add, k=10, entropy=os.urandom, every=None)
now = datetime(2026, 3, 3, 12, tzinfo=UTC)

def say(pipe, kind, number):
    os.write(pipe, struct.pack("<cQ", kind, number))

def count(pipe):  # what is said goes into the pipe at once, and is there after a SIGKILL
    hits = 0
    def hand_over():
        while True:
            time.sleep(0.02)
            before = hits
            counters.flush(now=now)
            say(pipe, b"F", before)
    threading.Thread(target=hand_over, daemon=True).start()
    while True:
        say(pipe, b"A", hits + 1)
        counters.add([(name, f"{name} {hits % 9}") for name in OF_A_PAGE], hits.to_bytes(8, "big"), now=now)
        hits += 1
        if not hits % 50:
            time.sleep(0.001)

def read(pipe):  # until the process that writes is gone
    last, rest = {b"F": 0, b"A": 0}, b""
    while block := os.read(pipe, 9 << 10):
        rest += block
        while len(rest) >= 9:
            kind, number = struct.unpack("<cQ", rest[:9])
            last[kind], rest = number, rest[9:]
    return last[b"F"], last[b"A"]

def stored():
    with database.read() as connection:
        if database.is_postgresql:  # the server may still be at what the dead one asked for last
            others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            while connection.scalar(sa.text(others)):
                time.sleep(0.01)
    with database.read() as connection:
        total = sa.func.sum(tables.audience.c.count)
        query = sa.select(tables.audience.c.dimension, total).group_by(tables.audience.c.dimension)
        return {dimension: int(count) for dimension, count in connection.execute(query)}

def wait_and_kill(child, pipe):
    def kill():
        time.sleep(chance.uniform(0.05, 0.3))
        os.kill(child, signal.SIGKILL)
    threading.Thread(target=kill).start()
    return read(pipe)

rounds = []
for _ in range(kills):
    before = stored()
    database.close()
    out, into = os.pipe()
    child = os.fork()
    if not child:
        os.close(out)
        count(into)
    os.close(into)
    flushed, attempted = wait_and_kill(child, out)
    os.close(out)
    os.waitpid(child, 0)
    after = stored()
    rounds.append([flushed, attempted, [after.get(name, 0) - before.get(name, 0) for name in OF_A_PAGE]])
print(json.dumps(rounds))
"""


@pytest.mark.slow
def test_a_counting_process_is_killed(database_url: str, report: Callable[[str], None]) -> None:
    """Fourteen times with SIGKILL, while it hands over every 20 milliseconds."""
    database = Database(database_url)
    database.upgrade()
    database.close()  # or the program would wait for its connection to end
    path = os.pathsep.join([str(ROOT), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", _COUNTS, database_url, str(KILLS), "5"],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    rounds = json.loads(done.stdout)
    assert len(rounds) == KILLS
    lost = []
    for flushed, attempted, stored in rounds:
        assert len(set(stored)) == 1, "a batch was stored in part"
        assert flushed <= stored[0] <= attempted
        lost.append(attempted - stored[0])
    assert sum(flushed for flushed, _, _ in rounds) > 0
    assert any(lost), "no kill came between two hand-overs"
    report(
        f"{'PostgreSQL' if database.is_postgresql else 'SQLite'}: a counting process killed {KILLS} times: {sum(hits for _, hits, _ in rounds):,} hits, "
        f"lost {lost} of them, each since the last hand-over; none twice"
    )


def test_a_site_hands_over_every_five_seconds() -> None:
    """The window that the documentation states."""
    assert timedelta(seconds=5) == COUNT_EVERY
