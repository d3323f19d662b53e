"""Whether an answer was sent before: a double click, a retry, a reload.

Every entry leaves a *claim*: the request, the receipt that was held, and the record that answers both. One rule for
each entry, whatever it comes in with. It repeats the record that a claim names, of the same request with the same
receipt or, where the entry changes nothing, with any, if the two were said shortly after each other and that one still
stands. An entry whose visitor holds a receipt already repeats only what proves that receipt, too.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from . import body, tables
from .entry import Entry
from .moments import milliseconds
from .record import Event, Record
from .statements import Prepared, insert, insert_for

#: Later, the same form is a new act.
_REPEATED_WITHIN = timedelta(minutes=10)
#: How long a form's own key is remembered; a refusal's time is an hour's beginning.
_MEMORY = timedelta(hours=48)
#: How often old ones are looked for.
_FORGET_EVERY = timedelta(minutes=10)


class Submissions:
    """The claims of one site; see the module. All that it does is part of the caller's transaction."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._forgot: datetime | None = None

    def sifted(
        self, connection: sa.Connection, entries: Mapping[uuid.UUID, Entry], *, acknowledged: bool
    ) -> tuple[dict[uuid.UUID, Entry], dict[uuid.UUID, Record]]:
        """Those of *entries* that repeat nothing, and of the others what they repeat; both by the entries' own ids.

        :param entries: None of which was kept before.
        :param acknowledged: Whether visitors hold receipts of them already.
        """
        fresh: dict[uuid.UUID, Entry] = {}
        repeated: dict[uuid.UUID, Record] = {}
        # Claimed before anything is looked for: whoever sends the same form at the same time waits here.
        are_new = self._claim_all(connection, list(entries.values()))
        for own, entry in entries.items():
            if are_new and not entry.unchanged:  # nothing can have been said before
                fresh[own] = entry
                continue
            earlier = self._earlier(connection, entry, fresh, acknowledged=acknowledged)
            if earlier is None:
                fresh[own] = entry
            else:
                repeated[own] = earlier
            if earlier is not None or not are_new:
                self._claim_anew(connection, entry, earlier or entry.record)
        return fresh, repeated

    def forgets(self, now: datetime) -> bool:
        """Whether it is time to forget old claims."""
        return self._forgot is None or abs(now - self._forgot) > _FORGET_EVERY

    def forget(self, connection: sa.Connection, now: datetime) -> None:
        """Forget old claims, if it is time to."""
        if self.forgets(now):
            self._forgot = now
            columns = tables.submission.c
            old = (columns.site == self._site, columns.recorded_at < milliseconds(now - _MEMORY))
            connection.execute(sa.delete(tables.submission).where(*old))

    def _claim_all(self, connection: sa.Connection, entries: Sequence[Entry]) -> bool:
        """Claim *entries* for their own records, where nothing else is claimed; whether that is so of all of them."""
        if not entries:
            return True
        rows = [self._claim(entry, entry.record) for entry in entries]
        return _claims(connection.dialect).execute(connection, rows).rowcount == len(rows)

    def _claim_anew(self, connection: sa.Connection, entry: Entry, kept: Record) -> None:
        """Claim *entry* for *kept*, whatever answered it before."""
        claim = insert(connection, tables.submission).values(self._claim(entry, kept))
        value = {name: claim.excluded[name] for name in ("record_id", "recorded_at")}
        keys = ["site", "request", "before"]
        connection.execute(claim.on_conflict_do_update(index_elements=keys, set_=value))

    def _claim(self, entry: Entry, kept: Record) -> dict[str, Any]:
        """That the submission of *entry* is answered by *kept*."""
        return {
            "site": self._site,
            "request": entry.submission.request,
            "before": entry.submission.before,
            "record_id": kept.record_id,
            "recorded_at": milliseconds(kept.recorded_at),
        }

    def _earlier(
        self, connection: sa.Connection, entry: Entry, fresh: Mapping[uuid.UUID, Entry], *, acknowledged: bool
    ) -> Record | None:
        """The record that *entry* repeats, which may be among the *fresh* ones.

        The claims stay locked, so that of two who come late with the same form one sees what the other kept.
        """
        columns = tables.submission.c
        query = sa.select(columns.record_id).where(
            columns.site == self._site, columns.request == entry.submission.request
        )
        if not entry.unchanged:
            query = query.where(columns.before == entry.submission.before)
        named = connection.scalars(query.order_by(columns.recorded_at.desc()).with_for_update()).all()
        there = recorded(connection, self._site, named)
        for record_id in named:
            earlier = fresh[record_id].record if record_id in fresh else there.get(record_id)
            if earlier is None or not repeats(entry.record, earlier):
                continue
            if not acknowledged or _proves(earlier, entry.record):
                return earlier
        return None


def recorded(connection: sa.Connection, site: str, record_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Record]:
    """Those records of *record_ids* that are there, by id."""
    if len(record_ids) == 1:
        found = _one(connection.dialect).execute(connection, [{"own": record_ids[0], "on": site}]).scalar()
        return {record_ids[0]: body.decode(found.encode())} if found else {}
    columns = tables.record.c
    query = sa.select(columns.record_id, columns.body).where(columns.record_id.in_(record_ids), columns.site == site)
    return {record_id: body.decode(text.encode()) for record_id, text in connection.execute(query)}


@cache
def _one(dialect: sa.Dialect) -> Prepared:
    columns = tables.record.c
    own = (columns.record_id == sa.bindparam("own"), columns.site == sa.bindparam("on"))
    return Prepared(sa.select(columns.body).where(*own), dialect)


@cache
def _claims(dialect: sa.Dialect) -> Prepared:
    return Prepared(insert_for(dialect, tables.submission).on_conflict_do_nothing(), dialect)


def repeats(record: Record, earlier: Record) -> bool:
    """Whether *record* says again what *earlier* said just before, and still stands for. Clocks of two hosts differ."""
    between = abs(record.recorded_at - earlier.recorded_at)
    within = _REPEATED_WITHIN
    if Event.REFUSED in (record.event, earlier.event):
        within += timedelta(hours=1)  # of a refusal the hour alone is known
    return between <= within and record.recorded_at < earlier.valid_until


def _proves(earlier: Record, record: Record) -> bool:
    """Whether *earlier* proves the receipt of *record* as well.

    It does not where a part was taken back and the form came again while the store was away: by then the receipt that
    it came with was void, so that it gave a first grant, under a subject that its own record alone can prove.
    """
    same = (earlier.purposes, earlier.services) == (record.purposes, record.services)
    return same and (earlier.subject == record.subject or not record.decision.grants_anything)
