"""One look at the log: every entry with its opening, what has no place yet, and the hashes that proofs are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from consent import StoreError
from consent.ledger import Sequencer, body, snapshot
from consent.ledger.snapshot import Entry
from consent.proof import merkle
from consent.proof.leaf import PurgeLeaf, RecordLeaf, commitment, hash_of, parse
from tests.entries import NOW, SITE, entry
from tests.ledgers import Ledger, notice, opened

WHO = b"s" * 16
DAY = timedelta(days=1)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """An empty ledger, on each engine."""
    with opened(database_url) as made:
        yield made


def entries(ledger: Ledger, begin: int = 0) -> list[Entry]:
    """Every entry of the log."""
    with snapshot(ledger.database, ledger.site) as seen:
        return list(seen.entries(begin))


def test_every_entry_comes_with_what_opens_it(ledger: Ledger) -> None:
    """Records with body and salt, words with theirs, editions with theirs; what is gone without, and what says so."""
    words = notice()
    ledger.publish(1, words)
    ended = entry(1, at=NOW, subject=b"o" * 16, valid_until=NOW + DAY)
    ledger.store.append(ended, now=NOW)
    ledger.store.append(entry(2, subject=WHO, notice=words.digest, language="en"), now=NOW)
    ledger.sequencer.seal_all(NOW)
    ledger.eraser.erase_subject(WHO, now=NOW)
    ledger.eraser.purge((NOW + DAY).date(), now=NOW + DAY)
    found = entries(ledger)
    assert [one.index for one in found] == list(range(7))
    assert [parse(one.public).kind for one in found] == [
        "edition", "notice", "record", "record", "record", "erasure", "purge",
    ]  # fmt: skip
    assert found[0].edition == b'{"number":1,"site":"example"}'
    assert found[1].notice == (words.text, words.html)
    assert [one.body for one in found[2:]] == [None] * 5
    assert [one.salt for one in found] == [None] * 7
    assert parse(found[6].public) == PurgeLeaf(before="2026-03-04", count=2, day="2026-03-04")
    new = ledger.append(3)
    ledger.sequencer.seal_all(NOW)
    (last,) = entries(ledger, 7)
    assert last.index == 7
    assert body.decode(last.body or b"") == new
    said = parse(last.public)
    assert isinstance(said, RecordLeaf)
    assert commitment(last.salt or b"", last.body or b"") == said.commitment
    assert entries(ledger, 8) == []


def test_what_is_read_in_pieces_is_whole(ledger: Ledger) -> None:
    """More than two pieces; from the beginning, from a border, and from within."""
    ledger.store.append_many([entry(number) for number in range(4100)], now=NOW)
    ledger.sequencer.seal_all(NOW)
    found = entries(ledger)
    assert [one.index for one in found] == list(range(4100))
    assert all(one.body and one.salt for one in found)
    for begin in (0, 1, 1999, 2000, 2001, 4099, 4100):
        assert entries(ledger, begin) == found[begin:]


def test_one_look_is_one_state(ledger: Ledger) -> None:
    """Whatever is kept, sequenced, erased and purged meanwhile is not in it, neither in part."""
    for number in range(3):
        ledger.append(number, subject=WHO)
    ledger.sequencer.seal_all(NOW)
    ledger.append(3, subject=WHO)
    with snapshot(ledger.database, SITE) as seen:
        first = next(seen.entries())
        ledger.append(4)
        ledger.publish(1, notice())
        ledger.sequencer.seal_all(NOW)
        assert ledger.eraser.erase_subject(WHO, now=NOW).records == 4
        ledger.eraser.purge((NOW + 400 * DAY).date(), now=NOW + 300 * DAY)
        found = list(seen.entries())
        assert found[0] == first
        assert len(found) == seen.size == 3
        assert all(one.body for one in found)
        assert [body.decode(text).record_id for text, _ in seen.unsequenced()] == [entry(3).record.record_id]
        assert merkle.root_of(3, seen.subtree) == seen.checkpoint.root
        assert not seen.has_later_erasures(0)
    with snapshot(ledger.database, SITE) as seen:
        assert not any(one.body for one in seen.entries())
        assert list(seen.unsequenced()) == []


def test_what_has_no_place_below_the_checkpoint_is_told_apart(ledger: Ledger) -> None:
    """What was sequenced where there is no key, in the order of the log, then what waits; each once."""
    ledger.append(0)
    ledger.sequencer.seal_all(NOW)
    for number in (3, 2):
        ledger.append(number)
    elsewhere = Sequencer(ledger.database, SITE, list)
    elsewhere.seal(NOW, at_most=1)
    elsewhere.seal(NOW, at_most=1)
    for number in (5, 4):
        ledger.append(number)
    with snapshot(ledger.database, SITE) as seen:
        assert [one.index for one in seen.entries()] == [0]
        waiting = list(seen.unsequenced())
    ids = [entry(number).record.record_id for number in (2, 3, 4, 5)]
    assert [body.decode(text).record_id for text, _ in waiting] == ids
    assert len({salt for _, salt in waiting}) == 4
    report = ledger.verify()
    assert report.reasons == ()
    assert report.counts
    assert report.counts.unsequenced == 4
    ledger.sequencer.seal_all(NOW)
    with snapshot(ledger.database, SITE) as seen:
        assert list(seen.unsequenced()) == []


@pytest.mark.parametrize("how", ["erase", "purge"])
def test_a_checkpoint_from_before_an_erasure_is_not_handed_out(ledger: Ledger, how: str) -> None:
    """Whoever erased had no key: an export now would be invalid. It says what to do, and then all is well."""
    ledger.append(1, subject=WHO)
    ledger.append(2)
    ledger.sequencer.seal_all(NOW)
    signed = ledger.note
    keys, ledger.keys = ledger.keys, []
    if how == "erase":
        ledger.eraser.erase_subject(WHO, now=NOW)
    else:
        ledger.eraser.purge((NOW + DAY).date(), now=NOW + 300 * DAY)
    ledger.keys = keys
    with pytest.raises(StoreError, match=r"were erased, and the log is not signed since\. Run: flask consent seal"):
        entries(ledger)
    assert ledger.sequencer.due()
    ledger.sequencer.seal_all(NOW)
    assert ledger.verify(signed).exit_code == 0


def test_later_erasures_are_seen(ledger: Ledger) -> None:
    """From the entry that says so, and not after it."""
    ledger.append(1, subject=WHO)
    ledger.append(2)
    ledger.sequencer.seal_all(NOW)
    ledger.eraser.erase_subject(WHO, now=NOW)
    assert ledger.kinds == ["record", "record", "record", "erasure"]
    with snapshot(ledger.database, SITE) as seen:
        assert [seen.has_later_erasures(index) for index in range(5)] == [True, True, True, True, False]


def test_every_hash_is_that_of_the_tree(ledger: Ledger) -> None:
    """Of every complete subtree, around the sizes at which the kept ones are completed; and every proof holds."""
    numbers = iter(range(2000))
    for size in (1, 2, 3, 255, 256, 257, 511, 512, 513, 770):
        missing = size - ledger.sequencer.status().size
        ledger.store.append_many([entry(next(numbers)) for _ in range(missing)], now=NOW)
        ledger.sequencer.seal_all(NOW)
        hashes = [hash_of(one.public) for one in entries(ledger)]
        row, level = hashes, 0
        with snapshot(ledger.database, SITE) as seen:
            assert seen.size == size
            while row:
                assert [seen.subtree(level, position) for position in range(len(row))] == row
                row = [merkle.node_hash(*pair) for pair in zip(row[::2], row[1::2], strict=False)]
                level += 1
            for index in range(size):
                proof = merkle.inclusion_proof(index, size, seen.subtree)
                merkle.verify_inclusion(index, size, hashes[index], proof, seen.checkpoint.root)
            for old in range(0, size, 7):
                root = merkle.Range.empty().extended(hashes[:old]).root
                proof = merkle.consistency_proof(old, size, seen.subtree)
                merkle.verify_consistency(old, root, size, seen.checkpoint.root, proof)


def test_a_log_that_was_never_signed_or_never_begun(ledger: Ledger) -> None:
    """Says so, and what to do; another site's does not help."""
    other = Ledger(ledger.url, "other")
    other.append(1)
    other.sequencer.seal_all(NOW)
    for _ in range(2):
        with pytest.raises(StoreError, match="the log of example was never signed"):
            entries(ledger)
        ledger.store.append(replace(entry(2), notice=notice()), now=NOW)
    assert len(entries(other)) == 1
    other.database.close()
