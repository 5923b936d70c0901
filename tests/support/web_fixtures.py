"""Newsletters for the tests of what browsers see, and a browser."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from newsletter.settings import ConfigText, Settings, load
from tests.conftest import require

#: Milliseconds: however busy the machine, a page that takes longer hangs.
_HANGS: Final = 120_000
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")
ARGUMENTS = """
    --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync
""".split()


def settings_of(text: str = "") -> Settings:
    """The settings of a newsletter.toml, untouched by this machine's environment."""
    return load(ConfigText(file="newsletter.toml", text=text), environ={}, dotenv="")


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Debian's Chromium; without one the test is skipped, or fails where CI forbids that.

    Its headless shell before the whole program: the same engine, without windows that nobody sees,
    which take six times as long as a page itself.
    """
    path = next(filter(None, map(shutil.which, PROGRAMS)), None)
    require(path, "chromium is not installed (apt install chromium-headless-shell)")
    with sync_playwright() as playwright:
        expect.set_options(timeout=_HANGS)
        opened = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened
        opened.close()


def fresh(opened: Browser, **options: Any) -> BrowserContext:
    """Pages without a past, which wait as long as `expect` does."""
    context = opened.new_context(**options)
    context.set_default_timeout(_HANGS)
    return context


def policy(headers: Mapping[str, Any]) -> dict[str, str]:
    """A Content-Security-Policy, each directive by its name."""
    parts = [part.strip() for part in headers["content-security-policy"].split(";")]
    return {name: value for name, _, value in (part.partition(" ") for part in parts)}
