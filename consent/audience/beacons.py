"""Beacons and links: signed names of what is counted, and the one picture that answers every hit.

The answer never differs, so that a caller cannot learn from it whether the token was good or what was granted. A token
says what was rendered and when; who may be counted is asked anew at the hit. A link's token names a link that the
policy declares, never a URL, so that nobody can be sent anywhere else by it.

Each use has a seal of its own. Payloads, before base64 and signature:

==== ============================================================================================
page when it was issued (4 bytes, seconds since 1970), 9 random bytes, page, campaign and service
mail day on which it was issued (2 bytes, since 1970) and campaign; hidden: the subject (16 bytes)
link day (2 bytes) and link; hidden: the subject or nothing
==== ============================================================================================

Numbers are big-endian, texts UTF-8, those of a page ended by zero bytes. Web servers log URLs with addresses, so a
subject does not stand in one as it is: see :class:`~consent.signing.Cover`.

Source: EDPB Guidelines 2/2023 on Art. 5(3) ePrivacy Directive (pixels need consent even without a cookie).
"""

from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ..errors import TokenError
from ..policy import Policy
from ..signing import Cover, Seal

#: A transparent picture of one pixel, 43 bytes (GIF89a).
GIF = b64decode(b"R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
#: How long a page's beacon counts: it is asked for as soon as the page is there.
PAGE_LASTS = timedelta(minutes=15)
#: How far the clock of the host that issued a page's beacon may be ahead.
SKEW = timedelta(minutes=1)
#: How long an e-mail may be opened, and be counted (CNIL: trackers of an audience end after 13 months).
MAIL_LASTS = timedelta(days=396)
#: How long a link leads on: as long as anything that was counted is kept.
LINK_LASTS = timedelta(days=762)

SUBJECT_SIZE = 16
_NONCE_SIZE = _SALT_SIZE = 9
_DAY_SIZE = 2
_LONGEST_PAGE = 200
_PAGE = struct.Struct(f">I{_NONCE_SIZE}s")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_PAGE_SECONDS, _SKEW_SECONDS = PAGE_LASTS.total_seconds(), SKEW.total_seconds()


class PageHit(NamedTuple):
    """One page to count.

    :param campaign: By which the visitor came, if it may be counted.
    :param service: Id of the service whose grant is needed as well.
    :param nonce: Of this one rendering of the page.
    """

    page: str
    campaign: str | None
    service: str | None
    nonce: bytes


class MailHit(NamedTuple):
    """One e-mail that was opened: of which campaign, and whose it is."""

    campaign: str
    subject: bytes


class LinkHit(NamedTuple):
    """One link that was followed; *subject* is whose e-mail it stood in, if it is known.

    :param name: What this link of this e-mail is told from others by.
    """

    link: str
    subject: bytes | None
    name: bytes


class Beacons:
    """Signs and reads what one site counts.

    :param keys: As for :class:`~consent.receipt.Receipts`.
    :param entropy: Returns that many random bytes.
    """

    def __init__(self, policy: Policy, keys: Sequence[str | bytes], entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._pages = Seal(keys, site=policy.site, use="page beacon")
        self._mails = Cover(keys, site=policy.site, use="mail beacon")
        self._links = Cover(keys, site=policy.site, use="link")

    def for_page(self, page: str, *, campaign: str | None = None, service: str | None = None, now: datetime) -> str:
        """A token for one rendering of *page*, of which 200 characters are kept."""
        head = _PAGE.pack(int(now.timestamp()), self._entropy(_NONCE_SIZE))
        said = "\0".join((page[:_LONGEST_PAGE].replace("\0", ""), campaign or "", service or ""))
        return self._pages.close(head + said.encode("utf-8", "replace"))

    def of_page(self, token: str, *, now: datetime) -> PageHit:
        """What *token* says.

        :raises TokenError: it was not made here for a page, is too old, or from the future.
        """
        payload = self._pages.open(token)
        issued, nonce = _PAGE.unpack_from(payload)
        if not -_SKEW_SECONDS <= now.timestamp() - issued < _PAGE_SECONDS:
            raise TokenError("the page was rendered too long ago, or in the future")
        page, campaign, service = payload[_PAGE.size :].decode().split("\0")
        return PageHit(page, campaign or None, service or None, nonce)

    def for_mail(self, campaign: str, subject: bytes, *, now: datetime) -> str:
        """A token for the e-mail of *campaign* to *subject* (16 bytes)."""
        return self._mails.close(_day(now) + campaign.encode(), subject, salt=self._entropy(_SALT_SIZE))

    def of_mail(self, token: str, *, now: datetime) -> MailHit:
        """What *token* says.

        :raises TokenError: it was not made here for an e-mail, or is too old.
        """
        shown, subject = self._mails.open(token)
        return MailHit(_checked(shown, now, MAIL_LASTS), subject)

    def for_link(self, link: str, subject: bytes | None = None, *, now: datetime) -> str:
        """A token for the declared *link*, in an e-mail to *subject* (16 bytes) or for whoever follows it."""
        return self._links.close(_day(now) + link.encode(), subject or b"", salt=self._entropy(_SALT_SIZE))

    def of_link(self, token: str, *, now: datetime) -> LinkHit:
        """What *token* says.

        :raises TokenError: it was not made here for a link, or is too old.
        """
        shown, subject = self._links.open(token)
        return LinkHit(_checked(shown, now, LINK_LASTS), subject or None, shown + b"\0" + subject)


def _day(now: datetime) -> bytes:
    return ((now - _EPOCH) // _DAY).to_bytes(_DAY_SIZE, "big")


def _checked(shown: bytes, now: datetime, lasts: timedelta) -> str:
    """What stands behind the day, if what was issued on it still counts. A day of clocks that differ is no matter."""
    issued = int.from_bytes(shown[:_DAY_SIZE], "big")
    if not -1 <= (now - _EPOCH) // _DAY - issued < lasts // _DAY:
        raise TokenError("issued too long ago, or in the future")
    return shown[_DAY_SIZE:].decode()
