"""Processes of this machine, as far as a lock needs to know of them."""

from __future__ import annotations

import os


def lives(pid: int) -> bool:
    """Whether a process of this number runs, whoever owns it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
