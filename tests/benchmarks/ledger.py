"""What the log costs: sequencing, the NDJSON export and its verification, on each engine, and with a million records.

``make bench`` runs it. Every step runs on the same records; export and verification run in processes of their own, so
that the most memory each took can be told. Beside each rate stands the engine's or the machine's own limit, measured in
the same run: reading the same rows without writing lines, and hashing the file without checking anything.

    python -m tests.benchmarks.ledger [--records 100000] [--million 1000000]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from consent.ledger import Database, Sequencer, Store, snapshot
from consent.proof.note import SigningKey
from tests import databases
from tests.entries import NOW, SITE, entry

#: One million records are made once; goals of the issue that this bench was written for stand beside the figures.
GOALS = {"sequencer sqlite": 20_000, "sequencer postgresql": 10_000, "export": 25_000, "verify": 40_000}
KEY = SigningKey.generate(SITE, sha256(b"bench").digest())
_BATCH = 2_000


def main() -> None:
    """Run every case and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--million", type=int, default=1_000_000, help="records of the large case; 0: leave it out")
    given = parser.parse_args()
    print(f"The log, {given.records:,} records an engine; rates in records a second")
    with tempfile.TemporaryDirectory() as folder:
        for engine, url in _urls(Path(folder)):
            _engine(engine, url, given.records, Path(folder))
        if given.million:
            print(f"One large log, {given.million:,} records, sqlite")
            _engine("sqlite", f"sqlite:///{folder}/large.sqlite3", given.million, Path(folder))


@contextmanager
def _postgresql() -> Iterator[str]:
    server = databases.start()
    try:
        with databases.database(server.url) as url:
            yield url
    finally:
        server.close()


def _urls(folder: Path) -> Iterator[tuple[str, str]]:
    yield "sqlite", f"sqlite:///{folder}/bench.sqlite3"
    with _postgresql() as url:
        yield "postgresql", url


def _engine(engine: str, url: str, count: int, folder: Path) -> None:
    database = Database(url)
    database.upgrade()
    store, sequencer = Store(database, SITE), Sequencer(database, SITE, lambda: (KEY,))
    for begin in range(0, count, _BATCH):
        store.append_many([entry(n) for n in range(begin, min(begin + _BATCH, count))], now=NOW)
    with _timed() as took:
        sequencer.seal_all(datetime.now(UTC))
    goal = GOALS[f"sequencer {engine}"]
    print(f"  {engine:10}  sequencer          {count / took():>9,.0f}   goal {goal:,}")
    with snapshot(database, SITE) as seen, _timed() as took:
        read = sum(1 for _ in seen.entries())
    print(f"  {engine:10}  bare read          {read / took():>9,.0f}")
    database.close()
    file = folder / "export.ndjson"
    rate, memory = _apart("export", url, str(file), str(count))
    print(f"  {engine:10}  NDJSON export      {rate:>9,.0f}   goal {GOALS['export']:,}   at most {memory} MB of memory")
    size = file.stat().st_size
    with _timed() as took, file.open("rb") as opened:
        digest = sha256()
        while block := opened.read(1 << 20):
            digest.update(block)
    print(f"  {engine:10}  bare hash of it    {count / took():>9,.0f}   {size / count:.0f} bytes a record")
    cores = os.cpu_count() or 1
    for jobs in sorted({1, cores}):
        rate, memory = _apart("verify", str(file), str(jobs), str(count))
        goal = f"goal {GOALS['verify'] * jobs:,}"
        print(
            f"  {engine:10}  verifier, {jobs} core{'s' * (jobs > 1):1}  {rate:>9,.0f}   {goal}   at most {memory} MB a process"
        )


def _apart(step: str, *arguments: str) -> tuple[float, int]:
    """Run one step in a process of its own: its rate and its peak of memory in MB."""
    command = [sys.executable, "-m", "tests.benchmarks.ledger_steps", step, *arguments]
    rate, memory = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(rate), int(memory)


@contextmanager
def _timed() -> Iterator[_Took]:
    took = _Took()
    yield took
    took.end = time.perf_counter()


class _Took:
    def __init__(self) -> None:
        self.begin = self.end = time.perf_counter()

    def __call__(self) -> float:
        """Seconds."""
        return self.end - self.begin


if __name__ == "__main__":
    main()
