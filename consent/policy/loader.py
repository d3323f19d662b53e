"""From ``consent.toml`` to a frozen :class:`~consent.policy.Policy`, or to every mistake in it at once.

Two passes over one file: the shape (:mod:`.schema`), then what the parts say of each other. Both are reported together,
each with its key and a remedy, so that a developer mends a file once.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from marshmallow import ValidationError

from .. import wording
from ..audience.continents import continent
from ..errors import PolicyError, Problem
from ..lifetime import Lifetime
from . import mistakes, use
from .audience import Audience, Campaigns, Exempt, Mail
from .model import (
    NECESSARY,
    Basis,
    Controller,
    Cookie,
    Embedding,
    Opens,
    Policy,
    Provider,
    Purpose,
    Service,
    Text,
)
from .schema import PolicySchema

_DEFAULT_LIFETIME = Lifetime(months=6)  # CNIL deliberation 2020-091: keep yes and no for six months
_MARKETING = "marketing"
#: On what ground the tables of [audience] count.
_GROUNDS = {"exempt": Basis.EXEMPT, "campaigns": Basis.CONSENT, "mail": Basis.CONSENT}


def load(path: Path) -> Policy:
    """Read a policy file.

    :raises PolicyError: the file is missing, is not TOML, or declares something wrong; names every mistake.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        remedy = "Create it (docs/policy.md starts with the smallest one) or set CONSENT_POLICY to where it is"
        raise PolicyError(str(path), [Problem("", "the file does not exist", remedy)]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(
            str(path), [Problem("", f"cannot be read ({error})", "Make it a readable UTF-8 file")]
        ) from None
    return parse(text, file=str(path))


def parse(text: str, *, file: str = "consent.toml") -> Policy:
    """Read a policy from TOML *text*; *file* names it in errors.

    :raises PolicyError: see :func:`load`.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(file, [Problem("", f"not valid TOML: {error}", "Mend the line it names")]) from None
    try:
        data, shape = PolicySchema().load(use.expanded(raw)), []
    except ValidationError as error:
        shape = list(mistakes.read(error.messages, _purposes(raw)))
        data = error.valid_data if isinstance(error.valid_data, dict) else {}
    used = list(use.problems(raw, data))
    known = {problem.key for problem in used}  # told better than the shape alone can tell
    problems = [*(problem for problem in shape if problem.key not in known), *used, *_contradictions(raw, data)]
    if problems:
        raise PolicyError(file, sorted(set(problems), key=lambda problem: problem.key))
    policy = _build(data)
    if len(policy.purpose_by_tag) < len(policy.purposes) or len(policy.service_by_tag) < len(policy.service_tags):
        remedy = "Write version = 2 on the purpose or service that was added last"
        raise PolicyError(file, [Problem("", "two purposes or services share a receipt tag by chance", remedy)])
    return policy


def _purposes(raw: Mapping[str, Any]) -> list[str]:
    declared = raw.get("purposes", {})
    return list(declared) if isinstance(declared, Mapping) else []


def _contradictions(raw: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[Problem]:
    """What the parts of a file say of each other."""
    purposes = _purposes(raw)
    languages = data.get("languages", ["en"])
    for language in languages if isinstance(languages, list) else []:
        if language not in wording.languages():
            known = ", ".join(wording.languages())
            yield Problem("languages", f'no words ship for "{language}"', f"Use some of: {known}")
    if len(set(languages)) != len(languages):
        yield Problem("languages", "a language stands here twice", "Name each once")
    if NECESSARY in purposes:
        remedy = f'Remove the table and write purpose = "{NECESSARY}" on the services'
        yield Problem(f"purposes.{NECESSARY}", "built in and never declared", remedy)
    for purpose, fields in data.get("purposes", {}).items():
        yield from _missing_words(purpose, fields, languages)
    taken: dict[tuple[str, str], tuple[str, str]] = {}
    for service, fields in data.get("services", {}).items():
        yield from _service_contradictions(service, fields, purposes, taken)
    yield from _audience_contradictions(data)


def _missing_words(purpose: str, fields: Mapping[str, Any], languages: list[str]) -> Iterator[Problem]:
    for language in languages:
        if language not in wording.languages():
            continue  # reported already
        if purpose not in wording.wording(language).purposes and language not in fields.get("text", {}):
            key = f"purposes.{purpose}.text.{language}"
            yield Problem(key, "missing", f'Add label and description: no words ship for a purpose "{purpose}"')


def _service_contradictions(
    service: str, fields: Mapping[str, Any], purposes: list[str], taken: dict[tuple[str, str], tuple[str, str]]
) -> Iterator[Problem]:
    key = f"services.{service}"
    purpose = fields.get("purpose")
    if purpose is not None and purpose != NECESSARY and purpose not in purposes:
        known = ", ".join(dict.fromkeys([NECESSARY, *purposes]))
        yield Problem(
            f"{key}.purpose", f'"{purpose}" is not declared', f"Add [purposes.{purpose}] or use one of: {known}"
        )
    if "reason" in fields and purpose not in (NECESSARY, None):
        yield Problem(
            f"{key}.reason", "only necessary services have a reason", f'Remove it or write purpose = "{NECESSARY}"'
        )
    yield from _embedding_contradictions(key, fields)
    for number, cookie in enumerate(fields.get("cookies", [])):
        if "name" not in cookie:
            continue
        where = f"{key}.cookies.{number}"
        if cookie["name"] == "*":
            yield Problem(f"{where}.name", '"*" would declare every cookie', "Write at least one letter before the *")
        catalogued = key if "use" in fields else ""
        named = (str(cookie.get("kind", "cookie")), cookie["name"])
        first, theirs = taken.setdefault(named, (where, catalogued))
        if first != where:
            remedy = "Declare a name once, for one service"
            if catalogued or theirs:
                remedy += f": [{catalogued or theirs}] has it from the catalogue, unless you write cookies = [] there"
            yield Problem(f"{where}.name", f'"{cookie["name"]}" is declared already, at {first}', remedy)


def _embedding_contradictions(key: str, fields: Mapping[str, Any]) -> Iterator[Problem]:
    """A frame without a host, a widget without a script: neither could ever open."""
    opens, embedding = fields.get("opens", Opens.DOCUMENT), fields.get("embedding", {})
    if opens is Opens.FRAME and "frame-src" not in fields.get("hosts", {}):
        yield Problem(f"{key}.hosts.frame-src", "missing", 'Name the host of its frame, or remove opens = "frame"')
    if opens is Opens.WIDGET:
        for name in ("script", "markers"):
            if not embedding.get(name):
                yield Problem(f"{key}.embedding.{name}", "missing", 'Add it, or remove opens = "widget"')


def _audience_contradictions(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Purposes that are not there, on another ground, or used twice; countries that are none; visitors with noise."""
    audience = data.get("audience", {})
    declared = data.get("purposes", {})
    bases = {purpose: fields.get("basis", Basis.CONSENT) for purpose, fields in declared.items()}
    if "purpose" in audience and audience["purpose"] not in bases:
        yield _undeclared("audience.purpose", audience["purpose"], bases)
    taken = {audience.get("purpose", Audience().purpose): "audience.purpose"}
    for table, basis in _GROUNDS.items():
        purpose, key = audience.get(table, {}).get("purpose"), f"audience.{table}.purpose"
        if purpose is None:
            continue
        if purpose not in bases:
            yield _undeclared(key, purpose, bases)
        elif bases[purpose] is not basis:
            remedy = f'Write basis = "{basis}" in [purposes.{purpose}], or name another purpose'
            yield Problem(key, f'the basis of "{purpose}" is "{bases[purpose]}"', remedy)
        elif taken.setdefault(purpose, key) != key:
            remedy = "Declare one for this alone, so that visitors are asked about each"
            yield Problem(key, f'"{purpose}" is the purpose of {taken[purpose]}, too', remedy)
    if audience.get("visitors") and "epsilon" in audience:
        remedy = (
            "Remove one of them: how much one visitor changes the estimate has no bound, so no noise would cover it"
        )
        yield Problem("audience.visitors", "no visitors are estimated where there is an epsilon", remedy)
    countries = {"subdivisions": audience.get("subdivisions", ())}
    countries["exempt.countries"] = audience.get("exempt", {}).get("countries", ())
    for key, codes in countries.items():
        for code in codes:
            if continent(code) is None:
                remedy = "Use the codes of ISO 3166-1, such as GB for the United Kingdom"
                yield Problem(f"audience.{key}", f'"{code}" is no country', remedy)


def _undeclared(key: str, purpose: str, declared: Iterable[str]) -> Problem:
    problem, remedy = f'"{purpose}" is not declared', f"Add [purposes.{purpose}]"
    if purpose == NECESSARY:
        problem, remedy = "no counting is necessary", "Declare a purpose that visitors are asked about"
    known = ", ".join(declared)
    return Problem(key, problem, f"{remedy} or use one of: {known}" if known else remedy)


def _build(data: Mapping[str, Any]) -> Policy:
    languages = tuple(data.get("languages", ["en"]))
    controller = Controller(**data.get("controller", {}))
    decision = data.get("decision", {})
    lifetime = decision.get("lifetime", _DEFAULT_LIFETIME)
    return Policy(
        site=data["site"],
        languages=languages,
        controller=controller,
        purposes={key: _purpose(key, fields, languages) for key, fields in data.get("purposes", {}).items()},
        services={key: _service(key, fields, controller) for key, fields in data.get("services", {}).items()},
        lifetime=lifetime,
        refusal_lifetime=decision.get("refusal_lifetime", lifetime),
        retention=data.get("record", {}).get("retention"),
        audience=_audience(data["audience"]) if "audience" in data else Audience(),
        source=json.dumps(PolicySchema().dump(data), sort_keys=True, ensure_ascii=False, default=str),
    )


def _purpose(key: str, fields: Mapping[str, Any], languages: tuple[str, ...]) -> Purpose:
    given = fields.get("text", {})
    texts = {
        language: Text(**(given.get(language) or wording.wording(language).purposes[key])) for language in languages
    }
    return Purpose(id=key, texts=texts, basis=fields.get("basis", Basis.CONSENT), version=fields.get("version", 1))


def _service(key: str, fields: Mapping[str, Any], controller: Controller) -> Service:
    own = {"name": controller.name, "country": controller.country, "privacy_url": controller.privacy_url}
    return Service(
        id=key,
        name=fields["name"],
        purpose=fields["purpose"],
        provider=Provider(**fields.get("provider", own)),
        hosts={directive: tuple(origins) for directive, origins in fields.get("hosts", {}).items()},
        cookies=tuple(Cookie(service=key, **cookie) for cookie in fields.get("cookies", [])),
        sells_or_shares=fields.get("sells_or_shares", fields["purpose"] == _MARKETING),
        reason=fields.get("reason", ""),
        version=fields.get("version", 1),
        opens=fields.get("opens", _usual(fields.get("hosts", {}))),
        embedding=_embedding(fields.get("embedding", {})),
        routes=tuple(fields.get("routes", ())),
        vendor_cookies=tuple(Cookie(service=key, **cookie) for cookie in fields.get("vendor_cookies", [])),
        alternative=fields.get("alternative", ""),
        catalogue=fields.get("use", ""),
    )


def _audience(fields: Mapping[str, Any]) -> Audience:
    given = dict(fields)
    if exempt := given.get("exempt"):
        given["exempt"] = Exempt(purpose=exempt["purpose"], countries=frozenset(exempt["countries"]))
    if campaigns := given.get("campaigns"):
        given["campaigns"] = Campaigns(purpose=campaigns["purpose"], names=_once(campaigns["names"]))
    if mail := given.get("mail"):
        given["mail"] = Mail(purpose=mail["purpose"], campaigns=_once(mail["campaigns"]))
    if "pages" in given:
        given["pages"] = _once(given["pages"])
    if "subdivisions" in given:
        given["subdivisions"] = frozenset(given["subdivisions"])
    return Audience(**given, written=True)


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _usual(hosts: Mapping[str, Any]) -> Opens:
    """How a service opens that does not say so: what loads nothing but frames is a frame."""
    return Opens.FRAME if set(hosts) == {"frame-src"} else Opens.DOCUMENT


def _embedding(fields: Mapping[str, Any]) -> Embedding:
    return Embedding(**{**fields, "markers": tuple(fields.get("markers", ()))})
