"""What is erased is nowhere any more, what is purged stood no more, and everything else can still be proved."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from consent import Duration, Method
from consent.ledger import (
    Entry,
    Erased,
    Eraser,
    Event,
    Record,
    Revocation,
    Sealed,
    Sequencer,
    Store,
    Surface,
    snapshot,
    tables,
)
from consent.ledger.export.selection import Selection
from consent.ledger.moments import moment
from consent.ledger.shipper import Shipper
from consent.ledger.spool import Spool
from consent.proof import merkle
from consent.proof.leaf import ErasureLeaf, PurgeLeaf, hash_of
from tests.databases import Server, database
from tests.entries import NOW, SITE, entry
from tests.ledgers import Ledger, notice, opened, traces

WHO = bytes.fromhex("c0ffee00c0ffee11c0ffee22c0ffee33")
OTHER = b"o" * 16
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EVER = datetime(9000, 1, 1, tzinfo=UTC)
GONE = Erased(records=0, withdrew=False)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """An empty ledger, on each engine."""
    with opened(database_url, timeout=20.0) as made:
        yield made


@pytest.fixture
def shared(postgres: Server) -> Iterator[Ledger]:
    """An empty ledger on PostgreSQL."""
    with database(postgres.url) as url, opened(url, timeout=20.0) as made:
        yield made


def fill(ledger: Ledger) -> list[Entry]:
    """Some records of others, with words; those of the subject among them: sequenced, sequenced later, and waiting."""
    ledger.publish(1, notice())
    mine = [entry(number, subject=WHO) for number in (10, 20, 30)]
    for number, one in zip((1, 2, 3), mine, strict=True):
        ledger.store.append_many([entry(number), one, entry(100 + number, subject=OTHER)], now=NOW)
        if number < 3:
            ledger.sequencer.seal_all(NOW)
    return mine


def private(*entries: Entry) -> list[bytes]:
    """What must be nowhere: of each, subject, ids, salt and the form's key in every spelling, and a part of its body."""
    found: list[bytes] = []
    for one in entries:
        record, number = one.record, one.record.record_id
        subject = record.subject.hex() if record.subject else str(number)
        times = record.recorded_at.isoformat(timespec="milliseconds")
        written = [subject, str(number), number.hex, one.salt.hex(), times, one.submission.request]
        found += [*map(str.encode, written), number.bytes, one.salt]
    return found


def everything(ledger: Ledger) -> bytes:
    """All that stands in any table, without the revocations, which have to name the subject."""
    found: list[bytes] = []
    with ledger.database.read() as connection:
        for table in tables.metadata.sorted_tables:
            if table is tables.revocation:
                continue
            for row in connection.execute(sa.select(table)):
                found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    return b"\n".join(found)


def records(ledger: Ledger) -> list[Record]:
    """All records, the tables looked through on the way."""
    ledger.check()
    return list(ledger.store.records())


def remembered(ledger: Ledger) -> dict[bytes, datetime]:
    """Until when each revocation is."""
    return {row["subject"]: moment(row["until"]) for row in ledger.rows(tables.revocation)}


# Erasing


def test_the_records_of_a_subject_go_and_the_log_says_so(ledger: Ledger) -> None:
    """Sequenced or not; a leaf for each, which names it. What is left is everybody else's, and a withdrawal."""
    mine = fill(ledger)
    others = [one for one in ledger.store.records() if one.subject != WHO]
    assert ledger.eraser.erase_subject(WHO, now=NOW) == Erased(records=3, withdrew=True)
    assert ledger.store.records_of(WHO) == []
    left = records(ledger)
    withdrawal = next(one for one in left if one.event is Event.WITHDRAWN)
    assert {one.record_id for one in left} == {one.record_id for one in [*others, withdrawal]}
    closed = [row["position"] for row in ledger.rows(tables.leaf) if not row["record_id"]]
    named = [leaf.index for leaf in ledger.log if isinstance(leaf, ErasureLeaf)]
    assert len(named) == len(mine)
    assert {ledger.kinds[index] for index in named} == {"record"}
    assert set(named) < set(closed)
    assert ledger.kinds[-4:] == ["record", "erasure", "erasure", "erasure"]
    assert ledger.checkpoint.size == len(ledger.log), "signed at once"


def test_what_was_erased_is_in_no_table_and_no_file(ledger: Ledger) -> None:
    """Neither in the database nor, with SQLite, in the bytes of its files; and in the end not even the revocation."""
    mine = fill(ledger)
    needles = private(*mine)
    before = everything(ledger)
    assert all(needle in before for needle in (WHO.hex().encode(), mine[2].salt, mine[2].submission.request.encode()))
    if not ledger.database.is_postgresql:
        assert traces(ledger.database.path, mine[0].salt, WHO)
    assert not ledger.eraser.erase_subject(WHO, now=NOW).traces
    after = everything(ledger)
    assert [needle for needle in [WHO, *needles] if needle in after] == []
    if not ledger.database.is_postgresql:
        assert traces(ledger.database.path, *needles) == []
        ledger.eraser.sweep(now=mine[2].record.valid_until + 31 * DAY)
        assert traces(ledger.database.path, WHO, *needles) == []


def test_the_withdrawal_that_is_left_is_nobodys(ledger: Ledger) -> None:
    """It has the hour and no more, whatever time zone is meant; it takes everything back, and ends within a day."""
    one = entry(1, subject=WHO, purposes={"statistics": True, "social": False}, jurisdiction="DE", browser="Firefox")
    ledger.store.append(one, now=NOW)
    then = datetime(2026, 3, 4, 1, 45, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    ledger.eraser.erase_subject(WHO, now=then)
    (left,) = records(ledger)
    hour = datetime(2026, 3, 3, 20, tzinfo=UTC)
    assert left == Record(
        record_id=left.record_id,
        site=SITE,
        subject=None,
        event=Event.WITHDRAWN,
        purposes={"statistics": False, "social": False},
        services=(),
        duration=Duration.SESSION,
        valid_until=hour + DAY,
        revision=one.record.revision,
        policy_hash=one.record.policy_hash,
        notice=None,
        language=None,
        method=Method.WITHDRAW,
        surface=Surface.API,
        gpc=False,
        gpc_conflict=False,
        gpc_overridden=False,
        sdk_version="0",
    )
    assert left.recorded_at == hour
    assert [leaf.day for leaf in ledger.log] == ["2026-03-03"] * 3


@pytest.mark.parametrize(
    "changes",
    [
        {"valid_until": NOW.replace(microsecond=0) + HOUR},
        {"purposes": {"statistics": False}, "services": (), "event": Event.WITHDRAWN},
    ],
)
def test_who_grants_nothing_any_more_withdraws_nothing(ledger: Ledger, changes: dict[str, Any]) -> None:
    """What ended, and what was taken back already, after a grant that still stood."""
    ledger.append(1, subject=WHO)
    ledger.append(2, subject=WHO, **changes)
    assert ledger.eraser.erase_subject(WHO, now=NOW + 2 * HOUR) == Erased(records=2, withdrew=False)
    assert records(ledger) == []
    assert ledger.kinds == ["record", "record", "erasure", "erasure"]


def test_a_frame_opened_once_does_not_hide_the_grant_before_it(ledger: Ledger) -> None:
    """It decided nothing."""
    ledger.append(1, subject=WHO)
    ledger.append(2, subject=WHO, method=Method.ONCE, purposes={}, services=("youtube",), valid_until=NOW + HOUR)
    assert ledger.eraser.erase_subject(WHO, now=NOW + 2 * HOUR) == Erased(records=2, withdrew=True)
    assert [one.purposes for one in records(ledger)] == [{"statistics": False, "social": False}]


def test_receipts_of_who_was_erased_are_void_for_good(ledger: Ledger) -> None:
    """Until long after the last of them ends."""
    mine = fill(ledger)
    ledger.eraser.erase_subject(WHO, now=NOW)
    (row,) = ledger.rows(tables.revocation)
    last = max(one.record.valid_until for one in mine)
    assert (row["subject"], moment(row["not_before"]), row["erased"]) == (WHO, EVER, True)
    assert (moment(row["until"]), moment(row["added_at"])) == (last + 30 * DAY, NOW)


def test_receipts_that_nobody_knows_are_void_for_good_too(ledger: Ledger) -> None:
    """For as long as one may last, if that is longer than all that is known of; also where nothing is known."""
    last = max(one.record.valid_until for one in fill(ledger))
    for subject, longest, until in (
        (WHO, NOW + 400 * DAY, NOW + 400 * DAY),
        (OTHER, NOW + 10 * DAY, last),
        (b"n" * 16, NOW + 400 * DAY, NOW + 400 * DAY),
    ):
        ledger.eraser.erase_subject(subject, now=NOW, receipts_end=longest)
        assert remembered(ledger)[subject] == until + 30 * DAY
    ledger.eraser.erase_subject(WHO, now=NOW)
    assert remembered(ledger)[WHO] == NOW + 430 * DAY, "what is remembered once is not forgotten sooner"


def test_erasing_twice_is_erasing_once(ledger: Ledger) -> None:
    """Nothing is added the second time; nor for somebody of whom nothing is there, whose receipts are void all the same."""
    fill(ledger)
    ledger.eraser.erase_subject(WHO, now=NOW)
    before = [ledger.rows(table) for table in (tables.record, tables.leaf, tables.revocation, tables.checkpoint)]
    assert ledger.eraser.erase_subject(WHO, now=NOW) == GONE
    assert [
        ledger.rows(table) for table in (tables.record, tables.leaf, tables.revocation, tables.checkpoint)
    ] == before
    nobody = b"n" * 16
    assert ledger.eraser.erase_subject(nobody, now=NOW) == GONE
    assert remembered(ledger)[nobody] == NOW + 30 * DAY
    assert len(ledger.log) == len(before[1])


def test_erasing_in_a_log_that_was_never_begun(ledger: Ledger) -> None:
    """What waits is sequenced to be erased; without a record there is an empty log."""
    assert ledger.eraser.erase_subject(OTHER, now=NOW) == GONE
    assert ledger.checkpoint.size == 0
    ledger.append(1, subject=WHO)
    ledger.append(2)
    ledger.eraser.erase_subject(WHO, now=NOW)
    assert ledger.kinds == ["record", "record", "erasure"]
    assert len(ledger.rows(tables.pending)) == 1
    ledger.check()


def test_another_site_keeps_its_records(ledger: Ledger) -> None:
    """Of the same subject, in the same database."""
    other = Ledger(ledger.url, "other")
    for one in (ledger, other):
        one.append(1 if one is other else 2, subject=WHO)
        one.sequencer.seal_all(NOW)
    ledger.eraser.erase_subject(WHO, now=NOW)
    ledger.eraser.purge((NOW + 400 * DAY).date(), now=NOW + 399 * DAY)
    ledger.eraser.sweep(now=NOW + 400 * DAY)
    assert len(records(other)) == 1
    assert other.kinds == ["record"]
    assert remembered(other) == {}
    other.database.close()


def test_very_many_records_of_one_subject(ledger: Ledger) -> None:
    """More than go in one statement."""
    count = 2100
    ledger.store.append_many([entry(number, subject=OTHER) for number in range(3)], now=NOW)
    batch = [replace(entry(10 + number, subject=WHO), first=True) for number in range(count)]
    ledger.store.append_many(batch, now=NOW)
    ledger.sequencer.seal_all(NOW)
    assert ledger.eraser.erase_subject(WHO, now=NOW) == Erased(records=count, withdrew=True)
    assert len(ledger.log) == 3 + 2 * count + 1
    assert len(list(ledger.store.records())) == 4


def test_everything_else_can_still_be_proved(ledger: Ledger) -> None:
    """By the whole export, against every earlier checkpoint; by a selection; and entry by entry."""
    fill(ledger)
    ledger.sequencer.seal_all(NOW)
    before = ledger.note
    ledger.eraser.erase_subject(WHO, now=NOW)
    report = ledger.verify(before)
    assert (report.reasons, report.anchors) == ((), (11,))
    assert report.counts
    assert (report.counts.records, report.counts.erased, report.counts.unsequenced) == (7, 3, 0)
    selection = Selection(subject=OTHER)
    part = ledger.verify(before, selection=selection, sizes=(11,))
    assert (part.reasons, part.is_partial, part.anchors) == ((), True, (11,))
    with snapshot(ledger.database, SITE) as seen:
        for one in seen.entries():
            proof = merkle.inclusion_proof(one.index, seen.size, seen.subtree)
            merkle.verify_inclusion(one.index, seen.size, hash_of(one.public), proof, seen.checkpoint.root)


# What comes in late


def test_a_record_that_comes_in_late_is_swept(ledger: Ledger) -> None:
    """From a spool, or sent once more; the log says so as well, and other revocations do nothing."""
    mine = fill(ledger)
    ledger.eraser.erase_subject(WHO, now=NOW)
    ends = Revocation(subject=OTHER, not_before=EVER, until=EVER)
    ledger.store.append(replace(entry(50, subject=OTHER), revokes=ends), now=NOW)
    late = [mine[0], entry(40, at=NOW - DAY, subject=WHO)]
    ledger.store.append_many(late, now=NOW, acknowledged=True)
    assert len(ledger.store.records_of(WHO)) == 2
    assert ledger.eraser.sweep(now=NOW) == 2
    assert ledger.store.records_of(WHO) == []
    assert len(ledger.store.records_of(OTHER)) == 4
    assert ledger.eraser.sweep(now=NOW) == 0
    after = everything(ledger)
    assert [needle for needle in private(*late) if needle in after] == []
    ledger.check()
    ledger.sequencer.seal_all(NOW)
    assert ledger.verify().reasons == ()


def test_what_a_late_record_grants_is_not_withdrawn_again(ledger: Ledger) -> None:
    """Neither by the sweep nor by a second erasure: its receipts are void since the first."""
    fill(ledger)
    assert ledger.eraser.erase_subject(WHO, now=NOW).withdrew
    ledger.store.append_many([entry(40, subject=WHO)], now=NOW, acknowledged=True)
    assert ledger.eraser.sweep(now=NOW) == 1
    ledger.store.append_many([entry(41, subject=WHO)], now=NOW, acknowledged=True)
    assert ledger.eraser.erase_subject(WHO, now=NOW) == Erased(records=1, withdrew=False)
    assert [one.event for one in records(ledger)].count(Event.WITHDRAWN) == 1
    assert ledger.kinds[-4:] == ["record", "erasure"] * 2
    assert ledger.verify().reasons == ()


# What waits on this host


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """An empty spool."""
    made = Spool(tmp_path / "spool" / "spool.sqlite3")
    yield made
    made.close()


def with_spool(ledger: Ledger, spool: Spool) -> Eraser:
    """The eraser of a host whose spool this is."""
    return Eraser(ledger.store, ledger.sequencer, entropy=random.Random(0).randbytes, spool=spool)


def put_all(spool: Spool) -> tuple[list[Entry], list[Entry]]:
    """Entries of the subject, two that wait and two that were set aside; and likewise of another."""
    mine, others = ([entry(base + n, subject=who) for n in range(4)] for base, who in ((200, WHO), (300, OTHER)))
    for one in (*mine, *others):
        spool.put(one)
    for one in (*mine[2:], *others[2:]):
        spool.set_aside(one.record, "Test")
    return mine, others


def test_nothing_of_the_subject_is_left_in_the_spool(ledger: Ledger, spool: Spool) -> None:
    """What waits comes into the log first, which says that it went; what the store would not have is deleted."""
    fill(ledger)
    mine, others = put_all(spool)
    spool.put(replace(entry(204, subject=WHO), salt=b"short"))
    eraser = with_spool(ledger, spool)
    assert eraser.erase_subject(WHO, now=NOW) == Erased(records=5, withdrew=True, spooled=3)
    assert ledger.kinds.count("erasure") == 5
    assert traces(spool.path, *private(*mine)) == []
    assert spool.batch(10) == others[:2]
    assert spool.subjects_set_aside(site=SITE) == {OTHER}
    assert eraser.erase_subject(WHO, now=NOW) == GONE
    records(ledger)


def test_what_is_in_the_spool_alone_is_erased(ledger: Ledger, spool: Spool) -> None:
    """A grant that still stands is withdrawn, although the store has never seen it."""
    mine, _ = put_all(spool)
    done = with_spool(ledger, spool).erase_subject(WHO, now=NOW)
    assert done == Erased(records=2, withdrew=True, spooled=2)
    assert traces(spool.path, *private(*mine)) == []
    assert ledger.kinds == ["record", "record", "record", "erasure", "erasure"]


def test_other_hosts_sweep_what_they_set_aside(ledger: Ledger, spool: Spool) -> None:
    """Of subjects that were erased anywhere, and what waits of them; not of those that only took back."""
    mine, others = put_all(spool)
    ends = Revocation(subject=OTHER, not_before=EVER, until=EVER)
    ledger.store.append(replace(entry(1, subject=OTHER), revokes=ends), now=NOW)
    ledger.eraser.erase_subject(WHO, now=NOW)
    assert with_spool(ledger, spool).sweep(now=NOW) == 2
    assert traces(spool.path, *private(*mine)) == []
    assert ledger.store.records_of(WHO) == []
    assert spool.batch(10) == others[:2]
    assert spool.subjects_set_aside(site=SITE) == {OTHER}
    assert with_spool(ledger, spool).sweep(now=NOW) == 0


def test_who_reads_the_spool_meanwhile_delays_the_end_of_traces(ledger: Ledger, spool: Spool) -> None:
    """What was deleted is counted and the caller is told of its traces; the next sweep clears them, without waiting."""
    mine, _ = put_all(spool)
    eraser = with_spool(ledger, spool)
    other = sqlite3.connect(spool.path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM entry").fetchone()
    done = eraser.erase_subject(WHO, now=NOW)
    assert done == Erased(records=2, withdrew=True, spooled=2, traces=True)
    assert traces(spool.path, *private(*mine))
    begin = time.monotonic()
    assert eraser.sweep(now=NOW) == 0
    assert time.monotonic() - begin < 0.5, "it does not wait"
    other.execute("ROLLBACK")
    other.close()
    assert eraser.sweep(now=NOW) == 0
    assert traces(spool.path, *private(*mine)) == []


def test_a_spool_that_cannot_be_written_holds_up_no_erasure(ledger: Ledger, spool: Spool) -> None:
    """What was done is done, and the caller is told of the rest; the sweep sees to that later."""
    fill(ledger)
    mine, _ = put_all(spool)
    eraser = with_spool(ledger, spool)
    other = sqlite3.connect(spool.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    done = eraser.erase_subject(WHO, now=NOW)
    assert done == Erased(records=5, withdrew=True, traces=True)
    assert ledger.store.records_of(WHO) == []
    assert traces(spool.path, mine[2].record.record_id.hex.encode())
    other.execute("ROLLBACK")
    other.close()
    Shipper(spool, ledger.store, clock=lambda: NOW).ship()
    assert eraser.sweep(now=NOW) == 2
    assert traces(spool.path, *private(*mine)) == []
    assert ledger.store.records_of(WHO) == []


def test_a_record_that_commits_while_its_subject_is_erased_is_swept(shared: Ledger) -> None:
    """Its transaction began before, and ends after; the erasure does not see it, and does not wait for it."""
    fill(shared)
    late = entry(60, subject=WHO)
    with shared.database.write() as connection:
        shared.store._append(connection, [late], NOW, acknowledged=False)
        assert shared.eraser.erase_subject(WHO, now=NOW).records == 3
    assert [one.record_id for one, _ in shared.store.records_of(WHO)] == [late.record.record_id]
    shared.check()
    assert shared.eraser.sweep(now=NOW) == 1
    assert shared.store.records_of(WHO) == []
    shared.check()


def test_erasing_while_others_write_and_sequence(ledger: Ledger) -> None:
    """Somebody answers as fast as they can, somebody sequences, and the subject is erased all the time."""
    over, failed = threading.Event(), list[BaseException]()
    kept: list[int] = []

    def work(act: Any) -> None:
        try:
            while not over.is_set():
                act()
                time.sleep(0.002)
        except BaseException as error:  # noqa: BLE001  # shown below
            failed.append(error)

    def answer() -> None:
        kept.append(len(kept))
        who = WHO if len(kept) % 3 else OTHER
        ledger.append(len(kept), subject=who)

    acts = [
        answer,
        lambda: ledger.sequencer.seal(NOW, wait=False),
        lambda: ledger.eraser.erase_subject(WHO, now=NOW),
        lambda: ledger.eraser.sweep(now=NOW),
    ]
    threads = [threading.Thread(target=work, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 60
    while len(kept) < 40 and not failed and time.monotonic() < end:
        time.sleep(0.01)
    over.set()
    for thread in threads:
        thread.join(timeout=60)
    assert failed == []
    ledger.eraser.sweep(now=NOW)
    ledger.sequencer.seal_all(NOW)
    assert len(kept) >= 40
    assert ledger.store.records_of(WHO) == []
    assert len(ledger.store.records_of(OTHER)) == sum(1 for number in kept if (number + 1) % 3 == 0)
    ledger.check()
    assert ledger.verify().reasons == ()


def test_a_revocation_is_forgotten_when_it_can_matter_no_more(ledger: Ledger) -> None:
    """Each in its time; a withdrawal's likewise."""
    first = ledger.append(1, subject=WHO)
    ends = Revocation(subject=OTHER, not_before=NOW, until=NOW + DAY)
    ledger.store.append(replace(entry(2, subject=OTHER), revokes=ends), now=NOW)
    ledger.eraser.erase_subject(WHO, now=NOW)
    until = first.valid_until + 30 * DAY
    for now, left in ((NOW + DAY, {WHO, OTHER}), (NOW + 2 * DAY, {WHO}), (until, {WHO}), (until + DAY, set())):
        ledger.eraser.sweep(now=now)
        assert remembered(ledger).keys() == left


def test_sweeping_an_empty_ledger(ledger: Ledger) -> None:
    """Nothing to do."""
    assert ledger.eraser.sweep(now=NOW) == 0
    assert ledger.eraser.purge(NOW.date(), now=NOW) == 0
    assert ledger.log == []


def test_who_reads_meanwhile_delays_the_end_of_traces(tmp_path: Path) -> None:
    """SQLite's log cannot be cleared then: the caller is told, nothing fails, and the next sweep sees to it."""
    with opened(f"sqlite:///{tmp_path}/records.sqlite3", timeout=0.2) as ledger:
        mine = fill(ledger)
        needles = private(*mine)
        with Ledger(ledger.url).database.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(tables.record)) == 9
            assert ledger.eraser.erase_subject(WHO, now=NOW) == Erased(records=3, withdrew=True, traces=True)
            assert traces(ledger.database.path, *needles)
            begin = time.monotonic()
            assert ledger.eraser.sweep(now=NOW) == 0
            assert time.monotonic() - begin < 0.2, "it does not wait"
        other = Ledger(ledger.url)  # of another process
        assert other.eraser.sweep(now=NOW) == 0
        assert traces(ledger.database.path, *needles) == []
        other.database.close()


# Purging


def test_a_purge_takes_what_is_old_and_stands_no_more(ledger: Ledger) -> None:
    """Not what still stands, however old; not what is from that day or later; and what waits comes into the log first."""
    ended = NOW.replace(microsecond=0) + HOUR
    midnight = datetime(2026, 3, 4, tzinfo=UTC)
    old = [entry(1, valid_until=ended), entry(2, subject=WHO, valid_until=ended)]
    stands = entry(3, valid_until=NOW.replace(microsecond=0) + 200 * DAY)
    late = entry(4, at=midnight, valid_until=midnight + HOUR)
    just = entry(5, at=midnight - timedelta(milliseconds=1), valid_until=midnight + HOUR)
    ledger.store.append_many([*old, stands, late], now=NOW)
    ledger.sequencer.seal_all(NOW)
    before = ledger.note
    ledger.store.append(just, now=NOW)
    west = timezone(timedelta(hours=-9))
    assert ledger.eraser.purge(midnight.date(), now=(midnight + 2 * HOUR).astimezone(west)) == 3
    assert {one.record_id for one in records(ledger)} == {stands.record.record_id, late.record.record_id}
    assert ledger.log[-1] == PurgeLeaf(before="2026-03-04", count=3, day="2026-03-04")
    report = ledger.verify(before)
    assert (report.reasons, report.anchors) == ((), (4,))
    assert report.counts
    assert (report.counts.records, report.counts.purged) == (2, 3)
    after = everything(ledger)
    assert [needle for needle in private(*old, just) if needle in after] == []
    if not ledger.database.is_postgresql:
        assert traces(ledger.database.path, WHO, *private(*old, just)) == []


def test_purging_again_takes_nothing_and_says_nothing(ledger: Ledger) -> None:
    """The log grows only when something goes."""
    ledger.append(1, valid_until=NOW)
    assert ledger.eraser.purge((NOW + DAY).date(), now=NOW + DAY) == 1
    size = len(ledger.log)
    assert ledger.eraser.purge((NOW + DAY).date(), now=NOW + DAY) == 0
    assert ledger.eraser.purge(datetime(1999, 1, 1, tzinfo=UTC).date(), now=NOW + DAY) == 0
    assert len(ledger.log) == size
    ledger.check()


def test_what_ends_this_very_moment_stands_no_more(ledger: Ledger) -> None:
    """The end is exclusive, as everywhere."""
    end = NOW.replace(microsecond=0) + HOUR
    ledger.append(1, valid_until=end)
    assert ledger.eraser.purge((NOW + DAY).date(), now=end - timedelta(milliseconds=1)) == 0
    assert ledger.eraser.purge((NOW + DAY).date(), now=end) == 1


def test_a_purge_ends_while_answers_of_long_ago_keep_coming(shared: Ledger) -> None:
    """One that commits between its steps waits for the next; its place in the log is not lost."""
    shared.append(1, valid_until=NOW)
    late = entry(2, valid_until=NOW.replace(microsecond=0))
    with shared.database.write() as connection:
        shared.store._append(connection, [late], NOW, acknowledged=False)
        assert shared.eraser.purge((NOW + DAY).date(), now=NOW + DAY) == 1
    shared.check()
    assert len(shared.rows(tables.pending)) == 1
    assert shared.eraser.purge((NOW + DAY).date(), now=NOW + DAY) == 1
    shared.check()
    report = shared.verify()
    assert report.counts
    assert (report.reasons, report.counts.purged) == ((), 2)


def test_a_purge_takes_nothing_that_has_no_place_in_the_log(ledger: Ledger) -> None:
    """What comes in between its two transactions, the sequencing and the deleting, is there for the next."""
    late = entry(2, valid_until=NOW.replace(microsecond=0))

    class Slow(Sequencer):
        """Lets somebody's spool come in when all is sequenced."""

        def seal_all(self, now: datetime) -> Sealed:
            done = super().seal_all(now)
            ledger.store.append_many([late], now=now, acknowledged=True)
            return done

    slow = Slow(ledger.database, SITE, lambda: ledger.keys)
    ledger.append(1, valid_until=NOW)
    assert Eraser(ledger.store, slow, entropy=random.Random(0).randbytes).purge((NOW + DAY).date(), now=NOW + DAY) == 1
    assert records(ledger) == [late.record]
    assert ledger.eraser.purge((NOW + DAY).date(), now=NOW + DAY) == 1
    assert records(ledger) == []


def test_erasures_and_purges_in_one_log(ledger: Ledger) -> None:
    """In every order, and of records that both could take: each is counted once, and all adds up."""
    end = NOW.replace(microsecond=0)
    notes = []
    for number in range(4):
        base = 100 * number
        subject = bytes([number]) * 16
        at = NOW + number * DAY
        ledger.store.append_many(
            [
                entry(base + 1, at=at, subject=subject, valid_until=end + number * DAY + HOUR),
                entry(base + 2, at=at, subject=subject),
                entry(base + 3, at=at, valid_until=end + number * DAY + HOUR),
                entry(base + 4, at=at),
            ],
            now=at,
        )
        if number % 2:
            assert ledger.eraser.erase_subject(subject, now=at).records == 2
        assert ledger.eraser.purge((at + DAY).date(), now=at + DAY) in (1, 2, 3)
        notes.append(ledger.note)
        if not number % 2:
            assert ledger.eraser.erase_subject(subject, now=at + DAY).records == 1
            notes.append(ledger.note)
        ledger.check()
    report = ledger.verify(*notes)
    assert (report.reasons, len(report.anchors)) == ((), len(notes))
    assert report.counts
    said = [leaf for leaf in ledger.log if isinstance(leaf, PurgeLeaf)]
    assert report.counts.erased == sum(isinstance(leaf, ErasureLeaf) for leaf in ledger.log) == 6
    assert report.counts.purged == sum(leaf.count for leaf in said)
    assert report.counts.records + 6 + report.counts.purged == ledger.kinds.count("record")


def test_the_store_of_another_process_forgets_too(ledger: Ledger) -> None:
    """What one erased the other does not answer with; a form sent again is kept anew."""
    other = Store(ledger.database, SITE)
    one = entry(1, subject=WHO)
    assert other.append(one, now=NOW) == one.record
    ledger.eraser.erase_subject(WHO, now=NOW)
    again = replace(entry(2, subject=OTHER), submission=one.submission)
    assert other.append(again, now=NOW) == again.record
