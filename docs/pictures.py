# ruff: noqa: INP001  # a script, not a package
"""Make the README's pictures anew from the example newsletter.

Run it by hand after a change to the theme or to issue 74: `python docs/pictures.py`. It builds
the issue, opens it in Debian's chromium without a network, and writes docs/images/*.png.
A machine without Georgia shows Noto Serif in its place, so pictures differ a little elsewhere.
"""

from __future__ import annotations

import io
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
ISSUE: Final = 74
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
    """

    name: str
    width: int
    height: int
    scale: int
    scheme: Literal["light", "dark"] = "light"
    blocked: bool = False


VIEWS: Final = (
    View(name="mail-desktop-light", width=1100, height=1368, scale=1),
    View(name="mail-desktop-dark", width=1100, height=1368, scale=1, scheme="dark"),
    View(name="mail-phone-light", width=375, height=1190, scale=2),
    View(name="mail-phone-dark", width=375, height=1190, scale=2, scheme="dark"),
    View(name="mail-phone-images-off", width=375, height=1190, scale=2, blocked=True),
)


def main() -> None:
    """Write every picture and say how large it is."""
    page = build()
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=["--no-sandbox", "--disable-gpu", "--hide-scrollbars"],
        )
        for view in VIEWS:
            file = IMAGES / f"{view.name}.png"
            file.write_bytes(small(shoot(browser, page, view)))
            sys.stdout.write(f"{file.relative_to(ROOT)}  {file.stat().st_size / 1000:.0f} kB\n")
        browser.close()


def build() -> str:
    """The HTML of the issue as `newsletter build` writes it."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(sys.executable).parent / "newsletter"
        subprocess.run(  # noqa: S603  # our own program, with fixed arguments
            [program, "-C", ROOT, "build", "--issue", str(ISSUE), "--out", folder],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return (Path(folder) / f"{ISSUE:03d}.html").read_text("utf-8")


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
