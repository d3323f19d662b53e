"""What one request counts, and on what ground. The address is cut to its network at once, and used in the call only.

- With the purpose of ``[audience]``: page, region, browser, device, language and campaign, together.
- Without it, where the visitor's country exempts it and the visitor does not object (or said yes, anywhere): the region
  alone, apart from the others'. Where the country is unknown, nothing is exempt.
- An e-mail's opens, by its recipient and never by an address: a proxy's says nothing of a reader, and nobody asked for
  the reader's.
- Answers, by purpose. A no is counted once more, apart: as a yes that was taken back, or as a no of who had not said
  yes. So each no is in one of those two, and all are in the answers: :mod:`.closing` says why.

Machines count nowhere. Nothing here raises or logs what it was given.

Sources: ePrivacy Directive Art. 5(3); CNIL deliberation 2020-091 (measuring an audience); EDPB Guidelines 2/2023
(pixels); GDPR Art. 7(3) (withdrawal).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ..decision import Decision
from ..grants import Grants
from ..policy import Policy
from .counters import Counters
from .device import MACHINE, device, mail_proxy
from .device import cache_clear as forget_devices
from .dimensions import (
    ACCEPTED,
    BROWSER,
    CAMPAIGN,
    DEVICE,
    EXEMPT_REGION,
    LANGUAGE,
    LINK,
    NONE,
    OPEN,
    OPEN_PROXY,
    PAGE,
    REFUSAL,
    REFUSED,
    REGION,
    VISITORS,
    WITHDRAWAL,
)
from .dimensions import answer as answer_dimension
from .language import cache_clear as forget_languages
from .language import language
from .network import network
from .region import Regions

#: Whose hits are one contributor's: all that come by no public network.
_NOBODY = b""
_VISITORS = (VISITORS, VISITORS)


@dataclass(slots=True, repr=False, eq=False)  # not frozen, which would cost as much as a look-up in the database
class Asked:
    """What a request says of who makes it, for one moment. It does not show what it holds.

    :param address: Of the connection, after the site's own ``ProxyFix``; ``None`` if there is none.
    :param user_agent: The header, or nothing.
    :param languages: The header ``Accept-Language``, or nothing.
    """

    address: str | None
    user_agent: str
    languages: str


def forget() -> None:
    """Drop what is remembered, for speed, of headers that were read."""
    forget_devices()
    forget_languages()


class Counting:
    """Counts under *policy*. Any number of threads may.

    :param regions: Where networks are.
    :param counters: What hits are added to.
    """

    def __init__(self, policy: Policy, regions: Regions, counters: Counters) -> None:
        audience = policy.audience
        self._audience = audience
        self._answers = {purpose: answer_dimension(purpose) for purpose in policy.purposes}
        self._campaigns = frozenset(audience.campaigns.names) if audience.campaigns else frozenset[str]()
        self._mails = frozenset(audience.mail.campaigns) if audience.mail else frozenset[str]()
        self._regions = regions
        self._counters = counters

    def page(
        self,
        asked: Asked,
        *,
        page: str,
        campaign: str | None,
        grants: Grants,
        decision: Decision | None,
        now: datetime,
    ) -> bool:
        """Count a page that was looked at; whether it was counted.

        :param page: As :func:`~.pages.page_value` names it.
        :param campaign: By which the visitor came; counted if it is declared and its purpose granted.
        :param grants: What may run for the visitor.
        :param decision: The one that stands, if there is one.
        :param now: UTC.
        """
        seen = device(asked.user_agent)
        if seen.kind == MACHINE:
            return False
        audience = self._audience
        if audience.purpose not in grants.purposes:
            return self._exempt(asked, grants, decision, now)
        packed = network(asked.address or "")
        who = packed or _NOBODY
        values = [
            (PAGE, page),
            (REGION, self._regions.at(packed)),
            (BROWSER, seen.browser),
            (DEVICE, seen.kind),
            (LANGUAGE, language(asked.languages)),
            (CAMPAIGN, self._campaign(campaign, grants)),
        ]
        if audience.visitors:
            visitor = b"\0".join(
                (who, seen.kind.encode(), seen.browser.encode())
            )  # not the agent: anybody makes them up
            self._counters.add([*values, _VISITORS], who, now=now, visitor=visitor)
        else:
            self._counters.add(values, who, now=now)
        return True

    def click(self, asked: Asked, link: str, *, token: bytes, granted: bool, now: datetime) -> bool:
        """Count a link that was followed; whether it was counted.

        :param link: A declared one; another is not counted.
        :param token: What this link of this e-mail is told from others by: it counts once a day.
        :param granted: Whether it may be counted.
        """
        if not granted or link not in self._audience.links or device(asked.user_agent).kind == MACHINE:
            return False
        if not self._counters.first(b"link\0" + token, now=now):
            return False
        self._counters.add([(LINK, link)], network(asked.address or "") or _NOBODY, now=now)
        return True

    def opened(self, asked: Asked, campaign: str, *, subject: bytes, granted: bool, now: datetime) -> bool:
        """Count an e-mail that was opened, by its recipient or by a proxy; whether it was counted.

        :param campaign: A declared one; another is not counted.
        :param subject: Whose e-mail it is: both kinds count once a day and campaign.
        :param granted: Whether it may be counted.
        """
        if not granted or campaign not in self._mails:
            return False
        if mail_proxy(asked.user_agent):
            dimension = OPEN_PROXY
        elif device(asked.user_agent).kind == MACHINE:
            return False
        else:
            dimension = OPEN
        if not self._counters.first(b"\0".join((dimension.encode(), campaign.encode(), subject)), now=now):
            return False
        self._counters.add([(dimension, campaign)], subject, now=now)
        return True

    def answered(self, asked: Asked, answers: Mapping[str, bool], before: Mapping[str, bool], *, now: datetime) -> None:
        """Count an answer.

        :param answers: Yes or no to the purposes that it is about; what is not declared is not counted.
        :param before: What stood before it; a yes there and a no now is one that was taken back.
        """
        if device(asked.user_agent).kind == MACHINE:
            return
        values = []
        for purpose, dimension in self._answers.items():
            answer = answers.get(purpose)
            if answer:
                values.append((dimension, ACCEPTED))
            elif answer is not None:
                values.append((dimension, REFUSED))
                values.append((WITHDRAWAL if before.get(purpose) else REFUSAL, purpose))
        if values:
            self._counters.add(values, network(asked.address or "") or _NOBODY, now=now)

    def _exempt(self, asked: Asked, grants: Grants, decision: Decision | None, now: datetime) -> bool:
        exempt = self._audience.exempt
        if exempt is None or exempt.purpose not in grants.purposes:
            return False
        packed = network(asked.address or "")
        region = self._regions.at(packed)
        agreed = decision is not None and decision.answers.get(exempt.purpose) is True
        if not agreed and region.partition("-")[0] not in exempt.countries:
            return False
        self._counters.add([(EXEMPT_REGION, region)], packed or _NOBODY, now=now)
        return True

    def _campaign(self, campaign: str | None, grants: Grants) -> str:
        declared = self._audience.campaigns
        if declared is None or campaign not in self._campaigns or declared.purpose not in grants.purposes:
            return NONE
        return campaign
