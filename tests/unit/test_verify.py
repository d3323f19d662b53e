"""What the verifier makes of exports as they should be, and of logs that do not add up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.proof import leaf, lines, parallel, reading
from consent.proof.note import SigningKey
from consent.proof.reading import Source
from consent.proof.verdict import Counts, Report, Verdict
from consent.proof.verify import verify
from tests import exports
from tests.exports import KEY, STRANGER, Entry, Log

KEYS = [KEY.public]


def seen(data: bytes, checkpoints: Mapping[str, str] | None = None) -> Report:
    """What the verifier makes of *data*."""
    return verify(Source.of(data), KEYS, {name: note.encode() for name, note in (checkpoints or {}).items()})


def reasons(data: bytes, **checkpoints: str) -> list[str]:
    """What it finds wrong."""
    return [str(reason) for reason in seen(data, checkpoints).reasons]


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """Any log that a site could have: records, words, erasures and purges in any order."""
    log = Log(seed=draw(st.integers(0, 99)))
    for step in draw(
        st.lists(st.sampled_from(["record", "record", "word", "edition", "erase", "purge", "wait"]), max_size=40)
    ):
        opened = [index for index, entry in enumerate(log.entries) if entry.body]
        if step == "record":
            log.record(days=draw(st.sampled_from([0, 0, 1, 20])), notice=None)
        elif step == "word":
            log.notice(text=f"{len(log.entries)}")
        elif step == "edition":
            log.edition()
        elif step == "erase" and opened:
            log.erase(draw(st.sampled_from(opened)))
        elif step == "purge":
            log.purge(exports.later(draw(st.integers(0, 60))))
        elif step == "wait":
            log.wait(notice=None)
    return log


@given(logs(), st.data())
@settings(deadline=None, max_examples=60)
def test_whatever_a_site_does_by_the_rules_verifies(log: Log, data: st.DataObject) -> None:
    """A whole export is valid, its counts are true, and it continues every checkpoint there ever was."""
    size = len(log.entries)
    old = data.draw(st.lists(st.integers(0, size), max_size=4))
    report = seen(log.export(), {str(begin): log.checkpoint(begin) for begin in old})
    assert (report.verdict, report.reasons) == (Verdict.VALID, ())
    kinds = [leaf.parse(entry.public).kind for entry in log.entries]
    assert report.counts is not None
    counts = report.counts
    assert counts.erased == kinds.count("erasure")
    assert counts.records + counts.erased + counts.purged == kinds.count("record")
    assert (counts.notices, counts.editions) == (kinds.count("notice"), kinds.count("edition"))
    assert counts.unsequenced == len(log.waiting)
    assert report.anchors == tuple(sorted(set(old)))
    assert report.anchored == max(old, default=0)


@given(logs(), st.data())
@settings(deadline=None, max_examples=60)
def test_any_selection_verifies_as_partial(log: Log, data: st.DataObject) -> None:
    """Any open records, with all words, prove to stand in the log, and that it continues the checkpoint asked for."""
    size = len(log.entries)
    old = data.draw(st.integers(0, size))
    shown = {index for index, entry in enumerate(log.entries) if entry.body or entry.notice or entry.edition}
    only = {index for index in shown if data.draw(st.booleans()) or not log.entries[index].body}
    report = seen(log.export(only=only, old=[old]), {"old": log.checkpoint(old)})
    assert (report.verdict, report.reasons, report.is_partial) == (Verdict.VALID, (), True)
    assert report.anchored == old


@given(
    st.integers(1, 3000),
    st.lists(st.tuples(st.integers(1, 13), st.integers(1, 13), st.sampled_from("mcrx")), max_size=5),
)
@settings(deadline=None, max_examples=200)
def test_it_does_not_matter_where_the_file_is_cut(length: int, changes: list[tuple[int, int, str]]) -> None:
    """However many parts are read, verdict and reasons are those of the whole file read at once."""
    log = exports.small()
    written = log.lines()
    for one, other, kind in changes:
        line = written[one] if kind == "c" else written.pop(one)
        if kind in "mc":
            written.insert(other, line)
        elif kind == "x":
            written.insert(one, line.replace(b'"', b"'", 2))
        written += [exports.small().lines()[1]] * (14 - len(written))
    data = log.signed(written)
    expected = seen(data, {"old": log.checkpoint(7)})
    before, parallel.PART_BYTES = parallel.PART_BYTES, length
    try:
        assert seen(data, {"old": log.checkpoint(7)}) == expected
    finally:
        parallel.PART_BYTES = before


def test_the_facts_are_those_of_the_export() -> None:
    """Site, log, key, size, root, period and counts, as a person or a program reads them."""
    log = exports.small()
    report = seen(log.export(), {"old": log.checkpoint(9)})
    assert report == Report(
        verdict=Verdict.VALID,
        site="example.org",
        origin="example.org/consent",
        keys=(f"example.org/consent+{KEY.public.id}",),
        made_at="2026-11-22T10:00:00+00:00",
        size=12,
        root=log.root(),
        first="2026-04-11T08:00:04.000+00:00",
        last="2026-04-13T08:00:08.000+00:00",
        counts=Counts(records=4, erased=1, purged=3, unsequenced=1, notices=1, editions=1),
        anchors=(9,),
    )
    told = json.loads(json.dumps(report.to_json()))
    assert told["verdict"] == "VALID"
    assert told["anchored"] is True
    assert told["counts"]["purged"] == 3


def test_an_export_of_an_empty_log_verifies() -> None:
    """A site that was just set up has nothing to hide."""
    log = Log()
    assert seen(log.export()).verdict is Verdict.VALID
    log.wait(notice=None)
    report = seen(log.export(), {"old": log.checkpoint()})
    assert report.verdict is Verdict.VALID
    assert report.anchored == 0


def test_either_of_two_keys_will_do() -> None:
    """After a change of keys an auditor may have the old one, the new one or both."""
    log = exports.small()
    both = [KEY, STRANGER]
    written = log.lines(checkpoint=log.checkpoint(keys=both))
    data = log.signed(written)
    assert seen(data).verdict is Verdict.VALID
    assert len(verify(Source.of(data), [key.public for key in both]).keys) == 2
    other = log.signed(log.lines(checkpoint=log.checkpoint(keys=[STRANGER])), key=STRANGER)
    assert verify(Source.of(other), [STRANGER.public, KEY.public]).verdict is Verdict.VALID


def test_a_key_of_another_name_cannot_sign_for_the_log() -> None:
    """A key that the auditor trusts for one site says nothing about another."""
    log, other = exports.small(), SigningKey.generate("example.net/consent", bytes(32))
    text = log.checkpoint().replace("example.org/consent", "example.net/consent", 1).partition("\n\n")[0] + "\n"
    from consent.proof import note

    forged = note.sign(text.replace("example.net", "example.org", 1), [other])
    report = verify(Source.of(log.signed(log.lines(checkpoint=forged))), [KEY.public, other.public])
    assert report.verdict is Verdict.NOT_CHECKED


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda log: log.record(notice="0" * 64), "line 14: the notice that the visitor was shown is not in the export"),
        (lambda log: log.record(site="example.com"), "line 14: a record of another site: 'example.com'"),
        (lambda log: log.wait(site="example.com"), "line 15: a record of another site: 'example.com'"),
        (lambda log: log.edition(site="example.com"), "line 14: an edition of another site's policy"),
        (lambda log: log.erase(5) and log.erase(1), "line 15: an edition of the policy without its content"),
        (lambda log: log.entries.append(Entry(leaf.erasure(5, log.today))), "an erasure of entry 5, whose record is still there"),
        (lambda log: log.entries.append(Entry(leaf.erasure(1, log.today))), "an erasure of entry 1, which is no record"),
        (lambda log: log.entries.append(Entry(leaf.erasure(7, log.today))), "an erasure of entry 7, which is no record"),
        (lambda log: log.entries.append(Entry(leaf.erasure(8, log.today))), "an erasure of entry 8, which is no record"),
        (lambda log: log.entries.append(Entry(leaf.erasure(12, log.today))), "an erasure of entry 12, which does not stand before it"),
        (lambda log: log.entries.append(Entry(leaf.erasure(99, log.today))), "an erasure of entry 99, which does not stand before it"),
        (lambda log: log.entries.append(Entry(leaf.purge("2026-03-01", 1, log.today))), "the purges in the log deleted 4 records, but 3 are missing"),
    ],
)  # fmt: skip
def test_a_log_that_does_not_add_up_is_invalid(change: Callable[[Log], object], reason: str) -> None:
    """Everything is signed by the site, and still it cannot be true."""
    log = exports.small()
    if "without its content" in reason:
        log.entries.append(Entry(log.entries[0].public))
        reason = "line 14: an edition of the policy without its content"
    else:
        change(log)
    assert [said for said in reasons(log.export()) if said.endswith(reason)], reasons(log.export())
    assert seen(log.export()).verdict is Verdict.INVALID


def test_words_have_to_come_with_their_entry() -> None:
    """A notice without text and page is none; nor is one with others."""
    log = exports.small()
    digest = {"digest": exports.NOTICE, "html": exports.NOTICE}
    log.entries[1] = Entry(leaf.notice(**digest, language="de", revision="1", day="2026-03-01"))
    assert reasons(log.export()) == ["line 3: a notice without its words"]
    log.entries[1].notice = (exports.TEXT, exports.HTML)
    assert reasons(log.export()) == ["line 3: the words of the notice are not those that were entered in the log"]


def test_a_record_stands_under_its_own_day() -> None:
    """The day in the log is the one in the record."""
    log = exports.small()
    entry = log.entries[5]
    assert entry.body is not None
    assert entry.salt is not None
    log.entries[5] = Entry(leaf.record(leaf.commitment(entry.salt, entry.body), "2026-04-10"), entry.body, entry.salt)
    assert reasons(log.export()) == ["line 7: a record of 2026-04-11 in an entry of 2026-04-10"]


@pytest.mark.parametrize("is_waiting", [False, True])
def test_a_record_stands_in_the_log_once(is_waiting: bool) -> None:
    """Not even under another salt, nor once in the log and once before it."""
    log = exports.small()
    body = log.entries[5].body
    assert body is not None
    if is_waiting:
        log.waiting.append((body, bytes(32)))
    else:
        log.entries.append(Entry(leaf.record(leaf.commitment(bytes(32), body), "2026-04-11"), body, bytes(32)))
    line = 15 if is_waiting else 14
    assert reasons(log.export()) == [f"line {line}: a record with the id of another one before"]


@pytest.mark.parametrize(("day", "is_covered"), [("2026-03-02", False), ("2026-03-03", True)])
def test_a_purge_covers_the_days_before_its_own(day: str, is_covered: bool) -> None:
    """And nothing that was entered after it."""
    log = Log()
    index = log.record(days=1)
    log.close(index)
    log.entries.append(Entry(leaf.purge(day, 1, log.today)))
    assert (seen(log.export()).verdict is Verdict.VALID) is is_covered
    log.entries.reverse()
    assert seen(log.export()).verdict is Verdict.INVALID


def test_an_older_purge_is_not_hidden_by_a_later_one() -> None:
    """Two purges, the later of fewer days: each accounts for what came before it."""
    log = Log()
    log.record(days=20)
    log.record(days=20)
    log.purge(exports.later(50))
    log.record(days=5, notice=None)
    log.purge(exports.later(30))
    report = seen(log.export())
    assert report.verdict is Verdict.VALID
    assert report.counts is not None
    assert report.counts.purged == 2


def test_a_selection_needs_proof_for_each_checkpoint() -> None:
    """Without one there is no verdict, and the reason says what to ask for."""
    log = exports.small()
    data = log.export(only={0, 1, 5}, old=[4])
    assert seen(data, {"four": log.checkpoint(4), "all": log.checkpoint(), "none": log.checkpoint(0)}).anchored == 12
    report = seen(data, {"seven": log.checkpoint(7)})
    assert report.verdict is Verdict.NOT_CHECKED
    assert "Ask for a whole export" in str(report.reasons[0])


def test_a_selection_of_a_rewritten_log_diverges() -> None:
    """The proofs in its header lead to another root than the one that was anchored."""
    honest, forged = exports.small(), exports.large(12)
    data = forged.export(only={0, 1}, old=[4])
    for size in (4, len(forged.entries)):
        anchor = exports.large(12, seed=6).checkpoint(size)
        assert seen(data, {"anchor": anchor}).verdict is Verdict.DIVERGED
    assert seen(data, {"anchor": honest.checkpoint(4)}).verdict is Verdict.DIVERGED


def test_a_selection_has_proofs_and_a_whole_log_none() -> None:
    """Neither form passes for the other."""
    log = exports.small()
    header, proved = log.lines(only=range(12))[0], log.lines(only=range(12))[1:]
    assert seen(log.signed([log.lines()[0], *proved])).verdict is Verdict.INVALID
    assert seen(log.signed([header, *log.lines()[1:]])).verdict is Verdict.INVALID
    assert seen(log.signed([header, *proved])).verdict is Verdict.VALID


@pytest.mark.parametrize("at", [0, 5, 11])
def test_a_proof_of_another_entry_shows_nothing(at: int) -> None:
    """In a selection the site itself signs anew."""
    log = exports.small()
    written = log.lines(only=range(12))
    written[at + 1] = log.entries[at].line(at, [bytes(32)] * 4)
    assert reasons(log.signed(written)) == [f"line {at + 2}: the proof does not show the entry to be in the log"]


def test_a_checkpoint_may_have_been_through_an_editor() -> None:
    """Line ends of Windows and a byte order mark do not make a kept checkpoint worthless."""
    log = exports.small()
    kept = b"\xef\xbb\xbf" + log.checkpoint(5).encode().replace(b"\n", b"\r\n") + b"\r\n"
    assert verify(Source.of(log.export()), KEYS, {"kept": kept}).anchored == 5


def test_a_foreign_checkpoint_is_no_evidence_of_anything() -> None:
    """One of another log, of another key, or none at all: no verdict, and the reason names it."""
    log, other = exports.small(), exports.small()
    other.key = SigningKey.generate("example.net/consent", bytes(32))
    keys = [KEY.public, other.key.public]
    for foreign in (other.checkpoint(), log.checkpoint(keys=[STRANGER]), "nothing", log.checkpoint()[:-9], ""):
        report = verify(Source.of(log.export()), keys, {"march.note": foreign.encode()})
        assert report.verdict is Verdict.NOT_CHECKED
        assert "march.note" in str(report.reasons[0])


def test_no_more_than_ten_reasons_are_told_the_first_ones() -> None:
    """A file that is wrong throughout is not printed."""
    log = exports.large(100)
    data = log.export().replace(b'"method":"save"', b'"method":"save "')
    told = seen(data).reasons
    assert [reason.line for reason in told] == sorted(reason.line for reason in told)
    assert len(told) == 10
    assert told[0].line == 4


def test_a_file_that_changes_meanwhile_is_not_checked(tmp_path: Path) -> None:
    """Nobody can put another file in its place between two looks."""
    path = tmp_path / "export.ndjson"
    path.write_bytes(exports.small().export())
    source = Source.at(path)
    assert verify(source, KEYS).verdict is Verdict.VALID
    (tmp_path / "other").write_bytes(exports.small().export())
    (tmp_path / "other").replace(path)
    report = verify(source, KEYS)
    assert report.verdict is Verdict.NOT_CHECKED
    assert "changed" in str(report.reasons[0])


def test_lines_are_read_no_further_than_their_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest line passes, one byte more is the end of reading, and of the file."""
    monkeypatch.setattr(reading, "LONGEST", 10)
    source = Source.of(b"123456789\n" * 2 + b"1234567890\n123\n")
    assert list(source.lines(0, source.size)) == [b"123456789\n", b"123456789\n", b"1234567890\n"]
    assert list(source.parts(0, source.size, 5)) == [(0, 10), (10, 20), (20, 31), (31, 35)]
    assert source.last_line() == (31, b"123\n")


@given(
    st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"") + b"\n"), max_size=20), st.integers(1, 40)
)
def test_parts_are_the_file_and_end_at_line_ends(written: list[bytes], length: int) -> None:
    """No byte is read twice or not at all, however the file is cut."""
    source = Source.of(b"".join(written))
    parts = [b"".join(source.lines(begin, end)) for begin, end in source.parts(0, source.size, length)]
    assert b"".join(parts) == source.data
    assert all(part.endswith(b"\n") for part in parts)


def test_a_longer_line_than_any_is_refused_where_it_stands() -> None:
    """Four mebibytes of anything: the line is named, and nothing behind it is read."""
    log = exports.small()
    written = log.lines()
    long = b'{"index":12,"leaf":"' + b"a" * lines.LONGEST + b'"}\n'
    assert reasons(log.signed([*written, long, *written])) == ["line 15: longer than the 4 MiB that a line may have"]
