"""From a user agent to a coarse class and a browser family, or to "a machine". Nothing else is kept of it.

Sources: RFC 9110 §10.1.5 (User-Agent); the user-agents library's own table of crawlers misses command-line tools and
headless browsers, hence the list here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from user_agents import parse

#: The parser's patterns take seconds on a hostile text of some kilobytes.
_LONGEST = 512
_MACHINES = (
    "aiohttp",
    "axios",
    "bot",
    "bytespider",
    "crawl",
    "curl/",
    "go-http-client",
    "headless",
    "httpx",
    "lighthouse",
    "node-fetch",
    "phantomjs",
    "python-requests",
    "python-urllib",
    "spider",
    "wget/",
)


@dataclass(frozen=True, slots=True)
class Device:
    """What sort of thing it is.

    :param kind: ``desktop``, ``mobile``, ``tablet``, ``machine`` or ``other``.
    :param browser: A family such as ``Firefox``.
    """

    kind: str
    browser: str


@lru_cache(maxsize=2048)
def device(user_agent: str) -> Device:
    """What *user_agent* says, of its first 512 characters."""
    text = user_agent[:_LONGEST]
    if not text or any(word in text.lower() for word in _MACHINES):
        return Device("machine", "other")
    parsed = parse(text)
    kinds = {"machine": parsed.is_bot, "tablet": parsed.is_tablet, "mobile": parsed.is_mobile, "desktop": parsed.is_pc}
    kind = next((kind for kind, is_it in kinds.items() if is_it), "other")
    return Device(kind, str(parsed.browser.family)[:40])
