"""A copy of the example newsletter, and the commands run in it."""

from __future__ import annotations

import atexit
import contextlib
import csv
import functools
import hashlib
import io
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from newsletter.cli import unforeseen
from newsletter.cli.app import main
from newsletter.delivery import Run
from newsletter.project.records import store_url
from newsletter.store import Store, runs
from newsletter.store.deliveries import Recipient
from newsletter.store.subscribers import Member
from tests.support import readers
from tests.support.beside_the_program import everything, untold

ROOT = Path(__file__).parents[2]
ISSUE = "issues/074-the-long-minute.md"
PARTS = ("issues", "templates", "subscribers/example.csv", "newsletter.toml")


def list_rows() -> list[dict[str, str]]:
    """The people of the example list, as the file has them."""
    with (ROOT / "subscribers/example.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


ADDRESSES = tuple(row["email"].lower() for row in list_rows())


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that begins with "error:"."""
        (line,) = (line for line in self.err.splitlines() if line.startswith("error:"))
        return line

    @property
    def hint(self) -> str:
        """The first line that begins with "hint:"."""
        return next(line for line in self.err.splitlines() if line.startswith("hint:"))


def expect_no_address(ran: Ran) -> None:
    """Nothing a command says may hold a subscriber's address."""
    said = (ran.out + ran.err).lower()
    assert [address for address in ADDRESSES if address in said] == []


@dataclass(frozen=True)
class Folder:
    """A newsletter's folder, and commands run in it by this very process."""

    root: Path
    patch: pytest.MonkeyPatch = field(repr=False)
    capture: pytest.CaptureFixture[str] = field(repr=False)

    def run(self, *words: str) -> Ran:
        """Run one command; whatever it is, it must not tell an address."""
        ran = self.shown(*words)
        expect_no_address(ran)
        return ran

    def shown(self, *words: str) -> Ran:
        """Run one command that may show addresses."""
        self.patch.chdir(self.root)
        self.patch.setattr(sys, "argv", ["newsletter", *words])
        self.capture.readouterr()
        code = main()
        out, err = self.capture.readouterr()
        return Ran(code, out, err)

    def imported(self) -> Folder:
        """The same with the example list in the records."""
        source = ("--consent-source", "an invented list")
        assert self.run("subscribers", "import", "subscribers/example.csv", *source).code == 0
        return self

    def send(self, *words: str, issue: int = 74) -> Ran:
        """Send an issue, confirmed."""
        return self.run("send", "--issue", str(issue), "--confirm", str(issue), *words)

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file of the folder."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a piece of a file that stands in it once."""
        text = (self.root / name).read_text("utf-8")
        assert text.count(old) == 1
        self.write(name, text.replace(old, new))

    def mails(self, issue: int = 74) -> list[Path]:
        """The mails of a rehearsal, in the order of the recipients."""
        return sorted((self.root / "mail" / f"{issue:03d}").glob("*.eml"))

    def records(self) -> Store:
        """The records, opened to be read, where the environment has them if it names a place."""
        url = os.environ.get("NEWSLETTER_STORE__URL", "")
        is_place = url.startswith(("postgresql:", "sqlite:"))
        return Store.open(store_url(self.root, url if is_place else ""), read_only=True)

    def people(self) -> list[Member]:
        """Everybody on record, as they were added."""
        with self.records() as store:
            return readers.people(store)

    def status_of(self, email: str) -> str:
        """How somebody stands, "" for nobody."""
        with self.records() as store:
            return readers.status_of(store, email)

    def consents(self, email: str) -> list[tuple[str, str]]:
        """What an address agreed to or not, and where, the oldest first."""
        with self.records() as store:
            return readers.consents(store, email)

    def runs(self) -> tuple[Run, ...]:
        """All runs, the oldest first."""
        with self.records() as store:
            return runs.find_all(store)

    def outcomes(self, issue: int = 74) -> list[Recipient]:
        """What became of each mail of an issue, in their order."""
        with self.records() as store:
            return readers.outcomes(store, issue)

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, to be compared with what it is later."""
        return everything(self.root / ".newsletter")

    def untold(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        """Columns that neither a command nor the store tells anybody."""
        return untold(self.root / ".newsletter", table, *columns)

    def states(self, issue: int = 74) -> dict[str, int]:
        """How many deliveries there are in each state, of a rehearsal and for real."""
        with self.records() as store:
            return readers.states(store, issue)


def snapshot(root: Path) -> dict[str, tuple[str, int]]:
    """Every path below a folder, hidden ones too, with the hash and the time of every file."""
    return {
        path.relative_to(root).as_posix(): (
            (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
            if path.is_file()
            else ("", 0)
        )
        for path in sorted(root.rglob("*"))
    }


def copy_example(root: Path) -> None:
    """Copy what makes the example newsletter, and nothing that a run has left there."""
    for name in PARTS:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)


def shorten(root: Path) -> None:
    """Leave of the letter a third: to prepare the whole of it is most of a command."""
    text = (root / ISSUE).read_text("utf-8")
    begin, _, rest = text.partition("* 🪝 ")
    link, _, _ = rest.partition("**[")[2].partition("\n## ")
    (root / ISSUE).write_text(f"{begin}**[{link}", "utf-8")


def copy_theme(root: Path) -> None:
    """Copy the example's theme and nothing else."""
    shutil.copytree(ROOT / "templates", root / "templates")


def forget_this_machine(patch: pytest.MonkeyPatch) -> None:
    """Take its settings, colours and widths out of the environment."""
    for name in list(os.environ):
        if name.startswith("NEWSLETTER_") or name in {"NO_COLOR", "FORCE_COLOR", "CI", "COLUMNS"}:
            patch.delenv(name)
    patch.setenv("TERM", "xterm")


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting, colour or width of this machine reaches a test, and no bug's traceback it."""
    forget_this_machine(monkeypatch)
    monkeypatch.setattr(unforeseen, "_folder", lambda: tmp_path)


@pytest.fixture
def folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    plain_environment: None,
) -> Folder:
    """The example newsletter with a shorter letter, fresh: nothing imported, nothing sent."""
    root = tmp_path / "letters"
    copy_example(root)
    shorten(root)
    return Folder(root, monkeypatch, capsys)


@pytest.fixture
def whole_letter(folder: Folder) -> None:
    """The folder has all of its letter."""
    shutil.copy2(ROOT / ISSUE, folder.root / ISSUE)


@functools.cache
def imported_example() -> Path:
    """The example newsletter with its list in the records, made once, to be copied."""
    root = Path(tempfile.mkdtemp(prefix="imported-")) / "letters"
    atexit.register(shutil.rmtree, root.parent)
    copy_example(root)
    shorten(root)
    said = io.StringIO()
    words = ("subscribers", "import", "subscribers/example.csv", "--consent-source", "invented")
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        forget_this_machine(patch)
        patch.chdir(root)
        patch.setattr(sys, "argv", ["newsletter", *words])
        assert main() == 0, said.getvalue()
    return root


@pytest.fixture
def ready(folder: Folder) -> Folder:
    """The example newsletter with its list imported."""
    shutil.copytree(imported_example() / ".newsletter", folder.root / ".newsletter")
    return folder
