"""Frames, placeholders, wrapper documents and the page beacon."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask import Flask, Response
from werkzeug.test import TestResponse

from consent import PolicyError
from consent.ledger import Event
from tests.policies import SMALL

from .conftest import Site


def placeholder(site: Site) -> dict[str, Any]:
    """The hidden fields and the frame URL of the placeholder on the page."""
    page = site.get().text
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
        "Playing this sends your IP address and this page's address to YouTube (Google Ireland Limited, United States)."
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
    from flask import render_template_string

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


def test_the_beacon_counts_only_with_consent_and_never_tells(site: Site) -> None:
    """One picture whatever happens; a hit counts once granted, for a person, and not after a withdrawal."""
    browser = {"User_Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    assert "/consent/beacon/" not in site.get().text
    site.accept()
    found = re.search(r'src="(/consent/beacon/[^"]+\.gif)"', site.get("/news/1").text)
    assert found
    answers = [
        site.get(found[1], **browser),
        site.get(found[1], User_Agent="curl/8.0"),
        site.get(found[1], Sec_Purpose="prefetch", **browser),
        site.get("/consent/beacon/forged.gif", **browser),
        site.client.head(found[1], headers={"User-Agent": browser["User_Agent"]}),
    ]
    site.form(answer="withdraw")
    answers.append(site.get(found[1], **browser))
    assert {a.status_code for a in answers} == {200}
    assert {a.data for a in answers[:4]} == {answers[0].data}
    assert len(answers[0].data) == 43
    assert all("no-store" in a.headers["Cache-Control"] for a in answers)
    assert not any("Set-Cookie" in a.headers for a in answers)
    site.state.counters.flush()
    with site.state.store._engine().connect() as connection:
        rows = connection.exec_driver_sql("select day, dimension, value, count from consent_audience").all()
    assert rows == [("2026-03-03", "page", "/news/1", 1)]


def test_a_beacon_of_one_service_follows_that_service(site: Site) -> None:
    """A visitor who allowed just the counter is counted."""
    from flask import render_template_string

    site.app.add_url_rule("/own", view_func=lambda: render_template_string('{{ consent_beacon("matomo") }}'))
    assert "<img" not in site.get("/own").text
    site.post(answer="custom", services=["matomo"], notice=site.token("/consent/preferences"))
    assert "<img" in site.get("/own").text
    assert "/consent/beacon/" not in site.get("/").text


def _frame_url(site: Site) -> str:
    """A wrapper's URL, from a placeholder shown to somebody undecided."""
    fresh = Site(site.app, site.clock)
    return str(placeholder(fresh)["frame"])


def _json(response: TestResponse) -> dict[str, object]:
    assert response.status_code == 200, response.text
    assert isinstance(response.json, dict)
    return response.json
