"""CSP, Link, Refresh and caching headers."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.gate import caching, links, media
from consent.gate.csp import ContentPolicy
from consent.gate.urls import is_covered, leads_home
from consent.policy import Opens
from tests.policies import policy

CSP = ContentPolicy(policy())
OWN = "'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' data: blob:"


def test_locked_means_the_site_itself() -> None:
    """Without a grant the header names no host at all."""
    assert CSP.locked == f"default-src {OWN}"


def test_a_grant_opens_its_hosts_and_no_other() -> None:
    """Only the directives that a service declares are widened."""
    assert CSP.header(frozenset({"login", "matomo", "youtube"})) == (
        f"default-src {OWN}; connect-src {OWN} https://stats.example.net; "
        f"frame-src {OWN} https://www.youtube-nocookie.com; script-src {OWN} https://stats.example.net"
    )


def test_it_restricts_loading_and_nothing_else() -> None:
    """Forms, framing, base and sandbox stay the site's own business."""
    everything = CSP.header(frozenset(policy().services))
    for directive in ("form-action", "frame-ancestors", "base-uri", "sandbox", "upgrade-insecure-requests"):
        assert directive not in everything


def test_a_wrapper_runs_nothing() -> None:
    """The document around a frame may show that frame and nothing else."""
    assert CSP.wrapper("youtube", Opens.FRAME) == (
        "default-src 'none'; frame-src https://www.youtube-nocookie.com; style-src 'self'; frame-ancestors 'self'"
    )


def test_a_widget_runs_without_the_sites_origin() -> None:
    """Its wrapper is a sandbox that loads from the service's hosts, from its own text, and from nowhere else."""
    header = CSP.wrapper("matomo", Opens.WIDGET)
    assert header.startswith("sandbox allow-scripts allow-popups allow-popups-to-escape-sandbox allow-forms; ")
    assert "allow-same-origin" not in header
    assert "'self'" not in header.replace("frame-ancestors 'self'", "")
    for part in (
        "default-src 'none'",
        "connect-src https://stats.example.net",
        "base-uri 'none'",
        "form-action 'none'",
    ):
        assert f"; {part};" in header


HOME = ["/", "/a/b?c=d#e", "a", "a/b", "?x", "#x", "", "https://example.org/x", "//example.org/x", "http://example.org"]
AWAY = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "https://evil.example",
    " https://evil.example",
    "ht\ntps://evil.example",
    "https:\\\\evil.example",
    "https://example.org.evil.example",
    "https://example.org@evil.example",
    "https://example.org:8/",
    "HTTPS://evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/\t/evil.example",
    "https://%65vil.example",
    "https://ｅvil.example",
    "https://evil.example.",
    "//example.org\\@evil.example",
]


@pytest.mark.parametrize("url", HOME)
def test_what_stays_on_the_site(url: str) -> None:
    """Plain relative URLs and the site's own origin."""
    assert leads_home(url, host="example.org")


@pytest.mark.parametrize("url", AWAY)
def test_what_does_not(url: str) -> None:
    """Whatever is not plainly the site's counts as somewhere else."""
    assert not leads_home(url, host="example.org")
    assert not is_covered(url, ["https://example.org", "https://*.example.org"])


@pytest.mark.parametrize(
    ("url", "origin", "covered"),
    [
        ("https://a.example/x", "https://a.example", True),
        ("https://b.a.example/x", "https://*.a.example", True),
        ("https://a.example/x", "https://*.a.example", False),
        ("http://a.example/x", "https://a.example", False),
        ("https://a.example/x", "http://a.example", True),
        ("https://a.example:8443/x", "https://a.example", False),
        ("https://a.example:8443/x", "https://a.example:8443", True),
        ("//a.example/x", "https://a.example", True),
        ("https://a.example", "a.example", True),
        ("https://xa.example/", "https://a.example", False),
    ],
)
def test_hosts_match_as_in_csp(url: str, origin: str, covered: bool) -> None:
    """Scheme, wildcard and port count as in a policy's host-source."""
    assert is_covered(url, [origin]) is covered


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("</style.css>; rel=preload; as=style", "</style.css>; rel=preload; as=style"),
        ("<https://t.example>; rel=preconnect", None),
        ('<https://t.example>; rel="dns-prefetch preconnect"', None),
        ("<https://ok.example/x>; rel=preload", "<https://ok.example/x>; rel=preload"),
        ('<https://t.example/next>; rel="next"; title="a, b"', '<https://t.example/next>; rel="next"; title="a, b"'),
        ("<https://t.example>; REL=PRECONNECT, </a>; rel=next", "</a>; rel=next"),
        ("<https://t.example>;rel=next;rel=preload", None),
        ('</a>; rel=preload; imagesrcset="https://t.example/a 1x"', None),
        ("https://t.example; rel=preconnect", None),
        ("<https://t.example; rel=preconnect", None),
        ("<\thttps://t.example>; rel=preconnect", None),
    ],
)
def test_link_headers(value: str, kept: str | None) -> None:
    """What makes a browser fetch or connect elsewhere goes; what only describes stays."""
    assert links.link(value, origins=["https://ok.example"], host="example.org") == kept


@pytest.mark.parametrize(
    ("value", "passes"),
    [
        ("5", True),
        ("5; url=/next", True),
        ("0;URL='https://ok.example/x'", True),
        ("0; https://t.example/", False),
        ("0; url=//t.example", False),
        ("0,url=https://t.example", False),
        ("0; url=javascript:alert(1)", False),
        ("0 url=https://t.example", False),
    ],
)
def test_refresh_headers(value: str, passes: bool) -> None:
    """A page may reload or go on within the site, not jump to where nothing was granted."""
    assert (links.refresh(value, origins=["https://ok.example"], host="example.org") == value) is passes


def test_an_escape_in_a_link_header_hides_nothing() -> None:
    """Browsers take the backslash out of a quoted relation; such a header is not sent at all."""
    assert links.link('<https://t.example>; rel="pre\\connect"', origins=(), host="meadow.example") is None


@given(st.text())
def test_any_link_header_is_read(value: str) -> None:
    """No header makes the gate fail, and none that names a foreign host for a fetch is kept."""
    kept = links.link(value + "<https://t.example>; rel=preload", origins=[], host="example.org")
    assert kept is None or "<https://t.example>; rel=preload" not in kept.split(", ")[-1:]
    links.refresh(value, origins=[], host="example.org")


def test_entity_tags_belong_to_a_variant() -> None:
    """A tag is shown to the site without its mark, and only if it is the present variant's."""
    marked = caching.mark('W/"abc"', "v1")
    assert caching.unmark(marked, "v1") == ('W/"abc"', True)
    assert caching.unmark(marked, "v2") == (None, False)
    assert caching.unmark(f'"plain", {marked}', "v2") == ('"plain"', False)
    assert caching.unmark("*", "v1") == ("*", False)


@pytest.mark.parametrize(
    ("value", "sent"),
    [(None, "Cookie"), ("Accept-Encoding", "Accept-Encoding, Cookie"), ("cookie", "cookie"), ("*", "*")],
)
def test_vary_is_added_once(value: str | None, sent: str) -> None:
    """Names are not repeated."""
    assert caching.vary(value, ("Cookie",)) == sent


@pytest.mark.parametrize(
    "hostile",
    ['"a' + " " * 200_000 + "x", '"' * 200_000, "<a>;" + " " * 100_000 + ";" + " " * 100_000 + "<", "<" * 200_000],
)
def test_hostile_headers_cost_little(hostile: str) -> None:
    """One pass, however long: no header makes the gate think for seconds."""
    begin = time.perf_counter()
    caching.unmark(hostile, "v1")
    links.link(hostile, origins=[], host="example.org")
    links.refresh(hostile, origins=[], host="example.org")
    links.reports(hostile, origins=[], host="example.org")
    assert time.perf_counter() - begin < 1


@pytest.mark.parametrize(
    "value", ["0; url='//t.example/x", '0; url="https://t.example', "0; url='/home' https://t.example"]
)
def test_an_unclosed_quote_hides_no_target(value: str) -> None:
    """Browsers read up to the next quote or the end, and so does the gate."""
    passes = links.refresh(value, origins=[], host="example.org") is not None
    assert passes is value.startswith("0; url='/home'")


@pytest.mark.parametrize(
    ("value", "passes"),
    [
        ('main="/reports"', True),
        ('main="https://example.org/reports", other="https://t.example/r"', False),
        ('{"group": "g", "endpoints": [{"url": "https://t.example/r"}]}', False),
        ('{"group": "g", "endpoints": [{"url": "https:\\/\\/t.example\\/r"}]}', False),
        ('main="//t.example/r"', False),
        ('main="/reports", ' + "x" * 9000 + ', other="https://t.example/r"', False),
    ],
)
def test_reports_go_nowhere_else(value: str, passes: bool) -> None:
    """A browser's reports name pages and visitors' addresses to whoever receives them."""
    assert (links.reports(value, origins=[], host="example.org") is not None) is passes


@pytest.mark.parametrize("kind", ["", "text", "unknown/unknown", "application/unknown; x=1", "*/*", "a, */*"])
def test_browsers_look_into_what_has_no_known_type(kind: str) -> None:
    """Such a response must not be taken for a page: no gate has read it."""
    assert media.is_guessed(kind)
    assert not media.is_page(kind)


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        ("text/html", True),
        ("text/html; charset=utf-8", True),
        ("text/plain, text/html", True),
        ('text/html; x="a,b"', True),
        ("text/plain", False),
        ("image/png", False),
        ("application/xhtml+xml", False),
    ],
)
def test_pages_are_known_by_their_type(kind: str, page: bool) -> None:
    """Of a list of types one is enough."""
    assert media.is_page(kind) is page
    assert not media.is_guessed(kind)
