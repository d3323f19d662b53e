"""From the spool to the store, batch by batch, each entry once however often this is interrupted.

An entry leaves the spool only when the store has it, and the store keeps one record id once. What waits has been
acknowledged to its visitor, so it is kept under its own id even where it repeats another answer, unless that one proves
the same receipt.

An entry that the store will not have is set aside, where it stays unless its subject is erased, and holds up no other.
A store that is down is not such a case: then all of them stay where they are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from .entry import Entry
from .spool import Spool
from .store import Store
from .writer import is_about_an_entry

_LOG = logging.getLogger("consentry")

#: Entries in one transaction.
_BATCH = 200


class Shipper:
    """See the module.

    :param clock: Returns the current time, aware.
    """

    def __init__(self, spool: Spool, store: Store, *, clock: Callable[[], datetime]) -> None:
        self._spool = spool
        self._store = store
        self._clock = clock

    def ship(self, at_most: int = 500) -> int:
        """Bring entries to the store, oldest first, unless somebody else on this host is doing so.

        :return: How many; fewer than *at_most* if no more wait.
        :raises StoreError: the store cannot take any now, or the spool cannot be read.
        """
        shipped = 0
        with self._spool.shipping() as is_alone:
            while is_alone and shipped < at_most:
                entries = self._spool.batch(min(_BATCH, at_most - shipped), site=self._store.site)
                if not entries:
                    break
                shipped += self._ship(entries)
        return shipped

    def ship_all_of(self, subject: bytes) -> int:
        """Bring every entry of *subject* to the store now, whoever else is shipping: the store keeps each of them once.

        :return: How many it took.
        :raises StoreError: as for :meth:`ship`.
        """
        shipped = 0
        while entries := self._spool.batch(_BATCH, site=self._store.site, subject=subject):
            shipped += self._ship(entries)
        return shipped

    def _ship(self, entries: Sequence[Entry]) -> int:
        try:
            self._store.append_many(entries, now=self._clock(), acknowledged=True)
        except Exception as error:
            if not is_about_an_entry(error):
                raise
            if len(entries) == 1:
                self._set_aside(entries[0], error)
                return 0
            return sum(self._ship([entry]) for entry in entries)
        self._spool.done([entry.record for entry in entries])
        return len(entries)

    def _set_aside(self, entry: Entry, error: Exception) -> None:
        reason = type(error.__cause__ or error).__name__
        self._spool.set_aside(entry.record, reason)
        _LOG.error("the store will not have a record that waits in %s (%s): set aside there", self._spool.path, reason)
