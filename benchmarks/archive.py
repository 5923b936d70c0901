"""What the archive costs: built first, with nothing changed, and with one letter changed.

    python benchmarks/archive.py [issues]

So many past letters, the example's in turn; each is the whole command, its start included. Memory
is the largest a process got.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from figures import Figure, note
from scale import cost
from world import COMMAND, copy_example

BUILD: Final = (COMMAND, "archive", "build", "--out", "site")
#: MB, as for every command that reads the newsletter's own files.
MEMORY: Final = 200
FIRST: Final = dt.date(2020, 1, 5)


def write_letters(folder: Path, number: int) -> None:
    """So many letters that an earlier service sent, one a week, in place of the example's."""
    letters = [path.read_text("utf-8") for path in sorted(folder.glob("issues/07[34]-*.md"))]
    for path in folder.glob("issues/*.md"):
        path.unlink()
    for n in range(1, number + 1):
        body = letters[n % len(letters)].partition("\n---\n")[2]
        day = FIRST + dt.timedelta(weeks=n)
        front = f"title: Letter {n}\ndate: {day}\nnumber: {n}\nsent_elsewhere: Another service"
        (folder / f"issues/{n:03}-letter.md").write_text(f"---\n{front}\n---\n{body}", "utf-8")


def main() -> None:
    """Print a line for each build."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        copy_example(folder)
        write_letters(folder, number)
        found = {"the first build": cost(folder, dict(os.environ), BUILD)}
        found["nothing changed"] = cost(folder, dict(os.environ), BUILD)
        with (folder / "issues/001-letter.md").open("a", encoding="utf-8") as letter:
            letter.write("\nOne more line.\n")
        found["one letter changed"] = cost(folder, dict(os.environ), BUILD)
    first = found["the first build"]
    for name, one in found.items():
        print(
            f"{name:20} {number:5,} issues {one.seconds:7.2f} s   {one.cpu:6.2f} s of CPU   "
            f"{one.memory:4.0f} MB"
        )
        what = f"archive of {number:,} issues, {name}"
        if one is first:
            note(Figure(what=what, ours=one.cpu, unit="s of CPU"))
        else:
            note(
                Figure(
                    what=what, ours=one.cpu, unit="s of CPU", beside="the first build",
                    theirs=first.cpu,
                )
            )  # fmt: skip
        note(Figure(what=what, ours=one.memory, unit="MB", bound=MEMORY))
    print(f"bound of the memory: {MEMORY} MB")


if __name__ == "__main__":
    main()
