"""``POST /consent/decision``: what is taken, what is turned away, and what is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from consent import Duration, Method
from consent.ledger import Event, Surface
from tests.integration.conftest import Site
from tests.policies import SMALL

from .conftest import Clock

GRANTED = ["colours", "login", "maps", "matomo", "pixel", "youtube"]


def test_before_an_answer_there_is_a_question_and_no_cookie(site: Site) -> None:
    """The first page asks, and sets nothing."""
    page = site.get()
    assert "Accept all" in page.text
    assert "UNCOUNTED" in page.text
    assert "TUBE" not in page.text
    assert "stats.example.net" not in page.text
    assert "Set-Cookie" not in page.headers


def test_accept_all_is_recorded_and_takes_effect(site: Site) -> None:
    """The answer, the words and the cookie all come of one request."""
    response = site.accept(surface="banner", key="k" * 22)
    assert response.status_code == 200
    assert response.json is not None
    assert response.json["services"] == GRANTED
    assert response.json["recorded"] is True
    assert response.json["ask"] is False
    page = site.get().text
    assert "COUNTED" in page
    assert "TUBE" in page
    assert '<script src="https://stats.example.net/m.js" defer data-site="3"></script>' in page
    assert "Accept all" not in page
    (record,) = site.records
    assert (record.event, record.method, record.surface) == (Event.GIVEN, Method.ACCEPT_ALL, Surface.BANNER)
    assert record.subject is not None
    assert list(record.services) == [s for s in GRANTED if s != "login"]
    (notice,) = site.state.ledger.store.notices()
    assert notice["digest"] == record.notice
    assert "Example Ltd" in notice["text"]
    assert "Reject all" in notice["html"]


def test_the_cookie_has_its_attributes(build: Callable[..., Site]) -> None:
    """On HTTP a plain name; on HTTPS the prefix that binds it to the host; never readable by scripts."""
    plain = build().accept().headers["Set-Cookie"]
    assert plain.startswith("consent_example=")
    assert "HttpOnly" in plain
    assert "SameSite=Lax" in plain
    assert "Path=/" in plain
    assert "Secure" not in plain
    secure = build()
    token = secure.token("/consent/preferences")
    sent = secure.client.post(
        "/consent/decision",
        base_url="https://localhost",
        json={"answer": "accept_all", "notice": token},
        headers={"Origin": "https://localhost"},
    ).headers["Set-Cookie"]
    assert sent.startswith("__Host-consent_example=")
    assert "Secure" in sent
    assert "Domain" not in sent
    assert len(sent.split(";")[0]) < 200


def test_subdomains_share_an_answer_where_the_site_says_so(build: Callable[..., Site]) -> None:
    """The domain option gives up ``__Host-`` for ``__Secure-``."""
    site = build(CONSENT_COOKIE_DOMAIN="example.org")
    sent = site.client.post(
        "/consent/decision",
        base_url="https://www.example.org",
        json={"answer": "reject_all"},
        headers={"Origin": "https://www.example.org"},
    ).headers["Set-Cookie"]
    assert sent.startswith("__Secure-consent_example=")
    assert "Domain=example.org" in sent


def test_reject_all_keeps_no_identifier(site: Site) -> None:
    """The record of a refusal has no subject and only the hour; its cookie is everybody's."""
    site.post(answer="reject_all", notice=site.token())
    first = site.receipt
    (record,) = site.records
    assert (record.event, record.subject) == (Event.REFUSED, None)
    assert record.recorded_at.minute == record.recorded_at.second == 0
    site.client.delete_cookie("consent_example")
    site.clock.advance(minutes=3)
    site.post(answer="reject_all", notice=site.token())
    assert site.receipt == first


def test_the_box_makes_it_a_session_answer(site: Site) -> None:
    """No Max-Age, and over after a day, whatever the browser restores."""
    sent = site.accept(ask_again=True).headers["Set-Cookie"]
    assert "Max-Age" not in sent
    assert "Expires" not in sent
    assert site.records[0].duration is Duration.SESSION
    site.clock.advance(hours=23)
    assert "TUBE" in site.get().text
    site.clock.advance(hours=1)
    page = site.get().text
    assert "TUBE" not in page
    assert "Accept all" in page


def test_a_persistent_answer_ends_after_six_months(site: Site) -> None:
    """Then the question comes back."""
    site.accept()
    site.clock.advance(days=183)
    assert "TUBE" in site.get().text
    site.clock.advance(days=2)
    assert "TUBE" not in site.get().text


def test_a_form_works_without_javascript(site: Site) -> None:
    """The same answer as a plain form, sent back to where the visitor was."""
    response = site.form(
        answer="custom", purposes=["statistics"], services=["youtube"], notice=site.token(), next="/news/1?a=b"
    )
    assert response.status_code == 303
    assert response.location == "/news/1?a=b#cs-answered"
    page = site.get().text
    assert "COUNTED" in page
    assert "TUBE" in page


def test_choose_without_javascript_is_a_page(site: Site) -> None:
    """*Choose* records nothing, and keeps the box and the way back."""
    response = site.form(answer="choose", ask_again="yes", next="/news/1")
    assert response.status_code == 303
    query = parse_qs(urlsplit(response.location).query)
    assert query == {"next": ["/news/1"], "ask_again": ["yes"]}
    assert 'name="ask_again" value="yes" checked' in site.get(response.location).text
    assert site.records == []


def test_a_way_back_may_hold_any_letters(site: Site) -> None:
    """A page with letters beyond ASCII in its path is come back to."""
    site.get("/login")
    page = site.get("/news/caf%C3%A9 noir?q=%C3%A9").text
    back = page.split('name="next" value="')[1].split('"')[0]
    assert back == "/news/caf%C3%A9%20noir?q=%C3%A9"
    assert site.form(answer="reject_all", next=back).location == back


def test_a_visitor_with_cookies_comes_back_without_a_mark(site: Site) -> None:
    """Only who sends no cookie at all may block them, and gets a page with its question folded away."""
    site.get("/login")
    assert site.form(answer="reject_all", next="/news/1").location == "/news/1"


def test_withdrawing_is_one_click_and_keeps_the_login(site: Site) -> None:
    """Everything granted stops, its cookies go, the member stays logged in, and the grant's subject is named."""
    site.get("/login")
    site.accept()
    site.client.set_cookie("_pk_id.1", "x")
    response = site.form(answer="withdraw", next="/news/1")
    deleted = [header for header in response.headers.getlist("Set-Cookie") if header.startswith("_pk_id.1=;")]
    assert deleted
    assert all("Max-Age=0" in header for header in deleted)
    assert site.client.get_cookie("_pk_id.1") is None
    assert site.get("/member").text == "yes"
    page = site.get().text
    assert "TUBE" not in page
    assert "Accept all" not in page
    given, withdrawn = site.records
    assert (withdrawn.event, withdrawn.subject, withdrawn.supersedes) == (
        Event.WITHDRAWN,
        given.subject,
        given.record_id,
    )


def test_taking_one_purpose_back_is_a_withdrawal_of_it(site: Site) -> None:
    """What was granted and is not any more is recorded as withdrawn; the rest goes on under the same subject."""
    site.accept()
    site.form(answer="custom", purposes=["statistics", "social"], notice=site.token("/consent/preferences"))
    given, withdrawn = site.records
    assert withdrawn.event is Event.WITHDRAWN
    assert withdrawn.subject == given.subject
    assert "TUBE" in site.get().text


def test_the_same_answer_again_renews_it(site: Site) -> None:
    """A visitor who confirms an answer later starts a new term."""
    site.accept()
    site.clock.advance(days=100)
    site.accept()
    assert [record.event for record in site.records] == [Event.GIVEN, Event.RENEWED]


@pytest.mark.parametrize("answer", ["accept_all", "reject_all"])
def test_a_repeated_submission_records_once(site: Site, answer: str) -> None:
    """A double click, a retry after the answer, a retry without the cookie: one record, one cookie."""
    token = site.token()
    sent = [site.post(answer=answer, notice=token, key="k" * 22).headers["Set-Cookie"] for _ in range(2)]
    site.client.delete_cookie("consent_example")
    sent.append(site.post(answer=answer, notice=token, key="k" * 22).headers["Set-Cookie"])
    assert len({cookie.split(";")[0] for cookie in sent}) == 1
    assert len(site.records) == 1


def test_going_back_and_answering_otherwise_is_a_new_answer(site: Site) -> None:
    """The key of one form never swallows a later change of mind."""
    token = site.token()
    for answer in ("accept_all", "reject_all", "accept_all", "reject_all"):
        site.post(answer=answer, notice=token, key="k" * 22)
    assert [r.event for r in site.records].count(Event.GIVEN) == 2
    assert [r.event for r in site.records].count(Event.WITHDRAWN) == 2
    assert "TUBE" not in site.get().text


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://localhost"},
        {"Origin": "http://localhost:81"},
        {"Origin": "http://localhost.evil.example"},
    ],
)
@pytest.mark.parametrize("answer", ["accept_all", "reject_all"])
def test_another_origin_is_turned_away(site: Site, headers: dict[str, str], answer: str) -> None:
    """Nobody answers for a visitor from another site, not even with a refusal."""
    response = site.post(answer=answer, notice=site.token(), origin=None, headers=headers)
    assert response.status_code == 403
    assert response.content_type == "application/problem+json"
    assert site.records == []
    assert site.receipt is None


def test_origin_null_alone_says_nothing(site: Site) -> None:
    """Without HTTPS a browser sends no Sec-Fetch-Site: the token vouches for a grant, a refusal needs none."""
    headers = {"Origin": "null"}
    assert site.post(answer="accept_all", origin=None, headers=headers).status_code == 409
    assert site.post(answer="reject_all", origin=None, headers=headers).status_code == 200
    assert (
        site.post(
            answer="accept_all", notice=site.token("/consent/preferences"), origin=None, headers=headers
        ).status_code
        == 200
    )


def test_a_host_beyond_ascii_is_the_sites_own(site: Site) -> None:
    """A browser writes the origin of an internationalised host in its ASCII form."""
    response = site.client.post(
        "/consent/decision",
        base_url="http://xn--mnchen-3ya.example",
        json={"answer": "reject_all"},
        headers={"Origin": "http://xn--mnchen-3ya.example"},
    )
    assert response.status_code == 200


@pytest.mark.parametrize("answer", ["reject_all", "withdraw"])
def test_a_refusal_ignores_ticks_of_what_is_gone(site: Site, answer: str) -> None:
    """A form from before a deployment, with ticks that nobody knows any more, still says no."""
    site.accept()
    assert site.form(answer=answer, purposes=["gone"], services=["gone"], notice="old").status_code == 303
    assert "TUBE" not in site.get().text


def test_a_refusal_gets_through_a_tiny_limit_of_the_site(build: Callable[..., Site]) -> None:
    """The site's own cap on bodies does not stand in the way of a no."""
    site = build(MAX_CONTENT_LENGTH=100)
    assert site.form(answer="reject_all", notice=site.token(), key="k" * 22, next="/news/1").status_code == 303


def test_a_long_address_does_not_fill_the_form(site: Site) -> None:
    """A page with an endless query is come back to without it."""
    page = site.get("/news/1?" + "&" * 4000).text
    assert page.split('name="next" value="')[1].split('"')[0] == "/news/1"


def test_a_withdrawal_leaves_everybodys_cookie(site: Site) -> None:
    """After a grant, too, a full refusal's cookie holds the hour and nobody's name: it is the same for all."""
    site.post(answer="reject_all")
    plain = site.receipt
    for answer in ("withdraw", "reject_all"):
        site.accept()
        site.clock.advance(minutes=2)
        site.post(answer=answer, notice=site.token("/consent/preferences"))
        assert site.state.receipts.read(site.receipt or "").decided_at.minute == 0
        assert site.state.receipts.read(site.receipt or "").subject is None
    assert site.receipt == plain


def test_the_same_key_after_a_while_is_another_act(site: Site) -> None:
    """Two visitors whose page came out of some cache with one key do not become one for longer than a double click."""
    token = site.token()
    site.post(answer="accept_all", notice=token, key="k" * 22)
    first = site.receipt
    site.client.delete_cookie("consent_example")
    site.clock.advance(minutes=11)
    site.post(answer="accept_all", notice=token, key="k" * 22)
    assert site.receipt != first
    assert len({record.subject for record in site.records}) == 2


def test_a_frame_nobody_signed_is_refused_before_anything_is_recorded(site: Site) -> None:
    """400 means that nothing happened."""
    page = site.get().text
    part = page[page.index('data-consentry="placeholder"') :]
    token = part.split('name="notice" value="')[1].split('"')[0]
    for answer in ("once", "always"):
        assert site.post(answer=answer, service="youtube", notice=token, embed="forged").status_code == 400
    assert site.records == []


def test_a_site_without_referrers_sends_origin_null(site: Site) -> None:
    """``Sec-Fetch-Site: same-origin`` vouches for it."""
    response = site.post(
        answer="accept_all", notice=site.token(), origin="null", headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert response.status_code == 200


def test_a_client_without_either_header_needs_the_token(site: Site) -> None:
    """Old browsers are vouched for by the signed token in the form."""
    assert site.post(answer="accept_all", origin=None).status_code == 409
    assert site.post(answer="accept_all", origin=None, notice=site.token()).status_code == 200


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"answer": "accept_all"', "application/json", 400),
        (b"[" * 4000, "application/json", 400),
        (b'"accept_all"', "application/json", 400),
        (b'{"answer": "yes please"}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"answer": "custom", "purposes": ["spying"]}', "application/json", 400),
        (b'{"answer": "always", "service": "spy"}', "application/json", 400),
        (b'{"answer": "accept_all"}', "text/plain", 415),
        (b"<answer/>", "application/xml", 415),
        (b"", "", 415),
        (b'{"answer": "accept_all", "key": "' + b"k" * 8200 + b'"}', "application/json", 413),
        (b"answer=accept_all&key=" + b"k" * 8200, "application/x-www-form-urlencoded", 413),
    ],
)
def test_what_cannot_be_read_is_turned_away(site: Site, body: bytes, content_type: str, status: int) -> None:
    """A problem document or a readable page, and nothing recorded."""
    token = site.token()
    body = body.replace(b'"custom",', b'"custom", "notice": "%s",' % token.encode())
    response = site.client.post(
        "/consent/decision", data=body, content_type=content_type, headers={"Origin": "http://localhost"}
    )
    assert response.status_code == status
    if content_type == "application/json":
        assert response.content_type == "application/problem+json"
        assert json.loads(response.text)["status"] == status
    else:
        assert response.mimetype == "text/html"
        assert "<h1" in response.text
    assert site.records == []
    assert site.receipt is None


def test_a_chunked_body_is_capped_too(site: Site) -> None:
    """A body without a length is not read past the cap."""
    import io

    response = site.client.post(
        "/consent/decision",
        input_stream=io.BytesIO(b"answer=accept_all&key=" + b"k" * 100_000),
        content_type="application/x-www-form-urlencoded",
        headers={"Origin": "http://localhost", "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert response.status_code == 413


@pytest.mark.parametrize("token", ["", "forged", "x" * 4000])
def test_a_grant_with_a_missing_or_stale_token_shows_the_form_again(site: Site, token: str) -> None:
    """Answers are kept, nothing is granted or recorded."""
    response = site.form(
        answer="custom", purposes=["social"], services=["pixel"], ask_again="yes", notice=token, next="/news/1"
    )
    assert response.status_code == 409
    assert 'value="social" checked' in response.text
    assert 'value="pixel" checked' in response.text
    assert 'name="ask_again" value="yes" checked' in response.text
    assert 'value="/news/1"' in response.text
    assert 'role="alert"' in response.text
    assert site.post(answer="accept_all", notice=token).status_code == 409
    assert site.records == []
    assert site.receipt is None


def test_a_page_left_open_for_a_week_asks_again(site: Site) -> None:
    """Old words do not grant."""
    token = site.token()
    site.clock.advance(days=8)
    assert site.post(answer="accept_all", notice=token).status_code == 409


@pytest.mark.parametrize("answer", ["reject_all", "withdraw"])
@pytest.mark.parametrize("token", ["", "forged"])
def test_a_refusal_never_fails(site: Site, answer: str, token: str) -> None:
    """With a missing or stale token it takes effect, and is recorded as "notice unknown"."""
    site.accept()
    assert site.form(answer=answer, notice=token, key="!").status_code == 303
    assert "TUBE" not in site.get().text
    assert site.records[-1].notice is None


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "https:evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "\\\\evil.example",
        " //evil.example",
        "///evil.example",
        "/ /evil.example",
        "/\x00",
        "/é",
        "",
    ],
)
def test_a_way_back_off_the_site_is_refused(site: Site, target: str) -> None:
    """The answer counts; the visitor stays on the site."""
    response = site.form(answer="reject_all", next=target)
    assert (response.status_code, response.location) == (303, "/#cs-answered")
    assert "evil" not in site.client.get("/consent/preferences", query_string={"next": target}).text


def test_where_nothing_can_be_recorded_nothing_is_granted_and_a_refusal_counts(build: Callable[..., Site]) -> None:
    """Store and spool down: no proof, no tracking; a refusal needs no proof. Pages are served throughout."""
    site = build(CONSENT_SPOOL="/dev/null/nowhere")
    site.accept()
    assert "TUBE" in site.get().text
    site.state.ledger.database.close()
    path = site.state.ledger.database.path
    path.rename(path.with_name("kept"))
    path.mkdir()
    assert site.get().status_code == 200
    assert site.post(answer="accept_all", notice=site.token("/consent/preferences")).status_code == 503
    assert site.form(answer="accept_all", notice=site.token("/consent/preferences")).status_code == 503
    assert "TUBE" in site.get().text, "an earlier grant stands"
    response = site.post(answer="withdraw")
    assert (response.status_code, response.json and response.json["recorded"]) == (200, False)
    assert "TUBE" not in site.get().text


def test_taking_a_part_back_never_fails_either(build: Callable[..., Site]) -> None:
    """With old words, and where nothing can be recorded, what is no longer ticked stops; nothing new runs or lasts longer."""
    site = build(CONSENT_SPOOL="/dev/null/nowhere")
    site.accept()
    end = site.state.receipts.read(site.receipt or "").valid_until
    site.clock.advance(days=10)
    assert site.form(answer="custom", purposes=["statistics", "social"], notice="old").status_code == 303
    assert site.get("/consent/state").json["purposes"] == ["necessary", "social", "statistics"]  # type: ignore[index]
    assert site.records[-1].event is Event.WITHDRAWN
    assert site.records[-1].notice is None
    assert site.state.receipts.read(site.receipt or "").valid_until == end
    assert site.form(answer="custom", purposes=["statistics", "marketing"], notice="old").status_code == 409
    site.state.ledger.database.close()
    path = site.state.ledger.database.path
    path.rename(path.with_name("kept"))
    path.mkdir()
    token = site.token("/consent/preferences")
    assert site.form(answer="custom", purposes=["statistics"], notice=token).status_code == 303
    assert site.get("/consent/state").json["purposes"] == ["necessary", "statistics"]  # type: ignore[index]
    assert site.form(answer="custom", purposes=["statistics", "social"], notice=token).status_code == 503


def test_what_was_taken_back_in_part_is_void_at_once(build: Callable[..., Site]) -> None:
    """Also where that cannot be recorded: a copy of the receipt from before lets nothing run in this process."""
    site = build(CONSENT_SPOOL="/dev/null/nowhere")
    site.accept()
    copy = site.app.test_client()
    copy.set_cookie("consent_example", site.receipt or "")
    assert "TUBE" in copy.get("/").text
    token = site.token("/consent/preferences")
    site.state.ledger.database.close()
    path = site.state.ledger.database.path
    path.rename(path.with_name("kept"))
    path.mkdir()
    said = site.post(answer="custom", purposes=["statistics", "social"], notice=token).get_json()
    assert (said["recorded"], said["purposes"]) == (False, ["necessary", "social", "statistics"])
    assert "TUBE" in site.get().text
    assert "TUBE" not in copy.get("/").text
    site.post(answer="withdraw")
    assert "TUBE" not in site.get().text


def test_gpc_is_honoured_recorded_and_overridden_only_on_purpose(site: Site) -> None:
    """*Accept all* does not override the browser's signal; the separate box does."""
    token = site.token()
    signal = {"Sec-GPC": "1"}
    assert "opt-out request is honoured" in site.get(Sec_GPC="1").text
    accepted = site.post(answer="accept_all", notice=token, headers=signal).json
    assert accepted is not None
    assert "pixel" not in accepted["services"]
    assert (site.records[0].gpc, site.records[0].gpc_conflict) == (True, True)
    confirmed = site.post(answer="accept_all", notice=token, override_gpc=True, headers=signal).json
    assert confirmed is not None
    assert "pixel" in confirmed["services"]
    assert site.records[1].gpc_overridden
    assert site.get("/.well-known/gpc.json").json == {"gpc": True}


@pytest.mark.parametrize("value", ["0", "true", "11", " ", "yes"])
def test_only_an_exact_1_is_the_signal(site: Site, value: str) -> None:
    """Other values of Sec-GPC mean nothing (W3C GPC)."""
    assert "honoured" not in site.get(Sec_GPC=value).text


def test_a_policy_change_asks_only_for_what_is_new(build: Callable[..., Site]) -> None:
    """After a deployment with one more purpose, the banner names it alone, and the earlier grants run on."""
    before = build()
    before.accept()
    words = '\n[purposes.surveys.text.en]\nlabel = "Ask you questions"\ndescription = "S"\n[purposes.surveys.text.de]\nlabel = "F"\ndescription = "F"\n'
    after = build(SMALL + "[purposes.surveys]" + words)
    assert before.receipt
    after.client.set_cookie("consent_example", before.receipt)
    page = after.get().text
    banner = page[page.index("cs-ask") : page.index("cs-act")]
    assert "Ask you questions" in banner
    assert "Count visits" not in banner
    assert "TUBE" in page
    after.post(answer="reject_all", notice=after.token())
    page = after.get().text
    assert "TUBE" in page
    assert "cs-ask" not in page


def test_a_corrected_typo_asks_nobody(build: Callable[..., Site]) -> None:
    """Other words, same decision."""
    before, after = build(), build(SMALL.replace('name = "Matomo"', 'name = "Matomo Analytics"'))
    before.accept()
    assert before.receipt
    after.client.set_cookie("consent_example", before.receipt)
    assert "cs-ask" not in after.get().text


def test_records_hold_no_address_agent_or_query(build: Callable[..., Site]) -> None:
    """What a record must not hold is nowhere in the database."""
    site = build()
    canaries = {"User-Agent": "canary-agent/1.0", "X-Forwarded-For": "203.0.113.77"}
    site.client.post(
        "/consent/decision",
        json={"answer": "accept_all", "notice": site.token(), "next": "/?q=canary-query"},
        headers={"Origin": "http://localhost"} | canaries,
        environ_overrides={"REMOTE_ADDR": "198.51.100.99"},
    )
    site.state.ledger.database.close()
    kept = b"".join(file.read_bytes() for file in site.state.ledger.database.path.parent.iterdir())
    assert b"accept_all" in kept
    for canary in (b"canary", b"203.0.113", b"198.51.100"):
        assert canary not in kept


def test_a_device_is_recorded_only_where_the_site_asks_for_it(build: Callable[..., Site]) -> None:
    """Coarse, for grants only, off by default."""
    agent = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
    plain, asked = build(), build(CONSENT_RECORD_DEVICE=True)
    for site in (plain, asked):
        site.post(answer="accept_all", notice=site.token(), headers=agent)
    assert plain.records[0].device_class is None
    assert (asked.records[0].device_class, asked.records[0].browser) == ("desktop", "Firefox")
    asked.client.delete_cookie("consent_example")
    asked.post(answer="reject_all", headers=agent)
    refused = next(record for record in asked.records if record.event is Event.REFUSED)
    assert refused.device_class is None


def test_the_clock_of_another_host_may_differ_a_little(site: Site) -> None:
    """A receipt from a host five minutes ahead counts; one from tomorrow does not."""
    site.accept()
    assert isinstance(site.clock, Clock)
    site.clock.advance(minutes=-4)
    assert "TUBE" in site.get().text
    site.clock.advance(days=-1)
    assert "TUBE" not in site.get().text
