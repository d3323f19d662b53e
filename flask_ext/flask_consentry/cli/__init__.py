"""``flask consent``: check a policy, look into the catalogue, discover, export the record. One command a module.

Registered as a plug-in of Flask's command line, so that ``check`` also works on a policy with which the application
does not start.
"""

from __future__ import annotations

from flask.cli import AppGroup

from .catalogue import listing
from .check import check
from .discover import discover
from .export import export

__all__ = ["consent_commands"]

consent_commands = AppGroup("consent", help="Consent: the policy, the catalogue, what is undeclared, the record.")
for command in (check, listing, discover, export):
    consent_commands.add_command(command)
