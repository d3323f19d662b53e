"""The steps of :mod:`.ledger` that run in a process of their own: prints the rate and the peak of memory in MB."""

from __future__ import annotations

import resource
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from consent.ledger import Database, snapshot
from consent.ledger.export import Ndjson, Selection
from consent.proof.reading import Source
from consent.proof.verdict import Verdict
from consent.proof.verify import verify
from tests.benchmarks.ledger import KEY
from tests.entries import SITE


def export(url: str, file: str) -> None:
    """The whole log as NDJSON."""
    with snapshot(Database(url), SITE) as seen, Path(file).open("wb") as target:
        made = Ndjson(seen, Selection(), lambda *_: None, [KEY], made_at=datetime.now(UTC))
        target.writelines(made.blocks())


def check(file: str, jobs: str) -> None:
    """The verdict on it."""
    report = verify(Source.at(file), [KEY.public], jobs=int(jobs))
    assert report.verdict is Verdict.VALID, report


def main() -> None:
    """Run the step that the arguments name."""
    step, *arguments, count = sys.argv[1:]
    begin = time.perf_counter()
    {"export": export, "verify": check}[step](*arguments)
    took = time.perf_counter() - begin
    most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(int(count) / took, most // 1024)


if __name__ == "__main__":
    main()
