# ruff: noqa: INP001  # a script, not a package
"""Make the pictures of the README and of docs/themes.md anew.

Run it by hand after a change to the theme or to issue 74: `python docs/pictures.py`. It builds
the issue and two letters of tests/golden, opens them in Debian's chromium without a network, and
writes docs/images/*.png.
A machine without Georgia shows Noto Serif in its place, so pictures differ a little elsewhere.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from PIL import Image
from playwright.sync_api import Browser, Route, sync_playwright

ROOT: Final = Path(__file__).parent.parent
IMAGES: Final = ROOT / "docs" / "images"
#: What is built for each page: an issue's number, or a letter of tests/golden with its title.
PAGES: Final = {
    "issue": ("en", "74", ""),
    "everything": ("en", "everything", "Everything a letter can hold"),
    "arabic": ("ar", "arabic", "دقيقة طويلة عند سكون الماء"),
}
ASSETS: Final = "https://assets.slackwater.example.org/"

#: Without it a machine that lacks Georgia falls back to a narrower face than readers will see.
FONT: Final = """
  @font-face { font-family: Georgia; src: local("Georgia"), local("Noto Serif Regular"); }
  @font-face { font-family: Georgia; font-weight: 700;
    src: local("Georgia Bold"), local("Noto Serif Bold"); }
  @font-face { font-family: Georgia; font-style: italic;
    src: local("Georgia Italic"), local("Noto Serif Italic"); }
  @font-face { font-family: Georgia; font-weight: 700; font-style: italic;
    src: local("Georgia Bold Italic"), local("Noto Serif Bold Italic"); }
  ::-webkit-scrollbar { display: none; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One picture.

    Attributes:
        name: of the file, without its ending.
        width: of the window, in CSS pixels.
        height: how much of the letter's top is shown, in CSS pixels.
        scale: device pixels per CSS pixel.
        scheme: what the reader's machine prefers.
        blocked: whether the mail program shows no pictures.
        page: which letter.
        under: what is scrolled to, a CSS selector; "" stays at the top.
    """

    name: str
    width: int
    height: int
    scale: int
    scheme: Literal["light", "dark"] = "light"
    blocked: bool = False
    page: str = "issue"
    under: str = ""


VIEWS: Final = (
    View(name="mail-desktop-light", width=1100, height=1368, scale=1),
    View(name="mail-desktop-dark", width=1100, height=1368, scale=1, scheme="dark"),
    View(name="mail-phone-light", width=375, height=1190, scale=2),
    View(name="mail-phone-dark", width=375, height=1190, scale=2, scheme="dark"),
    View(name="mail-phone-images-off", width=375, height=1190, scale=2, blocked=True),
    View(name="theme-light", width=375, height=980, scale=2, page="everything", under=".task"),
    View(
        name="theme-dark",
        width=375,
        height=980,
        scale=2,
        page="everything",
        under=".task",
        scheme="dark",
    ),
    View(name="theme-rtl", width=375, height=980, scale=2, page="arabic"),
)


def main() -> None:
    """Write every picture and say how large it is."""
    pages = {name: build(*given) for name, given in PAGES.items()}
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=["--no-sandbox", "--disable-gpu", "--hide-scrollbars"],
        )
        for view in VIEWS:
            file = IMAGES / f"{view.name}.png"
            file.write_bytes(small(shoot(browser, pages[view.page], view)))
            sys.stdout.write(f"{file.relative_to(ROOT)}  {file.stat().st_size / 1000:.0f} kB\n")
        browser.close()


def build(language: str, name: str, title: str) -> str:
    """The HTML of a letter as `newsletter build` writes it."""
    with tempfile.TemporaryDirectory() as folder:
        issue = Path(folder) / "074-letter.md"
        if title:
            body = (ROOT / "tests" / "golden" / f"{name}.md").read_text("utf-8")
            front = f'title: "{title}"\npreheader: x\ndate: 2026-11-22'
            issue.write_text(f"---\n{front}\n---\n{body}", encoding="utf-8")
        program = Path(sys.executable).parent / "newsletter"
        subprocess.run(  # noqa: S603  # our own program, with fixed arguments
            [program, "-C", ROOT, "build", "--issue", issue if title else name, "--out", folder],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "NEWSLETTER_SITE__LANGUAGE": language},
        )
        return (Path(folder) / "074.html").read_text("utf-8")


def shoot(browser: Browser, page: str, view: View) -> bytes:
    """A screenshot of the letter's top, as PNG."""

    def answer(route: Route) -> None:
        file = ROOT / "issues" / route.request.url.removeprefix(ASSETS)
        if file.is_file() and not view.blocked:
            route.fulfill(path=file)
        else:
            route.abort()

    context = browser.new_context(
        viewport={"width": view.width, "height": view.height},
        device_scale_factor=view.scale,
        color_scheme=view.scheme,
    )
    tab = context.new_page()
    tab.route("**/*", answer)
    tab.set_content(page)
    tab.add_style_tag(content=FONT)
    tab.evaluate("document.fonts.ready")
    if view.under:
        tab.locator(view.under).first.evaluate("e => window.scrollTo(0, e.offsetTop)")
    shot = tab.screenshot()
    context.close()
    return shot


def small(shot: bytes) -> bytes:
    """The same picture with at most 256 colours, which flat drawings and text hardly need."""
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    written = io.BytesIO()
    image.quantize(256, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return written.getvalue()


if __name__ == "__main__":
    main()
