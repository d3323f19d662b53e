"""What a visitor is told before an answer, as one value with a hash: the words that a record can prove.

A notice is the *question* (the first layer with its second) about some purposes, the *permission* that a page needs for
one purpose, or the *placeholder* of one service. It holds everything that bears on the answer and nothing that differs
between visitors, so that one hash stands for what all of them saw. The extension renders it; the ledger keeps text and
HTML once per hash.

Sources: GDPR Art. 7(1) with EDPB Guidelines 05/2020 §§104-108 (show what information was given), Art. 13(1).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from .errors import TokenError
from .policy import NECESSARY, Basis, Controller, Policy, Service, Text
from .signing import Seal
from .wording import Wording, wording

#: How long a page may lie open before a grant given on it has to be confirmed on a fresh one.
LONGEST_OPEN = timedelta(days=7)

#: Hexadecimal digits of a notice's hash in its token: enough to tell two notices of one site apart.
_PREFIX = 16

#: Messages of the first and second layer that bear on the answer.
QUESTION_KEYS = (
    "controller_asks",
    "partial_asks",
    "exempt_on",
    "valid_for",
    "partial_valid_for",
    "stands_for",
    "change_any_time",
    "accept_all",
    "reject_all",
    "choose",
    "ask_again",
    "choices_intro",
    "necessary_note",
    "services_hint",
    "save",
    "gpc_honoured",
    "gpc_detail",
    "gpc_allow",
    "withdraw_note",
)
#: Messages of the page that asks for one purpose that bear on the answer.
PERMISSION_KEYS = (
    "needs_title",
    "controller_asks",
    "needs_allow",
    "stands_for",
    "ask_again",
    "back",
    "gpc_honoured",
    "gpc_detail",
    "gpc_allow",
)
#: Messages of a placeholder that bear on the answer, of what is played and of what is shown.
PLACEHOLDER_KEYS = {
    True: ("play_sentence", "play_sentence_short", "play_once", "always_show"),
    False: ("show_sentence", "show_sentence_short", "show_once", "always_show"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceNotice:
    """One service as visitors read it.

    :param country: Its name in their language.
    :param plays: Whether what it opens is played, or shown.
    :param keeps_own: Whether it stores something under its own name, which the site cannot delete.
    """

    id: str
    name: str
    provider: str
    country: str
    privacy_url: str
    cookies_count: int
    plays: bool
    keeps_own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PurposeNotice:
    """One purpose as visitors read it."""

    id: str
    label: str
    description: str
    services: tuple[ServiceNotice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """The words of one question or placeholder in one language.

    :param kind: ``question``, ``permission:`` and a purpose id, or ``placeholder:`` and a service id.
    :param purposes: What is asked; for a placeholder, the one purpose with the one service.
    :param exempt: What is on unless the visitor objects.
    :param partial: Whether only what is new is asked, of a visitor who answered before.
    :param lifetime: How long an answer stands, in words.
    :param sentences: Fixed sentences and labels shown with it, so that they are covered by the hash.
    """

    kind: str
    language: str
    revision: str
    controller: Controller
    purposes: tuple[PurposeNotice, ...]
    exempt: tuple[PurposeNotice, ...]
    partial: bool
    lifetime: str
    sentences: tuple[str, ...]

    @property
    def asked(self) -> tuple[str, ...]:
        """Ids of the purposes that it asks about, those that are on unless the visitor objects among them."""
        return tuple(purpose.id for purpose in (*self.purposes, *self.exempt))

    @property
    def companies(self) -> int:
        """Number of distinct providers named."""
        return len({service.provider for purpose in (*self.purposes, *self.exempt) for service in purpose.services})

    @property
    def text(self) -> str:
        """Canonical JSON of everything said: sorted keys, no spaces, UTF-8."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """SHA-256 of :attr:`text`, hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def question(policy: Policy, language: str, asked: Iterable[str]) -> Notice:
    """The question about the purposes *asked*, a subset of the policy's, in one of its languages."""
    words, wanted = wording(language), frozenset(asked)
    told = [_purpose(policy, words, purpose) for purpose in policy.purposes if purpose in wanted]
    return Notice(
        kind="question",
        language=language,
        revision=policy.revision,
        controller=policy.controller,
        purposes=tuple(p for p in told if policy.purposes[p.id].basis is Basis.CONSENT),
        exempt=tuple(p for p in told if policy.purposes[p.id].basis is not Basis.CONSENT),
        partial=len(told) < len(policy.purposes),
        lifetime=words.duration(policy.lifetime),
        sentences=_sentences(words, QUESTION_KEYS),
    )


def permission(policy: Policy, language: str, purpose: str) -> Notice:
    """What stands in front of a page that needs one *purpose*."""
    asked = question(policy, language, [purpose])
    sentences = _sentences(wording(language), PERMISSION_KEYS)
    return replace(asked, kind=f"permission:{purpose}", sentences=sentences)


def placeholder(policy: Policy, language: str, service: str) -> Notice:
    """What stands in place of a service's frame until it is opened."""
    words, declared = wording(language), policy.service(service)
    whole = _purpose(policy, words, declared.purpose)
    keys = PLACEHOLDER_KEYS[declared.embedding.plays] + (("vendor_keeps",) if declared.vendor_cookies else ())
    return Notice(
        kind=f"placeholder:{service}",
        language=language,
        revision=policy.revision,
        controller=policy.controller,
        purposes=(replace(whole, services=tuple(s for s in whole.services if s.id == service)),),
        exempt=(),
        partial=True,
        lifetime=words.duration(policy.lifetime),
        sentences=_sentences(words, keys),
    )


def _purpose(policy: Policy, words: Wording, purpose: str) -> PurposeNotice:
    text = Text(**words.purposes[NECESSARY]) if purpose == NECESSARY else policy.purposes[purpose].texts[words.language]
    services = tuple(_service(policy.services[s], words) for s in policy.services_of[purpose])
    return PurposeNotice(id=purpose, label=text.label, description=text.description, services=services)


def _service(service: Service, words: Wording) -> ServiceNotice:
    provider = service.provider
    return ServiceNotice(
        id=service.id,
        name=service.name,
        provider=provider.name,
        country=words.country(provider.country),
        privacy_url=provider.privacy_url,
        cookies_count=len(service.cookies),
        plays=service.embedding.plays,
        keeps_own=bool(service.vendor_cookies),
    )


def _sentences(words: Wording, keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(words.ui[key] for key in keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a notice token says: which words a visitor saw, and when the page was made."""

    language: str
    digest_prefix: str
    kind: str
    asked: tuple[str, ...]


class NoticeTokens:
    """Ties an answer to the words that were on the page.

    A token is the same for every visitor who saw the same words within the same hour, and thus identifies nobody.

    :param keys: Oldest to newest, as for :class:`~consent.receipt.Receipts`.
    """

    def __init__(self, policy: Policy, keys: Sequence[str | bytes]) -> None:
        self._seal = Seal(keys, site=policy.site, use="notice")
        self._policy = policy
        self._placeholder = lru_cache(maxsize=1024)(self._make_placeholder)

    def write(self, notice: Notice, *, now: datetime) -> str:
        """A token for *notice*, made in the hour of *now*."""
        said = [notice.language, notice.digest[:_PREFIX], int(now.timestamp()) // 3600, notice.kind, list(notice.asked)]
        return self._seal.close(json.dumps(said, separators=(",", ":")).encode())

    def placeholder(self, language: str, service: str, *, now: datetime) -> tuple[Notice, str]:
        """The notice of a placeholder and its token, made once an hour: a page may hold many."""
        return self._placeholder(language, service, int(now.timestamp()) // 3600)

    def _make_placeholder(self, language: str, service: str, hour: int) -> tuple[Notice, str]:
        notice = placeholder(self._policy, language, service)
        return notice, self.write(notice, now=datetime.fromtimestamp(hour * 3600, UTC))

    def read(self, token: str, *, now: datetime) -> Shown:
        """What *token* says.

        :raises TokenError: it is forged, older than :data:`LONGEST_OPEN`, or from the future.
        """
        try:
            language, digest, hour, kind, asked = json.loads(self._seal.open(token))
            age = now - datetime.fromtimestamp(hour * 3600, UTC)
            shown = Shown(language=language, digest_prefix=digest, kind=kind, asked=tuple(asked))
        except (ValueError, TypeError, OverflowError, OSError) as error:
            raise TokenError("not a notice of this site") from error
        if not timedelta(minutes=-5) <= age <= LONGEST_OPEN:
            raise TokenError("a notice from another time")
        return shown


def recognise(policy: Policy, shown: Shown) -> Notice:
    """The notice that a token stands for, if the site would say the very same words today.

    :raises TokenError: the policy or the words have changed since: the visitor has to see the new ones.
    """
    if shown.language not in policy.languages:
        raise TokenError("a notice in a language that is no longer offered")
    kind, _, about = shown.kind.partition(":")
    if kind == "question" and set(shown.asked) <= set(policy.purposes):
        notice = question(policy, shown.language, shown.asked)
    elif kind == "permission" and about in policy.purposes:
        notice = permission(policy, shown.language, about)
    elif kind == "placeholder" and about in policy.services:
        notice = placeholder(policy, shown.language, about)
    else:
        raise TokenError("a notice about what is no longer declared")
    if notice.digest[:_PREFIX] != shown.digest_prefix:
        raise TokenError("a notice whose words have changed")
    return notice
