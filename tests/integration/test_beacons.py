"""The beacons of pages and e-mails: what they count, and what they never do."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Request, Response, abort, render_template_string, session
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import TestResponse

from consent import ConfigError, PolicyError, TokenError, claim
from consent.audience.beacons import GIF, LINK_LASTS, MAIL_LASTS, PAGE_LASTS, SKEW, Beacons
from consent.audience.region import Regions
from consent.audience.replays import Seen
from consent.policy import parse
from flask_consentry import consent
from tests.policies import SMALL

from .audience import APPLE, COUNTING, ELSEWHERE, EXEMPT, FIREFOX, GMAIL, VISITOR, beacon, counted, hit, picture
from .conftest import PAGE, Site

NOW = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
SUBJECT = bytes(range(16))
#: All that one page hit counts.
ONE = {
    "page": {"/news/1": 1},
    "region": {"US": 1},
    "browser": {"Firefox": 1},
    "device": {"desktop": 1},
    "language": {"de": 1},
    "campaign": {"none": 1},
}


class _Other:
    """Some middleware that nobody knows, so that Flask answers the beacons."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        return self._application(environ, start_response)


def beneath(app: Flask) -> None:
    """A ``ProxyFix`` beneath the gate."""
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1)  # type: ignore[method-assign]


@pytest.fixture(params=["the shortcut", "the shortcut beneath a ProxyFix", "Flask"])
def site(request: pytest.FixtureRequest, build: Callable[..., Site]) -> Site:
    """A site that counts, whose beacons the one or the other answers; and that would set a cookie with everything."""

    def prepare(app: Flask) -> None:
        if request.param == "Flask":
            app.wsgi_app = _Other(app.wsgi_app)  # type: ignore[method-assign]
        elif request.param != "the shortcut":
            beneath(app)

        @app.before_request
        def remember() -> None:
            session["seen"] = session.get("seen", 0) + 1
            consent.allows("statistics")

        @app.after_request
        def mark(response: Response) -> Response:
            response.set_cookie("login", "1")
            response.headers["Referrer-Policy"] = "unsafe-url"
            return response

    return build(COUNTING, prepare=prepare)


def refused(token: str, read: Callable[..., object], *, now: datetime = NOW) -> bool:
    """Whether *token* is turned away."""
    try:
        read(token, now=now)
    except TokenError:
        return True
    return False


def test_a_token_is_good_for_its_use_its_site_its_key_and_its_time() -> None:
    """And for nothing else, whichever byte of it is changed."""
    ours = Beacons(parse(SMALL), ["key"], os.urandom)
    others = [
        Beacons(parse(SMALL), ["another key"], os.urandom),
        Beacons(parse(SMALL.replace('"example"', '"elsewhere"')), ["key"], os.urandom),
    ]
    page = ours.for_page("/a/<b>", campaign="spring", service="matomo", now=NOW)
    mail, link = ours.for_mail("2026-05", SUBJECT, now=NOW), ours.for_link("shop", SUBJECT, now=NOW)
    assert ours.of_page(page, now=NOW)[:3] == ("/a/<b>", "spring", "matomo")
    assert ours.of_mail(mail, now=NOW) == ("2026-05", SUBJECT)
    assert ours.of_link(link, now=NOW)[:2] == ("shop", SUBJECT)
    assert ours.of_link(ours.for_link("shop", now=NOW), now=NOW)[:2] == ("shop", None)
    for token, read in ((page, "of_page"), (mail, "of_mail"), (link, "of_link")):
        assert all(refused(token, getattr(other, read)) for other in others)
        assert all(refused(token, getattr(ours, use)) for use in {"of_page", "of_mail", "of_link"} - {read})
        signed = token.rindex(".")
        for at in range(signed):
            changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
            assert refused(changed, getattr(ours, read))
        assert refused("", getattr(ours, read))
        assert refused(token[:signed], getattr(ours, read))
        assert refused(token + "é", getattr(ours, read))
    second = timedelta(seconds=1)
    assert not refused(page, ours.of_page, now=NOW + PAGE_LASTS - second)
    assert refused(page, ours.of_page, now=NOW + PAGE_LASTS)
    assert not refused(page, ours.of_page, now=NOW - SKEW)
    assert refused(page, ours.of_page, now=NOW - SKEW - second)
    day = timedelta(days=1)
    for token, of, lasts in ((mail, ours.of_mail, MAIL_LASTS), (link, ours.of_link, LINK_LASTS)):
        assert not refused(token, of, now=NOW + lasts - day)
        assert refused(token, of, now=NOW + lasts)
        assert refused(token, of, now=NOW - 2 * day)


def test_a_beacon_on_another_site_counts_nobody(site: Site) -> None:
    """From there no cookie comes, and so no objection; of pages on this site and of subdomains it counts."""
    site.accept()
    url = beacon(site, "/news/1")
    hit(site, url, Sec_Fetch_Site="cross-site")
    assert counted(site) == {}
    hit(site, url, Sec_Fetch_Site="same-site")
    assert counted(site) == ONE


def test_a_page_that_says_there_is_none_counts_as_other(build: Callable[..., Site]) -> None:
    """Its path is anybody's invention, also where a route and a pattern fit it."""

    def prepare(app: Flask) -> None:
        @app.errorhandler(404)
        def missing(_: Exception) -> str:
            return render_template_string("{{ consent_beacon() }}")

        @app.get("/news/none/<name>")
        def none(name: str) -> str:
            abort(404, name)

    site = build(COUNTING, prepare=prepare)
    site.accept()
    hit(site, beacon(site, "/news/none/anything"))
    assert counted(site)["page"] == {"other": 1}


def test_a_host_that_is_not_the_sites_own_is_left_to_flask(build: Callable[..., Site]) -> None:
    """The shortcut looks at no host."""
    site = build(COUNTING)
    site.app.config["TRUSTED_HOSTS"] = ["localhost"]
    site.accept()
    url = beacon(site, "/news/1")
    assert hit(site, url, Host="evil.example").status_code == 400
    assert hit(site, url).data == GIF
    assert counted(site) == ONE
    assert hit(site, "/consent/beacon/.gif").status_code == 404


def test_a_subject_cannot_be_read_in_a_url() -> None:
    """Nor be known again in another one; by whom the key is, also after it was replaced, it can."""
    old, both = (Beacons(parse(SMALL), keys, os.urandom) for keys in (["old"], ["old", "new"]))
    for write, read in (("for_mail", "of_mail"), ("for_link", "of_link")):
        tokens = [getattr(old, write)("shop", SUBJECT, now=NOW) for _ in range(50)]
        payloads = [urlsafe_b64decode(token.partition(".")[0] + "==") for token in tokens]
        assert len({payload[10:26] for payload in payloads}) == 50, "control: there it is hidden"
        assert not any(SUBJECT[at : at + 3] in payload for payload in payloads for at in range(14))
        assert {getattr(both, read)(token, now=NOW).subject for token in tokens} == {SUBJECT}
        assert refused(getattr(both, write)("shop", SUBJECT, now=NOW), getattr(old, read))


def test_tokens_are_short_and_hold_any_page() -> None:
    """Two renderings of a page have two tokens, and the longest page a short one."""
    ours = Beacons(parse(SMALL), ["key"], os.urandom)
    assert ours.for_page("/", now=NOW) != ours.for_page("/", now=NOW)
    assert len(ours.for_page("/news/<int:number>", now=NOW)) < 100
    assert len(ours.for_mail("2026-05", SUBJECT, now=NOW)) < 100
    for page in ("/ü\0\ud800" + "x" * 5000, "", "/\U0001f600" * 500):
        token = ours.for_page(page, now=NOW)
        assert len(token) < 1200
        assert len(ours.of_page(token, now=NOW).page) <= 200


def test_a_number_is_new_once() -> None:
    """For as long as its beacon counts; what is older is forgotten, and of a flood nothing is taken for new."""
    seen = Seen(timedelta(minutes=16), most=3)
    assert seen.first(b"1", now=NOW)
    assert not any(seen.first(b"1", now=NOW + timedelta(minutes=minutes)) for minutes in range(17))
    assert seen.first(b"1", now=NOW + timedelta(minutes=32))
    assert [seen.first(bytes([many]), now=NOW + timedelta(minutes=64)) for many in range(5)] == [True] * 3 + [False] * 2


def test_a_page_counts_once_in_every_dimension(site: Site) -> None:
    """A second look at the same picture does not, another page does."""
    assert "/consent/beacon/" not in site.get().text
    site.accept()
    url = beacon(site, "/news/1")
    for _ in range(3):
        hit(site, url)
    assert counted(site) == ONE
    hit(site, beacon(site, "/"))
    assert counted(site)["page"] == {"/news/1": 1, "/": 1}


def heard(answer: TestResponse) -> tuple[int, tuple[tuple[str, str], ...]]:
    """What a caller can tell answers by, but for the body."""
    return answer.status_code, tuple(sorted(answer.headers.items()))


def test_the_answer_never_tells(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """One picture under one set of headers, without a cookie, for everybody and in every state; it counts just once."""
    site.accept()
    urls = [beacon(site, "/news/1") for _ in range(10)]
    mail = f"/consent/open/{site.state.beacons.for_mail('2026-05', SUBJECT, now=site.clock())}.gif"
    site.client.set_cookie("_pk_ses", "1")  # declared, and from now on not granted: a page would delete it
    site.client.set_cookie("consent_example_in", "1")
    answers = [
        hit(site, urls[0]),
        hit(site, urls[0]),
        hit(site, urls[1], method="HEAD"),
        hit(site, urls[2], User_Agent="curl/8.0"),
        hit(site, urls[3], User_Agent=""),
        hit(site, mail),
        *(
            hit(site, urls[4], **ahead)
            for ahead in (
                {"Sec_Purpose": "prefetch"},
                {"Sec_Purpose": "prefetch;prerender"},
                {"Purpose": "prefetch"},
                {"X_Moz": "prefetch"},
                {"X_Purpose": "preview"},
                {"Sec_Fetch_Dest": "document"},
                {"Sec_Fetch_Dest": "empty"},
            )
        ),
        hit(site, "/consent/beacon/forged.gif"),
        hit(site, "/consent/open/forged.gif"),
        hit(site, "/consent/beacon/%00%ff.gif"),
        hit(site, "/consent/beacon/" + "A" * 3000 + ".gif"),
        hit(site, urls[0].replace("beacon", "open")),
        hit(site, mail.replace("open", "beacon")),
        hit(site, urls[4], If_None_Match="*", Range="bytes=0-1", Sec_GPC="1"),
    ]
    site.form(answer="withdraw")
    answers.append(hit(site, urls[5]))
    site.clock.advance(minutes=20)
    answers.append(hit(site, urls[6]))
    with monkeypatch.context() as patched:
        patched.setattr(type(site.state.counting), "page", lambda *_, **__: 1 / 0)
        answers.append(hit(site, urls[7]))
    assert len({heard(answer) for answer in answers}) == 1, {heard(answer) for answer in answers}
    assert {answer.data for answer in answers if answer.request.method == "GET"} == {GIF}
    assert len(GIF) == 43
    (status, headers), told = heard(answers[0]), dict(answers[0].headers)
    assert status == 200
    assert told["Cache-Control"] == "no-store"
    assert told["Content-Length"] == "43"
    assert told["Referrer-Policy"] == "no-referrer"
    assert not {"Set-Cookie", "Vary", "ETag"} & set(told)
    assert len(headers) == len(told)
    twice = {dimension: dict.fromkeys(values, 2) for dimension, values in ONE.items()}
    assert counted(site) == twice, "the first, and the one whose conditions and signals are no matter"


def test_a_beacon_needs_nothing_of_the_site(build: Callable[..., Site]) -> None:
    """No session is opened for it, and what the site does before each request may fail."""

    class Broken(SessionInterface):
        def open_session(self, app: Flask, request: Request) -> SessionMixin | None:
            raise RuntimeError

    site = build(COUNTING, TESTING=False)
    site.accept()
    urls = beacon(site, "/news/1"), "/consent/open/forged.gif"
    site.app.session_interface = Broken()
    assert hit(site, "/").status_code == 500, "control"
    assert [hit(site, url).data for url in urls] == [GIF, GIF]
    assert counted(site) == ONE


@pytest.mark.parametrize("happens", ["locked", "gone", "no file"])
def test_a_store_that_is_away_changes_nothing(build: Callable[..., Site], happens: str) -> None:
    """Neither the answer, nor for long what a reader waits; and what was counted comes later."""
    site = build(COUNTING)
    site.accept()
    subject, path = site.records[-1].subject, site.state.ledger.database.path
    assert subject
    page = beacon(site, "/news/1")
    mail = f"/consent/open/{site.state.beacons.for_mail('2026-05', subject, now=site.clock())}.gif"
    usual = heard(hit(site, "/consent/beacon/forged.gif"))
    with away(site, path, happens):
        begin = time.monotonic()
        assert heard(hit(site, page)) == heard(hit(site, mail)) == usual
        assert time.monotonic() - begin < 6
    if happens != "gone":  # another file was begun where it was
        assert counted(site)["page"] == {"/news/1": 1}


@contextmanager
def away(site: Site, path: Path, happens: str) -> Iterator[None]:
    """The store in *path* is no use."""
    database = site.state.ledger.database
    if happens == "locked":
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    database.close()
    kept = path.rename(path.with_name("away"))
    if happens == "no file":
        path.mkdir()
    yield
    database.close()
    if happens == "no file":
        path.rmdir()
    kept.rename(path)


def test_nothing_is_counted_for_a_token_that_is_not_of_this_rendering(site: Site) -> None:
    """Forged, foreign, of another use, too old, from the future: no count, though the visitor allows everything."""
    site.accept()
    now, text = site.clock(), COUNTING
    ours, theirs = site.state.beacons, Beacons(parse(text.replace('"example"', '"other"', 1)), ["test"], os.urandom)
    strangers = Beacons(parse(text), ["guessed"], os.urandom)
    good = ours.for_page("/", now=now)
    tokens = [
        good[:-1] + ("A" if good[-1] != "A" else "E"),
        "x" + good,
        good.upper(),
        theirs.for_page("/", now=now),
        strangers.for_page("/", now=now),
        ours.for_mail("2026-05", SUBJECT, now=now),
        ours.for_link("catalogue", now=now),
        ours.for_page("/", now=now - PAGE_LASTS - timedelta(seconds=5)),
        ours.for_page("/", now=now + SKEW + timedelta(minutes=1)),
    ]
    for token in tokens:
        hit(site, f"/consent/beacon/{token}.gif")
        hit(site, f"/consent/open/{token}.gif")
    assert counted(site) == {}
    hit(site, f"/consent/beacon/{good}.gif")
    assert counted(site)["page"] == {"/": 1}, "control"


def test_a_token_that_is_written_otherwise_is_the_same(site: Site) -> None:
    """What base64 lets pass at its end makes no second hit of it."""
    site.accept()
    url = beacon(site)
    hit(site, url)
    for variant in ("=.gif", "==.gif", "%20.gif", "!.gif", "~~.gif"):
        hit(site, url.replace(".gif", variant))
    assert counted(site)["page"] == {"/": 1}


def test_a_campaign_needs_its_own_purpose(build: Callable[..., Site]) -> None:
    """And a name that the policy declares; without either the hit counts as one of none."""
    site = build(COUNTING)
    site.post(answer="custom", purposes=["statistics"], notice=site.token("/consent/preferences"))
    hit(site, beacon(site, "/?utm_campaign=spring"))
    assert counted(site)["campaign"] == {"none": 1}
    site.accept()
    url = beacon(site, "/?utm_campaign=spring")
    hit(site, url)
    hit(site, beacon(site, "/?utm_campaign=made-up"))
    hit(site, beacon(site, "/?utm_campaign=spring&utm_campaign=made-up"))
    assert counted(site)["campaign"] == {"none": 2, "spring": 2}
    late = beacon(site, "/?utm_campaign=spring")
    site.post(answer="custom", purposes=["statistics"], notice=site.token("/consent/preferences"))
    hit(site, late)
    assert counted(site)["campaign"] == {"none": 3, "spring": 2}, "taken back before the hit"


def test_an_exemption_counts_regions_of_its_countries_and_nothing_else(build: Callable[..., Site]) -> None:
    """Until the visitor objects; where the country is another one, or unknown, there is no beacon at all."""
    site = build(EXEMPT)
    url = beacon(site, "/news/1")
    hit(site, url)
    hit(site, url)
    assert counted(site) == {"region_exempt": {"US": 1}}
    for address in ("2a00:1450:4001::1", "127.0.0.1", "192.0.2.1"):
        assert "/consent/beacon/" not in hit(site, "/", address=address).text
    hit(site, beacon(site), address="2a00:1450:4001::1")
    assert counted(site) == {"region_exempt": {"US": 1}}, "looked at from a country without the exemption"
    late = beacon(site)
    site.post(answer="reject_all", notice=site.token())
    assert "/consent/beacon/" not in hit(site, "/").text
    hit(site, late)
    assert counted(site) == {"region_exempt": {"US": 1}}
    site.accept()
    hit(site, beacon(site, "/news/1"))
    assert counted(site) == ONE | {"region_exempt": {"US": 1}}, "who agrees is in the others alone"


def test_a_beacon_of_one_service_follows_that_service(site: Site) -> None:
    """A visitor who allowed just the counter is counted, and one who allowed all but the counter is not."""
    for name in ("matomo", "youtube"):
        page = f'{{{{ consent_beacon("{name}") }}}}'
        site.app.add_url_rule(f"/{name}", name, lambda page=page: render_template_string(page))
    assert "<img" not in site.get("/matomo").text
    site.post(answer="custom", services=["matomo"], notice=site.token("/consent/preferences"))
    assert "/consent/beacon/" not in site.get("/").text
    url = beacon(site, "/matomo")
    hit(site, url)
    assert counted(site)["page"] == {"/matomo": 1}
    late = beacon(site, "/matomo")
    site.form(answer="withdraw")
    hit(site, late)
    assert counted(site)["page"] == {"/matomo": 1}
    with pytest.raises(PolicyError, match=r'services\.youtube\.purpose: it is not "statistics"'):
        site.get("/youtube")


def test_the_purpose_stands_in_the_policy(site: Site) -> None:
    """Who still passes it hears of it when writing the template."""
    with site.app.test_request_context(), pytest.raises(PolicyError, match=r'\[audience\] purpose = "social"'):
        render_template_string('{{ consent_beacon(purpose="social") }}')


def test_there_is_no_beacon_where_nothing_is_counted(build: Callable[..., Site]) -> None:
    """On pages that all visitors share, and where the policy does not declare the purpose."""
    shared = build(EXEMPT, CONSENT_CACHE_MODE="static")
    assert "/consent/beacon/" not in hit(shared, "/").text
    text = SMALL.replace("[purposes.statistics]\n", "").replace('purpose = "statistics"', 'purpose = "social"')
    nothing = build(text)
    nothing.app.add_url_rule("/bare", view_func=lambda: render_template_string("<p>{{ consent_beacon() }}"))
    nothing.accept()
    assert nothing.get("/bare").text == "<p>"


def test_what_no_route_answers_is_counted_as_that(build: Callable[..., Site]) -> None:
    """Whatever path it was asked for by, and with however many letters."""

    def prepare(app: Flask) -> None:
        @app.errorhandler(404)
        def missing(_: Exception) -> tuple[str, int]:
            return render_template_string(PAGE), 404

    site = build(COUNTING.replace('"/news/*"', '"/no/*"'), prepare=prepare)
    site.accept()
    for path in ("/no/%F0%9F%98%80", "/no/" + "x" * 5000, "/no/..%2f..%2fetc", "/../..//no", "/no/%00%0a", "/%ff"):
        hit(site, beacon(site, path))
    assert counted(site)["page"] == {"other": 6}


@pytest.mark.parametrize("order", ["above", "beneath", "beneath other middleware", "none"])
def test_the_address_is_the_one_that_views_see(build: Callable[..., Site], order: str) -> None:
    """With ``ProxyFix`` on either side of the gate; without it no header moves a count."""

    def prepare(app: Flask) -> None:
        if order.startswith("beneath"):
            beneath(app)
        if "other" in order:
            app.wsgi_app = _Other(app.wsgi_app)  # type: ignore[method-assign]

    site = build(COUNTING, prepare=prepare)
    if order == "above":
        beneath(site.app)
    site.accept()
    forged = ("X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP", "CF-IPCountry", "X-Country-Code")
    said = dict.fromkeys(forged, "2a00:1450:4001::1") | {"Forwarded": "for=2a00:1450:4001::1", "CF-IPCountry": "IE"}
    said["X-Forwarded-For"] = f"2a00:1450:4001::1, {ELSEWHERE if order == 'none' else VISITOR}"
    hit(site, beacon(site, "/news/1"), address=VISITOR if order == "none" else "127.0.0.1", **said)
    assert counted(site) == ONE


def test_absurd_headers_cost_and_count_little(build: Callable[..., Site]) -> None:
    """Two kilobytes of user agent, of languages, and of everything made up: few values, and no long wait."""
    site = build(COUNTING)
    site.accept()
    agents = [
        "Mozilla/5.0 (" + "; " * 1000,
        "Mozilla/5.0 " + "a" * 2000,
        "Mozilla/5.0 (X11) Gecko/" + "9." * 1000 + " Zz/1",
    ]
    agents += [f"Mozilla/5.0 (X11; Linux x86_64) Made-Up-{number}/1.0" for number in range(50)]
    languages = [
        "-" * 2000,
        ",".join(f"a{number}-b" for number in range(400)),
        "*;q=\xff",
        "de" * 999,
        "zz",
        "xx-" * 500,
    ]
    begin = time.monotonic()
    for number in range(60):
        said = {"User_Agent": agents[number % len(agents)], "Accept_Language": languages[number % len(languages)]}
        hit(site, beacon(site), **said)
    took = time.monotonic() - begin
    found = counted(site)
    assert set(found["browser"]) <= {"other", "Chrome", "Firefox", "Safari"}
    assert set(found["language"]) <= {"other", "de", "unknown", "none"}
    assert took < 10


def sent(site: Site, campaign: str = "2026-05", subject: str | None = None) -> str:
    """A beacon as a mailer's job renders it, outside any request."""
    with site.app.app_context():
        return str(consent.email_beacon(campaign, subject))


def mailing(build: Callable[..., Site], **config: Any) -> Site:
    """A site that sends e-mails, whose visitor has allowed everything."""
    site = build(COUNTING, PREFERRED_URL_SCHEME="http", **config)
    site.app.add_url_rule("/me", view_func=lambda: consent.subject or "nobody")
    assert site.get("/me").text == "nobody"
    site.accept()
    site.app.config["SERVER_NAME"] = "localhost"
    return site


def test_an_opened_e_mail_counts_once_by_its_campaign_alone(build: Callable[..., Site]) -> None:
    """By a reader's program and by a proxy apart; nothing else of the hit is counted, and no region is looked up."""
    site = mailing(build)
    url = picture(sent(site, subject=site.get("/me").text))
    assert url.startswith("http://localhost/consent/open/")
    looked_up: list[object] = []
    with pytest.MonkeyPatch.context() as watched:
        for name in ("of", "at", "country", "open", "_found"):
            watched.setattr(Regions, name, lambda *said, **_: looked_up.append(said), raising=False)
        for _ in range(3):
            hit(site, url, address=ELSEWHERE)
        assert counted(site) == {"open": {"2026-05": 1}}
        for agent in (APPLE, GMAIL, APPLE):
            hit(site, url, User_Agent=agent)
        for agent in ("curl/8.0", "Mozilla/5.0 (compatible; SomeScanner/1.0)", ""):
            hit(site, url, User_Agent=agent)
    assert counted(site) == {"open": {"2026-05": 1}, "open_proxy": {"2026-05": 1}}
    assert looked_up == []
    site.clock.advance(days=1)
    hit(site, url)
    assert counted(site)["open"] == {"2026-05": 2}, "once a day"


@pytest.mark.parametrize(
    "how", ["by the banner", "by another answer", "by code", "erased", "by time", "before it is kept"]
)
def test_what_is_taken_back_holds_for_mail_that_was_sent(build: Callable[..., Site], how: str) -> None:
    """The old e-mail is opened, and not counted; a new one has no beacon in it."""
    site = mailing(build)
    subject = site.get("/me").text
    url, control = (picture(sent(site, subject=subject)) for _ in range(2))
    site.clock.advance(minutes=5)
    if how == "by the banner":
        site.form(answer="withdraw")
    elif how == "by another answer":
        site.post(answer="custom", purposes=["statistics"], notice=site.token("/consent/preferences"))
    elif how == "by time":
        site.clock.advance(days=200)
    elif how == "before it is kept":
        site.state.ledger.database.close()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(site.state.ledger.database), "write", lambda *_: 1 / 0)
            patched.setattr(type(site.state.ledger.store), "append_many", lambda *_, **__: _away())
            site.form(answer="withdraw")
    else:
        record = site.records[-1]
        assert record.subject
        action = {"by code": "withdraw", "erased": "erase"}[how]
        body = {"action": action, "code": claim.write(site.state.claims, record.subject)}
        other = site.app.test_client(use_cookies=False)
        assert other.post("/consent/receipt", json=body).status_code == 200
    hit(site, url)
    assert "open" not in counted(site)
    assert sent(site, subject=subject) == ""
    assert control


def _away() -> None:
    from consent import StoreError

    raise StoreError("away")


def test_an_e_mail_is_counted_for_who_allows_that_alone(build: Callable[..., Site]) -> None:
    """Not for who allowed other things, not for strangers, and not while the store cannot be asked."""
    site = mailing(build)
    everything = site.get("/me").text
    assert sent(site, subject=None) == sent(site, subject="") == sent(site, subject="A" * 22) == ""
    site.post(answer="custom", purposes=["statistics"], notice=site.token("/consent/preferences"))
    assert sent(site, subject=site.get("/me").text) == ""
    again = mailing(build)
    subject = again.get("/me").text
    assert sent(again, subject=everything) == "", "a subject of another site's"
    url = picture(sent(again, subject=subject))
    path = again.state.ledger.database.path
    again.state.ledger.database.close()
    gone = path.rename(path.with_name("gone"))
    assert sent(again, subject=subject) == ""
    hit(again, url)
    again.state.ledger.database.close()
    gone.rename(path)
    assert "open" not in counted(again)
    hit(again, url)
    assert counted(again)["open"] == {"2026-05": 1}, "control"


def test_a_purpose_that_changed_since_is_not_what_was_agreed_to(build: Callable[..., Site]) -> None:
    """A raised version asks again; an e-mail's reader, who is not there to be asked, has not said yes to it."""
    site = mailing(build)
    subject = site.get("/me").text
    assert sent(site, subject=subject)
    url = str(site.state.settings.store_url)
    raised = COUNTING.replace("[purposes.social]", "[purposes.social]\nversion = 2")
    later = build(raised, CONSENT_STORE_URL=url, SERVER_NAME="localhost")
    assert sent(later, subject=subject) == ""
    other = COUNTING.replace("[purposes.statistics]", "[purposes.statistics]\nversion = 2")
    unchanged = build(other, CONSENT_STORE_URL=url, SERVER_NAME="localhost")
    assert sent(unchanged, subject=subject)


def test_mistakes_of_a_mailer_are_told(build: Callable[..., Site]) -> None:
    """What is not declared, what is no subject, and what no URL can be made of."""
    site = mailing(build)
    subject = site.get("/me").text
    with pytest.raises(PolicyError, match=r'audience\.mail\.campaigns: "2026-06" is not declared'):
        sent(site, "2026-06", subject)
    with pytest.raises(PolicyError, match=r"audience\.mail\.campaigns"):
        sent(build(SMALL), "2026-05", subject)
    for wrong in ("x", subject + "A", subject[:-1] + "é", "=" * 22, hashlib.sha256().hexdigest()):
        with pytest.raises(ValueError, match="22 characters"):
            sent(site, subject=wrong)
    site.app.config["SERVER_NAME"] = None
    with pytest.raises(ConfigError, match="SERVER_NAME: without it"):
        sent(site, subject=subject)
    with site.app.test_request_context(base_url="https://mail.example"):
        assert picture(str(consent.email_beacon("2026-05", subject))).startswith("https://mail.example/consent/open/")


def test_a_subject_is_what_a_site_keeps_beside_a_subscription(build: Callable[..., Site]) -> None:
    """None for who refuses, and on a page for all; asking for it makes the page private."""
    site = mailing(build)
    answer = site.get("/me")
    assert len(answer.text) == 22
    assert "Cookie" in answer.headers["Vary"]
    site.form(answer="withdraw")
    assert site.get("/me").text == "nobody"
    shared = build(COUNTING, CONSENT_CACHE_MODE="static")
    shared.app.add_url_rule("/me", view_func=lambda: consent.subject or "nobody")
    shared.accept()
    client = shared.app.test_client()
    assert client.get("/me").text == "nobody"


@pytest.mark.parametrize("spooled", [False, True])
def test_answers_are_counted_once(build: Callable[..., Site], spooled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where they wait in the spool; a submission that is repeated is no second answer."""
    site = build(COUNTING)
    token = site.token("/consent/preferences")
    headers = {"User-Agent": FIREFOX, "Origin": "http://localhost"}
    client = site.app.test_client(use_cookies=False)

    def answer(cookie: str, **said: object) -> str:
        sent = headers | {"Cookie": cookie}
        answers = [client.post("/consent/decision", json=said, headers=sent) for _ in range(2)]
        assert [one.status_code for one in answers] == [200, 200]
        return answers[0].headers["Set-Cookie"].partition(";")[0]

    with monkeypatch.context() as patched:
        if spooled:
            patched.setattr(type(site.state.ledger.store), "append_many", lambda *_, **__: _away())
        receipt = answer("a=b", answer="custom", purposes=["statistics"], key="k" * 22, notice=token)
        answer(receipt, answer="withdraw", key="w" * 22)
    site.state.counters.flush(now=site.clock())
    with site.state.ledger.database.read() as connection:
        rows = connection.exec_driver_sql("select dimension, value, count from consent_audience order by 1, 2").all()
    said = [tuple(row) for row in rows]
    assert [row for row in said if row[0] == "answer.statistics"] == [
        ("answer.statistics", "accepted", 1),
        ("answer.statistics", "refused", 1),
    ]
    assert ("answer.social", "refused", 2) in said
    assert [row for row in said if row[0] == "withdrawal"] == [("withdrawal", "statistics", 1)]


def test_counting_breaks_no_answer(build: Callable[..., Site], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails there."""
    site = build(COUNTING)
    monkeypatch.setattr(type(site.state.counting), "answered", lambda *_, **__: 1 / 0)
    assert site.accept().get_json()["recorded"]
    assert site.form(answer="withdraw").status_code == 303
