"""How what waits comes into the log: every record once, without a gap, whoever sequences and however many at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from threading import Barrier
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa

from consent import ConfigError, StoreError
from consent.ledger import Database, Entry, Sealed, Sequencer, Store, snapshot, tables
from consent.ledger.head import Head, lock_head
from consent.proof import leaf as leaves
from consent.proof import merkle
from consent.proof.checkpoint import Checkpoint, read
from consent.proof.leaf import NoticeLeaf, RecordLeaf
from consent.proof.note import SigningKey
from tests.databases import Server, database
from tests.entries import NOW, SITE, entry, ids
from tests.ledgers import KEY, LATER_KEY, Ledger, at_once, notice, opened, signers

T = TypeVar("T")

WHO = b"s" * 16
MINUTE = timedelta(minutes=1)


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


def sequenced(ledger: Ledger) -> list[Any]:
    """The ids of the records in the log, in its order."""
    return [row["record_id"] for row in ledger.rows(tables.leaf) if row["record_id"]]


# What a batch does


def test_what_waits_gets_its_place_in_the_order_of_its_time(ledger: Ledger) -> None:
    """Batch by batch; every size is signed, and proved to continue the one before."""
    entries = [entry(number) for number in (5, 3, 1, 2, 4)]
    ledger.store.append_many(entries, now=NOW)
    notes = []
    for size in (2, 4, 5):
        done = ledger.sequencer.seal(NOW, at_most=2)
        assert done == Sealed(size=size, added=2 if size < 5 else 1, signed=True)
        signed = read(ledger.note, [KEY.public])
        assert (signed.origin, signed.size) == (SITE, size)
        notes.append(ledger.note)
        ledger.check()
    assert ledger.sequencer.seal(NOW) == Sealed(size=5, added=0)
    assert sequenced(ledger) == [
        one.record.record_id for one in sorted(entries, key=lambda one: one.record.recorded_at)
    ]
    assert ledger.verify(*notes).anchors == (2, 4, 5)


def test_a_leaf_shows_a_commitment_and_a_day(ledger: Ledger) -> None:
    """Of the record's own time, in UTC, whenever and wherever it is sequenced."""
    elsewhere = timezone(timedelta(hours=14))
    late = datetime(2026, 3, 3, 23, 59, 59, 999000, tzinfo=UTC)
    one = entry(1, at=late)
    ledger.store.append(one, now=late)
    ledger.publish(1, now=late)
    ledger.sequencer.seal_all(late.astimezone(elsewhere))
    edition, record = ledger.log
    assert (edition.day, record.day) == ("2026-03-03", "2026-03-03")
    assert isinstance(record, RecordLeaf)
    public = ledger.rows(tables.leaf)[1]["public"]
    assert set(public) & set(one.record.record_id.hex) <= set("0123456789abcdef")
    assert one.record.record_id.hex not in public
    assert str(one.record.record_id) not in public


def test_words_come_before_the_records_that_refer_to_them(ledger: Ledger) -> None:
    """Editions by time, then notices, then records; each once."""
    for number in (1, 2):
        words = notice(number)
        ledger.store.append(replace(entry(number, notice=words.digest, language="en"), notice=words), now=NOW)
        ledger.publish(number, notice(3))
    assert ledger.sequencer.seal(NOW, at_most=1) == Sealed(size=6, added=6, signed=True)
    assert ledger.kinds == ["edition", "edition", "notice", "notice", "notice", "record"]
    assert ledger.sequencer.seal_all(NOW).size == 7
    assert {leaf.digest for leaf in ledger.log if isinstance(leaf, NoticeLeaf)} == {notice(n).digest for n in (1, 2, 3)}
    assert [row["position"] for row in ledger.rows(tables.edition)] == [0, 1]
    ledger.check()
    assert ledger.verify().reasons == ()


def test_more_than_a_batch(ledger: Ledger) -> None:
    """All that waits, in as few transactions as it takes."""
    entries = [entry(number) for number in range(4500)]
    ledger.store.append_many(entries, now=NOW)
    assert ledger.sequencer.seal_all(NOW) == Sealed(size=4500, added=4500, signed=True)
    ledger.check()
    assert set(sequenced(ledger)) == ids(entries)


def test_sequencing_all_ends_while_answers_keep_coming(ledger: Ledger) -> None:
    """It takes what was there, and does not run after what comes in meanwhile."""

    class Busy(Sequencer):
        """While each batch is sequenced, another visitor answers."""

        batches = 0

        def seal(self, now: datetime, *, at_most: int = 2000, wait: bool = True) -> Sealed:
            done = super().seal(now, at_most=at_most, wait=wait)
            self.batches += 1
            assert self.batches < 10
            ledger.append(10_000 + self.batches)
            return done

    ledger.store.append_many([entry(number) for number in range(2100)], now=NOW)
    busy = Busy(ledger.database, SITE, lambda: ledger.keys)
    assert busy.seal_all(NOW).added == 2101
    assert ledger.sequencer.status().pending == 1


def test_a_large_tree_keeps_what_proofs_need(ledger: Ledger) -> None:
    """Subtrees of 256 and of 65,536 leaves, however the batches fall."""
    size = 0
    hashes: list[bytes] = []
    for count in (255, 1, 1, 511, 65_000, 40_000):
        publics = [leaves.record(number.to_bytes(32, "big"), "2026-03-03") for number in range(size, size + count)]
        with ledger.database.write() as connection:
            head = ledger.sequencer.lock(connection)
            assert isinstance(head, Head)
            assert head.add(publics, [None] * count) == size
            ledger.sequencer.finish(connection, head, NOW)
        size += count
        hashes += map(leaves.hash_of, publics)
        with snapshot(ledger.database, SITE) as seen:
            assert seen.checkpoint.root == merkle.Range.empty().extended(hashes).root
            assert merkle.root_of(size, seen.subtree) == seen.checkpoint.root
            for index in {0, 255 % size, size // 2, size - 1}:
                proof = merkle.inclusion_proof(index, size, seen.subtree)
                merkle.verify_inclusion(index, size, hashes[index], proof, seen.checkpoint.root)
            for old in {1, 256 % size, size // 3, size - 1} - {0}:
                proof = merkle.consistency_proof(old, size, seen.subtree)
                root = merkle.Range.empty().extended(hashes[:old]).root
                merkle.verify_consistency(old, root, size, seen.checkpoint.root, proof)
    assert len(ledger.rows(tables.node)) == size // 256 + size // 65_536


def test_each_site_has_its_own_log(ledger: Ledger) -> None:
    """One in the same database is neither read nor changed."""
    other = Ledger(ledger.url, "other")
    for one in (ledger, other):
        one.append(1 if one is other else 2)
        one.publish(1, notice())
    ledger.sequencer.seal_all(NOW)
    assert (other.rows(tables.leaf), other.rows(tables.checkpoint), other.rows(tables.head)[0]["size"]) == ([], [], 0)
    assert other.sequencer.due()
    assert not ledger.sequencer.due()
    other.sequencer.seal_all(NOW)
    before = [ledger.rows(table) for table in (tables.leaf, tables.head, tables.checkpoint)]
    other.append(3)
    other.sequencer.seal_all(NOW)
    assert [ledger.rows(table) for table in (tables.leaf, tables.head, tables.checkpoint)] == before
    ledger.check()
    other.check()
    assert read(other.note, [other.keys[0].public]).size == 4
    assert (ledger.verify().exit_code, other.verify().exit_code) == (0, 0)
    other.database.close()


# What is signed


def test_two_logs_of_one_database_have_two_names(ledger: Ledger) -> None:
    """Else an honest checkpoint of one would look like a rewrite of the other."""
    ledger.sequencer.seal_all(NOW)
    other = Sequencer(ledger.database, "other", ledger.sequencer._keys)
    with pytest.raises(ConfigError, match=f"is the log of {SITE} already"):
        other.seal_all(NOW)


def test_a_host_without_a_key_sequences_and_another_signs(ledger: Ledger) -> None:
    """Nothing is lost meanwhile; until then there is nothing to export, and it says why."""
    ledger.keys.clear()
    ledger.append(1)
    assert ledger.sequencer.seal(NOW) == Sealed(size=1, added=1)
    assert not ledger.sequencer.due(), "it cannot sign"
    with pytest.raises(StoreError, match=r"the log of example was never signed\. Run: flask consent seal"):
        ledger.export()
    assert ledger.sequencer.status().checkpoint is None
    ledger.keys.append(KEY)
    assert ledger.sequencer.due()
    assert ledger.sequencer.seal(NOW) == Sealed(size=1, added=0, signed=True)
    assert not ledger.sequencer.due()
    ledger.keys.clear()
    ledger.append(2)
    ledger.sequencer.seal(NOW)
    assert ledger.checkpoint.size == 1, "what is signed stays signed"
    ledger.keys.append(KEY)
    assert ledger.sequencer.due()
    assert ledger.verify().counts.unsequenced == 1  # type: ignore[union-attr]
    ledger.sequencer.seal(NOW)
    assert ledger.verify().reasons == ()


def test_an_empty_log_can_be_signed(ledger: Ledger) -> None:
    """Its checkpoint is one that everything later continues."""
    assert not ledger.sequencer.due()
    assert ledger.sequencer.seal(NOW) == Sealed(size=0, added=0, signed=True)
    empty = ledger.note
    assert read(empty, [KEY.public]) == Checkpoint(SITE, 0, merkle.EMPTY_ROOT)
    ledger.append(1)
    ledger.sequencer.seal(NOW)
    assert ledger.verify(empty).exit_code == 0


def test_keys_can_be_rotated(ledger: Ledger) -> None:
    """First both sign, then the new one alone, also where nothing was added; a host that is behind takes nothing away."""
    ledger.append(1)
    ledger.sequencer.seal(NOW)
    notes = [ledger.note]
    assert signers(notes[0], KEY) == {KEY.public.id}
    ledger.keys.append(LATER_KEY)
    assert ledger.sequencer.seal(NOW).signed
    assert signers(ledger.note, KEY, LATER_KEY) == {KEY.public.id, LATER_KEY.public.id}
    behind = Sequencer(ledger.database, SITE, lambda: [KEY])
    assert not behind.seal(NOW).signed
    assert signers(ledger.note, KEY, LATER_KEY) == {KEY.public.id, LATER_KEY.public.id}
    ledger.append(2)
    ledger.sequencer.seal(NOW)
    notes.append(ledger.note)
    assert ledger.verify(*notes).exit_code == 0
    ledger.keys.remove(KEY)
    ledger.append(3)
    ledger.sequencer.seal(NOW)
    assert signers(ledger.note, LATER_KEY) == {LATER_KEY.public.id}
    assert ledger.verify(notes[1]).exit_code == 0


def test_another_key_of_the_same_name_signs_anew(ledger: Ledger) -> None:
    """A key that was lost and replaced: its id differs, and that counts."""
    ledger.append(1)
    ledger.sequencer.seal(NOW)
    ledger.keys[:] = [LATER_KEY]
    assert ledger.sequencer.seal(NOW + MINUTE).signed
    assert signers(ledger.note, LATER_KEY) == {LATER_KEY.public.id}
    assert ledger.sequencer.status().signed_at == NOW + MINUTE
    assert not ledger.sequencer.seal(NOW).signed


def test_a_key_that_cannot_be_read_stops_nothing_half_way(ledger: Ledger) -> None:
    """The mistake comes out as it is, and everything waits where it was."""

    def keys() -> list[SigningKey]:
        raise ConfigError("the key is not to be read")

    ledger.append(1)
    with pytest.raises(ConfigError):
        Sequencer(ledger.database, SITE, keys).seal(NOW)
    ledger.check()
    assert ledger.rows(tables.leaf) == []
    assert ledger.sequencer.seal(NOW).added == 1


def test_only_the_newest_checkpoint_and_anchored_ones_stay(ledger: Ledger) -> None:
    """An anchored one that was replaced while it was being handed out can still be noted, if it is at hand."""
    notes = []
    for number in range(1, 5):
        ledger.append(number)
        ledger.sequencer.seal(NOW)
        notes.append(ledger.note)
        if number == 2:
            ledger.sequencer.mark_anchored(2, "git", NOW)
    assert [row["size"] for row in ledger.rows(tables.checkpoint)] == [2, 4]
    ledger.sequencer.mark_anchored(3, "mail", NOW + MINUTE, note=notes[2])
    with pytest.raises(StoreError, match=r"no checkpoint of 1 entries of example\. Anchor the newest one"):
        ledger.sequencer.mark_anchored(1, "mail", NOW)
    with snapshot(ledger.database, SITE) as seen:
        assert seen.anchored_sizes() == [2, 3]
    ledger.append(5)
    ledger.sequencer.seal(NOW)
    assert [(row["size"], row["anchored_to"]) for row in ledger.rows(tables.checkpoint)] == [
        (2, "git"),
        (3, "mail"),
        (5, None),
    ]
    status = ledger.sequencer.status()
    assert (status.anchored_size, status.anchored_at) == (3, NOW + MINUTE)
    ledger.check()


def test_a_checkpoint_that_the_log_lost_while_it_was_handed_out(ledger: Ledger) -> None:
    """A backup came back meanwhile: nothing is noted, also where the log has as many entries again, and it goes on."""
    for number in range(2):
        ledger.append(number)
        ledger.sequencer.seal(NOW)
    log = (tables.pending, tables.record, tables.leaf, tables.node, tables.head, tables.checkpoint)
    backup = {table: ledger.rows(table) for table in log}
    ledger.append(2)
    ledger.sequencer.seal(NOW)
    lost = ledger.note
    for table in reversed(log):
        put(ledger, table, [])
    for table in log:
        put(ledger, table, backup[table])
    with pytest.raises(StoreError, match=r"example does not hold that checkpoint any more: it is of 3 .* has 2\. Was"):
        ledger.sequencer.mark_anchored(3, "mail", NOW, note=lost)
    ledger.append(3)
    assert ledger.sequencer.seal(NOW).size == 3
    with pytest.raises(StoreError, match="any more: it is of 3 entries, and the first 3 of the log are others"):
        ledger.sequencer.mark_anchored(3, "mail", NOW, note=lost)
    assert [(row["size"], row["anchored_to"]) for row in ledger.rows(tables.checkpoint)] == [(3, None)]
    ledger.append(4)
    assert ledger.sequencer.seal(NOW).size == 4
    ledger.check()


def test_the_status_says_how_far_the_log_is(ledger: Ledger) -> None:
    """What waits and since when it came in, what is signed; of an empty log, nothing."""
    empty = ledger.sequencer.status()
    assert (empty.size, empty.pending, empty.waiting_since, empty.checkpoint, empty.checkpoint_size) == (
        0,
        0,
        None,
        None,
        0,
    )
    assert (empty.signed_at, empty.anchored_size, empty.anchored_at) == (None, None, None)
    for number in (1, 2):
        ledger.append(number, at=NOW - number * MINUTE, now=NOW + number * MINUTE)
    assert ledger.sequencer.status().waiting_since == NOW + MINUTE
    ledger.sequencer.seal(NOW + 9 * MINUTE, at_most=1)
    status = ledger.sequencer.status()
    assert (status.size, status.pending, status.waiting_since) == (1, 1, NOW + MINUTE)
    assert (status.checkpoint, status.checkpoint_size, status.signed_at) == (ledger.note, 1, NOW + 9 * MINUTE)


def test_what_is_due(ledger: Ledger) -> None:
    """Records and words that wait; a look takes no lock."""
    assert not ledger.sequencer.due()
    for act in (
        lambda: ledger.append(1),
        lambda: ledger.store.append(replace(entry(2), notice=notice()), now=NOW),
        lambda: ledger.publish(1),
    ):
        act()
        assert ledger.sequencer.due()
        ledger.sequencer.seal_all(NOW)
        assert not ledger.sequencer.due()
    ledger.append(3)
    quick = Sequencer(Database(ledger.url, timeout=0.1), SITE, lambda: ledger.keys)
    with ledger.database.write() as connection:
        lock_head(connection, SITE)
        assert quick.due()
        assert quick.status().pending == 1
    quick.database.close()


# What goes on from its last checkpoint


def put(ledger: Ledger, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Somebody with the database, and without the key, makes *rows* all that there is of the site in *table*."""
    with ledger.database.write() as connection:
        connection.execute(sa.delete(table).where(table.c.site == ledger.site))
        if rows:
            connection.execute(sa.insert(table), rows)


def rewrite(ledger: Ledger, publics: Sequence[str]) -> None:
    """The same, for a whole log in which every hash fits the others."""
    old = {row["position"]: row for row in ledger.rows(tables.leaf)}
    put(ledger, tables.leaf, [{**old[at], "public": public} for at, public in enumerate(publics)])
    completed: list[tuple[int, int, bytes]] = []
    end = merkle.Range.empty().extended((leaves.hash_of(public.encode()) for public in publics), completed)
    names = ("site", "level", "position", "hash")
    put(ledger, tables.node, [dict(zip(names, (ledger.site, *node), strict=True)) for node in completed])
    frontier = b"".join(end.hashes)
    put(ledger, tables.head, [{"site": ledger.site, "size": end.end, "frontier": frontier, "root": end.root}])


def publics_of(ledger: Ledger) -> list[str]:
    """What is public of every entry."""
    return [row["public"] for row in ledger.rows(tables.leaf)]


@contextmanager
def refused(ledger: Ledger, why: str) -> Iterator[None]:
    """After what happens in the block nothing is sequenced, signed, erased or purged any more; then it is undone."""
    log = (tables.leaf, tables.node, tables.head, tables.checkpoint)
    before = {table: ledger.rows(table) for table in log}
    yield
    changed = {table: ledger.rows(table) for table in (*log, tables.pending, tables.record)}
    acts: list[Callable[[], object]] = [
        lambda: ledger.sequencer.seal(NOW),
        lambda: Sequencer(ledger.database, SITE, list).seal(NOW),
        lambda: ledger.eraser.erase_subject(WHO, now=NOW),
        lambda: ledger.eraser.purge((NOW + timedelta(days=1)).date(), now=NOW + timedelta(days=400)),
    ]
    for act in acts:
        with pytest.raises(StoreError, match=rf"example does not go on from its last checkpoint: .*({why})\. Nothing"):
            act()
    assert {table: ledger.rows(table) for table in changed} == changed
    for table in log:
        put(ledger, table, before[table])


def test_a_log_that_does_not_go_on_from_its_last_checkpoint_is_not_signed(ledger: Ledger) -> None:
    """Whoever changed it, with every hash made to fit; answers are kept meanwhile, and when it is put back it goes on."""
    for number in range(3):
        ledger.append(number, subject=WHO if number == 1 else None)
    ledger.sequencer.seal(NOW)
    ledger.append(3)
    honest, (signed,) = publics_of(ledger), ledger.rows(tables.checkpoint)
    with refused(ledger, "of 3 entries, and the first 3 of the log are others"):
        rewrite(ledger, [honest[1], honest[0], honest[2]])
        assert ledger.verify().exit_code == 1
    with refused(ledger, "of 3 entries, and the log has 2"):
        rewrite(ledger, honest[:2])
    with refused(ledger, "of 3 entries, and the log has 0"):
        put(ledger, tables.head, [])
    with refused(ledger, "the hashes do not fit the leaves 0 to 4"):
        put(ledger, tables.head, [{**ledger.rows(tables.head)[0], "size": 4}])
    with refused(ledger, "of 3 entries and is kept as one of 2"):
        put(ledger, tables.checkpoint, [{**signed, "size": 2}])
    with refused(ledger, "not a note: no text, empty line and signatures"):
        put(ledger, tables.checkpoint, [{**signed, "note": "?"}])
    ledger.append(4)
    assert ledger.sequencer.seal(NOW) == Sealed(size=5, added=2, signed=True)
    ledger.check()
    assert ledger.verify(signed["note"]).exit_code == 0


def test_a_checkpoint_in_this_hosts_name_has_to_be_its_own(ledger: Ledger) -> None:
    """One of a rewritten log with the old signature; also where another key has joined, and the old one stays."""
    for number in range(2):
        ledger.append(number)
    ledger.sequencer.seal(NOW)
    honest, (signed,) = publics_of(ledger), ledger.rows(tables.checkpoint)
    rewrite(ledger, honest[::-1])
    text = Checkpoint(SITE, 2, ledger.rows(tables.head)[0]["root"]).text
    forged = {**signed, "note": f"{text}\n" + signed["note"].partition("\n\n")[2]}
    put(ledger, tables.checkpoint, [forged])
    for keys in ([KEY], [KEY, LATER_KEY]):
        ledger.keys[:] = keys
        with pytest.raises(StoreError, match=r"the signature of example\+\w+ does not fit the text"):
            ledger.sequencer.seal(NOW)
    assert ledger.rows(tables.checkpoint) == [forged]


def test_what_another_key_signed_is_still_what_the_log_goes_on_from(ledger: Ledger) -> None:
    """A key that was lost and replaced: nobody can check its signature, and a rewritten log is not signed all the same."""
    for number in range(2):
        ledger.append(number)
    ledger.sequencer.seal(NOW)
    ledger.keys[:] = [LATER_KEY]
    honest = publics_of(ledger)
    with refused(ledger, "the first 2 of the log are others"):
        rewrite(ledger, honest[::-1])
    assert ledger.sequencer.seal(NOW).signed


def test_entries_of_a_host_without_a_key_are_signed_if_they_go_on_from_the_last_checkpoint(ledger: Ledger) -> None:
    """However many; a log that was rewritten below them, or has gaps, is not."""
    elsewhere, numbers = Sequencer(ledger.database, SITE, list), iter(range(2000))
    assert ledger.sequencer.seal(NOW).signed
    for count in (1, 254, 1, 1, 300, 600):
        ledger.store.append_many([entry(next(numbers)) for _ in range(count)], now=NOW)
        size = ledger.sequencer.status().size
        assert elsewhere.seal(NOW) == Sealed(size=size + count, added=count)
        if count in (300, 600):
            honest, rows = publics_of(ledger), ledger.rows(tables.leaf)
            with refused(ledger, f"the first {size} of the log are others"):
                rewrite(ledger, [honest[1], honest[0], *honest[2:]])
            with refused(ledger, "are others|hashes above them, are missing"):
                put(ledger, tables.leaf, rows[: size - 1] + rows[size:])
            with refused(ledger, "hashes above them, are missing"):
                put(ledger, tables.leaf, [])
        assert ledger.sequencer.seal(NOW) == Sealed(size=size + count, added=0, signed=True)
    ledger.check()


# Several at once


def test_what_commits_late_is_not_skipped(shared: Ledger) -> None:
    """Its id is older than those that were sequenced meanwhile, and yet it gets its place."""
    early, late = entry(1), [entry(number) for number in range(2, 6)]
    shared.append(0)
    with shared.database.write() as connection:
        shared.store._append(connection, [early], NOW, acknowledged=False)
        shared.store.append_many(late, now=NOW)
        assert shared.sequencer.seal_all(NOW).size == 5
        signed = shared.note
        shared.check()
    shared.check()
    assert shared.sequencer.due()
    assert shared.sequencer.seal_all(NOW) == Sealed(size=6, added=1, signed=True)
    assert sequenced(shared) == [one.record.record_id for one in [entry(0), *late, early]]
    assert shared.verify(signed).exit_code == 0


def test_an_id_of_long_ago_gets_its_place(ledger: Ledger) -> None:
    """A spool that comes up after a month: at the end of the log, under the day of its own."""
    ledger.append(1)
    ledger.sequencer.seal_all(NOW)
    old = entry(2, at=NOW - timedelta(days=30))
    ledger.store.append_many([old], now=NOW, acknowledged=True)
    assert ledger.sequencer.seal_all(NOW).added == 1
    assert [leaf.day for leaf in ledger.log] == ["2026-03-03", "2026-02-01"]
    ledger.check()


def test_who_does_not_want_to_wait_is_told_that_another_is_at_it(shared: Ledger) -> None:
    """At once; who waits gets through when the other is done."""
    shared.append(1)
    shared.sequencer.seal_all(NOW)
    shared.append(2)
    waiting: list[Sealed] = []
    other = threading.Thread(target=lambda: waiting.append(shared.sequencer.seal(NOW)))
    with shared.database.write() as connection:
        lock_head(connection, SITE)
        begin = time.monotonic()
        assert shared.sequencer.seal(NOW, wait=False) == Sealed(size=0, added=0, busy=True)
        assert time.monotonic() - begin < 1
        other.start()
        time.sleep(0.2)
        assert not waiting
    other.join(timeout=20)
    assert waiting == [Sealed(size=2, added=1, signed=True)]
    assert not shared.sequencer.seal(NOW, wait=False).busy


def test_the_first_two_to_sequence_make_one_log(shared: Ledger) -> None:
    """Neither finds one; one of them makes it."""
    shared.append(1)
    with ThreadPoolExecutor(8) as pool:
        barrier = Barrier(8)

        def seal(number: int) -> Sealed:
            barrier.wait()
            return shared.sequencer.seal(NOW, wait=bool(number % 2))

        done = list(pool.map(seal, range(8)))
    assert sum(one.added for one in done) == 1
    shared.check()


def again(work: Callable[[], T]) -> T:
    """What *work* returns; where the store has had enough of it, done anew, as a spool does."""
    for _ in range(50):
        try:
            return work()
        except StoreError:
            time.sleep(0.05)
    return work()


def _write_and_seal(barrier: Barrier, url: str, number: int) -> list[int]:
    """In a process of its own: three threads that append, two that sequence; how many entries each of these added."""
    common = Database(url, timeout=60.0)
    store, sequencer = Store(common, SITE), Sequencer(common, SITE, lambda: [KEY])
    barrier.wait()
    over = threading.Event()

    def append(thread: int) -> None:
        for n in range(40):
            one = 1000 * (10 * number + thread) + n
            words = notice(one % 50)
            changes: dict[str, Any] = {"notice": words.digest, "language": "en"} if n % 3 == 0 else {}
            new = replace(entry(one, subject=WHO if n % 5 == 0 else None, **changes), notice=words if changes else None)
            again(lambda: store.append(new, now=NOW))  # noqa: B023  # done before the next

    def seal(wait: bool) -> int:
        added = 0
        while not over.is_set():
            done = again(lambda: sequencer.seal(NOW, at_most=7, wait=wait))
            added += done.added
            if not done.added:
                time.sleep(0.001)
        return added

    with ThreadPoolExecutor(5) as pool:
        sealing = [pool.submit(seal, wait) for wait in (True, False)]
        try:
            for one in [pool.submit(append, thread) for thread in range(3)]:
                one.result()
        finally:
            over.set()
        added = [one.result() for one in sealing]
    common.close()
    return added


def check_many_at_once(url: str) -> None:
    """Let threads in three processes write and sequence; then each record and each notice is there once, in order."""
    with opened(url, timeout=60.0) as ledger:
        added = at_once(_write_and_seal, [(url, number) for number in range(3)])
        ledger.database.close()
        rest = ledger.sequencer.seal_all(NOW)
        ledger.check()
        assert len(sequenced(ledger)) == 3 * 3 * 40
        log = ledger.log
        assert rest.size == len(log) == rest.added + sum(map(sum, added))
        words = {leaf.digest: at for at, leaf in enumerate(log) if isinstance(leaf, NoticeLeaf)}
        assert len(words) == len([leaf for leaf in log if isinstance(leaf, NoticeLeaf)])
        positions = {row["record_id"]: row["position"] for row in ledger.rows(tables.leaf)}
        for record in ledger.store.records():
            if record.notice:
                assert words[record.notice] < positions[record.record_id]
        assert ledger.verify().reasons == ()


def test_many_that_sequence_and_write_at_once_leave_no_gap(database_url: str) -> None:
    """Words stand before the records that refer to them, and the whole can be verified."""
    check_many_at_once(database_url)


def test_nor_do_they_where_every_transaction_has_to_be_ordered(shared: Ledger) -> None:
    """As in distributed engines that speak PostgreSQL's protocol: those that could not be ordered are begun again."""
    query = {"options": "-c default_transaction_isolation=serializable"}
    check_many_at_once(sa.make_url(shared.url).set(query=query).render_as_string(hide_password=False))


def test_an_entry_whose_words_commit_with_it_finds_them_in_the_log(shared: Ledger) -> None:
    """It commits between the look at what waits and the look at the words: its words come first, it comes next."""
    words = notice(7)
    one: Entry = replace(entry(1, notice=words.digest, language="en"), notice=words)
    ready, go = threading.Event(), threading.Event()

    class Slow(Sequencer):
        """Lets somebody commit in the middle."""

        def _waiting(self, connection: sa.Connection, at_most: int) -> Any:
            found = super()._waiting(connection, at_most)
            ready.set()
            assert go.wait(timeout=20)
            return found

    shared.append(0)
    sealing = threading.Thread(target=lambda: Slow(shared.database, SITE, lambda: shared.keys).seal(NOW))
    sealing.start()
    assert ready.wait(timeout=20)
    shared.store.append(one, now=NOW)
    go.set()
    sealing.join(timeout=20)
    assert shared.kinds == ["notice", "record"]
    shared.check()
    shared.sequencer.seal_all(NOW)
    assert shared.kinds == ["notice", "record", "record"]
    assert shared.verify().reasons == ()
