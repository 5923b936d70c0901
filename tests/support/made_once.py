"""What several tests need and none changes is made by the first process of a run, for all of them."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

#: Of the run, the same in all workers of xdist; it ends with the process that began it.
_PLACE = "SHARED_BY_TESTS"
_whose: Path | None = None


def pytest_configure() -> None:
    """The process that begins the run makes the place; its workers are told of it."""
    global _whose  # noqa: PLW0603  # whoever made it takes it away
    if _PLACE not in os.environ:
        _whose = Path(tempfile.mkdtemp(prefix="newsletter-tests-"))
        os.environ[_PLACE] = str(_whose)


def pytest_unconfigure() -> None:
    """Its maker takes it away, once all workers have ended."""
    if _whose is not None:
        os.environ.pop(_PLACE, None)
        shutil.rmtree(_whose, ignore_errors=True)


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """A copy, for this process, of a folder that whoever asks first fills; the others wait for it.

    Args:
        name: one for each thing.
        make: fills the empty folder it is given; where that raises, the next one tries again.
    """
    whole = Path(os.environ[_PLACE]) / name
    with whole.with_suffix(".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not whole.exists():
            begun = Path(tempfile.mkdtemp(dir=whole.parent))
            make(begun)
            begun.rename(whole)
    own = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    atexit.register(shutil.rmtree, own)
    return shutil.copytree(whole, own, dirs_exist_ok=True)
