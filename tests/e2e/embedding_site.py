"""A site with frames and widgets, by template functions and written by hand, and a cookie that a script may read."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, render_template_string

from flask_consentry import Consentry
from tests.e2e.sites import Clock

_POLICY = """
site = "embedding"
languages = ["en"]

[controller]
name = "Embedding Site"
email = "privacy@embedding.example"

[purposes.social]

[services.member]
purpose = "necessary"
name = "Membership"
reason = "Keeps a member logged in."
[[services.member.cookies]]
name = "member"
lifetime = "session"

[services.youtube]
purpose = "social"
name = "YouTube"
opens = "frame"
provider = { name = "Google", country = "US" }
[services.youtube.hosts]
frame-src = ["https://www.youtube-nocookie.com"]
[services.youtube.embedding]
sandbox = "allow-scripts allow-same-origin allow-popups"
credentialless = true

[services.posts]
purpose = "social"
name = "Posts"
opens = "widget"
provider = { name = "Posts Inc.", country = "US" }
[services.posts.hosts]
script-src = ["https://posts.example"]
connect-src = ["https://posts.example"]
[services.posts.embedding]
markers = ["blockquote.post"]
script = "https://posts.example/widget.js"
plays = false
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>{{ consent_head() }}<meta charset="utf-8"><title>Secret title</title></head>
<body>
<main><h1>Post</h1>
BODY
</main>
</body>
</html>"""

MARKUP = '<blockquote class="post"><a href="https://posts.example/1">A post</a></blockquote>'
#: What somebody wrote into a text of the site.
_OWN_SCRIPT = "<p id=own>nothing</p><script>own.textContent = `own: ${self.origin} ${top === self}`</script>"

BODIES = {
    "/film": '{{ consent_embed("youtube", "https://www.youtube-nocookie.com/embed/1", title="A film", poster="/sky.gif") }}',
    "/post": f"{{{{ consent_widget('posts', {MARKUP + _OWN_SCRIPT!r}, title='A post', width=500, height=200) }}}}",
    "/by-hand": '<iframe src="https://www.youtube-nocookie.com/embed/2" width="640" height="360" title="Film two"></iframe>'
    '<iframe src="https://www.youtube-nocookie.com/embed/3" width="640" height="360" title="Film three"></iframe>'
    f'{MARKUP}<script async src="https://posts.example/widget.js"></script>',
    "/in-a-box": "<style>.box {position: relative; height: 0; padding-bottom: 56.25%; overflow: hidden}"
    " .box iframe {position: absolute; inset: 0; width: 100%; height: 100%}</style>"
    '<div class="box"><iframe src="https://www.youtube-nocookie.com/embed/4" width="560" height="315" title="In a box"></iframe></div>'
    '<div style="position: relative; padding: 56.25% 0 0 0"><iframe src="https://www.youtube-nocookie.com/embed/5" title="In another"'
    ' style="position: absolute; inset: 0; width: 100%; height: 100%"></iframe></div><p id="after">After</p>',
}


def embedding_site(folder: Path, clock: Clock, *, referrers: str | None = None, **config: str) -> Flask:
    """Build the site; *referrers* is its own ``Referrer-Policy``."""
    (folder / "consent.toml").write_text(_POLICY)
    app = Flask("embedding_site")
    app.config["SECRET_KEY"] = "e2e"
    app.config["CONSENT_POLICY"] = str(folder / "consent.toml")
    app.config["CONSENT_STORE_URL"] = f"sqlite:///{folder / 'consent.sqlite3'}"
    app.config.update(config)

    def page(path: str) -> str:
        return render_template_string(_PAGE.replace("BODY", BODIES[path]))

    for path in BODIES:
        app.add_url_rule(path, path, page, defaults={"path": path})

    @app.get("/sky.gif")
    def sky() -> Response:
        return Response(_SKY, mimetype="image/svg+xml")

    @app.after_request
    def own_headers(response: Response) -> Response:
        response.set_cookie("member", "secret", samesite="Lax")
        if referrers:
            response.headers["Referrer-Policy"] = referrers
        return response

    Consentry(app, clock=clock.now)
    return app


_SKY = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 9"><rect width="16" height="9" fill="navy"/></svg>'
