"""Policies for tests: one small file that has a service of every kind, and changed copies of it."""

from __future__ import annotations

from consent.policy import Policy, parse

SMALL = """
site = "example"
languages = ["en", "de"]

[controller]
name = "Example Ltd"
email = "privacy@example.org"

[purposes.preferences]
[purposes.statistics]
[purposes.social]
[purposes.marketing]

[services.login]
purpose = "necessary"
name = "Login"
reason = "Keeps members logged in."
[[services.login.cookies]]
name = "login"
lifetime = "30 days"

[services.colours]
purpose = "preferences"
name = "Colours"
[[services.colours.cookies]]
name = "colours"
lifetime = "12 months"

[services.matomo]
purpose = "statistics"
name = "Matomo"
[services.matomo.hosts]
script-src = ["https://stats.example.net"]
connect-src = ["https://stats.example.net"]
[[services.matomo.cookies]]
name = "_pk_id*"
lifetime = "13 months"
[[services.matomo.cookies]]
name = "_pk_ses"
lifetime = "session"

[services.youtube]
purpose = "social"
name = "YouTube"
provider = { name = "Google Ireland Limited", country = "US" }
[services.youtube.hosts]
frame-src = ["https://www.youtube-nocookie.com"]

[services.maps]
purpose = "social"
name = "Maps"
provider = { name = "Map Foundation", country = "GB" }
[services.maps.hosts]
frame-src = ["https://maps.example.com"]

[services.pixel]
purpose = "marketing"
name = "Pixel"
provider = { name = "Advert Inc.", country = "US" }
[services.pixel.hosts]
img-src = ["https://*.adverts.example"]
[[services.pixel.cookies]]
name = "_ad"
lifetime = "3 months"
"""


def policy(text: str = SMALL) -> Policy:
    """*text* as a policy."""
    return parse(text)


def changed(old: str, new: str) -> Policy:
    """The small policy with *old* replaced by *new*, which must be there."""
    assert old in SMALL
    return parse(SMALL.replace(old, new))
