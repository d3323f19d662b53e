"""What the log costs: sequencing, the NDJSON export and its verification, on each engine, and with a million records.

``make bench`` runs it. Every step runs on the same records; export and verification are commands of their own, start-up
included, so that the most memory each took can be told. Beside each rate stands the engine's or the machine's own limit, measured in
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
from typing import NamedTuple

from consent.ledger import Database, Sequencer, Store, snapshot
from consent.proof.note import SigningKey
from tests import databases
from tests.entries import NOW, SITE, entry

#: What the figures are to reach, in records a second and, for the verifier, per core.
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
    used = _export(url, file)
    rate = count / used.seconds
    print(
        f"  {engine:10}  NDJSON export      {rate:>9,.0f}   goal {GOALS['export']:,}   at most {used.memory} MB of memory"
    )
    size = file.stat().st_size
    with _timed() as took, file.open("rb") as opened:
        digest = sha256()
        while block := opened.read(1 << 20):
            digest.update(block)
    print(f"  {engine:10}  bare hash of it    {count / took():>9,.0f}   {size / count:.0f} bytes a record")
    cores = os.cpu_count() or 1
    for jobs in sorted({1, cores}):
        command = [sys.executable, "-m", "consent.proof.console", "verify", str(file)]
        used = _run([*command, "--key", KEY.public.encode(), "--jobs", str(jobs)])
        rate, wanted = count / used.seconds, f"goal {GOALS['verify'] * jobs:,}"
        apart = f"{count / used.processor:,.0f} a second of processor time"
        print(
            f"  {engine:10}  verifier, jobs {jobs}   {rate:>9,.0f}   {wanted}   {apart}, at most {used.memory} MB a process"
        )


def _export(url: str, file: Path) -> _Used:
    return _run([sys.executable, "-m", "tests.benchmarks.ledger_export", url, str(file)])


class _Used(NamedTuple):
    """What a command took: seconds on the clock and on the processors, and the most memory of a process, in MB."""

    seconds: float
    processor: float
    memory: int


def _run(command: list[str]) -> _Used:
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    # The usage includes that of the children which the command waited for, their memory's peak among it.
    return _Used(time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024)


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
