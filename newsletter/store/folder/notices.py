"""What the owner was told while the records cannot say: names of empty files in a folder.

A disk without room still takes a name, and a damaged database keeps no folder from being written.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from pathlib import Path
from typing import Final

from newsletter.store.calendar import TRIES

#: Topics carry their day, so that older names are of no more use.
_KEPT: Final = dt.timedelta(days=30)


class NoticeFiles:
    """What the owner was told, each thing once; every method may raise OSError.

    Args:
        folder: made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin_notice(self, topic: str, *, now: dt.datetime) -> bool:
        """Note that the owner is about to be told; false when that is done, or given up."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._forget(now - _KEPT)
        if self._name(topic, "told").exists():
            return False
        for number in range(TRIES):
            path = self._name(topic, str(number))
            try:
                path.touch(exist_ok=False)
            except FileExistsError:
                continue
            os.utime(path, (now.timestamp(), now.timestamp()))
            return True
        return False

    def told(self, topic: str) -> None:
        """Note that the owner was told."""
        self._name(topic, "told").touch()

    def _name(self, topic: str, end: str) -> Path:
        return self._folder / f"{hashlib.sha256(topic.encode()).hexdigest()[:32]}.{end}"

    def _forget(self, before: dt.datetime) -> None:
        for path in self._folder.iterdir():
            if path.stat().st_mtime < before.timestamp():
                path.unlink(missing_ok=True)
