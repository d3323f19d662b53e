"""Records as CSV, for looking at: no evidence, since cells that a spreadsheet would run as a formula are altered.

Source: RFC 4180 (CSV).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from ...spreadsheet import harmless
from .shown import Shown

#: The heading. ``index`` is the place in the log; empty where the record has none yet.
COLUMNS = (
    "index",
    "record_id",
    "site",
    "subject",
    "event",
    "recorded_at",
    "valid_until",
    "purposes",
    "services",
    "duration",
    "method",
    "surface",
    "revision",
    "policy_hash",
    "notice",
    "language",
    "gpc",
    "gpc_conflict",
    "gpc_overridden",
    "jurisdiction",
    "device_class",
    "browser",
    "supersedes",
    "sdk_version",
)
_BLOCK = 1 << 16


def blocks(records: Iterable[Shown]) -> Iterator[bytes]:
    """A heading, then one row a record; purposes as ``statistics=yes marketing=no``. UTF-8."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for record in records:
        writer.writerow(_cells(record))
        if buffer.tell() >= _BLOCK:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _cells(record: Shown) -> list[str]:
    said = record.fields | {
        "index": record.index,
        "purposes": " ".join(f"{name}={'yes' if yes else 'no'}" for name, yes in record.fields["purposes"].items()),
        "services": " ".join(record.fields["services"]),
    }
    return [harmless(said.get(name)) for name in COLUMNS]
