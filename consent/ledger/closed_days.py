"""Days of the audience that are over: read once, published, and the counters dropped. No rule of what may be shown.

Written and read in a transaction of :class:`~.counts.Counts`. A row says, in JSON, what may be read of one
dimension; dimensions of which nothing may be read have none, so that it is not told whether anything was counted.
A row of the dimension "" marks the day as closed: whatever is counted for it later is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from ..audience.view import Cell, Day, Kind, Rows, Table
from .statements import insert
from .tables import audience as raw
from .tables import audience_day as published

#: What was counted on a day, and the order of the rows of days before; to what may be read of it. All by dimension.
Judge = Callable[[Mapping[str, Sequence[Cell]], Mapping[str, Sequence[str]]], Mapping[str, Day]]

#: The dimension of the row that marks a day as closed.
_MARKER = ""
#: Published days that an order is made of.
_ORDERED_BY = 28


def waiting(connection: sa.Connection, site: str, until: date) -> list[date]:
    """Days up to *until* of which anything is still counted, the first one first."""
    query = sa.select(raw.c.day).distinct().where(raw.c.site == site, raw.c.day <= until.isoformat())
    return [date.fromisoformat(day) for day in connection.scalars(query.order_by(raw.c.day))]


def close(connection: sa.Connection, site: str, day: date, judge: Judge) -> bool:
    """Publish *day*, and drop what was counted. If that was done before, only drop what came since.

    :return: Whether it was done now.
    """
    of_day = sa.and_(raw.c.site == site, raw.c.day == day.isoformat())
    # Of two who are at it, one waits here for the other, and then finds the marker.
    marker = insert(connection, published).on_conflict_do_nothing()
    counting = {"preserve_rowcount": True}  # of an insert, or psycopg has none
    made = connection.execute(marker, _row(site, day, _MARKER, ""), execution_options=counting)
    is_first = made.rowcount == 1
    if is_first:
        # Who adds to one of the rows has done so when they are read, or waits and makes a new one, which is late.
        query = sa.select(raw).where(of_day).order_by(raw.c.dimension, raw.c.value).with_for_update()
        rows = connection.execute(query).mappings().all()
        counted = {
            dimension: [Cell(row["value"], row["count"], row["contributors"]) for row in cells]
            for dimension, cells in groupby(rows, key=lambda row: str(row["dimension"]))
        }
        order = {dimension: _before(connection, site, day, dimension).order for dimension in counted}
        shown = judge(counted, order)
        if found := [_row(site, day, name, encode(read)) for name, read in sorted(shown.items()) if read.rows]:
            connection.execute(sa.insert(published), found)
    connection.execute(sa.delete(raw).where(of_day))
    return is_first


def tables(connection: sa.Connection, site: str, since: date, until: date) -> dict[str, Table]:
    """What may be read of the days from *since* to *until*, by dimension."""
    days = sa.between(published.c.day, since.isoformat(), until.isoformat())
    query = sa.select(published.c.day, published.c.dimension, published.c.body)
    query = query.where(published.c.site == site, days, published.c.dimension != _MARKER)
    rows = connection.execute(query).all()
    read = json.loads(f"[{','.join(body for _, _, body in rows)}]")  # labels that recur are made once
    found: dict[str, dict[date, Day]] = {}
    for (day, dimension, _), said in zip(rows, read, strict=True):
        found.setdefault(dimension, {})[date.fromisoformat(day)] = _day(said)
    return {dimension: Table(days) for dimension, days in sorted(found.items())}


def forget(connection: sa.Connection, site: str, before: date) -> int:
    """Drop all that is of days before *before*; how many days of which something could be read."""
    old = sa.and_(published.c.site == site, published.c.day < before.isoformat())
    query = sa.select(sa.func.count(published.c.day.distinct())).where(old, published.c.dimension != _MARKER)
    days = connection.scalar(query) or 0
    connection.execute(sa.delete(published).where(old))
    connection.execute(sa.delete(raw).where(raw.c.site == site, raw.c.day < before.isoformat()))
    return days


def encode(day: Day) -> str:
    """*day* as it is kept: always the same text for the same day."""
    rows = {kind.value: day.columns[kind] for kind in Kind if kind in day.columns}
    return json.dumps({"k": day.k, "epsilon": day.epsilon, "rows": rows}, ensure_ascii=False, separators=(",", ":"))


def decode(body: str) -> Day:
    """What :func:`encode` was given."""
    return _day(json.loads(body))


_KINDS = {kind.value: kind for kind in Kind}


def _day(said: Mapping[str, Any]) -> Day:
    return Day(said["k"], Rows({_KINDS[name]: column for name, column in said["rows"].items()}), said["epsilon"])


def _before(connection: sa.Connection, site: str, day: date, dimension: str) -> Table:
    """The last published days of *dimension* before *day*."""
    earlier = (published.c.site == site, published.c.dimension == dimension, published.c.day < day.isoformat())
    query = sa.select(published.c.day, published.c.body).where(*earlier)
    newest = connection.execute(query.order_by(published.c.day.desc()).limit(_ORDERED_BY))
    return Table({date.fromisoformat(on): decode(body) for on, body in newest})


def _row(site: str, day: date, dimension: str, body: str) -> dict[str, str]:
    return {"site": site, "day": day.isoformat(), "dimension": dimension, "body": body}
