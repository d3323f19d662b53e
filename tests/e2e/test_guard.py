"""What scripts of the page may store and connect to: the guard stands in front of each way, and in nobody else's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Restart
from tests.e2e.guarded_site import STATS, guarded_site
from tests.e2e.journeys import answer, cookies, question
from tests.e2e.sites import Clock, Site, served
from tests.e2e.thirdparty import Elsewhere

#: Time for a connection that should not come to come all the same, in ms.
_LATE = 250

#: Every way to write a storage key, each under a name of its own.
_STORE = """() => {
  const bare = document.createElement("iframe");
  document.body.append(bare);
  localStorage.setItem("stats_visitor", "1");
  localStorage.stats_dot = "1";
  localStorage["stats_" + "computed"] = "1";
  Object.assign(localStorage, { stats_assigned: "1" });
  Object.defineProperty(localStorage, "stats_defined", { value: "1", configurable: true, enumerable: true, writable: true });
  Reflect.set(localStorage, "stats_reflected", "1");
  Storage.prototype.setItem.call(localStorage, "stats_called", "1");
  bare.contentWindow.localStorage.stats_framed = "1";
  Storage.prototype.setItem.call(bare.contentWindow.localStorage, "stats_crossed", "1");
  bare.contentDocument.defaultView.localStorage.setItem("stats_framed_too", "1");
  sessionStorage.setItem("stats_visit", "1");
  sessionStorage.stats_visit = "1";
  localStorage.theme = "dark";
  sessionStorage.draft = "kept";
}"""
_STORED = "() => [...Object.keys(localStorage), ...Object.keys(sessionStorage)].sort()"
_LOCAL = [
    "stats_assigned",
    "stats_called",
    "stats_computed",
    "stats_crossed",
    "stats_defined",
    "stats_dot",
    "stats_framed",
    "stats_framed_too",
    "stats_reflected",
    "stats_visitor",
]
_UNDECLARED = ["draft", "theme"]

_OPEN = """async name => new Promise(done => {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore("kept");
  request.onsuccess = () => { request.result.close(); done("success"); };
  request.onerror = event => { event.preventDefault(); done(request.error.name); };
  if (!(request instanceof IDBOpenDBRequest)) done("no request");
})"""
_DATABASES = "async () => (await indexedDB.databases()).map(({ name }) => name).sort()"

_LINK = "const l = document.createElement('link');"
_FRAME = "const f = document.createElement('iframe'); f.name = 'made';"
_FORM = (
    f"{_FRAME} document.body.append(f); const m = document.createElement('form'); m.method = 'post'; m.target = 'made';"
    "m.action = U; document.body.append(m)"
)
#: Ways in which a script makes a connection hint, rules to fetch by, or a frame; ``U`` is the address.
_HINTS = {
    "appended": f"{_LINK} l.rel = 'preconnect'; l.href = U; document.head.append(l)",
    "href first": f"{_LINK} l.href = U; l.rel = 'PreConnect'; document.head.appendChild(l)",
    "prefetch": f"{_LINK} l.rel = 'prefetch'; l.href = U; document.head.append(l)",
    "attributes": f"{_LINK} l.setAttribute('rel', 'preconnect'); l.setAttribute('href', U); document.head.append(l)",
    "in a namespace": f"{_LINK} l.setAttributeNS(null, 'rel', 'preconnect'); l.href = U; document.head.append(l)",
    "rel afterwards": f"{_LINK} document.head.append(l); l.href = U; l.rel = 'icon preconnect'",
    "href afterwards": f"{_LINK} document.head.append(l); l.rel = 'preconnect'; l.href = U",
    "list": f"{_LINK} document.head.append(l); l.href = U; l.relList.add('preconnect')",
    "list's value": f"{_LINK} document.head.append(l); l.href = U; l.relList.value = 'preconnect'",
    "attribute node": (
        f"{_LINK} document.head.append(l); l.href = U;"
        "const a = document.createAttribute('rel'); a.value = 'preconnect'; l.setAttributeNode(a)"
    ),
    "attribute's value": (
        f"{_LINK} document.head.append(l); l.href = U; l.rel = 'x'; l.attributes.rel.value = 'preconnect'"
    ),
    "innerHTML": "document.body.innerHTML = `<p><link rel=preconnect href=${U}></p>`",
    "entities": "document.body.innerHTML = `<LINK/rel='pre&#99;onnect' href=${U} title='>'>`",
    "outerHTML": "document.querySelector('h1').outerHTML = `<link rel=preconnect href=${U}>`",
    "insertAdjacentHTML": "document.body.insertAdjacentHTML('beforeend', `<link rel=preconnect href=${U}>`)",
    "shadow": "document.querySelector('h1').attachShadow({ mode: 'open' }).innerHTML = `<link rel=preconnect href=${U}>`",
    "parsed": (
        "const d = new DOMParser().parseFromString(`<link rel=preconnect href=${U}>`, 'text/html');"
        "document.head.append(d.querySelector('link'))"
    ),
    "template": (
        "const t = document.createElement('template'); t.innerHTML = `<link rel=preconnect href=${U}>`;"
        "document.body.append(t.content.cloneNode(true))"
    ),
    "range": "document.body.append(document.createRange().createContextualFragment(`<link rel=preconnect href=${U}>`))",
    "frame": (
        "const f = document.createElement('iframe'); document.body.append(f); const d = f.contentDocument;"
        "const l = d.createElement('link'); l.rel = 'preconnect'; l.href = U; d.head.append(l)"
    ),
    "attribute's text": (
        f"{_LINK} document.head.append(l); l.rel = 'preconnect'; l.href = '/x'; l.attributes.href.nodeValue = U"
    ),
    "attribute moved in": (
        f"{_LINK} l.rel = 'preconnect'; const a = document.createAttribute('href'); a.value = U;"
        "l.attributes.setNamedItem(a); document.head.append(l)"
    ),
    "base meanwhile": (
        f"{_LINK} l.rel = 'preconnect'; l.href = 'x'; const b = document.createElement('base'); b.href = U;"
        "document.head.append(b); document.head.append(l)"
    ),
    "base beside": "document.head.insertAdjacentHTML('beforeend', `<base href=${U}><link rel=preconnect href=x>`)",
    "document of HTML": (
        "const d = Document.parseHTMLUnsafe(`<link rel=preconnect href=${U}>`); document.head.append(d.querySelector('link'))"
    ),
    "shadow before it is in": (
        "const h = document.createElement('p'); h.attachShadow({ mode: 'open' }).innerHTML = `<link rel=preconnect href=${U}>`;"
        "document.body.append(h)"
    ),
    "shadow as HTML": (
        "document.body.setHTMLUnsafe(`<p><template shadowrootmode=open><link rel=preconnect href=${U}></template></p>`)"
    ),
    "beside a noscript": "document.body.innerHTML = `<noscript><style></noscript><link rel=preconnect href=${U}>`",
    "frame's source": f"{_FRAME} f.src = U; document.body.append(f)",
    "frame's source afterwards": f"{_FRAME} document.body.append(f); f.setAttribute('src', U)",
    "frame as HTML": "document.body.insertAdjacentHTML('beforeend', `<p><iframe title='a' src=${U}>x</iframe></p>`)",
    "frame parsed": (
        "const d = new DOMParser().parseFromString(`<iframe src=${U}></iframe>`, 'text/html');"
        "document.body.append(d.querySelector('iframe'))"
    ),
    "object": ("const o = document.createElement('object'); o.type = 'text/html'; o.data = U; document.body.append(o)"),
    "embed": "const e = document.createElement('embed'); e.type = 'text/html'; e.src = U; document.body.append(e)",
    "form": f"{_FORM}; m.submit()",
    "form that is asked to": f"{_FORM}; m.requestSubmit()",
    "form by its button": (
        f"{_FORM}; m.removeAttribute('action'); const b = document.createElement('button'); b.formAction = U;"
        "m.append(b); b.click()"
    ),
    "form by the base": (
        f"{_FORM}; m.removeAttribute('target');"
        "const b = document.createElement('base'); b.target = 'made'; document.head.append(b); m.submit()"
    ),
    "form into a frame named later": f"{_FORM}; f.removeAttribute('name'); f.contentWindow.name = 'made'; m.submit()",
    "rules": (
        "const s = document.createElement('script'); s.type = 'speculationrules';"
        "s.textContent = JSON.stringify({ prefetch: [{ urls: [U], eagerness: 'immediate' }] }); document.head.append(s)"
    ),
    "rules filled later": (
        "const s = document.createElement('script'); s.type = 'speculationrules'; document.head.append(s);"
        "s.append(JSON.stringify({ prefetch: [{ urls: [U], eagerness: 'immediate' }] }))"
    ),
    "rules for all links": (
        "const a = document.createElement('a'); a.href = U; a.textContent = 'x'; document.body.append(a);"
        "const s = document.createElement('script'); s.type = 'speculationrules';"
        "s.text = JSON.stringify({ prefetch: [{ source: 'document', eagerness: 'immediate' }] }); document.head.append(s)"
    ),
    "rules for links": (
        "const a = document.createElement('a'); a.href = U; a.textContent = 'x'; document.body.append(a);"
        "const s = document.createElement('script'); s.type = 'speculationrules';"
        "s.text = JSON.stringify({ prefetch: [{ where: { selector_matches: 'a' }, eagerness: 'immediate' }] });"
        "document.head.append(s)"
    ),
}

_PEER = """async ({ host, how }) => {
  const iceServers = [{ urls: `turn:${host}:443?transport=tcp`, username: "u", credential: "c" }];
  const frame = document.createElement("iframe");
  document.body.append(frame);
  const Peer = how === "prefixed" ? webkitRTCPeerConnection : how === "framed" ? frame.contentWindow.RTCPeerConnection : how === "own" ? RTCPeerConnection.prototype.constructor : RTCPeerConnection;
  const peer = how === "set" ? new Peer() : new Peer({ iceServers });
  if (how === "set") peer.setConfiguration({ iceServers });
  peer.createDataChannel("x");
  await peer.setLocalDescription(await peer.createOffer());
}"""
_PEERS = ("made", "set", "prefixed", "framed", "own")


@pytest.fixture(scope="module")
def guarded(_clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site, with the gate on."""
    with served(guarded_site(tmp_path_factory.mktemp("guarded"), _clock)[0]) as started:
        yield started


@pytest.fixture(scope="module")
def open_site(_clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The control: the same site with the gate off."""
    with served(guarded_site(tmp_path_factory.mktemp("open"), _clock, CONSENT_MODE="off")[0]) as started:
        yield started


def _connected(page: Page, site: Site, elsewhere: Elsewhere, lines: dict[str, str], host: str) -> set[str]:
    """The ways in which a script reached somebody else, each on a page of its own."""
    reached = set()
    for number, (name, line) in enumerate(lines.items()):
        page.goto(f"{site.url}/?{number}")
        elsewhere.reset()
        page.evaluate(f"U => {{ {line} }}", f"https://h{number}.{host}/x")
        page.wait_for_timeout(_LATE)
        if elsewhere.connections:
            reached.add(name)
    return reached


def test_storage_keys_wait_for_a_yes(guarded: Site, page: Page) -> None:
    """No way of writing stores a declared key before its service is granted; undeclared keys are the site's own."""
    page.goto(guarded.url)
    page.evaluate(_STORE)
    assert page.evaluate(_STORED) == _UNDECLARED


def test_storage_keys_pass_where_there_is_no_gate(open_site: Site, page: Page) -> None:
    """Control: without the gate the very same lines store every key."""
    page.goto(open_site.url)
    page.evaluate(_STORE)
    assert page.evaluate(_STORED) == sorted([*_UNDECLARED, *_LOCAL, "stats_visit"])


def test_storage_keys_pass_after_a_yes(guarded: Site, page: Page) -> None:
    """After a yes every way stores, at once and in the same page."""
    page.goto(guarded.url)
    answer(page, "Accept all")
    page.evaluate(_STORE)
    stored = set(page.evaluate(_STORED)) - {"consentry_landing"}
    assert stored == {*_UNDECLARED, *_LOCAL, "stats_visit"}


def test_session_answer_keeps_nothing_for_longer(guarded: Site, page: Page) -> None:
    """Under an answer for this visit only session storage takes declared keys, and no database opens."""
    page.goto(guarded.url)
    question(page).get_by_role("checkbox", name="Ask me again next visit").check()
    answer(page, "Accept all")
    page.evaluate(_STORE)
    assert set(page.evaluate(_STORED)) - {"consentry_landing"} == {*_UNDECLARED, "stats_visit"}
    assert page.evaluate(_OPEN, "stats_db") == "UnknownError"


def test_storage_looks_as_ever(guarded: Site, page: Page) -> None:
    """Reading, counting, deleting, listing, JSON and type checks of storage are those of the browser."""
    page.goto(guarded.url)
    told = page.evaluate(
        """() => {
        localStorage.clear();
        localStorage.b = 2; localStorage.setItem("a", null); localStorage["long name"] = "x";
        const looped = []; for (const key in localStorage) if (Object.hasOwn(localStorage, key)) looped.push(key);
        const told = { keys: Object.keys(localStorage).sort(), looped: looped.sort(), length: localStorage.length,
          json: JSON.parse(JSON.stringify(localStorage)), storage: localStorage instanceof Storage, same: localStorage === window.localStorage,
          text: String(localStorage), a: localStorage.getItem("a"), none: localStorage.getItem("none"), missing: localStorage.missing === undefined,
          has: "a" in localStorage, method: localStorage.setItem === Storage.prototype.setItem, key: typeof localStorage.key(0) };
        delete localStorage.a; localStorage.removeItem("b");
        let thrown; try { localStorage.setItem("one") } catch (error) { thrown = error.name }
        return { ...told, left: Object.keys(localStorage), thrown };
        }"""
    )
    assert told == {
        "keys": ["a", "b", "long name"],
        "looped": ["a", "b", "long name"],
        "length": 3,
        "json": {"a": "null", "b": "2", "long name": "x"},
        "storage": True,
        "same": True,
        "text": "[object Storage]",
        "a": "null",
        "none": None,
        "missing": True,
        "has": True,
        "method": True,
        "key": "string",
        "left": ["long name"],
        "thrown": "TypeError",
    }


def test_storage_events_name_the_same_storage(guarded: Site, page: Page, context: BrowserContext) -> None:
    """A ``storage`` event from another tab, or of a script's own making, names the storage that the page knows."""
    page.goto(guarded.url)
    heard = "new Promise(r => addEventListener('storage', e => r([e.key, e.storageArea === localStorage])))"
    page.evaluate(f"() => {{ window.heard = {heard} }}")
    other = context.new_page()
    other.goto(guarded.url)
    other.evaluate("() => { localStorage.theme = 'dark' }")
    assert page.evaluate("() => window.heard") == ["theme", True]
    made = "new StorageEvent('storage', { key: 'k', storageArea: localStorage }).storageArea === localStorage"
    assert page.evaluate(f"() => {made}") is True


def test_databases_wait_for_a_yes(guarded: Site, page: Page) -> None:
    """A declared database opens after a yes only; before, its request fails as if storage were blocked."""
    page.goto(guarded.url)
    assert [page.evaluate(_OPEN, name) for name in ("stats_db", "stats_log_1", "site")] == [
        "UnknownError",
        "UnknownError",
        "success",
    ]
    assert page.evaluate(_DATABASES) == ["site"]
    answer(page, "Accept all")
    assert page.evaluate(_OPEN, "stats_db") == "success"
    assert page.evaluate(_DATABASES) == ["site", "stats_db"]


def test_databases_open_where_there_is_no_gate(open_site: Site, page: Page) -> None:
    """Control: without the gate the declared database opens."""
    page.goto(open_site.url)
    assert page.evaluate(_OPEN, "stats_db") == "success"


def test_frames_of_a_script_write_no_cookie(
    guarded: Site, open_site: Site, page: Page, context: BrowserContext
) -> None:
    """The empty frame of a script is no way round the filter of cookies, of either interface; without the gate it is."""
    line = """async () => {
      const frame = document.createElement("iframe");
      document.body.append(frame);
      frame.contentDocument.cookie = "_pk_framed=1";
      await frame.contentWindow.cookieStore?.set("_pk_stored", "1").catch(() => undefined);
    }"""
    page.goto(guarded.url)
    page.evaluate(line)
    assert cookies(context) == set()
    page.goto(open_site.url)
    page.evaluate(line)
    assert "_pk_framed" in cookies(context)


def test_prefixed_and_partitioned_cookies_are_judged_by_name(
    pem: Path, clock: Clock, tmp_path: Path, page: Page, context: BrowserContext
) -> None:
    """On HTTPS a ``__Host-`` name and a partitioned cookie are held back until their service is granted."""
    app, _ = guarded_site(tmp_path, clock)
    write = """() => {
      document.cookie = "__Host-stats=1; Secure; Path=/; Max-Age=99";
      document.cookie = "__Host-other=1; Secure; Path=/";
      document.cookie = "_pk_part=1; Secure; SameSite=None; Partitioned; Max-Age=99";
    }"""
    with served(app, pem) as secure:
        page.goto(secure.url)
        page.evaluate(write)
        assert cookies(context) == set()
        answer(page, "Accept all")
        page.evaluate(write)
        assert {"__Host-stats", "_pk_part"} < cookies(context)
        assert "__Host-other" not in cookies(context)


def test_hints_made_by_scripts_connect_to_nobody(
    guarded: Site, open_site: Site, restart: Restart, elsewhere: Elsewhere
) -> None:
    """In a plain profile no hint, frame or form of a script opens a connection; without the gate each one does."""
    with restart() as plain:
        page = plain.pages[0]
        assert _connected(page, guarded, elsewhere, _HINTS, "tracker.example") == set()
        assert _connected(page, open_site, elsewhere, _HINTS, "tracker.example") == set(_HINTS)


def test_hints_to_allowed_hosts_connect(guarded: Site, restart: Restart, elsewhere: Elsewhere) -> None:
    """Hints to necessary hosts connect at once, to granted ones after a yes, and what is no hint is left alone."""
    lines = {name: _HINTS[name] for name in ("appended", "innerHTML", "list")}
    with restart() as plain:
        page = plain.pages[0]
        page.goto(guarded.url)
        page.evaluate(
            f"() => {{ {_LINK} l.rel = 'preconnect'; l.href = 'https://fonts.needed.example/'; document.head.append(l) }}"
        )
        page.wait_for_timeout(_LATE)
        assert elsewhere.connections == 1
        assert _connected(page, guarded, elsewhere, lines, STATS) == set()
        page.goto(guarded.url)
        answer(page, "Accept all")
        assert _connected(page, guarded, elsewhere, lines, STATS) == set(lines)


def test_frames_of_scripts_load_once_granted(guarded: Site, page: Page, elsewhere: Elsewhere) -> None:
    """A frame that a script makes loads once its service is granted; until then its address stays beside it."""
    line = """() => {
      const host = document.createElement("div");
      document.body.append(host);
      host.innerHTML = '<iframe title="a" src="https://www.youtube-nocookie.com/embed/x">none</iframe><b>on</b>';
      return host.innerHTML;
    }"""
    inert = '<iframe title="a" data-consentry-src="https://www.youtube-nocookie.com/embed/x">none</iframe><b>on</b>'
    page.goto(guarded.url)
    assert page.evaluate(line) == inert
    answer(page, "Accept all")
    page.goto(guarded.url)
    assert page.evaluate(line) == inert.replace("data-consentry-", "")
    elsewhere.wait_for({"www.youtube-nocookie.com"})
    assert "www.youtube-nocookie.com" in elsewhere.hosts


def test_pages_keep_their_links_and_markup(guarded: Site, page: Page) -> None:
    """Hints that stay on the site, other links and other markup come out as they were written."""
    page.goto(guarded.url)
    html = '<p title="a, b">&amp; <link rel="preload" as="style" href="/a.css"><link rel="canonical" href="https://else.example/">'
    assert (
        page.evaluate(
            "html => { const p = document.createElement('div'); p.innerHTML = html; return p.innerHTML }", html
        )
        == html + "</p>"
    )
    made = "const l = document.createElement('link'); l.rel = 'next'; l.href = 'https://else.example/2'; l.relList.add('x')"
    assert (
        page.evaluate(f"() => {{ {made}; return l.outerHTML }}") == '<link rel="next x" href="https://else.example/2">'
    )
    rules = "const s = document.createElement('script'); s.type = 'speculationrules'; s.text = '{\"prefetch\":[{\"urls\":[\"/second\"]}]}'"
    assert page.evaluate(f"() => {{ {rules}; document.head.append(s); return s.type }}") == "speculationrules"
    where = (
        's.text = \'{"prefetch":[{"where":{"and":[{"href_matches":"/*"},{"not":{"href_matches":"/*\\\\\\\\?*"}}]}}]}\''
    )
    made = f"const s = document.createElement('script'); s.type = 'speculationrules'; {where}"
    assert page.evaluate(f"() => {{ {made}; document.head.append(s); return s.type }}") == "speculationrules"


#: HTML in which something looks like a frame or a hint and is none, or stands beside one; and the element it goes into.
_TEXTS = {
    "frame in an attribute": (
        "div",
        """<a title="<iframe a=1 onfocus=window.reached=1 autofocus tabindex=1 src='https://else.example/'>">hello</a>""",
    ),
    "link in an attribute": ("div", """<i title="<link rel='preconnect' href='https://else.example/' a=">x</i>"""),
    "attribute of data": ("div", """<b data-embed="<iframe src='https://else.example/x'></iframe>">copy</b>"""),
    "textarea": ("div", "<textarea><iframe src='https://else.example/x'></iframe></textarea>"),
    "title": ("div", "<svg><title>&lt;iframe src=https://else.example/></title></svg>"),
    "in a textarea": (
        "textarea",
        "<link rel=preconnect href=https://else.example/><iframe src='https://else.example/x'>",
    ),
    "comment": ("div", "<!-- <iframe src='https://else.example/'> --><p>x</p>"),
    "script": ("div", "<script type='text/x-tmpl'><iframe src='https://{{host}}.else.example/x'></iframe></script>"),
    "style": ("div", "<style>/* <link rel=preconnect href='https://else.example/'> */</style>"),
    "noscript": ("div", """<noscript><p title="<iframe src='https://else.example/'>">x</p></noscript>"""),
    "noscript that ends in an attribute": (
        "div",
        """<noscript><style></noscript><link rel=canonical href=/><i title="</style><img src=x onerror=window.reached=1>">x</i>""",
    ),
    "rows": ("tbody", "<tr><td title='<iframe src=https://else.example/>'>1</td><td><link rel=next href=/2></td></tr>"),
    "svg": ("svg", "<g><foreignObject><a title='<embed src=https://else.example/>'>x</a></foreignObject></g><link/>"),
    "form in a form": ("form", "<form><b>x</b></form><link rel=next href=/2>"),
    "math": (
        "math",
        "<mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;iframe src=https://else.example/>'>",
    ),
}
_HINT = '<link rel="preconnect" href="https://else.example/">'
_PUT = """([where, html, sink]) => {
  const place = where === "svg" || where === "math"
    ? document.createElementNS(where === "svg" ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1998/Math/MathML", where)
    : document.createElement(where);
  (where === "tbody" ? document.body.appendChild(document.createElement("table")) : document.body).append(place);
  if (sink === "innerHTML") place.innerHTML = html;
  else if (sink === "insertAdjacentHTML") place.insertAdjacentHTML("beforeend", html);
  else if (sink === "setHTMLUnsafe") place.setHTMLUnsafe(html);
  else place.appendChild(document.createElementNS(place.namespaceURI, "b")).outerHTML = html;
  place.querySelector("[tabindex]")?.focus();
  return new Promise(done => setTimeout(() => done([place.innerHTML, window.reached ?? null]), 20));
}"""


@pytest.mark.parametrize("sink", ["innerHTML", "insertAdjacentHTML", "outerHTML", "setHTMLUnsafe"])
def test_html_text_means_what_it_means_without_the_guard(guarded: Site, open_site: Site, page: Page, sink: str) -> None:
    """No text that a script puts into the page comes to mean something else, let alone runs; beside a hint, only that goes."""
    seen = []
    for site in (guarded, open_site):
        page.goto(site.url)
        seen.append({name: page.evaluate(_PUT, [where, html, sink]) for name, (where, html) in _TEXTS.items()})
    assert seen[0] == seen[1]
    assert {reached for _, reached in seen[0].values()} == {None}
    page.goto(guarded.url)
    for name, (where, html) in _TEXTS.items():
        if where in ("div", "tbody", "form"):
            shown, reached = page.evaluate(_PUT, [where, _HINT + html, sink])
            assert (shown, reached) == ('<link href="https://else.example/">' + seen[1][name][0], None), name


def test_scripts_in_html_text_stay_still_beside_a_hint(guarded: Site, page: Page) -> None:
    """A script in HTML text does not run, as HTML has it, also where the guard puts the nodes in; handlers run once."""
    page.goto(guarded.url)
    page.evaluate(
        """hint => {
          window.ran = 0;
          document.body.insertAdjacentHTML("beforeend", hint + "<script>ran += 10</script><img src='data:,x' onerror='ran++'>");
        }""",
        _HINT,
    )
    page.wait_for_timeout(_LATE)
    assert page.evaluate("ran") == 1


def test_text_that_is_only_read_stays_as_it_is(guarded: Site, page: Page) -> None:
    """What a script parses and does not put into the page is not touched, feeds included."""
    page.goto(guarded.url)
    html = '<iframe src="https://else.example/"></iframe>' + _HINT
    feed = '<feed><link rel="prefetch" href="https://else.example/"/></feed>'
    read = """([html, feed]) => {
      const apart = document.createElement("div");
      apart.innerHTML = html;
      const parse = (text, type) => new DOMParser().parseFromString(text, type);
      return [apart.innerHTML, parse("<body>" + html, "text/html").body.innerHTML,
              new XMLSerializer().serializeToString(parse(feed, "text/xml"))];
    }"""
    assert page.evaluate(read, [html, feed]) == [html, html, feed]


def test_much_html_text_takes_no_time(guarded: Site, page: Page) -> None:
    """Text made to be slow to search is not."""
    page.goto(guarded.url)
    spent = """text => { const begun = performance.now(); document.querySelector("main").innerHTML = text; return performance.now() - begun }"""
    for text in ("<link " * 20000, "<link><script " * 5000 + "speculationrules"):
        assert page.evaluate(spent, text) < 1500


def test_peer_connections_ask_no_stranger(guarded: Site, open_site: Site, page: Page, elsewhere: Elsewhere) -> None:
    """No way to make a peer connection reaches a TURN server that nobody allowed; without the gate each one does."""
    for site, expected in ((guarded, set()), (open_site, set(_PEERS))):
        reached = set()
        for how in _PEERS:
            one = page.context.new_page()  # a connection that is still sought aborts the next page of its own
            one.goto(f"{site.url}/?{how}")
            elsewhere.reset()
            one.evaluate(_PEER, {"host": "turn.tracker.example", "how": how})
            one.wait_for_timeout(_LATE)
            if elsewhere.connections:
                reached.add(how)
            one.close()
        assert reached == expected


def test_peer_connections_ask_allowed_hosts(guarded: Site, page: Page, elsewhere: Elsewhere) -> None:
    """The servers of a granted service stay."""
    page.goto(guarded.url)
    answer(page, "Accept all")
    page.goto(guarded.url)
    elsewhere.wait_for({STATS})
    elsewhere.reset()
    page.evaluate(_PEER, {"host": f"turn.{STATS}", "how": "made"})
    page.wait_for_timeout(_LATE)
    assert elsewhere.connections > 0


def test_report_mode_tells_of_undeclared_names(clock: Clock, tmp_path: Path, page: Page) -> None:
    """In report mode all is stored, and the site is told once which names nobody declares, without what is in them."""
    app, heard = guarded_site(tmp_path, clock, CONSENT_MODE="report")
    with served(app) as reporting:
        page.goto(reporting.url + "/second?secret=1")
        page.evaluate(
            """() => { document.cookie = "spy=value"; document.cookie = "_pk_id=1"; localStorage.theme = "dark";
                       sessionStorage.setItem("stats_visit", "1"); indexedDB.open("strange"); }"""
        )
        assert page.evaluate("() => document.cookie.split('; ').sort()") == ["_pk_id=1", "spy=value"]
        end = time.monotonic() + 10
        while not heard.names and time.monotonic() < end:
            page.wait_for_timeout(100)
        page.goto(reporting.url + "/bare")
        page.wait_for_timeout(_LATE)
    names = {"cookies": ["spy"], "storage": ["theme"], "databases": ["strange"]}
    assert heard.names == [{"type": "consentry-names", **names, "path": "/second"}]


def test_withdrawal_leaves_nothing_declared_and_the_login(guarded: Site, page: Page, context: BrowserContext) -> None:
    """After a withdrawal no declared cookie, key or database is left, undeclared keys and the login are."""
    page.goto(guarded.url + "/login")
    answer(page, "Accept all")
    page.goto(guarded.url + "/second")
    page.evaluate(_STORE)
    for name in ("stats_db", "stats_log_1", "site"):
        page.evaluate(_OPEN, name)
    page.evaluate(
        """() => { document.cookie = "_pk_id=1; path=/";
                   indexedDB.open("stats_db").onsuccess = event => { window.held = event.target.result } }"""
    )
    assert {"_pk_id", "_pk_id.1", "session"} < cookies(context)
    assert set(page.evaluate(_STORED)) > {*_LOCAL, "stats_visit"}
    assert page.evaluate(_DATABASES) == ["site", "stats_db", "stats_log_1"]
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name="take back").last.click()
    expect(page.get_by_text("Hello, Maria")).to_be_visible()
    page.wait_for_function("async () => (await indexedDB.databases()).length === 1")
    assert page.evaluate(_DATABASES) == ["site"]
    assert page.evaluate(_STORED) == _UNDECLARED
    assert {name for name in cookies(context) if not name.startswith("consent_")} == {"session"}
