"""``flask consent doctor``: what a person should look at that no start-up check can decide.

It knows which middleware the application has, not what stands in front of it: how many proxies there really are only
the operator can say.
"""

from __future__ import annotations

from collections.abc import Iterator

import click
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from ..state import State
from . import running
from .running import count, within

#: What middleware calls what it stands before.
_INNER = ("app", "wsgi_app", "application", "_app", "_application")
#: More middleware than this is a circle.
_DEEPEST = 50
#: Days after which a database of regions is old.
_OLD = 365


@click.command("doctor")
@within
def doctor(state: State) -> None:
    """Say what to look at: where visitors' addresses come from, what the regions can tell, who can see the report.

    Lines begin with "fine", "look" (only you can know) or "warning". Exits with 1 if there is a warning.
    """
    said = [*_proxies(running.app()), *_regions(state), *_report(state)]
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
    audience = state.policy.audience
    if audience.purpose not in state.policy.purposes:
        yield "look", f'no pages are counted: the policy declares no purpose "{audience.purpose}"'
