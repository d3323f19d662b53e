"""Reports as they come in, hostile ones too, and how they are counted."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.discovery import Kind, Sighting, Tally, page_of, reports, tally
from consent.discovery.sighting import LONGEST_PAGE, name_of, quoted
from consent.gate.reporting import Reporting

HOME = "www.example.org"
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


def old(**changes: Any) -> bytes:
    """A report by report-uri."""
    body = {
        "document-uri": "https://www.example.org/news?q=secret#part",
        "referrer": "https://from.example/",
        "violated-directive": "script-src-elem",
        "effective-directive": "script-src-elem",
        "blocked-uri": "https://cdn.example/a.js?v=1",
        "source-file": "https://www.example.org/own.js",
        "script-sample": "alert(1)",
    }
    return json.dumps({"csp-report": body | changes}).encode()


def new(*changes: dict[str, Any]) -> bytes:
    """Reports by the Reporting API."""
    body = {
        "documentURL": "https://www.example.org/news?q=secret",
        "referrer": "https://from.example/",
        "effectiveDirective": "img-src",
        "blockedURL": "https://cdn.example/a.png?v=1",
        "sample": "x",
    }
    common = {"type": "csp-violation", "age": 5, "url": "https://www.example.org/news?q=secret", "user_agent": "Agent"}
    return json.dumps([common | {"body": body | change} for change in changes]).encode()


def names(**changes: Any) -> bytes:
    """What the guard sends."""
    said = {"type": "consentry-names", "cookies": ["_ga"], "storage": ["theme"], "databases": ["db"], "path": "/news"}
    return json.dumps(said | changes).encode()


def read(body: bytes) -> list[Sighting]:
    return reports.read(body, host=HOME)


def test_a_violation_is_a_host_a_directive_and_a_path() -> None:
    """Nothing else of either shape of report is kept."""
    assert read(old()) == [Sighting(Kind.HOST, "https://cdn.example", "script-src", "/news")]
    assert read(new({}, {"blockedURL": "wss://ws.example:8443/x", "effectiveDirective": "connect-src"})) == [
        Sighting(Kind.HOST, "https://cdn.example", "img-src", "/news"),
        Sighting(Kind.HOST, "wss://ws.example:8443", "connect-src", "/news"),
    ]


def test_names_of_the_guard() -> None:
    """Cookies, storage keys and databases, with the page."""
    assert read(names()) == [
        Sighting(Kind.COOKIE, "_ga", "script", "/news"),
        Sighting(Kind.STORAGE, "theme", "script", "/news"),
        Sighting(Kind.DATABASE, "db", "script", "/news"),
    ]


@pytest.mark.parametrize(
    ("blocked", "kept"),
    [
        ("https://a.example", "https://a.example"),
        ("https://a.example/p?q#f", "https://a.example"),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080"),
        ("https://[2001:db8::1]:8/x", "https://[2001:db8::1]:8"),
        ("https://under_score.example/x", "https://under_score.example"),
        ("inline", "inline"),
        ("eval", "eval"),
        ("data", "data"),
        ("data:text/html,canary", "data"),
        ("blob:https://www.example.org/1", "blob"),
    ],
)
def test_what_is_kept_of_a_blocked_address(blocked: str, kept: str) -> None:
    """The origin, or a keyword."""
    assert [sighting.name for sighting in read(old(**{"blocked-uri": blocked}))] == [kept]


HOSTILE: list[Any] = [
    "https://user:secret@a.example/",
    "https://a.example@b.example/",
    "javascript:alert(1)",
    "chrome-extension://abcdef/x.js",
    "moz-extension",
    "about",
    "",
    "//a.example",
    "https:a.example",
    "https:\\\\a.example",
    "https://",
    "https:///x",
    "https://a..example",
    "https://A.example",
    "https://ä.example",
    "https://a.example:999999/",
    "https://a.example\n",
    "https://a.example\x1b[31m",
    " https://a.example",
    f"https://{'a' * 300}.example/",
    "https://" + "a." * 5000,
    "\ud800",
    None,
    1,
    1e400,
    True,
    ["https://a.example"],
    {"a": "https://a.example"},
]


@pytest.mark.parametrize("blocked", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_blocked_address_is_left_out(blocked: Any) -> None:
    """Credentials, other schemes, odd spellings and other types are no host."""
    assert read(old(**{"blocked-uri": blocked})) == []
    assert read(new({"blockedURL": blocked})) == []


@pytest.mark.parametrize(
    "directive",
    ["form-action", "frame-ancestors", "script-src-elem\x1b[31m", "", "x" * 10_000, None, 3, ["img-src"], {}],
)
def test_a_directive_that_loads_nothing_is_left_out(directive: Any) -> None:
    """Only what a policy file can open counts."""
    assert read(old(**{"effective-directive": directive, "violated-directive": directive})) == []


def test_older_browsers_name_the_violated_directive_with_its_sources() -> None:
    """The first word is enough."""
    said = old(**{"effective-directive": None, "violated-directive": "script-src 'self' https://x.example"})
    assert [sighting.by for sighting in read(said)] == ["script-src"]


@pytest.mark.parametrize(
    "document",
    [
        "https://other.example/secret",
        "https://www.example.org:8/x",
        "https://u@www.example.org/x",
        "about",
        "",
        None,
        7,
    ],
)
def test_a_page_of_another_host_is_not_named(document: Any) -> None:
    """What was loaded counts; whose page it was is nobody's business."""
    assert [sighting.page for sighting in read(old(**{"document-uri": document}))] == [""]


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/", "/"),
        ("/news/2026/11/geminids-without-moon-2026-11-22", "/news/2026/11/geminids-without-moon-2026-11-22"),
        ("/a?q=secret", "/a"),
        ("/a#secret", "/a"),
        ("/a;jsessionid=secret/b", "/a"),
        ("/user/jo@example.org/orders", "/user/…/orders"),
        ("/user/jo%40example.org", "/user/…"),
        ("/call/+491701234567", "/call/…"),
        ("/reset/6f1ed002ab5595859014ebf0951522d9", "/reset/…"),
        ("/u/123e4567-e89b-12d3-a456-426614174000x", "/u/…"),
        ("/consent/embed/youtube/eyJzcmMiOiJodHRwcyJ9.aR9xYQ.Zx-y_z0123456789", "/consent/embed/youtube/…"),
        ("/" + "long-word-" * 40, "/" + ("long-word-" * 40)[: LONGEST_PAGE - 1]),
        ("no/slash", ""),
        ("", ""),
        ("/ä", ""),
        ("/a b", ""),
        ("/a\x1b[31m", ""),
    ],
)
def test_what_is_kept_of_a_path(path: str, page: str) -> None:
    """No query, no fragment, no address, no long number, no token; cut to 200 characters."""
    assert page_of(path) == page


def test_a_path_of_the_server_is_written_as_browsers_write_it() -> None:
    """WSGI hands it over decoded."""
    assert page_of(quoted("/m\u00c3\u00bcnchen/a b")) == "/m%C3%BCnchen/a%20b"


@pytest.mark.parametrize(
    "name", ["", "a=canary", "a b", "a;b", "ä", "a\n", "a" * 101, "a\x1b[31m", None, 1, ["a"], {"a": "b"}]
)
def test_what_is_no_cookie_name_is_left_out(name: Any) -> None:
    """A value, an escape sequence or another type has no place in a name."""
    assert read(names(cookies=[name], storage=[], databases=[])) == []


def test_a_storage_key_may_be_any_plain_text() -> None:
    """What cannot be printed is left out, and so is what no longer fits."""
    said = names(
        cookies=[], databases=[], storage=["theme", 'q"uote', "\x1b[31m", "ä", "a\tb", "a" * 101, "x:" + "ä" * 99]
    )
    assert [sighting.name for sighting in read(said)] == ["theme", 'q"uote', "x:*"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("theme", "theme"),
        ("_pk_id.3.1fff", "_pk_id.3.1fff"),
        ("_ga_ABC123XYZ9", "_ga_ABC123XYZ9"),
        ("hs-messages-hide-welcome-message", "hs-messages-hide-welcome-message"),
        ("4111111111111111", "*"),
        ("uid_jo.doe%40example.org", "uid_*"),
        ("uid_jo.doe@example.org", "uid_*"),
        ("jo-doe@example.org", "*"),
        ("jo.doe@[192.0.2.1]", "*"),
        ("user:Jo Smith +353 87 1234567", "user:*"),
        ("user:jo@example.org", "user:*"),
        ("user%3AJo", "user%*"),
        ("lastSearch:hiv test dublin", "lastSearch:*"),
        ("amplitude id", "amplitude *"),
        ("cart=3", "cart=*"),
        ("/patients/Jo-Smith", "/patients/*"),
        ("@@auth0spajs@@::client", "@@auth0spajs@*"),
        ("theme:", "theme:"),
        ("_hjSessionUser_1234567", "_hjSessionUser_*"),
        ("call-+353871234567", "call-+*"),
        ("call-087-123-4567", "call-*"),
        ("mp_0123456789abcdef0123456789abcdef_mixpanel", "mp_*"),
        ("ph_phc_aB3dE5fG7hI9kL1mN3oP5qR7_posthog", "ph_phc_*"),
        ("123e4567-e89b-12d3-a456-426614174000", "*"),
        ("session-eyJhbGciOiJIUzI1NiJ9", "session-*"),
    ],
)
def test_what_is_kept_of_a_name(name: str, kept: str) -> None:
    """Its beginning, as a policy names it, and nothing of an address, a number, a token or what follows a separator."""
    assert [sighting.name for sighting in read(names(cookies=[], storage=[name], databases=[]))] == [kept]
    assert Sighting(Kind.COOKIE, name, "set-cookie", "/").name == kept


@settings(deadline=None)
@given(st.text() | st.text(st.sampled_from("aB3:@%40_ *-")))
def test_a_name_is_cut_once(name: str) -> None:
    """What is kept begins as the name did, and is kept again as it is."""
    kept = name_of(name)
    assert name.startswith((kept, kept[:-1]))
    assert name_of(kept) == kept


def test_a_long_name_takes_no_time() -> None:
    """The patterns see no more than may be kept."""
    begun = perf_counter()
    for letter in ("a", "1", "a1", "_", "%4", "@"):
        name_of(letter * 500_000)
    assert perf_counter() - begun < 0.5


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"7",
        b'"text"',
        b"[]",
        b"{}",
        b"[[[]]]",
        b"[1, null, [], {}]",
        b"\xff\xfe{}",
        b'{"csp-report": []}',
        b'{"csp-report": {"blocked-uri": {}}}',
        b'[{"type": "csp-violation"}]',
        b'[{"type": "csp-violation", "body": 3}]',
        b'[{"type": ["csp-violation"], "body": {}}]',
        b'{"type": "consentry-names"}',
        b'{"type": "consentry-names", "cookies": {"a": 1}, "storage": "abc", "path": 3}',
        b"[" * 8000,
        b'{"a":' * 3000,
        b"9" * 16_000,
        b'{"csp-report": {"blocked-uri": ' + b"1" * 10_000 + b"}}",
        b'{"csp-report": NaN}',
    ],
)
def test_a_body_that_is_no_report_says_nothing(body: bytes) -> None:
    """Deep, broken, huge or of another shape: nothing is raised."""
    assert read(body) == []


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_break_the_reading(body: bytes) -> None:
    """Whatever comes, it is read or left."""
    read(body)


_VALUES = st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=30), st.lists, max_leaves=5)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["blocked-uri", "effective-directive", "document-uri"]), _VALUES))
def test_what_is_kept_is_always_plain(changes: Mapping[str, Any]) -> None:
    """Printable, short, and nothing that a terminal or a TOML file would read as more than text."""
    for sighting in read(old(**changes)):
        assert (sighting.name + sighting.by + sighting.page.replace("…", "")).isascii()
        assert (sighting.name + sighting.by + sighting.page).isprintable()
        assert len(sighting.name) < 280
        assert len(sighting.page) <= LONGEST_PAGE


def test_one_body_tells_so_much_and_no_more() -> None:
    """The rest of a list is not looked at."""
    assert len(read(new(*[{"blockedURL": f"https://h{number}.example"} for number in range(500)]))) == 100
    assert len(read(names(cookies=[f"c{number}" for number in range(500)], storage=[], databases=[]))) == 100


class Kept:
    """Takes what a tally hands over, and lets the time until then be tested."""

    def __init__(self) -> None:
        self.batches: list[tuple[dict[Sighting, int], int, date]] = []
        self.scheduled: list[Any] = []
        self.fails = False
        self.tally = Tally(self.keep, later=lambda _, call: self.scheduled.append(call))

    def keep(self, counts: Mapping[Sighting, int], dropped: int, day: date) -> None:
        if self.fails:
            raise OSError("canary")
        self.batches.append((dict(counts), dropped, day))

    @property
    def kept(self) -> int:
        return sum(sum(counts.values()) for counts, _, _ in self.batches)

    @property
    def dropped(self) -> int:
        return sum(dropped for _, dropped, _ in self.batches)


@pytest.fixture
def kept() -> Kept:
    """An empty tally."""
    return Kept()


def host(number: int = 0, page: str = "/") -> Sighting:
    return Sighting(Kind.HOST, f"https://h{number}.example", "img-src", page)


def test_counting_waits_for_nobody(kept: Kept) -> None:
    """A sighting is counted in memory; one hand-over is under way however many there are."""
    for _ in range(3):
        kept.tally.add(host(), NOW)
    assert kept.batches == []
    assert len(kept.scheduled) == 1
    kept.scheduled[0]()
    assert kept.batches == [({host(): 3}, 0, NOW.date())]
    kept.tally.add(host(), NOW)
    assert len(kept.scheduled) == 2


def test_a_flood_of_hosts_is_held(kept: Kept) -> None:
    """A hundred thousand made-up hosts in a minute: some hundreds are kept, all are counted, memory stays bounded."""
    for number in range(100_000):
        kept.tally.add(host(number), NOW + timedelta(milliseconds=number / 2))
    kept.tally.flush()
    assert kept.kept <= tally.AT_ONCE + tally.NEW
    assert kept.kept + kept.dropped == 100_000
    assert len(kept.tally._known) <= tally.AT_ONCE + tally.NEW


def test_a_patient_flood_is_held(kept: Kept) -> None:
    """However slowly they come, no more than so many are known in one day."""
    for number in range(10_000):
        kept.tally.add(host(number), NOW.replace(hour=0) + timedelta(seconds=number * 8))
    kept.tally.flush()
    assert kept.kept == len(kept.tally._known) == tally.MOST
    assert kept.dropped == 10_000 - tally.MOST
    kept.tally.add(host(99_999), NOW + timedelta(days=1))
    kept.tally.flush()
    assert kept.kept == tally.MOST + 1, "the next day starts anew"


def test_what_is_known_counts_on_in_a_flood(kept: Kept) -> None:
    """A site's true findings, seen first, are not starved by made-up ones."""
    kept.tally.add(host(), NOW)
    for number in range(1, 5000):
        kept.tally.add(host(number), NOW)
    for _ in range(100):
        kept.tally.add(host(), NOW)
    kept.tally.flush()
    assert kept.batches[0][0][host()] == 101


def test_a_host_on_every_page_is_told_for_a_few(kept: Kept) -> None:
    """The first pages have names, the others are one."""
    for number in range(100):
        kept.tally.add(host(page=f"/page-{number}"), NOW)
    kept.tally.flush()
    counts = kept.batches[0][0]
    assert len(counts) == tally.PAGES + 1
    assert counts[host(page="")] == 100 - tally.PAGES


def test_what_is_told_twice_counts_once(kept: Kept) -> None:
    """The second way adds what the first did not tell, and nothing else."""
    for page in range(tally.PAGES + 3):
        kept.tally.add(host(page=f"/{page}"), NOW)
        kept.tally.add(host(page=f"/{page}"), NOW, only_new=True)
    kept.tally.add(host(1), NOW, only_new=True)
    kept.tally.flush()
    assert kept.kept == tally.PAGES + 3 + 1


def test_a_flood_of_bodies_is_not_read(kept: Kept) -> None:
    """Beyond some hundreds in a minute they are only counted; a minute later they are read again."""
    admitted = sum(kept.tally.admits(now=NOW) for _ in range(5000))
    assert admitted == tally.READ
    kept.tally.flush()
    assert kept.batches == [({}, 5000 - tally.READ, NOW.date())]
    assert kept.tally.admits(now=NOW + timedelta(minutes=1))


def test_a_clock_that_goes_back_opens_nothing(kept: Kept) -> None:
    """Neither a step back nor one forward again gives more than a minute's worth."""
    times = [NOW, NOW - timedelta(hours=1), NOW]
    assert sum(kept.tally.admits(now=now) for now in times for _ in range(1000)) <= 2 * tally.READ


def test_a_store_that_fails_loses_nothing_and_says_so(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    """The batch stays for the next time; the log names the error's type and no word of its text."""
    kept.fails = True
    kept.tally.add(host(), NOW)
    kept.tally.flush()
    assert caplog.messages == ["what was seen on pages was not kept: OSError"]
    kept.fails = False
    kept.tally.add(host(), NOW)
    kept.tally.flush()
    assert kept.batches == [({host(): 2}, 0, NOW.date())]


def test_a_store_that_fails_for_long_fills_no_memory(kept: Kept) -> None:
    """What cannot be handed over for days is bounded, too."""
    kept.fails = True
    for day in range(5):
        for number in range(10_000):
            moment = NOW.replace(hour=0) + timedelta(days=day, seconds=number * 8)
            kept.tally.add(host(day * 10_000 + number), moment)
        kept.tally.flush()
        assert len(kept.tally._counts) <= tally.MOST
    kept.fails = False
    kept.tally.flush()
    assert kept.kept + kept.dropped == 50_000


def test_a_fork_hands_over_by_itself(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that was started before a fork does not run after it."""
    kept.tally.add(host(), NOW)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    kept.tally.add(host(), NOW)
    assert len(kept.scheduled) == 2


def test_no_thread_no_harm() -> None:
    """Where no thread can be started, as while the interpreter ends, the last hand-over takes it."""
    batches: list[Mapping[Sighting, int]] = []

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    made = Tally(lambda counts, *_: batches.append(counts), later=refuse)
    made.add(host(), NOW)
    made.flush()
    assert batches == [{host(): 1}]


def reporting(root: str = "", *, endpoints: bool = False, policy: str = "default-src 'self'") -> list[tuple[str, str]]:
    made = Reporting("/consent/report", lambda *_: None)
    return made.headers("Content-Security-Policy", policy, root=root, endpoints=endpoints)


def test_a_document_over_https_has_both_ways() -> None:
    """In two policies: browsers that know both would else use the second alone."""
    assert reporting(endpoints=True) == [
        ("Content-Security-Policy", "default-src 'self'; report-uri /consent/report"),
        ("Content-Security-Policy-Report-Only", "default-src 'self'; report-to consentry"),
        ("Reporting-Endpoints", 'consentry="/consent/report"'),
    ]


def test_elsewhere_only_the_old_way_works() -> None:
    """Nothing is sent where report-to stands and no endpoint is known."""
    assert reporting() == [("Content-Security-Policy", "default-src 'self'; report-uri /consent/report")]


def test_a_long_policy_is_not_sent_twice() -> None:
    """Proxies refuse a response whose headers are too long, and no page may fail because of consent."""
    assert len(reporting(endpoints=True, policy="x" * 1001)) == 1


@pytest.mark.parametrize(
    ("root", "path"),
    [("/shop", "/shop"), ("/shop/", "/shop"), ("/a;b,c d", "/a%3Bb%2Cc%20d"), ('/"x"\n', "/%22x%22%0A")],
)
def test_the_address_stands_below_the_mount_point(root: str, path: str) -> None:
    """And cannot end the directive or the header."""
    assert reporting(root)[0][1] == f"default-src 'self'; report-uri {path}/consent/report"


@pytest.mark.parametrize("name", ["", "a=b", "canary canary", "a" * 200, "\x1b"])
def test_an_odd_cookie_of_the_server_is_not_counted(name: str) -> None:
    """The same names are kept, whoever tells them."""
    noted: list[Sighting] = []
    made = Reporting("/consent/report", lambda sighting, _: noted.append(sighting))
    made.cookie(name, path="/a", now=NOW)
    made.cookie("spy", path="/m\u00c3\u00bcnchen", now=NOW)
    assert noted == [Sighting(Kind.COOKIE, "spy", "set-cookie", "/m%C3%BCnchen")]
