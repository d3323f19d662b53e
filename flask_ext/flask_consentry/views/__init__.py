"""The routes, all under ``CONSENT_URL_PREFIX`` but one that a standard puts elsewhere."""

from __future__ import annotations

from flask import Blueprint, current_app, request

from ..current import visit
from . import audience, beacon, decision, link, metrics, pages, receipt, report, wrapper


def blueprint() -> Blueprint:
    """A fresh blueprint: an application has its own."""
    made = Blueprint("consentry", "flask_consentry", template_folder="templates", static_folder="static")
    made.url_value_preprocessor(_exempt_from_csrf_protection)
    made.before_request(_answer_this_visitor)
    made.add_url_rule("/decision", "decision", decision.post, methods=["POST"])
    made.add_url_rule("/report", "report", report.post, methods=["POST"])
    made.add_url_rule("/report", "audience", audience.get)
    made.add_url_rule("/preferences", "preferences", pages.preferences)
    made.add_url_rule("/receipt", "receipt", receipt.get)
    made.add_url_rule("/receipt", "receipt_wish", receipt.post, methods=["POST"])
    made.add_url_rule("/metrics", "metrics", metrics.get)
    made.add_url_rule("/banner", "banner", pages.banner)
    made.add_url_rule("/state", "state", pages.state_of_visitor)
    made.add_url_rule("/embed/<service>/<token>", "embed", wrapper.embed)
    made.add_url_rule("/beacon/<token>.gif", "beacon", beacon.page)
    made.add_url_rule("/open/<token>.gif", "open", beacon.mail)
    made.add_url_rule("/link/<token>", "link", link.get)
    return made


def _exempt_from_csrf_protection(*_: object) -> None:
    """Flask-WTF knows our forms by no token of its own; :mod:`.origin` guards them, and a refusal must never fail."""
    protection = current_app.extensions.get("csrf")
    if protection is not None:
        protection.exempt(current_app.blueprints["consentry"])


def _answer_this_visitor() -> None:
    """None of our pages is one that all visitors share; our static files are nobody's."""
    if request.endpoint != "consentry.static":
        visit().make_private()


def well_known() -> Blueprint:
    """The support resource of Global Privacy Control, at the root of the host."""
    made = Blueprint("consentry_well_known", "flask_consentry")
    made.add_url_rule("/.well-known/gpc.json", "gpc", pages.gpc)
    return made
