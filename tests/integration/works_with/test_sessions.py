"""Beside Flask-Session, Flask-Login and Flask-WTF: sessions are the site's own, and nobody else opens or saves them."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cachelib import FileSystemCache
from flask import Flask, Request, Response, render_template_string, session
from flask.sessions import SessionMixin
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_session import Session
from flask_wtf import CSRFProtect, FlaskForm
from redis import Redis
from redis.exceptions import RedisError
from wtforms import StringField

from tests.integration.conftest import Site
from tests.servers import ROOT, free_port

from .hard import PAGE, bare, beside, either_order, gated, grant, placeholders, serve

Add = Callable[[Flask], None]


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Redis server of this module's own, which keeps nothing."""
    if shutil.which("redis-server") is None:
        subprocess.run(["sh", "scripts/apt-install.sh", "redis-server"], cwd=ROOT, check=False)
    program = shutil.which("redis-server")
    if program is None:
        pytest.fail("The tests of sessions in Redis need redis-server: apt-get install redis-server", pytrace=False)
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen([program, *options], cwd=tmp_path_factory.mktemp("redis"), stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 20
        with Redis(port=port) as client:
            while not _answers(client):
                assert time.monotonic() < end, "Redis did not start"
                time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(timeout=20)


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


@pytest.fixture(params=["cookie", "files", "redis"])
def kept_in(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Add]:
    """Adds a place for sessions to an application: Flask's own cookie, files, or Redis."""
    opened: list[Redis] = []

    def add(app: Flask) -> None:
        app.config["SESSION_PERMANENT"] = True
        if request.param == "files":
            app.config.update(SESSION_TYPE="cachelib", SESSION_CACHELIB=FileSystemCache(str(tmp_path / "sessions")))
        elif request.param == "redis":
            opened.append(Redis.from_url(request.getfixturevalue("redis_url")))
            app.config.update(SESSION_TYPE="redis", SESSION_REDIS=opened[-1])
        if request.param != "cookie":
            Session(app)

    yield add
    for client in opened:
        client.flushdb()
        client.close()


class Watched:
    """Counts what is done to the sessions of an application."""

    def __init__(self, app: Flask) -> None:
        self.done: list[str] = []
        inner = app.session_interface
        open_, save = inner.open_session, inner.save_session

        def opening(app: Flask, request: Request) -> SessionMixin | None:
            self.done.append("open")
            return open_(app, request)

        def saving(app: Flask, session: SessionMixin, response: Response) -> None:
            self.done.append("save")
            save(app, session, response)

        inner.open_session, inner.save_session = opening, saving  # type: ignore[method-assign]


@either_order
def test_a_placeholder_neither_opens_nor_saves_a_session(build: Callable[..., Site], kept_in: Add, first: bool) -> None:
    """A page is one session opened and saved, as without the gate, however many placeholders are rendered into it."""

    def add(app: Flask) -> None:
        kept_in(app)
        serve(app, "/many", lambda: PAGE * 5)

    site = beside(build, add, first=first)
    watched = Watched(site.app)
    sent = site.get("/many")
    assert watched.done == ["open", "save"]
    assert len(placeholders(sent.text)) == 5
    assert "Set-Cookie" not in sent.headers


@either_order
def test_a_session_outlives_every_answer(build: Callable[..., Site], kept_in: Add, first: bool) -> None:
    """The session cookie needs no declaration, keeps its lifetime, and survives refusal, grant and withdrawal."""
    site = beside(build, kept_in, first=first, SESSION_COOKIE_NAME="own_session")
    entered = site.get("/login").headers["Set-Cookie"]
    assert entered.startswith("own_session=")
    assert "Max-Age" not in entered
    site.post(answer="reject_all")
    assert site.get("/member").text == "yes"
    site.accept(ask_again=True)
    assert site.get("/member").text == "yes"
    site.form(answer="withdraw")
    assert site.get("/member").text == "yes"
    assert bare(site.get("/hard").text) == gated(PAGE)


@either_order
def test_a_lasting_session_is_not_cut_short(build: Callable[..., Site], kept_in: Add, first: bool) -> None:
    """Its cookie is what it is without the gate, also where the visitor's answer ends with the browser session."""

    def add(app: Flask) -> None:
        kept_in(app)

        def enter() -> str:
            session.permanent = True
            session["member"] = 1
            return "in"

        serve(app, "/enter", enter)

    site = beside(build, add, first=first)
    site.accept(ask_again=True)
    assert "Expires=" in site.get("/enter").headers["Set-Cookie"]


class Member(UserMixin):  # type: ignore[misc]  # Flask-Login ships no types
    """Somebody who has an account."""

    id = "7"


@either_order
def test_flask_login(build: Callable[..., Site], kept_in: Add, first: bool) -> None:
    """Entering, being remembered without a session, and leaving work as without the gate, before and after an answer."""

    def add(app: Flask) -> None:
        kept_in(app)
        manager = LoginManager(app)
        manager.user_loader(lambda _: Member())
        serve(app, "/enter", lambda: str(login_user(Member(), remember=True)))
        serve(app, "/leave", lambda: str(logout_user()))
        serve(app, "/mine", login_required(lambda: f"member {current_user.id}"))

    site = beside(build, add, first=first, REMEMBER_COOKIE_NAME="stay_in")
    assert site.get("/mine").status_code == 401
    site.get("/enter")
    assert site.get("/mine").text == "member 7"
    site.client.delete_cookie("session")
    assert site.get("/mine").text == "member 7", "the remember cookie has passed"
    site.accept(ask_again=True)
    site.form(answer="withdraw")
    assert site.get("/mine").text == "member 7"
    site.get("/leave")
    assert site.client.get_cookie("stay_in") is None
    assert site.get("/mine").status_code == 401


class Question(FlaskForm):  # type: ignore[misc]  # Flask-WTF ships no types
    """A form of the site's own."""

    text = StringField()


@either_order
def test_flask_wtf(build: Callable[..., Site], kept_in: Add, first: bool) -> None:
    """Our forms are taken without its token, in placeholders too; its own forms need and have theirs."""

    def ask() -> str:
        form = Question()
        if form.validate_on_submit():
            return f"said {form.text.data}"
        return render_template_string("<form>{{ form.hidden_tag() }}</form>" + PAGE, form=form)

    def add(app: Flask) -> None:
        kept_in(app)
        CSRFProtect(app)
        app.add_url_rule("/ask", "ask", ask, methods=["GET", "POST"])

    site = beside(build, add, first=first)
    page = site.get("/ask").text
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page)
    assert token
    assert site.client.post("/ask", data={"text": "x"}).status_code == 400
    (placeholder,) = placeholders(page)
    fields: dict[str, Any] = dict(re.findall(r'name="(\w+)" value="([^"]*)"', placeholder)) | {"answer": "always"}
    assert site.form(**fields).status_code == 303
    assert "<iframe" in site.get("/ask").text
    assert site.client.post("/ask", data={"text": "x", "csrf_token": token[1]}).text == "said x"


@either_order
def test_a_page_that_uses_the_session_varies_by_it(build: Callable[..., Site], kept_in: Add, first: bool) -> None:
    """``Vary: Cookie`` stands once, whoever added it."""

    def add(app: Flask) -> None:
        kept_in(app)
        serve(app, "/named", lambda: f"{session.get('name')}{PAGE}")

    site = beside(build, add, first=first)
    site.get("/login")
    vary = [part.strip() for header in site.get("/named").headers.getlist("Vary") for part in header.split(",")]
    assert sorted(vary) == ["Cookie", "Sec-GPC"]
    grant(site, "youtube")
    assert site.get("/named").headers["Cache-Control"] == "private, no-store"
