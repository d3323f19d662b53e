"""A site whose visitors' browsers are tried from within: what stores and connects there is a test's own line of script.

It declares a service for each place where a name can be kept, one that runs in the page itself and one in a frame, has
a login, a form that answers by ``POST``, and a page with room to scroll.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from flask import Flask, redirect, render_template_string, request, session
from werkzeug.wrappers import Response

from flask_consentry import Consentry
from tests.e2e.sites import Clock

STATS = "stats.millbrook.example"

_POLICY = """
site = "guarded"
languages = ["en"]

[controller]
name = "Guarded Site"
address = "1 Lane, Town, Ireland"
country = "IE"
email = "privacy@guarded.example"
privacy_url = "/"

[purposes.statistics]

[purposes.social]

[services.stats]
purpose = "statistics"
name = "Stats"
hosts = { script-src = ["https://stats.millbrook.example"], connect-src = ["https://*.stats.millbrook.example"] }
cookies = [
  { name = "_pk_*", lifetime = "13 months" },
  { name = "__Host-stats", lifetime = "13 months" },
  { name = "stats_visitor", kind = "local_storage", lifetime = "13 months" },
  { name = "stats_*", kind = "local_storage", lifetime = "13 months" },
  { name = "stats_visit", kind = "session_storage", lifetime = "session" },
  { name = "stats_db", kind = "indexed_db", lifetime = "13 months" },
  { name = "stats_log*", kind = "indexed_db", lifetime = "13 months" },
]

[services.youtube]
purpose = "social"
name = "YouTube"
opens = "frame"
provider = { name = "Google", country = "US", privacy_url = "https://policies.google.com/privacy" }
hosts = { frame-src = ["https://www.youtube-nocookie.com"] }

[services.fonts]
purpose = "necessary"
name = "Fonts"
reason = "Nothing can be read without them"
hosts = { style-src = ["https://fonts.needed.example"] }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>{{ consent_head() }}<meta charset="utf-8"><title>{{ title }}</title><link rel="icon" href="data:,">
{% if consent.allows(service="stats") %}<script src="https://stats.millbrook.example/matomo.js" defer></script>{% endif %}
</head>
<body>
{{ consent_banner() }}
<main>
<h1>{{ title }}</h1>
{% if session.user %}<p>Hello, {{ session.user }}</p>{% endif %}
<form method="post" action="/form" id="letter">
<label>Topic <input name="topic"></label>
<label>Letter <textarea name="letter"></textarea></label>
<label>Reply <input type="checkbox" name="reply"></label>
<label>Kind <select name="kind"><option>Praise</option><option>Blame</option></select></label>
<label>PIN <input type="password" name="pin"></label>
<label>Card <input name="card" autocomplete="cc-number"></label>
<label>Once <input name="once" autocomplete="off"></label>
<button>Send</button>
</form>
<p><a href="/second?from=first">Second page</a></p>
<p style="height: 3000px">A long page.</p>
</main>
{{ consent_preferences_link() }}
</body>
</html>"""


@dataclass(slots=True)
class Heard:
    """What the site was sent, in order: the *topics* of letters, and *names* that the guard told of."""

    topics: list[str] = field(default_factory=list)
    names: list[dict[str, Any]] = field(default_factory=list)


def guarded_site(folder: Path, clock: Clock, **config: Any) -> tuple[Flask, Heard]:
    """Build the site, its policy and store in *folder*; what it hears is noted beside it."""
    policy = folder / "consent.toml"
    policy.write_text(_POLICY)
    app = Flask("guarded_site")
    app.config.update(
        SECRET_KEY="e2e",
        CONSENT_POLICY=str(policy),
        CONSENT_STORE_URL=f"sqlite:///{folder / 'consent.sqlite3'}",
        **config,
    )
    heard = Heard()

    @app.get("/")
    @app.get("/second")
    def start() -> str:
        return render_template_string(_PAGE, title="Start")

    @app.route("/form", methods=["GET", "POST"])
    def form() -> str:
        if request.method == "POST":
            heard.topics.append(request.form["topic"])
        return render_template_string(_PAGE, title="Thank you" if request.method == "POST" else "Form")

    @app.get("/login")
    def login() -> Response:
        session["user"] = "Maria"
        return redirect("/")

    @app.get("/bare")
    def bare() -> str:
        return "<!doctype html><title>Bare</title>"

    Consentry(app, clock=clock.now)
    inner = app.wsgi_app

    def listening(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/consent/report":
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = BytesIO(body)
            if b"consentry-names" in body:
                heard.names.append(json.loads(body))
        return inner(environ, start_response)

    app.wsgi_app = listening  # type: ignore[method-assign]  # as Flask's documentation says
    return app, heard
