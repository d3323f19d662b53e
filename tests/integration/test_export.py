"""Exports of a real log, on both engines: what they hold, that they verify, and that they can be continued."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent.edition import edition
from consent.ledger import Database, Entry, Eraser, Event, KeptNotice, Sequencer, Snapshot, Store, snapshot
from consent.ledger.export import (
    Declarations,
    Ndjson,
    NotResumableError,
    Part,
    Records,
    Selection,
    csv_table,
    dpv,
    kantara,
    resume,
)
from consent.proof.note import SigningKey
from consent.proof.reading import Source
from consent.proof.verdict import Report, Verdict
from consent.proof.verify import verify
from tests.entries import NOW, SITE, entry
from tests.policies import policy

KEY = SigningKey.generate(SITE, bytes(32))
OTHER_KEY = SigningKey.generate(SITE, bytes([1]) * 32)
POLICY = policy()
SUBJECT = b"s" * 16
LATER = NOW + timedelta(hours=1)


@dataclass
class Log:
    """A site's ledger on one engine, with its keys."""

    database: Database
    keys: list[SigningKey] = field(default_factory=lambda: [KEY])

    def __post_init__(self) -> None:
        self.database.upgrade()
        self.store = Store(self.database, SITE)
        self.sequencer = Sequencer(self.database, SITE, lambda: self.keys)
        self.eraser = Eraser(self.store, self.sequencer, entropy=os.urandom)

    def add(self, *entries: Entry) -> None:
        """Keep entries, without giving them their place."""
        self.store.append_many(entries, now=NOW)

    def seal(self) -> None:
        """Sequence what waits, and sign."""
        self.sequencer.seal_all(NOW)

    @cached_property
    def declarations(self) -> Declarations:
        """What was declared when this is first asked for."""
        return Declarations(POLICY, self.store.editions())

    def made(self, log: Snapshot, selection: Selection | None = None, **options: Any) -> Ndjson:
        """An export, not yet begun."""
        options = {"made_at": LATER} | options
        return Ndjson(log, selection or Selection(), self.declarations.purpose_of, self.keys, **options)

    def export(self, selection: Selection | None = None, **options: Any) -> bytes:
        """An export, whole."""
        with snapshot(self.database, SITE) as log:
            return b"".join(self.made(log, selection, **options).blocks())

    def continued(self, part: bytes, selection: Selection | None = None, **options: Any) -> bytes:
        """The export that *part* is the beginning of.

        :raises NotResumableError: it is none.
        """
        with snapshot(self.database, SITE) as log:
            return continued(self, log, part, selection or Selection(), **options)


def continued(kept: Log, log: Snapshot, part: bytes, selection: Selection, sizes: tuple[int, ...] = ()) -> bytes:
    """:meth:`Log.continued` within a snapshot."""
    found = read_part(part)
    resume.check(found, log, selection, kept.keys, sizes)
    made = kept.made(log, selection, part=found, sizes=sizes)
    return part[: found.bytes] + b"".join(made.blocks())


def read_part(part: bytes) -> Part:
    """What is sound in *part*."""
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(part)
        assert isinstance(file, FileIO)
        return resume.read(file)


def verdict(export: bytes, checkpoints: dict[str, bytes] | None = None, key: SigningKey = KEY) -> Report:
    """What the verifier says."""
    return verify(Source.of(export), [key.public], checkpoints)


def lines(export: bytes) -> list[dict[str, Any]]:
    """The lines of an export, read."""
    return [json.loads(line) for line in export.splitlines()]


def records(export: bytes) -> list[dict[str, Any]]:
    """The open records of an export."""
    return [line["record"] for line in lines(export) if line["type"] == "leaf" and "record" in line]


def notice(language: str) -> KeptNotice:
    """Words in *language*."""
    text = json.dumps({"said": f"Dürfen wir? ({language})"}, ensure_ascii=False)
    digest = sha256(text.encode()).hexdigest()
    return KeptNotice(digest=digest, language=language, revision="12345678", text=text, html=f"<p>{language}</p>")


def varied(number: int) -> Entry:
    """Entries of all sorts."""
    events = list(Event)
    refused = events[number % len(events)] is Event.REFUSED
    made = entry(
        number,
        at=NOW + timedelta(minutes=number),
        subject=SUBJECT if number % 5 == 0 and not refused else None,
        event=events[number % len(events)],
        purposes={"statistics": number % 2 == 0, "social": number % 3 == 0} if number % 7 else {},
        services=("youtube",) if number % 7 == 0 else (),
        policy_hash=POLICY.digest,
        notice=notice("de").digest if number % 4 == 0 else None,
        language="de" if number % 4 == 0 else None,
    )
    record = replace(made.record, subject=None if refused else made.record.subject)
    return replace(made, record=record, notice=notice("de") if number % 4 == 0 else None, first=False)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty database, on each engine."""
    made = Database(database_url, timeout=2)
    yield made
    made.close()


@pytest.fixture
def log(database: Database) -> Log:
    """A ledger with a policy, words and 40 records of all sorts, sealed."""
    made = Log(database)
    said = edition(POLICY, {"en": notice("en").digest}, since=NOW)
    made.store.publish(said.body, said.digest, [notice("en")], now=NOW)
    made.add(*map(varied, range(40)))
    made.seal()
    return made


def test_a_full_export_verifies(log: Log) -> None:
    """Everything is in it: 40 records, two wordings, an edition."""
    said = verdict(log.export())
    assert (said.verdict, said.reasons, said.is_partial) == (Verdict.VALID, (), False)
    assert said.counts is not None
    assert (said.counts.records, said.counts.notices, said.counts.editions) == (40, 2, 1)


def test_exports_of_one_log_are_equal_byte_for_byte(log: Log) -> None:
    """But for when they were made."""
    assert log.export() == log.export()
    first, *rest = log.export(made_at=NOW).splitlines()
    assert first != log.export().splitlines()[0]
    assert rest[:-1] == log.export().splitlines()[1:-1]


def test_an_empty_log_is_exported(database: Database) -> None:
    """What was signed is nothing, and it verifies."""
    empty = Log(database)
    empty.seal()
    said = verdict(empty.export())
    assert (said.verdict, said.size) == (Verdict.VALID, 0)
    assert verdict(empty.export(Selection(subject=SUBJECT))).is_partial


SELECTIONS = st.builds(
    Selection,
    since=st.none() | st.integers(-5, 45).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    until=st.none() | st.integers(-5, 45).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    purposes=st.frozensets(st.sampled_from(["statistics", "social", "marketing"]), max_size=2),
    events=st.frozensets(st.sampled_from(list(Event)), max_size=3),
    subject=st.none() | st.just(SUBJECT),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(selection=SELECTIONS)
def test_a_selection_is_what_of_the_whole_is_selected(log: Log, selection: Selection) -> None:
    """It verifies, holds those records and no other, and every wording and edition."""
    whole, part = log.export(), log.export(selection)
    assert records(part) == [one for one in records(whole) if selection.takes(one, log.declarations.purpose_of)]
    words = [line for line in lines(whole) if "notice" in line or "edition" in line]
    assert [{**line, "proof": None} for line in lines(part) if "notice" in line or "edition" in line] == [
        {**line, "proof": None} for line in words
    ] or selection == Selection()
    said = verdict(part)
    assert (said.verdict, said.reasons) == (Verdict.VALID, ())
    assert said.is_partial is (selection != Selection())


def test_every_entry_of_a_large_selection_is_proved(log: Log) -> None:
    """Also where neighbours share most of their proofs, and at the ragged end of the tree."""
    log.add(*(entry(number, at=NOW + timedelta(minutes=number)) for number in range(1000, 1700)))
    log.seal()
    said = verdict(log.export(Selection(since=NOW)))
    assert (said.verdict, said.reasons) == (Verdict.VALID, ())
    assert said.counts is not None
    assert said.counts.records == 740


def test_a_selection_is_provable_against_earlier_checkpoints(log: Log) -> None:
    """Those that were handed out, and those that are asked for."""
    old = log.sequencer.status()
    assert old.checkpoint is not None
    log.sequencer.mark_anchored(old.checkpoint_size, "a friend", NOW)
    log.add(varied(50))
    log.seal()
    middle = log.sequencer.status()
    assert middle.checkpoint is not None
    log.add(varied(51))
    log.seal()
    some = Selection(subject=SUBJECT)
    held = {"old": old.checkpoint.encode()}
    assert verdict(log.export(some), held).anchored == old.checkpoint_size
    both = held | {"middle": middle.checkpoint.encode()}
    assert verdict(log.export(some), both).verdict is Verdict.NOT_CHECKED
    said = verdict(log.export(some, sizes=[middle.checkpoint_size]), both)
    assert said.anchors == (old.checkpoint_size, middle.checkpoint_size)
    assert verdict(log.export(), both).anchors == (old.checkpoint_size, middle.checkpoint_size)


def test_erased_and_purged_records_are_closed_and_accounted_for(log: Log) -> None:
    """The export of a log with holes verifies; the holes are in no other format."""
    gone = log.eraser.erase_subject(SUBJECT, now=NOW + timedelta(minutes=50)).records
    assert gone
    export = log.export()
    said = verdict(export)
    assert said.verdict is Verdict.VALID
    assert said.counts is not None
    assert said.counts.erased == gone
    assert SUBJECT.hex().encode() not in export
    with snapshot(log.database, SITE) as look:
        shown = list(Records(look, Selection(), log.declarations.purpose_of, lambda _: None))
    assert len(shown) == said.counts.records
    assert verdict(log.export(Selection(events=frozenset({Event.GIVEN})))).verdict is Verdict.VALID


def test_an_erasure_during_an_export_does_not_break_it(log: Log) -> None:
    """What was begun shows the log as it was; what is begun then does not have the records any more."""
    log.add(*(entry(number, at=NOW + timedelta(minutes=number), subject=SUBJECT) for number in range(2000, 3300)))
    log.seal()
    with snapshot(log.database, SITE) as look:
        blocks = log.made(look).blocks()
        first = next(blocks)
        assert len(first) < 1 << 21, "it comes in pieces, so that a large log needs no more memory than a small one"
        gone = log.eraser.erase_subject(SUBJECT, now=LATER).records
        export = first + b"".join(blocks)
    assert gone > 1300
    said = verdict(export)
    assert (said.verdict, said.reasons) == (Verdict.VALID, ())
    assert said.counts is not None
    assert (said.counts.records, said.counts.erased) == (1340, 0)
    after = verdict(log.export())
    assert after.counts is not None
    assert (after.verdict, after.counts.erased) == (Verdict.VALID, gone)


def test_records_without_a_place_in_the_log_are_told(log: Log) -> None:
    """Where this host cannot seal, an export goes up to the last checkpoint and shows the rest apart."""
    log.add(varied(60), varied(61))
    said = verdict(log.export())
    assert (said.verdict, said.counts and said.counts.unsequenced) == (Verdict.VALID, 2)
    keys, log.keys = log.keys, []
    log.seal()  # in the log now, and not signed
    log.keys = keys
    said = verdict(log.export())
    assert (said.verdict, said.counts and said.counts.unsequenced) == (Verdict.VALID, 2)
    some = Selection(since=NOW + timedelta(minutes=61))
    assert [line["record"]["record_id"] for line in lines(log.export(some)) if line["type"] == "unsequenced"] == [
        str(varied(61).record.record_id)
    ]
    with snapshot(log.database, SITE) as look:
        shown = Records(look, Selection(), log.declarations.purpose_of, lambda _: None)
        assert [one.index for one in shown][-3:] == [42, None, None]
        assert (shown.count, shown.unsequenced) == (42, 2)


def test_several_keys_sign(log: Log) -> None:
    """Whoever holds the public half of any of them can check."""
    log.keys = [KEY, OTHER_KEY]
    log.add(varied(70))
    log.seal()
    export = log.export()
    assert verdict(export, key=KEY).verdict is verdict(export, key=OTHER_KEY).verdict is Verdict.VALID


def test_progress_is_told(log: Log) -> None:
    """In entries of the log, up to all of them."""
    seen: list[int] = []
    with snapshot(log.database, SITE) as look:
        b"".join(log.made(look).blocks(seen.append))
        assert seen == [0, look.size]
        seen.clear()
        list(Records(look, Selection(), log.declarations.purpose_of, seen.append))
        assert seen == [0, look.size]


@pytest.fixture
def small(database: Database) -> Log:
    """A ledger with an edition, words, three records, one of them erased, and one that waits."""
    made = Log(database)
    said = edition(POLICY, {}, since=NOW)
    made.store.publish(said.body, said.digest, [notice("de")], now=NOW)
    made.add(varied(1), varied(4), entry(9, subject=SUBJECT, valid_until=NOW + timedelta(seconds=1)))
    made.eraser.erase_subject(SUBJECT, now=LATER)
    made.seal()
    made.add(varied(6))
    return made


@pytest.mark.parametrize("selection", [Selection(), Selection(since=NOW)], ids=["full", "selection"])
def test_an_export_that_broke_off_anywhere_is_continued_to_the_same(small: Log, selection: Selection) -> None:
    """Cut behind any byte at all: what comes out is the export, byte for byte."""
    whole = small.export(selection)
    header = whole.index(b"\n") + 1
    done: dict[int, tuple[int, ...]] = {}
    with snapshot(small.database, SITE) as look:
        for cut in range(header, len(whole) + 1):
            part = read_part(whole[:cut])
            assert part.bytes <= cut
            assert part.digest.digest() == sha256(whole[: part.bytes]).digest()
            counts = (part.lines, part.leaves, part.records, part.next)
            if part.bytes not in done:  # all that follows depends on nothing else
                assert continued(small, look, whole[:cut], selection) == whole, cut
            assert done.setdefault(part.bytes, counts) == counts
    assert len(done) == len([line for line in lines(whole) if line["type"] in ("export", "leaf")])


def test_what_has_not_even_a_header_is_not_continued(small: Log) -> None:
    """Cut behind any byte of the first line, there is nothing to go on with."""
    whole = small.export()
    for cut in range(whole.index(b"\n") + 1):
        with pytest.raises(NotResumableError, match="not the beginning of an export"):
            read_part(whole[:cut])


def test_what_is_broken_in_the_middle_is_written_anew(small: Log) -> None:
    """A block that never reached the disk, a line twice, one left out: what is behind it is not trusted either."""
    whole = small.export()
    rows = whole.splitlines(keepends=True)
    holed = bytearray(whole)
    holed[len(whole) // 2 : len(whole) // 2 + 512] = bytes(512)
    for part in (bytes(holed), b"".join([*rows[:3], rows[2], *rows[3:]]), b"".join([*rows[:2], *rows[3:]])):
        assert small.continued(part) == whole
    assert read_part(whole).leaves == len(rows) - 3, "all but header, waiting record and manifest"


def test_an_export_is_continued_after_more_came_in(small: Log) -> None:
    """It stays one of the log as it was when it was begun; what came since is told apart."""
    whole = small.export()
    small.add(varied(80), varied(81))
    small.seal()
    said = verdict(small.continued(whole[: len(whole) // 2]))
    assert (said.verdict, said.counts and said.counts.unsequenced) == (Verdict.VALID, 3)
    assert said.size == len(lines(whole)) - 3


def test_an_export_is_not_continued_after_an_erasure(small: Log) -> None:
    """What is there may hold what has to go."""
    part = small.export()[:-10]
    assert small.continued(part)
    small.eraser.erase_subject(varied(4).record.subject or b"", now=LATER)
    with pytest.raises(NotResumableError, match="erased or purged since"):
        small.continued(part)
    part = small.export()[:-10]
    small.eraser.purge(NOW.date() + timedelta(days=1), now=NOW + timedelta(days=400))
    with pytest.raises(NotResumableError, match="erased or purged since"):
        small.continued(part)


def test_only_the_same_export_is_continued(small: Log) -> None:
    """Another selection, key, checkpoint or log says what is different."""
    some = Selection(since=NOW)
    part = small.export(some)[:-10]
    with pytest.raises(NotResumableError, match="selects other records"):
        small.continued(part)
    with pytest.raises(NotResumableError, match="begun without that --checkpoint"):
        small.continued(part, some, sizes=(1,))
    assert small.continued(small.export(some, sizes=[1])[:-10], some, sizes=(1,))
    small.keys = [OTHER_KEY]
    with pytest.raises(NotResumableError, match="another key"):
        small.continued(part, some)
    small.keys = [KEY]
    for old, new, why in (
        (b'"site":"example","type":"export"', b'"site":"elsewhere","type":"export"', "an export of elsewhere"),
        (b"consentry-export/1", b"consentry-export/2", "not the beginning"),
    ):
        assert old in part
        with pytest.raises(NotResumableError, match=why):
            small.continued(part.replace(old, new), some)


def test_the_export_of_another_log_of_the_site_is_not_continued(small: Log, tmp_path: Path) -> None:
    """Such as that of a copy that went its own way."""
    other = Log(Database(f"sqlite:///{tmp_path / 'other.sqlite3'}"))
    other.add(varied(2))
    other.seal()
    part = other.export()[:-10]
    other.database.close()
    with pytest.raises(NotResumableError, match="another log"):
        small.continued(part)


def test_the_formats_for_looking_at_agree_with_the_log(log: Log) -> None:
    """The same records in each, with the index that the full export gives them."""
    whole = [line for line in lines(log.export()) if "record" in line]

    def read(made: Any) -> bytes:
        with snapshot(log.database, SITE) as look:
            return b"".join(made(Records(look, Selection(), log.declarations.purpose_of, lambda _: None)))

    rows = list(csv.DictReader(io.StringIO(read(csv_table.blocks).decode(), newline="")))
    assert [(int(row["index"]), row["record_id"]) for row in rows] == [
        (line["index"], line["record"]["record_id"]) for line in whole
    ]
    site = dpv.Site(preferences="/consent/preferences")
    document = json.loads(read(lambda found: dpv.blocks(found, found.notice_days, log.declarations, site, now=LATER)))
    assert [one["dct:identifier"] for one in document["@graph"]] == [row["record_id"] for row in rows]
    dates = {one["dpv:hasNotice"].get("dct:date") for one in document["@graph"]}
    assert dates == {NOW.date().isoformat(), None}, "words come before the records that refer to them"
    receipts = json.loads(read(lambda found: kantara.blocks(found, log.declarations, policy_url="/")))
    given = [line["record"] for line in whole if line["record"]["event"] in ("given", "renewed")]
    granted = [one["record_id"] for one in given if one["services"] or any(one["purposes"].values())]
    assert [one["consentReceiptID"] for one in receipts] == granted


def test_times_are_those_of_the_record(log: Log) -> None:
    """``since`` is in, ``until`` is out."""
    moments = sorted(one["recorded_at"] for one in records(log.export()))
    edge = datetime.fromisoformat(moments[10])
    assert [one["recorded_at"] for one in records(log.export(Selection(until=edge)))] == moments[:10]
    assert [one["recorded_at"] for one in records(log.export(Selection(since=edge)))] == moments[10:]
