"""What the benchmarks share: the example newsletter with readers in it, and a fake SES."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

ROOT: Final = Path(__file__).parent.parent
COMMAND: Final = str(Path(sys.executable).parent / "newsletter")


def copy_example(folder: Path) -> None:
    """The example newsletter in a folder of its own, nothing imported, nothing sent."""
    for part in ("issues", "templates"):
        shutil.copytree(ROOT / part, folder / part)
    shutil.copy2(ROOT / "newsletter.toml", folder)


def import_readers(folder: Path, number: int, command: str = COMMAND) -> None:
    """Import so many invented readers, into records that this command makes."""
    people = "".join(f"reader{n}@example.org,Reader {n}\n" for n in range(number))
    (folder / "list.csv").write_text(f"email,name\n{people}", "utf-8")
    words = ("subscribers", "import", "list.csv", "--consent-source", "invented")
    run(folder, *words, command=command)
    # A list that is not there need not be compared with its import.
    (folder / "list.csv").unlink()


def add_readers(folder: Path, number: int) -> None:
    """Import so many invented readers for whom anything may be sent."""
    import_readers(folder, number)
    # As `newsletter ses prove` leaves it, for who sends in bulk.
    proven = [sys.executable, "-m", "tests.support.proven", str(folder.resolve())]
    subprocess.run(proven, cwd=ROOT, check=True)


def run(
    folder: Path, *words: str, environ: dict[str, str] | None = None, command: str = COMMAND
) -> str:
    """Run one command to its end; what it said on stdout."""
    done = subprocess.run(
        [command, *words], cwd=folder, env=environ, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"newsletter {' '.join(words)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


class FakeSes:
    """A fake SES in a process of its own, so that its work is not taken for ours.

    Attributes:
        environ: the environment of a program that is to reach it.
    """

    def __init__(self, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fake_ses", *options],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        kind = {"NEWSLETTER_TRANSPORT__KIND": "ses", "PYTHONPATH": str(ROOT)}
        self.environ = dict(os.environ) | dict(self._exports()) | kind

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def state(self) -> dict[str, Any]:
        """All its counts."""
        found: dict[str, Any] = self._told("state")
        return found

    def accepted(self) -> int:
        """How many mails it has accepted; unlike all counts this costs nothing, however many."""
        found: int = self._told("accepted")
        return found

    def _told(self, what: str) -> Any:
        url = f"{self.environ['AWS_ENDPOINT_URL_SESV2']}/__control__/{what}"
        with urllib.request.urlopen(url) as answer:
            return json.load(answer)

    def _exports(self) -> Iterator[tuple[str, str]]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            name, _, value = line.strip().removeprefix("export ").partition("=")
            yield name, value
            if name == "AWS_EC2_METADATA_DISABLED":
                return


def spent(pid: int, *, by: slice = slice(11, 13)) -> float:
    """Seconds of the processor that a process has taken, in these fields of /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(") ")[2].split()
    return sum(map(int, fields[by])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def database() -> Iterator[str]:
    """The URL of a PostgreSQL server of its own, as its makers set it up but for memory and log."""
    sys.path.insert(0, str(ROOT))
    from tests.campaign.fleet import cluster

    with cluster() as server:
        with server.connect() as connection:
            for setting in ("shared_buffers = '256MB'", "max_wal_size = '2GB'"):
                connection.execute(f"ALTER SYSTEM SET {setting}")
        server.restart("fast")
        yield f"postgresql://nobody@/postgres?host={server.folder}"
