"""What stands in a page where a frame or a widget of another site belongs: the thing itself, or its placeholder.

A placeholder asks nobody but this site for anything: it has words, two buttons and a link, and at most a picture of the
site's own. It is rendered without the site's context processors, because the HTML gate needs it after the site's own
code has ended and its session is saved.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urlsplit

from flask import current_app, g, url_for
from markupsafe import Markup

from consent.gate.csp import SANDBOX
from consent.gate.found import Found
from consent.gate.urls import is_covered
from consent.policy import Opens, Service
from consent.wording import wording

from . import embeds, render
from .state import State
from .visit import Visit

#: Width and height in CSS pixels where nobody says: of what is played, and of anything else.
PLAYED = (560, 315)
SHOWN = (560, 400)
_LINK = re.compile(r"""<a\b[^>]*?\bhref\s*=\s*["'](https://[^"'\s<>]{4,500})["']""", re.IGNORECASE)
#: A frame of this size or less is not there to be looked at.
_INVISIBLE = 10
_LARGEST = 4000
#: YouTube's player answers "error 153" to a frame that does not say which site it is on.
_REFERRER = "strict-origin-when-cross-origin"
_ALLOW = "fullscreen; picture-in-picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A place in a page, for one frame or widget.

    :param id: Its ``id``, the same whether it is open or not, so that one can come back to it.
    :param content: URL of the frame, or markup of the widget.
    :param width: In CSS pixels; *height* likewise.
    :param link: Where the same thing is on the other site.
    :param poster: Path on this site of a picture to show behind the words.
    :param css_url: URL of the style, where the page may lack it.
    """

    id: str
    service: str
    kind: Opens
    content: str
    title: str
    width: int
    height: int
    link: str | None = None
    poster: str | None = None
    css_url: str | None = None


def next_id() -> str:
    """Id of the next place that a template function makes on this page."""
    g.consentry_frames = g.get("consentry_frames", 0) + 1
    return f"cs-frame-{g.consentry_frames}"


def token_of(state: State, slot: Slot) -> str | None:
    """The signed description of what belongs in *slot*; ``None`` if it is too long for a URL."""
    back = f"{render.here()}#{slot.id}"
    if slot.kind is Opens.WIDGET:
        back = f"{back.partition('?')[0].partition('#')[0]}#{slot.id}"  # a widget's script can read its own URL
    embed = embeds.Embed(service=slot.service, kind=slot.kind, content=slot.content, title=slot.title, back=back)
    return embeds.close(state, embed)


def opened(state: State, slot: Slot, token: str) -> Markup:
    """The thing itself, at the size of its placeholder: the vendor's frame, or the wrapper of a widget."""
    if slot.kind is Opens.WIDGET:
        src, attributes = _wrapper(slot, token), {"sandbox": SANDBOX, "data-resize": ""}
    else:
        src, attributes = slot.content, vendor_attributes(state.policy.service(slot.service))
    return _rendered("frame", slot=slot, frame_url=src, attributes=attributes)


def placeholder(state: State, visit: Visit, slot: Slot, token: str, *, back: str | None = None) -> Markup:
    """The words and buttons in place of it; *token* is its signed description, *back* where an answer leads."""
    visit.consulted = True
    notice, told = state.notices.placeholder(render.language(state.policy), slot.service, now=visit.now)
    sold = state.policy.services[slot.service].sells_or_shares
    return _rendered(
        "placeholder",
        t=wording(notice.language),
        slot=slot,
        service=notice.purposes[0].services[0],
        token="" if visit.shared else told,
        key=visit.new_key(),
        next=f"{render.here()}#{slot.id}" if back is None else back,
        action=url_for("consentry.decision"),
        embed=token,
        frame_url=_wrapper(slot, token),
        sandbox=SANDBOX if slot.kind is Opens.WIDGET else None,
        link_host=urlsplit(slot.link).hostname if slot.link else None,
        opted_out=sold and visit.signals.gpc,
    )


def stand_in_for(state: State, visit: Visit, found: Found, *, number: int) -> str | None:
    """The placeholder of what the HTML gate *found*, the *number*-th on its page, in ASCII for pages of any encoding.

    ``None`` where none can stand for it: what nobody was to look at, a frame that its service does not cover, a widget
    whose script is not known, and what is too long for a URL.
    """
    service = state.policy.service(found.service)
    if not (service.embedding.script if found.kind is Opens.WIDGET else _is_presentable(service, found)):
        return None
    width, height = _size(service, found)
    slot = Slot(
        id=f"cs-found-{number}",
        service=found.service,
        kind=found.kind,
        content=found.markup if found.kind is Opens.WIDGET else found.src,
        title=found.title or service.name,
        width=width,
        height=height,
        link=_link_in(found.markup),
        # A page that nobody wrote with Consentry in mind has no consent_head(): its first placeholder brings the style.
        css_url=render.asset("banner.css") if number == 1 else None,
    )
    token = token_of(state, slot)
    if token is None:
        return None
    return placeholder(state, visit, slot, token).encode("ascii", "xmlcharrefreplace").decode()


def ask_again(state: State, visit: Visit, embed: embeds.Embed, token: str, *, back: str, stale: bool) -> str:
    """A page with the placeholder of *embed* alone, for an answer to one whose words are unknown or *stale*."""
    width, height = PLAYED if state.policy.service(embed.service).embedding.plays else SHOWN
    slot = Slot(
        id="cs-frame",
        service=embed.service,
        kind=embed.kind,
        content=embed.content,
        title=embed.title,
        width=width,
        height=height,
    )
    t = render.words(state.policy)
    shown = placeholder(state, visit, slot, token, back=back)
    why = t.answer_again if stale else t.answer_here
    return str(_rendered("ask_again", t=t, shown=shown, stale=stale, why=why, next=back, **render.dressing()))


def _link_in(markup: str) -> str | None:
    """The last link in a widget's markup: vendors end theirs with the post's own address."""
    found = _LINK.findall(markup)
    return unescape(found[-1]) if found else None


def vendor_attributes(service: Service) -> dict[str, str]:
    """Attributes of a frame of *service* beside its address and title."""
    told = service.embedding
    attributes = {"allow": told.allow or _ALLOW, "referrerpolicy": _REFERRER}
    if told.sandbox:
        attributes["sandbox"] = told.sandbox
    if told.credentialless:
        attributes["credentialless"] = ""
    return attributes


def _is_presentable(service: Service, found: Found) -> bool:
    if any(side is not None and side <= _INVISIBLE for side in (found.width, found.height)):
        return False
    hosts = service.hosts.get("frame-src", ())
    return found.src.startswith(("https://", "http://")) and is_covered(found.src, hosts)


def _size(service: Service, found: Found) -> tuple[int, int]:
    played = found.kind is Opens.FRAME and service.embedding.plays
    usual = PLAYED if played else SHOWN
    width = found.width or usual[0]
    height = found.height or (round(width * usual[1] / usual[0]) if played else usual[1])
    return min(width, _LARGEST), min(height, _LARGEST)


def _wrapper(slot: Slot, token: str) -> str:
    return url_for("consentry.embed", service=slot.service, token=token)


def _rendered(template: str, **context: Any) -> Markup:
    made = current_app.jinja_env.get_template(f"consentry/{template}.html").render(context)
    return Markup(made.strip())  # noqa: S704  # rendered with autoescape
