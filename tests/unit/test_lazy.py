"""What loading a part of the core loads with it: an auditor needs neither a schema library nor a database."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys

import pytest

import consent
import consent.proof


def loaded(statement: str) -> set[str]:
    """Names of all modules in a fresh interpreter after *statement*."""
    program = f"import sys, json; before = set(sys.modules); {statement}; print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    return set(json.loads(done.stdout))


ROOMS = [found.name for found in pkgutil.iter_modules(consent.proof.__path__, "consent.proof.")]


@pytest.mark.parametrize("module", ROOMS)
def test_proof_needs_nothing_else(module: str) -> None:
    """Each module of consent.proof loads Python's own modules, cryptography, and of consent only itself and the errors."""
    names = loaded(f"import {module}")
    ours = {name for name in names if name.split(".")[0] == "consent"}
    assert {name for name in ours if not name.startswith("consent.proof")} <= {"consent", "consent.errors"}
    tops = {name.split(".")[0] for name in names} - {"consent"}
    assert {top for top in tops - sys.stdlib_module_names if not top.startswith("_")} <= {"cryptography"}
    assert "sqlite3" not in tops


def test_the_package_alone_loads_nothing() -> None:
    """``import consent`` loads no room of it."""
    assert {name for name in loaded("import consent") if name.startswith("consent")} == {"consent"}


def test_every_name_is_there() -> None:
    """Each public name can be taken from the package, is the same as where it is defined, and is listed."""
    for name in consent.__all__:
        value = getattr(consent, name)
        home = getattr(value, "__module__", "consent.policy")
        assert getattr(importlib.import_module(home), name) is value
        assert name in dir(consent)
    space: dict[str, object] = {}
    exec("from consent import *", space)  # noqa: S102 - that is what is tested
    assert set(consent.__all__) <= set(space)


def test_names_that_are_not_there() -> None:
    """A misspelt name is an error that says so, and rooms are still imported as rooms."""
    with pytest.raises(AttributeError, match="no attribute 'Desicion'"):
        consent.Desicion  # type: ignore[attr-defined] # noqa: B018
    with pytest.raises(ImportError, match="Desicion"):
        from consent import Desicion  # type: ignore[attr-defined] # noqa: F401
    from consent import signals

    assert signals.__name__ == "consent.signals"
