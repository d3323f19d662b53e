"""``use = "youtube"``: a service of ``consent.toml`` that is made of an entry of the catalogue.

The entry's keys are written out below the site's own, a key at a time: what the site writes replaces the entry's whole
key, so that ``hosts`` or ``cookies`` are the site's word or the catalogue's and never a mixture. Then the service is
checked like one written by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import Problem
from . import catalogue
from .catalogue import Entry
from .model import NECESSARY
from .schema import PARAMETER

#: Stands in for what a file leaves out or has wrong, so that one mistake is not reported twice.
_UNKNOWN = {"name": "unknown", "purpose": NECESSARY}
_NO_HOST = "missing.invalid"


def expanded(raw: Mapping[str, Any]) -> dict[str, Any]:
    """*raw*, a policy file, with every service that uses the catalogue written out."""
    services = raw.get("services")
    if not isinstance(services, Mapping):
        return dict(raw)
    return {**raw, "services": {key: _service(fields) for key, fields in services.items()}}


def _service(own: Any) -> Any:
    if not isinstance(own, Mapping) or "use" not in own:
        return own
    entry = find(own["use"])
    if entry is None:
        return _UNKNOWN | dict(own)
    given = own.get("parameters", {})
    values = dict.fromkeys(entry.parameters, _NO_HOST)
    if isinstance(given, Mapping):
        values |= {name: value for name, value in given.items() if isinstance(value, str) and PARAMETER.match(value)}
    return entry.filled(values, without=own) | dict(own)


def find(use: object) -> Entry | None:
    """The entry of that id, if there is one."""
    try:
        return catalogue.entry(str(use))
    except KeyError:
        return None


def problems(raw: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong in the use of the catalogue.

    :param raw: The policy file as it stands.
    :param data: What is right in it, written out.
    """
    services = raw.get("services")
    for service, own in services.items() if isinstance(services, Mapping) else ():
        if not isinstance(own, Mapping):
            continue
        key = f"services.{service}"
        if "use" not in own:
            if "parameters" in own:
                yield Problem(f"{key}.parameters", "no entry of the catalogue is used", "Add use, or remove it")
            continue
        entry = find(own["use"])
        if entry is None:
            yield _unknown(f"{key}.use", str(own["use"]))
            continue
        yield from _parameters(key, own, entry)
        yield from _purpose(key, own, data.get("services", {}).get(service, {}), entry)


def _unknown(key: str, use: str) -> Problem:
    return Problem(
        key, f'the catalogue has no entry "{use}"', f"{catalogue.hint(use)}flask consent catalogue lists all"
    )


def _parameters(key: str, own: Mapping[str, Any], entry: Entry) -> Iterator[Problem]:
    given = own.get("parameters", {})
    if not isinstance(given, Mapping):
        wanted = ", ".join(f'{name} = "…"' for name in entry.parameters)
        remedy = f"Write parameters = {{ {wanted} }}" if wanted else f'Remove it: "{entry.id}" takes none'
        yield Problem(f"{key}.parameters", "not a table", remedy)
        return
    left = str(entry.filled({}, without=own))
    for name, description in entry.parameters.items():
        if name not in given and f"{{{name}}}" in left:
            remedy = f'Write parameters = {{ {name} = "…" }}: {description[0].lower()}{description[1:]}'.rstrip(".")
            yield Problem(f"{key}.parameters.{name}", "missing", remedy)
    for name in given:
        if name not in entry.parameters:
            known = ", ".join(entry.parameters) or "none"
            yield Problem(f"{key}.parameters.{name}", "unknown parameter", f'"{entry.id}" takes: {known}')


def _purpose(key: str, own: Mapping[str, Any], fields: Mapping[str, Any], entry: Entry) -> Iterator[Problem]:
    """Nothing of the catalogue is necessary without a word, and payments only where somebody pays."""
    if fields.get("purpose") != NECESSARY:
        return
    if entry.purpose != NECESSARY and "reason" not in own:
        remedy = f'Write down why the site cannot work without it, or use purpose = "{entry.purpose}"'
        if alternative := str(fields.get("alternative", "")):
            remedy += f". Or do without: {alternative.rstrip('.')}"
        yield Problem(f"{key}.reason", f'missing: {entry.name} is "{entry.purpose}" by default', remedy)
    if entry.purpose == NECESSARY and "routes" not in own:
        remedy = 'Name the pages that take payments, such as routes = ["/checkout/*"]'
        yield Problem(f"{key}.routes", "missing: it is necessary only where the visitor pays", remedy)
