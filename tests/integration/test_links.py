"""Links that are counted: where they lead, and whom they count."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask, Response, render_template_string, session
from werkzeug.test import TestResponse

from consent import ConfigError, PolicyError
from consent.audience.beacons import LINK_LASTS, Beacons
from consent.policy import parse
from flask_consentry import consent

from .audience import COUNTING, ELSEWHERE, counted, hit
from .conftest import Site

SHOP = "https://shop.example/catalogue?a=1"


def prepared(app: Flask) -> None:
    """Pages that a visitor of the tests asks for, on a site that would like to know more."""
    app.add_url_rule("/me", "me", lambda: consent.subject or "nobody")
    app.add_url_rule("/letter", "letter", lambda: render_template_string("{{ consent.link('catalogue') }}"))

    @app.after_request
    def mark(response: Response) -> Response:
        session["seen"] = 1
        response.headers["Referrer-Policy"] = "unsafe-url"
        return response


@pytest.fixture
def site(build: Callable[..., Site]) -> Site:
    """A site with links, whose visitor allows everything."""
    made = build(COUNTING, prepare=prepared)
    made.accept()
    return made


def written(site: Site, name: str = "catalogue", subject: str | None = None) -> str:
    """A link as a mailer's job writes it, outside any request."""
    before, site.app.config["SERVER_NAME"] = site.app.config["SERVER_NAME"], "localhost"
    try:
        with site.app.app_context():
            return consent.link(name, subject)
    finally:
        site.app.config["SERVER_NAME"] = before


def leads(answer: TestResponse) -> str:
    """Where *answer* sends a reader, without telling from where."""
    assert answer.status_code == 302
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers.getlist("Referrer-Policy") == ["no-referrer"]
    assert "Set-Cookie" not in answer.headers
    return answer.headers["Location"]


def test_a_link_of_an_e_mail_leads_on_and_counts_once_a_day(site: Site) -> None:
    """Its token names the link and not where it leads."""
    subject = site.get("/me").text
    url = written(site, subject=subject)
    assert url.startswith("http://localhost/consent/link/")
    assert "shop" not in url
    reader = {"User_Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    site.client.delete_cookie("consent_example")  # another device
    for address in (ELSEWHERE, ELSEWHERE, "9.9.9.9"):
        assert leads(hit(site, url, address=address, **reader)) == SHOP
    assert counted(site) == {"link": {"catalogue": 1}}
    site.clock.advance(days=1)
    assert leads(hit(site, url)) == SHOP
    assert leads(hit(site, written(site, "start", subject))) == "/news/1"
    assert counted(site) == {"link": {"catalogue": 2, "start": 1}}


def test_who_follows_the_link_of_another_is_asked_as_well(site: Site) -> None:
    """A friend to whom the e-mail was sent on, or its reader in a browser that said no."""
    url = written(site, subject=site.get("/me").text)
    site.client.delete_cookie("consent_example")
    site.form(answer="reject_all")
    assert leads(hit(site, url)) == SHOP
    assert counted(site) == {}


@pytest.mark.parametrize(
    "said",
    [
        {"User_Agent": "curl/8.0"},
        {"Sec_Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X_Moz": "prefetch"},
        {"method": "HEAD"},
    ],
)
def test_who_does_not_look_is_sent_on_and_not_counted(site: Site, said: dict[str, str]) -> None:
    """Programs, and what browsers do ahead of time."""
    assert leads(hit(site, written(site, subject=site.get("/me").text), **said)) == SHOP
    assert counted(site) == {}


def test_without_consent_a_link_is_where_it_leads(site: Site) -> None:
    """And one that was sent before goes on leading there, uncounted."""
    subject = site.get("/me").text
    url, path = written(site, subject=subject), written(site, "start", subject)
    shown = site.get("/letter").text
    assert shown.startswith("http://localhost/consent/link/")
    assert written(site) == SHOP, "nobody knows whose"
    site.form(answer="withdraw")
    assert written(site, subject=subject) == site.get("/letter").text == SHOP
    assert written(site, "start", subject) == written(site, "start") == "http://localhost/news/1"
    assert [leads(hit(site, link)) for link in (url, path, shown)] == [SHOP, "/news/1", SHOP]
    assert counted(site) == {}


def test_a_link_of_a_page_counts_by_whoever_follows_it(site: Site) -> None:
    """Once a day for each network, and for who allows it there."""
    url = site.get("/letter").text
    for address in ("9.9.9.9", "9.9.9.8", ELSEWHERE):
        assert leads(hit(site, url, address=address)) == SHOP
    site.client.delete_cookie("consent_example")
    assert leads(hit(site, url, address="2a00:1450:4001::1")) == SHOP
    assert counted(site) == {"link": {"catalogue": 2}}


def test_nobody_is_sent_anywhere_that_the_site_did_not_declare(site: Site, build: Callable[..., Site]) -> None:
    """Forged, foreign, of another use, too old, of a link that is gone: one page, 404, and no count."""
    now, ours = site.clock(), site.state.beacons
    strangers = Beacons(parse(COUNTING), ["guessed"], os.urandom)
    good = ours.for_link("catalogue", now=now)
    tokens = [
        "forged",
        good[:-1] + ("A" if good[-1] != "A" else "E"),
        "x" + good,
        strangers.for_link("catalogue", now=now),
        ours.for_link("gone", now=now),
        ours.for_link("https://evil.example/", now=now),
        ours.for_link("//evil.example/", now=now),
        ours.for_mail("2026-05", bytes(16), now=now),
        ours.for_page("/", now=now),
        ours.for_link("catalogue", now=now - LINK_LASTS),
        ours.for_link("catalogue", now=now + timedelta(days=2)),
        "A" * 5000,
        good + "%0d%0aLocation:%20evil",
    ]
    answers = [hit(site, f"/consent/link/{token}", Accept="text/html") for token in tokens]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert not any("Location" in answer.headers or "evil" in answer.text for answer in answers)
    assert counted(site) == {}
    assert leads(hit(site, f"/consent/link/{good}?next=https://evil.example")) == SHOP, "control"
    assert hit(build(), f"/consent/link/{good}").status_code == 404, "a site without links"


def test_a_reader_is_sent_on_whatever_fails(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store, or counting."""
    url = written(site, subject=site.get("/me").text)
    monkeypatch.setattr(type(site.state.ledger.store), "standing", lambda *_, **__: 1 / 0)
    assert leads(hit(site, url)) == SHOP


def test_mistakes_are_told(site: Site) -> None:
    """What is not declared, what is no subject, and what no URL can be made of."""
    with pytest.raises(PolicyError, match=r'audience\.links: "catalog" is not declared'):
        written(site, "catalog")
    with pytest.raises(ValueError, match="22 characters"):
        written(site, subject="me@example.org")
    with site.app.app_context(), pytest.raises(ConfigError, match="SERVER_NAME: without it"):
        consent.link("catalogue")
