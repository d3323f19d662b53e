"""What in a page makes a browser load or connect: elements, their attributes, and the address lists in some of them.

Sources: HTML §4.6.7 (link types), §4.8 (embedded content, ``srcset``), §16.2 and §16.3 (obsolete features that browsers
keep); SVG 2 §5 and §12; Attribution Reporting §11.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

#: URL attributes by element; those of any element stand under ``*``. Each is made inert by renaming it.
LOADS: Mapping[str, tuple[str, ...]] = {
    "script": ("src", "href", "xlink:href"),
    "iframe": ("src",),
    "frame": ("src",),
    "fencedframe": ("src",),
    "portal": ("src",),
    "embed": ("src", "code"),
    "object": ("data",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "audio": ("src",),
    "video": ("src", "poster"),
    "track": ("src",),
    "input": ("src",),
    "bgsound": ("src",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
    "feimage": ("href", "xlink:href"),
    "link": ("href", "imagesrcset"),
    "*": ("background", "ping", "attributionsrc"),
}
_EVERYWHERE = LOADS["*"]
_NAMES_OF = {tag: (*names, *_EVERYWHERE) for tag, names in LOADS.items()}
_DIRECTIVES = {
    "script": "script-src",
    **dict.fromkeys(("iframe", "frame", "fencedframe", "portal"), "frame-src"),
    **dict.fromkeys(("object", "embed"), "object-src"),
    **dict.fromkeys(("audio", "video", "track", "source", "bgsound"), "media-src"),
}
#: SVG animations can write another element's address.
_ANIMATIONS = frozenset({"set", "animate"})
_ANIMATED = ("to", "from", "by", "values")
#: Attributes that hold several addresses.
_LISTS = frozenset({"srcset", "imagesrcset", "ping", "attributionsrc"})
#: Elements that show a document, so that a ``data:`` address in them is a page of its own.
FRAMES = frozenset({"iframe", "frame", "fencedframe", "portal", "embed", "object"})

#: All that :func:`addresses` and the HTML gate look at, as one CSS selector.
SELECTOR = ",".join(
    [
        *(name for name in LOADS if name not in ("*", "input", "feimage")),
        *("feImage", "set", "animate", "input[src]", "[background]", "[ping]", "[attributionsrc]"),
        *("base", "meta[http-equiv]", "noscript", "frameset"),
    ]
)

#: Relations that make a browser fetch or connect. Others (``canonical``, ``next``, ``license``) only tell something.
FETCHING = frozenset(
    [
        "apple-touch-icon",
        "apple-touch-icon-precomposed",
        "apple-touch-startup-image",
        "compression-dictionary",
        "dns-prefetch",
        "expect",
        "fluid-icon",
        "icon",
        "import",
        "manifest",
        "mask-icon",
        "modulepreload",
        "next-prefetch",
        "preconnect",
        "prefetch",
        "preload",
        "prerender",
        "search",
        "stylesheet",
    ]
)
_DATA = re.compile(r"data:([^,]*),(.*)", re.IGNORECASE | re.DOTALL)
_CHARSET = re.compile(r"charset=[\"']?([^\"';,\s]+)")
_WRITTEN = re.compile(r"(?:(?:https?|wss?):)?[/\\]{2}[^\s\"'<>]+", re.IGNORECASE)
#: Names that look like addresses: of namespaces, and of a document type.
_NAMES = re.compile(r"xmlns(?::[\w.-]+)?\s*=\s*(?:\"[^\"]*\"|'[^']*')|<!DOCTYPE[^<>\[]*>", re.IGNORECASE)
#: Types of scripts of data by which a browser fetches (Speculation Rules §3; web bundles).
DATA_SCRIPTS = frozenset({"speculationrules", "webbundle"})
_SPECULATIONS = ("prefetch", "prerender", "prerender_until_script")
#: Media types of ``data:`` addresses that browsers show as documents with elements in them.
_MARKUP = re.compile(r"html|xml|svg", re.IGNORECASE)


def loading(tag: str, attributes: Mapping[str, object]) -> list[str]:
    """Names of the attributes of an element that make a browser load something.

    :param attributes: Names as the parser writes them.
    """
    names = _NAMES_OF.get(tag) or LOADS.get(tag.lower(), ()) + _EVERYWHERE
    found = [name for name in names if name in attributes]
    if tag in _ANIMATIONS and text(attributes.get("attributeName", attributes.get("attributename", ""))).endswith(
        "href"
    ):
        found += [name for name in _ANIMATED if name in attributes]
    return found


def directive(tag: str, name: str, rel: object = None) -> str:
    """The CSP directive under which the attribute *name* of an element loads; of a link, by its *rel*."""
    if tag == "link":
        words = text(rel).lower()
        return "style-src" if "stylesheet" in words else "img-src" if "icon" in words else "default-src"
    if name in ("ping", "attributionsrc"):
        return "connect-src"
    return "img-src" if name in ("poster", "srcset", "background") else _DIRECTIVES.get(tag, "img-src")


def addresses(name: str, value: str) -> Iterable[str]:
    """Each address in the *value* of the attribute *name*."""
    if name in _LISTS:
        return _several(value)
    return [one.strip() for one in value.split(";")] if name in _ANIMATED else (value,)


def text(value: object) -> str:
    """An attribute's value as one text."""
    if isinstance(value, str):
        return value
    return " ".join(map(str, value)) if isinstance(value, list) else ""


def fetches(rel: object) -> bool:
    """Whether a ``link`` with this ``rel`` fetches or connects."""
    return not FETCHING.isdisjoint(text(rel).lower().split())


def refresh_target(content: str) -> str | None:
    """The address of a ``meta`` refresh; ``None`` if it only reloads the page (HTML §4.2.5.3)."""
    found = _REFRESH.match(content)
    if found is None:
        return None
    target = found[1].strip()
    return target[1:].split(target[0], 1)[0] if target[:1] in ("'", '"') else target


_REFRESH = re.compile(r"\s*[\d.]*(?:\s*[;,]|\s)\s*(?:url\s*=\s*)?(.+)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class DataDocument:
    """The document in a ``data:`` address."""

    content: bytes
    charset: str | None
    is_xml: bool


def data_document(address: str) -> DataDocument | None:
    """The document in *address*, normalised by a URL parser; ``None`` if it is no ``data:`` address of one."""
    found = _DATA.match(address)
    if found is None or not _MARKUP.search(found[1]):
        return None
    kind = unquote_to_bytes(found[1]).decode("latin-1").lower()
    charset = _CHARSET.search(kind)
    content = unquote_to_bytes(found[2].partition("#")[0])
    if kind.rstrip().endswith("base64"):
        kept = re.sub(rb"[^A-Za-z0-9+/]", b"", content)
        if len(kept) % 4 == 1:
            return None
        content = base64.b64decode(kept + b"=" * (-len(kept) % 4))
    return DataDocument(content, charset[1] if charset else None, "html" not in kind or "xhtml" in kind)


def named_in_xml(content: bytes) -> list[str]:
    """Every address that an XML document writes out, in whatever element; namespaces are names and not addresses."""
    written = html.unescape(content.replace(b"\0", b"").decode("latin-1"))
    return _WRITTEN.findall(_NAMES.sub("", written))


def named_in_script(kind: str, content: str) -> list[str] | None:
    """The addresses that a script of data names to be fetched; ``None`` if it may name any.

    :param kind: Its ``type``, one of :data:`DATA_SCRIPTS`.
    """
    try:
        parsed = json.loads(content)
        if kind == "webbundle":
            return [parsed["source"]]
        sets = [rule for name in _SPECULATIONS for rule in parsed.get(name, [])]
        named = [url for rule in sets for url in (_patterns(rule["where"]) if "where" in rule else rule["urls"])]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None  # browsers may leave out what is odd and take the rest
    certain = all(isinstance(url, str) for url in named)
    return named if certain else None


def _patterns(where: Any) -> list[str]:
    """What a rule about links matches: addresses that begin with ``/``, or else anything.

    :raises LookupError: it may match any address.
    """
    if set(where) != {"href_matches"}:
        raise LookupError
    given = where["href_matches"]
    found = given if isinstance(given, list) else [given]
    if not all(one.startswith("/") and "://" not in one for one in found):
        raise LookupError
    return found


def _several(value: str) -> Iterator[str]:
    """Every part of a list of addresses that could be one; more rather than fewer."""
    for word in value.split():
        whole = word.strip(",")
        yield whole
        if "," in whole:
            yield from whole.split(",")
