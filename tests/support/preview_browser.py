"""The running preview, and a page of a real browser beside it."""

from __future__ import annotations

import re
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from tests.support.cli_fixtures import ISSUE, copy_example
from tests.support.commands import HANGS, Command, started
from tests.support.web_fixtures import browser, fresh

#: Words that stand once in issue 74.
WORDS = "Put the kettle on"


@dataclass
class Preview:
    """The running command, and the URL it said."""

    process: Command
    url: str
    said: str

    @property
    def port(self) -> int:
        return int(self.url.split(":")[2].partition("/")[0])

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C: exit code, and whatever else was said."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=HANGS)
        return self.process.returncode, out + err


@contextmanager
def preview(root: Path, *words: str, **options: Any) -> Iterator[Preview]:
    """`newsletter preview` in a folder, once it has said where it is."""
    with started(root, "preview", "--no-open", *words, **options) as process:
        ready, _, _ = select.select([process.stderr], [], [], 120)
        assert ready, "nothing was said"
        said = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/\S*", said)
        assert found, said
        yield Preview(process, found[0], said)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    context = fresh(chromium, viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    copy_example(tmp_path / "letters")
    return tmp_path / "letters"


def edit(root: Path, old: str, new: str, name: str = ISSUE) -> None:
    """Save a file as careful editors do: a new one in place of the old."""
    path = root / name
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text.replace(old, new), "utf-8")
    draft.replace(path)


def scroll(tab: Page) -> int:
    return int(tab.evaluate("document.getElementById('mail').contentWindow.scrollY"))


def letter(tab: Page) -> FrameLocator:
    """The mail in its frame."""
    return tab.frame_locator("#mail")


def look(tab: Page, url: str, query: str = "") -> None:
    """Open an issue's page and wait for its mail."""
    tab.goto(url + query)  # to its end: modules run, the frame is heard
    expect(letter(tab).get_by_text("welcome to Slack Water")).to_have_count(1)
