"""Nothing that is done to an export goes unnoticed: every byte and line of a small one, and the lies of a key's holder."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations, permutations
from multiprocessing import get_context

import pytest

from consent.proof import canonical, leaf, lines, manifest, parallel
from consent.proof.manifest import Manifest
from consent.proof.note import SigningKey, sign
from consent.proof.reading import Source
from consent.proof.report import text as text_of
from consent.proof.verdict import Report, Verdict
from consent.proof.verify import verify
from tests import exports
from tests.exports import KEY, STRANGER, Log

KEYS = [KEY.public]
#: A record in the middle of a log that a checkpoint covers, and what a rewritten one says instead.
OTHERWISE = {"event": "given", "purposes": {"statistics": True}}


def seen(data: bytes, **checkpoints: str) -> Report:
    """What the verifier makes of *data*."""
    return verify(Source.of(data), KEYS, {name: note.encode() for name, note in checkpoints.items()})


def byte_changes(data: bytes, at: int) -> Iterator[bytes]:
    """*data* with each bit of one byte flipped, the byte removed, doubled, and swapped with the next."""
    before, byte, after = data[:at], data[at : at + 1], data[at + 1 :]
    for bit in range(8):
        yield before + bytes([byte[0] ^ 1 << bit]) + after
    yield before + after
    yield before + byte + byte + after
    if after and after[:1] != byte:
        yield before + after[:1] + byte + after[1:]


def line_changes(written: list[bytes]) -> Iterator[list[bytes]]:
    """*written* with any line removed, repeated anywhere or swapped with any other, and cut or turned round."""
    for at, line in enumerate(written):
        yield written[:at] + written[at + 1 :]
        for to in range(len(written) + 1):
            yield [*written[:to], line, *written[to:]]
    for one, other in combinations(range(len(written)), 2):
        swapped = list(written)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        if swapped != written:
            yield swapped
    for length in range(len(written)):
        yield written[:length]
    yield written[::-1]


def misses_of_bytes(data: bytes, begin: int, step: int) -> list[int]:
    """Where a change to *data* goes unnoticed, at *begin* and every *step* bytes after."""
    return [
        at
        for at in range(begin, len(data), step)
        for changed in byte_changes(data, at)
        if seen(changed).exit_code not in (1, 3)
    ]


def misses_of_edits(data: bytes, seeds: range) -> list[int]:
    """Which random edits of a large export go unnoticed; it is read in many parts, as larger ones are.

    Every third is an edit of the log's entries that the site itself signs.
    """
    parallel.PART_BYTES = 1 << 17
    missed = []
    for seed in seeds:
        chance = random.Random(seed)
        changed = edited_by_the_site(data, chance) if seed % 3 == 0 else edited(data, chance)
        if seen(changed).exit_code not in (1, 3):
            missed.append(seed)
    return missed


def edited_by_the_site(data: bytes, chance: random.Random) -> bytes:
    """*data* after one edit to the entries, with a manifest that fits."""
    head, rest = data.split(b"\n", 1)
    end = rest.index(b'{"record":')
    said, _ = manifest.read(canonical.decode(rest.splitlines()[-1])["manifest"], KEYS)
    written = [head + b"\n", *edited(rest[:end], chance).splitlines(keepends=True)]
    written += rest[end:].splitlines(keepends=True)[:-1]
    note = manifest.sign(Manifest(**exports.counts(written, said.size, said.root)), [KEY])
    return b"".join(written) + lines.manifest_line(note)


def edited(data: bytes, chance: random.Random) -> bytes:
    """*data* after one edit: a byte, some bytes, a line, several lines, or two lines of which one takes the other's place."""
    at = chance.randrange(len(data))
    kind = chance.randrange(6)
    if kind == 0:
        return data[:at] + bytes([data[at] ^ chance.randrange(1, 256)]) + data[at + 1 :]
    if kind == 1:
        return data[:at] + data[at + chance.randrange(1, 40) :]
    if kind == 2:
        return data[:at] + chance.randbytes(chance.randrange(1, 40)) + data[at:]
    written = data.splitlines(keepends=True)
    one, other = chance.sample(range(len(written)), 2)
    if kind == 3:
        del written[min(one, other) : min(max(one, other), min(one, other) + 30)]
    elif kind == 4:
        written[one], written[other] = written[other], written[one]
    else:
        written.insert(one, written[other])
    return b"".join(written)


def on_all_cores(work: Callable[..., list[int]], data: bytes, shares: Iterable[tuple[object, ...]]) -> list[int]:
    """What *work* finds in *data* for each of the *shares*."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        found = [pool.submit(work, data, *share) for share in shares]
        return [miss for each in found for miss in each.result()]


def resigned_by_a_stranger(log: Log, written: list[bytes]) -> Iterator[bytes]:
    """The *written* lines with a manifest that fits, by an attacker: signed with another key, or under the old name."""
    fitting = log.signed(written, key=STRANGER)
    yield fitting
    counts = exports.counts(written, len(log.entries), log.root().hex())
    text = Manifest(**counts).text
    genuine = canonical.decode(log.export().splitlines()[-1])["manifest"].split("\n\n")[1]
    yield b"".join(written) + lines.manifest_line(f"{text}\n{genuine}")
    both = canonical.decode(fitting.splitlines()[-1])["manifest"] + genuine
    yield b"".join(written) + lines.manifest_line(both)


@pytest.mark.slow
def test_no_change_of_a_byte_goes_unnoticed() -> None:
    """Every bit flipped, every byte replaced, removed, doubled and swapped: an exhaustive search finds no gap."""
    data = exports.small().export()
    assert seen(data).verdict is Verdict.VALID
    shares = [(begin, 16) for begin in range(16)]
    assert on_all_cores(misses_of_bytes, data, shares) == []


def test_no_change_of_lines_goes_unnoticed() -> None:
    """Every line removed, every one repeated at every place, every two swapped, the file cut after each."""
    written = exports.small().export().splitlines(keepends=True)
    assert [
        at for at, changed in enumerate(line_changes(written)) if seen(b"".join(changed)).exit_code not in (1, 3)
    ] == []


def test_the_file_may_be_cut_nowhere() -> None:
    """However many bytes arrive, only all of them are an export."""
    data = exports.small().export()
    assert [size for size in range(len(data)) if seen(data[:size]).exit_code not in (1, 3)] == []


@pytest.mark.slow
def test_what_the_log_says_needs_no_manifest_to_be_safe() -> None:
    """A change to any byte of an entry is noticed even if the site itself signs the changed file again."""
    log = exports.small()
    written = log.lines()
    chance, missed = random.Random(7), []
    for number, line in enumerate(written):
        if not line.endswith(b'"type":"leaf"}\n'):
            continue
        for at in range(len(line) - 1):
            changed = line[:at] + bytes([line[at] ^ 1 << chance.randrange(8)]) + line[at + 1 :]
            data = log.signed([*written[:number], changed, *written[number + 1 :]])
            missed += [(number, at)] if seen(data).verdict is not Verdict.INVALID else []
    assert missed == []


def test_entries_cannot_be_removed_repeated_or_moved_by_the_site() -> None:
    """Nor can whole entries, with a manifest that fits."""
    log = exports.small()
    written = log.lines()
    header, entries, waiting = written[0], written[1:-1], written[-1]
    for changed in line_changes(entries):
        assert seen(log.signed([header, *changed, waiting])).verdict is Verdict.INVALID


def test_an_attacker_without_the_key_cannot_sign_again() -> None:
    """Neither another key, nor the old signature, nor both make a changed file valid."""
    log = exports.small()
    written = log.lines()
    changes = [[*changed] for changed in line_changes(written) if changed]
    changes.append([written[0], *[line.replace(b"withdrawn", b"given") for line in written[1:]]])
    for changed in changes:
        for data in resigned_by_a_stranger(log, changed):
            assert seen(data).exit_code in (1, 3)


def test_the_whole_export_of_a_stranger_is_not_checked() -> None:
    """A log under the site's name, but of another key, gets no verdict at all."""
    log = exports.small()
    log.key = STRANGER
    report = seen(log.export())
    assert report.verdict is Verdict.NOT_CHECKED
    assert "not signed by" in report.reasons[0].text


@pytest.mark.parametrize("index", range(12))
def test_rewritten_history_is_divergence(index: int) -> None:
    """Somebody with the key changes an old entry and signs everything anew: sound in itself, but not what was anchored."""
    honest, forged = exports.small(), exports.small()
    anchor = honest.checkpoint(11)
    salt, body = bytes(32), exports.body_of(exports.BEGIN, bytes(16), **OTHERWISE)
    if leaf.parse(forged.entries[index].public).kind == "record" and forged.entries[index].body:
        forged.entries[index] = exports.Entry(leaf.record(leaf.commitment(salt, body), "2026-03-01"), body, salt)
    else:
        forged.entries[index].public = forged.entries[index].public.replace(b'"day":"2026-0', b'"day":"2025-0')
    data = forged.export()
    assert seen(data).verdict is Verdict.VALID
    if index < 11:
        report = seen(data, anchor=anchor)
        assert report.verdict is Verdict.DIVERGED
        assert "rewritten" in report.reasons[0].text
        assert report.anchors == ()
    else:
        assert seen(data, anchor=anchor).anchored == 11  # what came after the checkpoint it cannot vouch for


def test_a_log_cut_short_is_divergence() -> None:
    """Entries removed from the end, and everything signed anew."""
    honest, forged = exports.small(), exports.small()
    forged.entries = forged.entries[:-2]
    report = seen(forged.export(), anchor=honest.checkpoint())
    assert report.verdict is Verdict.DIVERGED
    assert "entries were removed" in report.reasons[0].text


def test_two_heads_of_one_size_are_divergence() -> None:
    """One log to show, one to hide."""
    honest, forged = exports.large(12), exports.large(12, seed=6)
    assert len(honest.entries) == len(forged.entries)
    assert seen(forged.export(), anchor=honest.checkpoint()).verdict is Verdict.DIVERGED


@pytest.mark.parametrize("index", [5, 9, 10, 11])
def test_a_record_cannot_be_passed_off_as_erased(index: int) -> None:
    """A withdrawal, or any other record, loses its opening, all counts fit and the site signs: the log says no such thing."""
    log = exports.small()
    log.close(index)
    report = seen(log.export())
    assert report.verdict is Verdict.INVALID
    assert [str(reason) for reason in report.reasons] == [
        f"line {index + 2}: the record is missing, and no erasure or purge in the log accounts for it"
    ]


def test_a_record_cannot_be_passed_off_as_purged() -> None:
    """A purge says how many records it deleted; one more that is gone from its days was taken out."""
    log = Log()
    log.notice()
    kept, gone = log.record(), log.record()
    log.close(gone)
    log.record(days=40)
    log.entries.append(exports.Entry(leaf.purge("2026-04-01", 1, log.today)))
    assert seen(log.export()).verdict is Verdict.VALID
    log.close(kept)
    report = seen(log.export())
    assert report.verdict is Verdict.INVALID
    assert "the purges in the log deleted 1 record" in report.reasons[0].text


def test_unsequenced_records_cannot_be_dropped() -> None:
    """They are in no tree, so that the manifest has to count them: whoever cannot sign it cannot drop one."""
    log = exports.small()
    log.wait()
    written = log.export().splitlines(keepends=True)
    dropped = b"".join(written[:-2] + written[-1:])
    report = seen(dropped)
    assert report.verdict is Verdict.INVALID
    assert str(report.reasons[0]) == (
        "line 15: the signed manifest counts 2 records that are not in the log yet, and there are 1"
    )
    for data in resigned_by_a_stranger(log, written[:-2]):
        assert seen(data).exit_code in (1, 3)


def test_openings_cannot_change_places() -> None:
    """A record belongs to one entry."""
    log = exports.small()
    for one, other in permutations([5, 9, 10, 11], 2):
        a, b = log.entries[one], log.entries[other]
        moved = exports.small()
        moved.entries[one] = exports.Entry(a.public, b.body, b.salt)
        assert seen(moved.export()).verdict is Verdict.INVALID


@pytest.mark.parametrize(
    "name", ["bytes", "leaves", "lines", "records", "size", "unsequenced", "root", "sha256", "origin"]
)
def test_a_manifest_has_to_fit(name: str) -> None:
    """Each thing it says is compared, even where the site itself signed it wrong."""
    log = exports.small()
    written = log.lines()
    counted = exports.counts(written, len(log.entries), log.root().hex())
    key = KEY
    if name == "origin":
        key = SigningKey.generate("example.net/consent", bytes(range(32)))
        counted["origin"] = key.name
    else:
        counted[name] = counted[name] + 1 if isinstance(counted[name], int) else "0" * 64
    note = manifest.sign(Manifest(**counted), [key])
    report = verify(Source.of(b"".join(written) + lines.manifest_line(note)), [*KEYS, key.public])
    assert report.verdict is Verdict.INVALID
    assert report.reasons[0].line == 15
    assert "manifest" in report.reasons[0].text


def test_a_manifest_of_another_export_does_not_fit() -> None:
    """Nor does a genuine one that was made for another file."""
    one, other = exports.small(), exports.small()
    other.wait()
    written = other.export().splitlines(keepends=True)
    assert seen(b"".join(one.lines()) + written[-1]).verdict is Verdict.INVALID


def test_nobody_but_the_log_signs_its_manifest() -> None:
    """A line that claims another's signature, known or not, or a known one twice, was added: nothing else covers it."""
    log = exports.small()
    written = log.lines()
    note = canonical.decode(log.export().splitlines()[-1])["manifest"]
    text, genuine = note.split("\n\n")
    witness = SigningKey.generate("witness.example", bytes(32))
    foreign = "a manifest of 'example.org/consent' with a signature in the name of 'witness.example'"
    for added, why in (
        (f"— {witness.name} AAAAAAAA\n", foreign),
        (sign(f"{text}\n", [witness]).split("\n\n")[1], foreign),
        (genuine, "a manifest with two signatures of one key"),
    ):
        for changed in (note + added, f"{text}\n\n{added}{genuine}"):
            data = b"".join(written) + lines.manifest_line(changed)
            reports = [seen(data)]
            if "AAAAAAAA" not in added:
                reports.append(verify(Source.of(data), [KEY.public, witness.public]))
            for report in reports:
                assert report.verdict is Verdict.INVALID
                assert [str(reason) for reason in report.reasons] == [f"line 15: the manifest: {why}"]


def test_a_signature_of_a_key_that_was_not_given_is_told_of() -> None:
    """After a rotation the log has two keys, and whoever has either can verify; nobody can tell a made-up third from them."""
    log = exports.small()
    written = log.lines(checkpoint=log.checkpoint(keys=[KEY, STRANGER]))
    counted = Manifest(**exports.counts(written, len(log.entries), log.root().hex()))
    note = manifest.sign(counted, [KEY, STRANGER])
    data = b"".join(written) + lines.manifest_line(note)
    for given, missing in (([KEY], [STRANGER]), ([STRANGER], [KEY]), ([KEY, STRANGER], [])):
        report = verify(Source.of(data), [key.public for key in given])
        assert report.verdict is Verdict.VALID
        assert report.unchecked == tuple(f"example.org/consent+{key.public.id}" for key in missing)
        assert report.to_json()["unchecked_keys"] == list(report.unchecked)
        assert ("Not given" in text_of(report)) == bool(missing)
    added = seen(b"".join(written) + lines.manifest_line(f"{note}— {KEY.name} AAAAAAAA\n"))
    assert added.unchecked == (f"example.org/consent+{STRANGER.public.id}", "example.org/consent+00000000")
    said = f"\nNot given     key {STRANGER.public.id}, key 00000000 (signed, too, as the file says; not checked)\n"
    assert said in text_of(added)


@pytest.mark.slow
def test_no_random_edit_of_a_large_export_goes_unnoticed() -> None:
    """Twenty thousand entries, most of them purged, and 300 edits of every size."""
    log = Log()
    log.edition()
    log.notice()
    for number in range(20_000):
        log.record(days=0.001, event="given" if number % 3 else "withdrawn")
    log.purge(exports.later(18))
    log.wait()
    data = log.export()
    assert seen(data).verdict is Verdict.VALID
    assert len(log.entries) > 20_000
    shares = [(seeds,) for seeds in [range(at, at + 25) for at in range(0, 300, 25)]]
    assert on_all_cores(misses_of_edits, data, shares) == []
