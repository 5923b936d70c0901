"""No code of the program opens a database's file that its process has open through SQLite.

Closing it again would cost the process all locks that SQLite has on it (fcntl(2)): the next command
then removes the log under whoever goes on writing into it. One module is made for reading such a
file, and never closes it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import FrameType

from tests.support import audit

ROOT = Path(__file__).parent.parent.parent
PROGRAM, TESTS = (f"{ROOT / name}{os.sep}" for name in ("newsletter", "tests"))
#: The one that never closes it, and the one that looks for traces once the records are closed.
READERS = {
    str(ROOT / "newsletter" / name) for name in ("store/sqlite/pages.py", "project/lists.py")
}
HANDLES = Path("/proc/self/fd")
#: These have no locks to lose.
HARMLESS = getattr(os, "O_PATH", 0)


def _watch(_: str, arguments: tuple[object, ...]) -> None:
    if not isinstance(path := arguments[0], str | bytes | os.PathLike):
        return
    name = os.fsdecode(path)
    if not name.removesuffix("-wal").removesuffix("-shm").endswith((".db", ".sqlite")):
        return
    flags = arguments[2] if isinstance(arguments[2], int) else 0
    if flags & HARMLESS or _opener() in {"", *READERS} or not HANDLES.is_dir():
        return
    real = os.path.realpath(name)
    if any(_target(handle) == real for handle in HANDLES.iterdir()):
        # No Exception: nothing that bears a file which cannot be opened may bear this.
        raise KeyboardInterrupt(f"the program opened {name}, which this process has open")


def _opener() -> str:
    """The module of the program that opens a file, "" where a test does."""
    frame: FrameType | None = sys._getframe(3)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(PROGRAM):
            return name
        if name.startswith(TESTS):
            return ""
        frame = frame.f_back
    return ""


def _target(handle: Path) -> str:
    try:
        return str(handle.readlink())
    except OSError:
        return ""


audit.listen(["open"], _watch)
