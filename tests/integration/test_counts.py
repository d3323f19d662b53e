"""The counters' way into the store, and a day's end: read once, published, gone; on both engines."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier, Event
from typing import Any, TypeVar

import pytest

from consent.audience import closing, dimensions
from consent.audience.counters import Batch, Counters, Tallied
from consent.audience.dimensions import ACCEPTED, OF_A_PAGE, REFUSAL, REFUSED, VISITORS, WITHDRAWAL, answer
from consent.audience.view import Cell, Day, Kind, Row, Table, closes_at
from consent.ledger import Counts, Database, tables
from consent.ledger.closed_days import decode, encode
from consent.policy.audience import Audience
from tests.ledgers import Ledger, at_once, opened, traces
from tests.unit.test_view_attacks import Equation, _pinned

T = TypeVar("T")

SITE = "example"
DAY = date(2026, 3, 3)
AFTER = closes_at(DAY)
_AUDIENCE = Audience(visitors=True)
PURPOSES = ("statistics", "marketing", "social", "preferences", "a", "b", "p", "q", "r")
_JUDGE = closing.judge(_AUDIENCE, PURPOSES)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with opened(database_url, SITE, timeout=30.0) as made:
        yield made


@pytest.fixture
def counts(ledger: Ledger) -> Counts:
    return Counts(ledger.database, SITE)


def _batch(dimension: str, day: date = DAY, **counts: int) -> Batch:
    """Every hit by a visitor of its own."""
    return {(day, dimension, value): Tallied(count, min(count, 10)) for value, count in counts.items()}


def _raw(ledger: Ledger) -> dict[tuple[str, str, str], tuple[int, int]]:
    rows = ledger.rows(tables.audience)
    return {(row["day"], row["dimension"], row["value"]): (row["count"], row["contributors"]) for row in rows}


def _shown(counts: Counts, dimension: str = "browser", day: date = DAY) -> dict[str, int]:
    table = counts.days(since=day, until=day).get(dimension)
    return {row.label: row.count for row in table.days[day].rows} if table else {}


# Adding.


def test_counts_add_up_and_contributors_do_not(counts: Counts, ledger: Ledger) -> None:
    """Those of two processes may be the same people; so may those of an estimate."""
    key, visitors = (DAY, "browser", "Chrome"), (DAY, VISITORS, VISITORS)
    counts.add({key: Tallied(5, 3), visitors: Tallied(40, 8)})
    counts.add({key: Tallied(7, 9), visitors: Tallied(30, 10)})
    counts.add({key: Tallied(1, 2)})
    counts.add({})
    assert _raw(ledger) == {
        ("2026-03-03", "browser", "Chrome"): (13, 9),
        ("2026-03-03", VISITORS, VISITORS): (40, 10),
    }


def test_sites_share_a_database_and_no_counter(counts: Counts, ledger: Ledger) -> None:
    other = Counts(ledger.database, "other")
    for one, number in ((counts, 90), (other, 70)):
        one.add(_batch("browser", Chrome=number, Edge=50, Firefox=40))
    assert counts.close(_JUDGE, now=AFTER) == 1
    assert _shown(counts) == {"Chrome": 90, "Edge": 50, "other": 40}
    assert other.days(since=DAY, until=DAY) == {}
    assert other.forget(date(2030, 1, 1)) == 0
    assert _shown(counts)


def _in_threads(work: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> list[T]:
    """:func:`at_once` with threads, each with connections of its own: to the store they are processes."""
    barrier = Barrier(len(arguments))
    with ThreadPoolExecutor(len(arguments)) as pool:
        return [one.result(timeout=60) for one in [pool.submit(work, barrier, *each) for each in arguments]]


def _add_many_times(barrier: Barrier, url: str, seed: int) -> Counter[tuple[date, str, str]]:
    chance, sent = random.Random(seed), Counter[tuple[date, str, str]]()
    database = Database(url, timeout=60.0)
    counts = Counts(database, SITE)
    counts.add({(DAY, "page", "warm"): Tallied(1, 1)})
    sent[DAY, "page", "warm"] += 1
    barrier.wait()
    for _ in range(30):
        names = chance.sample(range(40), 20)
        batch = {
            (DAY, chance.choice(("page", "Zz", "a-ä")), f"{'ß' if name % 2 else 'Z'}{name}"): Tallied(name + 1, 1)
            for name in names
        }
        counts.add(dict(chance.sample(list(batch.items()), len(batch))))
        sent.update({key: tallied.count for key, tallied in batch.items()})
    database.close()
    return sent


def test_eight_who_add_to_the_same_counters_lose_none(ledger: Ledger) -> None:
    """Nor does one of them wait for another that waits for it."""
    found = _in_threads(_add_many_times, [(ledger.url, seed) for seed in range(8)])
    total = sum(found, Counter())
    assert {key: count for key, (count, _) in _raw(ledger).items()} == {
        (day.isoformat(), dimension, value): count for (day, dimension, value), count in total.items()
    }


_HITS = 50_000


def _hit(barrier: Barrier, url: str, seed: int) -> tuple[Counter[tuple[str, str, str]], int]:
    """What a worker does: hits, and a flush now and then, as by its thread."""
    chance, sent = random.Random(seed), Counter[tuple[str, str, str]]()
    database = Database(url, timeout=60.0)
    counters = Counters(Counts(database, SITE).add, k=10, entropy=chance.randbytes, every=None)
    start = datetime(2026, 3, 3, 23, 50, tzinfo=UTC)
    drawn = [
        [(dimension, f"{dimension} {int(chance.paretovariate(0.5)) % 40}") for dimension in OF_A_PAGE]
        for _ in range(500)
    ]
    barrier.wait()
    flushes = 0
    for number in range(_HITS):
        now = start + timedelta(milliseconds=number * 20)
        values = drawn[number * 7 % 500]
        counters.add(values, number.to_bytes(4, "big"), now=now)
        for dimension, value in values:
            sent[now.date().isoformat(), dimension, value] += 1
        if number % 1_000 == 999:
            counters.flush(now=now)
            flushes += 1
    counters.flush(now=start + timedelta(minutes=30))
    database.close()
    return sent, flushes + 1


@pytest.mark.slow
def test_eight_processes_of_fifty_thousand_hits_each(ledger: Ledger, report: Callable[[str], None]) -> None:
    """All counters are the exact sums, over midnight."""
    begin = time.monotonic()
    found = at_once(_hit, [(ledger.url, seed) for seed in range(8)])
    took = time.monotonic() - begin
    total = sum((sent for sent, _ in found), Counter())
    raw = _raw(ledger)
    assert {key: count for key, (count, _) in raw.items()} == total
    assert sum(count for (_, dimension, _), (count, _) in raw.items() if dimension == "page") == 8 * _HITS
    assert max(contributors for _, contributors in raw.values()) == 10
    engine = "PostgreSQL" if ledger.database.is_postgresql else "SQLite"
    flushes = sum(flushed for _, flushed in found)
    report(f"{engine}: 8 processes x {_HITS:,} hits in {flushes} batches: {len(total)} counters exact; {took:.1f} s")


# Closing.


def test_a_day_is_closed_an_hour_after_its_end_and_its_counters_are_gone(counts: Counts, ledger: Ledger) -> None:
    counts.add(_batch("browser", Chrome=90, Edge=50, Firefox=40, Lynx=3))
    counts.add(_batch("browser", DAY + timedelta(days=1), Chrome=1))
    early = AFTER - timedelta(microseconds=1)
    assert (counts.waiting(now=early), counts.close(_JUDGE, now=early)) == (False, 0)
    assert (counts.waiting(now=AFTER), counts.close(_JUDGE, now=AFTER)) == (True, 1)
    assert _shown(counts) == {"Chrome": 90, "Edge": 50, "other": 43}
    assert list(_raw(ledger)) == [("2026-03-04", "browser", "Chrome")]
    assert (counts.waiting(now=AFTER), counts.close(_JUDGE, now=AFTER)) == (False, 0)
    if not ledger.database.is_postgresql:
        assert traces(ledger.database.path, b"Lynx") == []  # not in the log beside the file, either


def test_what_comes_too_late_is_dropped(counts: Counts, ledger: Ledger) -> None:
    """Also where nothing was shown of the day: that it was closed is known all the same."""
    counts.add(_batch("browser", Chrome=9))
    assert counts.close(_JUDGE, now=AFTER) == 1
    counts.add(_batch("browser", Chrome=900, Edge=500, Firefox=400))
    assert counts.waiting(now=AFTER)
    assert counts.close(_JUDGE, now=AFTER) == 0
    assert counts.days(since=DAY, until=DAY) == {}
    assert _raw(ledger) == {}
    assert not counts.waiting(now=AFTER)


def test_that_nothing_is_shown_tells_not_whether_something_was_counted(counts: Counts) -> None:
    counts.add({**_batch("browser", Chrome=90, Edge=50), **_batch(dimensions.OPEN, spring=1)})
    counts.add(_batch(dimensions.OPEN, DAY + timedelta(days=1), spring=1))
    counts.close(_JUDGE, now=AFTER + timedelta(days=3))
    found = counts.days(since=DAY - timedelta(days=9), until=DAY + timedelta(days=9))
    assert {dimension: list(table.days) for dimension, table in found.items()} == {"browser": [DAY]}


def test_days_are_closed_in_turn_and_ordered_by_those_before(counts: Counts) -> None:
    """Never by their own counts: on the second day Edge goes, which was shown least on the first."""
    counts.add(_batch("browser", Zed=60, Firefox=90, Edge=50))
    counts.add(_batch("browser", DAY + timedelta(days=1), Firefox=30, Edge=500, Chrome=400))
    assert counts.close(_JUDGE, now=AFTER + timedelta(days=1)) == 2
    assert _shown(counts) == {"Edge": 50, "Firefox": 90, "other": 60}
    assert _shown(counts, day=DAY + timedelta(days=1)) == {"Firefox": 30, "Chrome": 400, "other": 500}


def test_an_order_is_of_the_last_four_weeks(counts: Counts) -> None:
    seen: list[Mapping[str, Sequence[str]]] = []

    def judge(raw: closing.Raw, order: closing.Order) -> closing.Published:
        seen.append(order)
        return _JUDGE(raw, order)

    for number in range(30):
        names = ("Old", "Edge") if number < 2 else ("Chrome", "Edge")
        counts.add(_batch("browser", DAY + timedelta(days=number), **{names[0]: 900, names[1]: 30, "Zed": 30}))
    assert counts.close(judge, now=AFTER + timedelta(days=30)) == 30
    assert seen[0] == {"browser": ()}
    assert seen[2]["browser"][0] == "Old"
    assert "Old" in seen[29]["browser"]  # of the second day, the first of the last 28
    counts.add(_batch("browser", DAY + timedelta(days=30), Chrome=90, Edge=30))
    counts.close(judge, now=AFTER + timedelta(days=31))
    assert "Old" not in seen[30]["browser"]


def test_a_judge_that_fails_leaves_the_day_as_it_was(counts: Counts, ledger: Ledger) -> None:
    counts.add(_batch("browser", Chrome=90, Edge=50))
    before = _raw(ledger)

    def judge(*_: object) -> closing.Published:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        counts.close(judge, now=AFTER)
    assert _raw(ledger) == before
    assert counts.close(_JUDGE, now=AFTER) == 1


def test_what_is_kept_reads_as_it_was_published() -> None:
    rows = [
        Row("größe", Kind.VALUE, 12),
        Row("150", Kind.GROUP, 40),
        Row("a", Kind.VALUE, 90),
        Row("other", Kind.OTHER, 31),
    ]
    for day in (Day(10, rows), Day(7, rows, 1 / 6), Day(10, ())):
        assert decode(encode(day)) == day
        assert encode(decode(encode(day))) == encode(day)
    assert tuple(decode(encode(Day(10, rows))).rows) == (rows[2], rows[1], rows[0], rows[3])


def test_days_are_forgotten_when_they_are_old(counts: Counts, ledger: Ledger) -> None:
    """What was published, what was counted, and that the day was closed."""
    for number in range(4):
        counts.add(_batch("browser", DAY + timedelta(days=number), Chrome=90, Edge=50))
    counts.close(_JUDGE, now=AFTER + timedelta(days=1))
    assert counts.forget(DAY + timedelta(days=1)) == 1
    assert counts.forget(DAY + timedelta(days=1)) == 0
    assert list(counts.days(since=DAY, until=DAY + timedelta(days=9))["browser"].days) == [DAY + timedelta(days=1)]
    assert counts.forget(DAY + timedelta(days=3)) == 1
    assert {row["day"] for row in ledger.rows(tables.audience_day)} == set()
    assert {day for day, _, _ in _raw(ledger)} == {"2026-03-06"}


# Several at once.


def _close_all(barrier: Barrier, url: str, days: int) -> tuple[int, list[tuple[int, int]]]:
    """How many days it closed, and what it read of them."""
    read: list[tuple[int, int]] = []

    def judge(raw: closing.Raw, order: closing.Order) -> closing.Published:
        read.append((int(raw["page"][0].value), raw["page"][0].count))
        return _JUDGE(raw, order)

    database = Database(url, timeout=60.0)
    counts = Counts(database, SITE)
    barrier.wait()
    closed = counts.close(judge, now=AFTER + timedelta(days=days))
    database.close()
    return closed, read


def test_each_day_is_read_by_one_of_several_who_close_it_at_once(counts: Counts, ledger: Ledger) -> None:
    for number in range(12):
        counts.add(_batch("page", DAY + timedelta(days=number), **{f"{number}": 100 + number}))
    found = _in_threads(_close_all, [(ledger.url, 12)] * 4)
    assert sum(closed for closed, _ in found) == 12
    assert sorted(read for _, each in found for read in each) == [(number, 100 + number) for number in range(12)]
    assert _raw(ledger) == {}


def test_who_adds_while_a_day_is_closed_is_in_time_or_late_and_never_both(ledger: Ledger) -> None:
    """What is read and what is found in the end are never more than what was sent; the day is published once."""
    first = Counts(ledger.database, SITE)
    first.add(_batch("page", a=100, b=100))
    stop, reads = Event(), list[int]()

    def judge(raw: closing.Raw, order: closing.Order) -> closing.Published:
        reads.append(sum(cell.count for cell in raw["page"]))
        time.sleep(0.05)
        return _JUDGE(raw, order)

    def add(seed: int) -> int:
        database, chance, sent = Database(ledger.url, timeout=60.0), random.Random(seed), 0
        while not stop.is_set():
            Counts(database, SITE).add({(DAY, "page", name): Tallied(1, 1) for name in chance.sample("abcdef", 3)})
            sent += 3
        database.close()
        return sent

    def close() -> int:
        database = Database(ledger.url, timeout=60.0)
        closed = sum(Counts(database, SITE).close(judge, now=AFTER) for _ in range(3))
        database.close()
        return closed

    with ThreadPoolExecutor(6) as pool:
        adding = [pool.submit(add, seed) for seed in range(3)]
        try:
            time.sleep(0.1)
            done = sum(one.result(timeout=60) for one in [pool.submit(close) for _ in range(3)])
        finally:
            stop.set()
        sent = 200 + sum(one.result() for one in adding)
    assert done == 1
    (read,) = reads
    assert 200 < read <= sent
    table = first.days(since=DAY, until=DAY)["page"]
    assert table.total == read
    late = sum(count for count, _ in _raw(ledger).values())
    assert read + late <= sent
    first.close(_JUDGE, now=AFTER)
    assert _raw(ledger) == {}
    assert first.days(since=DAY, until=DAY)["page"] == table


def test_noise_is_made_once(counts: Counts, ledger: Ledger) -> None:
    """Whoever reads again, and wherever, or closes again, finds the same numbers."""
    judge = closing.judge(Audience(epsilon=0.05), PURPOSES)
    counts.add(_batch("browser", Chrome=900, Edge=500, Firefox=400))
    counts.close(judge, now=AFTER)
    first = counts.days(since=DAY, until=DAY)
    assert first["browser"].days[DAY].epsilon == pytest.approx(0.05 / 6)
    assert sorted(_shown(counts).values()) != [400, 500, 900]
    for _ in range(20):
        counts.close(judge, now=AFTER)
        assert counts.days(since=DAY, until=DAY) == first
    other = Database(ledger.url)
    assert Counts(other, SITE).days(since=DAY - timedelta(days=9), until=DAY)["browser"] == first["browser"]
    other.close()


# Reading.


def test_two_years_are_read_at_once(counts: Counts, ledger: Ledger, report: Callable[[str], None]) -> None:
    """25 months, ten dimensions, thirty rows each."""
    number, since = 761, date(2024, 2, 1)
    rows = [Row(f"/section/page-{n}", Kind.VALUE, 10_000 - 30 * n) for n in range(29)] + [Row("other", Kind.OTHER, 99)]
    body = encode(Day(10, rows))
    filled = [
        {"site": SITE, "day": (since + timedelta(days=day)).isoformat(), "dimension": dimension, "body": body}
        for day in range(number)
        for dimension in ("", *(f"dimension {n}" for n in range(10)))
    ]
    with ledger.database.write() as connection:
        connection.execute(tables.audience_day.insert(), filled)
    found: Mapping[str, Table] = {}
    times, sums = [], []
    for _ in range(5):
        begin = time.perf_counter()
        found = counts.days(since=since, until=since + timedelta(days=number - 1))
        times.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        assert len([table.sums for table in found.values()]) == 10
        sums.append(time.perf_counter() - begin)
    assert sum(len(table.days) for table in found.values()) == 7_610
    assert found["dimension 0"].days[since].rows == tuple(rows)
    engine = "PostgreSQL" if ledger.database.is_postgresql else "SQLite"
    report(
        f"{engine}: 25 months x 10 dimensions x 30 rows: read in {1_000 * min(times):.0f} ms, "
        f"added up in {1_000 * min(sums):.0f} ms more"
    )
    assert min(times) < 1


# An attacker who reads all that is published.


def _random_day(chance: random.Random) -> dict[str, list[Cell]]:
    """One site's day in all dimensions, as they are really counted: hits of networks, each in all six of a page."""
    networks = [chance.randbytes(3) for _ in range(chance.choice((1, 8, 14, 40, 120)))]
    whose = {network: chance.choice(("DE", "DE-BY", "FR", "AT", "US", "CA", "BR", "unknown")) for network in networks}
    names = {dimension: [f"{dimension[0]}{n}" for n in range(chance.choice((1, 3, 8)))] for dimension in OF_A_PAGE}
    hits: dict[tuple[str, str], list[bytes]] = {}
    for _ in range(chance.choice((5, 40, 150, 400))):
        who = chance.choice(networks)
        values = {dimension: chance.choice(names[dimension]) for dimension in OF_A_PAGE}
        for each in (values | {dimensions.REGION: whose[who]}).items():
            hits.setdefault(each, []).append(who)
    for dimension in (dimensions.EXEMPT_REGION, dimensions.LINK, dimensions.OPEN):
        for _ in range(chance.choice((0, 5, 60))):
            value = chance.choice(("DE", "FR", "US", "CA"))
            hits.setdefault((dimension, value), []).append(chance.choice(networks))
    leaves_out = chance.random() < 0.5
    for _ in range(chance.choice((0, 30, 200))):
        who = chance.choice(networks)
        for purpose in ("p", "q", "r"):
            said = chance.choice(("yes", "yes", "no", "back", "left out" if leaves_out else "no"))
            if said != "left out":
                hits.setdefault((answer(purpose), ACCEPTED if said == "yes" else REFUSED), []).append(who)
            if said in ("no", "back"):
                hits.setdefault((REFUSAL if said == "no" else WITHDRAWAL, purpose), []).append(who)
    if chance.random() < 0.3:  # one who comes a thousand times
        hits.setdefault((dimensions.OPEN_PROXY, "spring"), []).extend([networks[0]] * 1_000)
    cells: dict[str, list[Cell]] = {}
    for (dimension, value), seen in hits.items():
        cells.setdefault(dimension, []).append(Cell(value, len(seen), min(10, len(set(seen)))))
    return cells


def _equations(day: Mapping[str, Sequence[Cell]], read: Mapping[str, Day]) -> Iterator[Equation]:
    """What the tables say, told which values fold into which row, and how dimensions hang together."""
    group: Callable[[str], str | None] = closing._GROUPS[dimensions.REGION]
    for dimension, table in read.items():
        labels = {row.label: row for row in table.rows}
        members: dict[str, dict[Hashable, int]] = {label: {} for label in labels}
        for cell in day[dimension]:
            folds = group(cell.value) if dimension in closing._GROUPS else None
            label = next((one for one in (cell.value, folds, "other") if one in labels), None)
            if label is not None:
                members[label][dimension, cell.value] = 1
        yield from ((members[label], row.count) for label, row in labels.items())
    pages = [name for name in OF_A_PAGE if name in day]
    for one, other in itertools.pairwise(pages):
        same: dict[Hashable, int] = {(one, cell.value): 1 for cell in day[one]}
        yield {**same, **{(other, cell.value): -1 for cell in day[other]}}, 0
    for purpose in ("p", "q", "r"):
        parts = [
            (name, cell.value) for name in (REFUSAL, WITHDRAWAL) for cell in day.get(name, ()) if cell.value == purpose
        ]
        if parts:
            yield {(answer(purpose), REFUSED): 1, **dict.fromkeys(parts, -1)}, 0


def _equal_answers(day: Mapping[str, Sequence[Cell]]) -> Iterator[Equation]:
    """Where no answer left a purpose out."""
    asked = [answer(purpose) for purpose in ("p", "q", "r") if answer(purpose) in day]
    totals = {sum(cell.count for cell in day[name]) for name in asked}
    if len(totals) == 1:
        for one, other in itertools.pairwise(asked):
            same: dict[Hashable, int] = {(one, cell.value): 1 for cell in day[one]}
            yield {**same, **{(other, cell.value): -1 for cell in day[other]}}, 0


def _recovered(day: Mapping[str, Sequence[Cell]], read: Mapping[str, Day]) -> int:
    known = _pinned([*_equations(day, read), *_equal_answers(day)])
    cells = {(dimension, cell.value): cell for dimension, each in day.items() for cell in each}
    found = [cells[name] for name in known if min(cells[name].contributors, cells[name].count) < 10]  # type: ignore[index]
    return len(found)


def _weaker(raw: closing.Raw, _: closing.Order) -> closing.Published:
    """Hides what is below k, and shows the rest of the total."""
    found = {}
    for dimension, cells in raw.items():
        rows = [Row(cell.value, Kind.VALUE, cell.count) for cell in cells if cell.contributors >= 10]
        rest = sum(cell.count for cell in cells) - sum(row.count for row in rows)
        found[dimension] = Day(10, [*rows, Row("other", Kind.OTHER, rest)])
    return found


def _published(
    counts: Counts, days: Mapping[date, Mapping[str, Sequence[Cell]]], judge: closing.Judge
) -> Mapping[date, Mapping[str, Day]]:
    """All tables of all days, as anybody may read them."""
    counts.add(
        {
            (on, dimension, cell.value): Tallied(cell.count, cell.contributors)
            for on, day in days.items()
            for dimension, cells in day.items()
            for cell in cells
        }
    )
    counts.close(judge, now=closes_at(max(days)))
    read: dict[date, dict[str, Day]] = {on: {} for on in days}
    for dimension, table in counts.days(since=min(days), until=max(days)).items():
        for on, day in table.days.items():
            read[on][dimension] = day
    return read


def test_an_attacker_who_reads_every_table_recovers_nothing_below_k(ledger: Ledger) -> None:
    """All dimensions of a day at once, through the store, with what they have in common."""
    _attack(ledger, 40)


@pytest.mark.slow
def test_an_attacker_who_reads_every_table_of_two_thousand_days(tmp_path: Path, report: Callable[[str], None]) -> None:
    with opened(f"sqlite:///{tmp_path / 'records.sqlite3'}", SITE) as ledger:
        rows, told = _attack(ledger, 2_000)
    report(f"2,000 days in all dimensions: {rows:,} rows published, 0 below k recovered; a weaker rule: {told} in 40")


def _attack(ledger: Ledger, number: int) -> tuple[int, int]:
    """How many rows were published, and how much of forty days a weaker rule tells."""
    chance = random.Random(number)
    days = {DAY + timedelta(days=n): _random_day(chance) for n in range(number)}
    read = _published(Counts(ledger.database, SITE), days, _JUDGE)
    assert sum(_recovered(day, read[on]) for on, day in days.items()) == 0
    shown = sum(len(day) for day in read.values())
    rows = sum(len(day.rows) for each in read.values() for day in each.values())
    assert shown > 2 * number
    naive = _published(Counts(ledger.database, "naive"), dict(itertools.islice(days.items(), 40)), _weaker)
    told = sum(_recovered(days[on], naive[on]) for on in naive)
    assert told > 20
    return rows, told
