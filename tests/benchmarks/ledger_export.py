"""The whole log of one database as NDJSON, for :mod:`.ledger`: run in a process of its own."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from consent.ledger import Database, snapshot
from consent.ledger.export import Ndjson, Selection
from tests.benchmarks.ledger import KEY
from tests.entries import SITE


def main(url: str, file: str) -> None:
    """Export the log at *url* into *file*."""
    with snapshot(Database(url), SITE) as seen, Path(file).open("wb") as target:
        target.writelines(Ndjson(seen, Selection(), lambda *_: None, [KEY], made_at=datetime.now(UTC)).blocks())


if __name__ == "__main__":
    main(*sys.argv[1:])
