"""What hits are counted by, and which dimensions count the same hits. Names are what tables and exports say."""

from __future__ import annotations

PAGE = "page"
REGION = "region"
BROWSER = "browser"
DEVICE = "device"
LANGUAGE = "language"
CAMPAIGN = "campaign"
#: Of visitors who were not asked for statistics or said no, where the law exempts it; none of them is in the others.
EXEMPT_REGION = "region_exempt"
#: Clicks on links of the site's newsletters.
LINK = "link"
#: E-mails opened, by the recipient's own program and by a proxy that looks at every mail.
OPEN = "open"
OPEN_PROXY = "open_proxy"
#: The estimate of how many there were, if the site asks for one.
VISITORS = "visitors"
#: Purposes that were taken back.
WITHDRAWAL = "withdrawal"
#: Purposes that were refused by who had not allowed them. Never shown: :data:`WITHDRAWAL` is judged by it. Both are
#: also in :func:`answer`, where they are not told apart.
REFUSAL = "refusal"

#: Every page hit is in each of these exactly once, so that their totals are equal.
OF_A_PAGE = (PAGE, REGION, BROWSER, DEVICE, LANGUAGE, CAMPAIGN)

#: What both values of :func:`answer` are called.
ACCEPTED, REFUSED = "accepted", "refused"
#: The campaign of a page hit that has none, or none that may be counted.
NONE = "none"

_ANSWER = "answer."


def answer(purpose: str) -> str:
    """The dimension of what visitors answered about *purpose*: :data:`ACCEPTED` or :data:`REFUSED`."""
    return _ANSWER + purpose


def answered(dimension: str) -> str | None:
    """The purpose of which *dimension* holds the answers; ``None`` if it holds something else."""
    return dimension.removeprefix(_ANSWER) if dimension.startswith(_ANSWER) else None
