"""Which receipts count no more: what a process knows, when, and what it does while it knows nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import Answer, Decision, Duration, Method, StoreError, decide
from consent.decision import SKEW
from consent.ledger import Revocation
from consent.ledger.moments import milliseconds
from consent.ledger.revocations import EVER, EVERY, Revocations, Row, of
from tests.policies import policy

NOW = datetime(2026, 3, 3, 12, 34, 56, tzinfo=UTC)
SMALL = policy()
ALL = tuple(SMALL.purposes)
SOMEBODY, OTHER = b"s" * 16, b"o" * 16
LATER = timedelta(days=100)


@dataclass
class Shelf:
    """A store that holds revocations with the moment that each was added, and that can be away."""

    rows: list[tuple[datetime, Revocation]] = field(default_factory=list)
    asked: list[datetime | None] = field(default_factory=list)
    away: bool = False
    breaks_after: int | None = None
    now: datetime = NOW

    def load(self, added_since: datetime | None) -> Iterator[Sequence[Row]]:
        """As the store does."""
        self.asked.append(added_since)
        if self.away:
            raise StoreError("away")
        for number, (at, row) in enumerate(self.rows):
            if number == self.breaks_after:
                raise StoreError("it broke")
            if added_since is None or at >= added_since:
                yield [(row.subject, milliseconds(row.not_before), milliseconds(row.until))]

    def put(self, revocation: Revocation, *, added: datetime | None = None) -> None:
        """Another host has revoked something."""
        self.rows.append((added or self.now, revocation))

    def clock(self) -> datetime:
        """The time."""
        return self.now


def looked(revocations: Revocations) -> bool:
    """Whether the store was read; asked anew each time."""
    return revocations.known


def revoked(subject: bytes = SOMEBODY, *, before: datetime = EVER, until: datetime = NOW + LATER) -> Revocation:
    """A revocation."""
    return Revocation(subject=subject, not_before=before, until=until)


def known(shelf: Shelf) -> Revocations:
    """What a process knows that has looked."""
    made = Revocations(shelf.load, shelf.clock)
    made.refresh()
    return made


def test_it_knows_nothing_until_it_has_looked() -> None:
    """A store that is away leaves it so; once it was reached, it is known, and stays known when it goes away again."""
    shelf = Shelf(away=True)
    made = Revocations(shelf.load, shelf.clock)
    assert not looked(made)
    with pytest.raises(StoreError):
        made.refresh()
    assert not looked(made)
    shelf.away = False
    shelf.put(revoked())
    made.refresh()
    assert looked(made)
    assert made.void(SOMEBODY, int(NOW.timestamp()))
    shelf.away = True
    with pytest.raises(StoreError):
        made.refresh()
    assert looked(made)
    assert made.void(SOMEBODY, int(NOW.timestamp()))


def test_a_subject_is_void_before_a_moment() -> None:
    """Receipts of the very second and later ones count; other subjects are not concerned."""
    shelf = Shelf()
    shelf.put(revoked(before=NOW))
    made = known(shelf)
    second = int(NOW.timestamp())
    assert made.void(SOMEBODY, second - 1)
    assert not made.void(SOMEBODY, second)
    assert not made.void(OTHER, second - 1)


def test_the_first_look_reads_all_and_the_next_what_is_new() -> None:
    """With an overlap for late commits and for clocks that differ; all again after ten minutes."""
    shelf = Shelf()
    made = known(shelf)
    shelf.now += timedelta(seconds=3)
    made.refresh()
    shelf.now += timedelta(minutes=9)
    made.refresh()
    shelf.now += timedelta(minutes=1)
    made.refresh()
    assert shelf.asked[0] is None
    assert shelf.asked[1] is not None
    assert shelf.asked[1] <= NOW - SKEW - timedelta(minutes=2)
    assert shelf.asked[2] is not None
    assert shelf.asked[3] is None


@pytest.mark.parametrize("late", [timedelta(0), timedelta(minutes=2), SKEW])
def test_what_commits_late_or_by_a_slow_clock_is_found(late: timedelta) -> None:
    """A row that says it was added before the last look is not skipped."""
    shelf = Shelf()
    made = known(shelf)
    shelf.now += timedelta(seconds=3)
    shelf.put(revoked(), added=shelf.now - late)
    made.refresh()
    assert made.void(SOMEBODY, 0)


def test_what_is_over_is_dropped() -> None:
    """When no receipt could count any more, it is forgotten: at the latest when all is read anew."""
    shelf = Shelf()
    shelf.put(revoked(until=NOW + timedelta(minutes=5)))
    made = known(shelf)
    made.add(revoked(OTHER, until=NOW + timedelta(minutes=5)))
    assert made.void(SOMEBODY, 0)
    assert made.void(OTHER, 0)
    shelf.now += timedelta(minutes=11)
    made.refresh()
    assert not made.void(SOMEBODY, 0)
    assert not made.void(OTHER, 0)


def test_its_own_take_effect_at_once_and_last_until_the_store_has_them() -> None:
    """What waits in the spool is not lost when all is read anew, and is the store's from then on."""
    shelf = Shelf()
    made = known(shelf)
    made.add(revoked())
    assert made.void(SOMEBODY, 0)
    shelf.now += timedelta(minutes=11)
    made.refresh()
    assert made.void(SOMEBODY, 0)
    shelf.put(revoked())
    made.refresh()
    shelf.rows.clear()
    shelf.now += timedelta(minutes=11)
    made.refresh()
    assert not made.void(SOMEBODY, 0)


def test_a_look_that_breaks_off_takes_nothing_back() -> None:
    """What it has found counts; what it has not found stays until a look at everything has ended."""
    shelf = Shelf()
    gone, stays, new = (bytes([number]) * 16 for number in range(3))
    shelf.put(revoked(gone))
    shelf.put(revoked(stays))
    made = known(shelf)
    shelf.rows[0] = (NOW, revoked(new))
    shelf.breaks_after = 1
    for _ in range(2):
        shelf.now += timedelta(minutes=11)
        with pytest.raises(StoreError):
            made.refresh()
        assert all(made.void(subject, 0) for subject in (gone, stays, new))
    shelf.breaks_after = None
    made.refresh()
    assert not made.void(gone, 0)
    assert all(made.void(subject, 0) for subject in (stays, new))
    shelf.rows.clear()
    shelf.now += timedelta(minutes=11)
    made.refresh()
    assert not any(made.void(subject, 0) for subject in (stays, new))


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 1000), st.integers(1, 1000)), min_size=1, max_size=12))
def test_what_is_void_stays_void(steps: list[tuple[bool, int, int]]) -> None:
    """In whatever order revocations come, from here or from elsewhere: the latest moment counts, never an earlier one."""
    shelf = Shelf()
    made = known(shelf)
    highest = 0
    for here, seconds, until in steps:
        one = revoked(before=NOW + timedelta(seconds=seconds), until=NOW + LATER + timedelta(seconds=until))
        if here:
            made.add(one)
        else:
            shelf.put(one)
            made.refresh()
        highest = max(highest, seconds)
        begin = int(NOW.timestamp()) + highest
        assert made.void(SOMEBODY, begin - 1)
        assert not made.void(SOMEBODY, begin)


def test_waiting_is_shared_and_bounded() -> None:
    """All who ask before the first look wait until one moment, and nobody after it."""
    shelf = Shelf()
    made = Revocations(shelf.load, shelf.clock)
    begin = time.monotonic()
    assert not made.wait(0.05)
    assert 0.04 < time.monotonic() - begin < 1
    begin = time.monotonic()
    assert not made.wait(10)
    assert time.monotonic() - begin < 1


def test_waiting_ends_with_the_first_look() -> None:
    """Whoever waits goes on as soon as it is known."""
    shelf = Shelf()
    made = Revocations(shelf.load, shelf.clock)
    thread = threading.Timer(0.05, made.refresh)
    thread.start()
    assert made.wait(30)
    assert looked(made)
    thread.join()


def test_alone_it_looks_when_it_is_asked() -> None:
    """Without a background, whoever asks refreshes every few seconds; a store that is away is asked no more often."""
    shelf = Shelf(away=True)
    made = Revocations(shelf.load, shelf.clock, alone=True)
    assert not looked(made)
    assert not looked(made)
    assert not made.wait(10)
    assert len(shelf.asked) == 1
    shelf.away = False
    shelf.now += EVERY
    assert looked(made)
    shelf.put(revoked())
    assert looked(made)
    assert not made.void(SOMEBODY, 0)
    shelf.now += EVERY
    assert looked(made)
    assert made.void(SOMEBODY, 0)
    assert len(shelf.asked) == 3


def test_a_forked_process_looks_for_itself() -> None:
    """What its parent knew may be hours old; a lock that somebody held in the parent holds nobody up."""
    made = known(Shelf())
    with made._changing, made._reading:
        child = os.fork()
        if child == 0:
            made.add(revoked())
            os._exit(0 if not looked(made) and made.void(SOMEBODY, 0) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert looked(made)


def test_many_threads_may_ask_while_one_refreshes() -> None:
    """Additions made while the store is read, all of it, are never lost."""
    shelf = Shelf()
    made = known(shelf)
    subjects = [number.to_bytes(16, "big") for number in range(2000)]
    missing: list[bytes] = []

    def add(mine: list[bytes]) -> None:
        for subject in mine:
            made.add(revoked(subject))
            if not made.void(subject, 0):
                missing.append(subject)

    threads = [threading.Thread(target=add, args=(subjects[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        shelf.now += timedelta(minutes=11)
        made.refresh()
        shelf.now = NOW
    for thread in threads:
        thread.join()
    assert missing == []
    assert all(made.void(subject, 0) for subject in subjects)


def decision(
    previous: Decision | None,
    method: Method,
    *purposes: str,
    late: float = 0,
    session: bool = False,
    override_gpc: bool = False,
) -> Decision:
    """What an answer makes of an earlier one."""
    duration = Duration.SESSION if session else Duration.PERSISTENT
    answer = Answer(
        method=method, asked=ALL, purposes=frozenset(purposes), duration=duration, override_gpc=override_gpc
    )
    return decide(SMALL, previous, answer, now=NOW + timedelta(seconds=late), subject=SOMEBODY)


def test_taking_all_back_ends_every_receipt_of_the_subject() -> None:
    """For as long as one of them could count."""
    before = decision(None, Method.ACCEPT_ALL)
    for method in (Method.WITHDRAW, Method.REJECT_ALL, Method.CUSTOM):
        made = of(before, decision(before, method, late=60))
        assert made == Revocation(subject=SOMEBODY, not_before=EVER, until=before.valid_until + SKEW)


def test_taking_a_part_back_ends_the_earlier_receipts() -> None:
    """And not the new one."""
    before = decision(None, Method.ACCEPT_ALL)
    after = decision(before, Method.CUSTOM, "statistics", late=60)
    made = of(before, after)
    assert made is not None
    shelf = Shelf()
    shelf.put(made)
    revocations = known(shelf)
    assert revocations.void(SOMEBODY, int(before.decided_at.timestamp()))
    assert not revocations.void(SOMEBODY, int(after.decided_at.timestamp()))
    assert made.until == before.valid_until + SKEW


def test_an_answer_that_ends_sooner_ends_the_earlier_ones_with_it() -> None:
    """Who asks to be asked again shall be, whatever copy of the longer receipt is left."""
    before = decision(None, Method.ACCEPT_ALL)
    after = decision(before, Method.ACCEPT_ALL, late=60, session=True)
    made = of(before, after)
    assert made is not None
    assert made.not_before == after.decided_at
    assert made.until == before.valid_until + SKEW


def test_an_answer_without_the_override_ends_the_ones_with_it() -> None:
    """Global Privacy Control counts again, in every copy."""
    before = decision(None, Method.ACCEPT_ALL, override_gpc=True)
    assert of(before, decision(before, Method.ACCEPT_ALL, late=60)) is not None
    assert of(before, decision(before, Method.ACCEPT_ALL, late=60, override_gpc=True)) is None


def test_an_answer_that_grants_more_ends_nothing() -> None:
    """What an earlier receipt lets run, the new one does, too."""
    assert of(None, decision(None, Method.ACCEPT_ALL)) is None
    before = decision(None, Method.CUSTOM, "statistics")
    assert of(before, decision(before, Method.ACCEPT_ALL, late=60)) is None
    assert of(before, decision(before, Method.CUSTOM, "statistics", late=60)) is None
    refused = decision(None, Method.REJECT_ALL)
    assert of(refused, decision(refused, Method.WITHDRAW, late=60)) is None


def test_clocks_that_differ_let_nothing_go_on() -> None:
    """A host whose clock is behind still ends what another host's receipt lets run."""
    before = decision(None, Method.ACCEPT_ALL)
    after = decision(before, Method.CUSTOM, "statistics", late=-30)
    made = of(before, after)
    assert made is not None
    assert before.decided_at < made.not_before


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Method.ACCEPT_ALL, Method.CUSTOM, Method.WITHDRAW]),
            st.sets(st.sampled_from(ALL)),
            st.booleans(),
        ),
        min_size=2,
        max_size=8,
    )
)
def test_no_earlier_receipt_lets_more_run_than_the_last(answers: list[tuple[Method, set[str], bool]]) -> None:
    """The law: whatever the answers, each receipt ever given is void, or over, or grants no more than the newest."""
    shelf = Shelf()
    current: Decision | None = None
    given_before: list[Decision] = []
    for number, (method, purposes, session) in enumerate(answers):
        after = decision(current, method, *purposes, late=60 * number, session=session)
        if current is not None:
            given_before.append(current)
            if (made := of(current, after)) is not None:
                shelf.put(made)
        current = after
        revocations = known(shelf)
        for old in given_before:
            if old.subject is None or revocations.void(old.subject, int(old.decided_at.timestamp())):
                continue
            assert old.granted <= after.granted
            assert old.valid_until <= after.valid_until


def test_who_asks_while_another_asks_for_the_first_time_waits_for_it() -> None:
    """Without a background, the first requests of a process come at once: none of them is turned away for that."""
    begun, go = threading.Event(), threading.Event()

    def load(_: datetime | None) -> list[list[Row]]:
        begun.set()
        go.wait(5)
        return []

    asked = Revocations(load, lambda: datetime(2026, 3, 3, tzinfo=UTC), alone=True)
    first = threading.Thread(target=lambda: asked.known)
    first.start()
    assert begun.wait(5)
    threading.Timer(0.05, go.set).start()
    assert not asked.known
    assert asked.wait(5)
    first.join()
