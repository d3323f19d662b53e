"""``flask consent doctor``: what a person should look at that no start-up check can decide.

It knows which middleware the application has, not what stands in front of it: how many proxies there really are only
the operator can say.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import click
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from consent import StoreError
from consent.audience import naming
from consent.audience.view import last_closed
from consent.policy import Basis

from ..state import State
from . import running
from .running import count, reason, within

#: What middleware calls what it stands before.
_INNER = ("app", "wsgi_app", "application", "_app", "_application")
#: More middleware than this is a circle.
_DEEPEST = 50
#: Days after which a database of regions is old.
_OLD = 365
#: Days in which one is looked for of which something can be read.
_LATELY = 35


@click.command("doctor")
@within
def doctor(state: State) -> None:
    """Say what to look at: where visitors' addresses come from, what the regions can tell, who sees what in the report.

    Lines begin with "fine", "look" (only you can know) or "warning". Exits with 1 if there is a warning.
    """
    said = [*_proxies(running.app()), *_regions(state), *_report(state), *_counting(state)]
    for word, line in said:
        click.echo(f"{word + ':':9}{line}")
    if any(word == "warning" for word, _ in said):
        raise SystemExit(1)


def _proxies(app: Flask) -> Iterator[tuple[str, str]]:
    hops = [fix.x_for for fix in _fixes(app)]
    if not hops:
        yield (
            "look",
            (
                "addresses come straight from the connection. Right without a proxy; behind one, all visitors have its "
                "address and count as one: wrap app.wsgi_app in ProxyFix"
            ),
        )
    elif len(hops) > 1:
        yield (
            "warning",
            f"{len(hops)} ProxyFix, one in the other: the inner one reads the header again. Keep one",
        )
    elif hops[0] == 0:
        yield (
            "warning",
            "ProxyFix has x_for=0: behind a proxy, all visitors have its address and count as one. Set their number",
        )
    else:
        proxies = count(hops[0], "proxy")
        yield (
            "look",
            (
                f"ProxyFix believes {proxies} (x_for={hops[0]}). If there are fewer, or a way past them, "
                "visitors choose their address"
            ),
        )


def _fixes(app: Flask) -> Iterator[ProxyFix]:
    found: object = app.wsgi_app
    for _ in range(_DEEPEST):
        if isinstance(found, ProxyFix):
            yield found
        inner = (getattr(found, name, None) for name in _INNER)
        found = next((one for one in inner if callable(one)), None)
        if found is None or found is app:
            return


def _regions(state: State) -> Iterator[tuple[str, str]]:
    try:
        found = state.regions.open()
    except (OSError, ValueError, ImportError) as error:
        yield "warning", f"the database of regions cannot be used: {type(error).__name__}: {error}"
        return
    age = (state.clock().date() - found.built).days
    name = found.path or "the countries that ship with the package"
    if age > _OLD:
        yield "warning", f"regions are {count(age, 'day')} old ({name}). See: flask consent geo build --help"
    else:
        yield "fine", f"regions are {count(age, 'day')} old ({name})"
    asked = state.policy.audience.subdivisions
    untold = asked if found.path is None else state.regions.undivided()
    if untold:
        remedy = "Set CONSENT_GEOIP_DATABASE to one with subdivisions, or take them out of the policy"
        yield "warning", f"no subdivisions of {', '.join(sorted(untold))} in the database of regions. {remedy}"


def _report(state: State) -> Iterator[tuple[str, str]]:
    if state.settings.authorize is None:
        page = f"{state.settings.url_prefix}/report"
        yield "look", f"nobody can open {page}: CONSENT_AUTHORIZE is not set. See: flask consent report"


def _counting(state: State) -> Iterator[tuple[str, str]]:
    """Why the report may be empty; of days that are over alone, and nothing that the report does not say."""
    name = state.policy.audience.purpose
    purpose = state.policy.purposes.get(name)
    if purpose is None:
        yield "look", f'no pages are counted: the policy declares no purpose "{name}"'
    elif purpose.basis is Basis.CONSENT:
        yield "fine", f'pages with consent_beacon() are counted under "{name}": of visitors who said yes to it'
    else:
        yield "look", f'pages are counted under "{name}", of everybody who did not object, in every country'
    if state.settings.background:
        yield "fine", "the background work is on: in each process, from its first request on"
    else:
        yield (
            "look",
            "CONSENT_BACKGROUND is off: a day is closed, and then shown, only by: flask consent seal",
        )
    yield _newest(state)


def _newest(state: State) -> tuple[str, str]:
    """The last day of which anything can be read."""
    until = last_closed(state.clock())
    try:
        exists = state.ledger.database.exists  # a look makes no file
        read = state.ledger.counts.days(since=until - timedelta(days=_LATELY - 1), until=until) if exists else {}
    except StoreError as error:
        return "warning", f"the numbers cannot be read: {reason(error)}"
    newest = max((max(table.days) for table in read.values()), default=None)
    if newest is None:
        return (
            "look",
            f'nothing can be read of the last {_LATELY} days. See "The report stays empty" in docs/audience.md',
        )
    return "fine", f"the newest day of which something can be read is {naming.day(newest)}"
