"""Beside other extensions, whichever is initialised first."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask, Response, make_response
from flask_login import LoginManager, UserMixin, login_user
from flask_talisman import Talisman
from flask_wtf import CSRFProtect

from .conftest import Site

LOCKED = "default-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' data: blob:"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("nonce", [True, False])
def test_talisman_keeps_its_policy_and_so_do_we(build: Callable[..., Site], first: bool, nonce: bool) -> None:
    """Talisman overwrites the header in ``after_request``; ours is a second one, and our tags carry its nonce."""

    def add(app: Flask) -> None:
        policy = {"default-src": "'self'", "script-src": "'self'"}
        nonces = ["script-src"] if nonce else []
        Talisman(app, force_https=False, content_security_policy=policy, content_security_policy_nonce_in=nonces)

    site = build(prepare=add if first else None)
    if not first:
        add(site.app)
    response = site.get()
    policies = response.headers.getlist("Content-Security-Policy")
    assert len(policies) == 2
    assert policies[1] == LOCKED
    assert policies[0].startswith("default-src 'self'")
    if nonce:
        ours = [tag for tag in response.text.split("<script")[1:] if "/consent/static/" in tag.split(">")[0]]
        value = policies[0].split("'nonce-")[1].split("'")[0]
        assert ours
        assert all(f'nonce="{value}"' in tag.split(">")[0] for tag in ours)


def test_flask_login_remembers_without_a_declaration(build: Callable[..., Site]) -> None:
    """Its remember cookie is the site's own need, and a session answer does not shorten it."""

    class Member(UserMixin):  # type: ignore[misc]  # Flask-Login ships no types
        id = "1"

    def prepare(app: Flask) -> None:
        manager = LoginManager(app)
        manager.user_loader(lambda _: Member())

        @app.route("/remember")
        def remember() -> Response:
            login_user(Member(), remember=True)
            return make_response("in")

    site = build(prepare=prepare)
    site.accept(ask_again=True)
    sent = site.get("/remember").headers.getlist("Set-Cookie")
    (remembered,) = [header for header in sent if header.startswith("remember_token=")]
    assert "Expires=" in remembered


@pytest.mark.parametrize("first", [True, False])
def test_flask_wtf_does_not_stand_in_the_way_of_an_answer(build: Callable[..., Site], first: bool) -> None:
    """``CSRFProtect`` knows our forms by no token of its own; its own forms stay protected."""

    def add(app: Flask) -> None:
        CSRFProtect(app)
        app.add_url_rule("/own", view_func=lambda: "in", methods=["POST"])

    site = build(prepare=add if first else None)
    if not first:
        add(site.app)
    assert site.form(answer="reject_all", notice=site.token()).status_code == 303
    assert site.post(answer="accept_all", notice=site.token("/consent/preferences")).status_code == 200
    assert site.client.post("/own").status_code == 400
