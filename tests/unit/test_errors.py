"""The tree at the top of ``consent.errors`` is the tree of its errors."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module

import pytest

import consent
from consent import ConsentError, StoreError, errors
from consent.errors import SpoolFull
from consent.ledger import spool


def all_below(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    """*kind*, and all that are one."""
    yield kind
    for below in kind.__subclasses__():
        yield from all_below(below)


@pytest.fixture(scope="module")
def raised() -> set[type[BaseException]]:
    """Every error of the core."""
    for module in pkgutil.walk_packages(consent.__path__, "consent."):
        if ".migrations" not in module.name and not module.name.endswith("__main__"):
            import_module(module.name)
    return {kind for kind in all_below(ConsentError) if kind.__module__.startswith("consent.")}


def test_every_error_stands_in_the_tree(raised: set[type[BaseException]]) -> None:
    """Below one that it is; what another room defines and that room lists need not be repeated."""
    tree = re.findall(r"^( *)[*.-] (\w+)", errors.__doc__ or "", re.MULTILINE)
    kinds = {kind.__name__: kind for kind in raised}
    above: list[tuple[int, type[BaseException]]] = []
    for indent, name in tree:
        while above and above[-1][0] >= len(indent):
            above.pop()
        assert not above or issubclass(kinds[name], above[-1][1])
        above.append((len(indent), kinds[name]))
    listed = errors.__doc__ or ""
    elsewhere = import_module("consent.proof.errors").__doc__ or ""
    assert {name for name in kinds if name not in listed and name not in elsewhere} == set()


def test_a_full_spool_is_an_error_of_the_store() -> None:
    """Under the name that it had before, too."""
    assert issubclass(SpoolFull, StoreError)
    assert spool.SpoolFull is SpoolFull
