"""The signed description of one frame or widget: what its wrapper document shows, and how long without a decision.

Only the site can make one, so that the wrapper cannot be used to show anything else. It travels in a URL, so it is
short: what is long is compressed, and what is still too long is refused rather than cut by some server on the way.

Source: RFC 9112 §3 (request lines of 8000 octets); gunicorn's ``limit_request_line`` (4094 unless it is raised).
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from consent import TokenError
from consent.policy import Opens

from .state import State

#: How long *Play once* opens a frame: enough for a slow browser, too short to be passed on.
ONCE = timedelta(minutes=1)
#: Longest markup of a widget, in bytes.
LONGEST_MARKUP = 16_384
#: Longest token, in characters: leaves room for the rest of a request line of 4094.
LONGEST = 3_400

#: A payload over so many bytes is compressed; below, it gains little and costs time.
_WORTH_IT = 600
_COMPRESSED = b"x"


@dataclass(frozen=True, slots=True, kw_only=True)
class Embed:
    """What a wrapper document shows.

    :param kind: ``FRAME`` or ``WIDGET``.
    :param content: The frame's URL, or the widget's markup.
    :param back: Path of the page that it stands on; empty if unknown.
    """

    service: str
    kind: Opens
    content: str
    title: str
    back: str


def close(state: State, embed: Embed) -> str | None:
    """*embed* as a token, or ``None`` if it does not fit. The way back depends on the visitor: it is left out first."""
    if len(embed.content.encode(errors="replace")) > LONGEST_MARKUP:
        return None
    for back in (embed.back, ""):
        token = state.embeds.close(_packed([embed.service, embed.kind, embed.content, embed.title, back]))
        if len(token) <= LONGEST:
            return token
    return None


def open_(state: State, token: str, *, service: str) -> Embed:
    """What *token* describes.

    :raises TokenError: it was not made here, or for another service.
    """
    payload = state.embeds.open(token)
    try:
        fields = json.loads(zlib.decompress(payload) if payload.startswith(_COMPRESSED) else payload)
        named, kind, content, title, back = fields
        embed = Embed(service=named, kind=Opens(kind), content=content, title=title, back=back)
    except (ValueError, TypeError, zlib.error):
        raise TokenError("not the description of a frame") from None
    if embed.service != service:
        raise TokenError("not the description of a frame of this service")
    return embed


def ticket(state: State, token: str, *, now: datetime) -> str:
    """Leave to open what *token* describes once, soon."""
    return state.tickets.close(f"{int(now.timestamp())} {_digest(token)}".encode())


def admits(state: State, ticket: str, token: str, *, now: datetime) -> bool:
    """Whether *ticket* was made for *token* less than :data:`ONCE` ago."""
    try:
        begin, _, opened = state.tickets.open(ticket).decode(errors="replace").partition(" ")
        age = now - datetime.fromtimestamp(int(begin), UTC)
    except (TokenError, ValueError, OverflowError):
        return False
    return opened == _digest(token) and timedelta(minutes=-5) <= age <= ONCE


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()[:32]


def _packed(fields: list[str]) -> bytes:
    payload = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")
    return zlib.compress(payload) if len(payload) > _WORTH_IT else payload
