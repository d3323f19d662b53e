"""What there is to say of a receipt: what counts now, and what was recorded of its subject.

What counts for the visitor's own browser comes from its cookie; what was recorded comes from the store, which may be
away. Of somebody who comes with a receipt code, all comes from the store.

Source: GDPR Art. 15 (access).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from consent import Decision, Grants, ReceiptError, Signals, StoreError, allowed
from consent.ledger import history as histories
from consent.ledger.history import History

from .state import State
from .visit import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """All that can be said to one person.

    :param own: Whether it is about the visitor's own browser; else they came with a code.
    :param subject: Whose records they are; ``None`` where nothing ties any to the visitor.
    :param decision: What stands now.
    :param grants: What may run now.
    :param sure: Whether it could be checked that the decision was not taken back.
    :param revoked: Whether all was taken back or erased, as far as this process knows.
    :param history: What was recorded; ``None`` where the store cannot be read. Empty without a subject.
    """

    own: bool
    subject: bytes | None
    decision: Decision | None
    grants: Grants
    sure: bool
    revoked: bool
    history: History | None

    @property
    def empty(self) -> bool:
        """Whether the store has no record."""
        return self.history is not None and not self.history.records

    @property
    def live(self) -> bool:
        """Whether something is granted."""
        return self.decision is not None and self.decision.grants_anything

    @property
    def may_withdraw(self) -> bool:
        """Whether there is something to take back, or may be: a record may still be on its way to the store."""
        unseen = self.history is None or self.empty
        return self.live or (self.subject is not None and not self.own and not self.revoked and unseen)

    @property
    def may_erase(self) -> bool:
        """Whether there are records to erase, or may be."""
        return self.subject is not None and not (self.empty and self.revoked)


def own_subject(state: State, visit: Visit) -> bytes | None:
    """The subject of the visitor's own receipt, whether or not it still counts."""
    try:
        return state.receipts.open(visit.receipt or "").subject
    except ReceiptError:
        return None


def history_of(state: State, subject: bytes | None, *, proofs: bool = False) -> History | None:
    """What is recorded of *subject*; ``None`` where that cannot be read."""
    if subject is None or not state.ledger.database.exists:
        return History(records=())
    try:
        return histories.read(state.ledger.database, state.policy.site, subject, proofs=proofs)
    except StoreError:
        return None


def tell(state: State, visit: Visit, subject: bytes | None, history: History | None, *, own: bool) -> Told:
    """What there is to say about *subject* now."""
    decision = visit.decision if own else _standing(state, history, now=visit.now)
    return Told(
        own=own,
        subject=subject,
        decision=decision,
        grants=visit.grants if own else allowed(state.policy, decision, Signals()),
        sure=visit.standing.sure or not own,
        revoked=subject is not None and state.ledger.revocations.void(subject, int(visit.now.timestamp())),
        history=history,
    )


def _standing(state: State, history: History | None, *, now: datetime) -> Decision | None:
    """The decision that the latest record says, if it still stands and was not revoked."""
    latest = history.latest if history else None
    if latest is None or latest.subject is None or not latest.decision.stands(now):
        return None
    decision = latest.decision
    if state.ledger.revocations.void(latest.subject, int(decision.decided_at.timestamp())):
        return None
    return decision if decision.grants_anything else None
