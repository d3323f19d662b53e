"""The adversarial forms without a browser: read anew, what the HTML gate made of a page loads nothing from elsewhere.

A quick net. Whether browsers agree is measured in tests/e2e/test_adversarial.py.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator
from typing import Any

import ada_url
import pytest
from turbohtml import parse

from consent.gate.html import HtmlGate
from tests.adversarial import FORMS, Form
from tests.policies import policy

_PORT = 9
_BASE = HtmlGate.base("http", "127.0.0.1")
#: Written here anew, by hand: the gate's own list would share its gaps.
_LOADING = (
    *("script[src]", "script[href]", "iframe[src]", "frame[src]", "embed[src]", "object[data]", "img[src]"),
    *("img[srcset]", "source[src]", "source[srcset]", "audio[src]", "video[src]", "video[poster]", "track[src]"),
    *("input[src]", "image[href]", "link[rel][href]", "link[rel][imagesrcset]", "[background]", "[ping]"),
    *("bgsound[src]", "portal[src]", "fencedframe[src]", "[attributionsrc]"),
)
_ATTRIBUTES = ("src", "srcset", "href", "xlink:href", "data", "poster", "imagesrcset", "background", "ping")
_BY_HREF = {"script", "image", "use", "link"}
_TELLING = {"canonical", "alternate", "next", "prev", "license"}


def _loads(document: Any, base: str) -> Iterator[tuple[str, str]]:
    """Tag and host of everything outside styles and inline scripts that *document* loads from elsewhere."""
    for moved in document.select("base[href]")[:1]:
        base = _join(str(moved.attrs["href"]), base) or base
    for meta in document.select("meta[http-equiv=refresh i][content]"):
        if "tracker" in unicodedata.normalize("NFKC", str(meta.attrs["content"])):
            yield meta.tag, str(meta.attrs["content"])
    for element in document.select(",".join(_LOADING)):
        relations = {str(word).lower() for word in element.attrs.get("rel") or ()}
        if element.tag == "link" and relations <= _TELLING:
            continue
        for name in _ATTRIBUTES:
            if name.endswith("href") and element.tag not in _BY_HREF:
                continue
            value = element.attrs.get(name)
            for url in _addresses(name, value) if isinstance(value, str) and value.strip() else ():
                found = _join(url, base)
                if found and not found.startswith("http://127.0.0.1/") and found.startswith(("http:", "https:")):
                    yield element.tag, found


def _addresses(name: str, value: str) -> list[str]:
    if name in ("srcset", "imagesrcset"):
        return [part.split()[0] for part in value.split(",") if part.split()]
    return value.split() if name == "ping" else [value]


def _read(page: bytes, form: Form, *, scripting: bool) -> Any:
    """The tree of *page*; shadow roots stay templates, into which a selector looks."""
    label = form.charset.strip('" ') if form.charset else None
    try:
        return parse(page, encoding=label, scripting=scripting, allow_declarative_shadow_roots=False)
    except LookupError:  # nor does a browser know it
        return parse(page, scripting=scripting, allow_declarative_shadow_roots=False)


def _join(url: str, base: str) -> str | None:
    try:
        return str(ada_url.URL(url, base).href)
    except ValueError:
        return None


@pytest.mark.parametrize("scripting", [False, True], ids=["no-js", "js"])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_rewritten_form_loads_nothing(form: Form, scripting: bool) -> None:
    """Whatever the form, the rewritten page holds no element that loads from the tracker, with scripts or without."""
    gate = HtmlGate(policy())
    page = gate.rewrite(form.page(port=_PORT), base=_BASE, services=frozenset(), charset=form.charset)
    document = _read(page, form, scripting=scripting)
    assert list(_loads(document, "http://127.0.0.1/page")) == []
    for frame in document.select("iframe[srcdoc]"):
        inner = parse(html.unescape(str(frame.attrs["srcdoc"])), scripting=scripting)
        assert list(_loads(inner, "http://127.0.0.1/page")) == []


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_rewriting_is_settled(form: Form) -> None:
    """A rewritten page has nothing left to rewrite."""
    gate = HtmlGate(policy())
    once = gate.rewrite(form.page(port=_PORT), base=_BASE, services=frozenset(), charset=form.charset)
    assert gate.rewrite(once, base=_BASE, services=frozenset(), charset=form.charset) == once


def test_most_forms_load_something() -> None:
    """Control: read as they came, most forms hold such an element."""
    found = [
        form.name
        for form in FORMS
        if list(_loads(parse(form.page(port=_PORT), scripting=False), "http://127.0.0.1/page"))
    ]
    assert len(found) >= 150
