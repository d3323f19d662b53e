"""What tells an answer that is sent again from a new one: a double click, a retry after an answer that got lost.

All attempts have the form's own key, the same answer in it and the same receipt beside it. So they have one
:class:`~consent.ledger.Submission`, and a first grant has one subject, whichever attempt is recorded: the receipt of
each is proved by the one record.
"""

from __future__ import annotations

from hashlib import sha256

from consent import Answer
from consent.ledger import Submission

from .state import State
from .visit import Visit

_SUBJECT_SIZE = 16
#: Seconds within which attempts have one subject, counted from the epoch on: two of them may fall on either side.
_SAME_WITHIN = 600


def submission(state: State, visit: Visit, answer: Answer, key: str) -> Submission:
    """Of *answer*, sent under *key*; an answer without one is like no other."""
    return Submission(request=_hash(key or state.entropy(16).hex(), *_said(answer)), before=_hash(visit.receipt or ""))


def subject(state: State, visit: Visit, answer: Answer, key: str) -> bytes:
    """A subject for a first grant: nobody can guess it, and every attempt of one submission has it.

    Another one where that subject has been withdrawn or erased meanwhile, which never grants again; and another one
    later, when the same form may be in front of somebody else.
    """
    if key:
        sent = submission(state, visit, answer, key)
        span = int(visit.now.timestamp()) // _SAME_WITHIN
        sealed = state.subjects.close(bytes.fromhex(sent.request + sent.before) + span.to_bytes(8, "big"))
        made = sha256(sealed.encode()).digest()[:_SUBJECT_SIZE]
        if not state.ledger.revocations.void(made, int(visit.now.timestamp())):
            return made
    return state.entropy(_SUBJECT_SIZE)


def _said(answer: Answer) -> tuple[str, ...]:
    ticked = (" ".join(sorted(names)) for names in (answer.asked, answer.purposes, answer.services))
    override = "override" if answer.override_gpc else ""
    return (answer.method, answer.duration, override, *ticked)


def _hash(*parts: str) -> str:
    return sha256("\x1f".join(parts).encode()).hexdigest()
