"""What the other companies of the example site answer: small stand-ins that do what the real ones do.

Each script does something that can be seen: it sets its cookies and calls home. One that only sat there would let every
"nothing got through" test pass.
"""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass

MATOMO = "stats.millbrook.example"
META = "connect.facebook.net"
META_PIXEL = "www.facebook.com"
X = "platform.twitter.com"
YOUTUBE = "www.youtube-nocookie.com"
MAP = "www.openstreetmap.org"
#: Draws posts where a page has markers for them.
POSTS = "posts.example"
#: The tracker that nobody tagged, in the example's old template.
OLD_SCRIPT = "cdn.oldtracker.example"
OLD_PIXEL = "pixel.oldtracker.example"

_GIF = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

_MATOMO_JS = """
const year = 365 * 86400;
document.cookie = `_pk_id.1=0123456789abcdef.1700000000.; Max-Age=${Math.round(year * 13 / 12)}; Path=/; SameSite=Lax`;
document.cookie = "_pk_ses.1=1; Max-Age=1800; Path=/; SameSite=Lax";
const tracker = (window._paq || []).find(([name]) => name === "setTrackerUrl");
if (tracker) navigator.sendBeacon(`${tracker[1]}?rec=1&url=${encodeURIComponent(location.href)}`);
window.matomoRan = true;
"""

_META_JS = """
document.cookie = "_fbp=fb.1.1700000000000.123456789; Max-Age=7776000; Path=/; SameSite=Lax";
const pixel = new Image(1, 1);
pixel.src = "https://www.facebook.com/tr?ev=PageView&dl=" + encodeURIComponent(location.href);
"""

_X_JS = """
for (const link of document.querySelectorAll("a.twitter-share-button")) {
  const frame = document.createElement("iframe");
  frame.src = "https://platform.twitter.com/widgets/tweet_button.html";
  frame.title = "X Post Button";
  frame.width = 76;
  frame.height = 28;
  link.replaceWith(frame);
}
"""

_POSTS_JS = """
const reads = {
  cookie: () => document.cookie,
  storage: () => localStorage.length,
  page: () => parent.document.title,
};
const seen = Object.entries(reads).map(([name, read]) => {
  try { return `${name}: ${read()}`; } catch (error) { return `${name}: ${error.name}`; }
});
for (const marker of document.querySelectorAll("blockquote.post")) {
  const post = document.createElement("article");
  post.style.height = "700px";
  post.textContent = `Drawn. ${seen.join("; ")}`;
  marker.replaceWith(post);
}
navigator.sendBeacon("https://posts.example/seen.php");
new Image().src = "https://pixel.oldtracker.example/hit.gif?from=posts";
"""

_OLD_JS = """
document.cookie = "oldtracker=1; Max-Age=315360000; Path=/";
new Image().src = "https://pixel.oldtracker.example/hit.gif?from=script";
"""

_SCRIPTS = {MATOMO: _MATOMO_JS, META: _META_JS, X: _X_JS, OLD_SCRIPT: _OLD_JS, POSTS: _POSTS_JS}


@dataclass(frozen=True, slots=True)
class Said:
    """One response: its *content_type*, *body* and *status*."""

    content_type: str
    body: bytes
    status: int = 200


def answer(host: str, path: str) -> Said:
    """What *host* says to a request for *path*, query included."""
    file = path.partition("?")[0]
    if file.endswith(".js"):
        return Said("text/javascript", _SCRIPTS.get(host, "").encode())
    if file.endswith((".gif", ".png")) or host == META_PIXEL:
        return Said("image/gif", _GIF)
    if file.endswith(".php"):
        return Said("text/plain", b"")
    words = f"<!doctype html><title>{host}</title><p>Here is {host}.</p><button>Start</button>"
    return Said("text/html; charset=utf-8", words.encode())
