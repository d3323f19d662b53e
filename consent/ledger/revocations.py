"""Whose receipts count no more although they are signed and within their time: withdrawn elsewhere, or erased.

A cookie can be copied, kept and sent again. So what was taken back has to be known where cookies are read: in the
memory of every process, filled from the store every few seconds and asked once per page.

Until the store was reached once, a process knows nothing, and no receipt with a subject grants anything. Later failures
change nothing: what was known stays known. A store that hangs has failed after seconds, so that the next look finds it
when it is well.

A million subjects take some 130 MiB of memory, and no more while everything is read anew.

Sources: GDPR Art. 7(3) (withdrawing is as easy as giving), Art. 17 (erasure).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakSet

from ..decision import SKEW, Decision
from ..errors import StoreError
from .entry import Revocation
from .moments import milliseconds
from .patience import answered_within

#: How often a process looks, so that all of them know within 10 seconds.
EVERY = timedelta(seconds=3)
#: Seconds that a look waits for a server that is silent: in the background, and in a request, which waits for it.
_PATIENCE, _PATIENCE_IN_A_REQUEST = 5.0, 2.0
#: How often everything is read anew.
_ALL_EVERY = timedelta(minutes=10)
#: How far a look reaches back behind the one before: a transaction may commit late, and the hosts' clocks differ.
_OVERLAP = timedelta(minutes=2) + SKEW
#: For a subject whose receipts never count again.
EVER = datetime(9000, 1, 1, tzinfo=UTC)
_EVER = milliseconds(EVER)
_EVER_MARKED = (2 * _EVER, 2 * _EVER + 1)  # one number for many

#: A subject, its ``not_before`` and its ``until``, the two in milliseconds since 1970.
Row = Sequence[Any]
#: Gives the revocations that were added since a moment, or all, piece by piece.
Load = Callable[[datetime | None], Iterable[Sequence[Row]]]

_alive: WeakSet[Revocations] = WeakSet()


def of(previous: Decision | None, decision: Decision) -> Revocation | None:
    """What *decision* ends of *previous*: receipts of before it, which somebody may have kept.

    All of the subject's where nothing is granted any more; the earlier ones where a part was taken back, or where the
    answer ends sooner. ``None`` where an earlier receipt says no more than the new one. Receipts know whole seconds:
    one of the very second of the new one stays.
    """
    if previous is None or previous.subject is None:
        return None
    until = previous.valid_until + SKEW
    if not decision.grants_anything:
        return Revocation(subject=previous.subject, not_before=EVER, until=until)
    overrides = previous.gpc_overridden and not decision.gpc_overridden
    if previous.granted <= decision.granted and previous.valid_until <= decision.valid_until and not overrides:
        return None
    begin, before = (one.decided_at.replace(microsecond=0) for one in (decision, previous))
    if begin < before:  # two clocks: better to ask once more than to let what was taken back go on
        begin = before + timedelta(seconds=1)
    return Revocation(subject=previous.subject, not_before=begin, until=until)


class Revocations:
    """What one process knows of the revocations of one site. Any thread may ask.

    :param load: Reads the store: :meth:`.store.Store.revocations`.
    :param clock: Returns the current time, aware.
    :param alone: Whether nothing refreshes this in the background: then whoever asks does, every few seconds.
    """

    def __init__(self, load: Load, clock: Callable[[], datetime], *, alone: bool = False) -> None:
        self._load = load
        self._clock = clock
        self._alone = alone
        #: Of each subject twice its ``not_before`` in milliseconds, plus the mark of the newest look that found it. A
        #: look at everything has the other mark than the one before, and drops what has kept that.
        self._voids: dict[bytes, int] = {}
        self._mark = 0
        self._own: dict[bytes, Revocation] = {}
        self.forget()
        _alive.add(self)

    def forget(self) -> None:
        """Begin as a process that has not looked yet: what its parent knew may be old. Own additions stay."""
        self._changing = threading.Lock()
        self._reading = threading.Lock()
        self._once = threading.Event()
        self._known = False
        self._looked: datetime | None = None
        self._tried: datetime | None = None
        self._read_all: datetime | None = None
        self._waits_until: float | None = None

    @property
    def known(self) -> bool:
        """Whether the store was read since the process began."""
        if self._alone:
            self.keep_up()
        return self._known

    def void(self, subject: bytes, begin: int) -> bool:
        """Whether a receipt of *subject* that begins at *begin*, seconds since 1970, counts no more."""
        known = self._voids.get(subject)
        return known is not None and begin * 1000 < known >> 1

    def wait(self, seconds: float) -> bool:
        """Whether it is :attr:`known`, waiting for that: *seconds* for all who ask together, from the first on."""
        if self._alone and not self._reading.locked():
            return self._known  # nobody is at it: the store was asked, and did not answer
        if self._waits_until is None:
            self._waits_until = time.monotonic() + seconds
        left = self._waits_until - time.monotonic()
        return self._once.wait(left) if left > 0 else self._known

    def add(self, revocation: Revocation) -> None:
        """Void in this process, and now, what *revocation* says; it may still be on its way to the store."""
        with self._changing:
            earlier = self._own.get(revocation.subject)
            self._own[revocation.subject] = _joined(earlier, revocation) if earlier else revocation
            self._enter(revocation.subject, milliseconds(revocation.not_before), self._mark)

    def refresh(self) -> None:
        """Look into the store: for what is new, and from time to time for everything.

        :raises StoreError: it cannot be read; what was known still counts.
        """
        with self._reading:
            self._refresh()

    def keep_up(self) -> None:
        """Refresh if that is due and nobody is at it. A store that cannot be read is left alone for as long."""
        now = self._clock()
        if self._tried is not None and timedelta(0) <= now - self._tried < EVERY:
            return
        if self._reading.acquire(blocking=False):
            try:
                self._refresh()
            except StoreError:
                self._tried = self._clock()  # it may have taken its time to fail
            finally:
                self._reading.release()

    def _refresh(self) -> None:
        now = self._tried = self._clock()
        fresh = self._read_all is not None and timedelta(0) <= now - self._read_all < _ALL_EVERY
        since = self._looked - _OVERLAP if fresh and self._looked is not None else None
        mark = self._mark if since is not None else 1 - self._mark
        with answered_within(_PATIENCE_IN_A_REQUEST if self._alone else _PATIENCE):
            for rows in self._load(since):
                self._enter_all(rows, mark, milliseconds(now))
        with self._changing:
            self._own = {subject: own for subject, own in self._own.items() if own.until > now}
            for own in self._own.values():
                self._enter(own.subject, milliseconds(own.not_before), mark)
            if since is None:
                for subject in [subject for subject, known in self._voids.items() if known & 1 != mark]:
                    del self._voids[subject]
            self._mark = mark
        self._looked = now
        if since is None:
            self._read_all = now
        self._known = True
        self._once.set()

    def _enter_all(self, rows: Sequence[Row], mark: int, now: int) -> None:
        """Enter *rows*, and forget of the own ones what the store has by now."""
        with self._changing:
            for subject, not_before, until in rows:
                if until > now:
                    self._enter(subject, not_before, mark)
            if self._own:
                for subject, not_before, until in rows:
                    own = self._own.get(subject)
                    if own and milliseconds(own.not_before) <= not_before and milliseconds(own.until) <= until:
                        del self._own[subject]

    def _enter(self, subject: bytes, not_before: int, mark: int) -> None:
        """What was void stays void."""
        marked = 2 * not_before + mark if not_before < _EVER else _EVER_MARKED[mark]
        known = self._voids.get(subject)
        if known is not None and known > marked | 1:
            marked = known & ~1 | mark
        self._voids[subject] = marked


def _joined(one: Revocation, other: Revocation) -> Revocation:
    """Both in one: at least as void as either."""
    return Revocation(
        subject=one.subject,
        not_before=max(one.not_before, other.not_before),
        until=max(one.until, other.until),
        erased=one.erased or other.erased,
    )


def _forget_all() -> None:
    for revocations in list(_alive):
        revocations.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
