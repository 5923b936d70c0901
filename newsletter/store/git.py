"""What git says about one file, for the author's eye before a send."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_SECONDS = 10


def state(root: Path, name: str) -> str:
    """Whether a file is "committed", "changed" or "not in git"; "no git" where there is none."""
    program = shutil.which("git")
    if program is None:
        return "no git"
    try:
        done = subprocess.run(  # noqa: S603  # a fixed program; the name is an argument, not a shell word
            # Without the option git would write down in its index what it has looked at.
            [program, "--no-optional-locks", "-C", str(root), "status", "--porcelain=v1",
             "--ignored", "--", name],
            capture_output=True, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return "no git"
    if done.returncode:
        return "no git"
    if not done.stdout.strip():
        return "committed"
    return "not in git" if done.stdout[:2] in {"??", "!!"} else "changed"


def commit(root: Path, name: str, message: str) -> bool:
    """Commit one file and nothing else; false where git cannot, for whatever reason."""
    program = shutil.which("git")
    if program is None:
        return False
    try:
        for words in (("add", "--", name), ("commit", "--quiet", "-m", message, "--", name)):
            done = subprocess.run(  # noqa: S603  # as above
                [program, "-C", str(root), *words],
                capture_output=True, text=True, timeout=_SECONDS, check=False,
            )  # fmt: skip
            if done.returncode:
                return False
    except (OSError, subprocess.TimeoutExpired):
        return False
    return True
