"""Contexts for the templates in ``templates/consentry``: every page and fragment of our own is rendered here."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from flask import g, render_template, request, url_for
from markupsafe import Markup

from consent import NECESSARY, Decision, Policy
from consent.gate.caching import CacheMode
from consent.notice import Notice, PurposeNotice, permission, question
from consent.policy import Basis
from consent.wording import Wording, wording

from . import guard_tag
from .state import State
from .visit import KEY, Visit

#: Longest path and query that a form carries to come back to; a body is at most 8 kB, percent-encoded.
_LONGEST_WAY = 1500
#: Fragment of a page whose question has just been answered: its stylesheet hides the question.
ANSWERED = "cs-answered"


def language(policy: Policy) -> str:
    """The policy's language that the visitor's browser likes best, else its first; on a page for all, its first."""
    if _is_shared():
        return policy.languages[0]
    return request.accept_languages.best_match(policy.languages) or policy.languages[0]


def words(policy: Policy) -> Wording:
    """The words of :func:`language`."""
    return wording(language(policy))


def asset(name: str) -> str:
    """URL of one of our static files, with a hash of its content so that it may be cached for ever."""
    return url_for("consentry.static", filename=name, v=_content_hash(name))


@cache
def _content_hash(name: str) -> str:
    return sha256((files(__package__) / "static" / name).read_bytes()).hexdigest()[:10]


def home() -> str:
    """Path of the site's first page."""
    return f"{request.root_path}/"


def here() -> str:
    """The path and query of the current request as they stood in its URL, to come back to.

    A page for all has the path alone: its cache may hold that one copy for every query.
    """
    path = quote(request.root_path + request.path, safe="/!$&'()*+,:;=@~")
    if _is_shared():
        return path if len(path) <= _LONGEST_WAY else home()
    query = request.query_string.decode("latin-1")
    whole = f"{path}?{query}" if query else path
    return next((one for one in (whole, path) if len(one) <= _LONGEST_WAY), home())


def _is_shared() -> bool:
    """Whether the current page is one that all visitors share."""
    current = request.environ.get(KEY)
    return current is not None and current.shared


def head(state: State, visit: Visit, *, nonce: str | None = None) -> Markup:
    """The guard and the stylesheet, for the top of ``<head>``."""
    visit.consulted = True
    return _fragment(
        "head",
        guard_url=asset("guard.js"),
        css_url=asset("banner.css"),
        banner_url=asset("banner.js"),
        nonce=nonce or _site_nonce(),
        rules=state.gate.browser_rules,
        services=sorted(visit.grants.services),
        purposes=sorted(visit.grants.purposes),
        duration=_duration(visit),
        state_url=url_for("consentry.state"),
        question_url=url_for("consentry.banner") if visit.shared else None,
        told=guard_tag.attributes(state, visit, here=here(), home=home()),
    )


def banner(state: State, visit: Visit, *, nonce: str | None = None) -> Markup:
    """The question, where there is one to ask; else nothing. On a page for all, the place that it will take."""
    visit.consulted = True
    asked = visit.asks
    if not asked:
        return Markup("")
    notice = question(state.policy, language(state.policy), asked)
    form = _form(state, visit, notice, "banner")
    return _fragment("shared_place" if visit.shared else "banner", **form, nonce=nonce or _site_nonce())


def late_banner(state: State, visit: Visit, *, back: str) -> str:
    """The question alone, for the page for all at *back* that is open already; empty where there is nothing to ask."""
    asked = visit.asks
    if not asked:
        return ""
    form = _form(state, visit, question(state.policy, language(state.policy), asked), "banner", back=back)
    return str(_fragment("banner", **form))


def shared_notices(state: State, visit: Visit, services: Iterable[str]) -> dict[str, str]:
    """The notice tokens of forms on a page for all: of each placeholder by its service, of the link under no name.

    Made for the words that stand there, in the policy's first language.
    """
    said = state.policy.languages[0]
    asked = question(state.policy, said, state.policy.purposes)
    shown = {"": state.notices.write(asked, now=visit.now)}
    for service in state.policy.services.keys() & set(services):
        shown[service] = state.notices.placeholder(said, service, now=visit.now)[1]
    return shown


def preferences(state: State, visit: Visit, **overrides: Any) -> str:
    """The page with every choice; *overrides* keep a visitor's ticks and say what went wrong."""
    notice = question(state.policy, language(state.policy), state.policy.purposes)
    context = _form(state, visit, notice, "preferences") | {"banner_url": asset("banner.js")} | overrides
    return render_template("consentry/preferences.html", **context)


def needs_consent(state: State, visit: Visit, purpose: str) -> str:
    """The page in front of a view whose *purpose* is not allowed; it asks about this one alone."""
    notice = permission(state.policy, language(state.policy), purpose)
    context = _form(state, visit, notice, "page")
    return render_template("consentry/needs_consent.html", **context, purpose=_asked(notice), back=home())


def _asked(notice: Notice) -> PurposeNotice:
    """The one purpose of a notice about one."""
    return (*notice.purposes, *notice.exempt)[0]


def link(state: State, visit: Visit) -> Markup:
    """The way to change or take back, for a footer."""
    notice = question(state.policy, language(state.policy), state.policy.purposes)
    return _fragment("link", **_form(state, visit, notice, "preferences"))


def problem(state: State, status: int, *, back: str) -> str:
    """An error that a person can read."""
    t = words(state.policy)
    return render_template(
        "consentry/problem.html",
        t=t,
        status=status,
        title=t.ui[f"error_{status}_title"],
        detail=t.ui[f"error_{status}_detail"],
        css_url=asset("banner.css"),
        next=back,
        preferences_url=url_for("consentry.preferences", next=back),
    )


def dressing() -> dict[str, str]:
    """What gives a page of our own its looks and its behaviour."""
    return {"css_url": asset("banner.css"), "banner_url": asset("banner.js")}


def cookie_table(state: State) -> Markup:
    """Everything that the policy declares to be stored, here and by others, as a table."""
    t = words(state.policy)
    services, purposes = state.policy.services, state.policy.purposes
    elsewhere = [cookie for service in services.values() for cookie in service.vendor_cookies]
    rows = []
    for cookie in (*state.policy.cookies, *elsewhere):
        service = services[cookie.service]
        label = t.purposes[NECESSARY]["label"] if service.purpose == NECESSARY else None
        rows.append(
            {
                "name": cookie.name,
                "kind": cookie.kind.value,
                "host": cookie.host,
                "service": service.name,
                "provider": service.provider.name,
                "privacy_url": service.provider.privacy_url,
                "purpose": label or purposes[service.purpose].texts[t.language].label,
                "lifetime": t.duration(cookie.lifetime),
                "description": cookie.description.get(t.language, ""),
            }
        )
    rows += _own_rows(state, t)
    return _fragment("cookie_table", t=t, rows=rows, elsewhere=bool(elsewhere))


def notice_html(notice: Notice) -> str:
    """*notice* as visitors saw it, without what differs between two of them: what the ledger keeps."""
    blank = {"t": wording(notice.language), "notice": notice, "token": "", "key": "", "next": "/", "surface": ""}
    blank["who"] = _who(notice)
    blank |= {"action": "", "preferences_url": "", "answers": frozenset(), "ticked_services": frozenset()}
    if notice.kind == "question":
        return str(_fragment("banner", **blank))
    if notice.kind.startswith("permission"):
        return str(_fragment("needs_consent", **blank, purpose=_asked(notice), back="/"))
    told = notice.purposes[0].services[0]
    slot = {"id": "cs-frame", "title": told.name, "width": 16, "height": 9}
    return str(_fragment("placeholder", **blank, service=told, slot=slot, opted_out=False))


def _own_rows(state: State, t: Wording) -> list[dict[str, Any]]:
    controller = state.policy.controller
    own = {state.cookie_names[request.is_secure]: t.own_cookie}
    if state.settings.cache_mode is CacheMode.STATIC:
        own[state.marker] = t.own_marker
    common = {
        "kind": "cookie",
        "service": t.privacy_choices,
        "provider": controller.name,
        "privacy_url": controller.privacy_url,
        "purpose": t.purposes[NECESSARY]["label"],
        "lifetime": t.duration(state.policy.lifetime),
    }
    return [common | {"name": name, "description": description} for name, description in own.items()]


def _form(state: State, visit: Visit, notice: Notice, surface: str, *, back: str | None = None) -> dict[str, Any]:
    """What every form that answers needs. On a page for all, the browser side fills in the token and the key."""
    visit.consulted = True
    decision = visit.decision
    back = here() if back is None else back
    return {
        "t": wording(notice.language),
        "notice": notice,
        "who": _who(notice),
        "token": "" if visit.shared else state.notices.write(notice, now=visit.now),
        "key": visit.new_key(),
        "next": back,
        "surface": surface,
        "action": url_for("consentry.decision"),
        "preferences_url": url_for("consentry.preferences", next=back),
        "css_url": asset("banner.css"),
        "gpc": visit.signals.gpc,
        "answers": _ticked(state.policy, decision),
        "ticked_services": decision.services if decision else frozenset(),
        "ask_again": surface == "preferences" and _duration(visit) == "session",
        "decided": decision is not None,
        "granted_any": decision is not None and decision.grants_anything,
    }


def _who(notice: Notice) -> str:
    """Who asks, in the notice's language where the policy names nobody."""
    return notice.controller.name or wording(notice.language).this_site


def _ticked(policy: Policy, decision: Decision | None) -> frozenset[str]:
    """What stands ticked in a form: what was granted, and what is on unless the visitor objects."""
    answers = decision.answers if decision else {}
    return frozenset(p.id for p in policy.purposes.values() if answers.get(p.id, p.basis is not Basis.CONSENT))


def _duration(visit: Visit) -> str:
    decision = visit.decision
    return decision.duration.value if decision else ""


def _site_nonce() -> str | None:
    """The nonce of the site's own policy, where an extension has put it: Flask-Talisman, or ``g.csp_nonce``."""
    nonce = g.get("csp_nonce") or getattr(request, "csp_nonce", None)
    return nonce if isinstance(nonce, str) else None


def _fragment(template: str, **context: Any) -> Markup:
    return Markup(render_template(f"consentry/{template}.html", **context).strip())  # noqa: S704  # rendered with autoescape
