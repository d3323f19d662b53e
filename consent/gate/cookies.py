"""Which cookies may be set, for how long, and which must go.

A name is *necessary* (the site's own session, or declared so), *declared* for a service, or undeclared. Undeclared
names and those of services not granted do not pass; deletions always do, made unmistakable. What passes lasts no longer
than declared, and ends with the browser session where the visitor asked for that.

Source: RFC 6265bis §5.6 (parsing Set-Cookie: the last of two like attributes counts; Max-Age beats Expires).
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import quote

from ..grants import Grants
from ..policy import NECESSARY, Cookie, Kind, Policy

_LIFETIME = ("max-age", "expires")
#: The only white space that browsers strip (RFC 6265bis §5.6).
_BLANKS = " \t"
_SECONDS = re.compile(r"-?[0-9]{1,15}")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HOST_NAME = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*")


#: What the guard calls the places where a name can be kept.
_PLACES = {
    Kind.COOKIE: "cookies",
    Kind.LOCAL_STORAGE: "storage",
    Kind.SESSION_STORAGE: "storage",
    Kind.INDEXED_DB: "databases",
}
#: No service can have this id.
_NOBODYS = "-"

#: A domain under which names are registered, by its looks; to be wrong costs no more than a later turn.
_SUFFIX = re.compile(r"[a-z]{2,3}\.[a-z]{2}")
#: Most parent domains and folders that deletions try, and longest path: browsers ignore one above 1024.
_DOMAINS = 10
_FOLDERS = 20
_LONGEST_PATH = 1_024
#: What each tier of deletions may take of the room that those before it left.
_PARTS = (0.5, 0.5, 0.8, 1)
#: Most variants that are looked at in one tier for one response.
_TRIED = 1_000
#: What a header takes beside its value: its name, a colon, a space and the end of the line.
_BESIDE = len("Set-Cookie: \r\n")
#: 2**64 by the golden ratio. Its multiples modulo 2**64 come near every number, at whatever pace they are taken; the
#: time modulo a number would be the same for ever on a page that reloads itself once a minute.
_GOLDEN = 0x9E3779B97F4A7C15


class Fate(enum.Enum):
    """What becomes of one Set-Cookie header."""

    PASSED = "passed"
    SHORTENED = "shortened"
    UNDECLARED = "dropped: not declared"
    NOT_GRANTED = "dropped: not granted"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The fate of one header: its cookie's *name* and the *header* to send, ``None`` if dropped."""

    fate: Fate
    name: str
    header: str | None


class CookieRules:
    """The declared cookies of a policy, looked up by name.

    :param necessary: Names that need no declaration: the framework's session cookie and the like.
    :param own: Names of the receipt cookie, which only the server writes.
    """

    def __init__(self, policy: Policy, necessary: Iterable[str] = (), *, own: Iterable[str] = ()) -> None:
        declared = [cookie for cookie in policy.cookies if cookie.kind is Kind.COOKIE]
        self._policy = policy
        self._own = frozenset(own)
        self._necessary = frozenset(necessary) | self._own
        self._exact = {cookie.name: cookie for cookie in declared if not cookie.name.endswith("*")}
        # The longest prefix that fits is the one that was meant.
        self._prefixes = sorted((c for c in declared if c.name.endswith("*")), key=lambda c: -len(c.name))
        self.find = lru_cache(maxsize=1024)(self._find)
        self._owner = lru_cache(maxsize=1024)(self._find_owner)

    def _find(self, name: str) -> Cookie | None:
        """The declaration that covers *name*, if any."""
        if name in self._exact:
            return self._exact[name]
        return next((cookie for cookie in self._prefixes if cookie.matches(name)), None)

    def knows(self, name: str) -> bool:
        """Whether *name* is declared or needs no declaration."""
        return name in self._necessary or self.find(name) is not None

    def judge(self, header: str, grants: Grants, *, now: datetime) -> Verdict:
        """What becomes of a ``Set-Cookie`` *header* under *grants*."""
        pair, *attributes = header.split(";")
        name = pair.split("=", 1)[0].strip(_BLANKS) if "=" in pair else ""
        if name in self._necessary:
            return Verdict(Fate.PASSED, name, header)
        lifetime = _lifetime(attributes, now)
        if lifetime is not None and lifetime <= 0:
            # However a browser reads the rest, the last Max-Age counts.
            return Verdict(Fate.PASSED, name, f"{header}; Max-Age=0")
        declared = self.find(name)
        if declared is None:
            return Verdict(Fate.UNDECLARED, name, None)
        if declared.service not in grants.services:
            return Verdict(Fate.NOT_GRANTED, name, None)
        kept = [part for part in attributes if part.split("=", 1)[0].strip(_BLANKS).lower() not in _LIFETIME]
        if len(kept) == len(attributes):
            return Verdict(Fate.PASSED, name, header)
        # The lifetime is always written anew, so that a browser and this code cannot read it differently.
        needed = self._policy.services[declared.service].purpose == NECESSARY
        longest = declared.lifetime.total_seconds if declared.lifetime else 0
        if longest and (needed or not grants.session_only):
            seconds = longest if lifetime is None else min(longest, math.ceil(lifetime))
            kept.append(f" Max-Age={seconds}")
            fate = Fate.PASSED if lifetime is not None and lifetime <= longest else Fate.SHORTENED
        else:
            fate = Fate.SHORTENED
        return Verdict(fate, name, ";".join([pair, *kept]))

    def unwelcome(self, cookie_header: str, grants: Grants) -> list[str]:
        """Which of the cookies that a browser sent are declared and not granted, and so must be deleted."""
        found = []
        for pair in cookie_header.split(";"):
            name = pair.partition("=")[0].strip(_BLANKS)
            owner = self._owner(name)
            if owner is not None and owner not in grants.services and _NAME.fullmatch(name):
                found.append(name)
        return found

    def _find_owner(self, name: str) -> str | None:
        """The service that declares *name*; ``None`` for what nobody does, or what the framework needs."""
        declared = None if name in self._necessary else self.find(name)
        return declared.service if declared else None

    def for_browser(self) -> Mapping[str, Mapping[str, str]]:
        """The same rules for the guard in the page: name or prefix to service id, empty for necessary ones.

        The receipt's own names belong to a service that nobody is ever granted: no script has business with them.
        """
        services = self._policy.services
        cookies = dict.fromkeys(sorted(self._necessary), "") | dict.fromkeys(sorted(self._own), _NOBODYS)
        rules: dict[str, dict[str, str]] = {"cookies": cookies, "storage": {}, "databases": {}}
        for cookie in self._policy.cookies:
            service = "" if services[cookie.service].purpose == NECESSARY else cookie.service
            rules[_PLACES[cookie.kind]][cookie.name] = service
        return rules


def deletions(names: Iterable[str], *, host: str, path: str, secure: bool, seconds: int, room: int) -> Iterator[str]:
    """``Set-Cookie`` headers that delete *names*, as many as there is *room* for.

    A cookie is told apart by name, host or domain, path and partition, and a browser sends the name alone. So every
    variant that a page at *path* can reach has its turn, and those that are used most have it most often: whatever
    their number, a part of each tier goes with each response, from another place at another time.

    :param host: The request's host, with or without a port.
    :param path: The URL path that was asked for; each folder above it is tried.
    :param seconds: The time of the request, which says where to begin.
    :param room: In bytes, with the headers' own names.
    """
    names = list(dict.fromkeys(names))
    for tier, part in zip(_tiers(host, path, secure=secure), _PARTS, strict=True):
        count = len(tier) * len(names)
        begin = (seconds * _GOLDEN) % (1 << 64) * count >> 64
        share, spent = room * part, 0
        for number in range(min(count, _TRIED)):
            variant, which = divmod((begin + number) % count, len(names))
            header = _deletion(names[which], tier[variant])
            if header is None:
                continue
            size = len(header) + _BESIDE
            # One goes at any rate, or a tier with a small share would never come to an end.
            if spent + size > (share if spent else room):
                break
            spent += size
            yield header
        room -= spent


def _deletion(name: str, variant: str) -> str | None:
    """The header; ``None`` if no cookie of that name can be of that variant (RFC 6265bis §4.1.3)."""
    prefix = name[:12].lower()
    if prefix.startswith("__host-") and ("; Domain=" in variant or not variant.startswith("; Path=/;")):
        return None
    return f"{name}={variant}{'; HttpOnly' if prefix.startswith(('__http-', '__host-http-')) else ''}"


def _tiers(host: str, path: str, *, secure: bool) -> tuple[list[str], ...]:
    """The attributes of all variants: where trackers store, where others do, the rest, and partitioned in folders."""
    bare = host.rsplit(":", 1)[0].lower()
    labels = bare.split(".") if _HOST_NAME.fullmatch(bare) and len(bare) < 254 else []
    above = range(len(labels) - 1) if len(labels) > 1 and not labels[-1].isdigit() else ()
    # The shortest that a browser takes comes first; what looks like "co.uk" it takes from nobody.
    parents = [".".join(labels[at:]) for at in reversed(above)][:_DOMAINS]
    if len(parents) > 1 and _SUFFIX.fullmatch(parents[0]):
        parents.append(parents.pop(0))
    domains = [f"; Domain={domain}" for domain in parents]
    domains.insert(1, "")
    # The path was decoded on its way here; a browser compares it as it stood in the URL.
    parts = [quote(part, safe="!$&'()*+,:=@~", encoding="latin-1") for part in path.split("/") if part][:_FOLDERS]
    folders = ["/" + "/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    folders = [folder for folder in folders if len(folder) < _LONGEST_PATH]
    inside = folders if path.endswith("/") else folders[:-1]
    within = [*folders, *(folder + "/" for folder in inside)]
    root = [f"; Path=/{domain}" for domain in domains]
    nested = [f"; Path={one}{domain}" for domain in domains for one in within]
    # Where a script that names neither path nor domain stores.
    usual = [f"; Path={folder}" for folder in inside[-1:]]
    end = "; Max-Age=0; Secure" if secure else "; Max-Age=0"
    apart = f"{end}; Partitioned"
    return (
        [root[0] + end],
        [one + end for one in root[1:] + usual],
        ([one + apart for one in root] if secure else []) + [one + end for one in nested if one not in usual],
        [one + apart for one in nested] if secure else [],
    )


def _lifetime(attributes: list[str], now: datetime) -> float | None:
    """Seconds that a cookie is to live; ``None`` where that is not said, or not so that all browsers read it alike."""
    expires: float | None = None
    max_age: float | None = None
    for attribute in attributes:
        key, _, value = attribute.partition("=")
        key, value = key.strip(_BLANKS).lower(), value.strip(_BLANKS)
        if key == "max-age":
            max_age = float(value) if _SECONDS.fullmatch(value) else math.inf
        elif key == "expires":
            try:
                moment = parsedate_to_datetime(value)
                expires = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
            except (ValueError, TypeError, OverflowError, IndexError):
                expires = math.inf
    found = max_age if max_age is not None else expires
    return None if found == math.inf else found
