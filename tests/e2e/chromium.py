"""Chromium as these tests start it: every other host mapped to the counting server, and quiet by itself.

Sources: Chromium's net/base/host_mapping_rules.h (the rules' syntax); chrome/common/pref_names.h (preferences).
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

_NOWHERE = "http://127.0.0.1:9"

# What a browser fetches for itself would be counted as well: most of it is switched off, the rest sent to a closed
# port of this machine. Hosts that a page may ask for stay mapped, these included.
_QUIET = (
    f"--autofill-server-url={_NOWHERE}/",
    f"--component-updater=url-source={_NOWHERE}/",
    f"--gaia-url={_NOWHERE}",
    f"--google-apis-url={_NOWHERE}",
    "--disable-background-networking",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
    "--no-proxy-server",
)

#: The preference of a browser that blocks every cookie.
NO_COOKIES = {"profile": {"default_content_setting_values": {"cookies": 2}}}
#: The preference of a browser that continues where it left off, session cookies included.
RESTORES = {"session": {"restore_on_startup": 1}}


def executable() -> str:
    """Path of the browser: ``CHROMIUM``, else the first one on the path."""
    named = os.environ.get("CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, _NAMES)), None)
    if not found:
        pytest.fail("The browser tests need Chromium: install it, or set CHROMIUM to its path.", pytrace=False)
    return found


def launch_options(port: int, *, back_forward_cache: bool = False) -> dict[str, Any]:
    """What Playwright's ``launch`` and ``launch_persistent_context`` need.

    :param port: Of the counting server.
    :param back_forward_cache: Keep it, as visitors' browsers do; Playwright switches it off.
    """
    args = [
        f"--host-resolver-rules=MAP * 127.0.0.1:{port}, EXCLUDE 127.0.0.1",
        "--ignore-certificate-errors",
        *_QUIET,
    ]
    if os.geteuid() == 0:
        args.append("--no-sandbox")
    left_out = ["--disable-back-forward-cache"] if back_forward_cache else []
    return {"executable_path": executable(), "args": args, "ignore_default_args": left_out}


def write_preferences(profile: Path, preferences: Mapping[str, Any]) -> None:
    """Prepare the folder of a new *profile*."""
    folder = profile / "Default"
    folder.mkdir(parents=True)
    (folder / "Preferences").write_text(json.dumps(preferences))
