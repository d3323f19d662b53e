"""Contexts for the templates in ``templates/consentry``: every page and fragment of our own is rendered here."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlsplit

from flask import g, render_template, request, url_for
from markupsafe import Markup

from consent import NECESSARY, Decision, Policy
from consent.notice import Notice, PurposeNotice, permission, placeholder, question
from consent.policy import Basis
from consent.wording import Wording, wording

from .state import State
from .visit import Visit

#: Longest path and query that a form carries to come back to; a body is at most 8 kB, percent-encoded.
_LONGEST_WAY = 1500
#: Fragment of a page whose question has just been answered: its stylesheet hides the question.
ANSWERED = "cs-answered"


def language(policy: Policy) -> str:
    """The policy's language that the visitor's browser likes best, else its first."""
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


def here() -> str:
    """The path and query of the current request as they stood in its URL, to come back to."""
    path = quote(request.root_path + request.path, safe="/!$&'()*+,:;=@~")
    query = request.query_string.decode("latin-1")
    whole = f"{path}?{query}" if query else path
    return next((one for one in (whole, path) if len(one) <= _LONGEST_WAY), request.root_path + "/")


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
    )


def banner(state: State, visit: Visit, *, nonce: str | None = None) -> Markup:
    """The question, where there is one to ask; else nothing."""
    visit.consulted = True
    asked = visit.asks
    if not asked:
        return Markup("")
    notice = question(state.policy, language(state.policy), asked)
    return _fragment("banner", **_form(state, visit, notice, "banner"), nonce=nonce or _site_nonce())


def preferences(state: State, visit: Visit, **overrides: Any) -> str:
    """The page with every choice; *overrides* keep a visitor's ticks and say what went wrong."""
    notice = question(state.policy, language(state.policy), state.policy.purposes)
    context = _form(state, visit, notice, "preferences") | {"banner_url": asset("banner.js")} | overrides
    return render_template("consentry/preferences.html", **context)


def needs_consent(state: State, visit: Visit, purpose: str) -> str:
    """The page in front of a view whose *purpose* is not allowed; it asks about this one alone."""
    notice = permission(state.policy, language(state.policy), purpose)
    context = _form(state, visit, notice, "page")
    return render_template(
        "consentry/needs_consent.html", **context, purpose=_asked(notice), back=request.root_path + "/"
    )


def _asked(notice: Notice) -> PurposeNotice:
    """The one purpose of a notice about one."""
    return (*notice.purposes, *notice.exempt)[0]


def link(state: State, visit: Visit) -> Markup:
    """The way to change or take back, for a footer."""
    notice = question(state.policy, language(state.policy), state.policy.purposes)
    return _fragment("link", **_form(state, visit, notice, "preferences"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A frame in a page: *width* and *height* in CSS pixels, *link* to the same thing on the other site."""

    service: str
    src: str
    title: str
    width: int
    height: int
    link: str | None
    plays: bool


def place() -> str:
    """Id of the next frame on this page: the same whether it is open or not, so that one can come back to it."""
    g.consentry_frames = g.get("consentry_frames", 0) + 1
    return f"cs-frame-{g.consentry_frames}"


def frame(shown: Frame, *, place: str) -> Markup:
    """A granted frame, at the size that its placeholder has."""
    return _fragment("frame", frame_url=shown.src, title=shown.title, width=shown.width, height=shown.height, id=place)


def stand_in(state: State, visit: Visit, shown: Frame, *, token: str, place: str) -> Markup:
    """The placeholder of a frame; *token* is its signed description."""
    notice = placeholder(state.policy, language(state.policy), shown.service)
    sold = state.policy.services[shown.service].sells_or_shares
    return _fragment(
        "placeholder",
        **_form(state, visit, notice, "placeholder") | {"next": f"{here()}#{place}"},
        service=notice.purposes[0].services[0],
        title=shown.title,
        width=shown.width,
        height=shown.height,
        link=shown.link,
        link_host=urlsplit(shown.link).hostname if shown.link else None,
        plays=shown.plays,
        opted_out=sold and visit.signals.gpc,
        embed=token,
        id=place,
        frame_url=url_for("consentry.embed", service=shown.service, token=token),
    )


def embed_page(state: State, **context: Any) -> str:
    """The wrapper document of one frame."""
    return render_template("consentry/embed.html", t=words(state.policy), css_url=asset("embed.css"), **context)


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


def cookie_table(state: State) -> Markup:
    """Everything that the policy declares to be stored, as a table."""
    t = words(state.policy)
    services, purposes = state.policy.services, state.policy.purposes
    rows = []
    for cookie in state.policy.cookies:
        service = services[cookie.service]
        label = t.purposes[NECESSARY]["label"] if service.purpose == NECESSARY else None
        rows.append(
            {
                "name": cookie.name,
                "kind": cookie.kind.value,
                "service": service.name,
                "provider": service.provider.name,
                "privacy_url": service.provider.privacy_url,
                "purpose": label or purposes[service.purpose].texts[t.language].label,
                "lifetime": t.duration(cookie.lifetime),
                "description": cookie.description.get(t.language, ""),
            }
        )
    rows.append(_own_row(state, t))
    return _fragment("cookie_table", t=t, rows=rows)


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
    frame = {"title": told.name, "width": 16, "height": 9, "plays": True, "opted_out": False, "id": "cs-frame"}
    return str(_fragment("placeholder", **blank, service=told, **frame))


def _own_row(state: State, t: Wording) -> dict[str, Any]:
    controller = state.policy.controller
    return {
        "name": state.cookie_names[request.is_secure],
        "kind": "cookie",
        "service": t.privacy_choices,
        "provider": controller.name,
        "privacy_url": controller.privacy_url,
        "purpose": t.purposes[NECESSARY]["label"],
        "lifetime": t.duration(state.policy.lifetime),
        "description": t.own_cookie,
    }


def _form(state: State, visit: Visit, notice: Notice, surface: str) -> dict[str, Any]:
    """What every form that answers needs."""
    visit.consulted = True
    decision = visit.decision
    back = here()
    return {
        "t": wording(notice.language),
        "notice": notice,
        "who": _who(notice),
        "token": state.notices.write(notice, now=visit.now),
        "key": urlsafe_b64encode(state.entropy(16)).rstrip(b"=").decode(),
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
