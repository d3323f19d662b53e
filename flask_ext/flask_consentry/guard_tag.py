"""What the guard is told by its own tag, beside the answer: the attributes of ``head.html``.

Nothing in here is a secret, and nothing trusts what the guard makes of it.
"""

from __future__ import annotations

from flask import request, url_for

from consent import NECESSARY, Policy
from consent.policy import Opens

from .state import State
from .visit import Visit


def attributes(state: State, visit: Visit, *, here: str, home: str) -> dict[str, str | None]:
    """The attributes by name, with ``None`` for those to leave out.

    :param here: Path and query of this page.
    :param home: Path of the site's first page.
    """
    return {
        "data-mode": state.gate.mode.value,
        "data-hosts": " ".join(hosts(state.policy, state.policy.services_on(visit.grants.services, visit.path))),
        "data-main": " ".join(_in_the_page(state.policy)),
        "data-reload": "" if state.settings.reload else None,
        "data-report": url_for("consentry.report") if state.tally is not None else None,
        "data-again": _to_get(here, home),
    }


def hosts(policy: Policy, services: frozenset[str]) -> list[str]:
    """Names of the hosts of *services*, without scheme and port; ``*.`` and a domain stands for all in it."""
    return sorted({_name(origin) for origin in policy.origins(services)})


def _name(origin: str) -> str:
    return origin.rpartition("://")[2].partition("/")[0].partition(":")[0]


def _in_the_page(policy: Policy) -> list[str]:
    """Services that run in the page itself, and so start with the next one."""
    return [s.id for s in policy.services.values() if s.opens is Opens.DOCUMENT and s.purpose != NECESSARY]


def _to_get(here: str, home: str) -> str | None:
    """Where to load this page from anew, if a reload would send a form once more."""
    if request.method in ("GET", "HEAD"):
        return None
    rule = request.url_rule
    return here if rule is not None and "GET" in (rule.methods or ()) else home
