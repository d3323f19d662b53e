"""From a policy to the log: what the site declares and says from now on, so that the answers to it can be read later.

At the start of each process, and before anything is sealed or exported by hand. What is declared as before is kept
once. Words that were never shown in full on a site are kept too: what visitors could have seen is known even for a
language in which nobody answered.
"""

from __future__ import annotations

import logging
from datetime import datetime

from flask import Flask

from consent import ConfigError
from consent.edition import edition
from consent.ledger import KeptNotice
from consent.notice import Notice, question

from . import recording
from .state import KEY, State

_LOG = logging.getLogger("consentry")

#: Bytes that a policy may declare: a question repeats them, and its page does so up to three times.
_MOST = recording.LONGEST // 4


def check(state: State) -> None:
    """Do nothing if an export can show what the policy declares.

    :raises ConfigError: it is too long.
    """
    declared = len(edition(state.policy, {}, since=state.clock()).body)
    if declared > _MOST:
        said = f"CONSENT_POLICY: {state.settings.policy} declares {declared:,} bytes, and an export can show {_MOST:,}"
        raise ConfigError(f"{said}. Write shorter texts, or declare fewer services")


def publish(app: Flask, *, now: datetime) -> bool:
    """Hand the policy of *app* to its ledger, with the full question in every language.

    :return: Whether it says anything that it did not say before.
    :raises StoreError: it could not be kept.
    :raises ConfigError: the words are longer than an export can show: see :func:`.recording.words`.
    """
    state: State = app.extensions[KEY]
    policy = state.policy
    languages = policy.languages if policy.purposes else ()  # else nothing is asked in any of them
    notices = [question(policy, language, policy.purposes) for language in languages]
    made = edition(policy, {notice.language: notice.digest for notice in notices}, since=now)
    kept = [words for words in (_words(app, notice) for notice in notices) if words is not None]
    return state.ledger.store.publish(made.body, made.digest, kept, now=now)


def _words(app: Flask, notice: Notice) -> KeptNotice | None:
    """*notice* as nobody in particular would see it; ``None`` where the site's own templates need somebody."""
    try:
        with app.test_request_context():  # what the site adds to every template may look at a request
            return recording.words(notice)
    except ConfigError:
        raise
    except Exception as error:  # noqa: BLE001  # the site's templates; the first answer brings the words all the same
        _LOG.warning(
            "the question in %s cannot be kept before the first answer: %s", notice.language, type(error).__name__
        )
        return None
