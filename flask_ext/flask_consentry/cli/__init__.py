"""``flask consent``: the policy and what is undeclared; the record, its log and its keys. One command a module.

Registered as a plug-in of Flask's command line, so that ``check`` also works on a policy with which the application
does not start.
"""

from __future__ import annotations

from flask.cli import AppGroup

from .anchor import anchor
from .catalogue import listing
from .check import check
from .db import db
from .discover import discover
from .doctor import doctor
from .erase import erase
from .export import export
from .geo import geo
from .keys import keys
from .notice import notice
from .purge import purge
from .report import report
from .seal import seal
from .status import status

__all__ = ["consent_commands"]

consent_commands = AppGroup("consent", help="Consent: the policy, what is undeclared, the record and its proof.")
for command in (check, listing, discover, export, notice, erase, purge, seal, anchor, keys, status, db):
    consent_commands.add_command(command)
for command in (report, geo, doctor):
    consent_commands.add_command(command)
