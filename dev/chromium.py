"""Find the Chromium that the browser tests drive. Without one they skip, but fail in CI: a journey that nobody walks proves nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
HOW = (
    "no Chromium for the browser tests: `apt-get install --no-install-recommends chromium`, "
    "or `.venv/bin/python -m playwright install chromium`, or set CHROMIUM to its path"
)
ARGUMENTS = (
    "--no-sandbox",  # it refuses root otherwise; the pages it opens are our own
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find() -> Path | None:
    """$CHROMIUM if set (None if there is no such file), else the first of NAMES on the PATH, else Playwright's own if installed."""
    chosen = os.environ.get("CHROMIUM")
    if chosen:
        return Path(chosen) if os.access(chosen, os.X_OK) else None
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return Path(found)
    return _playwrights_own()


def required() -> bool:
    """In CI (CI=true) the browser tests must run."""
    return os.environ.get("CI", "").lower() in {"true", "1"}


def find_or_skip() -> Path:
    """For fixtures: the path, or the test skips with the line that says how to get one, or fails with it in CI."""
    import pytest

    found = find()
    if found is None and required():
        pytest.fail(HOW, pytrace=False)
    return found or pytest.skip(HOW)


def _playwrights_own() -> Path | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        own = Path(playwright.chromium.executable_path)
    return own if own.is_file() else None


def main(_arguments: list[str]) -> int:
    """Print the path, or how to get one (exit status 1)."""
    found = find()
    print(found or HOW)
    return 0 if found else 1
