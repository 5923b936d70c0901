"""What several test files share: the example newsletter, the corpus, and a quiet world."""

from __future__ import annotations

import dataclasses
import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

# It tries at its import whether there is IPv6, which a quick test may not.
import urllib3.util.connection  # noqa: F401

from newsletter.cli.show import VOICE, Voice
from newsletter.issue import Issue, parse
from newsletter.render import Look, Options, Theme
from newsletter.render.palette import palettes
from newsletter.render.utm import Tags
from newsletter.settings import load
from tests.support import audit

# What is compiled of the tests and of the program is kept for the next run and for the commands that
# tests start, whatever this machine usually does: it is half of reading 7,000 tests.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# On a build machine the program refuses what most tests do: a real send from new records.
os.environ.pop("CI", None)
# Nobody outside is asked for anything, so whoever certifies them need not be read for each connection.
os.environ["SSL_CERT_FILE"] = os.devnull
os.environ["SSL_CERT_DIR"] = os.devnull

_PLUGINS = """
    in_memory tiers costs read_once one_loop made_once database_files
""".split()
pytest_plugins = [f"tests.support.{name}" for name in _PLUGINS]

ROOT = Path(__file__).parent.parent
CORPUS = ROOT.parent / "shared" / "corpus"
CASES = ROOT.parent / "shared" / "cases"
THEME = "templates/email"


def require(condition: object, reason: str) -> None:
    """Skip the test where `condition` is false; fail it where CI forbids skips.

    TESTS_REQUIRE is "all", or words such as "chromium,compiler": reasons that do not count, where
    there is no corpus beside the project.
    """
    if condition:
        return
    wanted = os.environ.get("TESTS_REQUIRE", "")
    if wanted == "all" or any(word in reason for word in wanted.split(",") if word):
        pytest.fail(f"required here: {reason}")
    pytest.skip(reason)


def corpus_file(name: str) -> bytes:
    """A file of the corpus, by its name."""
    require(CORPUS.is_dir(), "the shared corpus is not on this machine")
    return (CORPUS / name).read_bytes()


def corpus_names() -> list[str]:
    """The corpus's issues for `parametrize`, or one stand-in whose test then skips."""
    return sorted(path.name for path in CORPUS.glob("[0-9]*.md")) or ["074.md"]


def own_issues() -> list[str]:
    """The example newsletter's issues, relative to the repository."""
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("issues/*.md"))


def read_theme() -> Theme:
    """The example theme, read as the store reads it."""
    files = sorted((ROOT / THEME).iterdir())
    return Theme(folder=THEME, files=tuple((f.name, f.read_text("utf-8")) for f in files))


_COLOURS = {
    "accent": "#1f7a8c", "accent_dark": "#6fc3d4", "ink": "#22313f", "card": "#12355b",
    "page": "#f2e8d5", "spark": "#e4572e",
}  # fmt: skip
_LIGHT, _DARK = palettes(**_COLOURS)
#: As the goldens were drawn; the default of `theme.font` names a font more.
LOOK = Look(
    accent="#1f7a8c", accent_dark="#6fc3d4", font="Georgia, serif",
    heading_font="Helvetica, Arial, sans-serif", divider="bar", header_image="",
    light=_LIGHT, dark=_DARK, text_size=17, logo="", logo_width=160,
)  # fmt: skip


def look_with(**colours: str) -> Look:
    """The look of the goldens with some of its colours set otherwise, "" for derived ones."""
    whole = _COLOURS | colours
    light, dark = palettes(**whole)
    return dataclasses.replace(
        LOOK, accent=whole["accent"], accent_dark=dark.accent, light=light, dark=dark
    )


SKIP_HOSTS = load(None, environ={}).utm.skip_hosts


def link_tags(**changes: Any) -> Tags:
    """The tags of issue 74's links."""
    usual: dict[str, Any] = {
        "source": "slack-water", "medium": "email", "campaign": "issue-74", "existing": "keep",
        "replace_sources": (), "skip_hosts": SKIP_HOSTS,
    }  # fmt: skip
    return Tags(**usual | changes)


def options_with(**changes: Any) -> Options:
    """Options of a newsletter whose settings are all unset, but for `changes`."""
    unset: dict[str, Any] = dict.fromkeys(
        ("site_name", "public_url", "archive_url", "assets_url", "postal_address", "from_name",
         "from_address", "reply_to", "unsubscribe_mailto"), "",
    )  # fmt: skip
    unset |= {"language": "en", "fields": {}, "tags": None, "look": LOOK}
    return Options(**unset | changes)


def example_options() -> Options:
    """What newsletter.toml says, for issue 74."""
    return options_with(
        site_name="Slack Water",
        public_url="https://letters.slackwater.example.org",
        archive_url="https://letters.slackwater.example.org/archive",
        assets_url="https://assets.slackwater.example.org",
        postal_address="Slack Water, 4 Ferry Stairs, Port Example",
        from_name="Wren Halloran",
        fields={"name": "there"},
        tags=link_tags(),
        subscribe_url="https://letters.slackwater.example.org/subscribe",
    )


def issue_with(body: str = "Hello.\n", front: str = "title: A title", number: int = 7) -> Issue:
    """An issue made of front matter and body, as if read from issues/007.md."""
    return parse(f"---\n{front}\n---\n{body}".encode(), file=f"issues/{number:03d}.md")


@pytest.fixture(scope="session")
def theme() -> Theme:
    return read_theme()


@pytest.fixture(scope="session")
def options() -> Options:
    return example_options()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/golden/ anew")


def pytest_collection_finish() -> None:
    """What has been read stays to the end; the collector need not look through it again.

    Nor as often through the rest: of what tests make little is in circles, and it took a thirtieth.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)


def pytest_runtest_setup() -> None:
    """How loud and colourful a command of the test before had to be is no matter of this one."""
    for field in dataclasses.fields(Voice):
        setattr(VOICE, field.name, getattr(Voice(), field.name))


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


_WORLD = frozenset(
    {"open", "os.listdir", "os.scandir", "os.system", "socket.__new__", "socket.connect",
     "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen"}
)  # fmt: skip
_watched: set[int] = set()
_touched: list[str] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _watched and threading.get_ident() in _watched:
        _touched.append(f"{event}{arguments}")
        raise PermissionError(f"a pure stage touched the world: {event}{arguments}")


audit.listen(_WORLD, _watch)


@contextmanager
def quietly() -> Iterator[None]:
    """Fail when the code inside opens a file, a socket or a process, or even tries to.

    Render once before: libraries load their own data on first use.
    """
    _touched.clear()
    _watched.add(threading.get_ident())
    try:
        yield
    finally:
        _watched.clear()
    assert _touched == []


@pytest.fixture
def quiet_world() -> Iterator[None]:
    """The whole test touches nothing; where pytest itself must read, use `quietly`."""
    with quietly():
        yield
