"""The audience report as a file: JSON for a program, CSV for a spreadsheet.

Source: RFC 4180 (CSV).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..spreadsheet import harmless
from . import dimensions, naming
from .period import Period
from .report import Answers, Days, Part, Report, Section

#: The heading of the CSV: a published row each line.
COLUMNS = ("day", "dimension", "kind", "label", "count")


def plain(report: Report) -> dict[str, Any]:
    """*report* for a program, as JSON has it. Labels are codes as they were counted; ``name`` is for people.

    ``count``, ``of`` (all hits) and ``share`` of a row are of the ``days`` on which it is shown, and of no others.
    """
    steps = report.period.steps
    return {
        "from": report.period.since.isoformat(),
        "until": report.period.until.isoformat(),
        "days": report.period.days,
        "first_shown": None if report.since is None else report.since.isoformat(),
        "unit": report.period.unit.value,
        "steps": [{"from": step.since.isoformat(), "until": step.until.isoformat()} for step in steps],
        "answers": [_plain_answers(one) for one in report.answers],
        "dimensions": {name: _plain_section(section) for name, section in report.sections.items()},
        "regions": [
            {
                "label": row.label,
                "name": naming.name(dimensions.REGION, row.label, row.kind),
                "kind": row.kind.value,
                "agreed": None if row.agreed is None else _plain_part(row.agreed),
                "exempt": None if row.exempt is None else _plain_part(row.exempt),
            }
            for row in report.regions
        ],
    }


def _plain_answers(answers: Answers) -> dict[str, Any]:
    accepted, refused, taken = zip(*answers.over_time, strict=True)
    return {
        "purpose": answers.purpose,
        "accepted": answers.accepted,
        "refused": answers.refused,
        "taken_back": answers.taken_back,
        "taken_back_days": answers.taken_back_days,
        "rate": None if answers.rate is None else round(answers.rate, 4),
        "over_time": {"accepted": accepted, "refused": refused, "taken_back": taken},
        **_plain_shown(answers.section),
    }


def _plain_section(section: Section) -> dict[str, Any]:
    return {
        "total": section.total if section.adds_up else None,
        "mean": section.mean,
        "over_time": section.over_time,
        "rows": [
            {
                "label": row.label,
                "name": naming.name(section.dimension, row.label, row.kind),
                "kind": row.kind.value,
                **(_plain_part(row) if section.adds_up else {"count": row.count, "days": row.days}),
            }
            for row in section.rows
        ],
        **_plain_shown(section),
    }


def _plain_part(part: Part) -> dict[str, Any]:
    return {"count": part.count, "days": part.days, "of": part.of, "share": round(part.share, 4)}


def _plain_shown(section: Section) -> dict[str, Any]:
    return {"days_shown": section.shown, "k": section.ks, "epsilon": section.epsilons, "not_shown": section.said}


def table(days: Days, period: Period) -> Iterator[bytes]:
    """*days* as CSV, in blocks: every published row of *period*, no sums. Nothing in it is run by a spreadsheet."""
    yield _written([COLUMNS])
    for part in period.parts:
        for dimension, of in days(since=part.since, until=part.until).items():
            yield _written((day.isoformat(), dimension, row.kind.value, row.label, row.count) for day, row in of)


def _written(rows: Iterable[Sequence[object]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(map(harmless, row) for row in rows)
    return buffer.getvalue().encode()
