"""The one test command: lint, format, types, contracts, tests with branch coverage.

Run it with the Python of the project's virtual environment: `.venv/bin/python tests/everything.py`.
It says what each step has cost, in seconds of wall and of processor, and of the tests each tier.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent

#: Coverage of these is complete, line and branch; the rest may miss a twentieth.
WHOLE = [
    "newsletter/delivery/*.py",
    "newsletter/delivery/deliver.py",
    "newsletter/render/utm.py",
    "newsletter/audience/tokens.py",
]

#: Minutes. Nobody waits longer for all of it, and something hangs if it takes so long.
MOST = 60

_MEASURED = "tests.support.measured"


def steps(folder: str) -> list[tuple[str, list[str]]]:
    """Each step's name and command; the tests leave in `folder` what they have reached."""
    return [
        ("lint", ["ruff", "check", "."]),
        ("format", ["ruff", "format", "--check", "."]),
        ("types", ["mypy"]),
        ("contracts", ["lint-imports", "--no-cache"]),
        # Three at a time: many tests wait for a server, a clock or a browser.
        ("tests", ["python", "-m", "pytest", "-q", "-n", "3", "--dist", "worksteal", "--costs",
                   "-p", _MEASURED, f"--measured={folder}"]),
        ("coverage", ["python", "-m", _MEASURED, "--least", "95", folder]),
        ("coverage of the heart", ["python", "-m", _MEASURED, "--least", "100", folder, *WHOLE]),
    ]  # fmt: skip


def processor_seconds() -> float:
    """Of all steps that have ended."""
    spent = os.times()
    return spent.children_user + spent.children_system


def say(words: str) -> None:
    """A line about the steps."""
    print(f"== {words}", flush=True)  # noqa: T201


def main() -> int:
    """Run every step, stop at the first that fails."""
    with tempfile.TemporaryDirectory() as folder:
        return run(steps(folder))


def run(steps: list[tuple[str, list[str]]]) -> int:
    """Run these; 1, or what the one that failed has ended with."""
    start = time.monotonic()
    for name, (program, *arguments) in steps:
        began, spent = time.monotonic(), processor_seconds()
        say(name)
        left = start + 60 * MOST - began
        try:
            done = subprocess.run(
                [BIN / program, *arguments], cwd=ROOT, env=os.environ, check=False, timeout=left
            )
        except subprocess.TimeoutExpired:
            say(f"{name} was stopped: all steps together took more than {MOST} minutes")
            return 1
        took = f"{time.monotonic() - began:.0f} s, {processor_seconds() - spent:.0f} s of processor"
        if done.returncode:
            say(f"{name} failed after {took}")
            return done.returncode
        say(f"{name} passed in {took}")
    wall = (time.monotonic() - start) / 60
    say(f"everything passed in {wall:.1f} minutes, {processor_seconds() / 60:.1f} of processor")
    return 0


if __name__ == "__main__":
    sys.exit(main())
