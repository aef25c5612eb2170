"""The browser that tests drive pages with."""

import os
import shutil

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = CHROMIUM is None and os.environ.get("CI") != "true"
"""No browser is here, and none has to be: where tests are run for everybody, its absence is a failure."""

_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
)


def launched(playwright):
    """Start the browser."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS.split())
