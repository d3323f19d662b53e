"""``flask consent discover``: what the site's pages load and store that nobody declared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

import click
from flask.cli import with_appcontext

from consent import StoreError
from consent.discovery.finding import Finding
from consent.discovery.findings import Findings, find
from consent.discovery.paste import toml
from consent.policy import catalogue

from ..state import State
from . import application

#: Pages shown for one finding.
_PLACES = 3


@click.command("discover")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="What was seen on this day or later.")
@click.option("--json", "as_json", is_flag=True, help="For a program.")
@with_appcontext
def discover(since: datetime | None, as_json: bool) -> None:
    """Tell what pages load and store that nobody declared, and what to paste."""
    state = application.state()
    try:
        rows = list(state.ledger.counts.sightings(since=since.date() if since else None))
    except StoreError as error:
        raise click.ClickException(f"{error}: {error.__cause__}") from None
    findings = find(rows, state.policy, state.gate.cookies, catalogue.search())
    pasted = toml(findings, state.policy)
    if as_json:
        click.echo(json.dumps(_described(findings, pasted), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_told(findings, pasted) if findings else _nothing(state, since)))


def _described(findings: Findings, pasted: str) -> dict[str, object]:
    return {
        "hosts": [finding.described() for finding in findings.hosts],
        "names": [finding.described() for finding in findings.names],
        "held_back": [finding.described() for finding in findings.held_back],
        "elsewhere": [finding.described() for finding in findings.elsewhere],
        "dropped": findings.dropped,
        "toml": pasted,
    }


def _told(findings: Findings, pasted: str) -> Iterator[str]:
    yield from _section("Hosts that no service declares", findings.hosts)
    yield from _section("Cookies and keys that no service declares", findings.names)
    yield from _section("Declared, held back until the visitor says yes", findings.held_back)
    yield from _section("Declared, but not on these pages", findings.elsewhere)
    if findings.elsewhere:
        yield "Their services have routes, so nothing lets them through there. Where one is needed, add the path to its"
        yield "routes; where it is not, remove it from the page.\n"
    if not findings.hosts and not findings.names and not findings.elsewhere:
        yield "Everything that was seen is declared."
    if findings.dropped:
        yield f"{findings.dropped} more were reported than there is room to keep (docs/discover.md says why).\n"
    if pasted:
        yield "To paste into the policy file, after a look at each:\n"
        yield pasted.rstrip()


def _section(title: str, findings: tuple[Finding, ...]) -> Iterator[str]:
    if not findings:
        return
    yield f"{title} ({len(findings)})\n"
    for finding in findings:
        kind = "" if finding.kind in ("host", "cookie") else f" ({finding.kind})"
        times = "once" if finding.count == 1 else f"{finding.count} times"
        yield f"{finding.name}{kind}: {times}, last on {finding.last_day}"
        yield f"  by    {', '.join(directive for directive, _ in finding.by.most_common())}"
        if finding.places:
            more = len(finding.pages) - len(finding.places[:_PLACES])
            yield f"  on    {', '.join(finding.places[:_PLACES])}{f' and {more} more' if more else ''}"
        if finding.services:
            yield f"  of    {', '.join(finding.services)}"
        if finding.fits:
            yield f"  fits  {', '.join(f'{fit.entry.id} ({fit.entry.name})' for fit in finding.fits)}"
        yield ""


def _nothing(state: State, since: datetime | None) -> Iterator[str]:
    yield "Nothing was seen that is not declared" + (f" since {since:%Y-%m-%d}." if since else ".")
    if state.tally is None:
        yield 'No reports are collected now. Set CONSENT_MODE = "report" (or, to go on enforcing, CONSENT_REPORTS ='
        yield '"always"), start the site anew, open some pages in a browser, and ask again a minute later.'
    else:
        yield "Reports are collected. Open some pages in a browser, and ask again a minute later."
