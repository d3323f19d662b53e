"""The built-in services: one TOML file each, beside this module. Data, not code; read one at a time, when it is used.

An entry holds what a service of ``consent.toml`` holds, the parameters it needs, and for each group of facts where and
when they were found and whether they are certain. ``use = "youtube"`` takes an entry into a policy: see :mod:`..use`.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from ..model import NECESSARY

#: Keys of an entry that are about the entry and no part of a service.
_ABOUT = ("aliases", "parameters", "facts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Where a group of facts comes from, when it was read there, and whether it was confirmed."""

    about: str
    source: str
    seen: date
    sure: bool
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One service of the catalogue.

    :param fields: Its keys as in ``[services.ID]``, with ``{name}`` where a parameter stands.
    :param parameters: What a site must name to use it: description by name.
    :param aliases: What else it is called, written like an id.
    :param source: The file's text.
    """

    id: str
    fields: Mapping[str, Any]
    parameters: Mapping[str, str]
    facts: tuple[Fact, ...]
    source: str
    aliases: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What visitors read."""
        return str(self.fields["name"])

    @property
    def purpose(self) -> str:
        """Its purpose unless a site says otherwise."""
        return str(self.fields["purpose"])

    @property
    def alternative(self) -> str:
        """How to do without it; may be empty."""
        return str(self.fields.get("alternative", ""))

    @property
    def pasted(self) -> str:
        """What to paste into ``consent.toml`` to use it."""
        lines = [f"[services.{self.id}]", f'use = "{self.id}"']
        if self.purpose != NECESSARY:
            lines.append(f"# Its purpose is {self.purpose}: the file needs [purposes.{self.purpose}], once.")
        if self.parameters:
            lines += [f"# {name}: {description}" for name, description in self.parameters.items()]
            lines.append("parameters = { " + ", ".join(f'{name} = "…"' for name in self.parameters) + " }")
        if self.purpose == NECESSARY:
            lines += ['routes = ["/checkout/*"]  # the pages on which a visitor pays', 'reason = "…"']
        return "\n".join(lines) + "\n"

    def filled(self, parameters: Mapping[str, str], *, without: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Its keys but those of *without*, each ``{name}`` replaced by the value in *parameters*."""
        kept = {key: value for key, value in self.fields.items() if key not in (without or ())}
        return {key: _fill(value, parameters) for key, value in kept.items()}


@cache
def ids() -> tuple[str, ...]:
    """Ids of all entries, sorted. Lists a folder, reads no file."""
    return tuple(sorted(file.name[:-5] for file in files(__name__).iterdir() if file.name.endswith(".toml")))


@cache
def entry(name: str) -> Entry:
    """The entry of that id.

    :raises KeyError: there is none.
    """
    if name not in ids():
        raise KeyError(name)
    text = files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
    fields = tomllib.loads(text)
    return Entry(
        id=name,
        fields=MappingProxyType({key: value for key, value in fields.items() if key not in _ABOUT}),
        parameters={key: told["description"] for key, told in fields.get("parameters", {}).items()},
        facts=tuple(Fact(**fact) for fact in fields["facts"]),
        source=text,
        aliases=tuple(fields.get("aliases", ())),
    )


def search(text: str = "") -> Iterator[Entry]:
    """Entries whose id, name, aliases, purpose, provider or hosts hold *text*, by id. Reads every file."""
    sought = text.casefold()
    for found in map(entry, ids()):
        hosts = (origin for origins in found.fields.get("hosts", {}).values() for origin in origins)
        provider = found.fields.get("provider", {}).get("name", "")
        told = (found.id, found.name, *found.aliases, found.purpose, provider, *hosts)
        if any(sought in word.casefold() for word in told):
            yield found


def nearest(text: str) -> str:
    """Id of the entry that is likely meant by *text*, which is no id; empty if none is. Reads every file."""
    wanted = _plain(text)
    named = {word: found.id for found in search() for word in (_plain(found.name), *found.aliases, found.id)}
    if wanted in named:
        return named[wanted]
    holding = {named[word] for word in named if len(wanted) > 2 and wanted in word}
    close = [named[word] for word in difflib.get_close_matches(wanted, named, n=1)]
    if len(holding) == 1:
        return holding.pop()
    by_host = [found.id for found in search(text)] if len(wanted) > 2 else []
    return next(iter(close or (by_host if len(by_host) == 1 else [])), "")


def hint(text: str) -> str:
    """A question about the entry that is likely meant by *text*, with a space after it; empty if none is."""
    likely = nearest(text)
    return f'Did you mean "{likely}"? ' if likely else ""


def _plain(text: str) -> str:
    """*text* as an id would write it."""
    return "-".join(text.casefold().replace("_", " ").replace("-", " ").split())


def _fill(value: Any, parameters: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, given in parameters.items():
            value = value.replace(f"{{{name}}}", given)
        return value
    if isinstance(value, list):
        return [_fill(item, parameters) for item in value]
    if isinstance(value, dict):
        return {key: _fill(item, parameters) for key, item in value.items()}
    return value
