"""``/consent/receipt``: what a visitor is shown of their own records, and what anybody with their code can do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from consent import TokenError, claim
from consent.ledger import Event, Surface, history, tables
from consent.ledger.moments import moment
from consent.proof import canonical, leaf, merkle
from consent.proof.checkpoint import Checkpoint
from consent.signing import Seal
from tests.entries import NOW, SITE, entry
from tests.integration.conftest import Site
from tests.ledgers import opened

WHO = b"w" * 16
SEAL = Seal(["key"], site="example", use="claim")


def json_of(site: Site, client: FlaskClient | None = None) -> dict:
    """The page as a program reads it."""
    answer = (client or site.client).get("/consent/receipt", headers={"Accept": "application/json"})
    assert answer.status_code == 200
    assert answer.json is not None
    return dict(answer.json)


def page(site: Site, language: str = "en") -> str:
    """The page as a person reads it: its text, tags left out."""
    return words(site.get("/consent/receipt", Accept_Language=language))


def words(answer: TestResponse) -> str:
    """What a person reads."""
    body = re.sub(r"(?s)<(script|title)\b.*?</\1>|<wbr>", "", answer.text)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


def send(client: FlaskClient, headers: dict[str, str] | None = None, **fields: str) -> TestResponse:
    """A form of the page."""
    return client.post("/consent/receipt", data=fields, headers={"Sec-Fetch-Site": "same-origin"} | (headers or {}))


def send_json(client: FlaskClient, **fields: object) -> TestResponse:
    """A program's wish."""
    return client.post("/consent/receipt", json=fields, headers={"Origin": "http://localhost"})


def elsewhere(site: Site) -> FlaskClient:
    """Another device."""
    return site.app.test_client()


@pytest.fixture
def code(site: Site) -> str:
    """The receipt code of a visitor who accepted all, in the site's own client."""
    site.accept(surface="banner")
    return str(json_of(site)["code"])


@contextmanager
def store_away(site: Site) -> Iterator[None]:
    """The store cannot be opened meanwhile."""
    database = site.state.ledger.database
    aside = database.path.with_name("aside")
    database.close()
    database.path.rename(aside)
    database.path.mkdir()
    try:
        yield
    finally:
        database.close()
        database.path.rmdir()
        aside.rename(database.path)


def no_spool(site: Site) -> None:
    """Let the spool have no room either."""
    path = site.state.ledger.spool.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir()


# The page


def test_before_an_answer_there_is_nothing_to_show(site: Site) -> None:
    """Who never answered reads that nothing is written down; no code, no cookie, nothing to end."""
    answer = site.get("/consent/receipt")
    assert "You have not answered yet." in words(answer)
    assert "Nothing is written down about you" in words(answer)
    assert "Set-Cookie" not in answer.headers
    assert "no-store" in answer.headers["Cache-Control"]
    assert json_of(site) == {
        "own": True,
        "purposes": ["necessary"],
        "services": ["login"],
        "decision": None,
        "code": None,
        "readable": True,
        "records": [],
        "checkpoint": None,
    }


def test_a_refusal_is_shown_without_an_identity(site: Site) -> None:
    """The hour, that it was a no, and why nothing more can be shown."""
    site.post(answer="reject_all", notice=site.token())
    shown = page(site)
    assert "You said no." in shown
    assert "March 3, 2026, between 12:00" in shown
    assert "nothing that ties you to an entry" in shown
    assert "receipt code that you had then" in shown
    said = json_of(site)
    assert (said["code"], said["records"]) == (None, [])
    assert said["decision"]["method"] == "reject_all"


def test_a_grant_is_shown_with_its_history(site: Site, code: str) -> None:
    """What counts, since when, until when, how; and every record in order."""
    site.clock.advance(days=1)
    site.form(answer="custom", purposes=["statistics"], services=["youtube"], notice=site.token("/consent/preferences"))
    site.state.ledger.sequencer.seal_all(site.clock.now)
    shown = page(site)
    now, history = shown.split("What was written down")
    assert "You allow: Count visits YouTube Since: March 4, 2026, 12:34" in now
    assert "Until: September 4, 2026" in now
    assert "How you answered: You ticked what may run." in now
    first, second = history.split("You took something back")
    assert "March 3, 2026" in first
    assert "You said yes You pressed “Accept all”. Allowed from then on: Remember my settings · Count visits" in first
    assert re.search(r"in this language: English\. Number \d in our log", first)
    assert "Allowed from then on: Count visits · YouTube" in second
    assert code in shown


@pytest.mark.parametrize(
    ("language", "title", "event"),
    [("de", "Ihre gespeicherte Auswahl", "Sie haben Ja gesagt"), ("fr", "Your recorded choice", "You said yes")],
)
def test_the_page_speaks_the_visitors_language(site: Site, code: str, language: str, title: str, event: str) -> None:
    """Where the site offers it; the language of the question is named in it, too."""
    shown = page(site, language)
    assert title in shown
    assert event in shown
    assert code in shown


def test_a_record_that_waits_says_so(site: Site, code: str) -> None:
    """Before it is sequenced there is no number, and no salt for anybody."""
    assert "Not in our log yet" in page(site)
    (record,) = json_of(site)["records"]
    assert record["index"] is None
    assert not {"salt", "leaf", "proof"} & set(record)


def test_the_visitor_can_check_the_log(site: Site, code: str) -> None:
    """Body, salt, leaf and proof lead to the root that the site signed."""
    for _ in range(6):
        elsewhere(site).post("/consent/decision", json={"answer": "reject_all"}, headers={"Origin": "http://localhost"})
    site.clock.advance(days=1)
    site.form(answer="custom", purposes=["statistics"], notice=site.token("/consent/preferences"))
    site.state.ledger.sequencer.seal_all(site.clock.now)
    said = json_of(site)
    signed = Checkpoint.parse(said["checkpoint"].partition("\n\n")[0] + "\n")
    assert signed.size >= 8
    assert [record["event"] for record in said["records"]] == ["given", "withdrawn"]
    for record in said["records"]:
        public, body = record["leaf"].encode(), record["body"].encode()
        committed = leaf.parse(public)
        assert isinstance(committed, leaf.RecordLeaf)
        assert leaf.commitment(bytes.fromhex(record["salt"]), body) == committed.commitment
        proof = tuple(bytes.fromhex(node) for node in record["proof"])
        merkle.verify_inclusion(record["index"], signed.size, leaf.hash_of(public), proof, signed.root)
        assert canonical.decode(body)["event"] == record["event"]


def test_playing_once_decides_nothing(site: Site, code: str) -> None:
    """It is in the history, and what counts is still what was decided before it."""
    token = re.search(
        r'data-consentry="frame".*?name="notice" value="([^"]+)"', elsewhere(site).get("/").text, re.DOTALL
    )
    assert token
    site.post(answer="once", service="youtube", notice=token[1])
    assert "You opened something once. Opened: YouTube" in page(site)
    other = send_json(elsewhere(site), action="show", code=code).json
    assert other is not None
    assert other["decision"]["method"] == "accept_all"
    assert "statistics" in other["purposes"]


def test_the_preferences_page_leads_to_it(site: Site) -> None:
    """And it leads back to where the visitor came from."""
    link = re.search(r'<a href="([^"]+)">Your recorded choice</a>', site.get("/consent/preferences?next=/news/1").text)
    assert link
    assert '<a class="cs-home" href="/news/1">' in site.get(unescape(link[1])).text
    assert '<a class="cs-home" href="/">' in site.get("/consent/receipt?next=//evil.example").text


# The code


def test_the_code_is_short_and_says_nothing(site: Site, code: str) -> None:
    """The subject and a signature: the same whenever it is asked for, no time, no number of a record."""
    assert len(code) < 120
    site.clock.advance(days=3)
    assert json_of(site)["code"] == code
    (record,) = site.records
    assert record.subject is not None
    assert claim.read(site.state.claims, code) == record.subject
    assert code not in site.get("/").text
    assert record.record_id.hex not in code


@given(st.binary(min_size=16, max_size=16), st.integers(0, 200), st.integers(1, 255))
def test_a_changed_code_is_no_code(subject: bytes, at: int, by: int) -> None:
    """Any other character than its own makes it nobody's; spaces and line breaks of a copy do not."""
    made = claim.write(SEAL, subject)
    assert claim.read(SEAL, f" {made[:20]}\n{made[20:]}\t") == subject
    at %= len(made)
    changed = made[:at] + chr((ord(made[at]) + by) % 256) + made[at + 1 :]
    try:
        found = claim.read(SEAL, changed)
    except TokenError:
        return
    assert found == subject  # a space, or bits that base64 has to spare


@given(st.text(max_size=250))
def test_no_text_is_a_code_by_chance(text: str) -> None:
    """Nothing that is not signed is read."""
    with pytest.raises(TokenError):
        claim.read(SEAL, text)


def test_a_receipt_or_a_code_of_another_site_is_no_code(site: Site, build: Callable[..., Site], code: str) -> None:
    """Each use and each site has a signature of its own."""
    other = build(SMALL_ELSEWHERE)
    other.accept()
    foreign = str(json_of(other)["code"])
    for wrong in (site.receipt or "", foreign, site.token("/consent/preferences")):
        assert send(elsewhere(site), action="show", code=wrong).status_code == 404


SMALL_ELSEWHERE = 'site = "elsewhere"\n[controller]\nname = "E"\n[purposes.statistics]\n'


@pytest.mark.parametrize("action", ["show", "withdraw", "erase"])
def test_a_wrong_code_tells_nothing(site: Site, code: str, action: str) -> None:
    """One page for all of them, and a reason that names none; nothing is done."""
    wrong = [code[:-2], code + "AA", "x" * 66, "x" * 5000, "💥", code[::-1]]
    answers = [send(elsewhere(site), action=action, code=one, confirm="yes") for one in wrong]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert "We do not know this code." in words(answers[0])
    assert "no-store" in answers[0].headers["Cache-Control"]
    problem = send_json(elsewhere(site), action=action, code="x")
    assert (problem.status_code, problem.mimetype) == (404, "application/problem+json")
    assert "TUBE" in site.get().text
    assert len(site.records) == 1


def test_new_keys_know_old_codes(site: Site, build: Callable[..., Site], code: str) -> None:
    """As long as the old key is listed."""
    url = site.state.settings.store_url
    rotated = build(CONSENT_STORE_URL=url, CONSENT_SECRET_KEYS=["test", "newer"])
    assert send(rotated.client, action="show", code=code).status_code == 200
    dropped = build(CONSENT_STORE_URL=url, CONSENT_SECRET_KEYS=["newer"])
    assert send(dropped.client, action="show", code=code).status_code == 404


def test_another_device_sees_the_same_records(site: Site, code: str) -> None:
    """With the code, by form or by program; without it, nothing; and it gets no cookie."""
    device = elsewhere(site)
    shown = send(device, action="show", code=code)
    assert "You allow: Remember my settings" in words(shown)
    assert "You said yes" in words(shown)
    assert "Set-Cookie" not in shown.headers
    said = send_json(device, action="show", code=code).json
    assert said is not None
    assert [record["body"] for record in said["records"]] == [record["body"] for record in json_of(site)["records"]]
    assert said["own"] is False
    assert json_of(site, device)["records"] == []


def test_the_visitors_own_code_leads_to_their_own_page(site: Site, code: str) -> None:
    """So that a reload sends nothing anew."""
    answer = send(site.client, action="show", code=code, next="/news/1")
    assert (answer.status_code, answer.location) == (303, "/consent/receipt?next=/news/1")


# Taking back


def test_another_device_takes_back(site: Site, code: str) -> None:
    """It is recorded under the subject, as a withdrawal by receipt; the first device's cookie grants nothing any more."""
    device = elsewhere(site)
    device.post("/consent/decision", json={"answer": "reject_all"}, headers={"Origin": "http://localhost"})
    own = device.get_cookie("consent_example")
    site.clock.advance(minutes=5)
    answer = send(device, action="withdraw", code=code)
    assert answer.status_code == 200
    assert "Taken back." in words(answer)
    assert "You took everything back You used your receipt code." in words(answer)
    assert "Set-Cookie" not in answer.headers
    assert device.get_cookie("consent_example") == own
    given, _, withdrawn = sorted(
        site.records, key=lambda record: record.event is Event.WITHDRAWN or record.recorded_at.minute == 0
    )
    assert withdrawn.event is Event.WITHDRAWN
    assert withdrawn.surface is Surface.RECEIPT
    records = [kept.record for kept in _history(site, given.subject or b"")]
    assert records[1].supersedes == records[0].record_id
    assert not records[1].services
    assert not any(records[1].purposes.values())
    home = site.get().text
    assert "TUBE" not in home
    assert "Accept all" in home
    assert "This choice is over" in page(site)
    assert "You took everything back" in page(site)


def _history(site: Site, subject: bytes) -> list:
    return list(history.read(site.state.ledger.database, "example", subject).records)


def test_an_own_withdrawal_leaves_a_refusal(site: Site, code: str) -> None:
    """The cookie says no from now on, what was stored is deleted, and the page still shows what was recorded."""
    site.client.set_cookie("_pk_id.1", "x")
    site.clock.advance(minutes=5)
    before = site.receipt
    answer = send(site.client, action="withdraw", code=code)
    assert "You said no." in words(answer)
    assert "You took everything back" in words(answer)
    assert site.client.get_cookie("_pk_id.1") is None
    assert site.receipt not in (None, before)
    home = site.get().text
    assert "TUBE" not in home
    assert "Accept all" not in home
    assert json_of(site)["code"] is None


def test_the_cookie_stands_for_the_code(site: Site, code: str) -> None:
    """A program in the visitor's browser needs no code."""
    site.clock.advance(minutes=5)
    said = send_json(site.client, action="withdraw").json
    assert said is not None
    assert (said["recorded"], said["purposes"]) == (True, ["necessary"])
    assert [record.event for record in site.records] == [Event.GIVEN, Event.WITHDRAWN]


def test_the_page_takes_back_as_every_page_does(site: Site, code: str) -> None:
    """Its own button goes where all answers go, so that the browser side can stop other tabs; and comes back."""
    form = re.search(
        r'(?s)<form[^>]*action="/consent/decision".*?</form>', site.get("/consent/receipt?next=/news/1").text
    )
    assert form
    fields: dict[str, Any] = {
        name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', form[0])
    }
    answer = site.form(**fields)
    assert (answer.status_code, answer.location) == (303, "/consent/receipt?next=/news/1")
    assert "You said no." in words(site.get(answer.location))
    given, withdrawn = site.records
    assert (withdrawn.surface, withdrawn.subject) == (Surface.RECEIPT, given.subject)
    assert withdrawn.notice is not None
    assert "You took everything back" in words(send(elsewhere(site), action="show", code=code))


def test_taking_back_twice_is_recorded_once(site: Site, code: str) -> None:
    """A second click, a second device, the day after: the record has one withdrawal."""
    for wait in (1, 1, 3600, 86400):
        site.clock.advance(seconds=wait)
        assert send(elsewhere(site), action="withdraw", code=code).status_code == 200
    assert [record.event for record in site.records] == [Event.GIVEN, Event.WITHDRAWN]


def test_a_grant_after_a_withdrawal_is_a_new_one(site: Site, code: str) -> None:
    """The old code does not reach it, and the old cookie stays void."""
    old = site.receipt
    site.clock.advance(minutes=5)
    send(elsewhere(site), action="withdraw", code=code)
    site.accept()
    assert "TUBE" in site.get().text
    assert json_of(site)["code"] != code
    site.clock.advance(minutes=5)
    assert "This choice is over" in words(send(elsewhere(site), action="show", code=code))
    assert "TUBE" in site.get().text
    site.client.set_cookie("consent_example", old or "")
    assert "TUBE" not in site.get().text


def test_another_host_stops_too(site: Site, build: Callable[..., Site], code: str) -> None:
    """Two applications share the store: what is taken back on one is void on the other, within its next look."""
    second = build(CONSENT_STORE_URL=site.state.settings.store_url)
    second.client.set_cookie("consent_example", site.receipt or "")
    assert "TUBE" in second.get().text
    send(site.client, action="withdraw", code=code)
    second.clock.advance(seconds=10)
    assert "TUBE" not in second.get().text


def test_a_copy_of_an_older_receipt_is_void(site: Site, code: str) -> None:
    """A part was taken back: the copy from before lets nothing run, the new receipt what is left."""
    copy = site.receipt or ""
    site.clock.advance(minutes=5)
    site.form(answer="custom", purposes=["statistics", "social"], notice=site.token("/consent/preferences"))
    assert "TUBE" in site.get().text
    device = elsewhere(site)
    device.set_cookie("consent_example", copy)
    assert "TUBE" not in device.get("/").text
    assert json_of(site)["code"] == code


# Erasing


def test_erasing_asks_once_more(site: Site, code: str) -> None:
    """The first click erases nothing; the page that it leads to has a button that does, and one that does not."""
    asked = send(site.client, action="erase", next="/news/1")
    assert "Nobody can bring it back." in words(asked)
    assert len(site.records) == 1
    fields: dict[str, Any] = {
        name: unescape(value) for name, value in re.findall(r'<input[^>]* name="(\w+)" value="([^"]*)"', asked.text)
    }
    assert fields == {"code": code, "next": "/news/1", "confirm": "yes"}
    kept = send(site.client, action="show", **fields)
    assert kept.location == "/consent/receipt?next=/news/1"
    assert len(site.records) == 1


def test_erasing_leaves_nothing_of_the_subject(site: Site, code: str) -> None:
    """The records and the cookie are gone, what was stored is deleted, and the visitor is asked anew."""
    site.client.set_cookie("_pk_id.1", "x")
    site.clock.advance(minutes=5)
    subject = site.records[0].subject or b""
    unconfirmed = send(site.client, action="erase", confirm="yes")
    assert f'name="code" value="{code}"' in unconfirmed.text, "another site may know our form, not the code in it"
    answer = send(site.client, action="erase", code=code, confirm="yes")
    assert "Erased: 1 entry." in words(answer)
    assert "Nothing is written down about you" in words(answer)
    assert code not in words(answer)
    assert _history(site, subject) == []
    (left,) = site.records
    assert (left.event, left.subject) == (Event.WITHDRAWN, None)
    assert site.receipt is None
    assert site.client.get_cookie("_pk_id.1") is None
    assert "Accept all" in site.get().text


def test_erasing_leaves_nothing_on_this_host(site: Site, code: str) -> None:
    """Neither what waits in its spool nor what was set aside there; and it is remembered as long as a receipt may last."""
    ledger, subject = site.state.ledger, site.records[0].subject or b""
    refused = entry(2, subject=subject)
    for one in (entry(1, subject=subject), refused, entry(3)):
        ledger.spool.put(one)
    ledger.spool.set_aside(refused.record, "Test")
    answer = send(elsewhere(site), action="erase", code=code, confirm="yes")
    assert "Erased: 2 entries." in words(answer)
    assert ledger.spool.batch(10) == [entry(3)]
    assert ledger.spool.status().refused == 0
    with ledger.database.read() as connection:
        (row,) = connection.execute(tables.revocation.select()).all()
    assert moment(row.until) >= site.state.policy.lifetime.after(site.clock()) + timedelta(days=30)


def test_another_host_clears_its_spool(site: Site, build: Callable[..., Site], code: str) -> None:
    """Of what was set aside there, with its next sweep."""
    subject = site.records[0].subject or b""
    second = build(CONSENT_STORE_URL=site.state.settings.store_url).state.ledger
    second.spool.put(entry(1, subject=subject))
    second.spool.set_aside(entry(1).record, "Test")
    second.eraser.sweep(now=site.clock())
    assert second.spool.status().refused == 1
    send(site.client, action="erase", code=code, confirm="yes")
    second.eraser.sweep(now=site.clock())
    assert second.spool.status().refused == 0


def test_another_device_erases(site: Site, code: str) -> None:
    """And the first device's cookie grants nothing any more; its page says so and offers nothing to erase."""
    answer = send(elsewhere(site), action="erase", code=code, confirm="yes")
    assert "Erased: 1 entry." in words(answer)
    assert "TUBE" not in site.get().text
    shown = page(site)
    assert "This choice is over" in shown
    assert "Nothing is there" in shown
    assert "Erase" not in shown
    again = send_json(elsewhere(site), action="erase", code=code).json
    assert again is not None
    assert again["erased"] == 0


def test_a_cookie_with_a_domain_is_deleted_with_it(build: Callable[..., Site]) -> None:
    """A deletion needs the attributes that the cookie was set with."""
    site = build(CONSENT_COOKIE_DOMAIN="example.org")
    base = "https://www.example.org"
    token = site.token("/consent/preferences")
    headers = {"Origin": base}
    site.client.post(
        "/consent/decision", base_url=base, json={"answer": "accept_all", "notice": token}, headers=headers
    )
    gone = site.client.post("/consent/receipt", base_url=base, json={"action": "erase"}, headers=headers)
    (deleted,) = [h for h in gone.headers.getlist("Set-Cookie") if h.startswith("__Secure-consent_example=;")]
    assert {"Domain=example.org", "Secure", "Max-Age=0", "Path=/"} <= set(deleted.split("; "))


@pytest.mark.parametrize("action", ["withdraw", "erase"])
def test_a_cache_learns_that_nothing_is_granted(build: Callable[..., Site], action: str) -> None:
    """With one page for all, the cookie that marks who allowed something goes with what was allowed."""
    site = build(CONSENT_CACHE_MODE="static")
    site.accept()
    assert site.client.get_cookie("consent_example_in") is not None
    site.clock.advance(minutes=5)
    send(site.client, action=action, code=str(json_of(site)["code"]), confirm="yes")
    assert site.client.get_cookie("consent_example_in") is None
    assert "no-store" in site.get("/consent/receipt").headers["Cache-Control"]


# When things fail


def test_a_page_without_the_store_shows_the_cookie(site: Site, code: str) -> None:
    """What counts is known; what was recorded cannot be read now, and the code is still there."""
    with store_away(site):
        shown = page(site)
        said = json_of(site)
    assert "You allow:" in shown
    assert "Our record is out of reach right now." in shown
    assert "comes from your browser’s cookie" in shown
    assert code in shown
    assert (said["readable"], said["records"]) == (False, [])


def test_a_withdrawal_without_the_store_waits_and_counts(site: Site, code: str) -> None:
    """It is in the spool, takes effect here, and is in the record when the store is back."""
    site.clock.advance(minutes=5)
    with store_away(site):
        shown = words(send(elsewhere(site), action="show", code=code))
        assert "Our record is out of reach right now, so we cannot show" in shown
        assert "Take back all" in shown
        answer = send(elsewhere(site), action="withdraw", code=code)
        assert answer.status_code == 200
        assert "Taken back." in words(answer)
        assert "TUBE" not in site.get().text
    site.state.ledger.shipper.ship()
    assert [record.event for record in site.records] == [Event.GIVEN, Event.WITHDRAWN]


def test_erasing_without_the_store_takes_back(site: Site, code: str) -> None:
    """503 says that it was not erased and that it was taken back; both are true."""
    site.clock.advance(minutes=5)
    with store_away(site):
        answer = send(elsewhere(site), action="erase", code=code, confirm="yes")
        assert answer.status_code == 503
        assert "could not be erased now. But everything you allowed is taken back." in words(answer)
        assert "TUBE" not in site.get().text
    site.state.ledger.shipper.ship()
    assert [record.event for record in site.records] == [Event.GIVEN, Event.WITHDRAWN]
    said = send_json(elsewhere(site), action="erase", code=code).json
    assert said is not None
    assert said["erased"] == 2


def test_with_nothing_to_write_to_another_device_is_told(site: Site, code: str) -> None:
    """503: it was kept nowhere. In the visitor's own browser the cookie says it, and that is enough."""
    site.clock.advance(minutes=5)
    no_spool(site)
    with store_away(site):
        answer = send(elsewhere(site), action="withdraw", code=code)
        assert answer.status_code == 503
        assert "Please try again later." in words(answer)
        own = send_json(site.client, action="withdraw")
        assert own.status_code == 200
        assert own.json is not None
        assert own.json["recorded"] is False
        assert "TUBE" not in site.get().text


def test_a_process_that_never_reached_the_store_grants_nothing(
    site: Site, build: Callable[..., Site], code: str
) -> None:
    """It cannot know what was taken back: the page is served with trackers off, and nobody is asked again."""
    second = build(CONSENT_STORE_URL=site.state.settings.store_url)
    second.client.set_cookie("consent_example", site.receipt or "")
    with store_away(site):
        answer = second.get()
        assert answer.status_code == 200
        assert "TUBE" not in answer.text
        assert "Accept all" not in answer.text
        assert "Set-Cookie" not in answer.headers
        assert "We cannot check right now" in page(second)
    second.clock.advance(seconds=10)
    assert "TUBE" in second.get().text


# What is turned away


@pytest.mark.parametrize("action", ["withdraw", "erase", "show"])
def test_another_site_cannot_send_it(site: Site, code: str, action: str) -> None:
    """Neither with the cookie nor with the code."""
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-site"},
    ):
        assert send(site.client, headers, action=action, code=code, confirm="yes").status_code == 403
    assert len(site.records) == 1
    assert "TUBE" in site.get().text


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 400),
        ({"action": "burn"}, 400),
        ({"action": 1}, 400),
        ({"action": ["show"]}, 400),
        ({"action": "show", "code": 5}, 400),
        ({"action": "show", "code": {"a": 1}}, 400),
        ({"action": "show", "code": None}, 400),
        ({"action": "show", "code": "x" * 9000}, 413),
    ],
)
def test_what_is_no_wish_is_turned_away(site: Site, fields: dict, status: int) -> None:
    """With a reason for the developer."""
    answer = send_json(site.client, **fields)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"


def test_other_bodies_are_turned_away(site: Site) -> None:
    """415 for what is neither a form nor JSON, 400 for what cannot be read."""
    headers = {"Origin": "http://localhost"}
    assert (
        site.client.post("/consent/receipt", data=b"x", content_type="text/plain", headers=headers).status_code == 415
    )
    assert (
        site.client.post("/consent/receipt", data=b"{", content_type="application/json", headers=headers).status_code
        == 400
    )
    assert (
        site.client.post("/consent/receipt", data=b"[]", content_type="application/json", headers=headers).status_code
        == 400
    )


def test_without_a_code_or_a_cookie_there_is_nothing_to_do(site: Site) -> None:
    """Somebody without records takes back and erases nothing."""
    for action in ("withdraw", "erase", "show"):
        assert send(site.client, action=action).location == "/consent/receipt?next=/"
        said = send_json(site.client, action=action).json
        assert said is not None
        assert said["records"] == []
    assert site.records == []


def test_the_code_is_in_no_address_and_no_log(site: Site, code: str, caplog: pytest.LogCaptureFixture) -> None:
    """Forms carry it in their body."""
    with caplog.at_level("DEBUG"), store_away(site):
        for action in ("show", "withdraw", "erase"):
            answer = send(elsewhere(site), action=action, code=code, confirm="yes")
            assert code not in (answer.location or "")
            assert not re.search(rf'(href|src|action)="[^"]*{re.escape(code)}', answer.text)
    subject = site.state.receipts.open(site.receipt or "").subject or b""
    assert code not in caplog.text
    assert subject.hex() not in caplog.text


def test_the_json_is_json(site: Site, code: str, tmp_path: Path) -> None:
    """And stays so for what a record may hold."""
    answer = site.client.get("/consent/receipt", headers={"Accept": "application/json"})
    assert answer.mimetype == "application/json"
    assert json.loads(answer.text)["records"][0]["purposes"]["statistics"] is True
    site.clock.now += timedelta(days=400)
    assert json_of(site)["decision"] is None


def test_every_proof_holds_on_every_engine(database_url: str) -> None:
    """Of a subject with records all over a log of several hundred; other subjects' are not in its history."""
    with opened(database_url) as ledger:
        for number in range(0, 600, 60):
            ledger.store.append_many(
                [entry(n, subject=WHO if n % 60 == 7 else None) for n in range(number, number + 60)], now=NOW
            )
        ledger.sequencer.seal_all(NOW)
        ledger.append(1000, subject=WHO)
        found = history.read(ledger.database, SITE, WHO, proofs=True)
        assert found.checkpoint is not None
        signed = Checkpoint.parse(found.checkpoint.partition("\n\n")[0] + "\n")
        assert signed.size == 600
        assert len(found.records) == 11
        *sequenced, last = found.records
        assert (last.index, last.public, last.proof) == (None, None, None)
        for kept in sequenced:
            assert kept.record.subject == WHO
            assert kept.index is not None
            assert kept.public is not None
            assert kept.proof is not None
            merkle.verify_inclusion(kept.index, signed.size, leaf.hash_of(kept.public), kept.proof, signed.root)
            committed = leaf.parse(kept.public)
            assert isinstance(committed, leaf.RecordLeaf)
            assert committed.commitment == leaf.commitment(kept.salt, kept.body)
        assert history.read(ledger.database, "another", WHO).records == ()
        assert history.read(ledger.database, SITE, b"n" * 16, proofs=True) == history.History(records=())


# What answers end


def test_a_double_click_does_not_end_the_new_receipt(site: Site, build: Callable[..., Site], code: str) -> None:
    """The second of two equal answers, on a host that has not heard of the first, repeats its receipt; that one stands."""
    second = build(CONSENT_STORE_URL=site.state.settings.store_url)
    second.clock.now = site.clock.now
    second.client.set_cookie("consent_example", site.receipt or "")
    assert "UNCOUNTED" not in second.get().text
    said: dict[str, Any] = {
        "answer": "custom",
        "purposes": ["statistics"],
        "notice": site.token("/consent/preferences"),
        "key": "k" * 22,
    }
    site.post(**said)
    second.clock.advance(seconds=1)
    second.post(**said)
    assert second.receipt == site.receipt
    for host in (site, second):
        for minutes in (0, 1, 20):
            host.clock.advance(minutes=minutes)
            assert "UNCOUNTED" not in host.get().text
    assert len(site.records) == 2


def test_an_unsure_receipt_is_not_built_upon(site: Site, build: Callable[..., Site], code: str) -> None:
    """Taken back elsewhere, unknown here: allowing one more thing must not bring back all that was allowed before."""
    copy = site.receipt or ""
    site.clock.advance(minutes=5)
    site.form(answer="custom", purposes=["statistics"], notice=site.token("/consent/preferences"))
    second = build(CONSENT_STORE_URL=site.state.settings.store_url)
    second.clock.now = site.clock.now
    second.client.set_cookie("consent_example", copy)
    page = elsewhere(site).get("/").text
    frame = re.search(r'data-consentry="frame".*?name="notice" value="([^"]+)"', page, re.DOTALL)
    assert frame
    with store_away(site):
        second.post(answer="always", service="youtube", notice=frame[1])
    second.clock.advance(seconds=10)
    assert {"colours", "pixel", "maps"}.isdisjoint(json_of(second)["services"])
