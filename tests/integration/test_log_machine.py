"""Whatever is done to a ledger, in whatever order: it holds what a plain model of it says, and an auditor agrees.

A Hypothesis state machine drives stores, sequencers, erasers and exports of one site, with its key and without. The model
is dictionaries and lists. After every step the tables equal the model, the invariants of the design's reliability notes
hold, and a new checkpoint continues all that were signed before. Not what happens at the same moment or after a crash,
which other tests are about.

Sources: RFC 6962 §2.1; Hypothesis, "Stateful tests".
"""

from __future__ import annotations

import itertools
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from consent import Duration, Method, StoreError
from consent.ledger import (
    Entry,
    Erased,
    Eraser,
    Event,
    KeptNotice,
    Record,
    Revocation,
    Sealed,
    Sequencer,
    Store,
    body,
    snapshot,
    tables,
)
from consent.ledger.export.selection import Selection
from consent.proof import canonical, leaf, merkle
from consent.proof.checkpoint import Checkpoint
from consent.proof.note import SigningKey
from consent.proof.reading import Source
from consent.proof.verdict import Counts, Verdict
from consent.proof.verify import verify
from tests.crash.audit import Log
from tests.entries import NOW, entry
from tests.ledgers import Ledger, notice, sent, signers, traces

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVER = datetime(9000, 1, 1, tzinfo=UTC)
GRANT = {"statistics": True, "social": False}
NOTHING = {"statistics": False, "social": False}

#: All rows of one site, by table.
_EVERYTHING = {
    table.name: sa.select(table).where(table.c.site == sa.bindparam("here")).order_by(*table.primary_key)
    for table in tables.metadata.sorted_tables
}
#: Sites, and numbers of entries, that no other example on the same database has.
_EXAMPLES = itertools.count(1)


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root as RFC 6962 defines it: slow, and nothing of what the ledger uses."""
    if not hashes:
        return sha256().digest()
    if len(hashes) == 1:
        return hashes[0]
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + root_of(hashes[:left]) + root_of(hashes[left:])).digest()


def leaf_hash(public: str) -> bytes:
    """Hash of an entry."""
    return sha256(b"\x00consentry-leaf/1\n" + public.encode()).digest()


@dataclass
class Signed:
    """A checkpoint that the ledger keeps."""

    keys: set[str]
    anchored: datetime | None = None


@dataclass
class Model:
    """What must be there."""

    records: dict[UUID, Record] = field(default_factory=dict)
    #: Each as it is written, and its salt.
    openings: dict[UUID, tuple[bytes, bytes]] = field(default_factory=dict)
    #: When each that waits came in.
    waiting: dict[UUID, datetime] = field(default_factory=dict)
    #: What is public of each entry, and its record as long as that is there.
    log: list[tuple[str, UUID | None]] = field(default_factory=list)
    #: Request and receipt held to the record that answers them, and its time.
    claims: dict[tuple[str, str], tuple[UUID, datetime]] = field(default_factory=dict)
    #: Since when, digest, content, index.
    editions: list[list[Any]] = field(default_factory=list)
    #: Words, when first shown, index.
    notices: dict[str, list[Any]] = field(default_factory=dict)
    revoked: dict[bytes, dict[str, Any]] = field(default_factory=dict)
    checkpoints: dict[int, Signed] = field(default_factory=dict)
    erased: set[int] = field(default_factory=set)
    purged: set[int] = field(default_factory=set)
    gone: list[tuple[UUID, bytes]] = field(default_factory=list)

    @property
    def places(self) -> dict[UUID, int]:
        """Index of each record that is there and in the log."""
        return {own: index for index, (_, own) in enumerate(self.log) if own}

    @property
    def signed(self) -> int:
        """Size of the newest checkpoint."""
        return max(self.checkpoints, default=-1)

    @property
    def is_provable(self) -> bool:
        """Whether there is a checkpoint, and nothing was deleted since."""
        return self.signed >= 0 and not any(
            '"kind":"erasure"' in public or '"kind":"purge"' in public for public, _ in self.log[self.signed :]
        )

    def ordered(self, of: Callable[[Record], object] = lambda _: True) -> list[Record]:
        """The records that are there, oldest first."""
        return sorted(filter(of, self.records.values()), key=lambda record: (record.recorded_at, record.record_id.int))

    def public(self, own: UUID) -> str:
        """What the log says of a record."""
        record = self.records[own]
        written, salt = self.openings[own]
        committed = leaf.commitment(salt, written)
        return leaf.record(committed, record.recorded_at.date().isoformat()).decode()

    # Appending

    def append(self, entries: Sequence[Entry], now: datetime, *, acknowledged: bool, forgets: bool) -> list[Record]:
        """What the store answers: each entry by itself, whatever comes in with it."""
        answers: dict[UUID, Record] = {}
        for one in entries:
            own = one.record.record_id
            answer = self.records.get(own) or answers.get(own)  # it was kept, or came in just before
            if answer is None:
                answer = self._earlier(one, acknowledged=acknowledged) or self._keep(one, now)
                self.claims[_claim(one)] = (answer.record_id, answer.recorded_at)
            answers[own] = answer
        for one in entries:
            if one.notice:
                self.keep_notice(one.notice, one.record.recorded_at)
        if forgets:
            self.claims = {key: seen for key, seen in self.claims.items() if seen[1] >= now - 48 * HOUR}
        return [answers[one.record.record_id] for one in entries]

    def _keep(self, one: Entry, now: datetime) -> Record:
        record, before = one.record, list[Record]()
        if record.subject is not None and not one.first:
            before = self.ordered(lambda old: old.subject == record.subject and old.recorded_at <= record.recorded_at)
        record = replace(record, supersedes=before[-1].record_id if before else None)
        self._put(record, one.salt)
        self.waiting[record.record_id] = now
        if one.revokes:
            self.revoke(one.revokes, now)
        return record

    def _put(self, record: Record, salt: bytes) -> None:
        self.records[record.record_id] = record
        self.openings[record.record_id] = body.encode(record), salt

    def _earlier(self, one: Entry, *, acknowledged: bool) -> Record | None:
        for (request, before), (own, _) in sorted(self.claims.items(), key=lambda claim: claim[1][1], reverse=True):
            if request != one.submission.request or not (one.unchanged or before == one.submission.before):
                continue
            earlier = self.records.get(own)
            if earlier is None or not self._repeats(one.record, earlier):
                continue
            if not acknowledged or self._proves(earlier, one.record):
                return earlier
        return None

    @staticmethod
    def _repeats(record: Record, earlier: Record) -> bool:
        within = 10 * MINUTE + HOUR * (Event.REFUSED in (record.event, earlier.event))
        return abs(record.recorded_at - earlier.recorded_at) <= within and record.recorded_at < earlier.valid_until

    @staticmethod
    def _proves(earlier: Record, record: Record) -> bool:
        same = earlier.purposes == record.purposes and earlier.services == record.services
        grants = bool(record.services) or any(record.purposes.values())
        return same and (earlier.subject == record.subject or not grants)

    def keep_notice(self, words: KeptNotice, shown: datetime) -> None:
        """Keep words once."""
        self.notices.setdefault(words.digest, [words, shown, None])

    def revoke(self, one: Revocation, now: datetime) -> None:
        """Never less than before."""
        new = {"not_before": one.not_before, "until": one.until, "added_at": now, "erased": one.erased}
        old = self.revoked.get(one.subject, new)
        self.revoked[one.subject] = {name: max(old[name], new[name]) for name in new}

    def publish(self, content: str, digest: str, words: Sequence[KeptNotice], now: datetime) -> bool:
        """Whether the edition is new."""
        if self.editions and self.editions[-1][1] == digest:
            return False
        since = max(now, self.editions[-1][0] + timedelta(milliseconds=1)) if self.editions else now
        self.editions.append([since, digest, content, None])
        for one in words:
            self.keep_notice(one, now)
        return True

    # The log

    def seal(self, now: datetime, keys: Sequence[SigningKey], at_most: int = 2000) -> Sealed:
        """Editions, notices, records."""
        begin, waiting = len(self.log), sorted(self.waiting, key=lambda own: own.int)[:at_most]
        for edition in self.editions:
            if edition[3] is None:
                edition[3] = len(self.log)
                said = {"day": f"{now.date()}", "digest": sha256(edition[2].encode()).hexdigest(), "kind": "edition"}
                self.log.append((canonical.encode(said).decode(), None))
        for digest, kept in sorted(self.notices.items(), key=lambda item: (item[1][1], item[0])):
            words: KeptNotice = kept[0]
            if kept[2] is None:
                kept[2] = len(self.log)
                html = sha256(words.html.encode()).hexdigest()
                said = {"day": f"{now.date()}", "digest": digest, "html": html, "kind": "notice"}
                said |= {"language": words.language, "revision": words.revision}
                self.log.append((canonical.encode(said).decode(), None))
        for own in waiting:
            self.log.append((self.public(own), own))
            del self.waiting[own]
        return Sealed(size=len(self.log), added=len(self.log) - begin, signed=self.sign(keys))

    def sign(self, keys: Sequence[SigningKey]) -> bool:
        """Whether there is a new checkpoint; one that nobody outside has goes then."""
        size, ids = len(self.log), {key.public.id for key in keys}
        there = self.checkpoints.get(size)
        if not keys or (there and ids <= there.keys):
            return False
        self.checkpoints = {of: one for of, one in self.checkpoints.items() if one.anchored}
        self.checkpoints[size] = Signed(ids, there.anchored if there else None)
        return True

    def erase(
        self, subject: bytes, now: datetime, keys: Sequence[SigningKey], found: list[str], drawn: Callable[[str], Any]
    ) -> Erased:
        """Delete what is there of a subject.

        :param found: What the log says now: in which order it takes several that wait is its own affair.
        :param drawn: Gives the record and salt of an entry that the ledger drew up itself.
        """
        waits = {self.public(own): own for own in self.waiting if self.records[own].subject == subject}
        taken = found[len(self.log) : len(self.log) + len(waits)]
        assert set(taken) == set(waits)
        for public in taken:
            self.log.append((public, waits[public]))
            del self.waiting[waits[public]]
        records = self.ordered(lambda record: record.subject == subject)
        decided = [record for record in records if record.method is not Method.ONCE]
        was_erased = subject in self.revoked and self.revoked[subject]["erased"]  # then it was withdrawn, too
        stands = bool(decided) and decided[-1].decision.grants_anything and decided[-1].valid_until > now
        stands = stands and not was_erased
        if stands:
            record, salt = drawn(found[len(self.log)])
            self._check_withdrawal(record, decided[-1], now)
            self._put(record, salt)
            self.log.append((self.public(record.record_id), record.record_id))
        places = self.places
        for record in records:
            index = places[record.record_id]
            said = {"day": f"{now.date()}", "index": index, "kind": "erasure"}
            self.log.append((canonical.encode(said).decode(), None))
            self.erased.add(index)
        self._delete(records)
        until = max([now, *(record.valid_until for record in records)]) + 30 * DAY  # at least
        self.revoke(Revocation(subject=subject, not_before=EVER, until=until, erased=True), now)
        self.sign(keys)
        return Erased(records=len(records), withdrew=stands)

    @staticmethod
    def _check_withdrawal(record: Record, latest: Record, now: datetime) -> None:
        hour = now.replace(minute=0, second=0, microsecond=0)
        assert (record.event, record.subject, record.recorded_at) == (Event.WITHDRAWN, None, hour)
        assert (record.notice, record.supersedes, record.services) == (None, None, ())
        assert record.purposes == dict.fromkeys(latest.purposes, False)

    def late(self) -> set[bytes]:
        """Erased subjects of which there is something again."""
        there = {record.subject for record in self.records.values()}
        return {subject for subject, one in self.revoked.items() if one["erased"] and subject in there}

    def purge(self, before: date, now: datetime, keys: Sequence[SigningKey]) -> int:
        """Delete what is old and stands no more."""
        self.seal(now, keys)
        old = self.ordered(lambda record: record.recorded_at.date() < before and record.valid_until <= now)
        if old:
            places = self.places
            self.purged |= {places[record.record_id] for record in old}
            said = {"before": f"{before}", "count": len(old), "day": f"{now.date()}", "kind": "purge"}
            self.log.append((canonical.encode(said).decode(), None))
            self._delete(old)
            self.sign(keys)
        return len(old)

    def _delete(self, records: Sequence[Record]) -> None:
        ids = {record.record_id for record in records}
        self.gone = [(own, self.openings.pop(own)[1]) for own in ids]
        for own in ids:
            del self.records[own]
        self.log = [(public, None if own in ids else own) for public, own in self.log]
        self.claims = {key: seen for key, seen in self.claims.items() if seen[0] not in ids}


def _claim(one: Entry) -> tuple[str, str]:
    return one.submission.request, one.submission.before


class WatchedEraser(Eraser):
    """Tells in which order a sweep took its subjects."""

    taken: list[bytes]

    def erase_subject(self, subject: bytes, *, now: datetime, receipts_end: datetime | None = None) -> Erased:
        """As ever."""
        self.taken.append(subject)
        return super().erase_subject(subject, now=now, receipts_end=receipts_end)


@dataclass
class Host:
    """One of those that share the ledger."""

    store: Store
    sequencer: Sequencer
    eraser: WatchedEraser
    keys: list[SigningKey]
    forgot: datetime | None = None


HOSTS = st.sampled_from([0, 0, 0, 1, 2])  # the second has the keys, too; the third has none
KINDS = st.sampled_from(["new", "new", "old", "old", "withdraw", "once", "refuse", "again", "same"])


class LogMachine(RuleBasedStateMachine):
    """See the module.

    :param url: Of a database whose tables are made; every example has a site of its own on it.
    """

    def __init__(self, url: str, figures: dict[str, int]) -> None:
        super().__init__()
        self.number = next(_EXAMPLES)
        self.numbers = itertools.count(self.number * 100_000)
        self.ledger = Ledger(url, f"site-{self.number}", timeout=20.0)
        self.chance = random.Random(self.number)
        self.now = NOW
        self.moments: set[datetime] = set()
        self.entries: list[Entry] = []
        self.subjects: list[bytes] = []
        self.model = Model()
        self.all_keys = list(self.ledger.keys)
        self.hosts = [self._host(keys) for keys in (self.ledger.keys, self.ledger.keys, [])]
        #: Every checkpoint that was ever seen: size, root, note.
        self.seen: list[tuple[int, bytes, str]] = []
        #: The tables after the last step.
        self.rows: dict[str, list[Any]] = {}
        self.figures = figures
        self.figures["examples"] += 1

    def _host(self, keys: list[SigningKey]) -> Host:
        store = Store(self.ledger.database, self.ledger.site)
        sequencer = Sequencer(self.ledger.database, self.ledger.site, lambda: keys)
        eraser = WatchedEraser(store, sequencer, entropy=self.chance.randbytes)
        eraser.taken = []
        return Host(store, sequencer, eraser, keys)

    def teardown(self) -> None:
        """A last look, unless a step has failed; then close what is open."""
        try:
            if self.model.is_provable and sys.exc_info()[0] is None:
                self._export(Selection())
                self.ledger.check()
        finally:
            self.ledger.database.close()

    # Appending

    def _moment(self, wanted: datetime) -> datetime:
        while wanted in self.moments:
            wanted += timedelta(milliseconds=1)
        self.moments.add(wanted)
        return wanted

    def _entry(self, kind: str, pick: int, at: datetime, words: int | None) -> Entry:
        """An entry of a *kind*, about the earlier entry or subject that *pick* names where the kind needs one."""
        number, site = next(self.numbers), self.ledger.site
        at = self._moment(at)
        if kind == "same" and self.entries:
            return self.entries[pick % len(self.entries)]
        if kind == "again" and self.entries:
            old = self.entries[pick % len(self.entries)]
            if old.record.event is not Event.REFUSED and pick % 2:  # shortly after, whenever that is
                at = self._moment(old.record.recorded_at + (pick % 16) * MINUTE)
            new = entry(number, at=at, site=site, subject=old.record.subject or b"-" * 16)
            fields = {
                name: getattr(old.record, name) for name in ("subject", "event", "purposes", "services", "method")
            }
            held = old.submission.before if pick % 3 else "another receipt"
            unchanged = old.record.event is Event.GIVEN and not pick % 3
            return sent(
                replace(new, record=replace(new.record, **fields), first=False, revokes=old.revokes),
                old.submission.request,
                held,
                unchanged=unchanged,
            )
        said: dict[str, Any] = {}
        kept = None
        if words is not None:
            kept = notice(words)
            said = {"notice": kept.digest, "language": kept.language}
        if kind == "refuse":
            hour = at.replace(minute=0, second=0, microsecond=0)
            made = entry(number, at=hour, site=site, event=Event.REFUSED, purposes=NOTHING, services=(), **said)
            made = replace(made, record=replace(made.record, subject=None))
        elif kind == "once":
            said |= {"method": Method.ONCE, "duration": Duration.SESSION}
            made = entry(number, at=at, site=site, valid_until=(at + DAY).replace(microsecond=0), **said)
        elif kind in ("old", "withdraw") and self.subjects:
            subject = self.subjects[pick % len(self.subjects)]
            revokes = Revocation(subject=subject, not_before=at, until=at + (180 + pick % 9) * DAY)
            if kind == "withdraw":
                said |= {"event": Event.WITHDRAWN, "purposes": NOTHING, "services": (), "method": Method.WITHDRAW}
            else:
                said |= {"event": (Event.GIVEN, Event.RENEWED)[pick % 2], "purposes": GRANT}
            made = entry(number, at=at, site=site, subject=subject, **said)
            made = replace(made, revokes=revokes if kind == "withdraw" or pick % 2 else None)
        else:
            if pick % 2:
                said["valid_until"] = (at + (1 + pick % 40) * DAY).replace(microsecond=0)
            made = entry(number, at=at, site=site, **said)
        if made.record.subject and made.record.subject not in self.subjects:
            self.subjects.append(made.record.subject)
        self.entries.append(made := replace(made, notice=kept))
        return made

    def _append(self, host: int, entries: Sequence[Entry], *, acknowledged: bool = False) -> None:
        at = self.hosts[host]
        forgets = at.forgot is None or abs(self.now - at.forgot) > 10 * MINUTE
        kept = at.store.append_many(entries, now=self.now, acknowledged=acknowledged)
        told = self.model.append(entries, self.now, acknowledged=acknowledged, forgets=forgets)
        assert kept == told
        at.forgot = self.now if forgets else at.forgot
        self.figures["appended"] += len(entries)

    @initialize(count=st.sampled_from([0, 0, 0, 252]))
    def begin(self, count: int) -> None:
        """Now and then with a log so large that its tree has stored nodes soon."""
        if count:
            self._append(0, [self._entry("new", 0, self.now, None) for _ in range(count)])
            assert self.hosts[0].sequencer.seal_all(self.now) == self.model.seal(self.now, self.ledger.keys)

    @rule(
        host=HOSTS,
        kinds=st.lists(KINDS, min_size=1, max_size=4),
        pick=st.integers(0, 999),
        words=st.sampled_from([None, None, 1, 2, 3]),
    )
    def answer(self, host: int, kinds: list[str], pick: int, words: int | None) -> None:
        """Visitors answer."""
        self.now += timedelta(milliseconds=1 + pick)
        self._append(host, [self._entry(kind, pick + n, self.now, words) for n, kind in enumerate(kinds)])

    @rule(
        host=HOSTS,
        kinds=st.lists(KINDS, min_size=1, max_size=5),
        pick=st.integers(0, 999),
        ago=st.sampled_from([1, 30, 700, 5000]),
        twice=st.booleans(),
    )
    def ship_late(self, host: int, kinds: list[str], pick: int, ago: int, twice: bool) -> None:
        """What waited elsewhere comes in, perhaps twice; its visitors have their receipts."""
        begin = self.now - ago * MINUTE
        entries = [self._entry(kind, pick + n, begin + n * MINUTE, None) for n, kind in enumerate(kinds)]
        self._append(host, entries + entries[: pick % 3], acknowledged=True)
        if twice:
            self._append((host + 1) % 3, entries, acknowledged=True)

    @rule(host=HOSTS, number=st.integers(0, 3), words=st.lists(st.integers(1, 5), max_size=2))
    def publish(self, host: int, number: int, words: list[int]) -> None:
        """The site declares something, perhaps what it did before."""
        content = canonical.encode({"number": number, "site": self.ledger.site})
        said = [notice(one) for one in words]
        new = self.hosts[host].store.publish(content, f"{number}", said, now=self.now)
        assert new == self.model.publish(content.decode(), f"{number}", said, self.now)

    # The log

    @rule(host=HOSTS, at_most=st.sampled_from([1, 3, 0]))
    def seal(self, host: int, at_most: int) -> None:
        """One batch, or all."""
        at = self.hosts[host]
        if at_most:
            done = at.sequencer.seal(self.now, at_most=at_most, wait=bool(at_most % 2))
            assert done == self.model.seal(self.now, at.keys, at_most)
        else:
            assert at.sequencer.seal_all(self.now) == self.model.seal(self.now, at.keys)
            assert not self.model.waiting

    @precondition(lambda self: len(self.all_keys) < 4)
    @rule(retire=st.booleans())
    def rotate(self, retire: bool) -> None:
        """Another key joins; perhaps the oldest goes."""
        key = SigningKey.generate(self.ledger.site, bytes([len(self.all_keys) + 1]) * 32)
        self.all_keys.append(key)
        self.ledger.keys.append(key)
        if retire and len(self.ledger.keys) > 2:
            del self.ledger.keys[0]

    @precondition(lambda self: self.seen)
    @rule(pick=st.integers(0, 99), with_note=st.booleans())
    def anchor(self, pick: int, with_note: bool) -> None:
        """Somebody outside takes one of the last checkpoints; without its note only one that is still there."""
        size, _, note = self.seen[-1 - pick % min(3, len(self.seen))]
        given = {"note": note} if with_note else {}
        anchor = self.hosts[0].sequencer.mark_anchored
        if size not in self.model.checkpoints and not with_note:
            with pytest.raises(StoreError, match="no checkpoint"):
                anchor(size, "a friend", self.now)
            return
        anchor(size, "a friend", self.now, **given)
        ids = signers(note, *self.all_keys)
        self.model.checkpoints.setdefault(size, Signed(ids)).anchored = self.now

    # Deleting

    def _found(self) -> list[str]:
        return [row["public"] for row in self.ledger.rows(tables.leaf)]

    def _drawn(self, public: str) -> tuple[Record, bytes]:
        (row,) = (row for row in self.ledger.rows(tables.leaf) if row["public"] == public)
        (kept,) = (one for one in self.ledger.rows(tables.record) if one["record_id"] == row["record_id"])
        return body.decode(kept["body"].encode()), kept["salt"]

    def _look_for_traces(self) -> None:
        """SQLite's files have nothing of what was just deleted."""
        if self.model.gone and not self.ledger.database.is_postgresql:
            salts = [salt for _, salt in self.model.gone]
            assert not traces(self.ledger.database.path, *salts)

    @rule(host=HOSTS, pick=st.integers(0, 999), whose=st.sampled_from(["known", "waiting", "waiting", "erased", "new"]))
    def erase(self, host: int, pick: int, whose: str) -> None:
        """A subject wants to be forgotten: one with records in the log or before it, one that was already, a stranger."""
        model, at = self.model, self.hosts[host]
        among: dict[str, list[bytes]] = {
            "known": self.subjects,
            "waiting": [who for own in model.waiting if (who := model.records[own].subject)],
            "erased": [who for who, one in model.revoked.items() if one["erased"]],
        }
        subjects = among.get(whose) or [self.chance.randbytes(16)]
        subject = subjects[pick % len(subjects)]
        self.model.gone = []
        done = at.eraser.erase_subject(subject, now=self.now)
        assert done == self.model.erase(subject, self.now, at.keys, self._found(), self._drawn)
        self._look_for_traces()

    @rule(host=HOSTS)
    def sweep(self, host: int) -> None:
        """What came in late of erased subjects goes."""
        at = self.hosts[host]
        at.eraser.taken.clear()
        gone = at.eraser.sweep(now=self.now)
        late = self.model.late()
        assert (set(at.eraser.taken), len(at.eraser.taken)) == (late, len(late))
        found = self._found()
        erased = [self.model.erase(one, self.now, at.keys, found, self._drawn) for one in at.eraser.taken]
        assert gone == sum(one.records for one in erased)
        kept = {subject: one for subject, one in self.model.revoked.items() if one["until"] >= self.now}
        self.model.revoked = kept

    @rule(host=HOSTS, days=st.sampled_from([-1, 0, 1, 30]), passes=st.sampled_from([0, 2, 45, 250, 4000]))
    def purge(self, host: int, days: int, passes: int) -> None:
        """Time passes; then what is older than some days goes."""
        self.now += passes * DAY
        at, before = self.hosts[host], (self.now - days * DAY).date()
        self.model.gone = []
        assert at.eraser.purge(before, now=self.now) == self.model.purge(before, self.now, at.keys)
        self._look_for_traces()

    @rule(minutes=st.sampled_from([1, 9, 70, 3000]))
    def wait(self, minutes: int) -> None:
        """Time passes."""
        self.now += minutes * MINUTE

    # Exports

    def _export(self, selection: Selection) -> None:
        """Make one and verify it with every checkpoint ever seen."""
        model = self.model
        assert list(self.ledger.store.records()) == model.ordered()
        sizes = tuple({size for size, _, _ in self.seen if size > 0})
        data = self.ledger.export(selection, sizes=sizes)
        notes = {f"{at}": note.encode() for at, (_, _, note) in enumerate(self.seen)}
        report = verify(Source.of(data), [key.public for key in self.all_keys], notes)
        assert (report.verdict, report.reasons) == (Verdict.VALID, ())
        assert report.size == model.signed
        assert set(report.anchors) == {size for size, _, _ in self.seen}
        assert report.is_partial == (selection.plain is not None)
        assert report.counts == self._counts(selection)
        self.figures["exports"] += 1
        self.figures["selections"] += report.is_partial

    def _counts(self, selection: Selection) -> Counts:
        model = self.model

        def takes(own: UUID | None) -> bool:
            if own is None:
                return False
            record = model.records[own]
            return (
                (selection.subject is None or record.subject == selection.subject)
                and (not selection.events or record.event in selection.events)
                and (selection.since is None or record.recorded_at >= selection.since)
            )

        is_whole = selection.plain is None
        covered = model.log[: model.signed]
        later = [own for _, own in model.log[model.signed :]] + list(model.waiting)
        return Counts(
            records=sum(takes(own) for _, own in covered),
            erased=len(model.erased) if is_whole else 0,
            purged=len(model.purged) if is_whole else 0,
            unsequenced=sum(takes(own) for own in later),
            notices=sum('"kind":"notice"' in public for public, _ in covered),
            editions=sum('"kind":"edition"' in public for public, _ in covered),
        )

    @rule(pick=st.integers(0, 999), kind=st.sampled_from(["whole", "whole", "subject", "event", "since"]))
    def export(self, pick: int, kind: str) -> None:
        """An auditor gets all of it, or some."""
        selection = Selection()
        if kind == "subject":
            subject = self.subjects[pick % len(self.subjects)] if self.subjects else b"?" * 16
            selection = Selection(subject=subject)
        elif kind == "event":
            selection = Selection(events=frozenset({list(Event)[pick % 4]}))
        elif kind == "since":
            selection = Selection(since=self.now - pick * HOUR)
        if not self.model.is_provable:
            with pytest.raises(StoreError, match="signed"):
                self.ledger.export(selection)
            return
        self._export(selection)

    # What holds after every step

    @invariant()
    def the_tables_are_the_model(self) -> None:
        """Every row of every table, and nothing else."""
        model, log = self.model, Log.read(self.ledger.database, self.ledger.site)
        log.check()
        self.rows = self._look()
        found = {own: (row.body.encode(), row.salt) for own, row in log.records.items()}
        assert found == model.openings
        assert log.pending.keys() == model.waiting.keys()
        assert [(row.public, row.record_id) for row in log.leaves] == model.log
        if log.head is not None:
            hashes = [leaf_hash(public) for public, _ in model.log]
            assert log.head.root == root_of(hashes)
            stored = [(row["level"], row["position"], row["hash"]) for row in self.rows["consent_node"]]
            whole = range(len(hashes) // 256)
            assert stored == [(8, at, root_of(hashes[256 * at : 256 * (at + 1)])) for at in whole]
        assert (log.head.size if log.head else 0) == len(model.log)
        claims = {
            (row["request"], row["before"]): (row["record_id"], _ms(row["recorded_at"]))
            for row in self.rows["consent_submission"]
        }
        assert claims == model.claims
        words = self.rows["consent_notice"]
        notices = {row["digest"]: [row["text"], _ms(row["first_shown"]), row["position"]] for row in words}
        assert notices == {digest: [kept.text, shown, at] for digest, (kept, shown, at) in model.notices.items()}
        editions = [
            [_ms(row["since"]), row["digest"], row["body"], row["position"]] for row in self.rows["consent_edition"]
        ]
        assert editions == model.editions
        times = ("not_before", "until", "added_at")
        revoked = {
            row["subject"]: {name: _ms(row[name]) for name in times} | {"erased": row["erased"]}
            for row in self.rows["consent_revocation"]
        }
        for who, one in model.revoked.items():
            if one["erased"] and revoked[who]["until"] > one["until"]:
                one["until"] = revoked[who]["until"]  # how much longer is the ledger's own affair
        assert revoked == model.revoked
        self.checkpoints_continue_each_other()
        self.nothing_is_left_of_who_was_erased()
        self.figures["steps"] += 1

    def _look(self) -> dict[str, list[Any]]:
        """All rows of the site, in one transaction."""
        with self.ledger.database.read() as connection:
            return {
                table.name: list(connection.execute(_EVERYTHING[table.name], {"here": self.ledger.site}).mappings())
                for table in tables.metadata.sorted_tables
            }

    def checkpoints_continue_each_other(self) -> None:
        """Sizes never fall; what was signed once is the beginning of the log for ever, and can be proved to be."""
        model, status = self.model, self.ledger.sequencer.status()
        assert {row["size"]: bool(row["anchored_at"]) for row in self.rows["consent_checkpoint"]} == {
            size: bool(one.anchored) for size, one in model.checkpoints.items()
        }
        assert (status.size, status.pending) == (len(model.log), len(model.waiting))
        assert status.waiting_since == min(model.waiting.values(), default=None)
        assert status.checkpoint_size == max(model.signed, 0)
        if status.checkpoint is None or (self.seen and self.seen[-1][2] == status.checkpoint):
            return
        assert signers(status.checkpoint, *self.all_keys) == model.checkpoints[model.signed].keys
        new = Checkpoint.parse(status.checkpoint.partition("\n\n")[0] + "\n")
        assert new.size == len(model.log)  # whoever signs, signs all
        with snapshot(self.ledger.database, self.ledger.site) as seen:
            for size, root, _ in self.seen:
                assert size <= new.size
                if 0 < size < new.size:
                    proof = merkle.consistency_proof(size, new.size, seen.subtree)
                    merkle.verify_consistency(size, root, new.size, new.root, proof)
                else:
                    assert size == 0 or root == new.root
        self.seen.append((new.size, new.root, status.checkpoint))

    def nothing_is_left_of_who_was_erased(self) -> None:
        """Neither their ids nor those of their records nor the salts are in any table, but that their receipts are void."""
        there = {record.subject for record in self.model.records.values()}
        erased = [who for who, one in self.model.revoked.items() if one["erased"] and who not in there]
        followed = {record.supersedes for record in self.model.records.values()}  # of a purged one this word stays
        ids = [own for own, _ in self.model.gone if own not in self.model.records and own not in followed]
        salts = [salt for own, salt in self.model.gone if own not in self.model.records]
        if not erased and not ids:
            return
        values: list[Any] = []
        for name, rows in self.rows.items():
            if name != "consent_revocation":
                values += itertools.chain.from_iterable(row.values() for row in rows)
        blobs = b"\0".join(value for value in values if isinstance(value, bytes))
        texts = "\0".join(str(value) for value in values if isinstance(value, str | UUID))
        for needle in erased + salts:
            assert needle not in blobs
            assert needle.hex() not in texts
        for own in ids:
            assert str(own) not in texts


def _ms(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC) + timedelta(milliseconds=milliseconds % 1000)


def run(url: str, *, examples: int, steps: int) -> dict[str, int]:
    """Run the machine on the database of *url*; how much it did."""
    figures = dict.fromkeys(("examples", "steps", "appended", "exports", "selections"), 0)
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=False,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    class Here(LogMachine):
        def __init__(self) -> None:
            super().__init__(url, figures)

    run_state_machine_as_test(Here, settings=chosen)
    return figures


@pytest.mark.slow
def test_a_ledger_is_what_its_model_says(database_url: str, report: Callable[[str], None]) -> None:
    """On each engine."""
    ledger = Ledger(database_url)
    ledger.database.upgrade()
    is_postgresql = ledger.database.is_postgresql
    ledger.database.close()
    begin = time.monotonic()
    figures = run(database_url, examples=15 if is_postgresql else 40, steps=25 if is_postgresql else 30)
    said = ", ".join(f"{number} {name}" for name, number in figures.items())
    name = "PostgreSQL" if is_postgresql else "SQLite"
    report(f"the ledger and its model on {name}: {said} in {time.monotonic() - begin:.1f} s")
