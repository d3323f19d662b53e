"""Frames, placeholders and wrapper documents."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask, Response, render_template_string
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from consent import PolicyError, TokenError
from consent.gate.csp import SANDBOX
from consent.gate.found import Found
from consent.gate.headers import Mode
from consent.gate.urls import is_covered
from consent.ledger import Event
from consent.policy import Opens, catalogue
from flask_consentry import embeds, stand_in
from flask_consentry.current import visit
from tests.policies import SMALL

from .conftest import Site

#: A service whose script draws posts, and one whose frames are shown in a sandbox and without their cookies.
WIDGETS = (
    SMALL
    + """
[services.posts]
purpose = "social"
name = "Posts"
provider = { name = "Posts Inc.", country = "US" }
opens = "widget"
[services.posts.hosts]
script-src = ["https://posts.example"]
connect-src = ["https://api.posts.example"]
frame-src = ["https://posts.example"]
[services.posts.embedding]
markers = ["blockquote.post"]
script = "https://posts.example/widget.js"
plays = false
[[services.posts.vendor_cookies]]
host = ".posts.example"
name = "id"
lifetime = "2 years"

[services.player]
purpose = "social"
name = "Player"
provider = { name = "Player SA" }
opens = "frame"
[services.player.hosts]
frame-src = ["https://player.example"]
[services.player.embedding]
sandbox = "allow-scripts allow-same-origin"
allow = "fullscreen; autoplay"
credentialless = true
"""
)
POST = '<blockquote class="post"><a href="https://posts.example/1">A post &amp; more</a></blockquote>'


def placeholder(site: Site, path: str = "/") -> dict[str, Any]:
    """The hidden fields and the frame URL of the first placeholder on the page."""
    page = site.get(path).text
    part = page[page.index('data-consentry="placeholder"') :]
    part = part[: part.index("</figure>")]
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', part))
    frame = re.search(r'data-frame="([^"]+)"', page)
    assert frame
    return {name: unescape(value) for name, value in fields.items()} | {"frame": unescape(frame[1])}


def test_a_placeholder_says_what_opening_does(site: Site) -> None:
    """Who gets what, three ways on, the frame's size, and nothing of the other site."""
    page = site.get().text
    part = unescape(page[page.index('data-consentry="placeholder"') : page.index("</figure>")])
    assert (
        "Playing this sends your IP address and this page’s address to YouTube (Google Ireland Limited, United States)."
        in part
    )
    for words in ("Play once", "Always show YouTube", "Open on youtu.be", 'width="560" height="315"', "A <film>"):
        assert words in part
    assert "<iframe" not in part


def test_once_without_javascript_opens_a_page_of_its_own(site: Site) -> None:
    """The answer leads to the wrapper document; it is recorded and changes no cookie."""
    fields = placeholder(site)
    response = site.form(answer="once", **{k: v for k, v in fields.items() if k != "frame"})
    assert response.status_code == 303
    assert "Set-Cookie" not in response.headers
    page = site.get(response.location)
    assert page.status_code == 200
    assert '<iframe src="https://www.youtube-nocookie.com/embed/x" title="A &lt;film&gt;"' in page.text
    (record,) = site.records
    assert (record.event, record.method, record.services, record.subject) == (Event.GIVEN, "once", ("youtube",), None)
    assert record.notice is not None
    assert "TUBE" not in site.get().text


def test_a_wrapper_replaces_the_sites_framing_rules_on_itself_alone(build: Callable[..., Site]) -> None:
    """Under a site that forbids every frame, the wrapper still shows the one that was opened, and runs no script."""

    def prepare(app: Flask) -> None:
        @app.after_request
        def strict(response: Response) -> Response:
            response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
            response.headers["X-Frame-Options"] = "DENY"
            return response

    site = build(prepare=prepare)
    site.accept()
    wrapper = site.get(_frame_url(site))
    assert wrapper.headers.getlist("Content-Security-Policy") == [
        "default-src 'none'; frame-src https://www.youtube-nocookie.com; style-src 'self'; frame-ancestors 'self'"
    ]
    assert "X-Frame-Options" not in wrapper.headers
    assert "<script" not in wrapper.text
    assert "no-store" in wrapper.headers["Cache-Control"]
    assert site.get().headers["X-Frame-Options"] == "DENY"


def test_a_wrapper_opens_for_a_grant_or_a_fresh_ticket_only(site: Site) -> None:
    """Without either it is not there; a ticket lasts a minute and opens one frame."""
    fields = placeholder(site)
    assert site.get(fields["frame"]).status_code == 404
    opened = site.form(answer="once", **{k: v for k, v in fields.items() if k != "frame"}).location
    assert site.get(opened).status_code == 200
    assert site.get(opened, Sec_Fetch_Site="cross-site").status_code == 403
    ticket = opened.split("once=")[1]
    assert site.get(f"/consent/embed/maps/{fields['embed']}?once={ticket}").status_code == 404
    assert site.get(f"{fields['frame']}?once=forged").status_code == 404
    site.clock.advance(seconds=90)
    assert site.get(opened).status_code == 404


def test_a_wrapper_shows_only_what_the_site_signed(site: Site) -> None:
    """A made-up description frames nothing, not even for a visitor who granted the service."""
    site.accept()
    assert site.get("/consent/embed/youtube/forged").status_code == 404
    assert site.get("/consent/embed/nothing/forged").status_code == 404


def test_always_is_an_exception_for_one_service(site: Site) -> None:
    """The frame opens, the cookie holds this service, and the question stays open."""
    fields = placeholder(site)
    response = site.form(answer="always", **{k: v for k, v in fields.items() if k != "frame"})
    assert (response.status_code, response.location) == (303, "/#cs-frame-1")
    page = site.get().text
    assert "TUBE" in page
    assert '<iframe class="cs-frame" src="https://www.youtube-nocookie.com/embed/x"' in page
    assert "Accept all" in page
    assert site.get("/consent/state").json["services"] == ["login", "youtube"]  # type: ignore[index]


def test_under_gpc_always_is_not_offered_and_opens_nothing(build: Callable[..., Site]) -> None:
    """What the browser's signal denies stays closed until the separate confirmation; once is a choice, and a conflict."""
    site = build(SMALL.replace('name = "YouTube"', 'name = "YouTube"\nsells_or_shares = true'))
    fields = placeholder(site)
    part = site.get(Sec_GPC="1").text.split('data-consentry="placeholder"')[1].split("</figure>")[0]
    assert "Always show" not in part
    assert "opt-out request is honoured" in part
    sent = {k: v for k, v in fields.items() if k not in ("frame", "next")}
    answer = _json(site.post(answer="always", headers={"Sec-GPC": "1"}, **sent))
    assert "embed" not in answer
    site.client.delete_cookie("consent_example")
    once = _json(site.post(answer="once", headers={"Sec-GPC": "1"}, **sent))
    assert site.get(str(once["embed"]), Sec_GPC="1").status_code == 200
    assert site.records[-1].gpc_conflict


def test_playing_again_later_is_recorded_again(site: Site) -> None:
    """A double click opens once; the same form a minute later is another act."""
    sent = {k: v for k, v in placeholder(site).items() if k not in ("frame", "next")}
    for seconds in (0, 1, 120):
        site.clock.advance(seconds=seconds)
        assert site.post(answer="once", **sent).status_code == 200
    assert len(site.records) == 2


def test_the_json_answer_tells_where_the_frame_is(site: Site) -> None:
    """With JavaScript the frame opens in place."""
    fields = placeholder(site)
    sent = {k: v for k, v in fields.items() if k not in ("frame", "next")}
    once = _json(site.post(answer="once", **sent))
    assert str(once["embed"]).startswith(fields["frame"] + "?once=")
    assert site.get(str(once["embed"])).status_code == 200
    assert _json(site.post(answer="always", **sent))["embed"] == fields["frame"]


def test_once_is_bound_to_the_words_of_its_placeholder(site: Site) -> None:
    """The token of the banner does not open a frame."""
    fields = placeholder(site)
    assert site.post(answer="once", service="youtube", embed=fields["embed"], notice=site.token()).status_code == 409
    assert site.post(answer="once", service="maps", embed=fields["embed"], notice=fields["notice"]).status_code == 409
    assert site.records == []


def test_a_frame_that_could_never_load_is_a_mistake(site: Site) -> None:
    """The developer hears of a URL outside the declared hosts when writing the template."""
    with site.app.test_request_context(), pytest.raises(PolicyError, match=r"services\.youtube\.hosts\.frame-src"):
        render_template_string('{{ consent_embed("youtube", "https://www.youtube.com/embed/x", title="t") }}')
    with site.app.test_request_context(), pytest.raises(PolicyError, match=r"services\.matomo\.hosts\.script-src"):
        render_template_string('{{ consent_script("matomo", src="//elsewhere.example/x.js") }}')
    with site.app.test_request_context(), pytest.raises(PolicyError, match=r"services\.tube"):
        render_template_string('{{ consent_embed("tube", "https://www.youtube.com/embed/x", title="t") }}')
    with site.app.test_request_context(), pytest.raises(PolicyError, match=r"purposes\.stats"):
        render_template_string('{% consent "stats" %}{% endconsent %}')
    with site.app.test_request_context(), pytest.raises(PolicyError, match='write service="youtube"'):
        render_template_string('{% consent "youtube" %}{% endconsent %}')


@pytest.fixture
def widgets(build: Callable[..., Site]) -> Site:
    """A site with a page that has a widget and a page with what its author wrote by hand."""
    site = build(WIDGETS)
    call = f"{{{{ consent_widget('posts', {POST!r}, title='A post', link='https://posts.example/1') }}}}"
    player = "{{ consent_embed('player', 'https://player.example/1', title='A song', poster='/static/song.jpg') }}"
    site.app.add_url_rule("/post", "post", lambda: render_template_string(call))
    site.app.add_url_rule("/song", "song", lambda: render_template_string(player))
    return site


def test_a_widgets_placeholder_asks_as_a_frames_does(widgets: Site) -> None:
    """It says who gets what and what stays with the vendor, and holds nothing that loads from there."""
    page = widgets.get("/post").text
    for words in (
        "Showing this sends your IP address and this page’s address to Posts (Posts Inc., United States).",
        "Posts also stores cookies under its own name. This site cannot delete them.",
        "Show once",
        "Always show Posts",
        "Open on posts.example",
        f'data-sandbox="{SANDBOX}"',
    ):
        assert words in page
    assert _loads(page) == []
    assert "blockquote" not in page


def test_a_widget_runs_in_a_sandbox_without_the_sites_origin(widgets: Site) -> None:
    """Its wrapper holds the markup, the vendor's script and our own; its policy knows the vendor's hosts alone."""
    fields = placeholder(widgets, "/post")
    response = widgets.form(answer="once", **{k: v for k, v in fields.items() if k != "frame"})
    assert (response.status_code, "Set-Cookie" in response.headers) == (303, False)
    wrapper = widgets.get(response.location)
    (header,) = wrapper.headers.getlist("Content-Security-Policy")
    assert header.startswith(f"sandbox {SANDBOX}; default-src 'none'; ")
    assert "allow-same-origin" not in header
    for part in (
        "script-src 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' data: blob: https://posts.example;",
        "connect-src https://api.posts.example;",
        "frame-src https://posts.example;",
        "frame-ancestors 'self'",
    ):
        assert part in header
    assert POST in wrapper.text
    assert _loads(wrapper.text) == ["https://posts.example/widget.js"]
    assert "ResizeObserver" in wrapper.text
    assert "X-Frame-Options" not in wrapper.headers
    assert "/post#cs-frame-1" in wrapper.text
    (record,) = widgets.records
    assert (record.event, record.method, record.services) == (Event.GIVEN, "once", ("posts",))


def test_always_for_a_widget_is_an_exception_for_its_service(widgets: Site) -> None:
    """The page then holds the wrapper, in a sandbox, and never the vendor's script itself."""
    fields = placeholder(widgets, "/post")
    widgets.form(answer="always", **{k: v for k, v in fields.items() if k != "frame"})
    assert widgets.get("/consent/state").json["services"] == ["login", "posts"]  # type: ignore[index]
    page = widgets.get("/post").text
    frame = re.search(r'<iframe class="cs-frame" src="([^"]+)" [^>]*>', page)
    assert frame
    assert f'sandbox="{SANDBOX}"' in frame[0]
    assert "data-resize" in frame[0]
    assert "widget.js" not in page
    assert widgets.get(frame[1]).status_code == 200


def test_the_ledger_keeps_the_words_that_were_shown(widgets: Site) -> None:
    """What is shown is kept as shown, what is played as played, with what was said of the vendor's own storage."""
    for path in ("/post", "/song"):
        fields = placeholder(widgets, path)
        widgets.form(answer="once", **{k: v for k, v in fields.items() if k != "frame"})
    shown, played = (unescape(str(notice["html"])) for notice in widgets.state.ledger.store.notices())
    assert "Showing this sends" in shown
    assert "Show once" in shown
    assert "This site cannot delete them." in shown
    assert "Playing this sends" in played
    assert "Play once" in played
    assert "cannot delete" not in played


@pytest.mark.parametrize("mode", list(Mode))
def test_a_widget_has_its_sandbox_in_every_mode(build: Callable[..., Site], mode: Mode) -> None:
    """Also with the gate off: what stands in the markup must never run as the site."""
    site = build(WIDGETS, CONSENT_MODE=mode.value)
    call = f"{{{{ consent_widget('posts', {POST!r}, title='A post') }}}}"
    site.app.add_url_rule("/post", "post", lambda: render_template_string(call))
    site.post(answer="custom", services=["posts"], notice=site.token("/consent/preferences"))
    frame = re.search(r'src="(/consent/embed/[^"]+)"', site.get("/post").text)
    assert frame
    assert site.get(frame[1]).headers["Content-Security-Policy"].startswith(f"sandbox {SANDBOX};")


def test_a_sandbox_outlives_a_failure_of_ours(widgets: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the gate fails, the wrapper keeps its own policy beside the locked one."""
    fields = placeholder(widgets, "/post")
    opened = widgets.form(answer="once", **{k: v for k, v in fields.items() if k != "frame"}).location

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(widgets.state.gate, "outgoing", fail)
    policies = widgets.get(opened).headers.getlist("Content-Security-Policy")
    assert policies[0].startswith(f"sandbox {SANDBOX};")
    assert policies[1] == widgets.state.gate.csp.locked


def test_a_frame_has_what_the_policy_says_of_it(widgets: Site) -> None:
    """Sandbox, permissions, no cookies where browsers can, and a referrer: in the wrapper and in the page."""
    fields = placeholder(widgets, "/song")
    sent = {k: v for k, v in fields.items() if k not in ("frame", "next")}
    wrapper = widgets.get(str(_json(widgets.post(answer="always", **sent))["embed"]))
    for page in (wrapper.text, widgets.get("/song").text):
        (frame,) = re.findall(r'<iframe [^>]*src="https://player.example/1"[^>]*>', page)
        for attribute in (
            'sandbox="allow-scripts allow-same-origin"',
            'allow="fullscreen; autoplay"',
            'credentialless=""',
            'referrerpolicy="strict-origin-when-cross-origin"',
        ):
            assert attribute in frame


def test_a_poster_comes_from_the_site_itself(widgets: Site) -> None:
    """It is shown behind the words; a picture from anywhere else is a mistake, for it would tell others of the visitor."""
    page = widgets.get("/song").text
    assert '<img class="cs-poster" src="/static/song.jpg" alt="" loading="lazy">' in page
    assert _loads(page) == ["/static/song.jpg"]
    for elsewhere in (
        "https://i.ytimg.com/x.jpg",
        "//i.ytimg.com/x.jpg",
        "/\\i.ytimg.com/x.jpg",
        "x.jpg",
        "/\t/i.ytimg.com",
    ):
        call = "{{ consent_embed('player', 'https://player.example/1', title='t', poster=poster) }}"
        with widgets.app.test_request_context(), pytest.raises(PolicyError, match="not on this site"):
            render_template_string(call, poster=elsewhere)


def test_what_is_too_long_for_a_url_is_a_mistake(widgets: Site) -> None:
    """Usual markup fits; what no URL can hold is refused when the template is written, whatever page it is on."""
    call = "{{ consent_widget('posts', markup, title='A post') }}"
    usual = POST * 40  # 3.6 kB of markup that repeats itself, as a vendor's inline styles do
    with widgets.app.test_request_context("/" + "a" * 1400):
        page = render_template_string(call, markup=usual)
    frame = re.search(r'data-frame="([^"]+)"', page)
    assert frame
    assert len(frame[1]) < 3500
    noise = "".join(f"<p>{number * 7919 % 100_003:x}" for number in range(2000))
    for long in (POST * 200, noise):
        with widgets.app.test_request_context(), pytest.raises(PolicyError, match="too long"):
            render_template_string(call, markup=long)
    with widgets.app.test_request_context(), pytest.raises(PolicyError, match=r"services\.youtube\.embedding\.script"):
        render_template_string("{{ consent_widget('youtube', '<p>', title='t') }}")


def test_the_longest_wrapper_fits_into_a_request_line(widgets: Site) -> None:
    """The largest frame that a template may hold opens under gunicorn's default limit, ticket included."""
    src = "https://player.example/" + "".join(f"{number * 7919 % 100_003:x}/" for number in range(2000))
    with widgets.app.test_request_context("/" + "é" * 200):
        longest = next(length for length in range(len(src), 0, -10) if _slot_token(widgets, src[:length]))
    assert longest > 2000
    call = "{{ consent_embed('player', src, title='t') }}"
    path = "/" + "é" * 200
    widgets.app.add_url_rule(path, "long", lambda: render_template_string(call, src=src[:longest]))
    fields = placeholder(widgets, path)
    opened = widgets.form(answer="once", **{k: v for k, v in fields.items() if k != "frame"})
    assert opened.status_code == 303
    assert len(f"GET {opened.location} HTTP/1.1\r\n") <= 4094
    assert src[:longest] in widgets.get(opened.location).text


def _slot_token(site: Site, src: str) -> str | None:
    slot = stand_in.Slot(id="x", service="player", kind=Opens.FRAME, content=src, title="t", width=1, height=1)
    return stand_in.token_of(site.state, slot)


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    content=_TEXTS,
    title=_TEXTS,
    back=_TEXTS,
    kind=st.sampled_from([Opens.FRAME, Opens.WIDGET]),
    times=st.integers(1, 8),
)
def test_a_token_holds_what_was_put_into_it(
    site: Site, content: str, title: str, back: str, kind: Opens, times: int
) -> None:
    """Short or compressed, it opens to the very same; the way back alone may be missing. Any changed letter closes it."""
    embed = embeds.Embed(service="youtube", kind=kind, content=content * times, title=title, back=back)
    token = embeds.close(site.state, embed)
    if token is None:
        assert len(content) * times + len(title) > 600
        return
    opened = embeds.open_(site.state, token, service="youtube")
    assert opened in (embed, replace(embed, back=""))
    at = len(token) // 2
    changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    with pytest.raises(TokenError):
        embeds.open_(site.state, changed, service="youtube")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=st.binary(max_size=80))
def test_any_signed_bytes_are_an_embed_or_a_token_error(site: Site, payload: bytes) -> None:
    """Nothing breaks the reader, not even something that begins as compressed text does."""
    for signed in (payload, b"x\x9c" + payload):
        with pytest.raises(TokenError):
            embeds.open_(site.state, site.state.embeds.close(signed), service="youtube")


def test_an_error_page_leads_home_under_a_mount_point(site: Site) -> None:
    """Where the application is mounted, "Back to the site" is its own first page and not the host's."""
    page = site.client.get(
        "/consent/embed/youtube/forged", base_url="http://localhost/app", headers={"Accept": "text/html"}
    )
    assert page.status_code == 404
    assert '<a class="cs-home" href="/app/">' in page.text
    preferences = site.client.get("/consent/preferences?next=//evil.example", base_url="http://localhost/app")
    assert '<a class="cs-home" href="/app/">' in preferences.text


def test_a_token_for_one_kind_or_service_opens_no_other(widgets: Site) -> None:
    """A widget's markup is never shown in a document that is not a sandbox."""
    widgets.accept()
    frame = re.search(r'src="(/consent/embed/posts/[^"]+)"', widgets.get("/post").text)
    assert frame
    assert widgets.get(frame[1]).headers["Content-Security-Policy"].startswith("sandbox ")
    assert widgets.get(frame[1].replace("/posts/", "/player/")).status_code == 404


FOUND = Found(
    service="youtube",
    kind=Opens.FRAME,
    src="https://www.youtube-nocookie.com/embed/x",
    title="A film",
    width=None,
    height=None,
    markup="",
)


def _found(**fields: Any) -> Found:
    return Found(**{name: getattr(FOUND, name) for name in FOUND.__slots__} | fields)


def _stand_in(site: Site, found: Found, number: int = 1) -> str | None:
    with site.app.test_request_context("/news?page=2"):
        return stand_in.stand_in_for(site.state, visit(), found, number=number)


def test_what_the_gate_finds_gets_the_placeholder_of_the_template_functions(widgets: Site) -> None:
    """Written by hand or by a function, a visitor meets the same words and buttons; the ids are apart."""
    found = _found(width=560, height=315)
    by_hand = _stand_in(widgets, found, number=3)
    with widgets.app.test_request_context("/news?page=2"):
        call = "{{ consent_embed('youtube', 'https://www.youtube-nocookie.com/embed/x', title='A film') }}"
        by_function = render_template_string(call)
    assert by_hand
    assert 'id="cs-found-3"' in by_hand
    assert 'value="/news?page=2#cs-found-3"' in by_hand
    assert _same(by_hand) == _same(by_function)


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ({}, (560, 315)),
        ({"width": 800}, (800, 450)),
        ({"height": 200}, (560, 200)),
        (
            {"service": "posts", "kind": Opens.WIDGET, "src": "https://posts.example/widget.js", "markup": POST},
            (560, 400),
        ),
    ],
)
def test_what_is_found_has_a_size_and_a_name(widgets: Site, given: dict[str, Any], size: tuple[int, int]) -> None:
    """Where the markup says neither, the kind of service and its name do."""
    made = _stand_in(widgets, _found(title="", **given))
    assert made
    assert f'width="{size[0]}" height="{size[1]}"' in made
    assert f'aria-label="{"Posts" if "service" in given else "YouTube"}"' in made


@pytest.mark.parametrize(
    "given",
    [
        {"src": "https://www.youtube.com/embed/x"},
        {"src": "//www.youtube-nocookie.com/embed/x"},
        {"src": "javascript:alert(1)"},
        {"src": "wss://www.youtube-nocookie.com/x"},
        {"width": 0, "height": 0},
        {"src": "https://www.youtube-nocookie.com/" + "".join(f"{n * 7919:x}" for n in range(2000))},
        {"kind": Opens.WIDGET, "markup": POST},
        {"service": "posts", "kind": Opens.WIDGET, "markup": POST * 200},
    ],
)
def test_what_cannot_be_opened_gets_no_placeholder(widgets: Site, given: dict[str, Any]) -> None:
    """A frame that its service does not cover, a hidden one, and what is too long stay inert and offer nothing."""
    assert _stand_in(widgets, _found(**given)) is None


def test_a_placeholder_fits_into_a_page_of_any_encoding(widgets: Site) -> None:
    """What is found is replaced by plain ASCII."""
    made = _stand_in(widgets, _found(title="Größe – “x”"))
    assert made
    assert made.isascii()
    assert unescape(made).count("Größe – “x”") == 3


def _filled(entry: str) -> str:
    """A policy that uses one *entry* of the catalogue, its parameters filled in."""
    names = catalogue.entry(entry).parameters
    parameters = ", ".join(f'{name} = "own"' for name in names)
    given = f"parameters = {{ {parameters} }}\n" if names else ""
    purposes = "".join(f"[purposes.{name}]\n" for name in ("preferences", "statistics", "marketing", "social"))
    return f'site = "example"\nlanguages = ["en", "de", "fr"]\n{purposes}[services.it]\nuse = "{entry}"\n{given}'


_SHOWN = [entry.id for entry in catalogue.search() if entry.fields["opens"] != Opens.DOCUMENT]


@pytest.mark.parametrize("entry", _SHOWN)
def test_every_entry_of_the_catalogue_has_a_placeholder(build: Callable[..., Site], entry: str) -> None:
    """In every language: two buttons in a plain form, and nothing that asks anybody else for anything."""
    site = build(_filled(entry))
    service = site.state.policy.service("it")
    if service.opens is Opens.FRAME:
        host = service.hosts["frame-src"][0].replace("*", "www")
        found = _found(service="it", src=f"{host}/x", title="")
    else:
        found = _found(service="it", kind=Opens.WIDGET, src=service.embedding.script, markup="<div>It</div>", title="")
    for language in ("en", "de", "fr"):
        with site.app.test_request_context(headers={"Accept-Language": language}):
            made = stand_in.stand_in_for(site.state, visit(), found, number=1)
        assert made
        assert [address for address in _loads(made) if not address.startswith("/consent/static/")] == []
        assert service.name in unescape(made)
        assert re.findall(r'<button class="cs-button" name="answer" value="(\w+)"', made) == ["once", "always"]
        assert '<form class="cs-ui cs-card" method="post" action="/consent/decision"' in made
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', made))
        sent: dict[str, Any] = {name: unescape(value) for name, value in fields.items()}
        opened = site.form(answer="once", **sent)
        assert (opened.status_code, "Set-Cookie" in opened.headers) == (303, False)
        wrapper = site.get(opened.location)
        assert wrapper.status_code == 200
        assert all(_covers(service.hosts, address) for address in _loads(wrapper.text) if not address.startswith("/"))
    assert [record.method for record in site.records] == ["once"] * 3


def _covers(hosts: Any, address: str) -> bool:
    return any(is_covered(address, origins) for origins in hosts.values())


class _Addresses(HTMLParser):
    """Collects every address that a browser would load by itself: any at all but those of plain links and forms."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        quiet = {("a", "href"), ("form", "action")}
        for name, value in attrs:
            loads = name in (
                "src",
                "href",
                "srcset",
                "data",
                "poster",
                "background",
                "ping",
                "style",
                "action",
                "srcdoc",
            )
            if loads and (tag, name) not in quiet:
                self.found.append(value or "")


def _loads(page: str) -> list[str]:
    reader = _Addresses()
    reader.feed(page)
    return reader.found


def _same(made: str) -> str:
    """A placeholder without what differs between two of them."""
    for pattern in (r'name="(key|embed)" value="[^"]*"', r'data-frame="[^"]*"', r"cs-(frame|found)-\d+"):
        made = re.sub(pattern, "", made)
    return unescape(made)


def _frame_url(site: Site) -> str:
    """A wrapper's URL, from a placeholder shown to somebody undecided."""
    fresh = Site(site.app, site.clock)
    return str(placeholder(fresh)["frame"])


def _json(response: TestResponse) -> dict[str, object]:
    assert response.status_code == 200, response.text
    assert isinstance(response.json, dict)
    return response.json
