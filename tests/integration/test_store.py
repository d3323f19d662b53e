"""The store on real disks and servers: what is kept once, what repeats what, and how one record follows another."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from consent import Duration, Method, StoreError
from consent.ledger import Entry, Event, Record, Revocation, Store, Submission, Surface, body, tables
from consent.ledger.moments import moment
from consent.ledger.record import new_id
from tests.databases import Server, database
from tests.entries import NOW, SITE, entry
from tests.ledgers import Ledger, appended_at_once, notice, opened, sent

#: A subject.
WHO = b"s" * 16
OTHER = b"o" * 16
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
EVER = datetime(9000, 1, 1, tzinfo=UTC)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """An empty ledger, on each engine."""
    with opened(database_url) as made:
        yield made


@pytest.fixture
def shared(postgres: Server) -> Iterator[Ledger]:
    """An empty ledger on PostgreSQL, which several processes may write at once."""
    with database(postgres.url) as url, opened(url, timeout=10.0) as made:
        yield made


def kept(ledger: Ledger) -> list[Record]:
    """All records, oldest first; the tables are looked through on the way."""
    ledger.check()
    return list(ledger.store.records())


# What is kept


def test_a_record_reads_back(ledger: Ledger) -> None:
    """What was kept is what is read, its time is in its id, and it waits for its place in the log."""
    record = ledger.append(789, subject=WHO, jurisdiction="DE", device_class="phone", browser="Firefox")
    assert record == replace(entry(789, subject=WHO).record, jurisdiction="DE", device_class="phone", browser="Firefox")
    assert kept(ledger) == [record]
    assert record.recorded_at == NOW + timedelta(milliseconds=789)
    assert record.record_id.version == 7
    assert [row["record_id"] for row in ledger.rows(tables.pending)] == [record.record_id]


def test_records_are_read_in_the_order_of_their_time(ledger: Ledger) -> None:
    """From a moment, and up to but without another."""
    ledger.store.append_many([entry(number) for number in (5, 1, 3, 4, 2)], now=NOW)
    times = [NOW + timedelta(milliseconds=number) for number in range(1, 6)]
    assert [record.recorded_at for record in kept(ledger)] == times
    some = ledger.store.records(since=times[1], until=times[4])
    assert [record.recorded_at for record in some] == times[1:4]


def test_nothing_is_kept_of_nothing(ledger: Ledger) -> None:
    """An empty batch is no mistake."""
    assert ledger.store.append_many([], now=NOW) == []
    assert kept(ledger) == []


def test_a_batch_is_kept_whole_or_not_at_all(ledger: Ledger) -> None:
    """An id that another site has, a salt that is none: nothing of the others stays, and they can be kept later."""
    strange = entry(2)
    Store(ledger.database, "other").append(replace(strange, record=replace(strange.record, site="other")), now=NOW)
    good = sent(
        entry(1, subject=WHO), "form", notice=notice(), revokes=Revocation(subject=WHO, not_before=NOW, until=EVER)
    )
    with pytest.raises(StoreError):
        ledger.store.append_many([good, strange], now=NOW)
    with pytest.raises(ValueError, match="salt"):
        ledger.store.append_many([good, replace(entry(3), salt=b"short")], now=NOW)
    for table in (tables.record, tables.pending, tables.notice, tables.revocation, tables.submission):
        assert ledger.rows(table) == []
    assert ledger.store.append(good, now=NOW) == good.record
    assert [row["digest"] for row in ledger.rows(tables.notice)] == [notice().digest], "it was thought to be there"


def test_sites_in_one_database_do_not_see_each_other(ledger: Ledger) -> None:
    """Records, forms, chains, words, editions and revocations are each site's own."""
    other = Ledger(ledger.url, "other")
    revokes = Revocation(subject=WHO, not_before=NOW, until=EVER)
    mine = sent(entry(1, subject=WHO), "form", notice=notice(), revokes=revokes)
    theirs = sent(entry(2, subject=WHO, site="other"), "form")
    ledger.store.append(mine, now=NOW)
    assert other.store.append(theirs, now=NOW) == theirs.record, "neither a repetition nor a successor"
    assert ledger.store.publish(b"{}", "digest", [], now=NOW)
    assert list(other.store.records()) == [theirs.record]
    assert (list(other.store.notices()), other.store.editions(), other.store.count_revocations()) == ([], [], 0)
    assert [record for record, _ in other.store.records_of(WHO)] == [theirs.record]
    other.check()
    assert kept(ledger) == [mine.record]
    other.database.close()


def test_the_records_of_a_subject_come_with_their_place_in_the_log(ledger: Ledger) -> None:
    """Oldest first, and without a place where they have none yet."""
    first = ledger.append(1, subject=WHO)
    ledger.append(2)
    ledger.sequencer.seal_all(NOW)
    second = ledger.append(3, subject=WHO)
    assert ledger.store.records_of(WHO) == [(first, 0), (second, None)]
    assert ledger.store.records_of(OTHER) == []


# One subject's records follow each other


def test_a_subjects_records_form_a_chain(ledger: Ledger) -> None:
    """Each names the one before it; a refusal has nobody before it."""
    first, second, other = (ledger.append(n, subject=who) for n, who in enumerate([WHO, WHO, OTHER]))
    assert (first.supersedes, second.supersedes, other.supersedes) == (None, first.record_id, None)
    refusal = replace(entry(9), record=replace(entry(9).record, subject=None, event=Event.REFUSED))
    assert ledger.store.append(refusal, now=NOW).supersedes is None
    new = replace(entry(10, subject=WHO), first=True)
    assert ledger.store.append(new, now=NOW).supersedes is None, "who is new has no record to look for"


def test_a_batch_forms_a_chain(ledger: Ledger) -> None:
    """Within a batch, across two subjects, and on from what is there already."""
    (before,) = ledger.store.append_many([entry(0, subject=WHO)], now=NOW)
    batch = [entry(n, subject=who) for n, who in enumerate([WHO, OTHER, WHO, OTHER], 1)]
    a, b, c, d = ledger.store.append_many(batch, now=NOW)
    assert [one.supersedes for one in (a, b, c, d)] == [before.record_id, None, a.record_id, b.record_id]
    assert [one.supersedes for one in kept(ledger)] == [None, before.record_id, None, a.record_id, b.record_id]


def test_what_comes_in_late_follows_what_was_before_it(ledger: Ledger) -> None:
    """Not what was kept before it; whether it comes alone, in a batch, or in a batch in another order."""
    at = {n: NOW + n * MINUTE for n in range(10)}
    one, five = (ledger.append(n, at=at[n], subject=WHO) for n in (1, 5))
    assert ledger.append(3, at=at[3], subject=WHO, now=at[9]).supersedes == one.record_id
    late = [entry(n, at=at[n], subject=WHO) for n in (7, 2, 6, 4)]
    seven, two, six, four = ledger.store.append_many(late, now=at[9], acknowledged=True)
    assert seven.supersedes == five.record_id
    assert two.supersedes == one.record_id
    assert six.supersedes == five.record_id
    assert four.supersedes == entry(3, at=at[3], subject=WHO).record.record_id
    assert ledger.append(0, at=at[0], subject=WHO, now=at[9]).supersedes is None
    assert five.supersedes == one.record_id, "what was committed to is not changed"


@pytest.mark.parametrize("together", [True, False])
def test_of_two_in_one_millisecond_the_one_that_came_in_later_follows(ledger: Ledger, together: bool) -> None:
    """Whatever the chance in their ids."""
    for number in range(0, 40, 2):
        who = bytes([number]) * 16
        pair = [entry(n, at=NOW, subject=who) for n in (number, number + 1)]
        if together:
            first, second = ledger.store.append_many(pair, now=NOW)
        else:
            first, second = (ledger.store.append(one, now=NOW) for one in pair)
        assert (first.supersedes, second.supersedes) == (None, first.record_id)


# An entry is kept once


def test_an_entry_is_kept_once(ledger: Ledger) -> None:
    """However often it comes, alone, twice in a batch, beside others, with its words and what it revokes."""
    one = sent(
        entry(1, subject=WHO), "form", notice=notice(), revokes=Revocation(subject=WHO, not_before=NOW, until=EVER)
    )
    record = ledger.store.append(one, now=NOW)
    assert ledger.store.append(one, now=NOW + DAY) == record
    assert ledger.store.append_many([one, entry(2), one], now=NOW)[::2] == [record, record]
    new = entry(3)
    assert ledger.store.append_many([new, new], now=NOW) == [new.record, new.record]
    for acknowledged in (True, False):
        assert ledger.store.append_many([one, new], now=NOW, acknowledged=acknowledged) == [record, new.record]
    assert len(kept(ledger)) == 3


@pytest.mark.parametrize("acknowledged", [True, False])
def test_an_entry_is_kept_once_even_when_its_form_was_forgotten(ledger: Ledger, acknowledged: bool) -> None:
    """A spool that comes up again after days, when the log already has what is in it; others are kept with it."""
    one = entry(1, subject=WHO)
    record = ledger.store.append(one, now=NOW)
    ledger.sequencer.seal_all(NOW)
    store = Store(ledger.database, SITE)  # of another process
    store.append(entry(2, at=NOW + 3 * DAY), now=NOW + 3 * DAY)
    assert {row["request"] for row in ledger.rows(tables.submission)} == {entry(2).submission.request}
    assert store.append_many([one, entry(3)], now=NOW + 3 * DAY, acknowledged=acknowledged) == [record, entry(3).record]
    assert store.append(sent(one, "another form"), now=NOW + 3 * DAY) == record
    assert len(kept(ledger)) == 3


def test_what_was_acknowledged_is_kept_unless_another_record_proves_it(ledger: Ledger) -> None:
    """Somebody holds its receipt: that of another subject needs a record of its own, that of the same one does not."""
    first = ledger.store.append(sent(entry(1, subject=WHO), "form"), now=NOW)
    again = sent(entry(2, subject=WHO), "form")
    assert ledger.store.append_many([again], now=NOW, acknowledged=True) == [first]
    others = [sent(entry(n), "form") for n in (3, 4)]
    assert ledger.store.append_many(others, now=NOW, acknowledged=True) == [one.record for one in others]
    assert len(kept(ledger)) == 3


@pytest.mark.parametrize("size", [1, 2, 5])
def test_it_makes_no_difference_what_comes_in_together(ledger: Ledger, size: int) -> None:
    """Of what was acknowledged: with another receipt held only what changes nothing repeats, if the other proves it."""
    first = ledger.store.append(sent(entry(1, subject=WHO), "form", "a"), now=NOW)
    late = [
        sent(entry(2, subject=WHO), "form", "b", unchanged=True),
        sent(entry(3, subject=WHO), "form", "a"),
        sent(entry(4, subject=OTHER), "form", "c", unchanged=True),
        sent(entry(5, subject=WHO), "form", "d"),
        sent(entry(6, subject=OTHER), "form", "e", unchanged=True),
    ]
    found: list[Record] = []
    for begin in range(0, len(late), size):
        found += ledger.store.append_many(late[begin : begin + size], now=NOW, acknowledged=True)
    others, fourth = entry(4, subject=OTHER).record, replace(entry(5, subject=WHO).record, supersedes=first.record_id)
    assert found == [first, first, others, fourth, others]
    assert kept(ledger) == [first, others, fourth]


# A submission that comes twice


def test_a_repetition_is_one_record_and_a_later_act_another(ledger: Ledger) -> None:
    """Within ten minutes the same form says the same thing; after that, or once its answer ended, it is a new answer."""

    def answer(seconds: int, request: str, before: str = "", *, unchanged: bool = False, **changes: Any) -> Record:
        at = NOW + timedelta(seconds=seconds)
        one = entry(seconds, at=at, subject=WHO, **changes)
        return ledger.store.append(sent(one, request, before, unchanged=unchanged), now=at)

    first = answer(0, "a", "b")
    assert answer(60, "a", "b") == first
    assert answer(600, "a", "b") == first, "ten minutes"
    assert answer(61, "a", "other", unchanged=True) == first, "nothing changes: whatever receipt is held"
    second = answer(120, "a", "third")
    third = answer(601, "a", "b")
    assert answer(960, "a", "b") == third
    ending = NOW.replace(microsecond=0) + timedelta(seconds=2030)
    once = answer(2000, "once", valid_until=ending)
    assert answer(2029, "once", unchanged=True) == once
    again = answer(2030, "once", unchanged=True)
    assert [record.record_id for record in kept(ledger)] == [
        one.record_id for one in (first, second, third, once, again)
    ]


def test_a_clock_that_is_behind_makes_no_later_act_an_earlier_one(ledger: Ledger) -> None:
    """What was answered a day before what is there does not repeat it; what was answered a minute before does."""
    now = ledger.store.append(sent(entry(1, at=NOW), "form"), now=NOW)
    assert ledger.store.append(sent(entry(2, at=NOW - MINUTE), "form"), now=NOW) == now
    before = sent(entry(3, at=NOW - DAY), "form")
    assert ledger.store.append(before, now=NOW) == before.record
    assert ledger.store.append(sent(entry(4, at=NOW), "form"), now=NOW).record_id != now.record_id
    assert len(kept(ledger)) == 3


def test_a_repetition_in_one_batch_is_the_record_that_is_kept(ledger: Ledger) -> None:
    """With what it supersedes; also where nothing changes and another receipt is held, and beside new ones."""
    before = ledger.append(1, subject=WHO)
    batch = [
        sent(entry(2, subject=WHO), "form"),
        sent(entry(3, subject=WHO), "form"),
        entry(4),
        sent(entry(5, subject=WHO), "form", "receipt", unchanged=True),
        sent(entry(6, subject=WHO), "form", "receipt"),
    ]
    first, second, other, third, last = ledger.store.append_many(batch, now=NOW)
    assert first.supersedes == before.record_id
    assert first == second == third == last
    assert [record.record_id for record in kept(ledger)] == [one.record_id for one in (before, first, other)]


def test_a_form_whose_record_was_erased_or_purged_is_new(ledger: Ledger) -> None:
    """What is gone is no answer."""
    ledger.store.append(sent(entry(1, subject=WHO), "form"), now=NOW)
    ledger.eraser.erase_subject(WHO, now=NOW)
    again = ledger.store.append(sent(entry(2, subject=OTHER), "form"), now=NOW)
    assert again == entry(2, subject=OTHER).record
    ended = sent(entry(3, valid_until=NOW + MINUTE), "short")
    ledger.store.append(ended, now=NOW)
    assert ledger.eraser.purge((NOW + 2 * DAY).date(), now=NOW + DAY) == 2, "the withdrawal, too"
    new = entry(4, at=NOW + timedelta(seconds=30))
    assert ledger.store.append(sent(new, "short"), now=NOW + DAY) == new.record
    (late,) = ledger.store.append_many([ended], now=NOW + DAY, acknowledged=True)
    assert late == ended.record, "sent again after it was purged, it is a record"
    ledger.check()


def test_old_forms_are_forgotten(ledger: Ledger) -> None:
    """What tells a repetition from a new answer is kept for two days, not for ever; also when the clock was put back."""
    ledger.append(1, at=NOW)
    later = NOW + timedelta(days=300)
    ledger.append(2, at=later, now=later)
    assert [row["request"] for row in ledger.rows(tables.submission)] == [entry(2).submission.request]
    back = NOW + 4 * DAY
    with ledger.database.write() as connection:
        connection.execute(sa.update(tables.submission).values(recorded_at=0))
    ledger.append(3, at=back, now=back)
    assert [row["request"] for row in ledger.rows(tables.submission)] == [entry(3).submission.request]
    assert len(kept(ledger)) == 3


# Several at once


def test_a_form_sent_to_several_processes_at_once_is_one_record(shared: Ledger) -> None:
    """Forms that are new, unchanged, and used half an hour ago: four processes answer each with the same record."""
    forms = [f"form {number}" for number in range(24)]
    old = [sent(entry(n, at=NOW - 30 * MINUTE), form) for n, form in enumerate(forms) if n % 3 == 2]
    shared.store.append_many(old, now=NOW)

    def batch(process: int) -> list[Entry]:
        return [
            sent(entry(1000 * process + n, at=NOW), form, unchanged=n % 3 == 1, revokes=None)
            for n, form in enumerate(forms)
        ]

    answers = appended_at_once(shared.url, [batch(process) for process in range(1, 5)])
    assert answers[0] == answers[1] == answers[2] == answers[3]
    assert {record.record_id for record in kept(shared)} == {*answers[0], *(one.record.record_id for one in old)}


def test_an_entry_sent_to_several_processes_at_once_is_kept_once(shared: Ledger) -> None:
    """The same id with the same form, and with one of its own in each process."""
    entries = [entry(number, subject=WHO) for number in range(20)]

    def batch(process: int) -> list[Entry]:
        return [sent(one, f"{process}", f"{n}") if n % 2 else one for n, one in enumerate(entries)]

    answers = appended_at_once(shared.url, [batch(process) for process in range(4)])
    assert all(answer == [one.record.record_id for one in entries] for answer in answers)
    assert len(kept(shared)) == len(entries)


@pytest.mark.parametrize("unchanged", [True, False])
def test_who_sends_the_same_form_waits_for_the_first_to_be_kept(shared: Ledger, unchanged: bool) -> None:
    """Between the first's claim and its commit the second finds nothing; it must not take that for an answer."""
    first = sent(entry(1, subject=WHO), "form", unchanged=unchanged)
    second = sent(entry(2, subject=WHO), "form", unchanged=unchanged)
    answers: list[Record] = []
    other = threading.Thread(target=lambda: answers.append(shared.store.append(second, now=NOW)))
    with shared.database.write() as connection:
        shared.store._append(connection, [first], NOW, acknowledged=False)
        other.start()
        time.sleep(0.3)
        assert not answers
    other.join(timeout=10)
    assert answers == [first.record]
    assert kept(shared) == [first.record]


def test_a_record_that_commits_while_it_is_sent_again_is_kept_once(shared: Ledger) -> None:
    """A store that was given up for hanging commits after all, while the spool brings the same entry."""
    one = entry(1, subject=WHO)
    answers: list[list[Record]] = []
    other = threading.Thread(
        target=lambda: answers.append(shared.store.append_many([one, entry(2)], now=NOW, acknowledged=True))
    )
    with shared.database.write() as connection:
        shared.store._append(connection, [sent(one, "another form")], NOW, acknowledged=False)
        other.start()
        time.sleep(0.3)
        assert not answers
    other.join(timeout=10)
    assert answers == [[one.record, entry(2).record]]
    assert len(kept(shared)) == 2


def test_two_batches_in_opposite_order_are_both_kept(shared: Ledger) -> None:
    """They wait for each other; the server ends one, which begins again."""
    barrier, answers = threading.Barrier(2), list[int]()

    def append(numbers: list[int], offset: int) -> None:
        batch = [sent(entry(number + offset), f"form {number}") for number in numbers]
        store = Store(shared.database, SITE)
        barrier.wait()
        answers.append(len({record.record_id for record in store.append_many(batch, now=NOW)}))

    numbers = list(range(400))
    both = [threading.Thread(target=append, args=(numbers[::step], 5000 + 1000 * step)) for step in (1, -1)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(timeout=60)
    assert answers == [400, 400]
    assert len(kept(shared)) == 400


# Words


def test_a_notice_is_kept_once(ledger: Ledger) -> None:
    """Under the time it was first shown, whoever shows it again, in this process or another."""
    for store in (ledger.store, Store(ledger.database, SITE)):
        for number in (1, 2):
            store.append(replace(entry(number + id(store) % 1000, at=NOW + number * MINUTE), notice=notice()), now=NOW)
    (row,) = ledger.store.notices()
    assert (row["digest"], row["first_shown"], row["text"], row["html"]) == (
        notice().digest,
        NOW + MINUTE,
        notice().text,
        notice().html,
    )


def test_the_words_of_a_repeated_submission_are_not_lost(ledger: Ledger) -> None:
    """The next record that refers to them must find them in the log."""
    ledger.store.append(replace(sent(entry(1), "form"), notice=notice(1)), now=NOW)
    ledger.store.append(replace(sent(entry(2), "form"), notice=notice(2, "de")), now=NOW)
    third = entry(3, notice=notice(2, "de").digest, language="de")
    ledger.store.append(replace(third, notice=notice(2, "de")), now=NOW)
    assert {row["digest"] for row in ledger.store.notices()} == {notice(1).digest, notice(2, "de").digest}
    ledger.sequencer.seal_all(NOW)
    assert ledger.verify().reasons == ()


def test_an_edition_is_kept_when_it_is_new(ledger: Ledger) -> None:
    """By what it says; also if it says what an earlier one said, and if the clock is behind or stands still."""
    publish = ledger.store.publish
    assert publish(b'{"n":1}', "one", [notice(1), notice(2)], now=NOW)
    assert not publish(b'{"n":1}', "one", [notice(1)], now=NOW + DAY)
    assert publish(b'{"n":2}', "two", [], now=NOW)
    assert not publish(b'{"n":2}', "two", [], now=NOW - DAY)
    assert publish(b'{"n":1}', "one", [notice(1)], now=NOW - DAY)
    assert not publish(b'{"n":1}', "one", [], now=NOW - DAY)
    assert [text for _, text in ledger.store.editions()] == ['{"n":1}', '{"n":2}', '{"n":1}']
    assert [since for since, _ in ledger.store.editions()] == [NOW + timedelta(milliseconds=n) for n in range(3)]
    assert len(list(ledger.store.notices())) == 2


def test_an_edition_that_several_processes_publish_at_once_is_kept_once(shared: Ledger) -> None:
    """Four workers that start with the same policy: the first time, and when there was another before."""
    for edition in (b'{"n":1}', b'{"n":2}'):
        barrier, new = threading.Barrier(4), list[bool]()

        def publish(moment: datetime, edition: bytes = edition, barrier: Any = barrier, new: Any = new) -> None:
            store = Store(shared.database, SITE)
            barrier.wait()
            new.append(store.publish(edition, edition.decode(), [notice(1)], now=moment))

        workers = [threading.Thread(target=publish, args=(NOW + n * MINUTE,)) for n in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(timeout=30)
        assert sorted(new) == [False, False, False, True]
    assert [text for _, text in shared.store.editions()] == ['{"n":1}', '{"n":2}']


# Revocations


def test_a_revocation_never_becomes_less(ledger: Ledger) -> None:
    """Of two, the later bounds count, and what has to be erased stays so."""
    at = {n: NOW + n * DAY for n in range(5)}

    def revoke(number: int, not_before: datetime, until: datetime, *, erased: bool = False) -> list[Revocation]:
        ends = Revocation(subject=WHO, not_before=not_before, until=until, erased=erased)
        ledger.store.append(replace(entry(number, subject=WHO), revokes=ends), now=at[number])
        return [
            Revocation(
                subject=row["subject"],
                not_before=moment(row["not_before"]),
                until=moment(row["until"]),
                erased=row["erased"],
            )
            for row in ledger.rows(tables.revocation)
        ]

    assert revoke(1, at[1], at[4]) == [Revocation(subject=WHO, not_before=at[1], until=at[4])]
    assert revoke(2, at[2], at[3], erased=True) == [Revocation(subject=WHO, not_before=at[2], until=at[4], erased=True)]
    assert revoke(3, at[0], at[0]) == [Revocation(subject=WHO, not_before=at[2], until=at[4], erased=True)]
    assert revoke(4, EVER, at[0]) == [Revocation(subject=WHO, not_before=EVER, until=at[4], erased=True)]


def test_revocations_are_read_from_when_they_were_added(ledger: Ledger) -> None:
    """A change counts as an addition; one that comes in late counts from then; a clock behind hides none."""
    for number, who in enumerate([WHO, OTHER]):
        ends = Revocation(subject=who, not_before=NOW, until=EVER)
        ledger.store.append(replace(entry(number, subject=who), revokes=ends), now=NOW + number * MINUTE)

    def since(moment: datetime) -> set[bytes]:
        return {subject for rows in ledger.store.revocations(added_since=moment) for subject, _, _ in rows}

    assert since(NOW) == {WHO, OTHER}
    assert since(NOW + MINUTE) == {OTHER}
    assert since(NOW + 2 * MINUTE) == set()
    late = replace(entry(3, at=NOW - DAY, subject=WHO), revokes=Revocation(subject=WHO, not_before=NOW, until=EVER))
    ledger.store.append_many([late], now=NOW + 2 * MINUTE, acknowledged=True)
    assert since(NOW + 2 * MINUTE) == {WHO}
    behind = replace(entry(4, subject=WHO), revokes=Revocation(subject=WHO, not_before=EVER, until=EVER))
    ledger.store.append(behind, now=NOW)
    assert since(NOW + 2 * MINUTE) == {WHO}


def test_a_revocation_of_an_entry_that_comes_again_changes_nothing(ledger: Ledger) -> None:
    """Nor does that of an answer that repeats another: the first has revoked what there was."""
    ends = Revocation(subject=WHO, not_before=NOW, until=EVER)
    one = replace(sent(entry(1, subject=WHO), "form"), revokes=ends)
    ledger.store.append(one, now=NOW)
    for again in (one, replace(sent(entry(2, subject=WHO), "form"), revokes=ends)):
        ledger.store.append(again, now=NOW + DAY)
    assert list(ledger.store.revocations(added_since=NOW + MINUTE)) == []


# An entry as it waits elsewhere, a record as it is committed to


_TEXT = st.text(max_size=20)
_MOMENTS = st.integers(0, 2**45).map(lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
_RECORDS = st.builds(
    Record,
    record_id=st.builds(new_id, _MOMENTS, st.binary(min_size=10, max_size=10)),
    site=_TEXT,
    subject=st.none() | st.binary(min_size=16, max_size=16),
    event=st.sampled_from(Event),
    purposes=st.dictionaries(st.sampled_from(["statistics", "social", "marketing", "a-b_1"]), st.booleans()),
    services=st.lists(_TEXT).map(tuple),
    duration=st.sampled_from(Duration),
    valid_until=_MOMENTS.map(lambda moment: moment.replace(microsecond=0)),
    revision=_TEXT,
    policy_hash=_TEXT,
    notice=st.none() | _TEXT,
    language=st.none() | _TEXT,
    method=st.sampled_from(Method),
    surface=st.sampled_from(Surface),
    gpc=st.booleans(),
    gpc_conflict=st.booleans(),
    gpc_overridden=st.booleans(),
    sdk_version=_TEXT,
    jurisdiction=st.none() | _TEXT,
    device_class=st.none() | _TEXT,
    browser=st.none() | _TEXT,
    supersedes=st.none() | st.uuids(),
)
_ENTRIES = st.builds(
    Entry,
    record=_RECORDS,
    salt=st.binary(min_size=32, max_size=32),
    submission=st.builds(Submission, request=_TEXT, before=_TEXT),
    unchanged=st.booleans(),
    first=st.booleans(),
    notice=st.none(),
    revokes=st.none()
    | st.builds(
        Revocation,
        subject=st.binary(min_size=16, max_size=16),
        not_before=_MOMENTS,
        until=_MOMENTS,
        erased=st.booleans(),
    ),
)


@given(_ENTRIES)
def test_an_entry_comes_back_from_its_text(one: Entry) -> None:
    """All of it but the notice."""
    assert Entry.from_json(one.to_json()) == one


@given(_RECORDS)
def test_a_record_comes_back_from_its_bytes(record: Record) -> None:
    """And equal records are equal bytes."""
    written = body.encode(record)
    assert body.decode(written) == record
    assert body.encode(body.decode(written)) == written


@given(_ENTRIES, st.sampled_from(["record_id", "subject", "supersedes", "services", "purposes", "valid_until"]))
def test_a_damaged_field_is_said_to_be_one(one: Entry, field: str) -> None:
    """Of another type than it has to be: the spool sets such a row aside."""
    said = json.loads(one.to_json())
    said["record"][field] = 5
    with pytest.raises(ValueError):  # noqa: PT011  # that it is one is the contract
        Entry.from_json(json.dumps(said))


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | _TEXT, lambda x: st.lists(x) | st.dictionaries(_TEXT, x))
)
def test_what_is_no_entry_is_said_to_be_none(value: object) -> None:
    """Whatever a damaged file gives."""
    with pytest.raises(ValueError):  # noqa: PT011  # that it is one is the contract
        Entry.from_json(json.dumps(value))
    with pytest.raises(ValueError):  # noqa: PT011
        body.decode(json.dumps(value).encode())


def test_an_id_holds_its_time() -> None:
    """UUIDv7, and its order is that of time."""
    ids = [new_id(NOW + timedelta(milliseconds=n), bytes(10 * [255 - n])) for n in range(200)]
    assert ids == sorted(ids)
    assert all(one.version == 7 and one.variant == uuid.RFC_4122 for one in ids)
