"""How much of the program the tests reach, in lines and branches.

Nothing is watched while they run. What is measured is marked as it is imported, and a mark goes once
it was passed: so all tests count, and cost little more than without it. It has to be there before
anything of the program is, so pytest is told on its command line, with a folder in which each process
of the tests leaves what it has reached:

    python -m pytest -n 3 -p tests.support.measured --measured=FOLDER
    python -m tests.support.measured --least 95 FOLDER
"""

from __future__ import annotations

import argparse
import fnmatch
import functools
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import slipcover

ROOT = Path(__file__).parent.parent.parent
PROGRAM = str(ROOT / "newsletter")

#: The body of a protocol's method is three dots on a line of their own.
NO_CODE = [r"^\s*\.\.\.$"]

_reached = slipcover.Slipcover(branch=True, source=[PROGRAM], exclude_also=NO_CODE)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The folder."""
    parser.addoption("--measured", metavar="FOLDER", type=Path, help="leave what is reached there")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Mark what is imported from now on; the process that hands out tests runs none."""
    if early_config.known_args_namespace.measured and _worker():
        within = slipcover.FileMatcher(sources=[PROGRAM])
        slipcover.ImportManager(_reached, within).__enter__()
        slipcover.wrap_spec_from_file_location(_reached, within)  # so revisions are read


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave what was reached."""
    folder: Path | None = session.config.option.measured
    if folder and _worker():
        (folder / f"{_worker()}.json").write_text(json.dumps(_reached.get_coverage()), "utf-8")


def _worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "")


def reached_by_all(folder: Path) -> dict[str, dict[str, Any]]:
    """Of each file, by its path in the project: lines and branches, executed and missing.

    Raises SystemExit where nothing was measured.
    """
    parts = [json.loads(part.read_text("utf-8")) for part in sorted(folder.glob("*.json"))]
    if not parts:
        raise SystemExit(
            f"nothing was measured: no process of the tests has left a file in {folder}"
        )
    files = functools.reduce(slipcover.merge_coverage, parts)["files"]
    return {str((ROOT / name).relative_to(ROOT)): of for name, of in sorted(files.items())}


def report(files: dict[str, dict[str, Any]], least: float) -> bool:
    """Print what is missing; whether at least `least` percent of lines and branches are reached."""
    executed = missing = 0
    for name, of in files.items():
        lines, branches = of["missing_lines"], of["missing_branches"]
        executed += len(of["executed_lines"]) + len(of["executed_branches"])
        missing += len(lines) + len(branches)
        ways = [f"{a}->{b or 'end'}" for a, b in branches if not {a, b} & set(lines)]
        if lines or ways:
            print(f"{name}: {' '.join([*map(str, lines), *ways])}")  # noqa: T201
    percent = 100 * executed / (executed + missing)
    print(  # noqa: T201
        f"{percent:.1f} % of {executed + missing:,} lines and branches in {len(files)} files reached, "
        f"{missing:,} missing; at least {least:g} % are wanted"
    )
    return percent >= least


def main() -> int:
    """Say which lines and branches of the program no test has reached."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path, help="what --measured named")
    parser.add_argument("--least", type=float, required=True, help="percent that have to be")
    parser.add_argument("names", nargs="*", default=["*"], help="of files, from the project's root")
    asked = parser.parse_args()
    files = reached_by_all(asked.folder)
    chosen = {n: of for n, of in files.items() if any(fnmatch.fnmatch(n, p) for p in asked.names)}
    return not report(chosen, asked.least)


if __name__ == "__main__":
    sys.exit(main())
