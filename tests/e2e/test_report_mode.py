"""In report mode everything still loads, and all that nobody declared is told: by report-uri, and over HTTPS by the
Reporting API as well.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, render_template_string
from playwright.sync_api import BrowserContext, Page

from consent.discovery import reports
from flask_consentry import Consentry
from flask_consentry.cli import consent_commands
from tests.e2e import sites
from tests.e2e.conftest import Restart
from tests.e2e.sites import Clock, Site
from tests.e2e.thirdparty import Elsewhere

_POLICY = """
site = "planted"
[purposes.social]
[services.films]
purpose = "social"
name = "Films"
[services.films.hosts]
frame-src = ["https://films.example"]
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
{{ consent_head() }}
<title>Planted</title>
<link rel="icon" href="https://icon.planted.example/i.png">
<link rel="stylesheet" href="https://sheet.planted.example/s.css">
<style>
@import "https://import.planted.example/i.css";
@font-face { font-family: planted; src: url(https://font.planted.example/f.woff2) }
p { font-family: planted; background: url(https://background.planted.example/b.png) }
</style>
<script src="https://script.planted.example/s.js?u=secret"></script>
</head>
<body>
<p>Planted</p>
<img src="https://image.planted.example/i.gif?u=secret">
<img srcset="https://srcset.planted.example/i.gif 1x">
<picture><source srcset="https://picture.planted.example/i.gif"><img src="/own.gif"></picture>
<input type="image" src="https://input.planted.example/i.gif" alt="">
<video src="https://video.planted.example/v.mp4" poster="https://poster.planted.example/p.png"></video>
<audio src="https://audio.planted.example/a.mp3"></audio>
<object data="https://object.planted.example/o.html"></object>
<embed src="https://embed.planted.example/e.html">
<iframe src="https://frame.planted.example/"></iframe>
<iframe src="https://www.youtube.com/embed/x"></iframe>
<iframe src="https://films.example/embed/x"></iframe>
<iframe srcdoc="<img src='https://srcdoc.planted.example/i.gif'>"></iframe>
<svg><image href="https://svg.planted.example/s.png" /></svg>
<noscript><img src="https://noscript.planted.example/n.gif"></noscript>
<script type="module" src="https://module.planted.example/m.js"></script>
<script>
fetch("https://fetch.planted.example/f", {mode: "no-cors"}).catch(() => 0);
navigator.sendBeacon("https://www.google-analytics.com/g/collect");
const xhr = new XMLHttpRequest(); xhr.open("GET", "https://xhr.planted.example/x"); xhr.send();
new EventSource("https://source.planted.example/e");
new WebSocket("wss://socket.planted.example/w");
import("https://dynamic.planted.example/d.js").catch(() => 0);
new Worker("/worker.js");
document.body.append(Object.assign(document.createElement("script"), {src: "https://created.planted.example/c.js"}));
const blank = document.body.appendChild(document.createElement("iframe")).contentDocument;
blank.write("<img src='https://blank.planted.example/i.gif'>");
blank.close();
document.cookie = "planted_script=1; Max-Age=100000";
document.cookie = "_ga=GA1.1.1; Max-Age=100000";
localStorage.setItem("planted_key", "1");
indexedDB.open("planted_database");
</script>
</body>
</html>"""

#: Hosts that the page asks: each of them nobody declared, but for the last.
_WAYS = (
    "audio background blank created dynamic embed fetch font frame icon image import input module object picture poster script "
    "sheet socket source srcdoc srcset svg video worker xhr"
)
PLANTED = {f"{way}.planted.example" for way in _WAYS.split()} | {"www.youtube.com", "www.google-analytics.com"}
HELD = "films.example"
NAMES = {"planted_server", "planted_script", "planted_key", "planted_database", "_ga"}

#: Chromium tells nothing of frames without an address and of workers by the Reporting API: hence both ways.
_BY_ONE_WAY = {"blank.planted.example", "srcdoc.planted.example", "worker.planted.example"}

#: The browser sends Reporting API reports a minute late, or with this switch within a second.
_SOON = "--short-reporting-delay"


def planted(folder: Path, clock: Clock, mode: str) -> Flask:
    """A site that nobody has looked at yet."""
    (folder / "consent.toml").write_text(_POLICY)
    app = Flask("planted", root_path=str(folder), instance_path=str(folder))
    app.config.update(SECRET_KEY="e2e", CONSENT_MODE=mode)

    @app.get("/old/page")
    def page() -> Response:
        made = Response(render_template_string(_PAGE))
        made.set_cookie("planted_server", "1")
        return made

    @app.get("/worker.js")
    def worker() -> Response:
        return Response('fetch("https://worker.planted.example/w").catch(() => 0)', mimetype="text/javascript")

    Consentry(app, clock=clock.now)
    _listen(app)
    return app


def _listen(app: Flask) -> None:
    """Keep what is reported, by its media type, under ``app.config["TOLD"]``."""
    told: defaultdict[str, list[bytes]] = defaultdict(list)
    gated = app.wsgi_app

    def listening(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/consent/report":
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            told[environ["CONTENT_TYPE"]].append(body)
            environ["wsgi.input"] = BytesIO(body)
        return gated(environ, start_response)

    app.config["TOLD"] = told
    app.wsgi_app = listening  # type: ignore[method-assign]


def told_by(app: Flask, kind: str) -> set[str]:
    """Hosts in the reports of one media type."""
    found = (seen for body in app.config["TOLD"][kind] for seen in reports.read(body, host=""))
    return {seen.name.partition("://")[2] for seen in found}


Serve = Callable[..., tuple[Flask, Site]]


@pytest.fixture
def serve(tmp_path: Path, _clock: Clock, pem: Path) -> Iterator[Serve]:
    """Serves the site in a mode, over TLS or not."""
    with ExitStack() as stack:

        def start(mode: str, *, tls: bool) -> tuple[Flask, Site]:
            app = planted(tmp_path, _clock, mode)
            served: AbstractContextManager[Site] = sites.served(app, pem if tls else None)
            return app, stack.enter_context(served)

        yield start


@pytest.fixture
def eager(restart: Restart) -> Iterator[BrowserContext]:
    """A browser that is quick to report."""
    with restart(_SOON) as context:
        yield context


def discovered(app: Flask) -> dict[str, Any]:
    """What the command says now."""
    app.extensions["consentry"].tally.flush()
    return dict(json.loads(app.test_cli_runner().invoke(consent_commands, ["discover", "--json"]).output))


def is_complete(app: Flask) -> bool:
    """Whether everything planted is found."""
    said = discovered(app)
    return hosts(said) >= PLANTED and {name["name"] for name in said["names"]} >= NAMES


def wait_until(done: Callable[[], bool]) -> bool:
    """Whether *done* comes true within some seconds."""
    end = time.monotonic() + 20
    while not done() and time.monotonic() < end:
        time.sleep(0.2)
    return done()


def hosts(said: dict[str, Any]) -> set[str]:
    return {host["name"] for host in said["hosts"]}


def look(page: Page, site: Site, elsewhere: Elsewhere, awaited: set[str]) -> None:
    """Open the page and stay until the guard has looked around."""
    page.goto(site.url + "/old/page?canary=1")
    elsewhere.wait_for(awaited)
    page.wait_for_timeout(4000)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_everything_planted_loads_and_is_found(
    serve: Serve, eager: BrowserContext, elsewhere: Elsewhere, tls: bool
) -> None:
    """Every host is asked as without a gate, every cookie set, and every one of them is discovered."""
    app, site = serve("report", tls=tls)
    page = eager.pages[0]
    look(page, site, elsewhere, PLANTED | {HELD})
    assert elsewhere.hosts >= PLANTED | {HELD}
    assert {cookie["name"] for cookie in eager.cookies()} >= {"planted_server", "planted_script", "_ga"}
    assert page.evaluate("localStorage.getItem('planted_key')") == "1"
    wait_until(lambda: is_complete(app))
    said = discovered(app)
    assert hosts(said) == PLANTED
    assert {name["name"] for name in said["names"]} == NAMES
    assert [host["name"] for host in said["held_back"]] == [HELD]
    fits = {found["name"]: found["catalogue"] for found in said["hosts"] + said["names"]}
    assert fits["www.youtube.com"][0] == "youtube"
    assert fits["www.google-analytics.com"][0] == fits["_ga"][0] == "google-analytics"
    assert fits["script.planted.example"] == []
    pages = {place for host in said["hosts"] for place in host["pages"]}
    assert pages <= {"/old/page", "/worker.js"}
    assert "canary" not in json.dumps(said)
    assert told_by(app, "application/csp-report") == PLANTED | {HELD}
    if tls:
        assert wait_until(lambda: told_by(app, "application/reports+json") >= (PLANTED | {HELD}) - _BY_ONE_WAY)
    else:
        assert told_by(app, "application/reports+json") == set()


def test_the_same_page_enforced_reaches_nobody(serve: Serve, eager: BrowserContext, elsewhere: Elsewhere) -> None:
    """What report mode lets pass is what the gate stops: the page is a fair one."""
    app, site = serve("enforce", tls=False)
    page = eager.pages[0]
    page.goto(site.url + "/old/page")
    page.wait_for_timeout(1000)
    assert elsewhere.requests == ()
    assert {cookie["name"] for cookie in eager.cookies()} == set()
    assert app.extensions["consentry"].tally is None
    assert site.statuses("/consent/report") == []
