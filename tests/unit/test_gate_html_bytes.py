"""The HTML gate and other people's pages: whatever stands in them, every byte outside an edit stays, and nothing raises.

Real pages come from where there are some: documentation in Debian packages, npm's own manual, the standard library's
(written by pydoc, everywhere), and saved news pages beside the checkout.
"""

from __future__ import annotations

import base64
import csv
import json
import pydoc
import random
import re
import string
import textwrap
from functools import cache
from importlib import import_module
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from consent.gate.addresses import Base
from consent.gate.html import HtmlGate
from consent.gate.source import INERT
from tests.unit.test_gate_html import GATE, POLICY

BASE = Base.of_page("https", "meadow.example")
NEWS = sorted(Path(__file__).parents[2].with_name("shared").glob("data/pages/*.html"))
_FOLDERS = ("/usr/share/doc", "/usr/lib/node_modules/npm/docs", "/usr/local/lib/node_modules/npm/docs")
_MOST = 60

#: A start tag, without regard to quotes: the same places in a page and in what became of it.
_PIECES = re.compile(rb"(<[^<>]*>)")
_TRACKER = b"<script src='https://t.example/x.js'></script>"
_INERT = b"<script type=\"text/plain\" data-consentry-src='https://t.example/x.js'></script>"


@cache
def documentation() -> tuple[bytes, ...]:
    """Pages of documentation, at least twenty."""
    files = [file for folder in _FOLDERS for file in sorted(Path(folder).rglob("*.html")) if file.is_file()]
    random.Random(7).shuffle(files)
    modules = (base64, csv, json, pydoc, random, re, string, textwrap, *map(import_module, _MODULES))
    written = [pydoc.HTMLDoc().page(module.__name__, pydoc.html.document(module)).encode() for module in modules]
    return (*written, *(file.read_bytes() for file in files[:_MOST]))


_MODULES: tuple[str, ...] = (
    "argparse",
    "bisect",
    "calendar",
    "datetime",
    "difflib",
    "email.message",
    "fractions",
    "heapq",
    "http.client",
)
_MODULES += ("ipaddress", "logging", "pathlib", "sqlite3", "statistics", "urllib.parse", "zipfile")


def rewritten(page: bytes, gate: HtmlGate = GATE) -> bytes:
    return gate.rewrite(page, base=BASE, services=frozenset(), charset="utf-8")


def assert_only_tags_changed(before: bytes, after: bytes) -> int:
    """Compare two pages piece by piece, apart from the gate's own code; returns the number of changed tags."""
    old, new = _PIECES.split(before), _PIECES.split(after)
    assert len(old) == len(new)
    changed = 0
    for one, other in zip(old, new, strict=True):
        if one != other:
            changed += 1
            undone = other.replace(b' type="text/plain"', b"", 1) if b"text/plain" in other else other
            undone = undone.replace(INERT.encode(), b"")
            assert b"".join(one.split()) == b"".join(undone.split()), (one, other)
    return changed


def test_there_are_enough_pages() -> None:
    """The test below is about twenty pages or more."""
    assert len(documentation()) >= 20


def test_documentation_is_not_changed_by_a_byte_outside_an_edit() -> None:
    """Documentation of all sorts: only start tags that load from elsewhere differ."""
    for page in documentation():
        assert_only_tags_changed(page, rewritten(page))


def test_a_tracker_in_documentation_is_the_only_difference() -> None:
    """A script planted into a real page is all that changes in it."""
    chance, stopped = random.Random(11), 0
    for page in documentation():
        clean = rewritten(page)
        ends = [found.end() for found in re.finditer(rb"</p>|<hr>|</tr>", clean)] or [len(clean)]
        at = chance.choice(ends)
        planted = clean[:at] + _TRACKER + clean[at:]
        after = rewritten(planted)
        assert after in (
            clean[:at] + _INERT + clean[at:],
            planted,
        )  # the latter where the place is in a comment or script
        stopped += after != planted
    assert stopped > 0.9 * len(documentation())


def test_news_pages_keep_every_other_byte() -> None:
    """Pages full of trackers: each changed tag is the old one with attributes renamed, and nothing else differs."""
    for file in NEWS:
        page = file.read_bytes()
        after = rewritten(page)
        assert assert_only_tags_changed(page, after) > 5, file
        assert rewritten(after) == after, file


def test_where_the_news_pages_are_they_are_read() -> None:
    """Twelve saved pages, or no such folder."""
    assert len(NEWS) in (0, 12)


_FRAGMENTS = st.sampled_from(
    [b"<", b">", b"</", b"<!--", b"-->", b"--!>", b"<![CDATA[", b"]]>", b"<script>", b"</script>", b"<noscript>", b"</noscript>",
     b"<svg>", b"</svg>", b"<math>", b"<style>", b"</style>", b"<template>", b"</template>", b"<table>", b"<select>", b"<p>",
     b"<iframe src=https://t.example/>", b"</iframe>", b"<img src=//t.example/x", b' srcdoc="', b"'", b'"', b"=", b"/", b"\r\n", b"\r", b"\0",
     b"<base href=//t.example>", b"<link rel=preconnect href=//t.example>", b"&#x2f;", b"&lt;", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b$B",
     b"<plaintext>", b"<textarea>", b"</textarea>", b"<title>", b"<frameset>", b"<body background=//t.example>", b"<object data=//t.example>",
     b"<iframe srcdoc='&lt;img src=//t.example&gt;'>", b"<meta http-equiv=refresh content='0;url=//t.example'>", b"<x:y z:src=//t.example>"]
)  # fmt: skip
_BYTES = st.lists(_FRAGMENTS | st.binary(max_size=12), max_size=40).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(_BYTES, st.sampled_from(["utf-8", "windows-1252", "shift_jis", "utf-16", "iso-2022-jp", "nonsense", None]))
@example(b"\xff\xfe\x3c", None)
@example(b"<iframe src=https://t.example/><img src=//t.example/x", "utf-8")
def test_any_bytes_pass_safely(page: bytes, charset: str | None) -> None:
    """Random bytes and broken markup never raise, and rewriting twice is rewriting once."""
    once = GATE.rewrite(page, base=BASE, services=frozenset(), charset=charset)
    assert GATE.rewrite(once, base=BASE, services=frozenset(), charset=charset) == once


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_bytes_without_markup_pass_unchanged(page: bytes) -> None:
    """What holds no tag comes out as it went in, in whatever encoding it may be."""
    text = page.replace(b"<", b" ")
    assert GATE.rewrite(text, base=BASE, services=frozenset()) == text


@settings(max_examples=150, deadline=None)
@given(_BYTES)
def test_everything_granted_changes_nothing_of_what_is_declared(page: bytes) -> None:
    """A page that names only what is granted is never touched."""
    own = page.replace(b"t.example", b"count.example")
    services = frozenset(POLICY.services)
    assert GATE.rewrite(own, base=BASE, services=services, charset="utf-8") == own
