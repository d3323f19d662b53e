"""Counters in memory: what is handed on is true, bounded, and says nothing of whoever was counted."""

from __future__ import annotations

import gc
import json
import os
import random
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest

from consent.audience import counters as module
from consent.audience.counters import Batch, Counters, Tallied
from consent.audience.dimensions import VISITORS
from consent.audience.view import OTHER, closes_at

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
TODAY, TOMORROW = NOON.date(), NOON.date() + timedelta(days=1)
HOME, OFFICE = b"\x09\x09\x09\x00", b"\x08\x08\x08\x00"
PAGE = [("page", "/"), ("region", "DE")]


class Store:
    """Adds up what is handed over, as the table does; breaks when it is told to."""

    def __init__(self) -> None:
        self.batches: list[dict[tuple[date, str, str], Tallied]] = []
        self.broken: type[BaseException] | None = None

    def keep(self, batch: Batch) -> None:
        if self.broken:
            raise self.broken
        self.batches.append(dict(batch))

    @property
    def totals(self) -> dict[tuple[date, str, str], Tallied]:
        totals: dict[tuple[date, str, str], Tallied] = {}
        for batch in self.batches:
            for key, more in batch.items():
                had = totals.get(key, Tallied(0, 0))
                both = max(had.count, more.count) if key[1] == VISITORS else had.count + more.count
                totals[key] = Tallied(both, max(had.contributors, more.contributors))
        return totals


def entropy() -> Iterator[bytes]:
    yield from (random.Random(seed).randbytes(32) for seed in count())


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def counters(store: Store) -> Counters:
    """Of k = 3, which nobody flushes but the test."""
    keys = entropy()
    return Counters(store.keep, k=3, entropy=lambda size: next(keys)[:size], every=None)


def test_hits_and_contributors_are_handed_over_together(counters: Counters, store: Store) -> None:
    """Hits since the last time; contributors of the whole day."""
    counters.add(PAGE, HOME, now=NOON)
    counters.add(PAGE, HOME, now=NOON)
    counters.flush(now=NOON)
    counters.add(PAGE, OFFICE, now=NOON)
    counters.flush(now=NOON)
    counters.flush(now=NOON)
    key = (TODAY, "region", "DE")
    assert [batch[key] for batch in store.batches] == [Tallied(2, 1), Tallied(1, 2)]
    assert store.totals[TODAY, "page", "/"] == Tallied(3, 2)


def test_nothing_counted_is_nothing_kept(counters: Counters, store: Store) -> None:
    """The store is not asked to do nothing."""
    counters.flush(now=NOON)
    assert store.batches == []


def test_no_more_than_k_contributors_are_known(counters: Counters, store: Store) -> None:
    """Whether there are three or three hundred is nobody's business."""
    for number in range(300):
        counters.add(PAGE, number.to_bytes(4, "big"), now=NOON)
    counters.flush(now=NOON)
    assert store.totals[TODAY, "page", "/"] == Tallied(300, 3)
    assert _held(counters) == []


def test_contributors_are_never_more_than_the_truth(counters: Counters, store: Store) -> None:
    """In any mixture of hits, flushes, failures and days."""
    chance = random.Random(5)
    hits: dict[tuple[date, str, str], list[bytes]] = {}
    now = NOON
    for _ in range(3_000):
        now += timedelta(seconds=chance.choice((0, 1, 60)))
        value, who = (chance.choice(("page", "region")), chance.choice("abcd")), chance.choice((b"1", b"2", b"3", b"4"))
        counters.add([value], who, now=now)
        hits.setdefault((now.date(), *value), []).append(who)
        if chance.random() < 0.05:
            store.broken = chance.choice((None, OSError))
            try:
                counters.flush(now=now)
            except OSError:
                pass
    store.broken = None
    counters.flush(now=now)
    totals = store.totals
    assert {key: len(who) for key, who in hits.items()} == {key: tallied.count for key, tallied in totals.items()}
    assert all(tallied.contributors <= len(set(hits[key])) for key, tallied in totals.items())
    assert all(tallied.contributors >= min(3, len(set(hits[key]))) for key, tallied in totals.items())


def test_a_hit_hands_over_when_it_is_time(store: Store) -> None:
    """At the first hit, and then every so often."""
    counters = Counters(store.keep, k=3, entropy=os.urandom, every=timedelta(seconds=5))
    for seconds in (0, 1, 4, 5, 6):
        counters.add(PAGE, HOME, now=NOON + timedelta(seconds=seconds))
    assert [batch[TODAY, "page", "/"].count for batch in store.batches] == [1, 3]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_what_could_not_be_kept_waits(counters: Counters, store: Store, error: type[BaseException]) -> None:
    """Whatever happens in the store, the next time has it all."""
    store.broken = error
    counters.add(PAGE, HOME, now=NOON)
    with pytest.raises(error):
        counters.flush(now=NOON)
    counters.add(PAGE, OFFICE, now=NOON)
    store.broken = None
    counters.flush(now=NOON)
    assert store.batches == [{(TODAY, *value): Tallied(2, 2) for value in PAGE}]


def test_a_day_that_is_over_leaves_numbers_and_no_more(counters: Counters, store: Store) -> None:
    """Its key and digests are gone with the first look at the clock; its hits may still come in for an hour."""
    counters.add(PAGE, HOME, now=NOON)
    assert counters.first(b"token", now=NOON)
    key = counters._tally.key
    assert len(_held(counters)) == 2
    store.broken = OSError
    with pytest.raises(OSError, match=r"\A\Z"):
        counters.flush(now=NOON + timedelta(days=1) - timedelta(hours=12))
    assert key != counters._tally.key
    assert _held(counters) == []
    store.broken = None
    counters.add(PAGE, HOME, now=closes_at(TODAY) - timedelta(minutes=1))
    counters.flush(now=closes_at(TODAY) - timedelta(minutes=1))
    assert store.batches == [{(day, *value): Tallied(1, 1) for day in (TODAY, TOMORROW) for value in PAGE}]


def test_a_day_that_may_be_read_is_not_added_to(counters: Counters, store: Store) -> None:
    """What comes too late is lost: a second reading of a day would give cells away."""
    counters.add(PAGE, HOME, now=NOON)
    counters.flush(now=closes_at(TODAY))
    counters.flush(now=NOON)
    assert store.batches == []


def test_a_clock_that_was_days_ahead_does_no_lasting_harm(store: Store) -> None:
    """One hit is on a wrong day; those after it are not, and are handed over in time."""
    forgotten: list[int] = []
    every = timedelta(seconds=5)
    counters = Counters(store.keep, k=3, entropy=os.urandom, every=every, forget=lambda: forgotten.append(1))
    counters.add(PAGE, HOME, now=NOON + timedelta(days=400))
    for second in range(3):
        counters.add(PAGE, HOME, now=NOON + timedelta(seconds=6 * second))
    assert store.totals[TODAY, "page", "/"] == Tallied(3, 1)
    assert store.totals[TODAY + timedelta(days=400), "page", "/"] == Tallied(1, 1)
    assert len(forgotten) == 2, "with each day, what others remember goes as well"


def test_a_clock_that_is_set_back_an_hour_hands_over_all_the_same(store: Store) -> None:
    counters = Counters(store.keep, k=3, entropy=os.urandom, every=timedelta(seconds=5))
    counters.add(PAGE, HOME, now=NOON)
    counters.add(PAGE, HOME, now=NOON - timedelta(hours=1))
    assert store.totals[TODAY, "page", "/"].count == 2


def test_a_clock_that_goes_back_counts_for_the_newest_day(counters: Counters, store: Store) -> None:
    """A day that was over does not begin again, with another key."""
    counters.add(PAGE, HOME, now=NOON + timedelta(days=1))
    key = counters._tally.key
    counters.add(PAGE, HOME, now=NOON)
    counters.flush(now=NOON)
    assert counters._tally.key == key
    assert store.totals == {(TOMORROW, *value): Tallied(2, 1) for value in PAGE}


def test_made_up_values_stay_bounded(counters: Counters, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the most, new values of that dimension and day are counted together; nothing is lost, nobody else pays."""
    monkeypatch.setattr(module, "MOST_VALUES", 100)
    for number in range(150):
        counters.add([("page", f"/{number}"), ("region", "DE")], number.to_bytes(2, "big"), now=NOON)
    counters.add([("region", "FR"), ("page", "/99")], HOME, now=NOON)
    counters.flush(now=NOON)
    assert len(store.totals) == 100 + 1 + 2
    assert store.totals[TODAY, "page", OTHER] == Tallied(50, 3)
    assert store.totals[TODAY, "page", "/99"] == Tallied(2, 2)
    assert store.totals[TODAY, "region", "FR"] == Tallied(1, 1)
    counters.add([("page", "/150")], HOME, now=NOON + timedelta(days=1))
    counters.flush(now=NOON + timedelta(days=1))
    assert store.totals[TOMORROW, "page", "/150"] == Tallied(1, 1)


def test_a_token_is_new_once_a_day(counters: Counters) -> None:
    """Whatever was counted by it."""
    assert [counters.first(token, now=NOON) for token in (b"a", b"b", b"a")] == [True, True, False]
    assert counters.first(b"a", now=NOON + timedelta(days=1))
    assert not counters.first(b"a", now=NOON)


def test_too_many_tokens_are_not_new(counters: Counters, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded; what may have been counted is not counted again."""
    monkeypatch.setattr(module, "MOST_TOKENS", 2)
    assert [counters.first(token, now=NOON) for token in (b"a", b"b", b"c", b"c")] == [True, True, False, False]


def test_visitors_are_estimated_and_not_added_up(counters: Counters, store: Store) -> None:
    """Their number all day, whichever batch is the last to come."""
    store.broken = OSError
    for number in range(50):
        counters.add([(VISITORS, VISITORS)], HOME, now=NOON, visitor=b"%d" % (number % 20))
        if number == 30:
            with pytest.raises(OSError, match=r"\A\Z"):
                counters.flush(now=NOON)
    store.broken = None
    counters.flush(now=NOON + timedelta(hours=12))
    counters.flush(now=NOON + timedelta(hours=12))
    assert store.batches == [{(TODAY, VISITORS, VISITORS): Tallied(20, 1)}]


def test_threads_lose_nothing(store: Store) -> None:
    """Hits of many threads, while others hand over."""
    counters = Counters(store.keep, k=5, entropy=os.urandom, every=timedelta(0))

    def hit(who: bytes) -> None:
        for number in range(400):
            counters.add([("page", "/"), ("number", str(number % 7))], who, now=NOON)

    threads = [threading.Thread(target=hit, args=(b"%d" % number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counters.flush(now=NOON)
    assert store.totals[TODAY, "page", "/"] == Tallied(1_600, 4)
    assert sum(tallied.count for key, tallied in store.totals.items() if key[1] == "number") == 1_600


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_begins_with_nothing(counters: Counters, store: Store) -> None:
    """Hits are handed over by whom they came to, the key stays there, and no lock is inherited."""
    counters.add(PAGE, HOME, now=NOON)
    key = counters._tally.key
    reading, writing = os.pipe()
    with counters._tally.lock:  # as another thread may have it
        child = os.fork()
        if child == 0:
            try:
                held = [*_held(counters), counters._tally.key]
                counters.add([("page", "/child")], OFFICE, now=NOON)
                counters.flush(now=NOON)
                batches = [{key[2]: list(tallied) for key, tallied in batch.items()} for batch in store.batches]
                said = [batches, len(held), counters._tally.key == key]
                os.write(writing, json.dumps(said).encode())
            finally:
                os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert json.load(pipe) == [[{"/child": [1, 1]}], 1, False]
    os.waitpid(child, 0)
    counters.flush(now=NOON)
    assert store.batches == [{(TODAY, *value): Tallied(1, 1) for value in PAGE}]


def test_counters_are_forgotten_with_their_application(store: Store) -> None:
    """That they are known to forks keeps none alive."""
    before = len(module._EVERYWHERE)
    counters = Counters(store.keep, k=3, entropy=os.urandom)
    assert len(module._EVERYWHERE) == before + 1
    del counters
    gc.collect()
    assert len(module._EVERYWHERE) == before


def test_who_was_counted_is_nowhere(counters: Counters, store: Store) -> None:
    """Neither the network nor the visitor can be reached from the counters, in any spelling, nor found by trying."""
    who, visitor, token = b"\x09\x09\x09\x00", b"\x09\x09\x09\x00\x00Mozilla/5.0 (Canary)", b"token of a canary"
    counters.add([*PAGE, (VISITORS, VISITORS)], who, now=NOON, visitor=visitor)
    counters.first(token, now=NOON)
    reached = _reached(counters)
    assert len(reached) > 20
    texts = [repr(thing) for thing in reached if isinstance(thing, str | bytes | bytearray | int | date)]
    traces = ("\\t\\t\\t", "9.9.9", "090909", "Canary", "canary", str(int.from_bytes(who, "big")))
    assert not [text for text in texts if any(trace in text for trace in traces)]
    again = Counters(store.keep, k=3, entropy=os.urandom, every=None)
    again.add(PAGE, who, now=NOON)
    assert set(_held(again)).isdisjoint(_held(counters))


def _held(counters: Counters) -> list[bytes]:
    """The digests that can be reached from *counters*."""
    key = counters._tally.key
    return [thing for thing in _reached(counters) if isinstance(thing, bytes) and len(thing) == 8 and thing != key]


def _reached(root: object) -> list[object]:
    """Whatever is held by *root*, directly or not, but the code."""
    found: dict[int, object] = {}
    waiting = [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) in found or isinstance(thing, type) or callable(thing):
            continue
        found[id(thing)] = thing
        waiting += gc.get_referents(thing)
    return list(found.values())
