"""The numbers of one site that are no records: the audience's counters, and what was seen on its pages. No visitor.

Counters are kept until their day is over and has been read once (:mod:`.closed_days`); then what may be read of it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ..audience.dimensions import VISITORS
from ..audience.view import Table, last_closed
from ..discovery import Sighting
from . import closed_days, sightings, tables
from .closed_days import Judge
from .database import Database
from .statements import insert

if TYPE_CHECKING:
    from ..audience.counters import Batch


class Counts:
    """See the module.

    :param site: The policy's site id; several sites may share one database.
    """

    def __init__(self, database: Database, site: str) -> None:
        self._database = database
        self._site = site

    def add(self, batch: Batch) -> None:
        """Add to the counters of ``(day, dimension, value)``.

        Of contributors, who may be the same as those of another process, the greater number stands; and of an estimate
        of visitors as well.

        :raises StoreError: nothing was added; or all was, and a server's connection broke before it could be told.
        """
        rows = [
            {"site": self._site, "day": day.isoformat(), "dimension": dimension, "value": value}
            | {"count": tallied.count, "contributors": tallied.contributors}
            for (day, dimension, value), tallied in sorted(batch.items())  # in one order: two never wait in turn
        ]
        if rows:
            self._database.transact(partial(_add, rows=rows))

    def waiting(self, *, now: datetime) -> bool:
        """Whether a day is over and not closed; or is closed, and something came in too late.

        :raises StoreError: the store cannot be read.
        """
        with self._database.read() as connection:
            return bool(closed_days.waiting(connection, self._site, last_closed(now)))

    def close(self, judge: Judge, *, now: datetime) -> int:
        """Publish each day that is over, for ever, and drop what was counted on it. Any number of hosts may.

        :param judge: Is asked within the transaction.
        :param now: Aware.
        :return: How many days were closed. What came in later than it may is dropped without a word.
        :raises StoreError: a day was not closed, and none after it.
        """
        with self._database.read() as connection:
            days = closed_days.waiting(connection, self._site, last_closed(now))
        closed = 0
        for day in days:  # one by one: each is ordered by those before
            closed += self._database.transact(partial(closed_days.close, site=self._site, day=day, judge=judge))
        if days:
            self._database.forget_deleted(wait=False)
        return closed

    def days(self, *, since: date, until: date) -> Mapping[str, Table]:
        """What may be read of the days from *since* to *until*, both included, by dimension.

        Days of which nothing may be shown are missing, closed or not, with hits or without.

        :raises StoreError: the store cannot be read.
        """
        with self._database.read() as connection:
            return closed_days.tables(connection, self._site, since, until)

    def forget(self, before: date) -> int:
        """Drop all that is of days before *before*: how many days of which something could be read.

        :raises StoreError: nothing was dropped.
        """
        days = self._database.transact(partial(closed_days.forget, site=self._site, before=before))
        if days:
            self._database.forget_deleted(wait=False)
        return days

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


def _add(connection: sa.Connection, *, rows: list[dict[str, Any]]) -> None:
    table = tables.audience
    made = insert(connection, table)
    count, contributors = made.excluded.count, made.excluded.contributors
    total = sa.case((table.c.dimension == VISITORS, _greater(table.c.count, count)), else_=table.c.count + count)
    changes = {"count": total, "contributors": _greater(table.c.contributors, contributors)}
    connection.execute(made.on_conflict_do_update(index_elements=list(table.primary_key), set_=changes), rows)


def _greater(one: sa.ColumnElement[int], other: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.case((one > other, one), else_=other)  # the engines have it under different names
