"""What rows of the audience report are called for people. In English: the report is for those who run a site.

Sources: names of countries, continents (UN M49) and languages are those of Unicode CLDR.
"""

from __future__ import annotations

from datetime import date, timedelta

from ..wording import Wording, wording
from . import dimensions
from .period import Step, Unit
from .region import UNKNOWN
from .view import Kind

#: Dimension, what it is called, what one of its rows is, and what one of its hits is, in the plural.
_DIMENSIONS = {
    dimensions.PAGE: ("Pages", "Page", "page views"),
    dimensions.REGION: ("Regions", "Region", "page views"),
    dimensions.EXEMPT_REGION: ("Regions, counted without consent", "Region", "page views"),
    dimensions.CAMPAIGN: ("Campaigns", "Campaign", "page views"),
    dimensions.LINK: ("Links of newsletters", "Link", "clicks"),
    dimensions.OPEN: ("Opened by readers", "E-mail", "opens"),
    dimensions.OPEN_PROXY: ("Fetched by mail proxies", "E-mail", "fetches"),
    dimensions.BROWSER: ("Browsers", "Browser", "page views"),
    dimensions.DEVICE: ("Devices", "Device", "page views"),
    dimensions.LANGUAGE: ("Languages", "Language", "page views"),
    dimensions.VISITORS: ("Visitors a day, estimated", "Estimate", "visitors"),
    dimensions.WITHDRAWAL: ("Taken back", "Purpose", "withdrawals"),
}
_DEVICES = {"desktop": "Desktop", "mobile": "Phone", "tablet": "Tablet"}
#: Not from the C library, which a site may have told to speak another language.
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
#: What stands in for a character that would move the cursor, reverse the line or show nothing.
_UNSEEN = "\N{REPLACEMENT CHARACTER}"


def title(dimension: str) -> str:
    """What *dimension* is called."""
    return _DIMENSIONS[dimension][0] if dimension in _DIMENSIONS else f"Answers: {dimensions.answered(dimension)}"


def unit(dimension: str) -> str:
    """What is counted in *dimension*, in the plural."""
    return _DIMENSIONS[dimension][2] if dimension in _DIMENSIONS else "answers"


def noun(dimension: str) -> str:
    """What a row of *dimension* is."""
    return _DIMENSIONS[dimension][1] if dimension in _DIMENSIONS else "Answer"


def who(dimension: str) -> str:
    """Of whom there must be enough before a number of *dimension* is shown, in the plural."""
    return "recipients" if dimension in (dimensions.OPEN, dimensions.OPEN_PROXY) else "networks"


def name(dimension: str, label: str, kind: Kind) -> str:
    """What the row *label* of *dimension* is called, in one line of characters that can be seen."""
    if kind is Kind.OTHER:
        return "Other"
    words = wording("en")
    if dimension in (dimensions.REGION, dimensions.EXEMPT_REGION):
        return f"Other, {words.country(label)}" if kind is Kind.GROUP else region(label, words)
    if dimension == dimensions.LANGUAGE:
        return visible(words.name_of(label))
    if dimension == dimensions.DEVICE:
        return _DEVICES.get(label, visible(label))
    if dimension == dimensions.CAMPAIGN and label == dimensions.NONE:
        return "No campaign"
    return visible(label)


def region(code: str, words: Wording) -> str:
    """Name of ``DE`` or ``DE-BY``; of subdivisions CLDR's names are not at hand, so their code stands behind."""
    if code == UNKNOWN:
        return "Unknown"
    country, _, part = code.partition("-")
    named = words.country(country)
    return visible(f"{named} ({part})" if part else named)


def on(days: int, shown: int) -> str:
    """``on 19 of 28 days``, of a row that is shown on fewer than the *shown* days; else nothing."""
    return f"on {days:,} of {shown:,} days" if days < shown else ""


def day(of: date) -> str:
    """``22 November 2026``."""
    return f"{of.day} {_MONTHS[of.month - 1]} {of.year}"


def short(step: Step, unit: Unit) -> str:
    """*step* in a few characters, for the side of a chart: ``22 Nov``, the first day of a week, ``Nov 26``."""
    month = _MONTHS[step.since.month - 1][:3]
    return f"{month} {step.since.year % 100:02}" if unit is Unit.MONTH else f"{step.since.day} {month}"


def long(step: Step, unit: Unit) -> str:
    """*step* in full: a day, a month, or from when to when."""
    if step.since == step.until:
        return day(step.since)
    if unit is Unit.MONTH and step.since.day == 1 and (step.until + timedelta(days=1)).day == 1:
        return f"{_MONTHS[step.since.month - 1]} {step.since.year}"
    return span(step.since, step.until)


def span(since: date, until: date) -> str:
    """``26 October to 22 November 2026``, without what both days share."""
    if since == until:
        return day(since)
    first = day(since)
    if since.year == until.year:
        first = first.removesuffix(f" {since.year}")
        if since.month == until.month:
            first = str(since.day)
    return f"{first} to {day(until)}"


def visible(text: str) -> str:
    """*text* without characters that a terminal obeys or that turn what stands beside them."""
    return "".join(letter if letter.isprintable() else _UNSEEN for letter in text)
