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
#: Inside a hook of git's these name the repository that is committed to.
_OF_A_HOOK = frozenset({
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_DIR", "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY", "GIT_PREFIX", "GIT_WORK_TREE",
})  # fmt: skip


def state(root: Path, name: str) -> str:
    """Whether a file that is there is "committed", "changed" or "not in git".

    "no git" outside a work tree, and "git does not say" where it is not installed, takes too long,
    or refuses a work tree that is another user's.
    """
    done = _ask(root, "status", "--porcelain=v1", "--ignored", "--", name)
    if done is None:
        return "git does not say" if _in_work_tree(root) else "no git"
    if done.returncode:
        return "no git" if _said(done).startswith(_NO_REPOSITORY) else "git does not say"
    if not done.stdout.strip():
        return "committed"
    return "not in git" if done.stdout[:2] in {b"??", b"!!"} else "changed"


def tracked(root: Path) -> tuple[str, ...]:
    """The files of a folder that git keeps, relative to it; none where there is no git."""
    done = _ask(root, "ls-files", "-z")
    # A name need not be text; with -z none is quoted.
    return tuple(os.fsdecode(name) for name in done.stdout.split(b"\0") if name) if done else ()


def has(root: Path, name: str) -> bool | None:
    """Whether the last commit has a file, which need not be there any more.

    None where git does not say: it is not installed, takes too long, or refuses a work tree that
    is another user's.
    """
    if not _in_work_tree(root):
        return False
    done = _ask(root, "rev-parse", "--verify", "--quiet", f"HEAD:./{name}")
    return {0: True, 1: False}.get(done.returncode) if done else None


def would_take(path: Path) -> bool:
    """Whether git would take up a new file of this name: in a work tree, and not ignored.

    Where git is not there to be asked, nothing is known, and this is false.

    Raises:
        InputError: git does not say, as in a work tree that is another user's.
    """
    # Where a link leads is where the file will be.
    folder = path.parent.resolve()
    above = (folder, *folder.parents)
    if shutil.which("git") is None or not _in_work_tree(folder):
        return False
    if any(one.name == ".git" for one in above):
        return False
    there = next(one for one in above if one.is_dir())
    done = _ask(there, "check-ignore", "--quiet", "--", str(folder / path.name))
    if done is None:
        raise _silent(path, f"it gave no answer within {_SECONDS} s")
    if done.returncode not in {0, 1} and not _said(done).startswith(_NO_REPOSITORY):
        raise _silent(path, _said(done))
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
    if _in_work_tree(root):
        return False
    done = _ask(root.resolve(), "init", "--quiet")
    return done is not None and done.returncode == 0


def commit(root: Path, name: str, message: str) -> bool:
    """Commit one file and nothing else; false where git cannot, for whatever reason."""
    for words in (("add", "--", name), ("commit", "--quiet", "-m", message, "--", name)):
        done = _ask(root, *words)
        if done is None or done.returncode:
            return False
    return True


def _in_work_tree(root: Path) -> bool:
    folder = root.resolve()
    return any((one / ".git").exists() for one in (folder, *folder.parents))


def _ask(root: Path, *words: str) -> subprocess.CompletedProcess[bytes] | None:
    """What git says and does in a folder; None where it is not installed or takes too long."""
    program = shutil.which("git")
    if program is None:
        return None
    environ = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    try:
        return subprocess.run(  # noqa: S603  # a fixed program; names are arguments, not shell words
            # Without the option git would write down in its index what it has looked at.
            [program, "--no-optional-locks", "-C", str(root), *words],
            capture_output=True, timeout=_SECONDS, check=False,
            env=environ | {"LC_ALL": "C"},  # what it says is read
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    """What git complains about, in one line."""
    return " ".join(done.stderr.decode("utf-8", "replace").removeprefix("fatal: ").split())
