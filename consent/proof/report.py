"""A report in words for people who have to rely on it: the verdict first, then what carries it or speaks against it.

For a data protection officer, not for a program; programs read :meth:`.verdict.Report.to_json`. Whatever comes from the
export is printed without control characters, so that no file can move a terminal.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from .verdict import Report, Verdict

_WIDTH = 88
_MEANS = {
    Verdict.VALID: "everything here is what the site signed, and nothing is missing but what the log says was deleted.",
    Verdict.INVALID: "this export is not what the site signed, or something is missing from it. Do not rely on it.",
    Verdict.DIVERGED: "the export is sound in itself, but its log is not the one that an earlier checkpoint is of.",
    Verdict.NOT_CHECKED: "there is no verdict, as what was given cannot be checked.",
}
_MEANS_PARTIAL = "everything in this selection is what the site signed, and stands in its log."
_UNANCHORED = (
    "No earlier checkpoint was given, so this shows what the site vouches for now, and not that it never rewrote its "
    "log. A checkpoint that somebody else has kept can show that: give it with --checkpoint."
)
_PARTIAL = "This is a selection. Whether other records were left out of it, only an export of the whole log can show."
_WAITING = "not in the log yet: only the manifest speaks for them, and a later export will have them in the log"


def text(report: Report) -> str:
    """The report to print, ending in a newline."""
    verdict = report.verdict
    if verdict is Verdict.VALID:
        flags = ["ANCHORED" if report.anchored else "UNANCHORED"] + ["PARTIAL"] * report.is_partial
        means = _MEANS_PARTIAL if report.is_partial else _MEANS[verdict]
        said = [f"{', '.join([verdict.words, *flags])}: {means}"]
    else:
        said = [f"{verdict.words}: {_MEANS[verdict]}"]
        said += [f"  - {plain(str(reason))}" for reason in report.reasons]
    facts = list(_facts(report))
    if facts:
        width = max(len(name) for name, _ in facts) + 2
        said += ["", *(f"{name:<{width}}{value}" for name, value in facts)]
    if verdict is Verdict.VALID:
        said += ["", _filled(_anchored(report) if report.anchored else f"UNANCHORED: {_UNANCHORED}")]
        if report.is_partial:
            said += ["", _filled(f"PARTIAL: {_PARTIAL}")]
    return "\n".join(said) + "\n"


def plain(foreign: str, longest: int = 400) -> str:
    """*foreign* on one line, cut, with whatever is not printable as an escape."""
    short = foreign if len(foreign) <= longest else f"{foreign[:longest]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in short)


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    """Name and value of what the header and the entries say; those that are known."""
    if report.size is None or report.root is None:
        return
    yield "Site", plain(str(report.site))
    yield "Log", plain(str(report.origin))
    yield "Signed by", _keys(report.keys)
    if report.unchecked:
        yield "Not given", f"{_keys(report.unchecked)} (signed, too, as the file says; not checked)"
    yield "Export made", _moment(report.made_at)
    yield "Log's size", _entries(report.size)
    yield "Root hash", report.root.hex()
    counts = report.counts
    if counts is None:
        return
    if report.first:
        yield "Records from", f"{_moment(report.first)} to {_moment(report.last)}"
    yield "Records", f"{counts.records:,} verified"
    if counts.erased or not report.is_partial:  # a selection shows records that are there
        yield "", f"{counts.erased:,} erased, as the log says"
    if counts.purged or not report.is_partial:
        yield "", f"{counts.purged:,} deleted after their time, as the log says"
    yield "", f"{counts.unsequenced:,} {_WAITING}" if counts.unsequenced else "0 not in the log yet"
    yield (
        "Wordings",
        f"{_counted(counts.notices, 'notice')}, {_counted(counts.editions, 'edition')} of the policy; all verified",
    )


def _anchored(report: Report) -> str:
    size, pinned = report.size or 0, report.anchored
    checkpoints = "the checkpoint" if len(report.anchors) == 1 else f"the {len(report.anchors)} checkpoints"
    rest = size - pinned
    said = f"ANCHORED: The log continues {checkpoints} given. "
    if not rest:
        return f"{said}None of its entries was changed or removed since that checkpoint was taken into safe-keeping."
    return (
        f"{said}None of its first {_entries(pinned)} was changed or removed since the checkpoint over them was taken "
        f"into safe-keeping. For the {_entries(rest)} after them there is the site's signature alone."
    )


def _keys(keys: Iterable[str]) -> str:
    return ", ".join(f"key {plain(key.rpartition('+')[2])}" for key in keys)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number:,} entries"


def _moment(iso: str | None) -> str:
    """A time as people write it, in UTC, to the minute."""
    return f"{(iso or '')[:16].replace('T', ' ')} UTC"


def _filled(paragraph: str) -> str:
    return textwrap.fill(paragraph, _WIDTH)
