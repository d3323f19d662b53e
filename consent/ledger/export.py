"""Records and notices as files: NDJSON, the exact form, and CSV, for looking at.

Both stream: one record is in memory at a time. CSV alters cells that a spreadsheet would run as a formula, so that it
is no evidence; NDJSON is.

Sources: RFC 8259 (JSON), RFC 4180 (CSV), OWASP "CSV Injection".
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..policy import NECESSARY, Policy
from .record import Record

_FIELDS = (
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
_RUNS = ("=", "+", "-", "@", "\t", "\r")


def ndjson(
    records: Iterable[Record], notices: Iterable[Mapping[str, Any]] = (), *, policy: Policy | None = None
) -> Iterator[str]:
    """One JSON object a line, told apart by ``type``: the ``policy``, every ``notice``, then every ``record``.

    :param policy: What is declared now; its line says what runs without being asked about, and why.
    """
    if policy is not None:
        yield _line({"type": "policy"} | _declared(policy))
    for notice in notices:
        yield _line({"type": "notice"} | dict(notice) | {"first_shown": notice["first_shown"].isoformat()})
    for record in records:
        yield _line({"type": "record"} | _plain(record))


def to_csv(records: Iterable[Record]) -> Iterator[str]:
    """A heading, then one row a record; purposes as ``statistics=yes marketing=no``."""
    yield _row(_FIELDS)
    for record in records:
        plain = _plain(record)
        plain["purposes"] = " ".join(f"{purpose}={'yes' if yes else 'no'}" for purpose, yes in record.purposes.items())
        plain["services"] = " ".join(record.services)
        yield _row(_harmless(plain[field]) for field in _FIELDS)


def _declared(policy: Policy) -> dict[str, Any]:
    necessary = [policy.services[service] for service in policy.services_of[NECESSARY]]
    return {
        "site": policy.site,
        "revision": policy.revision,
        "policy_hash": policy.digest,
        "necessary": [{"service": s.id, "name": s.name, "reason": s.reason, "routes": s.routes} for s in necessary],
    }


def _plain(record: Record) -> dict[str, Any]:
    return {field: getattr(record, field) for field in _FIELDS} | {
        "record_id": str(record.record_id),
        "subject": record.subject.hex() if record.subject else None,
        "recorded_at": record.recorded_at.isoformat(timespec="milliseconds"),
        "valid_until": record.valid_until.isoformat(timespec="seconds"),
        "purposes": dict(record.purposes),
        "services": list(record.services),
        "supersedes": str(record.supersedes) if record.supersedes else None,
    }


def _line(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"


def _harmless(value: object) -> str:
    cell = "" if value is None else str(value)
    return f"'{cell}" if cell.startswith(_RUNS) else cell


def _row(cells: Iterable[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
