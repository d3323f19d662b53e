"""A site whose every page tries every channel, under policies of its own, with and without ``consent_head()``.

One address is ``/<policy>/<head>/<run>/``: the run is a label in every host that the page tries to reach, so that what
is late still tells where it came from. Each channel is tried twice, at a tracker nobody declared and at a service that
a visitor can grant.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, Response, g, render_template_string, request

from flask_consentry import Consentry
from tests.e2e.channels.ways import CHANNELS, Channel
from tests.e2e.sites import Clock

TRACKER = "tracker.test"
SERVICE = "service.test"

NONCE = "bm9uY2U"
_THEIRS = " ".join(f"{scheme}://*.{host}" for host in (TRACKER, SERVICE) for scheme in ("https", "wss"))
_HOSTS = f"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob: {_THEIRS} https://*.{TRACKER}:*"
#: What the site itself says, by kind: the header's name and value. A report-only policy holds nobody back.
POLICIES: dict[str, tuple[str, str] | None] = {
    "none": None,
    "hosts": ("Content-Security-Policy", f"{_HOSTS};  IMG-SRC *"),
    "nonce": ("Content-Security-Policy", f"script-src 'nonce-{NONCE}' 'self'; worker-src 'self' blob:"),
    "strict-dynamic": ("Content-Security-Policy", f"script-src 'nonce-{NONCE}' 'strict-dynamic'; object-src *"),
    "report-only": ("Content-Security-Policy-Report-Only", "default-src 'none'; report-uri /own-reports"),
}

_CONSENT = f"""
site = "channels"
languages = ["en"]

[controller]
name = "Channels"
address = "1 Lane, Town, Ireland"
country = "IE"
email = "privacy@channels.example"
privacy_url = "/"

[purposes.statistics]

[services.service]
purpose = "statistics"
name = "Service"

[services.service.hosts]
connect-src = ["https://*.{SERVICE}", "wss://*.{SERVICE}"]
"""
_DIRECTIVES = ("font", "frame", "img", "manifest", "media", "object", "script", "style", "worker")

_PAGE = """<!doctype html>
<html lang="en">
<head>{% if headed %}{{ consent_head() }}{% endif %}<meta charset="utf-8"><title>Channels</title>
{{ head | safe }}</head>
<body>
{% if headed %}{{ consent_banner() }}{% endif %}
<main><h1>Channels</h1><p><a href="/">Start</a></p>
{{ body | safe }}
</main>
{% if headed %}{{ consent_preferences_link() }}{% endif %}
</body>
</html>"""

_WORKER = "fetch(location.search.slice(1), {mode: 'no-cors'}).catch(() => {});"
_SERVICE_WORKER = """
const get = (url) => fetch(url, {mode: 'no-cors'}).catch(() => {});
oninstall = (event) => event.waitUntil(get(location.search.slice(1)));
onmessage = (event) => event.waitUntil(get(event.data));
"""


def host(channel: str, run: str, whose: str) -> str:
    """The host that *channel* reaches on the page of *run*."""
    return f"{channel}.{run}.{whose}"


@dataclass(frozen=True, slots=True)
class _Page:
    """What stands on the page of one *run*; *port* gives the number of the port of a name."""

    run: str
    port: Callable[[str], int]

    def parts(self, of: Callable[[Channel], str]) -> list[str]:
        """One part of every channel, filled in, for the tracker and for the service."""
        tried = [(channel, whose) for whose in (TRACKER, SERVICE) for channel in CHANNELS if of(channel)]
        return [
            self._fill(of(channel), channel, whose) for channel, whose in tried if whose == TRACKER or channel.grantable
        ]

    def _fill(self, text: str, channel: Channel, whose: str) -> str:
        name, tag = host(channel.name, self.run, whose), whose.partition(".")[0]
        # WebTransport speaks no TLS over TCP: it has a port of its own, at the tracker.
        at = f"{name}:{self.port(f'web-transport.{self.run}')}" if channel.name == "web-transport" else name
        for word, value in (
            ("ADDRESS", f"https://{at}/x"),
            ("HOST", name),
            ("NONCE", NONCE),
            ("RUN", self.run),
            ("NAME-TAG", f"{channel.name}-{tag}"),
            ("TAG", tag),
            ("STUN", str(self.port(f"webrtc.{self.run}")) if "STUN" in text else ""),
        ):
            text = text.replace(word, value)
        return text


def channel_site(folder: Path, clock: Clock, port: Callable[[str], int], *, mode: str) -> Flask:
    """Build the site, its policy and store in *folder*.

    :param port: Number of the port of a name, for what speaks no TLS.
    :param mode: ``CONSENT_MODE``.
    """
    policy = folder / "consent.toml"
    policy.write_text(_CONSENT + "\n".join(f'{each}-src = ["https://*.{SERVICE}"]' for each in _DIRECTIVES))
    app = Flask("channel_site")
    app.config["SECRET_KEY"] = "e2e"
    app.config["CONSENT_POLICY"] = str(policy)
    app.config["CONSENT_STORE_URL"] = f"sqlite:///{folder / 'consent.sqlite3'}"
    app.config["CONSENT_MODE"] = mode

    @app.get("/")
    def start() -> str:
        return render_template_string(_PAGE, headed=True)

    @app.get("/<policy>/<head>/<run>/")
    def page(policy: str, head: str, run: str) -> Response:
        g.csp_nonce = NONCE
        tried = _Page(run, port)
        response = Response(
            render_template_string(
                _PAGE,
                headed=head == "head",
                head="\n".join(tried.parts(lambda channel: channel.head)),
                body="\n".join(tried.parts(lambda channel: channel.body)),
            )
        )
        for link in tried.parts(lambda channel: channel.link):
            response.headers.add("Link", link)
        response.headers["Speculation-Rules"] = f'"/rules/{run}.json"'
        own = POLICIES[policy]
        if own:
            response.headers[own[0]] = own[1]
        return response

    @app.get("/rules/<run>.json")
    def rules(run: str) -> Response:
        urls = [f"https://{host('speculation-rules-header', run, whose)}/x" for whose in (TRACKER, SERVICE)]
        body = {"prefetch": [{"urls": [url], "eagerness": "immediate"} for url in urls]}
        return Response(json.dumps(body), content_type="application/speculationrules+json")

    @app.get("/worker.js")
    def worker() -> Response:
        return Response(_WORKER, content_type="text/javascript")

    @app.get("/service.js")
    def service_worker() -> Response:
        # The run in the scope keeps one page's worker from another's.
        return Response(_SERVICE_WORKER, content_type="text/javascript", headers={"Service-Worker-Allowed": "/"})

    @app.get("/own.gif")
    @app.get("/favicon.ico")
    def own() -> Response:
        return Response(b"GIF89a\x01\x00\x01\x00\x00\x00\x00;", content_type="image/gif")

    @app.post("/own-reports")
    def own_reports() -> tuple[str, int]:
        return "", 204

    @app.errorhandler(404)
    def missing(_: Exception) -> tuple[str, int]:
        return f"nothing at {request.path}", 404

    Consentry(app, clock=clock.now)
    return app
