"""The signed description of one embedded frame: what a wrapper document may show, and for how long without a decision.

Only the site's own templates can make one, so that the wrapper cannot be used to frame anything else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from consent import TokenError

from .state import State

#: How long *Play once* opens a frame: enough for a slow browser, too short to be passed on.
ONCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embed:
    """A frame in a page: whose, which URL, its title, and the path to come back to."""

    service: str
    src: str
    title: str
    back: str


def close(state: State, embed: Embed) -> str:
    """*embed* as a token."""
    said = [embed.service, embed.src, embed.title, embed.back]
    return state.embeds.close(json.dumps(said, separators=(",", ":")).encode())


def open_(state: State, token: str, *, service: str) -> Embed:
    """What *token* describes.

    :raises TokenError: it was not made here, or for another service.
    """
    try:
        fields = json.loads(state.embeds.open(token))
    except ValueError:
        raise TokenError("not the description of a frame") from None
    if not isinstance(fields, list) or len(fields) != 4 or fields[0] != service:
        raise TokenError("not the description of a frame of this service")
    return Embed(service=fields[0], src=fields[1], title=fields[2], back=fields[3])


def ticket(state: State, token: str, *, now: datetime) -> str:
    """Leave to open the frame of *token* once, soon."""
    return state.tickets.close(f"{int(now.timestamp())} {token}".encode())


def admits(state: State, ticket: str, token: str, *, now: datetime) -> bool:
    """Whether *ticket* was made for *token* less than :data:`ONCE` ago."""
    try:
        begin, _, opened = state.tickets.open(ticket).decode(errors="replace").partition(" ")
        age = now - datetime.fromtimestamp(int(begin), UTC)
    except (TokenError, ValueError, OverflowError):
        return False
    return opened == token and timedelta(minutes=-5) <= age <= ONCE
