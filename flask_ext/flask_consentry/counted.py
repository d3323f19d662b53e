"""What stands in pages and e-mails so that they are counted: beacons and links, where that is allowed now.

Whether it is allowed is asked again at the hit (:mod:`.views.beacon`, :mod:`.views.link`).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from flask import Request, has_request_context, url_for
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from consent import ConfigError, Grants, PolicyError, Problem
from consent.audience.pages import page_value

from . import subjects
from .state import State
from .visit import Visit

_PICTURE = Markup('<img src="{}" alt="" width="1" height="1">')


def page(state: State, visit: Visit, request: Request, service: str | None) -> Markup:
    """The beacon of the page that *request* asks for; empty where its visitor may not be counted.

    :param service: The declared service that it is.
    :raises PolicyError: the policy does not declare it under the purpose of ``[audience]``.
    """
    audience = state.policy.audience
    grants = with_service(state, visit.grants, service)
    if visit.shared or not (audience.purpose in grants.purposes or _is_exempt(state, visit, request)):
        return Markup("")
    rule = (
        None if isinstance(sys.exc_info()[1], HTTPException) else request.url_rule
    )  # its page says that there is none
    path = request.root_path + request.path if rule else ""  # anybody can ask for a path that nothing answers
    token = state.beacons.for_page(
        page_value(path, rule.rule if rule else "", audience.pages),
        campaign=_campaign(state, request, grants),
        service=service,
        now=visit.now,
    )
    return _PICTURE.format(url_for("consentry.beacon", token=token))


def with_service(state: State, grants: Grants, service: str | None) -> Grants:
    """*grants*, where the grant of *service* stands for that of its purpose: who allows the counter alone is counted.

    :raises PolicyError: the service does not serve the purpose of ``[audience]``.
    """
    if service is None:
        return grants
    purpose = state.policy.audience.purpose
    if state.policy.service(service).purpose != purpose:
        remedy = "A beacon serves the purpose of [audience]"
        raise mistake(f"services.{service}.purpose", f'it is not "{purpose}"', remedy)
    others = grants.purposes - {purpose}
    return replace(grants, purposes=others | {purpose} if service in grants.services else others)


def mail(state: State, campaign: str, subject: str | None, *, now: datetime) -> Markup:
    """The beacon of an e-mail; empty where its reader may not be counted.

    See :meth:`.current.CurrentConsent.email_beacon`.
    """
    declared = state.policy.audience.mail
    if declared is None or campaign not in declared.campaigns:
        raise mistake("audience.mail.campaigns", f'"{campaign}" is not declared', "Add it, so that it is counted")
    if not subject:
        return Markup("")
    packed = subjects.from_text(subject)
    if not subjects.grants(state, packed, declared.purpose, now=now):
        return Markup("")
    token = state.beacons.for_mail(campaign, packed, now=now)
    return _PICTURE.format(_absolute("consentry.open", token))


def link(state: State, visit: Visit | None, name: str, subject: str | None, *, now: datetime) -> str:
    """Where a link of an e-mail or a page leads. See :meth:`.current.CurrentConsent.link`."""
    audience = state.policy.audience
    if name not in audience.links:
        raise mistake("audience.links", f'"{name}" is not declared', f'Add {name} = "https://…", where it leads')
    packed = subjects.from_text(subject) if subject else None
    if audience.purpose not in state.policy.purposes:
        granted = False
    elif packed is not None:
        granted = subjects.grants(state, packed, audience.purpose, now=now)
    else:
        granted = visit is not None and not visit.shared and audience.purpose in visit.grants.purposes
    url = _absolute("consentry.link", state.beacons.for_link(name, packed, now=now))
    if granted:
        return url
    destination, here = audience.links[name], urlsplit(url)
    return f"{here.scheme}://{here.netloc}{destination}" if destination.startswith("/") else destination


def _is_exempt(state: State, visit: Visit, request: Request) -> bool:
    """Whether the region may be counted where pages may not, as far as is known before the hit."""
    exempt = state.policy.audience.exempt
    if exempt is None or exempt.purpose not in visit.grants.purposes:
        return False
    if visit.decision is not None and visit.decision.answers.get(exempt.purpose):
        return True
    return state.regions.country(request.remote_addr or "") in exempt.countries


def _campaign(state: State, request: Request, grants: Grants) -> str | None:
    campaigns, name = state.policy.audience.campaigns, request.args.get("utm_campaign")
    return name if campaigns and campaigns.purpose in grants.purposes and name in campaigns.names else None


def _absolute(endpoint: str, token: str) -> str:
    try:
        return url_for(endpoint, token=token, _external=True)
    except RuntimeError:
        if has_request_context():
            raise
        remedy = 'Set it to the name of the site, such as "www.example.org", and PREFERRED_URL_SCHEME to "https"'
        raise ConfigError(f"SERVER_NAME: without it no e-mail can name a URL of this site. {remedy}") from None


def mistake(key: str, message: str, remedy: str) -> PolicyError:
    """An error of the site's code that the policy file can mend."""
    return PolicyError("the policy", [Problem(key, message, remedy)])
