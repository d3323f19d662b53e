"""The audience report as a page: numbers, pictures over time and the table behind each. Contexts for the template.

Whatever a visitor could have made up (paths, campaigns) is text here and is escaped by the template.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import render_template, url_for
from markupsafe import Markup

from consent import Policy
from consent.audience import dimensions, naming
from consent.audience.period import LONGEST, USUAL, Unit
from consent.audience.report import Answers, Report, Section, percent
from consent.audience.view import Kind

from . import audience_lists as lists
from . import audience_notes as notes
from . import charts, render
from .audience_lists import NOT_SHOWN
from .charts import Series
from .state import State

#: Periods that one click shows: days, and what they are called.
_PERIODS = ((USUAL, "4 weeks"), (91, "3 months"), (364, "12 months"), (LONGEST, "25 months"))
_LISTS = (dimensions.PAGE, dimensions.CAMPAIGN, dimensions.LINK)
_TECHNICAL = (dimensions.BROWSER, dimensions.DEVICE, dimensions.LANGUAGE)
#: How many purposes are shown two in a row.
_TWO_IN_A_ROW = (1, 2, 4)
_MAIL = (dimensions.OPEN, dimensions.OPEN_PROXY)


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture over time with the table behind it; of a single step there is neither.

    :param legend: Class and words of what is drawn.
    :param rows: What each step is called, and its cells.
    """

    id: str
    title: str
    picture: Markup
    summary: str
    legend: tuple[tuple[str, str], ...]
    head: tuple[str, ...]
    rows: Sequence[tuple[str, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Purpose:
    """What was answered about one purpose.

    :param rate: Share of yes, in words.
    """

    chart: Chart
    rate: str
    said: tuple[str, ...]


def page(state: State, shown: Report, *, newest: date) -> str:
    """*shown* as a page.

    :param newest: The newest day that can be asked for.
    """
    policy = state.policy
    pages, is_over_time = shown.section(dimensions.PAGE), len(shown.period.steps) > 1
    is_empty = not any(section.shown for section in shown.all)
    content = [shown.section(name) for name in _LISTS if name in shown.sections and notes.is_told(policy, name)]
    return _render(
        state,
        period=shown.period,
        newest=newest,
        when=naming.span(shown.period.since, shown.period.until),
        unit=shown.period.unit.value,
        since=naming.day(shown.since) if shown.since and shown.since > shown.period.since else "",
        empty=list(notes.why_empty(policy)) if is_empty else [],
        figures=list(_figures(policy, shown)),
        views=_views(shown, pages) if pages.shown and is_over_time else None,
        visitors=_visitors(shown) if is_over_time else None,
        purposes=_purposes(policy, shown),
        unanswered=[notes.label(policy, one.purpose) for one in shown.answers if not one.section.shown],
        regions=lists.regions(shown),
        lists=lists.told(content),
        mail=lists.told([shown.section(name) for name in _MAIL if name in shown.sections]),
        technical=lists.told([shown.section(name) for name in _TECHNICAL if name in shown.sections]),
        how=list(notes.how(policy)),
        source=notes.source(state),
    )


def problem(state: State, error: str, *, newest: date, since: str = "", until: str = "") -> str:
    """The page without a report, and why: days that make no period, a store that cannot be read."""
    return _render(state, error=error, newest=newest, since=_day(since), until=_day(until))


def _day(text: str) -> str:
    """*text* if it is a day, else nothing: a field for a day shows no other text."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def _render(state: State, *, newest: date, **context: Any) -> str:
    here = url_for("consentry.audience")
    periods = [
        (name, f"{here}?from={newest - timedelta(days=days - 1)}&until={newest}", days) for days, name in _PERIODS
    ]
    return render_template(
        "consentry/report.html",
        site=state.policy.controller.name or state.policy.site,
        css_url=render.asset("report.css"),
        here=here,
        periods=periods,
        newest=newest,
        **context,
    )


def _figures(policy: Policy, shown: Report) -> Iterator[tuple[str, str, str]]:
    """The numbers at the top: what, how many, and what that is a part of."""
    pages, visitors = shown.section(dimensions.PAGE), shown.section(dimensions.VISITORS)
    if pages.shown:
        yield "Page views", f"{pages.total:,}", f"{_number(pages.mean)} a day"
    if visitors.shown:
        yield "Visitors a day", f"about {_number(visitors.mean)}", "an estimate, each day anew"
    first = next((one for one in shown.answers if one.purpose == policy.audience.purpose), None)
    if first is not None and first.rate is not None and first.accepted is not None and first.refused is not None:
        answers = first.accepted + first.refused
        yield (
            f"Yes to “{notes.label(policy, first.purpose)}”",
            percent(first.accepted, answers),
            f"of {answers:,} answers",
        )
    countries = {row.label.partition("-")[0] for row in shown.regions if row.kind is Kind.VALUE} - {"unknown"}
    if countries:
        yield "Countries shown", f"{len(countries):,}", "each by itself"


def _views(shown: Report, pages: Section) -> Chart:
    exempt = shown.section(dimensions.EXEMPT_REGION)
    said = _extremes(shown, pages)
    if exempt.shown:
        said += f" Besides, {exempt.total:,} of visitors who need not be asked: they are in the regions only."
    return _single(shown, "views", "Page views", pages, said)


def _visitors(shown: Report) -> Chart | None:
    visitors = shown.section(dimensions.VISITORS)
    if not visitors.shown:
        return None
    said = "An estimate of different visitors on one day. Who comes on two days counts twice, so days are not added up."
    return _single(shown, "visitors", "Visitors a day, estimated", visitors, said, visitors.means)


def _single(
    shown: Report, key: str, title: str, section: Section, said: str, counts: Sequence[int | None] | None = None
) -> Chart:
    counts = section.over_time if counts is None else counts
    return Chart(
        key,
        title,
        charts.columns(
            _labels(shown),
            [Series("r-all", counts)],
            named_by=f"r-{key}-name",
            described_by=f"r-{key}-said",
            width=charts.WIDE,
        ),
        said,
        (),
        (naming.unit(section.dimension).capitalize(),),
        _rows(shown, [(count,) for count in counts]),
    )


def _purposes(policy: Policy, shown: Report) -> list[Purpose]:
    """Three beside each other, or two, so that four are no row of three and a rest."""
    known = [one for one in shown.answers if one.section.shown]
    width = charts.WIDE if len(known) in _TWO_IN_A_ROW else charts.NARROW
    return [_purpose(policy, shown, one, width) for one in known]


def _purpose(policy: Policy, shown: Report, answers: Answers, width: int) -> Purpose:
    key = f"purpose-{shown.answers.index(answers) + 1}"
    accepted, refused, taken = ([row[place] for row in answers.over_time] for place in range(3))
    both = [None if yes is None or no is None else yes + no for yes, no in zip(accepted, refused, strict=True)]
    upto = [None if yes is None or not back else yes + back for yes, back in zip(accepted, taken, strict=True)]
    picture = charts.columns(  # each in front of the one before, so that what is seen of them is no, taken back and yes
        _labels(shown),
        [Series("r-no", both), Series("r-back", upto), Series("r-yes", accepted)],
        named_by=f"r-{key}-name",
        described_by=f"r-{key}-said",
        width=width,
    )
    counted = (
        ("r-yes", "Yes", answers.accepted, ""),
        ("r-no", "No", answers.refused, ""),
        ("r-back", "of these taken back", answers.taken_back, _on(answers.taken_back_days, answers.section.shown)),
    )
    chart = Chart(
        key,
        notes.label(policy, answers.purpose),
        picture if len(shown.period.steps) > 1 else Markup(""),
        _extremes(shown, answers.section, of="answers"),
        tuple((style, f"{words}: {_number(count)}{on}") for style, words, count, on in counted),
        ("Yes", "No", "of these taken back"),
        _rows(shown, answers.over_time),
    )
    return Purpose(chart, percent(answers.accepted or 0, sum(one or 0 for one in both)), answers.section.said)


def _on(days: int, shown: int) -> str:
    on = naming.on(days, shown) if days else ""
    return f" ({on})" if on else ""


def _labels(shown: Report) -> list[str]:
    return [naming.short(step, shown.period.unit) for step in shown.period.steps]


def _rows(shown: Report, counts: Iterable[Sequence[int | None]]) -> list[tuple[str, tuple[str, ...]]]:
    steps = (naming.long(step, shown.period.unit) for step in shown.period.steps)
    return [(step, tuple(map(_number, some))) for step, some in zip(steps, counts, strict=True)]


def _extremes(shown: Report, section: Section, *, of: str = "") -> str:
    """Most and least, in a sentence. Weeks and months by their mean day: the first and the last may be short."""
    known = [(count, step) for count, step in zip(section.means, shown.period.steps, strict=True) if count is not None]
    if not known:
        return "Nothing can be shown."
    unit = shown.period.unit
    a_day = "" if unit is Unit.DAY else " a day"
    most, least = max(known, key=lambda one: one[0]), min(known, key=lambda one: one[0])
    if len(known) == 1:
        only = "" if len(shown.period.steps) == 1 else f" ({naming.long(most[1], unit)})"
        return f"{section.total:,} {of or naming.unit(section.dimension)} in all{only}."
    if most[0] == least[0]:
        when = f"in every {unit.value}" if a_day else "every day"
        when += "" if len(known) == len(section.means) else " that is shown"
        return f"{most[0]:,}{a_day} {when}, {section.total:,} {of}".rstrip() + " in all."
    busiest = f"{naming.long(most[1], unit)} ({most[0]:,}{a_day})"
    quietest = f"{naming.long(least[1], unit)} ({least[0]:,}{a_day})"
    total = f"{section.total:,} {of} in all. " if of else ""
    return f"{total}Most: {busiest}; fewest: {quietest}."


def _number(count: int | None) -> str:
    return NOT_SHOWN if count is None else f"{count:,}"
