"""Which cookies pass."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import Grants
from consent.gate.cookies import CookieRules, Fate, deletions
from tests.policies import changed, policy

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
SMALL = policy()
RULES = CookieRules(SMALL, {"session"}, own={"receipt"})


def grants(*services: str, session_only: bool = False) -> Grants:
    """What is granted beside the necessary."""
    return Grants(frozenset({"necessary"}), frozenset({"login", *services}), session_only, "x")


@pytest.mark.parametrize(
    ("header", "fate"),
    [
        ("session=1; HttpOnly", Fate.PASSED),
        ("login=1; Max-Age=2592000", Fate.PASSED),
        ("colours=red", Fate.NOT_GRANTED),
        ("_pk_id.3.1fff=x; Max-Age=1", Fate.NOT_GRANTED),
        ("_pk_idea=x", Fate.NOT_GRANTED),
        ("_pk_se=x", Fate.UNDECLARED),
        ("spy=1", Fate.UNDECLARED),
        ("SESSION=1", Fate.UNDECLARED),
        ("nameless", Fate.UNDECLARED),
        ("=session=1", Fate.UNDECLARED),
        ("", Fate.UNDECLARED),
        (" session = 1", Fate.PASSED),
        ("session;x=1", Fate.UNDECLARED),
    ],
)
def test_undecided(header: str, fate: Fate) -> None:
    """Before an answer, the site's session and what is declared necessary pass, and nothing else."""
    assert RULES.judge(header, grants(), now=NOW).fate is fate


@pytest.mark.parametrize(
    "header",
    [
        "spy=; Max-Age=0",
        "spy=; max-age=-1; Path=/",
        "spy=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "spy=; expires=Thu, 01-Jan-1970 00:00:00 GMT; Secure",
        "spy=; Max-Age=900; Max-Age=0",
        "spy=; Max-Age=0; Expires=Thu, 01 Jan 2099 00:00:00 GMT",
    ],
)
def test_deletions_always_pass(header: str) -> None:
    """Whatever takes a cookie away may do so, with a last word that every browser reads alike."""
    assert RULES.judge(header, grants(), now=NOW).header == header + "; Max-Age=0"


@pytest.mark.parametrize(
    "header",
    [
        "spy=1; Max-Age=0; Max-Age=900",
        "spy=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=900",
        "spy=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Expires=Thu, 01 Jan 2099 00:00:00 GMT",
        "spy=1; Max-Age=zero",
        "spy=1; Expires=soon",
        "spy=1; Max-Age=" + "9" * 500,
        "spy=1; Max-Age=00000000000031536000",
        "spy=1; Max-Age=+31536000; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "spy=1; \xa0Max-Age=0",
        "spy=1; Max-Age=" + "0" * 1100,
        "session\xa0=1; Max-Age=9999",
    ],
)
def test_what_only_looks_like_a_deletion_does_not_pass(header: str) -> None:
    """The last of two like attributes counts, as in browsers, and Max-Age beats Expires."""
    assert RULES.judge(header, grants(), now=NOW).header is None


def test_a_session_decision_takes_the_lifetime_away() -> None:
    """Under *Ask me again next visit* a granted cookie ends with the browser session; a necessary one stays as it is."""
    session = grants("colours", session_only=True)
    shortened = RULES.judge(
        "colours=red; Max-Age=900; Path=/; Expires=Thu, 01 Jan 2099 00:00:00 GMT; Secure", session, now=NOW
    )
    assert (shortened.fate, shortened.header) == (Fate.SHORTENED, "colours=red; Path=/; Secure")
    assert RULES.judge("colours=red; Max-Age=+900", session, now=NOW).header == "colours=red"
    assert RULES.judge("login=1; Max-Age=900", session, now=NOW).header == "login=1; Max-Age=900"


@pytest.mark.parametrize(
    ("header", "sent"),
    [
        ("colours=red; Max-Age=31556952", "colours=red; Max-Age=31556952"),
        ("colours=red; Max-Age=99999999; Path=/", "colours=red; Path=/; Max-Age=31556952"),
        ("colours=red; Expires=Thu, 01 Jan 2099 00:00:00 GMT", "colours=red; Max-Age=31556952"),
        ("colours=red", "colours=red"),
        ("colours=red; Max-Age=+99999999", "colours=red; Max-Age=31556952"),
        ("colours=red; Max-Age=60; Secure", "colours=red; Secure; Max-Age=60"),
        (
            "colours=red; Expires=Wed, 01 Jan 69 00:00:00 GMT",
            "colours=red; Expires=Wed, 01 Jan 69 00:00:00 GMT; Max-Age=0",
        ),
    ],
)
def test_nothing_lasts_longer_than_declared(header: str, sent: str) -> None:
    """What the visitor was told is what the browser is told."""
    assert RULES.judge(header, grants("colours"), now=NOW).header == sent


def test_a_cookie_declared_for_the_session_does_not_outlive_it() -> None:
    """A declared session cookie loses a lifetime that the code gives it."""
    assert RULES.judge("_pk_ses=1; Max-Age=900", grants("matomo"), now=NOW).header == "_pk_ses=1"


@given(st.text())
def test_nothing_undeclared_gets_through(header: str) -> None:
    """Of any text at all, only the site's own names and deletions pass while nothing is granted."""
    verdict = RULES.judge(header, grants(), now=NOW)
    if verdict.header is not None:
        assert verdict.name in ("session", "login") or "0" in header or "-" in header or "19" in header


def test_what_must_go_is_found_among_what_came() -> None:
    """Declared cookies of services not granted are deleted; undeclared ones are not ours to delete."""
    came = "_pk_id.1=a; session=b; other=c; colours=d; login=e; broken"
    assert RULES.unwelcome(came, grants("colours")) == ["_pk_id.1"]


def sent(
    *names: str, host: str = "www.example.com", path: str = "/", secure: bool = True, seconds: int = 0, room: int = 2700
) -> list[str]:
    return list(deletions(names, host=host, path=path, secure=secure, seconds=seconds, room=room))


def test_a_deletion_reaches_every_variant() -> None:
    """Host-only and parent domains, the root and each folder, however deep, partitioned or not."""
    made = sent("_pk_id.1", host="www.example.co.uk:8000", path="/news/a/b/c/d/e/f", room=100_000)
    domains = {None, "www.example.co.uk", "example.co.uk", "co.uk"}
    folders = ["/", "/news", *("/news/a/b/c/d/e/f"[:end] for end in range(7, 18, 2))]
    paths = {*folders, *(folder + "/" for folder in folders[1:-1])}
    expected = {("_pk_id.1", domain, path, apart) for domain in domains for path in paths for apart in (False, True)}
    assert sorted(map(repr, map(stored, made))) == sorted(map(repr, expected)), "each once"
    assert all("Max-Age=0" in header and "Secure" in header for header in made)
    assert stored(made[0]) == ("_pk_id.1", "example.co.uk", "/", False), "no browser stores for co.uk"
    assert sent("x", host="127.0.0.1:5000", secure=False) == ["x=; Path=/; Max-Age=0"]
    assert len(sent("__Host-x", path="/a/b")) == 2
    assert all(header.endswith("; HttpOnly") for header in sent("__Host-Http-x", "__Http-x"))


#: Name, domain (``None`` for the host alone), path, and whether it is partitioned: what tells one cookie from another.
Stored = tuple[str, str | None, str, bool]


def stored(header: str) -> Stored:
    """Which cookie a browser takes *header* for."""
    pair, *attributes = header.split("; ")
    said = dict(attribute.partition("=")[::2] for attribute in attributes)
    return pair.partition("=")[0], said.get("Domain"), said["Path"], "Partitioned" in said


def views(jar: set[Stored], *, path: str, every: float, begin: float = 1_800_000_000) -> int:
    """How many pages at *path* of https://www.example.com empty *jar*, one each so many seconds."""
    left, count = set(jar), 0
    while left:
        # What a browser sends: the longest path first (RFC 6265bis §5.8.3).
        names = [name for name, *_ in sorted(left, key=lambda cookie: -len(cookie[2]))]
        left -= {stored(header) for header in sent(*names, path=path, seconds=int(begin + count * every))}
        count += 1
        assert count < 2000, left
    return count


PACES = [1, 7.7, 13, 30, 60, 300, 3600, 86_400]


@pytest.mark.parametrize("every", PACES)
@pytest.mark.parametrize("begin", range(1_800_000_000, 1_800_000_040, 13))
@pytest.mark.parametrize("path", ["/", "/blog/post", "/a/b/c/d/e/f"])
def test_the_usual_is_gone_at_once(path: str, begin: int, every: float) -> None:
    """Seven cookies of a domain go with the first page; where the trackers differ, with the first two."""
    same: set[Stored] = {(f"tracker{number}", "example.com", "/", False) for number in range(7)}
    assert views(same, path=path, every=every, begin=begin) == 1
    places = [("example.com", "/"), (None, "/"), ("www.example.com", "/"), (None, path.rpartition("/")[0] or "/")]
    various: set[Stored] = {(f"tracker{number}", *places[number % 4], False) for number in range(7)}
    assert views(various, path=path, every=every, begin=begin) <= 2


@pytest.mark.parametrize("every", PACES)
@pytest.mark.parametrize("begin", range(1_800_000_000, 1_800_000_040, 13))
def test_thirty_cookies_are_gone_soon(begin: int, every: float) -> None:
    """Two pages take those that are stored as trackers store; some twenty the deep and the odd ones."""
    usual: set[Stored] = {(f"_tracker_{number}", "example.com", "/", False) for number in range(25)}
    odd: set[Stored] = {
        ("deep", "example.com", "/a/b/c/d/e/f", False),
        ("slash", None, "/a/b/c/d/", False),
        ("host", None, "/", False),
        ("apart", "example.com", "/", True),
        ("__Host-apart", None, "/", True),
    }
    assert views(usual, path="/a/b/c/d/e/f", every=every, begin=begin) <= 2
    assert views(usual | odd, path="/a/b/c/d/e/f", every=every, begin=begin) <= 25


@pytest.mark.parametrize("every", PACES)
def test_no_variant_is_left_for_ever(every: float) -> None:
    """Were all of thirty stored deep in the site and partitioned, they would take long, and come to an end."""
    worst: set[Stored] = {(f"_tracker_{number}", "example.com", "/a/b/c/d/e/f", True) for number in range(30)}
    assert views(worst, path="/a/b/c/d/e/f", every=every) < 2000


@pytest.mark.parametrize("room", [450, 1000, 2700])
def test_deletions_keep_to_their_room(room: int) -> None:
    """Whatever the names, the host and the path; and there are some, unless not even one would fit."""
    for host, path in (("www.example.com", "/a/b"), (".".join("a" * 120), "/abcd" * 2000), ("a.example", "/" * 900)):
        made = sent(*(f"_pk_id.{number}" for number in range(400)), host=host, path=path, room=room)
        assert 0 < sum(len(f"Set-Cookie: {header}\r\n") for header in made) <= room
    assert sent("x" * 5000, room=room) == []


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("x", "/a\r\nSet-Cookie: b=c/d;e"),
        ("evil.example; Secure\r\n", "/"),
        ("[::1]:5000", "/"),
        ("", ""),
        ("a..b", "//"),
        ("\xe9", "/\xe9"),
    ],
)
def test_a_deletion_holds_nothing_that_a_request_could_smuggle_in(host: str, path: str) -> None:
    """Host and path come from outside: no line break and no attribute of theirs reaches the header."""
    for header in sent("x", host=host, path=path, secure=False):
        assert re.fullmatch(r"x=; Path=/[!-:<-~]*(; Domain=[a-z0-9.-]+)?; Max-Age=0", header)


def test_a_name_that_is_none_is_left_alone() -> None:
    """What no Set-Cookie header could name cannot be deleted, and is not echoed."""
    assert RULES.unwelcome("_pk_id\x01=a; _pk_id =b; _pk_id\xe9=c", grants()) == ["_pk_id"]


def test_the_browser_gets_the_same_rules() -> None:
    """The guard in the page knows what the server knows."""
    rules = RULES.for_browser()
    assert rules["cookies"] == {
        "_ad": "pixel",
        "_pk_id*": "matomo",
        "_pk_ses": "matomo",
        "colours": "colours",
        "login": "",
        "session": "",
        "receipt": "-",
    }


def test_the_browser_gets_each_place_by_itself() -> None:
    """Storage keys and databases are rules of their own, so that one name may stand for several things."""
    kinds = ("local_storage", "session_storage", "indexed_db")
    declared = "".join(
        f'[[services.matomo.cookies]]\nname = "{kind}*"\nlifetime = "session"\nkind = "{kind}"\n' for kind in kinds
    )
    rules = CookieRules(changed("[services.youtube]\n", f"{declared}[services.youtube]\n")).for_browser()
    assert rules["storage"] == {"local_storage*": "matomo", "session_storage*": "matomo"}
    assert rules["databases"] == {"indexed_db*": "matomo"}
