# ruff: noqa: INP001  # a script, not a package
"""Make the README's pictures of the preview anew.

Run it by hand after a change to the preview: `python docs/preview_pictures.py` starts the preview
of a copy of the example newsletter and writes docs/images/preview-*.png. With a folder as argument
it puts one picture of every part there, light and dark, wide and narrow, to be looked at.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pictures import IMAGES, ROOT, small
from playwright.sync_api import Browser, sync_playwright

ISSUE: Final = 74
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """One picture of the preview.

    Attributes:
        name: of the file, without its ending.
        address: what is opened, behind the preview's own address.
        width: of the window, in CSS pixels.
        scheme: what the author's machine prefers.
    """

    name: str
    address: str
    width: int = 1280
    scheme: Literal["light", "dark"] = "light"


SCREENS: Final = (
    Screen(name="preview-light", address=f"issues/{ISSUE}"),
    Screen(name="preview-dark", address=f"issues/{ISSUE}?colours=dark&width=375", scheme="dark"),
)
PARTS: Final = "mail overview text headers html mjml links images checks send".split()


def main() -> None:
    """Write every picture and say how large it is."""
    alone = len(sys.argv) > 1
    folder, screens = (Path(sys.argv[1]), every_part()) if alone else (IMAGES, SCREENS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=["--no-sandbox", "--disable-gpu", "--hide-scrollbars"],
        )
        for name, shot in shots(browser, screens):
            file = folder / f"{name}.png"
            file.write_bytes(small(shot))
            sys.stdout.write(f"{file}  {file.stat().st_size / 1000:.0f} kB\n")
        browser.close()


def every_part() -> Iterator[Screen]:
    """Every part of the preview, light and dark, wide and narrow."""
    for width in (1280, 390):
        for scheme in SCHEMES:
            for part in PARTS:
                address = f"issues/{ISSUE}?tab={part}"
                name = f"{part}-{width}-{scheme}"
                yield Screen(name=name, address=address, width=width, scheme=scheme)
            yield Screen(name=f"list-{width}-{scheme}", address="", width=width, scheme=scheme)


def shots(browser: Browser, screens: Iterable[Screen]) -> Iterator[tuple[str, bytes]]:
    """Pictures of the preview of a copy whose list is imported, by name."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "slack-water"
        for name in ("issues", "templates", "subscribers"):
            shutil.copytree(ROOT / name, root / name)
        shutil.copy2(ROOT / "newsletter.toml", root)
        program = Path(sys.executable).parent / "newsletter"
        people = [
            "subscribers",
            "import",
            "subscribers/example.csv",
            "--consent-source",
            "invented",
        ]
        subprocess.run([program, *people], cwd=root, check=True, capture_output=True)  # noqa: S603  # our own program
        with subprocess.Popen(  # noqa: S603  # our own program
            [program, "preview", "--no-open"], cwd=root, stderr=subprocess.PIPE, text=True
        ) as running:
            assert running.stderr
            found = re.search(r"http://\S+", running.stderr.readline())
            assert found
            for screen in screens:
                yield screen.name, shoot(browser, found[0], screen)
            running.terminate()


def shoot(browser: Browser, url: str, screen: Screen) -> bytes:
    """A screenshot of one page of the preview, as PNG."""
    context = browser.new_context(
        viewport={"width": screen.width, "height": 800}, color_scheme=screen.scheme
    )
    tab = context.new_page()
    tab.goto(url + screen.address)
    shot = tab.screenshot()
    context.close()
    return shot


if __name__ == "__main__":
    main()
