"""A newsletter with a long list and several short issues, and the command run in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaign.checks import Snapshot, look
from tests.support.cli_fixtures import ROOT, Ran, copy_example
from tests.support.commands import HANGS, Command
from tests.support.proven import prove_bulk
from tests.support.store_samples import people as readers
from tests.support.store_samples import store_with

#: The first issue's number.
FIRST = 101


@dataclass(slots=True)
class Letters:
    """A newsletter's folder, ready to be sent.

    Attributes:
        environ: the whole environment of the command.
        bugs: planted in the command, see `planted`.
    """

    root: Path
    environ: dict[str, str]
    bugs: tuple[str, ...] = field(default=())

    @property
    def store(self) -> Path:
        """The folder of the records."""
        return self.root / ".newsletter"

    def look(self) -> Snapshot:
        """The records as they are on the disk."""
        return look(self.store)

    def words(self, issue: int = FIRST, *more: str) -> list[str]:
        """The command line that sends an issue; the same at every start."""
        return ["send", "--issue", str(issue), "--confirm", str(issue), *more]

    def start(self, *words: str) -> Command:
        """Start any command with the bugs planted; used as a block, it is killed at its end."""
        return Command(self.root, words, env=self.environ, bugs=self.bugs)

    def run(self, *words: str) -> Ran:
        """Run any command to its end."""
        with self.start(*words) as process:
            out, err = process.communicate(timeout=HANGS)
            return Ran(process.wait(), out, err)

    def sending(self, issue: int = FIRST, *more: str) -> Command:
        """Start sending an issue; it is killed with the block, unless it has ended."""
        return self.start(*self.words(issue, *more))

    def send(self, issue: int = FIRST, *more: str) -> Ran:
        """Send an issue to the end of the command."""
        return self.run(*self.words(issue, *more))


def letters(
    root: Path, environ: Mapping[str, str], *, people: int, issues: int = 1, concurrency: int = 1
) -> Letters:
    """Make a newsletter with so many subscribers, and so many issues."""
    copy_example(root)
    (root / "subscribers/example.csv").unlink()
    for number in range(FIRST, FIRST + issues):
        text = f"---\ntitle: The {number}th\n---\nHello {{{{ name }}}}, this is number {number}.\n"
        (root / f"issues/{number}-a-letter.md").write_text(text, "utf-8")
    made = Letters(root, environment(root, environ, concurrency))
    made.store.mkdir()
    store_with(made.store, readers(people)).close()
    prove_bulk(root)
    return made


def environment(root: Path, more: Mapping[str, str], concurrency: int) -> dict[str, str]:
    """Nothing of this machine's settings or AWS account reaches the command."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NEWSLETTER_", "AWS_", "COV")) and name != "CI"
    }
    return kept | {
        "AWS_CONFIG_FILE": str(root / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(root / "none"),
        "NEWSLETTER_TRANSPORT__CONCURRENCY": str(concurrency),
        "PYTHONPATH": str(ROOT),
        "TERM": "dumb",
        **more,
    }
