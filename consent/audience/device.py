"""From a user agent to a coarse class and a browser family, or to "a machine". Nothing else is kept of it.

Whoever does not look like a browser or a mail program counts as a machine: better a visitor too few. That is the rule
of thumb of this module, since every program may say what it likes.

Agents stand in this process's memory, the last two thousand and with nothing beside them, so that each is read once; at
the end of the day they go (:func:`cache_clear`), but for the last two hundred in the parser's own memory.

Sources: RFC 9110 §10.1.5 (User-Agent). Proxies of mail: github.com/ua-parser/uap-core/issues/509 (Apple, since 20
September 2021: nothing but ``Mozilla/5.0``), github.com/browscap/browscap/issues/1108 (Google, when a mail is opened),
bird.com/blog/gmail-prefetching-images (Google, before it is opened), help.yahoo.com/kb/SLN28749.html (Yahoo). The
user-agents library's own table of crawlers misses command-line tools and headless browsers, hence the list here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from user_agents import parse

MACHINE = "machine"
OTHER = "other"
#: Characters that are looked at: the parser's patterns take seconds on a hostile text of some kilobytes.
LONGEST = 512
_CACHED = 2048

#: How browsers and mail programs begin, small letters.
_PEOPLE = (
    "mozilla/",
    "opera/",
    "blackberry",
    "elinks",
    "links ",
    "lynx/",
    "microsoft office/",
    "nokia",
    "outlook-",
    "ucweb",
    "w3m/",
)
#: What only others say that begin so, too. A phone is called Cubot.
_MACHINES = re.compile(
    r"(?<!cu)bot\b|(?<!cu)bot[^_a-z]|crawl|spider|slurp|scrap|fetch|scan(?:ner|\b)|https?:|headless|phantomjs|slimerjs"
    r"|puppeteer|playwright|cypress|selenium|webdriver|lighthouse|pagespeed|gtmetrix|ptst/|catchpoint|dareboot"
    r"|pingdom|uptime|statuscake|site24x7|checkly|newrelic|datadog|monitor|facebookexternalhit|facebookcatalog"
    r"|meta-external|whatsapp/|preview|embedly|google-|googleother|chatgpt|perplexity|claude-|anthropic|cohere-|ccbot"
    r"|ia_archiver|archive\.org|validator|w3c_|httrack|wkhtml|curl|wget|python|aiohttp|httpx|urllib|java/|okhttp"
    r"|libwww-perl|go-http|axios|node-fetch|undici|guzzle|apache-http|existence discovery|(?:image|mail|img)-?proxy"
    r"|powershell|zgrab|censys|jsdom"
)
#: What says nothing of itself, after ``Mozilla/5.0``.
_BARE = re.compile(r"mozilla/[\d.]+\s*(?:\(\s*(?:compatible)?\s*;?\s*\))?\s*")
#: What Google says when it looks at a mail before anybody opens it: a browser of 2015, with an end of its own.
_AHEAD = "edge/12.246 mozilla/5.0"
_PROXIES = ("googleimageproxy", "ggpht.com", "yahoomailproxy", "outlookimageproxy")

#: Browser families that are counted, as the parser calls them; all others are one.
FAMILIES = frozenset(
    {
        "Amazon Silk",
        "Android",
        "Apple Mail",
        "BlackBerry WebKit",
        "Chrome",
        "Chrome Mobile",
        "Chrome Mobile WebView",
        "Chrome Mobile iOS",
        "Chromium",
        "DuckDuckGo Mobile",
        "Edge",
        "Edge Mobile",
        "Epiphany",
        "Facebook",
        "Firefox",
        "Firefox Mobile",
        "Firefox iOS",
        "Google",
        "IE",
        "IE Mobile",
        "Instagram",
        "Konqueror",
        "Links",
        "Lynx",
        "Maxthon",
        "MiuiBrowser",
        "Mobile Safari",
        "Mobile Safari UI/WKWebView",
        "Opera",
        "Opera Mini",
        "Opera Mobile",
        "Opera Touch",
        "Outlook",
        "Outlook-iOS",
        "Pale Moon",
        "Pinterest",
        "QQ Browser",
        "QQ Browser Mobile",
        "Safari",
        "Samsung Internet",
        "SeaMonkey",
        "Sogou Explorer",
        "Thunderbird",
        "UC Browser",
        "Vivaldi",
        "WeChat Browser",
        "Yandex Browser",
    }
)


@dataclass(frozen=True, slots=True)
class Device:
    """What sort of thing it is.

    :param kind: ``desktop``, ``mobile``, ``tablet``, ``machine`` or ``other``.
    :param browser: One of :data:`FAMILIES`, or ``other``.
    """

    kind: str
    browser: str


_A_MACHINE = Device(MACHINE, OTHER)


def device(user_agent: str) -> Device:
    """What *user_agent* says, of its first 512 characters."""
    return _read(user_agent[:LONGEST])


def cache_clear() -> None:
    """Forget the agents that were read."""
    _read.cache_clear()


def mail_proxy(user_agent: str) -> bool:
    """Whether a service looks at mails for people who may not have opened them: Apple, Gmail, Yahoo, Outlook."""
    text = user_agent[:LONGEST].strip().lower()
    return text == "mozilla/5.0" or text.endswith(_AHEAD) or any(word in text for word in _PROXIES)


@lru_cache(maxsize=_CACHED)
def _read(text: str) -> Device:
    small = text.lower()
    if not small.startswith(_PEOPLE) or _BARE.fullmatch(small) or _MACHINES.search(small) or mail_proxy(small):
        return _A_MACHINE
    parsed = parse(text)
    kinds = {MACHINE: parsed.is_bot, "tablet": parsed.is_tablet, "mobile": parsed.is_mobile, "desktop": parsed.is_pc}
    kind = next((kind for kind, is_it in kinds.items() if is_it), OTHER)
    family = str(parsed.browser.family)
    if kind == MACHINE or (kind == OTHER and family not in FAMILIES):
        return _A_MACHINE
    return Device(kind, family if family in FAMILIES else OTHER)
