"""Subjects outside their own browsers: whom a site writes to, and whether they still allow to be counted.

A subject is 16 random bytes that tie the records of one visitor's answers together. Kept beside a subscription, as
text, they tell whether its reader agrees to be counted: what the newest record says now, not when the e-mail was sent.
"""

from __future__ import annotations

import binascii
import logging
from base64 import b64decode, urlsafe_b64encode
from datetime import datetime

from consent import Signals, StoreError, allowed
from consent.audience.beacons import SUBJECT_SIZE
from consent.ledger.patience import within

from .state import State

_LOG = logging.getLogger("consentry")

#: Seconds that whoever asks waits for the store.
_PATIENCE = 2.0
_LENGTH = 22


def to_text(subject: bytes) -> str:
    """*subject* as a site keeps it: 22 characters, URL-safe base64 without padding."""
    return urlsafe_b64encode(subject).rstrip(b"=").decode("ascii")


def from_text(text: str) -> bytes:
    """The subject that *text* names.

    :raises ValueError: it is not what :func:`to_text` gives.
    """
    try:
        subject = b64decode(text.encode("ascii") + b"==", altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        subject = b""
    if len(subject) != SUBJECT_SIZE or len(text) != _LENGTH:
        raise ValueError("not a subject: it is the text that consent.subject gives, of 22 characters")
    return subject


@within(_PATIENCE)
def grants(state: State, subject: bytes, purpose: str, *, now: datetime) -> bool:
    """Whether *subject* allows *purpose* (declared) at *now*, as far as is recorded. A store that is away means no."""
    try:
        record = state.ledger.store.standing(subject, now=now) if state.ledger.database.exists else None
    except StoreError as error:
        _LOG.error("a subject counts as undecided: %s", type(error).__name__)
        return False
    if record is None:
        return False
    decision = record.decision
    if state.ledger.revocations.void(subject, int(decision.decided_at.timestamp())):  # on its way to the store
        return False
    if state.policy.purposes[purpose].version > 1 and record.revision != state.policy.revision:
        return False  # nobody knows whether what was agreed to is what is declared now
    return purpose in allowed(state.policy, decision, Signals(record.gpc)).purposes
