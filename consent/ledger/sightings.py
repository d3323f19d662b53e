"""What was seen on the site's pages, as a table that cannot grow beyond a bound, whatever is reported.

A row counts one thing that came in one way on one page. When the table is full, known rows count on and the rest is
*dropped*: one number in a row of its own. Rows that were not seen again for 90 days are deleted.

Written and read in a transaction of :class:`~.counts.Counts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from ..discovery import Sighting
from ..discovery.tally import PAGES
from . import tables
from .statements import insert

#: Most rows of one site, beside the one that counts what was dropped: about 5 MB with the longest names and paths.
MOST = 5_000
KEPT_FOR = timedelta(days=90)

#: Kind of the row that counts what there was no room for.
DROPPED = "dropped"

_COLUMNS = tables.sighting.c
_KEY = list(tables.sighting.primary_key)


def add(connection: sa.Connection, site: str, counts: Mapping[Sighting, int], dropped: int, today: date) -> None:
    """Add *counts* to the rows of *site*, within the bounds, and *dropped* to its number."""
    gone = (_COLUMNS.site == site, _COLUMNS.last_day < (today - KEPT_FOR).isoformat())
    connection.execute(sa.delete(tables.sighting).where(*gone))
    kept, more = _within_bounds(_known(connection, site), counts)
    rows = [_row(site, sighting.kind, sighting, count, today) for sighting, count in kept.items()]
    if dropped + more:
        rows.append(_row(site, DROPPED, None, dropped + more, today))
    if not rows:
        return
    made = insert(connection, tables.sighting)
    added = {"count": _COLUMNS.count + made.excluded.count, "last_day": made.excluded.last_day}
    connection.execute(made.on_conflict_do_update(index_elements=_KEY, set_=added), rows)


def query(site: str, since: date | None) -> sa.Select[Any]:
    """All rows of *site* that were seen on or after *since*, the most frequent first."""
    found = sa.select(tables.sighting).where(_COLUMNS.site == site)
    if since is not None:
        found = found.where(_COLUMNS.last_day >= since.isoformat())
    return found.order_by(_COLUMNS.count.desc(), *_KEY)


def _known(connection: sa.Connection, site: str) -> set[tuple[str, ...]]:
    found = sa.select(_COLUMNS.kind, _COLUMNS.name, _COLUMNS.directive, _COLUMNS.page).where(_COLUMNS.site == site)
    return {tuple(row) for row in connection.execute(found) if row[0] != DROPPED}


def _within_bounds(known: set[tuple[str, ...]], counts: Mapping[Sighting, int]) -> tuple[Mapping[Sighting, int], int]:
    """What can be kept of *counts*, and how many cannot. Things never seen come before more pages of a known one."""
    pages = Counter(row[:3] for row in known)
    kept: Counter[Sighting] = Counter()
    dropped = 0

    def is_more(sighting: Sighting) -> bool:
        return (sighting.kind, sighting.name, sighting.by) in pages

    for sighting in sorted(counts, key=is_more):
        thing, place = (sighting.kind, sighting.name, sighting.by), sighting
        if (*thing, place.page) not in known and pages[thing] >= PAGES:
            place = replace(sighting, page="")
        row = (*thing, place.page)
        if row not in known:
            if len(known) >= MOST:
                dropped += counts[sighting]
                continue
            known.add(row)
            pages[thing] += 1
        kept[place] += counts[sighting]
    return kept, dropped


def _row(site: str, kind: str, sighting: Sighting | None, count: int, today: date) -> dict[str, Any]:
    return {
        "site": site,
        "kind": str(kind),
        "name": sighting.name if sighting else "",
        "directive": sighting.by if sighting else "",
        "page": sighting.page if sighting else "",
        "first_day": today.isoformat(),
        "last_day": today.isoformat(),
        "count": count,
    }
