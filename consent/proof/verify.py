"""The verdict on an export: is it what the site signed, whole, and the continuation of what it signed before?

It needs the file and the public key, nothing else: neither a database nor a network. Whatever is wrong comes back as a
verdict with reasons, never as an exception. Not the words of the report, which :mod:`.report` has, and no judgement on
what visitors agreed to.

Sources: RFC 6962 §2.1; C2SP signed-note and tlog-checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from . import lines, parallel
from .checkpoint import Checkpoint
from .errors import FormatError, ProofError
from .heads import check_provable, divergence, earlier_of, head_of, manifest_of
from .lines import Header
from .manifest import Manifest
from .note import VerifyingKey
from .part import Claim
from .reading import Digest, Source
from .verdict import MOST_REASONS, Counts, NotCheckedError, Reason, Report, Verdict
from .whole import Whole

_MANIFEST = b'{"manifest":'
_MISSING = "no manifest stands here: the file breaks off, or its end was removed"
#: Above this the hash of the file is computed beside the rest.
_SMALL = 1 << 20
#: What a manifest counts, in words; what tells most to a reader first.
_COUNTED = {
    "unsequenced": "records that are not in the log yet",
    "records": "records that can be read",
    "leaves": "entries of the log",
    "lines": "lines",
    "bytes": "bytes",
}


def verify(
    source: Source, keys: Sequence[VerifyingKey], checkpoints: Mapping[str, bytes] | None = None, *, jobs: int = 1
) -> Report:
    """Check the export in *source*.

    :param keys: The site's verifier keys, obtained from it by another way than the export; one suffices.
    :param checkpoints: Earlier checkpoints that were kept outside, signed notes by a name for messages.
    :param jobs: How many processes to use for a large file.
    """
    try:
        return _verify(source, keys, checkpoints or {}, jobs)
    except NotCheckedError as error:
        return Report(verdict=Verdict.NOT_CHECKED, reasons=(error.reason,))


def _verify(source: Source, keys: Sequence[VerifyingKey], checkpoints: Mapping[str, bytes], jobs: int) -> Report:
    first_line = source.first_line()
    header = _header(first_line)
    try:
        head, who = head_of(header, keys)
    except ProofError as error:
        return Report(verdict=Verdict.INVALID, reasons=(Reason(1, f"the checkpoint in the header: {error}"),))
    earlier = {name: earlier_of(name, text, keys, head.origin) for name, text in checkpoints.items()}
    is_filtered = header.filter is not None
    if is_filtered:
        check_provable(header, head, earlier)
    cuts = {old.size for old in earlier.values() if old.size <= head.size}
    claim = Claim(
        site=header.site,
        size=head.size,
        root=head.root,
        is_filtered=is_filtered,
        cuts=tuple(sorted(cuts | {head.size})),
    )
    facts = Report(
        verdict=Verdict.VALID,
        site=header.site,
        origin=head.origin,
        keys=tuple(f"{key.name}+{key.id}" for key in who),
        made_at=header.made_at,
        size=head.size,
        root=head.root,
        is_partial=is_filtered,
    )
    whole, counts, unchecked = _read_through(source, len(first_line), claim, head, keys, jobs)
    source.check_unchanged()
    if whole.reasons:
        return replace(facts, verdict=Verdict.INVALID, reasons=tuple(sorted(whole.reasons)[:MOST_REASONS]))
    roots = None if is_filtered else whole.roots
    diverged = [
        Reason(0, f"the checkpoint {name} is of {old.size} entries, and {how}")
        for name, old in earlier.items()
        if (how := divergence(old, header, head, roots))
    ]
    return replace(
        facts,
        verdict=Verdict.DIVERGED if diverged else Verdict.VALID,
        reasons=tuple(diverged[:MOST_REASONS]),
        first=whole.first or None,
        last=whole.last or None,
        counts=counts,
        anchors=() if diverged else tuple(sorted(old.size for old in earlier.values())),
        unchecked=tuple(f"{head.origin}+{key_id}" for key_id in unchecked),
    )


def _header(line: bytes) -> Header:
    try:
        return lines.read_header(line)
    except FormatError as error:
        raise NotCheckedError(f"not the header of an export that can be read here: {error}", 1) from None


def _read_through(
    source: Source, begin: int, claim: Claim, head: Checkpoint, keys: Sequence[VerifyingKey], jobs: int
) -> tuple[Whole, Counts, tuple[str, ...]]:
    """All lines from byte *begin* on, the manifest last; also whose signatures on that nobody checked."""
    at, last_line = source.last_line()
    has_manifest = at >= begin and last_line.startswith(_MANIFEST)
    end = at if has_manifest else source.size
    whole, digest = Whole(claim), Digest(source, end)
    try:
        if end > _SMALL:
            digest.start()
        with closing(parallel.checked(source, begin, end, claim, jobs=jobs)) as parts:
            for part in parts:
                whole.add(part)
                if whole.is_settled:
                    break
        counts = whole.finish(source)
        reason, unchecked = "", tuple[str, ...]()
        if not whole.reasons:  # else the manifest cannot fit, and would only say so once more
            reason = _MISSING
            if has_manifest:
                reason, unchecked = _manifest_fault(last_line, keys, _added_up(whole, head, digest, end))
    finally:
        digest.cancel()
    if reason:
        whole.reasons.append(Reason(whole.lines + 1, reason))
    return whole, counts, unchecked


def _added_up(whole: Whole, head: Checkpoint, digest: Digest, end: int) -> Manifest:
    """The manifest that would fit what was read."""
    return Manifest(
        origin=head.origin,
        bytes=end,
        leaves=whole.leaves,
        lines=whole.lines,
        records=whole.records,
        root=head.root.hex(),
        sha256=digest.result().hex(),
        size=head.size,
        unsequenced=whole.unsequenced,
    )


def _manifest_fault(line: bytes, keys: Sequence[VerifyingKey], found: Manifest) -> tuple[str, tuple[str, ...]]:
    """What is wrong with the signed manifest in *line*, empty if nothing is; and whose signatures nobody checked."""
    try:
        said, unchecked = manifest_of(line, keys)
    except ProofError as error:
        return f"the manifest: {error}", ()
    return _difference(said, found), unchecked


def _difference(said: Manifest, found: Manifest) -> str:
    """How the signed manifest differs from what was *found*; empty if it does not."""
    if (said.origin, said.size, said.root) != (found.origin, found.size, found.root):
        return "the manifest belongs to another export: it names another checkpoint"
    for name, words in _COUNTED.items():
        signed, there = getattr(said, name), getattr(found, name)
        if signed != there:
            return f"the signed manifest counts {signed} {words}, and there are {there}"
    if said.sha256 != found.sha256:
        return "the lines above are not those that the manifest was signed for: their SHA-256 differs"
    return ""
