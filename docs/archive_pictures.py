# ruff: noqa: INP001  # a script, not a package
"""Make the pictures of the archive anew: `python docs/archive_pictures.py`.

It builds the archive of the example newsletter and opens its pages in Debian's chromium.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from pictures import FONT, IMAGES, ROOT, small
from playwright.sync_api import sync_playwright

#: Name, page, (width, height) in CSS pixels, scheme.
VIEWS: Final = (
    ("archive-light", "index.html", (760, 860), "light"),
    ("archive-dark", "74/index.html", (375, 860), "dark"),
)


def main() -> None:
    """Write both pictures and say how large they are."""
    program = Path(sys.executable).parent / "newsletter"
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        site = Path(name) / "site"
        subprocess.run(  # noqa: S603  # our own program, with fixed arguments
            [program, "-C", ROOT, "archive", "build", "--out", site, "--today", "2026-11-28"],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "NEWSLETTER_ARCHIVE__INCLUDE": "dated"},
        )
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=["--no-sandbox", "--disable-gpu", "--hide-scrollbars"],
        )
        for picture, page, (width, height), scheme in VIEWS:
            tab = browser.new_page(
                viewport={"width": width, "height": height},
                device_scale_factor=1.5,
                color_scheme="dark" if scheme == "dark" else "light",
                bypass_csp=True,  # the font is put in by a style tag
            )
            tab.goto((site / page).as_uri())
            tab.add_style_tag(content=FONT)
            tab.evaluate("document.fonts.ready")
            data = small(tab.screenshot())
            (IMAGES / f"{picture}.png").write_bytes(data)
            sys.stdout.write(f"{picture}: {len(data):,} bytes\n")


if __name__ == "__main__":
    main()
