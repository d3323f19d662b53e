"""Which visitor a command of the operator's is about: by the receipt code that the visitor has, or as records name it.

Either may come from standard input: there no list of processes and no history of a shell shows it. Messages repeat
neither.
"""

from __future__ import annotations

import re
import sys

import click

from consent import TokenError, claim

from ..state import State

_SUBJECT = re.compile(r"[0-9a-f]{32}")


def named(state: State, receipt: str | None, subject: str | None) -> bytes | None:
    """The subject that the options name; ``None`` where both are missing.

    :raises UsageError: both are there, or what is there names nobody.
    """
    if receipt is not None and subject is not None:
        raise click.UsageError("name the visitor by --receipt or by --subject, one of the two")
    if receipt is not None:
        return _of_receipt(state, _given(receipt))
    return None if subject is None else _of_subject(_given(subject))


def _given(text: str) -> str:
    return sys.stdin.readline().strip() if text == "-" else text.strip()


def _of_receipt(state: State, code: str) -> bytes:
    try:
        return claim.read(state.claims, code)
    except TokenError:
        remedy = "Copy it whole from the page; after a change of SECRET_KEY, keep the old one in SECRET_KEY_FALLBACKS"
        raise click.UsageError(f"that is no receipt code of this site. {remedy}") from None


def _of_subject(text: str) -> bytes:
    if not _SUBJECT.fullmatch(text.lower()):
        raise click.UsageError("a subject is 32 hexadecimal digits, as records have it")
    return bytes.fromhex(text)
