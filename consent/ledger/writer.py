"""From a request to the ledger: at once if the store takes the entry, else to the spool; and within bounded time.

A request hands its entry to the one thread of its process that writes, and waits for it a quarter of a second at most.
The thread takes all that has come in meanwhile into one transaction, so that many visitors share one sync of the disk.
A server that hangs holds that thread, and never a request. Into a file a request that is alone writes by itself, and
waits no longer for its lock. Whatever goes wrong, the entry is put into the spool; it may still reach the store, too,
which keeps it once.

While an earlier answer of a subject waits in this host's spool, the next one waits behind it, though the store is well:
each record names the one before it, so they have to come in their order.

Not a queue that acknowledges: an entry is durable, in one of the two places, before its request goes on.

Sources: D. DeWitt et al., "Implementation Techniques for Main Memory Database Systems", 1984 (group commit);
PEP 249 (DataError, IntegrityError).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import StoreError
from .breaker import Breaker
from .desk import Desk, Job
from .entry import Entry
from .patience import answered_within, within, without
from .per_process import PerProcess
from .record import Record
from .spool import Spool
from .store import Store

_LOG = logging.getLogger("consentry")

#: Seconds that the thread waits for a server that is silent; no request waits for it then.
_PATIENCE = 30.0

#: What happened, and with what: see :class:`Writer`.
OnEvent = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of an entry.

    :param record: What is kept; for a repeated submission, the earlier record.
    :param spooled: Whether it waits in the spool, so that the store does not show it yet.
    """

    record: Record
    spooled: bool


class Writer:
    """See the module.

    *on_event* is told ``recorded`` (record), ``spooled`` (record) and ``lost`` (record: it is nowhere) in the thread of
    the request; ``store_failed`` (error) and ``store_back`` when that changes; ``spool_half_full`` (status).

    :param clock: Returns the current time, aware.
    :param timeout: Seconds that a request waits for the store.
    :param on_event: Called with a name and facts; what it raises is logged.
    """

    def __init__(
        self,
        store: Store,
        spool: Spool,
        *,
        clock: Callable[[], datetime],
        timeout: float = 0.25,
        on_event: OnEvent | None = None,
    ) -> None:
        self._store = store
        self._spool = spool
        self._clock = clock
        self._timeout = timeout
        self._on_event = on_event
        self._desk = PerProcess(lambda: Desk(self._write, name="consentry-writer"))
        self._breaker = PerProcess(Breaker)
        if on_event is not None:
            spool.on_half_full = lambda status: self._tell("spool_half_full", status=status)

    def keep(self, entry: Entry) -> Kept:
        """Make *entry* durable.

        :raises StoreError: neither the store nor the spool took it.
        """
        try:
            kept = self._keep_meanwhile(entry) if self._breaker().is_open else self._keep(entry)
        except StoreError:
            self._tell("lost", record=entry.record)
            raise
        self._tell("spooled" if kept.spooled else "recorded", record=kept.record)
        return kept

    def close(self) -> None:
        """End the thread of this process when it has done what is in its hands; the next entry starts another."""
        desk = self._desk.made
        thread = desk.dismiss() if desk is not None else None
        if thread is not None:
            thread.join(self._timeout)

    def _keep(self, entry: Entry) -> Kept:
        """In the store, else in the spool; in the spool at once where the subject's entry before it waits there."""
        try:
            if self._follows_one_that_waits(entry):
                with suppress(StoreError):  # no room: better out of order than nowhere
                    return Kept(self._spool.put(entry), spooled=True)
            return self._store_it(entry)
        except Exception as error:  # noqa: BLE001  # whatever it is, there is another place
            try:
                return Kept(self._spool.put(entry), spooled=True)
            except StoreError as full:
                raise StoreError(f"the record is nowhere: {error}; {full}") from error

    def _keep_meanwhile(self, entry: Entry) -> Kept:
        """In the spool: the store is thought to be down. Now and then somebody tries it, and nobody waits for that."""
        has_to_wait = self._follows_one_that_waits(entry)
        try:
            kept = Kept(self._spool.put(entry), spooled=True)
        except StoreError:
            if not self._breaker().wants_a_try():
                raise
            return self._store_it(entry)
        if kept.record is entry.record and not has_to_wait and self._breaker().wants_a_try():
            self._desk().take_in(Job(entry))
        return kept

    def _follows_one_that_waits(self, entry: Entry) -> bool:
        """Whether an earlier entry of the same subject is in the spool."""
        subject = entry.record.subject
        if subject is None or entry.first:
            return False
        try:
            return self._spool.holds(subject, site=self._store.site)
        except StoreError:
            return False  # better out of order than nowhere

    def _store_it(self, entry: Entry) -> Kept:
        desk, job = self._desk(), Job(entry)
        if self._is_done_in_person(desk, job):
            return self._outcome(job)
        if not desk.take_in(job):
            raise self._store_failed(StoreError("too many entries wait for the store"))
        if not job.wait(self._timeout) and not desk.give_up(job):
            raise self._store_failed(StoreError(f"the store took longer than {self._timeout:g} seconds"))
        return self._outcome(job)

    def _is_done_in_person(self, desk: Desk, job: Job) -> bool:
        """Whether *job* was done in this thread: a file answers, or its disk hangs, and the spool's with it."""
        if self._store.database.is_postgresql or not desk.is_free:
            return False
        with within(self._timeout):
            return desk.do_own(job)

    def _outcome(self, job: Job) -> Kept:
        if job.record is None:
            raise job.error or AssertionError("a job without a record has an error")
        return Kept(job.record, spooled=False)

    def _write(self, jobs: Sequence[Job]) -> None:
        """What the thread does with a batch."""
        try:
            with answered_within(_PATIENCE):
                records = self._store.append_many([job.entry for job in jobs], now=self._clock())
        except Exception as error:  # noqa: BLE001  # no request may wait for an answer that never comes
            if len(jobs) > 1 and is_about_an_entry(error):
                for job in jobs:
                    self._write([job])
                return
            is_new = not is_about_an_entry(error) and self._breaker().failed()
            for job in jobs:
                job.finish(None, error)
            if is_new:
                self._tell("store_failed", error=error)
        else:
            is_new = self._breaker().worked()
            for job, record in zip(jobs, records, strict=True):
                job.finish(record, None)
            if is_new:
                self._tell("store_back")

    def _store_failed(self, error: Exception) -> Exception:
        if self._breaker().failed():
            self._tell("store_failed", error=error)
        return error

    def _tell(self, name: str, **facts: Any) -> None:
        if self._on_event is None:
            return
        try:
            with without():
                self._on_event(name, **facts)
        except Exception as error:  # noqa: BLE001  # somebody else's code, and the entry is what counts
            _LOG.error("who is told of %r failed: %s", name, type(error).__name__)


def is_about_an_entry(error: BaseException) -> bool:
    """Whether the store is well, and will not have an entry as it is.

    So it is with a value that cannot even be handed to the driver, and with the two of a database's own errors that
    PEP 249 has for it.
    """
    if isinstance(error, StoreError):
        names = {kind.__name__ for kind in type(error.__cause__).__mro__}
        return not names.isdisjoint({"DataError", "IntegrityError"})
    return isinstance(error, ValueError | TypeError | OverflowError)
