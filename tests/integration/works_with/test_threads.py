"""Twenty visitors at once, each with grants and pages of their own."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest
from flask import Flask, render_template_string, request
from flask_compress import Compress

from flask_consentry import consent
from tests.integration.conftest import Site

from .hard import FILM, FILMS, PAGE, bare, gated, placeholders

VISITORS = 20
ROUNDS = 8
#: What the visitors allow, in turn.
CHOICES = ((), ("youtube",), ("matomo",), ("youtube", "matomo", "pixel"), ("maps",))

#: By a template and by hand: a film that names its visitor.
OWN = """{{ consent_banner() }}{{ consent_embed("youtube", "https://www.youtube-nocookie.com/embed/" ~ who, title="Own " ~ who) }}
[{{ consent.allows(service="matomo") }}|{{ consent.variant }}]"""


def _page(who: str) -> str:
    return PAGE.replace(FILM, FILM.replace("embed/x", f"embed/{who}").replace("A film", f"Film {who}"))


@pytest.fixture
def crowd(build: Callable[..., Site]) -> tuple[Site, list[Site]]:
    """A site, and visitors who have answered."""

    def page(who: str) -> str:
        return _page(who) + render_template_string(OWN, who=who) + f"<i>{request.args['n']}</i>"

    def prepare(app: Flask) -> None:
        app.config["COMPRESS_ALGORITHM"] = ["gzip"]
        Compress(app)
        app.add_url_rule("/of/<who>", "own_page", page)
        app.add_url_rule("/variant", "variant", lambda: consent.variant)

    site = build(FILMS, prepare=prepare)
    visitors = [Site(site.app, site.clock) for _ in range(VISITORS)]
    for number, visitor in enumerate(visitors):
        chosen = CHOICES[number % len(CHOICES)]
        if chosen:
            token = visitor.token("/consent/preferences")
            assert visitor.post(answer="custom", services=list(chosen), notice=token).status_code == 200
    return site, visitors


def _check(number: int, turn: int, visitor: Site) -> tuple[str, list[str]]:
    """Look at one page; returns the visitor's variant and the keys of forms on it."""
    chosen = CHOICES[number % len(CHOICES)]
    who = f"w{number:02}n{turn}"
    sent = visitor.get(f"/of/{who}?n={who}", Accept_Encoding="gzip")
    text = gzip.decompress(sent.data).decode()
    films = placeholders(text)
    assert set(re.findall(r"w\d\dn\d", unescape(text))) == {who}
    assert f"<i>{who}</i>" in text
    hard = gated(PAGE, granted=chosen).replace("embed/x", f"embed/{who}").replace("A film", f"Film {who}")
    assert bare(text).startswith(hard)
    assert len(films) == (0 if "youtube" in chosen else 2)
    policy = sent.headers["Content-Security-Policy"]
    hosts = {
        "youtube": "youtube-nocookie.com",
        "matomo": "stats.example.net",
        "pixel": "adverts.example",
        "maps": "maps.example.com",
    }
    assert {service for service, host in hosts.items() if host in policy} == set(chosen)
    assert sent.headers["Cache-Control"] == f"private, {'no-store' if chosen else 'no-cache'}"
    answered = re.search(r"\[(\w+)\|([\w.]+)\]", text)
    assert answered
    assert answered[1] == str("matomo" in chosen)
    return answered[2], sorted(set(re.findall(r'name="key" value="([^"]+)"', text)))


def test_no_visitor_gets_what_is_anothers(crowd: tuple[Site, list[Site]]) -> None:
    """Placeholders, titles, ways back, grants, policies and keys are each visitor's own, on every page."""
    _, visitors = crowd
    together = threading.Barrier(VISITORS)

    def visit(number: int) -> tuple[set[str], list[str]]:
        variants: set[str] = set()
        keys: list[str] = []
        together.wait(60)
        for turn in range(ROUNDS):
            variant, found = _check(number, turn, visitors[number])
            variants.add(variant)
            keys += found
        return variants, keys

    with ThreadPoolExecutor(VISITORS) as pool:
        told = list(pool.map(visit, range(VISITORS)))
    keys = [key for _, found in told for key in found]
    assert len(keys) == len(set(keys)) > VISITORS
    for number, (variants, _) in enumerate(told):
        assert variants == told[number % len(CHOICES)][0]
        assert len(variants) == 1


def test_answers_given_at_once_are_each_visitors_own(crowd: tuple[Site, list[Site]]) -> None:
    """Twenty visitors change their minds together: each gets the receipt of their own answer, and each is recorded."""
    site, visitors = crowd
    before = len(site.records)
    tokens = [visitor.token("/consent/preferences") for visitor in visitors]
    together = threading.Barrier(VISITORS)

    def answer(number: int) -> tuple[int, set[str]]:
        chosen = CHOICES[(number + 1) % len(CHOICES)]
        together.wait(60)
        said = {"answer": "custom", "services": list(chosen), "notice": tokens[number], "key": f"{number:022}"}
        sent = visitors[number].client.post("/consent/decision", json=said, headers={"Origin": "http://localhost"})
        return sent.status_code, set(visitors[number].get("/consent/state").get_json()["services"]) - {"login"}

    site.clock.advance(seconds=1)
    with ThreadPoolExecutor(VISITORS) as pool:
        told = list(pool.map(answer, range(VISITORS)))
    for number, (status, services) in enumerate(told):
        assert (status, services) == (200, set(CHOICES[(number + 1) % len(CHOICES)]))
    assert len(site.records) == before + VISITORS
    assert len({record.subject for record in site.records if record.subject}) > VISITORS // 2
