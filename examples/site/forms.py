"""Forms that only this site can send, and what a message must have.

Not here: consent. The token lives in the session cookie, which is necessary for a form that the
visitor asked for, and is therefore declared as such in consent.toml.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from flask import request, session

_REQUIRED = {
    "name": "Please tell us your name.",
    "email": "We need an address to reply to.",
    "message": "Please write a message.",
}


def form_token() -> str:
    """This session's token. Only pages with a form call it, so that no other page sets a session cookie."""
    return str(session.setdefault("form_token", secrets.token_urlsafe(16)))


def is_our_form() -> bool:
    """Whether the form that was sent carries this session's token."""
    expected = session.get("form_token", "")
    return bool(expected) and secrets.compare_digest(request.form.get("form_token", "").encode(), expected.encode())


def missing(form: Mapping[str, str]) -> dict[str, str]:
    """What to say next to each field of the contact form that was left empty."""
    return {field: words for field, words in _REQUIRED.items() if not form.get(field, "").strip()}
