"""Cookies that a site sets, in every shape in which Set-Cookie headers come."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Response
from flask_login import LoginManager, UserMixin, login_user

from tests.integration.conftest import Site
from tests.policies import SMALL

PAST = "Thu, 01 Jan 1970 00:00:00 GMT"
#: Two hours from the time of the tests.
SOON = "Tue, 03 Mar 2026 14:34:56 GMT"

MORE = """
[services.part]
purpose = "preferences"
name = "Part"
cookies = [
  { name = "__Host-tone", lifetime = "2 hours" },
  { name = "__Secure-tint*", lifetime = "2 hours" },
]
"""


@pytest.fixture
def setting(build: Callable[..., Site]) -> Callable[..., list[str]]:
    """What becomes of Set-Cookie headers, by a view or by middleware beneath the gate, for a visitor who answered."""

    def send(*headers: str, beneath: bool = False, **answer: Any) -> list[str]:
        def prepare(app: Flask) -> None:
            @app.route("/set")
            def view() -> Response:
                response = Response("", mimetype="text/plain")
                for header in () if beneath else headers:
                    response.headers.add("Set-Cookie", header)
                return response

            inner = app.wsgi_app

            def middleware(environ: dict, start: Callable) -> Any:
                def begin(status: str, sent: list, *more: object) -> object:
                    extra = [("set-cookie", header) for header in headers] if environ["PATH_INFO"] == "/set" else []
                    return start(status, sent + extra, *more)

                return inner(environ, begin)  # type: ignore[arg-type]

            if beneath:
                app.wsgi_app = middleware  # type: ignore[assignment, method-assign]

        site = build(SMALL + MORE, prepare=prepare)
        if answer:
            assert site.post(notice=site.token("/consent/preferences"), **answer).status_code == 200
        receipt = {"Cookie": f"consent_example={site.receipt}"} if site.receipt else {}
        return site.app.test_client(use_cookies=False).get("/set", headers=receipt).headers.getlist("Set-Cookie")

    return send


ALL = {"answer": "accept_all"}
SESSION = {"answer": "accept_all", "ask_again": True}
by_whom = pytest.mark.parametrize("beneath", [False, True], ids=["view", "middleware"])


@by_whom
def test_several_of_one_name_are_judged_one_by_one(setting: Callable[..., list[str]], beneath: bool) -> None:
    """Each has its own fate, and the order in which they came, in which browsers apply them, stays."""
    sent = setting(
        "login=1; Path=/",
        "colours=a; Path=/a",
        "spy=1",
        "colours=; Path=/b; Max-Age=0",
        "login=2; Path=/member",
        "colours=b; Path=/a",
        beneath=beneath,
    )
    assert sent == ["login=1; Path=/", "colours=; Path=/b; Max-Age=0; Max-Age=0", "login=2; Path=/member"]
    sent = setting("colours=a; Path=/a", "login=1", "colours=b; Path=/a", "colours=c", beneath=beneath, **ALL)
    assert sent == ["colours=a; Path=/a", "login=1", "colours=b; Path=/a", "colours=c"]


@by_whom
def test_attributes_stay_as_they_are(setting: Callable[..., list[str]], beneath: bool) -> None:
    """``Partitioned``, ``Priority`` and what is not known yet; only the lifetime is the gate's business."""
    rest = "; Secure; HttpOnly; SameSite=None; Path=/; Partitioned; Priority=High; New-Thing=x"
    assert setting(f"colours=a{rest}", beneath=beneath) == []
    assert setting(f"colours=a{rest}", beneath=beneath, **ALL) == [f"colours=a{rest}"]
    assert setting(f"colours=a{rest}; Max-Age=60", beneath=beneath, **ALL) == [f"colours=a{rest}; Max-Age=60"]
    assert setting(f"colours=a; Max-Age=60{rest}", beneath=beneath, **SESSION) == [f"colours=a{rest}"]
    assert setting(f"login=a{rest}", beneath=beneath) == [f"login=a{rest}"]


@pytest.mark.parametrize("name", ["__Host-tone", "__Secure-tint", "__Secure-tint.7"])
def test_prefixed_names_are_names(setting: Callable[..., list[str]], name: str) -> None:
    """``__Host-`` and ``__Secure-`` belong to the name that is declared; their conditions are kept."""
    header = f"{name}=1; Path=/; Secure; HttpOnly"
    assert setting(header) == []
    assert setting(header, **ALL) == [header]
    assert setting(f"{header}; Max-Age=999999", **ALL) == [f"{header}; Max-Age=7200"]
    assert setting(f"{name}=; Path=/; Secure; Max-Age=0") == [f"{name}=; Path=/; Secure; Max-Age=0; Max-Age=0"]


def test_a_name_that_is_like_a_declared_one_is_not(setting: Callable[..., list[str]]) -> None:
    """Names are compared letter by letter, as browsers do: nothing undeclared passes by looking alike."""
    assert setting("__Host-colours=1; Path=/; Secure", "__Secure-colours=1; Secure", "Colours=1", "tone=1", **ALL) == []


#: A lifetime of some length, as sites, libraries and mistakes write it.
LIFETIMES = (
    "Max-Age=60", "max-age=60", "MAX-AGE = 60", "\tMax-Age\t=\t60 ", f"Expires={SOON}", f"expires={SOON}", f" EXPIRES = {SOON}",
    f"Max-Age=60; Expires={SOON}", f"Expires={SOON}; Max-Age=60", f"Max-Age=60; Expires={PAST}", f"Expires={PAST}; Max-Age=60",
    "Max-Age=0; Max-Age=60", "Max-Age=60; Max-Age=70", f"Expires={PAST}; Expires={SOON}", "Max-Age=1e3", "Max-Age=", "Max-Age",
    "Max-Age=+60", "Max-Age=60.5", 'Max-Age="60"', "Expires=", "Expires=never", "Expires=Tue 03-Mar-2099 14:34:56 GMT",
    "Max-Age=99999999999999999999", "Expires=Fri, 31 Dec 9999 23:59:59 GMT", "Max-Age=60;Max-Age",
)  # fmt: skip
#: What deletes a cookie.
ENDS = (
    "Max-Age=0", "max-age=-1", "Max-Age=-99999", f"Expires={PAST}", f"expires={PAST}", f"Max-Age=0; Expires={SOON}",
    f"Expires={SOON}; Max-Age=0", "Max-Age=60; Max-Age=0", f"Expires={SOON}; Expires={PAST}", "Expires=Thu, 01-Jan-1970 00:00:00 GMT",
)  # fmt: skip


def test_a_session_answer_ends_with_the_session(setting: Callable[..., list[str]]) -> None:
    """However and in whichever order a lifetime is written, nothing of it is left; the rest is as it was."""
    sent = setting(*(f"colours=a; Path=/x; {lifetime}; HttpOnly" for lifetime in LIFETIMES), **SESSION)
    assert sent == ["colours=a; Path=/x; HttpOnly"] * len(LIFETIMES)


def test_a_session_answer_does_not_end_what_is_necessary(setting: Callable[..., list[str]]) -> None:
    """A login keeps a lifetime, no longer than declared; what browsers read in different ways becomes that."""
    sent = setting(*(f"login=a; {lifetime}" for lifetime in LIFETIMES), **SESSION)
    assert len(sent) == len(LIFETIMES)
    for header in sent:
        found = re.fullmatch(r"login=a; Max-Age=(\d+)", header)
        assert found
        assert 60 <= int(found[1]) <= 30 * 86400


@pytest.mark.parametrize("answer", [{}, SESSION, ALL], ids=["undecided", "session", "persistent"])
def test_deletions_stay_deletions(setting: Callable[..., list[str]], answer: dict[str, Any]) -> None:
    """Declared or not, granted or not: what a site deletes is deleted, in the place that it named."""
    headers = [
        f"{name}=gone; Path=/x; Domain=example.org; {end}; Partitioned; Secure"
        for name in ("spy", "colours", "login", "__Host-tone")
        for end in ENDS
    ]
    assert setting(*headers, **answer) == [f"{header}; Max-Age=0" for header in headers]


def test_odd_headers_set_nothing(setting: Callable[..., list[str]]) -> None:
    """A cookie without a name, or with a name that nobody declares, does not pass and breaks nothing."""
    odd = ("", "=", "spy", "=spy=1", ";", "; Path=/", "=colours=a", "colours", "a b=1", "spy=\x7f")
    assert setting(*odd, beneath=True, **ALL) == []


def test_the_sites_own_clear_site_data_passes(build: Callable[..., Site]) -> None:
    """What the site itself asks browsers to forget is the site's decision: the header stays as it is."""

    def prepare(app: Flask) -> None:
        app.add_url_rule("/bye", "bye", lambda: ("", {"Clear-Site-Data": '"cookies", "storage"'}))

    site = build(prepare=prepare)
    assert site.get("/bye").headers["Clear-Site-Data"] == '"cookies", "storage"'


@pytest.mark.parametrize("form", [True, False])
def test_a_withdrawal_deletes_by_name_and_keeps_the_login(build: Callable[..., Site], form: bool) -> None:
    """Declared cookies go one by one, partitioned ones too; there is no Clear-Site-Data, which would log everybody out."""

    class Member(UserMixin):  # type: ignore[misc]  # Flask-Login ships no types
        id = "1"

    def prepare(app: Flask) -> None:
        LoginManager(app).user_loader(lambda _: Member())
        app.add_url_rule("/enter", "enter", lambda: str(login_user(Member(), remember=True)))

    site = build(SMALL + MORE, prepare=prepare)
    site.get("/enter")
    site.get("/login")
    site.accept()
    names = ["colours", "_pk_id.1", "_pk_ses", "_ad", "__Host-tone", "__Secure-tint.3"]
    for name in (*names, "own_necessary"):
        site.client.set_cookie(name, "x")
    gone = site.form(answer="withdraw") if form else site.post(answer="withdraw")
    sent = [gone, site.get("/"), site.get("/")]
    assert all("Clear-Site-Data" not in response.headers for response in sent)
    for name in names:
        assert site.client.get_cookie(name) is None
    for name in ("session", "remember_token", "own_necessary"):
        assert site.client.get_cookie(name) is not None
    assert site.get("/member").text == "yes"
    assert site.receipt, "the refusal is remembered"


def test_deletions_reach_partitioned_cookies_over_https(build: Callable[..., Site]) -> None:
    """A partitioned cookie is another one of the same name: it is deleted by a header of its own."""
    site = build(SMALL + MORE)
    cookies = {"Cookie": "__Host-tone=1; colours=2"}
    sent = site.app.test_client(use_cookies=False).get("/", base_url="https://www.example.org", headers=cookies)
    deleted = sent.headers.getlist("Set-Cookie")
    for name in ("__Host-tone", "colours"):
        mine = [header for header in deleted if header.startswith(f"{name}=;")]
        assert any(header.endswith("; Partitioned") for header in mine)
        assert all("Secure" in header and "Max-Age=0" in header for header in mine)
    assert not any("Domain" in header or "Path=/;" not in header for header in deleted if header.startswith("__Host-"))
