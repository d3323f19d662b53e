"""``flask consent report``: what the audience was, at a terminal or as a file. Closed days only, as published."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from unicodedata import east_asian_width

import click

from consent.audience import dimensions, naming, report_file
from consent.audience.period import Period, PeriodError, period
from consent.audience.report import Answers, Part, Report, Section, percent
from consent.audience.report import report as made_of
from consent.audience.view import Kind

from .. import audience_notes
from ..state import State
from .running import count, within

#: Columns of a terminal, and those that a name may take of them.
_WIDTH, _NAME = 80, 32
#: Rows of a dimension that a terminal shows.
_MOST = 15
_BARS = " ▁▂▃▄▅▆▇█"
_ACROSS = " ▏▎▍▌▋▊▉█"


@click.command("report")
@click.option("--from", "since", metavar="DATE", help="First day, 2026-11-01. Default: 28 days in all.")
@click.option("--until", metavar="DATE", help="Last day. Default: the newest that is over.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="csv has a line for each day and row, json the sums.",
)
@click.option(
    "--output",
    default="-",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="A file, replaced when the report is whole. Default: standard output.",
)
@within
def report(state: State, /, *, since: str | None, until: str | None, form: str, output: Path) -> None:
    """Show what the audience was: answers, regions, pages, links, e-mails, browsers. No visitor is in it.

    What too few did is not shown by itself; the report says where and why.
    """
    try:
        about = period(since, until, now=state.clock())
    except PeriodError as error:
        raise click.UsageError(str(error)) from None
    blocks = {"table": _terminal, "csv": _csv, "json": _json}[form](state, about)
    try:
        is_file = str(output) != "-"
        with click.open_file(str(output), "wb", atomic=is_file) as file:
            for block in blocks:
                file.write(block)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise  # whoever reads has seen enough: click ends without a word
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from None


def _csv(state: State, about: Period) -> Iterator[bytes]:
    yield from report_file.table(state.ledger.counts.days, about)


def _json(state: State, about: Period) -> Iterator[bytes]:
    said = {
        "site": state.policy.site,
        **report_file.plain(_report(state, about)),
        "how": list(audience_notes.how(state.policy)),
        "source": audience_notes.source(state).plain,
    }
    yield json.dumps(said, indent=2, ensure_ascii=False).encode() + b"\n"


def _terminal(state: State, about: Period) -> Iterator[bytes]:
    for line in _lines(state, _report(state, about)):
        yield f"{line.rstrip()}\n".encode()


def _report(state: State, about: Period) -> Report:
    return made_of(state.ledger.counts.days, about, purposes=audience_notes.asked(state.policy))


def _lines(state: State, shown: Report) -> Iterator[str]:
    days, unit = count(shown.period.days, "day"), shown.period.unit.value
    yield f"Audience of {state.policy.site}, {naming.span(shown.period.since, shown.period.until)}"
    yield f"{days}, by {unit}, UTC"
    if shown.since is not None and shown.since > shown.period.since:
        yield f"No numbers before {naming.day(shown.since)}"
    if not any(section.shown for section in shown.all):
        yield ""
        yield "Nothing was counted in these days, or too little to be shown. The usual reasons:"
        for sentence in audience_notes.why_empty(state.policy):
            yield from _wrapped(sentence, "  - ")
    pages = shown.section(dimensions.PAGE)
    if pages.shown:
        yield from _heading("Page views", f"{pages.total:,}, {pages.mean:,} a day")
        yield f"  {_spark(pages.over_time)}"
    visitors = shown.section(dimensions.VISITORS)
    if visitors.shown:
        yield from _heading("Visitors a day, estimated", f"about {visitors.mean:,}")
    if any(one.section.shown for one in shown.answers):
        yield from _heading("Answers", "")
        for one in shown.answers:
            yield from _answers(audience_notes.label(state.policy, one.purpose), one)
    for name, section in shown.sections.items():
        if section.adds_up and audience_notes.is_told(state.policy, name):
            yield from _section(section)
    yield from _heading("What is not shown, and why", "")
    for sentence in audience_notes.how(state.policy):
        yield from _wrapped(sentence, "  - ")
    yield ""
    source = audience_notes.source(state)
    yield from _wrapped(source.text, "")
    for words, address in source.links:
        yield f"{words}: {address}"


def _heading(title: str, number: str) -> Iterator[str]:
    yield ""
    yield f"{title.upper()}{number:>{_WIDTH - len(title)}}"


def _answers(label: str, answers: Answers) -> Iterator[str]:
    yield f"  {_fit(label, _WIDTH - 2)}"
    if answers.accepted is None or answers.refused is None:
        yield "    not shown"
        return
    accepted, refused, _ = zip(*answers.over_time, strict=True)
    both = answers.accepted + answers.refused
    highest = max((number or 0 for number in (*accepted, *refused)), default=0)
    for word, number, steps in (("yes", answers.accepted, accepted), ("no", answers.refused, refused)):
        yield f"    {word:<10} {number:>9,}  {percent(number, both):>9}  {_spark(steps, highest)}"
    if answers.taken_back is not None:
        on = naming.on(answers.taken_back_days, answers.section.shown)
        yield f"    of these taken back {answers.taken_back:,} {on}"
    for sentence in answers.section.said:
        yield from _wrapped(sentence, "    ")


def _section(section: Section) -> Iterator[str]:
    total = f"{section.total:,} {naming.unit(section.dimension)}" if section.shown else "not shown"
    yield from _heading(naming.title(section.dimension), total)
    if untold := audience_notes.untold(section):
        yield from _wrapped(untold, "  ")
        return
    yield from _bars(section)
    for sentence in section.said:
        yield from _wrapped(sentence, "  ")


def _bars(section: Section) -> Iterator[str]:
    """The largest rows and the rest, with a bar each, and on how many days each is shown, if not on all."""
    named = [row for row in section.rows if row.kind is not Kind.OTHER]
    shown = [*named[:_MOST], *(row for row in section.rows if row.kind is Kind.OTHER)]
    longest = max((row.share for row in section.rows), default=0) or 1
    days = max((len(naming.on(row.days, section.shown)) for row in shown), default=0)
    room = _WIDTH - 2 - _NAME - 1 - 10 - 2 - 9 - 2 - (days + 1 if days else 0)
    for row in shown:
        bar = _bar(room * row.share / longest)
        yield f"  {_row(section, row)}  {bar:<{room}} {naming.on(row.days, section.shown)}"
    if len(named) > _MOST:
        yield f"  and {len(named) - _MOST:,} more: --format csv"


def _row(section: Section, row: Part) -> str:
    name = naming.name(section.dimension, row.label, row.kind)
    return f"{_fit(name, _NAME)} {row.count:>10,}  {percent(row.count, row.of):>9}"


def _bar(length: float) -> str:
    """A bar of *length* columns, to an eighth of one."""
    whole, eighths = divmod(max(1, round(8 * length)), 8)
    return _ACROSS[-1] * whole + _ACROSS[eighths].strip()


def _spark(counts: Iterable[int | None], highest: int = 0) -> str:
    """A sign for each step; a dot where nothing is shown."""
    steps = list(counts)
    highest = highest or max((number or 0 for number in steps), default=0) or 1
    signs = ("·" if one is None else _BARS[max(1, round(8 * one / highest))] for one in steps)
    return "".join(signs)


def _fit(text: str, width: int) -> str:
    """*text* in exactly *width* columns; too long a one is cut in the middle, since paths differ at their ends."""
    if _columns(text) > width:
        half = (width - 1) // 2
        text = f"{_cut(text, half)}…{_cut(text[::-1], width - 1 - half)[::-1]}"
    return text + " " * (width - _columns(text))


def _cut(text: str, width: int) -> str:
    while _columns(text) > width:
        text = text[:-1]
    return text


def _columns(text: str) -> int:
    """Columns that a terminal gives to *text*: two to each wide letter of East Asian scripts."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _wrapped(text: str, before: str) -> Iterator[str]:
    wrapped = click.wrap_text(text, width=_WIDTH, initial_indent=before, subsequent_indent=" " * len(before))
    yield from wrapped.splitlines()
