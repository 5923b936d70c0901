# ruff: noqa: INP001  # a script, not a package
"""Make the pictures of the page of numbers anew: `PYTHONPATH=. python docs/numbers_pictures.py`.

They show an invented year, lived through the store.
"""

from __future__ import annotations

import datetime as dt
import shutil
import sys
import tempfile
from pathlib import Path

from pictures import IMAGES, small
from playwright.sync_api import sync_playwright

from newsletter.stats.page import page
from newsletter.store import history
from tests.support.store_samples import named_store
from tests.support.stories import lived

MONTHS = 14


def main() -> None:
    """Write both pictures and say how large they are."""
    with tempfile.TemporaryDirectory() as name, named_store(Path(name), []) as store:
        now = lived(store, months=MONTHS, each=90).astimezone(dt.UTC)
        html = page(history.overview(store, now=now), "Slack Water", now=now)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=["--no-sandbox", "--disable-gpu", "--hide-scrollbars"],
        )
        for picture, width, dark in (("numbers-light", 860, False), ("numbers-dark", 320, True)):
            tab = browser.new_page(
                viewport={"width": width, "height": 800},
                device_scale_factor=1.5,
                color_scheme="dark" if dark else "light",
            )
            tab.set_content(html)
            data = small(tab.screenshot(full_page=True))
            (IMAGES / f"{picture}.png").write_bytes(data)
            sys.stdout.write(f"{picture}: {len(data):,} bytes\n")


if __name__ == "__main__":
    main()
