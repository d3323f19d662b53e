"""Cells that a spreadsheet shows and does not run.

Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import re
from typing import Any

#: How a cell begins that a spreadsheet may run; the wide forms are what some keyboards for Asian languages write.
_RUNS = re.compile(r"[\t\r\n\0]|\s*[=+\-@＝＋－＠]")


def harmless(value: Any) -> str:
    """*value* as a cell that no spreadsheet runs: with an apostrophe in front, where it might."""
    cell = "" if value is None else str(value)
    return f"'{cell}" if _RUNS.match(cell) else cell
