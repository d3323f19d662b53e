"""What a command needs of the application, with errors that a person at a terminal can act on."""

from __future__ import annotations

import click

from .. import current
from ..state import State


def state() -> State:
    """The state of the application that the command runs in.

    :raises click.ClickException: it has no ``Consentry``.
    """
    try:
        return current.state()
    except RuntimeError as error:
        raise click.ClickException(str(error)) from None
