"""A site behind a cache, for tests: what only its visitor may see is marked with the visitor's name.

Every page tells caches to keep it, whoever asks for it: what holds them back from a granted one is the gate alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask, Response, make_response, render_template_string, request

from flask_consentry import Consentry, requires_consent

POLICY = """
site = "my-site"
languages = ["en"]

[controller]
name = "Cached Site"

[purposes.statistics]
[purposes.social]
[purposes.marketing]

[services.matomo]
purpose = "statistics"
name = "Matomo"
[services.matomo.hosts]
script-src = ["https://stats.millbrook.example"]
[[services.matomo.cookies]]
name = "_pk_id"
lifetime = "13 months"
[[services.matomo.cookies]]
name = "visits"
kind = "local_storage"
lifetime = "13 months"

[services.youtube]
purpose = "social"
name = "YouTube"
opens = "frame"
provider = { name = "Google", country = "US" }
[services.youtube.hosts]
frame-src = ["https://www.youtube-nocookie.com"]

[services.adverts]
purpose = "marketing"
name = "Adverts"
sells_or_shares = true
[services.adverts.hosts]
img-src = ["https://adverts.example"]
"""

PAGE = """<!doctype html>
<html lang="en">
<head>{{ consent_head() }}<meta charset="utf-8"><title>{{ title }}</title></head>
<body>
{{ consent_banner() }}
<main>
<h1>{{ title }}</h1>
{% consent "statistics" %}<p>Only for {{ request.cookies.get("who", "nobody") }}</p>{% else %}<p>For everybody</p>{% endconsent %}
{{ consent_embed("youtube", "https://www.youtube-nocookie.com/embed/film", title="A film") }}
{{ consent_script("matomo", src="https://stats.millbrook.example/matomo.js", defer=True) }}
<p><a href="/page/one">One</a> <a href="/page/two">Two</a></p>
</main>
{{ consent_preferences_link() }}
</body>
</html>"""


def create(folder: Path, *, keeps: str = "public, max-age=0, s-maxage=60", **config: Any) -> Flask:
    """The site, with its policy and store in *folder*.

    :param keeps: What each page tells caches.
    """
    folder.mkdir(exist_ok=True)
    policy = folder / "consent.toml"
    policy.write_text(POLICY, encoding="utf-8")
    store = f"sqlite:///{folder / 'consent.sqlite3'}"
    app = Flask("cached_site", root_path=str(folder))
    app.config.update(SECRET_KEY="cached", CONSENT_POLICY=str(policy), CONSENT_STORE_URL=store)
    app.config.update(config)
    Consentry(app)

    @app.get("/page/<name>")
    def page(name: str) -> Response:
        response = make_response(render_template_string(PAGE, title=name))
        response.headers["Cache-Control"] = keeps
        response.set_etag(name)
        return response.make_conditional(request)  # type: ignore[return-value]

    @app.get("/short/<name>")
    def short(name: str) -> Response:
        response = page(name)
        response.headers["Cache-Control"] = "public, max-age=0, s-maxage=1"
        return response

    @app.get("/film/<name>")
    @requires_consent("social")
    def film(name: str) -> str:
        return f"Film {name} for {request.cookies.get('who')}"

    @app.get("/picture/<name>.gif")
    def picture(name: str) -> Response:
        return Response(name, mimetype="image/gif", headers={"Cache-Control": keeps})

    return app
