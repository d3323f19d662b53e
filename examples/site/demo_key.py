"""A secret key for trying the site out. A real site sets SECRET_KEY in its environment."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path


def demo_key(folder: Path) -> str:
    """The key kept in *folder*, made on the first run, so that decisions outlive a restart.

    The file is linked into place when it is complete, because several workers may start at once.
    """
    kept = folder / "demo-secret"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder) as draft:  # readable by its owner only
            draft.write(secrets.token_hex(32))
            draft.flush()
            with suppress(FileExistsError):
                os.link(draft.name, kept)
    return kept.read_text()
