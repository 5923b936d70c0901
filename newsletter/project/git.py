"""What git says about one file, before a send, and before addresses are written."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from newsletter.errors import InputError, Place

#: A busy machine may need long for what takes it a moment otherwise.
_SECONDS = 30
#: What it says where a folder of the name .git is none of its own.
_NO_REPOSITORY = "not a git repository (or any"


def state(root: Path, name: str) -> str:
    """Whether a file is "committed", "changed" or "not in git"; "no git" outside a work tree.

    "git does not say" where it is not installed, takes too long, or refuses a work tree that is
    another user's.
    """
    program = shutil.which("git")
    if program is None:
        return _unsaid(root)
    try:
        done = subprocess.run(  # noqa: S603  # a fixed program; the name is an argument, not a shell word
            # Without the option git would write down in its index what it has looked at.
            [program, "--no-optional-locks", "-C", str(root), "status", "--porcelain=v1",
             "--ignored", "--", name],
            capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False,
            env=os.environ | {"LC_ALL": "C"},  # what it says is read
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return _unsaid(root)
    if done.returncode:
        there = done.stderr.removeprefix("fatal: ").startswith(_NO_REPOSITORY)
        return "no git" if there else "git does not say"
    if not done.stdout.strip():
        return "committed"
    return "not in git" if done.stdout[:2] in {"??", "!!"} else "changed"


def _unsaid(root: Path) -> str:
    """The state of a file where git cannot be asked."""
    return "git does not say" if _in_work_tree(root) else "no git"


def _in_work_tree(root: Path) -> bool:
    folder = root.resolve()
    return any((one / ".git").exists() for one in (folder, *folder.parents))


def tracked(root: Path) -> tuple[str, ...]:
    """The files of a folder that git keeps, relative to it; none where there is no git."""
    program = shutil.which("git")
    if program is None:
        return ()
    try:
        done = subprocess.run(  # noqa: S603  # as above
            [program, "--no-optional-locks", "-C", str(root), "ls-files", "-z"],
            capture_output=True, timeout=_SECONDS, check=False, env=_plain_environment(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ()
    # A name need not be text; with -z none is quoted.
    return tuple(os.fsdecode(name) for name in done.stdout.split(b"\0") if name)


def has(root: Path, name: str) -> bool | None:
    """Whether the last commit has a file, which need not be there any more.

    None where git does not say: it is not installed, takes too long, or refuses a work tree that
    is another user's.
    """
    if not _in_work_tree(root):
        return False
    program = shutil.which("git")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603  # as above
            [program, "-C", str(root), "rev-parse", "--verify", "--quiet", f"HEAD:./{name}"],
            capture_output=True, timeout=_SECONDS, check=False, env=_plain_environment(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {0: True, 1: False}.get(done.returncode)


def would_take(path: Path) -> bool:
    """Whether git would take up a new file of this name: in a work tree, and not ignored.

    Where git is not there to be asked, nothing is known, and this is false.

    Raises:
        InputError: git does not say, as in a work tree that is another user's.
    """
    # Where a link leads is where the file will be.
    folder = path.parent.resolve()
    program = shutil.which("git")
    above = (folder, *folder.parents)
    if program is None or not any((one / ".git").exists() for one in above):
        return False
    if any(one.name == ".git" for one in above):
        return False
    there = next(one for one in above if one.is_dir())
    try:
        done = subprocess.run(  # noqa: S603  # as above
            [program, "-C", str(there), "check-ignore", "--quiet", "--", str(folder / path.name)],
            capture_output=True, timeout=_SECONDS, check=False, env=_plain_environment(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _silent(path, type(error).__name__) from error
    said = done.stderr.decode("utf-8", "replace").removeprefix("fatal: ")
    if done.returncode not in {0, 1} and not said.startswith(_NO_REPOSITORY):
        raise _silent(path, " ".join(said.split()))
    return done.returncode == 1


def expect_untaken(path: Path) -> None:
    """Refuse to write addresses where git would take them up, or may.

    Raises:
        InputError: it would, or does not say.
    """
    if would_take(path):
        raise InputError(
            "git would take up this file, with the addresses in it, at the next commit",
            place=Place(str(path)),
            hint="name a file outside of the repository or in .newsletter/, or one that "
            ".gitignore names",
        )


def _silent(path: Path, why: str) -> InputError:
    return InputError(
        "git does not say whether it would take up this file at the next commit",
        place=Place(str(path)),
        cause=why,
        hint="mend that, or name a file outside of the repository",
    )


def begin(root: Path) -> bool:
    """Make a repository of a folder that is in none; false where there is one, or no git."""
    program = shutil.which("git")
    if program is None or _in_work_tree(root):
        return False
    try:
        done = subprocess.run(  # noqa: S603  # as above
            [program, "-C", str(root.resolve()), "init", "--quiet"],
            capture_output=True, timeout=_SECONDS, check=False, env=_plain_environment(),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _plain_environment() -> dict[str, str]:
    # Inside a hook of git's these name the repository that is committed to.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {"LC_ALL": "C"}  # what it says is read


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
