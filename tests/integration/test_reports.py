"""Report mode: what browsers are asked, what comes in, what is kept, and what ``flask consent discover`` makes of it."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import subprocess
import sys
import time
import timeit
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask, Response
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client, TestResponse

from consent.discovery import Kind, Sighting, tally
from consent.ledger import Counts, Database, sightings
from flask_consentry.cli import consent_commands
from tests import servers

from .conftest import Site

ONLY = "Content-Security-Policy-Report-Only"
ENFORCED = "Content-Security-Policy"
URI = "; report-uri /consent/report"
HTTPS = {"base_url": "https://localhost"}


@pytest.fixture
def site(build: Callable[..., Site]) -> Site:
    """A site in report mode."""
    return build(CONSENT_MODE="report", CONSENT_REPORTS="report")


def violation(
    blocked: str = "https://cdn.example/a.js", directive: str = "script-src-elem", page: str = "/news"
) -> bytes:
    body = {"document-uri": f"http://localhost{page}", "effective-directive": directive, "blocked-uri": blocked}
    return json.dumps({"csp-report": body}).encode()


def send(site: Site, body: bytes, kind: str = "application/csp-report", **headers: str) -> TestResponse:
    sent = {"Sec-Fetch-Site": "same-origin"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return site.client.post("/consent/report", data=body, headers=sent, content_type=kind)


def seen(site: Site) -> list[tuple[str, str, str, str, int]]:
    """All rows of the table, after a hand-over."""
    assert site.state.tally is not None
    site.state.tally.flush()
    return [(r["kind"], r["name"], r["directive"], r["page"], r["count"]) for r in site.state.ledger.counts.sightings()]


def discover(site: Site, *arguments: str) -> str:
    result = site.app.test_cli_runner().invoke(consent_commands, ["discover", *arguments])
    assert result.exit_code == 0, result.output
    return str(result.output)


@pytest.mark.parametrize(
    ("config", "name", "ends"),
    [
        ({"CONSENT_MODE": "report"}, ONLY, URI),
        ({"CONSENT_MODE": "report", "CONSENT_REPORTS": "always"}, ONLY, URI),
        ({"CONSENT_MODE": "report", "CONSENT_REPORTS": "never"}, ONLY, "blob:"),
        ({"CONSENT_MODE": "enforce"}, ENFORCED, "blob:"),
        ({"CONSENT_MODE": "enforce", "CONSENT_REPORTS": "always"}, ENFORCED, URI),
        ({"CONSENT_MODE": "enforce", "CONSENT_REPORTS": "never"}, ENFORCED, "blob:"),
        ({"CONSENT_MODE": "report", "CONSENT_URL_PREFIX": "/a/b"}, ONLY, "; report-uri /a/b/report"),
    ],
)
def test_reports_are_asked_for_as_the_settings_say(
    build: Callable[..., Site], config: dict[str, str], name: str, ends: str
) -> None:
    """On every response: pages, scripts, pictures and errors."""
    site = build(**config)
    for path in ("/", "/file.js", "/file.png", "/nowhere", "/login"):
        assert site.get(path).headers[name].endswith(ends), path
        assert "Reporting-Endpoints" not in site.get(path).headers, "of no use over HTTP"


def test_off_asks_for_nothing(build: Callable[..., Site]) -> None:
    """Whatever the other setting says; what comes all the same is not counted."""
    site = build(CONSENT_MODE="off", CONSENT_REPORTS="always")
    assert "report" not in str(site.get().headers).lower()
    assert send(site, violation()).status_code == 204
    assert site.state.tally is None


@pytest.mark.parametrize(("mode", "first"), [("report", ONLY), ("enforce", ENFORCED)])
def test_over_https_documents_name_an_endpoint(build: Callable[..., Site], mode: str, first: str) -> None:
    """Documents have both ways, in two policies that say the same; a script, which has no endpoint, the old one."""
    site = build(CONSENT_MODE=mode, CONSENT_REPORTS="always")
    page = site.client.get("/", **HTTPS).headers
    assert page.getlist(first)[0].endswith(URI)
    assert page.getlist(ONLY)[-1] == page.getlist(first)[0].removesuffix(URI) + "; report-to consentry"
    assert page["Reporting-Endpoints"] == 'consentry="/consent/report"'
    script = site.client.get("/file.js", **HTTPS).headers
    assert script.getlist(first)[0].endswith(URI)
    assert "report-to" not in str(script)
    assert "Reporting-Endpoints" not in script


@pytest.mark.parametrize("mode", ["report", "enforce"])
def test_the_sites_own_endpoints_stay_beside_ours(build: Callable[..., Site], mode: str) -> None:
    """Two header lines are one dictionary; ours passes our own filter where one gate stands around another."""

    def prepare(app: Flask) -> None:
        @app.after_request
        def own(response: Response) -> Response:
            response.headers["Reporting-Endpoints"] = 'main="/own"'
            response.headers["Content-Security-Policy-Report-Only"] = "img-src 'self'; report-to main"
            return response

    inner = build(CONSENT_MODE=mode, CONSENT_REPORTS="always", prepare=prepare)
    outer = build(CONSENT_MODE="enforce", CONSENT_REPORTS="always", CONSENT_URL_PREFIX="/outer")
    outer.app.wsgi_app.__dict__["_application"] = inner.app.wsgi_app
    for site, ours in (
        (inner, ['consentry="/consent/report"']),
        (outer, ['consentry="/consent/report"', 'consentry="/outer/report"']),
    ):
        headers = site.client.get("/cookies", **HTTPS).headers
        assert headers.getlist("Reporting-Endpoints") == ['main="/own"', *ours]
        assert "img-src 'self'; report-to main" in headers.getlist(ONLY)


def test_both_ways_count_once(site: Site) -> None:
    """A browser that reports by the old way and by the new one is one witness."""
    body = {
        "documentURL": "http://localhost/news",
        "effectiveDirective": "script-src-elem",
        "blockedURL": "https://cdn.example/a.js",
    }
    for _ in range(3):
        send(site, violation())
        send(site, json.dumps([{"type": "csp-violation", "body": body}]).encode(), "application/reports+json")
    assert seen(site) == [("host", "https://cdn.example", "script-src", "/news", 3)]


def test_the_address_follows_the_mount_point(build: Callable[..., Site]) -> None:
    """Below a path of the host, and behind a proxy that says where the site stands."""
    site = build(CONSENT_MODE="report")
    mounted = DispatcherMiddleware(lambda *_: [], {"/shop": site.app})
    assert Client(mounted).get("/shop/").headers[ONLY].endswith("; report-uri /shop/consent/report")
    proxied = build(CONSENT_MODE="report")
    proxied.app.wsgi_app = ProxyFix(proxied.app.wsgi_app, x_prefix=1)  # type: ignore[method-assign]
    assert proxied.get(X_Forwarded_Prefix="/a").headers[ONLY].endswith("; report-uri /a/consent/report")


def test_report_mode_leaves_caching_to_the_site(site: Site) -> None:
    """A page that does not ask what is allowed is the same for all visitors, headers and policy included."""

    @site.app.route("/plain")
    def plain() -> Response:
        made = Response("<p>plain", headers={"Cache-Control": "public, max-age=60", "Vary": "Accept"})
        made.set_etag("a")
        return made

    before = site.get("/plain").headers
    site.accept()
    after = site.get("/plain").headers
    for headers in (before, after):
        assert (headers["Cache-Control"], headers["Vary"], headers["ETag"]) == ("public, max-age=60", "Accept", '"a"')
    assert before[ONLY] == after[ONLY]
    assert "stats.example.net" in site.get("/").headers[ONLY], "a page that asked has the visitor's own"


def test_report_mode_leaves_the_page_alone(site: Site) -> None:
    """Not a byte of a page changes, nor a cookie, a link or a jump."""
    page = '<!doctype html><title>t</title><script src="https://t.example/t.js"></script><iframe src="//f.example"></iframe>'

    @site.app.route("/tagged")
    def tagged() -> Response:
        made = Response(page)
        made.set_cookie("spy", "1", max_age=10**8)
        made.headers["Link"] = "<https://t.example>; rel=preconnect"
        return made

    said = site.get("/tagged")
    assert said.text == page
    assert "Max-Age=100000000" in said.headers["Set-Cookie"]
    assert said.headers["Link"] == "<https://t.example>; rel=preconnect"


def test_every_shape_of_report_is_counted(site: Site) -> None:
    """report-uri, the Reporting API (once: it says again what the other said), and the guard's names in either type."""
    assert send(site, violation()).status_code == 204
    listed = [
        {
            "type": "csp-violation",
            "body": {
                "documentURL": "http://localhost/news?q=1",
                "effectiveDirective": "img-src",
                "blockedURL": "https://pixel.example/p.gif?u=1",
            },
        }
    ]
    assert send(site, json.dumps(listed * 2).encode(), "application/reports+json").status_code == 204
    said = {"type": "consentry-names", "cookies": ["_ga"], "storage": ["k"], "databases": ["d"], "path": "/x?y=1"}
    for kind in ("text/plain;charset=UTF-8", "application/json"):
        assert send(site, json.dumps(said).encode(), kind).status_code == 204
    assert sorted(seen(site)) == [
        ("cookie", "_ga", "script", "/x", 2),
        ("database", "d", "script", "/x", 2),
        ("host", "https://cdn.example", "script-src", "/news", 1),
        ("host", "https://pixel.example", "img-src", "/news", 1),
        ("storage", "k", "script", "/x", 2),
    ]


@pytest.mark.parametrize(("mode", "reports"), [("report", "report"), ("enforce", "always")])
def test_cookies_of_the_server_are_counted(build: Callable[..., Site], mode: str, reports: str) -> None:
    """Undeclared names that the gate drops or would drop, with the page, and none that is only not granted."""
    site = build(CONSENT_MODE=mode, CONSENT_REPORTS=reports)
    for _ in range(2):
        site.get("/cookies?name=spy&name=_ad&name=login&name=session")
    assert seen(site) == [("cookie", "spy", "set-cookie", "/cookies", 2)]


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "", "Origin": "https://evil.example"},
    ],
)
def test_another_sites_page_is_not_believed(site: Site, headers: dict[str, str]) -> None:
    """Where a browser says that it was not ours, nothing is counted."""
    assert send(site, violation(), **headers).status_code == 204
    assert seen(site) == []


def test_a_report_without_a_word_of_its_sender_is_counted(site: Site) -> None:
    """The Reporting API sends out of band: with an Origin and without Fetch Metadata, or with neither."""
    for headers in ({}, {"Origin": "http://localhost"}):
        site.client.post("/consent/report", data=violation(), headers=headers, content_type="application/csp-report")
    assert seen(site)[0][-1] == 2


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (violation(), "application/x-www-form-urlencoded"),
        (violation(), "multipart/form-data"),
        (violation(), ""),
        (b"", "application/csp-report"),
        (b"\xff\xfe", "application/csp-report"),
        (b"[" * 16_000, "application/reports+json"),
        (violation("javascript:alert(1)"), "application/csp-report"),
        (violation("https://user:canary@a.example/"), "application/csp-report"),
        (violation()[:-1] + b" " * 16_384 + b"}", "application/csp-report"),
        (violation() + b" " * 10_000_000, "application/csp-report"),
    ],
    ids=range(10),
)
def test_what_is_no_report_is_answered_all_the_same(site: Site, body: bytes, kind: str) -> None:
    """204, at once, and nothing is counted."""
    assert send(site, body, kind).status_code == 204
    assert seen(site) == []


@pytest.mark.parametrize("headers", [{}, {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}])
def test_a_body_is_read_no_further_than_it_may_be_long(site: Site, headers: dict[str, Any]) -> None:
    """With and without a length, and under a limit of the site's own."""
    site.app.config["MAX_CONTENT_LENGTH"] = 10
    for body, status in ((violation(), 204), (b" " * 20_000 + violation(), 204)):
        sent = site.client.post(
            "/consent/report", data=body, content_type="application/csp-report", environ_overrides=headers
        )
        assert sent.status_code == status
    assert [row[-1] for row in seen(site)] == [1]


def test_it_is_for_sending_only(site: Site) -> None:
    """No answer tells anything: GET is for another page, a body is empty, and no cache keeps it."""
    assert site.get("/consent/report").status_code == 404
    assert site.client.put("/consent/report").status_code == 405
    answer = send(site, violation())
    assert (answer.data, answer.headers["Cache-Control"]) == (b"", "no-store")


def test_a_sites_csrf_protection_lets_reports_through(build: Callable[..., Site]) -> None:
    """Browsers send no token."""

    def protect(app: Flask) -> None:
        CSRFProtect(app)

    site = build(prepare=protect, CONSENT_MODE="report")
    assert send(site, violation()).status_code == 204
    assert len(seen(site)) == 1


def test_no_request_touches_the_database(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a report nor a page with an undeclared cookie; only the hand-over does."""

    def refuse(*_: object) -> None:
        raise AssertionError("a request opened the store")

    with monkeypatch.context() as patched:
        patched.setattr(type(site.state.ledger.database), "_opened", refuse)
        assert send(site, violation()).status_code == 204
        site.get("/cookies?name=spy")
    assert len(seen(site)) == 2


def test_the_hand_over_comes_by_itself(site: Site) -> None:
    """A thread writes what came in, some seconds after the first of it."""
    assert site.state.tally is not None
    site.state.tally._every = 0.05
    send(site, violation())
    end = time.monotonic() + 10
    while not list(site.state.ledger.counts.sightings()):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_clean_exit_hands_over_the_rest(tmp_path: Path) -> None:
    """A process that ends has told what it counted."""
    (tmp_path / "consent.toml").write_text('site = "small"\n')
    code = f"""
from flask import Flask
from flask_consentry import Consentry
app = Flask("app", root_path={str(tmp_path)!r}, instance_path={str(tmp_path)!r})
app.config.update(SECRET_KEY="x", CONSENT_MODE="report")
Consentry(app)
@app.get("/")
def page():
    return "x", {{"Set-Cookie": "spy=1"}}
app.test_client().get("/")
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    with sqlite3.connect(tmp_path / "consent.sqlite3") as connection:
        assert connection.execute("SELECT name, page, count FROM consent_sighting").fetchall() == [("spy", "/", 1)]
    connection.close()


@pytest.mark.slow
def test_forked_workers_hand_over_all_they_counted(tmp_path: Path) -> None:
    """Two workers of one loaded application: each has a thread of its own, and no count is lost."""
    url = f"sqlite:///{tmp_path / 'seen.sqlite3'}"
    wsgi = (
        f"import sys\nsys.path.insert(0, {str(servers.ROOT / 'examples' / 'site')!r})\nfrom app import create_app\n"
        f"app = create_app({{'CONSENT_MODE': 'report', 'CONSENT_STORE_URL': {url!r}, 'SECRET_KEY': 'test'}})\n"
    )
    database = Database(url)
    counts = Counts(database, "millbrook")

    def told() -> int:
        return sum(row["count"] for row in counts.sightings())

    with servers.gunicorn(tmp_path, wsgi, "--preload", "--workers", "2") as address:
        headers = {"Content-Type": "application/csp-report", "Origin": address}
        for number in range(40):
            body = violation(f"https://h{number % 4}.example/a.js")
            sent = urllib.request.Request(address + "/consent/report", body, headers)
            with urllib.request.urlopen(sent, timeout=30) as answer:
                assert answer.status == 204
        end = time.monotonic() + 30
        while told() < 40 and time.monotonic() < end:
            time.sleep(0.2)
        assert told() == 40
    database.close()


def test_a_store_that_fails_breaks_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Reports are answered, the log names an error's type, and the counts come with the next hand-over."""
    with monkeypatch.context() as patched:
        patched.setattr(type(site.state.ledger.database), "path", Path("/dev/null/nowhere"))
        assert send(site, violation()).status_code == 204
        assert site.state.tally is not None
        site.state.tally.flush()
    assert caplog.messages == ["what was seen on pages was not kept: StoreError"]
    assert len(seen(site)) == 1


def test_a_flood_of_reports_fills_neither_memory_nor_disk(site: Site) -> None:
    """Hours of made-up reports, each as large as may be kept: rows and file stay within their bounds, all is counted."""
    assert site.state.tally is not None
    sent = 0
    for day in range(6):
        for number in range(2_100):
            host = f"{day}-{number}.{'a' * 200}.example"
            page = quote("/" + "word-" * 60)
            site.state.tally.add(Sighting(Kind.HOST, f"https://{host}", "script-src", page[:200]), site.clock())
            site.clock.advance(seconds=10)
            sent += 1
        site.state.tally.flush()
        site.clock.advance(hours=24)
    rows = seen(site)
    assert len(rows) == sightings.MOST + 1
    assert sum(row[-1] for row in rows) == sent
    folder = site.state.ledger.database.path.parent
    assert sum(file.stat().st_size for file in folder.iterdir()) < 16_000_000
    one = next(row for row in rows if row[0] == "host")
    site.state.tally.add(Sighting(Kind.HOST, one[1], one[2], one[3]), site.clock())
    assert sum(row[-1] for row in seen(site) if row[1] == one[1]) == one[-1] + 1, "known rows count on"


def test_a_flood_by_http_is_answered_and_held(site: Site) -> None:
    """More bodies in a minute than are read: each is answered, and some hundred hosts at most are kept."""
    for number in range(tally.READ + 200):
        assert send(site, violation(f"https://h{number}.example")).status_code == 204
    rows = seen(site)
    kept = sum(row[-1] for row in rows if row[0] == "host")
    assert kept <= tally.AT_ONCE + tally.NEW
    assert kept + sum(row[-1] for row in rows if row[0] == sightings.DROPPED) == tally.READ + 200


def test_several_processes_share_the_bounds(site: Site) -> None:
    """Each counts a host on pages of its own; the table names a few of them all the same."""
    for process in range(5):
        counts = {Sighting(Kind.HOST, "https://a.example", "img-src", f"/{process}/{n}"): 1 for n in range(tally.PAGES)}
        site.state.ledger.counts.add_sightings(counts, 0, site.clock().date())
    rows = seen(site)
    assert len(rows) == tally.PAGES + 1
    assert ("host", "https://a.example", "img-src", "", 4 * tally.PAGES) in rows


def test_what_is_not_seen_again_is_forgotten(site: Site) -> None:
    """After 90 days a row goes with the next hand-over; one that was seen in between stays."""
    send(site, violation("https://gone.example"))
    send(site, violation("https://stays.example"))
    assert len(seen(site)) == 2
    site.clock.advance(days=60)
    send(site, violation("https://stays.example"))
    assert len(seen(site)) == 2
    site.clock.advance(days=31)
    send(site, violation("https://new.example"))
    assert [row[1] for row in seen(site)] == ["https://stays.example", "https://new.example"]


CANARIES = ("canary", "198.51.100.99", "Y2FuYXJ5")


def test_nothing_of_a_visitor_is_kept(site: Site, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """No address, query, referrer, agent, cookie, sample or file is in the database, in a log line or in any file."""
    caplog.set_level(logging.DEBUG)
    body = {
        "document-uri": "http://localhost/user/canary@example.org/news?canary#canary",
        "referrer": "https://canary.example/canary",
        "violated-directive": "img-src canary",
        "effective-directive": "img-src",
        "original-policy": "canary",
        "blocked-uri": "https://pixel.example/canary/p.gif?canary",
        "source-file": "https://canary.example/canary.js",
        "script-sample": "canary",
        "canary": "canary",
    }
    listed = {
        "type": "csp-violation",
        "url": "http://localhost/canary",
        "user_agent": "canary",
        "body": {
            "documentURL": "http://localhost/reset/canary00123456789abcdef0123456789?canary",
            "effectiveDirective": "font-src",
            "blockedURL": "https://fonts.example/canary",
            "sample": "canary",
            "referrer": "canary",
            "sourceFile": "canary",
        },
    }
    names = {
        "type": "consentry-names",
        "cookies": ["_ga", "a=canary"],
        "storage": ["canary@example.org"],
        "path": "/?canary",
    }
    headers = {"User-Agent": "canary", "Cookie": "a=canary", "Referer": "http://localhost/?canary"}
    bodies = (
        ({"csp-report": body}, "application/csp-report"),
        ([listed], "application/reports+json"),
        (names, "text/plain"),
        ({"csp-report": body | {"blocked-uri": "https://canary@x.example/"}}, "application/csp-report"),
    )
    client = site.app.test_client(use_cookies=False)
    address = {"REMOTE_ADDR": "198.51.100.99"}
    answers = ""

    def drive() -> None:
        nonlocal answers
        for said, kind in bodies:
            raw = json.dumps(said).encode()
            for sent in (raw, raw[:-1], raw + b" " * 20_000):
                answers += client.post(
                    "/consent/report?canary", data=sent, content_type=kind, headers=headers, environ_overrides=address
                ).text
        client.get("/cookies?name=spy&canary", headers=headers, environ_overrides=address)

    drive()
    assert {row[1] for row in seen(site)} >= {"https://pixel.example", "https://fonts.example", "_ga", "spy"}, "control"
    site.state.ledger.database.close()
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(type(site.state.ledger.database), "path", Path("/dev/null/nowhere"))
        drive()
        assert site.state.tally is not None
        site.state.tally.flush()
    assert "not kept" in caplog.text, "control: the failure was met"
    told = caplog.text + answers + discover(site) + discover(site, "--json")
    files = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"pixel.example" in files, "control: the files are those that were written"
    for canary in CANARIES:
        assert canary not in told
        assert canary.encode() not in files


def test_the_header_costs_next_to_nothing(site: Site) -> None:
    """From the cache it is there within 5 µs: so it is, by far, with the address of reports."""
    gate = site.state.gate
    granted = frozenset({"login", "matomo", "youtube"})
    made = gate._reporting
    assert made is not None

    def header() -> object:
        return made.headers(ONLY, gate.csp.header(granted), root="/shop", endpoints=True)

    header()
    assert min(timeit.repeat(header, number=2000, repeat=7)) / 2000 < 5e-6


def test_discover_explains_how_to_begin(build: Callable[..., Site], site: Site) -> None:
    """Without a finding it says what to switch on, or to wait."""
    assert discover(site).startswith("Nothing was seen that is not declared.\nReports are collected.")
    assert 'CONSENT_MODE = "report"' in discover(build())
    assert json.loads(discover(site, "--json"))["hosts"] == []


def test_discover_tells_what_to_decide(site: Site) -> None:
    """Hosts, names, what is held back, the entry of the catalogue that fits, and what to paste."""
    for page in ("/a", "/b", "/c", "/d", "/d"):
        send(site, violation("https://www.youtube.com/embed/x", "frame-src", page))
    send(site, violation("https://cdn.tracker.example/t.js"))
    send(site, violation("https://stats.example.net/m.js"))
    site.get("/cookies?name=spy")
    assert seen(site)
    said = discover(site)
    assert "www.youtube.com: 5 times, last on 2026-03-03\n  by    frame-src\n  on    /d, /a, /b and 1 more\n" in said
    assert "cdn.tracker.example: once" in said
    assert "spy: once, last on 2026-03-03\n  by    set-cookie\n  on    /cookies\n" in said
    assert "Declared, held back until the visitor says yes (1)\n\nstats.example.net" in said
    assert '[services.tracker.hosts]\nscript-src = ["https://cdn.tracker.example"]' in said
    told = json.loads(discover(site, "--json"))
    assert [host["name"] for host in told["hosts"]] == ["www.youtube.com", "cdn.tracker.example"]
    assert told["hosts"][0]["pages"] == ["/d", "/a", "/b", "/c"]
    assert told["held_back"][0]["service"] == "matomo"


def test_discover_looks_back_as_far_as_it_is_told(site: Site) -> None:
    """--since leaves out what was not seen again."""
    send(site, violation("https://early.example"))
    assert seen(site)
    site.clock.advance(days=2)
    send(site, violation("https://late.example"))
    assert seen(site)
    assert "early.example" in discover(site, "--since", "2026-03-03")
    assert "early.example" not in discover(site, "--since", "2026-03-04")
    assert discover(site, "--since", "2026-03-06").startswith("Nothing was seen that is not declared since 2026-03-06.")


def test_two_apps_count_apart(build: Callable[..., Site], tmp_path: Path) -> None:
    """Sites may share a store; each has rows of its own, and bounds of its own."""
    url = f"sqlite:///{tmp_path / 'shared.sqlite3'}"
    one = build(CONSENT_MODE="report", CONSENT_STORE_URL=url)
    two = build('site = "two"\n', CONSENT_MODE="report", CONSENT_STORE_URL=url)
    send(one, violation())
    assert len(seen(one)) == 1
    assert seen(two) == []


#: What docs/discover.md shows: name, directive, page, count.
_SHOWN = (
    ("host", "https://www.youtube.com", "frame-src", "/events", 5),
    ("host", "https://www.youtube.com", "frame-src", "/news/opening-night", 3),
    ("host", "https://www.youtube.com", "frame-src", "/", 2),
    ("host", "https://www.youtube.com", "frame-src", "/live", 1),
    ("host", "https://www.youtube.com", "frame-src", "/about", 1),
    ("host", "https://cdn.oldtracker.example", "script-src", "/archive/2009", 3),
    ("host", "https://cdn.oldtracker.example", "img-src", "/archive/2009", 2),
    ("cookie", "_ga", "script", "/", 7),
    ("cookie", "theme", "set-cookie", "/settings", 1),
    ("host", "https://stats.example.com", "script-src", "/", 9),
)


def test_the_docs_show_what_the_command_says(build: Callable[..., Site]) -> None:
    """docs/discover.md: the policy, the sightings, and every line of the output."""
    page = (Path(__file__).parents[2] / "docs" / "discover.md").read_text(encoding="utf-8")
    declared, shown = page.split("```toml\n")[1].split("```")[0], page.split("consent discover\n")[1].split("```")[0]
    site = build(declared, CONSENT_MODE="report")
    counts = {Sighting(Kind(kind), name, by, where): count for kind, name, by, where, count in _SHOWN}
    site.state.ledger.counts.add_sightings(counts, 0, site.clock().date())
    assert discover(site) == shown


def test_a_frame_that_a_visitor_opens_is_no_finding(site: Site) -> None:
    """Its wrapper has a policy of its own, which lets the frame pass, and no second one that would report it."""
    token = re.search(r'name="embed" value="([^"]+)"', site.get().text)
    assert token is not None
    site.accept()
    headers = site.get(f"/consent/embed/youtube/{token[1]}", Sec_Fetch_Site="same-origin").headers
    assert "frame-src https://www.youtube-nocookie.com" in headers[ENFORCED]
    assert ONLY not in headers


def test_what_the_gate_makes_inert_is_counted_too(build: Callable[..., Site]) -> None:
    """Where reports are always collected, a host that no browser gets to ask is in the list as well."""
    site = build(CONSENT_MODE="enforce", CONSENT_REPORTS="always")

    @site.app.get("/pasted")
    def pasted() -> str:
        return "<link rel=stylesheet href=https://cdn.example/a.css?jo=1><script src=//cdn.example/a.js></script>"

    site.get("/pasted")
    rows = seen(site)
    assert ("host", "https://cdn.example", "style-src", "/pasted", 1) in rows
    assert ("host", "https://cdn.example", "script-src", "/pasted", 1) in rows
