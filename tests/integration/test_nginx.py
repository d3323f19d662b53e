"""Both cache modes behind a real nginx with ``proxy_cache``, set up by the very lines of docs/caching.md.

Each test uses pages of its own. ``X-Cache-Status`` says what the cache did, gunicorn's log how often it was asked.
"""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.cookiejar import CookieJar
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest

from tests import servers

#: A cache that goes by time alone, as many a recipe has it.
_NAIVE = {
    "proxy_cache_bypass $cookie_consent_my_site_in;": "proxy_cache_valid 200 10m;",
    "proxy_no_cache $cookie_consent_my_site_in;": "proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;",
}
#: The documented lines without those that only one of the two modes needs.
_WITHOUT_MARKER = dict.fromkeys(_NAIVE, "")


@dataclass(frozen=True)
class Answer:
    """A response as it left nginx."""

    status: int
    headers: Message
    text: str

    @property
    def cache(self) -> str | None:
        """What the cache did."""
        return self.headers["X-Cache-Status"]


@dataclass(frozen=True)
class Upstream:
    """The application, and the log of what it was asked."""

    address: str
    log: Path

    def asked(self, path: str) -> list[int]:
        """The statuses that it answered for *path*."""
        time.sleep(0.1)  # it writes its log after its answer
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [int(status) for at, status in map(str.split, lines) if at == path]


@dataclass
class Visitor:
    """A browser without a cache of its own, at *address*; its name is a cookie."""

    address: str
    name: str
    gpc: bool = False
    jar: CookieJar = field(default_factory=CookieJar)

    @property
    def cookies(self) -> SimpleCookie:
        """What it holds, beside its name."""
        return SimpleCookie("; ".join(f"{cookie.name}={cookie.value}" for cookie in self.jar))

    def get(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> Answer:
        """Ask for *path*; with a *body*, post it as JSON."""
        sent = {"Accept": "text/html", "Sec-Fetch-Dest": "document"} if body is None else {"Origin": self.address}
        sent |= {"Sec-GPC": "1"} if self.gpc else {}
        sent |= {"Cookie": f"who={self.name}"}
        request = urllib.request.Request(self.address + path, headers=sent)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        self._add_cookies(request)
        try:
            response = urllib.request.urlopen(request, timeout=20)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            self.jar.extract_cookies(response, request)
            return Answer(response.status, response.headers, response.read().decode())

    def _add_cookies(self, request: urllib.request.Request) -> None:
        held = [f"{cookie.name}={cookie.value}" for cookie in self.jar]
        request.add_header("Cookie", "; ".join([f"who={self.name}", *held]))

    def answer(self, **said: Any) -> Answer:
        """Answer the question of the preferences page."""
        page = self.get("/consent/preferences").text
        token = re.search(r'name="notice" value="([^"]+)"', page)
        assert token
        done = self.get("/consent/decision", {"notice": token[1], **said})
        assert done.status == 200, done.text
        return done

    def always(self) -> Answer:
        """Allow the frame of YouTube for good, and nothing else."""
        state = json.loads(self.get("/consent/state?about=youtube").text)
        said = {"answer": "always", "service": "youtube", "notice": state["notices"]["youtube"]}
        done = self.get("/consent/decision", said)
        assert done.status == 200, done.text
        return done


def _served(folder: Path, mode: str) -> Iterator[Upstream]:
    wsgi = (
        "from pathlib import Path\nfrom tests.cached_site import create\n"
        f"app = create(Path({str(folder / 'site')!r}), CONSENT_CACHE_MODE={mode!r})\n"
    )
    log = folder / "access.log"
    options = ("--threads", "4", "--access-logfile", str(log), "--access-logformat", "%(U)s %(s)s")
    with servers.gunicorn(folder, wsgi, *options) as address:
        yield Upstream(address, log)


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """The site in static mode under gunicorn."""
    yield from _served(tmp_path_factory.mktemp("static"), "static")


@pytest.fixture(scope="module")
def variant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """The site in variant mode under gunicorn."""
    yield from _served(tmp_path_factory.mktemp("variant"), "variant")


@pytest.fixture(scope="module")
def cache(static: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The documented nginx in front of static mode."""
    with servers.nginx(tmp_path_factory.mktemp("cache"), servers.documented(), static.address) as address:
        yield address


@pytest.fixture(scope="module")
def unmarked(static: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An nginx in front of static mode that obeys headers and knows no marker."""
    lines = servers.changed(servers.documented(), _WITHOUT_MARKER)
    with servers.nginx(tmp_path_factory.mktemp("unmarked"), lines, static.address) as address:
        yield address


@pytest.fixture(scope="module")
def naive(static: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An nginx in front of static mode that obeys nothing."""
    lines = servers.changed(servers.documented(), _NAIVE)
    with servers.nginx(tmp_path_factory.mktemp("naive"), lines, static.address) as address:
        yield address


@pytest.fixture(scope="module")
def variant_cache(variant: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An nginx in front of variant mode that obeys headers."""
    lines = servers.changed(servers.documented(), _WITHOUT_MARKER)
    with servers.nginx(tmp_path_factory.mktemp("variant_cache"), lines, variant.address) as address:
        yield address


def _crowd(address: str) -> list[Visitor]:
    """Twenty visitors with nothing granted that runs in the page: undecided, refusing, frame-granting, half with GPC."""
    crowd = [Visitor(address, f"visitor-{number}", gpc=number % 2 == 0) for number in range(20)]
    for number, visitor in enumerate(crowd):
        if number % 3 == 1:
            visitor.answer(answer="reject_all")
        elif number % 3 == 2:
            visitor.always()
    return crowd


def test_one_copy_serves_all_who_have_nothing_in_the_page(cache: str, static: Upstream) -> None:
    """Twenty visitors of every kind cost the application one page, and see the same bytes."""
    answers = [visitor.get("/page/crowd") for visitor in _crowd(cache)]
    assert [answer.cache for answer in answers] == ["MISS"] + ["HIT"] * 19
    assert len({answer.text for answer in answers}) == 1
    assert "For everybody" in answers[0].text
    assert static.asked("/page/crowd") == [200]


def test_private_pages_pass_the_cache_and_leave_nothing_in_it(cache: str, static: Upstream) -> None:
    """Who allowed something in the page is served by the application, by name, before and after others are not."""
    ann, bob, eve = (Visitor(cache, name) for name in ("ann", "bob", "eve"))
    ann.answer(answer="accept_all")
    bob.answer(answer="custom", purposes=["statistics"])
    for _ in range(2):
        for visitor in (ann, bob):
            page = visitor.get("/page/private")
            assert (page.cache, page.headers["Cache-Control"]) == ("BYPASS", "private, no-store")
            assert f"Only for {visitor.name}" in page.text
            assert "stats.millbrook.example" in page.headers["Content-Security-Policy"]
    first, second = eve.get("/page/private"), eve.get("/page/private")
    assert (first.cache, second.cache) == ("MISS", "HIT")
    for page in (first, second):
        assert "Only for" not in page.text
        assert "stats.millbrook.example" not in page.headers["Content-Security-Policy"]
    assert f"Only for {ann.name}" in ann.get("/page/private").text, "nor is the shared copy hers"
    assert len(static.asked("/page/private")) == 6


def test_who_takes_back_shares_the_page_again(cache: str) -> None:
    """Accept, see, take back: the next page is the cache's, and so are all after it."""
    visitor, other = Visitor(cache, "ann"), Visitor(cache, "bob")
    shared = other.get("/page/back")
    visitor.answer(answer="accept_all")
    assert "consent_my_site_in" in visitor.cookies
    assert "Only for ann" in visitor.get("/page/back").text
    visitor.answer(answer="withdraw")
    assert "consent_my_site_in" not in visitor.cookies
    again = visitor.get("/page/back")
    assert (again.cache, again.text) == ("HIT", shared.text)


def test_a_left_over_marker_is_deleted_and_grants_nothing(cache: str) -> None:
    """A marker without its receipt costs one private, locked page."""
    visitor = Visitor(cache, "ann")
    visitor.answer(answer="accept_all")
    visitor.jar.clear("127.0.0.1", "/", "consent_my_site")
    page = visitor.get("/page/left")
    assert (page.cache, page.headers["Cache-Control"]) == ("BYPASS", "private, no-cache")
    assert "For everybody" in page.text
    assert not visitor.cookies
    assert [visitor.get("/page/left").cache for _ in range(2)] == ["MISS", "HIT"]


def test_a_lost_marker_comes_back_with_the_state(cache: str) -> None:
    """Its visitor gets the shared page once; the state that the browser side asks for brings it back."""
    visitor = Visitor(cache, "ann")
    visitor.answer(answer="accept_all")
    visitor.jar.clear("127.0.0.1", "/", "consent_my_site_in")
    assert "For everybody" in visitor.get("/page/lost").text
    state = visitor.get("/consent/state", Sec_Fetch_Dest="empty")
    assert (state.cache, state.headers["Cache-Control"]) == ("MISS", "private, no-store")
    assert "Only for ann" in visitor.get("/page/lost").text


def test_our_own_pages_and_guarded_views_are_never_kept(cache: str, static: Upstream) -> None:
    """State, question, preferences and a view under requires_consent are asked of the application each time."""
    ann, bob = Visitor(cache, "ann"), Visitor(cache, "bob")
    ann.answer(answer="custom", purposes=["social"])
    assert "consent_my_site_in" not in ann.cookies, "a purpose of frames alone needs no page of one's own"
    for _ in range(2):
        assert ann.get("/film/one").text == "Film one for ann"
        refused = bob.get("/film/one")
        assert (refused.status, refused.cache) == (403, "MISS")
    for path in ("/consent/state", "/consent/banner", "/consent/preferences"):
        assert {ann.get(path).cache, bob.get(path).cache} == {"MISS"}
    assert len(static.asked("/film/one")) == 4


def test_the_shared_copy_is_confirmed_and_not_sent_again(cache: str, static: Upstream) -> None:
    """When its time is over, nginx asks with the entity tag, and 304 makes the copy good for all once more."""
    crowd = _crowd(cache)[:4]
    first = crowd[0].get("/short/one")
    time.sleep(2.2)
    again = crowd[1].get("/short/one")
    assert (first.cache, again.cache) == ("MISS", "REVALIDATED")
    assert static.asked("/short/one") == [200, 304]
    assert again.text == first.text == crowd[2].get("/short/one").text
    tag = first.headers["ETag"]
    confirmed = crowd[3].get("/short/one", If_None_Match=tag)
    assert (confirmed.status, confirmed.text) == (304, "")
    granted = Visitor(cache, "ann")
    granted.answer(answer="accept_all")
    page = granted.get("/short/one", If_None_Match=tag)
    assert (page.status, page.cache) == (200, "BYPASS")
    assert "Only for ann" in page.text
    back = crowd[3].get("/short/one", If_None_Match=page.headers["ETag"])
    assert back.status == 200, "the tag of a granted page confirms nothing"
    assert "For everybody" in back.text


def test_a_range_is_cut_from_the_visitors_own_page(cache: str) -> None:
    """Parts of the shared copy for those who share it; never a part of another visitor's page."""
    granted, other = Visitor(cache, "ann"), Visitor(cache, "bob")
    granted.answer(answer="accept_all")
    own = granted.get("/page/range", Range="bytes=0-99999")
    assert "Only for ann" in own.text
    whole = other.get("/page/range")
    part = other.get("/page/range", Range="bytes=100-199")
    assert part.cache == "HIT"
    assert (part.status, part.text) in ((206, whole.text.encode()[100:200].decode()), (200, whole.text))
    assert "Only for" not in other.get("/page/range", Range="bytes=0-99999").text


def test_a_head_request_keeps_nothing_that_differs(cache: str) -> None:
    """HEAD by a granting visitor leaves no page for others, and HEAD by others shares the copy."""
    granted, other = Visitor(cache, "ann"), Visitor(cache, "bob")
    granted.answer(answer="accept_all")
    request = urllib.request.Request(f"{cache}/page/head", method="HEAD")
    granted._add_cookies(request)
    with urllib.request.urlopen(request, timeout=20) as head:
        assert head.headers["Cache-Control"] == "private, no-store"
    assert other.get("/page/head").cache == "MISS"
    with urllib.request.urlopen(urllib.request.Request(f"{cache}/page/head", method="HEAD"), timeout=20) as head:
        assert head.headers["X-Cache-Status"] == "HIT"


def test_a_cache_without_the_marker_lines_leaks_nothing(unmarked: str) -> None:
    """Private pages are not kept even there; only the granting visitor goes without what was allowed."""
    granted, other = Visitor(unmarked, "ann"), Visitor(unmarked, "bob")
    granted.answer(answer="accept_all")
    assert [granted.get("/page/unmarked").cache for _ in range(2)] == ["MISS", "MISS"]
    assert "Only for ann" in granted.get("/page/unmarked").text
    assert "Only for" not in other.get("/page/unmarked").text
    assert granted.get("/page/unmarked").cache == "HIT"


def test_control_a_cache_that_obeys_nothing_leaks(naive: str) -> None:
    """Control: these tests can see a leak. A cache that ignores headers and marker hands one visitor's page to another."""
    granted, other = Visitor(naive, "ann"), Visitor(naive, "bob")
    granted.answer(answer="accept_all")
    granted.get("/page/naive")
    assert "Only for ann" in other.get("/page/naive").text


def test_variant_mode_keeps_no_page(variant_cache: str, variant: Upstream) -> None:
    """Each visitor gets a page of their own, every time; pictures are kept."""
    granted, frame, undecided = (Visitor(variant_cache, name) for name in ("ann", "bob", "eve"))
    granted.answer(answer="accept_all")
    frame.answer(answer="custom", services=["youtube"])
    for _ in range(2):
        for visitor in (granted, frame, undecided):
            page = visitor.get("/page/variant")
            assert page.cache == "MISS"
            assert page.headers["Cache-Control"].startswith("private, ")
            assert ("Only for ann" in page.text) is (visitor is granted)
            assert ("youtube-nocookie.com/embed" in page.text) is (visitor is not undecided)
    assert variant.asked("/page/variant") == [200] * 6
    assert [granted.get("/picture/a.gif").cache, undecided.get("/picture/a.gif").cache] == ["MISS", "HIT"]


def test_variant_mode_confirms_no_page_of_another(variant_cache: str) -> None:
    """Whichever tag a visitor names, the page is the visitor's own."""
    undecided, granted = Visitor(variant_cache, "eve"), Visitor(variant_cache, "ann")
    granted.answer(answer="accept_all")
    tags = [visitor.get("/page/tag").headers["ETag"] for visitor in (undecided, granted)]
    assert tags[0] != tags[1]
    for tag in (*tags, '"tag"'):
        assert "For everybody" in undecided.get("/page/tag", If_None_Match=tag).text
        assert "Only for ann" in granted.get("/page/tag", If_None_Match=tag).text
