"""The end of one site's log, for whoever adds to it: locked within a transaction, extended, and written back.

Not which entries come in, and not what is signed: :mod:`.sequencer` knows.

Source: RFC 6962 §2.1 (the tree).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from ..proof import leaf as leaves
from ..proof.checkpoint import Checkpoint
from ..proof.merkle import EMPTY_ROOT, Range
from . import tables
from .statements import Prepared, insert

_HASH = 32


class Head:
    """The end of one site's log within a transaction that holds its lock.

    Entries are added one batch after another; :meth:`save` writes the new end.

    :param end: All leaves of the log.
    :param signed: The newest checkpoint, from which the log goes on; ``None`` where none was signed.
    """

    def __init__(self, connection: sa.Connection, site: str, end: Range, signed: Checkpoint | None) -> None:
        self._connection = connection
        self._site = site
        self._before = end.end
        self.range = end
        self.signed = signed

    @property
    def size(self) -> int:
        """Entries in the log."""
        return self.range.end

    def add(self, publics: Sequence[bytes], records: Sequence[tuple[Any, int] | None]) -> int:
        """Append entries, each with the id and time of its record, or none.

        :return: The index of the first.
        """
        first = self.size
        completed: list[tuple[int, int, bytes]] = []
        self.range = self.range.extended(map(leaves.hash_of, publics), completed)
        rows = [
            {
                "site": self._site,
                "position": first + n,
                "public": public.decode(),
                "record_id": of[0] if of else None,
                "recorded_at": of[1] if of else None,
            }
            for n, (public, of) in enumerate(zip(publics, records, strict=True))
        ]
        if rows:
            _insert_leaves(self._connection, rows)
        if completed:
            nodes = [
                {"site": self._site, "level": level, "position": position, "hash": digest}
                for level, position, digest in completed
            ]
            self._connection.execute(sa.insert(tables.node), nodes)
        return first

    def save(self) -> None:
        """Write the new end of the log."""
        if self.size > self._before:
            change = {"size": self.size, "frontier": b"".join(self.range.hashes), "root": self.range.root}
            columns = tables.head.c
            self._connection.execute(sa.update(tables.head).where(columns.site == self._site).values(change))


def lock_head(connection: sa.Connection, site: str, *, wait: bool = True) -> tuple[int, bytes] | None:
    """Size and frontier of the log, locked until the transaction ends; ``None`` if another has it and *wait* is off.

    SQLite has one writer at a time: there the transaction has waited when it began.
    """
    columns = tables.head.c
    query = sa.select(columns.size, columns.frontier).where(columns.site == site)
    query = query.with_for_update(skip_locked=not wait)
    row = connection.execute(query).first()
    if row is None:
        begin = {"site": site, "size": 0, "frontier": b"", "root": EMPTY_ROOT}
        made = connection.execute(insert(connection, tables.head).values(begin).on_conflict_do_nothing())
        if not made.rowcount and not wait:
            return None
        row = connection.execute(query).first()
    return None if row is None else (row[0], row[1])


def end_of(size: int, frontier: bytes) -> Range:
    """All leaves of a log, from what its head row says.

    :raises ProofError: the two do not fit each other.
    """
    return Range(0, size, tuple(frontier[at : at + _HASH] for at in range(0, len(frontier), _HASH)))


def _insert_leaves(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    if connection.dialect.name == "postgresql":
        # One statement with five arrays: a third of the time of as many rows, and standard since PostgreSQL 9.4.
        names = ("position", "public", "record_id", "recorded_at")
        arrays = [[row[name] for row in rows] for name in names]
        connection.exec_driver_sql(
            "INSERT INTO consent_leaf (site, position, public, record_id, recorded_at) "
            "SELECT %s, * FROM unnest(%s::bigint[], %s::text[], %s::uuid[], %s::bigint[])",
            (rows[0]["site"], *arrays),
        )
    else:
        _leaf(connection.dialect).execute(connection, rows)


@cache
def _leaf(dialect: sa.Dialect) -> Prepared:
    return Prepared(sa.insert(tables.leaf), dialect)
