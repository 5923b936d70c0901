"""What nobody foresaw, as an error of the tree; its details go to a file of this machine."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from newsletter.errors import NewsletterError


def foreseen(error: Exception) -> NewsletterError:
    """The error itself where it is ours, else one sentence with the file that tells more.

    A traceback may hold addresses, and a terminal is read by others.
    """
    if isinstance(error, NewsletterError):
        return error
    return NewsletterError(
        f"something unexpected happened ({type(error).__name__})", hint=_kept(error)
    )


def _kept(bug: Exception) -> str:
    """Keep the traceback in a file; a disk without room must not hide what is told of it."""
    import traceback

    try:
        path = _keep("".join(traceback.format_exception(bug)))
    except OSError:
        return "the details could not be kept; --debug shows them here"
    return f"the details are in {path}; --debug shows them here"


def _keep(text: str) -> Path:
    """Keep a text in the folder for temporary files; a trigger that stumbles again, only once."""
    import hashlib

    data = text.encode(errors="backslashreplace")
    path = _folder() / f"newsletter-{hashlib.sha256(data).hexdigest()[:12]}.log"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        # Nobody else's is opened or named: this folder is everybody's.
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise
        return path
    try:
        with os.fdopen(handle, "wb") as log:
            log.write(data)
    except OSError:
        path.unlink()  # half of it would be named the next time
        raise
    return path


def _folder() -> Path:
    import tempfile

    return Path(tempfile.gettempdir())
