"""A site of two pages for what the example does not do: a strict policy of its own, and entity tags.

The tags are the classic trap: they name the version of the text and know nothing of visitors.
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, make_response, render_template_string, request

from flask_consentry import Consentry
from tests.e2e.sites import Clock

#: Nothing but what comes from the site, no inline code or style, and no text that becomes code.
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; require-trusted-types-for 'script'"
)

_POLICY = """
site = "small"
languages = ["en"]

[controller]
name = "Small Site"
address = "1 Lane, Town, Ireland"
country = "IE"
email = "privacy@small.example"
privacy_url = "/"

[purposes.statistics]

[purposes.social]

[services.matomo]
purpose = "statistics"
name = "Matomo"

[services.matomo.hosts]
script-src = ["https://stats.millbrook.example"]
connect-src = ["https://stats.millbrook.example"]

[[services.matomo.cookies]]
name = "_pk_*"
lifetime = "13 months"

[services.youtube]
purpose = "social"
name = "YouTube"
provider = { name = "Google", country = "US", privacy_url = "https://policies.google.com/privacy" }

[services.youtube.hosts]
frame-src = ["https://www.youtube-nocookie.com"]
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>{{ consent_head() }}<meta charset="utf-8"><title>{{ title }}</title><link rel="icon" href="/icon.gif"></head>
<body>
{{ consent_banner() }}
<main>
<h1>{{ title }}</h1>
BODY
<p><a href="/">Start</a> <a href="/film">Film</a></p>
</main>
{{ consent_preferences_link() }}
</body>
</html>"""

_VERSIONED = """<!doctype html>
<html lang="en">
<head>{{ consent_head() }}<meta charset="utf-8"><title>Versioned</title></head>
<body>
<h1>Versioned</h1>
{% consent "social" %}
<p>You see this because you said yes.</p>
<iframe src="https://www.youtube-nocookie.com/embed/versioned" title="A film"></iframe>
{% else %}
<p>There is nothing more to see.</p>
{% endconsent %}
<p><a href="/">Start</a></p>
</body>
</html>"""

_FILM = '{{ consent_embed("youtube", "https://www.youtube-nocookie.com/embed/film", title="A film") }}'


def small_site(folder: Path, clock: Clock, *, csp: str | None = None) -> Flask:
    """Build the site, its policy and store in *folder*; *csp* is its own policy, on every response."""
    policy = folder / "consent.toml"
    policy.write_text(_POLICY)
    app = Flask("small_site")
    app.config["SECRET_KEY"] = "e2e"
    app.config["CONSENT_POLICY"] = str(policy)
    app.config["CONSENT_STORE_URL"] = f"sqlite:///{folder / 'consent.sqlite3'}"

    @app.get("/")
    def start() -> str:
        return _page("Start")

    @app.get("/film")
    def film() -> str:
        return _page("Film", _FILM)

    @app.get("/versioned")
    def versioned() -> Response:
        response = make_response(render_template_string(_VERSIONED))
        response.headers["Cache-Control"] = "max-age=0, must-revalidate"
        response.set_etag("version-1")
        response.make_conditional(request)
        return response

    @app.after_request
    def own_policy(response: Response) -> Response:
        if csp:
            response.headers["Content-Security-Policy"] = csp
        return response

    Consentry(app, clock=clock.now)
    return app


def _page(title: str, body: str = "") -> str:
    return render_template_string(_PAGE.replace("BODY", body), title=title)
