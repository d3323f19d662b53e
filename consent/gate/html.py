"""The HTML gate: what a page would load from services that are not granted becomes inert; all other bytes stay.

The page is read by a parser that builds the tree a browser would, and that knows where in the source each tag stands;
edits are cut into the source there, so that nothing else is ever written anew. It is read as by a browser that runs no
scripts, and once more as by one that does where a ``<noscript>`` could make a difference.

This is not the wall: that is :mod:`.csp`. Rewriting serves people (a placeholder instead of a hole) and stops what no
policy does: connection hints. Styles and inline scripts are left to the wall.

Source: HTML §13.2 (parsing), §4.12.1 (``type`` of a script), §4.8.5 (``srcdoc``).
"""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from turbohtml import parse

from ..policy import Opens, Policy, Service
from . import elements, encodings
from .addresses import Base, absolute, elsewhere, normal
from .encodings import Reading
from .found import Found
from .reach import Reach
from .source import INERT, Edits, Note, Source, StandIn, ascii_only, no_note, no_stand_in, pixels

_LOG = logging.getLogger("consentry")

#: Placeholders on one page; further frames become inert without one.
_PLACEHOLDERS = 50
#: ``srcdoc`` inside ``srcdoc``; a deeper one is emptied.
_DEPTH = 3
#: Sets of grants remembered.
_REACHES = 256
#: ``Host`` headers remembered.
_HOSTS = 256

_FRAMESET = re.compile("<frameset", re.IGNORECASE)
_BODY = re.compile(r"<body(?=[\s/])[^<>]*>", re.IGNORECASE)
_BACKGROUND = re.compile(r"([\s/\"'])(background\s*=)", re.IGNORECASE)
_CDATA = "<![CDATA["
_REL = re.compile(r"[\s\"'/]rel\s*=")
_NOSCRIPT_END = re.compile(r"</noscript", re.IGNORECASE)
#: Where a placeholder, which holds a form, cannot stand: the parser would take it apart, or a script copy it.
_NO_PLACE = "form,template,select,button,a,svg,math,object"


class HtmlGate:
    """Rewrites the pages of one site."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._reach = lru_cache(maxsize=_REACHES)(self._new_reach)

    @staticmethod
    @lru_cache(maxsize=_HOSTS)
    def base(scheme: str, host: str) -> Base:
        """The base of the pages of the site under its ``Host``: their paths make no difference to where a URL leads."""
        return Base.of_page(scheme, host)

    def _new_reach(self, services: frozenset[str]) -> Reach:
        return Reach(self._policy, services)

    def rewrite(
        self,
        page: bytes,
        *,
        base: Base,
        services: frozenset[str],
        charset: str | None = None,
        stand_in: StandIn = no_stand_in,
        note: Note = no_note,
    ) -> bytes:
        """*page* as a visitor may have it; the very same object where there is nothing to change.

        :param page: A whole HTML document, without content coding.
        :param services: Ids of the granted services, the necessary ones among them.
        :param charset: The ``charset`` of the media type, where one is given.
        :param stand_in: Makes placeholders.
        :param note: Is told what was held back; of one thing perhaps twice.
        """
        reading = encodings.read(page, charset)
        reach = self._reach(services)
        edited = _rewritten(Source.of(reading, base=base, reach=reach, stand_in=stand_in, note=note))
        return page if edited is reading.text else reading.write(edited)


def _rewritten(source: Source) -> str:
    """The text of *source*, edited; the same object if there is nothing to edit."""
    edits = Edits()
    for view in source.views:
        found = _collect(source, view, edits, scripting=False)
        if not found.is_sure:
            _collect(source, view, edits, scripting=True)
        if found.is_frameset or found.has_cdata:
            # Such a tree leaves out what Chromium's preload scanner, which builds none, still sees.
            _collect(source, _FRAMESET.sub("<plainset", view.replace(_CDATA, "<!.CDATA[")), edits, scripting=False)
    if not edits.made:
        return source.text
    text, conflict = edits.apply(source.text)
    # Two readings of a broken page wanted to edit the same part: see what is left.
    again = conflict and source.depth <= _DEPTH
    return _rewritten(source.below(Reading.of_text(text, source.charset))) if again else text


class _Found(NamedTuple):
    """What one reading says of others.

    :param is_sure: A browser that runs scripts sees the same elements.
    :param is_frameset: The tree leaves elements out.
    :param has_cdata: Text of a drawing looks like markup to who builds no tree.
    """

    is_sure: bool
    is_frameset: bool
    has_cdata: bool


def _collect(source: Source, view: str, edits: Edits, *, scripting: bool) -> _Found:
    """Add the edits of one reading."""
    document = parse(view, source_locations=True, scripting=scripting, allow_declarative_shadow_roots=False)
    chosen = document.select(elements.SELECTOR)
    base = _base(chosen, source)
    is_sure, is_frameset = True, False
    for element in chosen:
        if element.tag == "noscript":
            is_sure = is_sure and _closes_at_once(element, view)
        elif element.tag == "frameset":
            is_frameset = True
        else:
            try:
                _judge(element, source, base, edits)
            except Exception as error:  # noqa: BLE001  # a failure of ours about one element opens none
                _LOG.error("an element was made inert because of a failure: %s", type(error).__name__)
                edits.rename(source, element, set(element.attrs))
    for service in source.reach.widgets:
        for element in document.select(",".join(service.embedding.markers)):
            _replace_widget(element, service, source, edits)
    return _Found(is_sure, is_frameset, _CDATA in view and _has_cdata(document, view))


def _has_cdata(document: Any, view: str) -> bool:
    """Whether a CDATA section, which only drawings and formulas have, stands in one."""
    for element in document.select("svg,math"):
        location = element.source_location
        if location is not None:
            end = location.end_tag.end_offset if location.end_tag else len(view)
            if view.find(_CDATA, location.start_tag.end_offset, end) >= 0:
                return True
    return False


def _closes_at_once(noscript: Any, view: str) -> bool:
    """Whether *noscript*, read as elements, ends where it would end read as text.

    Then what follows it is read alike by a browser that runs scripts and by one that does not.
    """
    location = noscript.source_location
    if location is None or location.end_tag is None:
        return False
    ends = _NOSCRIPT_END.search(view, location.start_tag.end_offset)
    return ends is not None and ends.start() == location.end_tag.start_offset


def _base(chosen: Iterable[Any], source: Source) -> Base:
    """What relative addresses start from: the site, or one ``<base href>`` that leads elsewhere.

    Which of several counts depends on the browser, on scripts and on whether its preload scanner asks: one that leads
    elsewhere is enough.
    """
    moved = source.base
    for element in chosen:
        if element.tag == "base" and "href" in element.attrs:
            moved = source.base.moved(source.value(element, "href"))
            if not moved.is_home:
                return moved
    return moved


def _judge(element: Any, source: Source, base: Base, edits: Edits) -> None:
    tag, attributes = element.tag, element.attrs
    if tag == "meta":
        _judge_refresh(element, source, base, edits)
        return
    if tag == "link" and not (elements.fetches(attributes.get("rel")) or _fetches_twice(element, source)):
        return
    held, completed = _held(element, source, base)
    written = completed | (_srcdoc(element, source, base) if "srcdoc" in attributes and tag == "iframe" else {})
    rules = tag == "script" and "type" in attributes and _breaks_rules(element, source, base)
    if source.note is not no_note:
        for name, (_, origin) in held.items():
            source.note(origin, elements.directive(tag, name, attributes.get("rel")))
    if not (held or rules):
        if written:
            edits.rename(source, element, set(), written, stops=False)
        return
    replaceable = tag == "iframe" and "src" in held and "srcdoc" not in attributes
    if replaceable and _replace_frame(element, *held["src"], source, base, edits):
        return
    if tag == "body":
        _clear_bodies(source, edits)
        return
    edits.rename(source, element, {"rel"} if tag == "link" else set(held), written)


def _held(element: Any, source: Source, base: Base) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Attributes that lead where nothing is granted, with address and origin; and those completed to be granted."""
    tag = element.tag
    held, completed = {}, {}
    for name in elements.loading(tag, element.attrs):
        for address in elements.addresses(name, source.value(element, name)):
            origin = elsewhere(address, base)
            if origin is not None:
                secure = _completed(address, origin)
                if secure is not None and source.reach.admits(secure):
                    completed[name] = source.with_scheme(element, name)
                elif not source.reach.admits(origin):
                    held[name] = (address, secure or origin)
                    break
            elif tag in elements.FRAMES and _hides_something(address, source):
                held[name] = (address, "")
                break
    return held, completed


def _strays(url: str, source: Source, base: Base) -> bool:
    """Whether *url* leads where nothing is granted."""
    origin = elsewhere(url, base)
    return origin is not None and not source.reach.admits(origin)


def _clear_bodies(source: Source, edits: Edits) -> None:
    """Rename the background of every ``<body>``: parsers add a later one's attributes to the first, without a place."""
    for found in _BODY.finditer(source.text):
        edits.add(*found.span(), _BACKGROUND.sub(rf"\1{INERT}\2", found[0]))


def _completed(address: str, origin: str) -> str | None:
    """The origin of *address* over HTTPS, if it has no scheme and the page came over HTTP.

    Policies declare ``https:`` hosts, and browsers do not take ``http:`` for it: such an address is completed.
    """
    bare = origin.startswith("http:") and address.lstrip().startswith("//")
    return f"https:{origin.removeprefix('http:')}" if bare else None


def _fetches_twice(link: Any, source: Source) -> bool:
    """Whether *link* has a second ``rel`` that may fetch: parsers know the first, Chromium's scanner the last."""
    raw = source.start_tag(link).lower()
    return len(_REL.findall(raw)) > 1 and any(word in raw for word in elements.FETCHING)


def _judge_refresh(element: Any, source: Source, base: Base, edits: Edits) -> None:
    if elements.text(element.attrs["http-equiv"]).strip().lower() == "refresh":
        target = elements.refresh_target(source.value(element, "content"))
        if target and _strays(target, source, base):
            edits.rename(source, element, {"http-equiv"})


def _breaks_rules(element: Any, source: Source, base: Base) -> bool:
    """Whether *element* holds data by which a browser could fetch from where nothing is granted."""
    kind = elements.text(element.attrs["type"]).strip().lower()
    if kind not in elements.DATA_SCRIPTS:
        return False
    named = elements.named_in_script(kind, source.understood(element.text))
    return named is None or any(_strays(url, source, base) for url in named)


def _hides_something(address: str, source: Source) -> bool:
    """Whether *address* is a ``data:`` document in which the gate would have to change something."""
    document = elements.data_document(normal(address))
    if document is None:
        return False
    if source.depth >= _DEPTH:
        return True
    nowhere = Base("about:blank", source.base.home, False)
    if document.is_xml:
        return any(_strays(url, source, nowhere) for url in elements.named_in_xml(document.content))
    inner = source.below(encodings.read(document.content, document.charset), base=nowhere)
    return _rewritten(inner) is not inner.text


def _srcdoc(element: Any, source: Source, base: Base) -> dict[str, str]:
    """The ``srcdoc`` of a frame as it may be, where that differs from what it is."""
    if source.depth >= _DEPTH:
        return {"srcdoc": 'srcdoc=""'}
    value = source.value(element, "srcdoc")
    inner = source.below(Reading.of_text(value), base=base)
    edited = _rewritten(inner)
    return {} if edited is inner.text else {"srcdoc": f'srcdoc="{ascii_only(html.escape(edited))}"'}


def _replace_frame(element: Any, address: str, origin: str, source: Source, base: Base, edits: Edits) -> bool:
    """Put the placeholder of a declared service where its frame stands; tells whether that was possible."""
    service = source.reach.frame_holder(origin) if origin else None
    location = element.source_location
    if service is None or not _has_place(element, source, edits):
        return False
    found = Found(
        service=service.id,
        kind=Opens.FRAME,
        src=absolute(f"https:{address.lstrip()}" if _completed(address, "http:") else address, base),
        title=source.value(element, "title"),
        width=pixels(element, "width"),
        height=pixels(element, "height"),
        markup="",
    )
    return _place(found, location, source, edits)


def _replace_widget(element: Any, service: Service, source: Source, edits: Edits) -> None:
    if not _has_place(element, source, edits):
        return
    location = element.source_location
    markup = source.text[location.start_tag.start_offset : location.end_tag.end_offset]
    found = Found(
        service=service.id,
        kind=Opens.WIDGET,
        src=service.embedding.script,
        title=source.value(element, "title"),
        width=pixels(element, "width"),
        height=pixels(element, "height"),
        markup=source.understood(markup),
    )
    _place(found, location, source, edits)


def _has_place(element: Any, source: Source, edits: Edits) -> bool:
    """Whether a placeholder can stand where *element* does: it is closed, and in a part that takes a form."""
    location = element.source_location
    return (
        source.depth == 0
        and location is not None
        and location.end_tag is not None
        and edits.placeholders < _PLACEHOLDERS
        and element.parent.closest(_NO_PLACE) is None
    )


def _place(found: Found, location: Any, source: Source, edits: Edits) -> bool:
    start, end = location.start_tag.start_offset, location.end_tag.end_offset
    if start in edits.made and edits.made[start][0] == end:
        return True  # the other reading has found it, too
    made = source.stand_in(found, edits.placeholders + 1)
    if not made:
        return False
    edits.placeholders += 1
    edits.add(start, end, ascii_only(made))
    return True
