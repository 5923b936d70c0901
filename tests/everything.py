"""The one test command: lint, format, types, contracts, tests with branch coverage.

Run it with the Python of the project's virtual environment: `.venv/bin/python tests/everything.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent

#: Coverage of these is complete, line and branch; the rest may miss a twentieth.
WHOLE = ["newsletter/outbox/*.py", "newsletter/send.py", "newsletter/utm.py", "newsletter/links.py"]

STEPS = [
    ("lint", ["ruff", "check", "."]),
    ("format", ["ruff", "format", "--check", "."]),
    ("types", ["mypy"]),
    ("contracts", ["lint-imports", "--no-cache"]),
    # Three at a time: many tests wait for a server, a clock or a browser.
    ("tests", ["pytest", "-q", "-n", "3", "--dist", "worksteal", "--cov", "--cov-report="]),
    ("coverage", ["coverage", "report", "--fail-under=95"]),
    ("coverage of the heart", ["coverage", "report", "--fail-under=100", f"--include={','.join(WHOLE)}"]),
]  # fmt: skip


def main() -> int:
    """Run every step, stop at the first that fails."""
    for name, (program, *arguments) in STEPS:
        began = time.monotonic()
        print(f"== {name}", flush=True)  # noqa: T201
        done = subprocess.run([BIN / program, *arguments], cwd=ROOT, env=os.environ, check=False)
        if done.returncode:
            print(f"== {name} failed", flush=True)  # noqa: T201
            return done.returncode
        print(f"== {name} passed in {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
