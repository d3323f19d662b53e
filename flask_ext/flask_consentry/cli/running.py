"""How a command of the operator's runs: within the application, and every failure is a line that names the remedy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import click
from flask import Flask, current_app, has_app_context
from flask.cli import ScriptInfo

from consent import ConsentError

from ..state import State
from . import application

P = ParamSpec("P")
R = TypeVar("R")


def within(command: Callable[Concatenate[State, P], R]) -> Callable[P, R]:
    """Run *command* with the state of the application; an application that does not start is a message, too."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        context = click.get_current_context()
        with told():
            if not has_app_context():
                context.with_resource(context.ensure_object(ScriptInfo).load_app().app_context())
            return command(application.state(), *args, **kwargs)

    return run


def app() -> Flask:
    """The application that the command runs in."""
    found: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  # Flask's documented way
    return found


@contextmanager
def told() -> Iterator[None]:
    """Turn what the core raises into an error message of the command line."""
    try:
        yield
    except ConsentError as error:
        raise click.ClickException(reason(error)) from None


def reason(error: ConsentError) -> str:
    """*error*, and of what kind the failure behind it is where it does not say so itself.

    What a driver said stays behind: it may be about a record.
    """
    cause = error.__cause__
    return str(error) if cause is None or str(error).endswith(")") else f"{error} ({type(cause).__name__})"


def confirm(question: str, *, yes: bool) -> None:
    """Go on only if somebody says so: *yes* on the command line, or a person at a terminal.

    :raises click.Abort: the person does not want to.
    :raises click.UsageError: there is nobody to ask.
    """
    if yes:
        return
    if not _is_terminal():
        raise click.UsageError(f"{question} There is no terminal to ask at. Add --yes")
    click.confirm(question, abort=True, err=True)


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def count(number: int, noun: str) -> str:
    """``1 record``, ``2 records``, ``1 entry``, ``2 entries``, ``2 days``."""
    plural = noun[:-1] + "ies" if noun.endswith("y") and noun[-2] not in "aeo" else noun + "s"
    return f"{number} {noun if number == 1 else plural}"
