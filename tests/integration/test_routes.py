"""Services that run on some pages only: payments, on the pages where a visitor pays."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask, Response, render_template_string

from tests.policies import SMALL

from .conftest import Site

SHOP = (
    SMALL
    + """
[services.till]
purpose = "necessary"
name = "Till"
reason = "Takes the payment."
routes = ["/checkout/*"]
[services.till.hosts]
script-src = ["https://js.till.example"]
[[services.till.cookies]]
name = "__till"
lifetime = "30 minutes"
"""
)


@pytest.fixture
def shop(build: Callable[..., Site]) -> Site:
    """A site with a till."""

    def prepare(app: Flask) -> None:
        @app.route("/checkout/<step>")
        @app.route("/basket")
        def shopping(step: str = "") -> Response:
            script = """{{ consent_script("till", src="https://js.till.example/v1.js") }}"""
            response = Response("<p>page" + render_template_string(script))
            response.headers["Link"] = "<https://js.till.example/v1.js>; rel=preload; as=script"
            response.set_cookie("__till", "1")
            return response

    return build(SHOP, prepare=prepare)


def test_the_host_is_let_through_where_it_is_declared(shop: Site) -> None:
    """A page on the route has the till's host in its policy; every other page, an error among them, has not."""
    assert "https://js.till.example" in shop.get("/checkout/card").headers["Content-Security-Policy"]
    for path in ("/", "/basket", "/checkout", "/crashed/checkout/card", "/file.js", "/file.png"):
        assert "till" not in shop.get(path).headers["Content-Security-Policy"], path


def test_what_was_granted_stays_granted_on_the_route(shop: Site) -> None:
    """Routes of one service take nothing from the others."""
    shop.accept()
    policy = shop.get("/checkout/card").headers["Content-Security-Policy"]
    assert "https://js.till.example" in policy
    assert "https://stats.example.net" in policy
    elsewhere = shop.get("/basket").headers["Content-Security-Policy"]
    assert "https://stats.example.net" in elsewhere
    assert "till" not in elsewhere


def test_link_headers_follow_the_route(shop: Site) -> None:
    """A preload of the till's script passes where the script may run."""
    assert "Link" in shop.get("/checkout/card").headers
    assert "Link" not in shop.get("/basket").headers


def test_its_cookies_are_declared_everywhere(shop: Site) -> None:
    """A cookie of a necessary service is no less necessary on the next page."""
    assert "__till=1" in shop.get("/basket").headers["Set-Cookie"]


def test_templates_follow_the_route(shop: Site) -> None:
    """What cannot load is not written into the page."""
    assert 'src="https://js.till.example/v1.js"' in shop.get("/checkout/card").text
    assert "till" not in shop.get("/basket").text
