"""The numbers of one site that are no records: the audience's counters, and what was seen on its pages. No visitor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from ..discovery import Sighting
from . import sightings, tables
from .database import Database
from .statements import insert


class Counts:
    """See the module.

    :param site: The policy's site id; several sites may share one database.
    """

    def __init__(self, database: Database, site: str) -> None:
        self._database = database
        self._site = site

    def add(self, counts: Mapping[tuple[date, str, str], int]) -> None:
        """Add to the counters of ``(day, dimension, value)``.

        :raises StoreError: nothing was added.
        """
        rows = [
            {"site": self._site, "day": day.isoformat(), "dimension": dimension, "value": value, "count": count}
            for (day, dimension, value), count in sorted(counts.items())  # in one order: two writers never wait in turn
        ]
        if not rows:
            return
        with self._database.write() as connection:
            made = insert(connection, tables.audience)
            added = {"count": tables.audience.c.count + made.excluded.count}
            keys = list(tables.audience.primary_key)
            connection.execute(made.on_conflict_do_update(index_elements=keys, set_=added), rows)

    def add_sightings(self, counts: Mapping[Sighting, int], dropped: int, today: date) -> None:
        """Add to what was seen on the site's pages, as far as there is room, and to what was dropped.

        :raises StoreError: nothing was added.
        """
        with self._database.write() as connection:
            sightings.add(connection, self._site, counts, dropped, today)

    def sightings(self, *, since: date | None = None) -> Iterator[Mapping[str, Any]]:
        """What was seen on *since* or later, the most frequent first: kind, name, directive, page, days, count.

        :raises StoreError: the store cannot be read.
        """
        with self._database.read() as connection:
            for row in connection.execute(sightings.query(self._site, since)).mappings():
                yield dict(row)
