"""Every error the core raises.

* ConsentError
  - PolicyError          the declared policy is wrong; fix it before serving
    . UnknownPurpose     a purpose was named that the policy does not declare
    . UnknownService     a service was named that the policy does not declare
  - ConfigError          a setting is missing, misspelt or of the wrong type
  - TokenError           a signed value cannot be trusted: forged, stale or foreign
    . ReceiptError       a visitor's receipt cannot be trusted; treat as no decision
  - AnswerError          a visitor's answer names what the policy does not declare
  - StoreError           the record store failed; the cause is chained
    . SpoolFull          no more entries can wait for the store on this host
  - ProofError           what is offered as a proof does not hold: see :mod:`consent.proof.errors`
    . FormatError        bytes that are not written as their format demands
    . NoteError          a signed note that cannot be read, that no key at hand signed, or that is forged
  - NotCheckedError      what is offered as a proof cannot be checked: see :mod:`consent.proof.verdict`
  - NotResumableError    an unfinished export cannot be continued: see :mod:`consent.ledger.export.resume`
  - TargetError          an export cannot be written there: see :mod:`consent.ledger.export.file`

``PolicyError`` and ``ConfigError`` are the developer's to mend and stop start-up;
``TokenError`` and ``AnswerError`` come from outside and never stop a page;
``StoreError`` is the operator's; ``ProofError`` concerns whoever handed the proof over; the last three end a
command at a terminal with one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ConsentError(Exception):
    """Base of every error raised by :mod:`consent`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a policy file: where it is, what it is, how to mend it."""

    #: Dotted path of the key, such as ``services.youtube.purpose``; empty for the file as a whole.
    key: str
    #: What is wrong.
    message: str
    #: What to write instead.
    remedy: str

    def __str__(self) -> str:
        where = f"{self.key}: " if self.key else ""
        return f"{where}{self.message}. {self.remedy}"


class PolicyError(ConsentError):
    """The declared policy contradicts itself or names what it lacks.

    :param file: The policy file as the caller named it.
    :param problems: Every mistake found in it, not only the first.
    """

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        noun = "mistake" if len(problems) == 1 else "mistakes"
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{file} has {len(problems)} {noun}:\n{lines}")
        self.file = file
        self.problems = tuple(problems)


def _nameless(kind: str, example: str) -> Problem:
    """What a template names without quotes is a variable, and an unknown one is empty."""
    return Problem("", f"the name of the {kind} is missing", f"Is it in quotes? Write {example}")


class UnknownPurpose(PolicyError):
    """A purpose was named that the policy does not declare: a mistake in the site's code."""

    def __init__(self, purpose: str, known: Sequence[str], *, is_service: bool = False) -> None:
        remedy = f"Declare [purposes.{purpose}] or use one of: {', '.join(known)}"
        if is_service:
            remedy = f'It is a service: write service="{purpose}"'
        problem = Problem(f"purposes.{purpose}", "not declared", remedy)
        super().__init__("the policy", [problem if str(purpose) else _nameless("purpose", '"statistics"')])
        #: The purpose as the caller spelt it.
        self.purpose = purpose


class UnknownService(PolicyError):
    """A service was named that the policy does not declare: a mistake in the site's code."""

    def __init__(self, service: str, known: Sequence[str]) -> None:
        remedy = f"Declare [services.{service}] or use one of: {', '.join(known)}"
        problem = Problem(f"services.{service}", "not declared", remedy)
        super().__init__("the policy", [problem if str(service) else _nameless("service", 'service="youtube"')])
        #: The service as the caller spelt it.
        self.service = service


class ConfigError(ConsentError):
    """A setting is missing, misspelt or of the wrong type."""


class TokenError(ConsentError):
    """A signed value cannot be trusted: forged, truncated, stale, future-dated or made for another use."""


class ReceiptError(TokenError):
    """A visitor's receipt cannot be trusted; the visitor counts as undecided."""


class AnswerError(ConsentError):
    """A visitor's answer cannot be read, or names what the policy does not declare. Never repeats what was sent."""


class StoreError(ConsentError):
    """The record store failed or took too long; the cause is chained."""


class SpoolFull(StoreError):
    """The spool has reached its cap: no more entries can wait there for the store."""
