"""The channels: each a piece of markup by which a page reaches a host of its own.

``URL`` in the markup stands for an https URL of that host, ``WSS`` for a WebSocket, ``HOST`` for its name, ``NONCE`` for
the nonce of the site's own policy. The host's first label is the channel's name, so that whoever is reached knows how.

Sources: HTML §4.6.7 (link types), §4.8.4.3.5 (image sources), §7.7 (speculation rules); RFC 8288 (Link headers); W3C
Beacon, CSP Level 3 §6.1; RFC 8489 and RFC 8656 (STUN and TURN, asked by WebRTC).
"""

from __future__ import annotations

from dataclasses import dataclass

#: What no header can stop: a script of the page that connects without asking for anything.
HINT = "CSP knows no connection hints; guard.js stops those of scripts where the page has consent_head()"
WEBRTC = "CSP knows no WebRTC; guard.js stops it where the page has consent_head()"
FRAME = "Chromium connects for a frame before it asks the policy; guard.js stops that where the page has consent_head()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way out of a page.

    :param name: Label in a host name.
    :param head: What it needs in the page's head.
    :param body: What it needs in the page's body.
    :param link: A value of the page's own ``Link`` header.
    :param issue: Whether it is one of the 33 that the project set out with.
    :param asks: Whether it asks for something; the others only connect.
    :param limit: Why no header and no rewriting stops it from connecting; it must ask for nothing all the same.
    :param guarded: Whether ``guard.js`` stops it where there is a *limit* and the page has ``consent_head()``.
    :param grantable: Whether it works for a granted service.
    """

    name: str
    head: str = ""
    body: str = ""
    link: str = ""
    issue: bool = True
    asks: bool = True
    limit: str = ""
    guarded: bool = True
    grantable: bool = True


def _script(name: str, code: str, **more: bool | str) -> Channel:
    return Channel(name=name, body=f'<script nonce="NONCE">{{ {code} }}</script>', **more)  # type: ignore[arg-type]


_WORKER = "new Worker(URL.createObjectURL(new Blob([`fetch('https://HOST/x', {mode: 'no-cors'})`])))"
_RTC = """
  const peer = new RTCPeerConnection({iceServers: [
    {urls: "stun:HOST:STUN"},
    {urls: "turn:HOST:STUN?transport=tcp", username: "u", credential: "c"},
  ]});
  peer.createDataChannel("d");
  peer.createOffer().then((offer) => peer.setLocalDescription(offer));
"""

CHANNELS = (
    Channel(name="script", body='<script nonce="NONCE" src="ADDRESS.js"></script>'),
    Channel(name="iframe", body='<iframe src="ADDRESS"></iframe>'),
    Channel(name="img", body='<img alt="" src="ADDRESS.gif">'),
    Channel(name="srcset", body='<img alt="" srcset="ADDRESS.gif 1x, ADDRESS.gif?2 2x">'),
    Channel(name="picture", body='<picture><source srcset="ADDRESS.gif"><img alt="" src="/own.gif"></picture>'),
    Channel(name="srcdoc", body='<iframe srcdoc="<img src=&quot;ADDRESS.gif&quot;>"></iframe>'),
    Channel(name="object", body='<object data="ADDRESS" type="text/html"></object>'),
    Channel(name="embed", body='<embed src="ADDRESS" type="text/html">'),
    Channel(name="video", body='<video src="ADDRESS.mp4" preload="auto"></video>'),
    Channel(name="audio", body='<audio src="ADDRESS.mp3" preload="auto" controls></audio>'),
    Channel(name="poster", body='<video poster="ADDRESS.gif"></video>'),
    Channel(name="svg-image", body='<svg width="9" height="9"><image href="ADDRESS.gif" width="9" height="9"/></svg>'),
    Channel(name="svg-use", body='<svg width="9" height="9"><use href="ADDRESS.svg#a"/></svg>'),
    Channel(name="input-image", body='<input type="image" alt="" src="ADDRESS.gif">'),
    Channel(name="css-import", head='<style>@import "ADDRESS.css";</style>'),
    Channel(name="css-background", body="<p style=\"background: url('ADDRESS.gif')\">x</p>"),
    Channel(
        name="css-font",
        head='<style>@font-face { font-family: "NAME-TAG"; src: url("ADDRESS.woff2"); }</style>',
        body='<p style="font-family: NAME-TAG">Words in a font</p>',
    ),
    Channel(name="stylesheet", head='<link rel="stylesheet" href="ADDRESS.css">'),
    Channel(name="preload", head='<link rel="preload" as="image" href="ADDRESS.gif">'),
    Channel(name="prefetch", head='<link rel="prefetch" href="ADDRESS.js">'),
    Channel(name="icon", head='<link rel="icon" href="ADDRESS.gif">'),
    Channel(
        name="ping",
        body='<a id="NAME-TAG" href="#here" ping="ADDRESS">x</a>'
        '<script nonce="NONCE">document.getElementById("NAME-TAG").click()</script>',
    ),
    _script("fetch", 'fetch("ADDRESS", {mode: "no-cors"}).catch(() => {});'),
    _script("xhr", 'const x = new XMLHttpRequest(); x.open("GET", "ADDRESS"); x.send();'),
    _script("beacon", 'navigator.sendBeacon("ADDRESS", "x");'),
    _script("event-source", 'new EventSource("ADDRESS");'),
    _script("web-socket", 'new WebSocket("wss://HOST/x");'),
    _script("dynamic-import", 'import("ADDRESS.js").catch(() => {});'),
    _script(
        "created-script",
        'const s = document.createElement("script"); s.nonce = "NONCE"; s.src = "ADDRESS.js"; document.head.append(s);',
    ),
    _script("created-img", 'new Image().src = "ADDRESS.gif";'),
    _script(
        "created-iframe",
        'const f = document.createElement("iframe"); f.src = "ADDRESS"; document.documentElement.append(f);',
        limit=FRAME,
    ),
    _script("worker-fetch", _WORKER),
    Channel(
        name="form-into-frame",
        body='<iframe name="NAME-TAG"></iframe><form id="form-TAG" method="post" action="ADDRESS" target="NAME-TAG"></form>'
        '<script nonce="NONCE">document.getElementById("form-TAG").submit()</script>',
        limit=FRAME,
    ),
    Channel(
        name="script-in-srcdoc",
        body='<iframe srcdoc=\'<script nonce="NONCE">fetch("ADDRESS", {mode: "no-cors"})</script>\'></iframe>',
    ),
    # Beside the issue's: what opened connections all the same, and newer ways.
    Channel(
        name="worker-file",
        body='<script nonce="NONCE">new Worker("/worker.js?ADDRESS")</script>',
        issue=False,
    ),
    Channel(
        name="shared-worker-file",
        body='<script nonce="NONCE">new SharedWorker("/worker.js?ADDRESS")</script>',
        issue=False,
    ),
    _script(
        "service-worker-file",
        'navigator.serviceWorker.register("/service.js?ADDRESS", {scope: "/service-RUN-TAG/"});',
        issue=False,
        grantable=False,  # it would outlive the grant
    ),
    Channel(name="link-header-preconnect", link="<ADDRESS>; rel=preconnect", issue=False, asks=False),
    Channel(name="link-header-preload", link="<ADDRESS.gif>; rel=preload; as=image", issue=False),
    Channel(name="link-header-stylesheet", link="<ADDRESS.css>; rel=preload; as=style", issue=False),
    Channel(name="link-header-dns", link="<ADDRESS>; rel=dns-prefetch", issue=False, asks=False),
    Channel(name="preconnect", head='<link rel="preconnect" href="ADDRESS">', issue=False, asks=False),
    _script(
        "created-preconnect",
        'const l = document.createElement("link"); l.rel = "preconnect"; l.href = "ADDRESS"; document.head.append(l);',
        issue=False,
        asks=False,
        limit=HINT,
    ),
    Channel(name="dns-prefetch", head='<link rel="dns-prefetch" href="ADDRESS">', issue=False, asks=False),
    _script("fetch-later", 'fetchLater("ADDRESS", {activateAfter: 0});', issue=False),
    _script(
        "web-transport",
        'new WebTransport("ADDRESS").ready.catch(() => {});',
        issue=False,
        asks=False,
        grantable=False,  # only measured at a port of its own, which no service declares
    ),
    Channel(
        name="speculation-rules",
        body='<script nonce="NONCE" type="speculationrules">'
        '{"prefetch": [{"urls": ["ADDRESS"], "eagerness": "immediate"}]}</script>',
        issue=False,
    ),
    # The gate passes this header never: it names a file that may name anybody.
    Channel(name="speculation-rules-header", issue=False, grantable=False),
    _script(
        "frame-location",
        'const f = document.createElement("iframe"); document.documentElement.append(f);'
        'f.contentWindow.location = "ADDRESS";',
        issue=False,
        limit=FRAME,
        guarded=False,
    ),
    Channel(
        name="link-into-frame",
        body='<iframe name="NAME-TAG"></iframe><a id="link-TAG" href="ADDRESS" target="NAME-TAG">x</a>'
        '<script nonce="NONCE">document.getElementById("link-TAG").click()</script>',
        issue=False,
        limit=FRAME,
        guarded=False,
    ),
    Channel(
        name="preconnect-in-srcdoc",
        body='<iframe srcdoc=\'<script nonce="NONCE">const l = document.createElement("link"); l.rel = "preconnect";'
        ' l.href = "ADDRESS"; document.head.append(l)</script>\'></iframe>',
        issue=False,
        asks=False,
        limit=HINT,
        guarded=False,
    ),
    _script(
        "frame-preconnect",
        'const f = document.createElement("iframe"); document.documentElement.append(f);'
        'const l = f.contentDocument.createElement("link"); l.rel = "preconnect"; l.href = "ADDRESS";'
        "f.contentDocument.head.append(l);",
        issue=False,
        asks=False,
        limit=HINT,
    ),
    _script("webrtc", _RTC, issue=False, asks=False, limit=WEBRTC, grantable=False),
)
