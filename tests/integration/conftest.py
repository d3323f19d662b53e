"""A small Flask site with everything the gate must deal with, a clock that tests move, and a browser-like client."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, render_template_string, request, session
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from consent.ledger import Record
from flask_consentry import Consentry, consent, requires_consent
from flask_consentry.state import State
from tests.policies import SMALL

PAGE = """<!doctype html><html lang="en"><head>{{ consent_head() }}<title>t</title></head><body>{{ consent_banner() }}
<main>{% consent "statistics" %}COUNTED{% else %}UNCOUNTED{% endconsent %}
{% consent service="youtube" %}TUBE{% endconsent %}
{{ consent_script("matomo", src="https://stats.example.net/m.js", defer=True, data_site="3") }}
{{ consent_embed("youtube", "https://www.youtube-nocookie.com/embed/x", title="A <film>", link="https://youtu.be/x") }}
{{ consent_beacon() }}</main><footer>{{ consent_preferences_link() }}</footer></body></html>"""


@dataclass
class Clock:
    """The time that the site sees."""

    now: datetime = datetime(2026, 3, 3, 12, 34, 56, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


@dataclass
class Site:
    """One application under test."""

    app: Flask
    clock: Clock
    client: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.app.test_client()

    @property
    def state(self) -> State:
        """What the extension keeps."""
        found = self.app.extensions["consentry"]
        assert isinstance(found, State)
        return found

    @property
    def records(self) -> list[Record]:
        """All that was recorded."""
        return list(self.state.ledger.store.records())

    def get(self, path: str = "/", **headers: str) -> TestResponse:
        """A page."""
        return self.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def token(self, path: str = "/") -> str:
        """The notice token of the first form on a page."""
        found = re.search(r'name="notice" value="([^"]+)"', self.get(path).text)
        assert found, "no form on the page"
        return found[1]

    def post(
        self, *, origin: str | None = "http://localhost", headers: dict[str, str] | None = None, **fields: Any
    ) -> TestResponse:
        """An answer as JSON."""
        sent = ({"Origin": origin} if origin else {}) | (headers or {})
        self.clock.advance(seconds=1)
        return self.client.post("/consent/decision", json=fields, headers=sent)

    def form(self, *, headers: dict[str, str] | None = None, **fields: Any) -> TestResponse:
        """An answer as a plain form."""
        self.clock.advance(seconds=1)
        return self.client.post(
            "/consent/decision", data=fields, headers={"Sec-Fetch-Site": "same-origin"} | (headers or {})
        )

    def accept(self, **fields: Any) -> TestResponse:
        """Accept all, as the banner does."""
        return self.post(**{"answer": "accept_all", "notice": self.token("/consent/preferences")} | fields)

    @property
    def receipt(self) -> str | None:
        """The consent cookie that the client holds."""
        cookie = self.client.get_cookie("consent_example")
        return cookie.value if cookie else None


_numbers = itertools.count()


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Makes sites: from a policy text and config."""
    made: list[Site] = []

    def make(text: str = SMALL, *, prepare: Callable[[Flask], None] | None = None, **config: Any) -> Site:
        folder = tmp_path / f"site{next(_numbers)}"
        folder.mkdir()
        (folder / "consent.toml").write_text(text, encoding="utf-8")
        app = Flask(f"site_{folder.name}", root_path=str(folder), instance_path=str(folder / "instance"))
        app.config.update(
            {"SECRET_KEY": "test", "TESTING": True, "CONSENT_BACKGROUND": False, "CONSENT_STORE_TIMEOUT": 20} | config
        )
        if prepare:
            prepare(app)
        site = Site(app, Clock())
        Consentry(app, clock=site.clock)
        _routes(app)
        made.append(site)
        return site

    yield make
    for site in made:
        if site.state.tally is not None:
            site.state.tally.flush()  # now, and not by its thread in the middle of another test
        site.app.extensions["consentry.background"].stop()
        site.state.ledger.close()


@pytest.fixture
def site(build: Callable[..., Site]) -> Site:
    """The usual site."""
    return build()


def _routes(app: Flask) -> None:
    @app.route("/")
    @app.route("/news/<path:_>")
    def page(_: str = "") -> str:
        return render_template_string(PAGE)

    @app.route("/login")
    def login() -> str:
        session["member"] = 1
        return "in"

    @app.route("/member")
    def member() -> str:
        return "yes" if session.get("member") else "no"

    @app.route("/cookies")
    def cookies() -> Response:
        response = Response("<p>cookies")
        for name in request.args.getlist("name"):
            response.set_cookie(name, "1", max_age=1000)
        return response

    @app.route("/social")
    @requires_consent("social")
    def social() -> str:
        return "social"

    @app.route("/etag")
    def etag() -> Response:
        response = Response("granted" if consent.allows("statistics") else "locked", mimetype="text/html")
        response.set_etag("same")
        response.last_modified = datetime(2026, 1, 1, tzinfo=UTC)
        return response.make_conditional(request)  # type: ignore[return-value]

    @app.route("/file.js")
    def script() -> Response:
        return Response("1", mimetype="text/javascript", headers={"Cache-Control": "public, max-age=600"})

    @app.route("/file.png")
    def picture() -> Response:
        return Response(b"", mimetype="image/png", headers={"Cache-Control": "public, max-age=600"})

    @app.route("/links")
    def links() -> Response:
        sent = Response("x", mimetype="text/plain")
        sent.headers.add("Link", "<https://stats.example.net>; rel=preconnect, </next>; rel=next")
        sent.headers["Speculation-Rules"] = '"/rules.json"'
        sent.headers["Refresh"] = "0; url=https://elsewhere.example/"
        return sent

    @app.route("/crash")
    def crash() -> str:
        raise ZeroDivisionError
