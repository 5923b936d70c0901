"""What a person approves, as a hash; and the line `approved: ...` in an issue's file.

Putting the line in keeps every other byte.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_FENCE = re.compile(r"---[ \t]*")
_KEY = "approved:"
_HASH = re.compile("[0-9a-f]{64}")
_MARK = "\ufeff"


def approval(source_hash: str, number: int, pictures: Mapping[str, str]) -> str:
    """SHA-256 (hex) of what an approval is about: the same on every machine.

    Args:
        source_hash: of the issue's text, the theme and the settings that reach the mail.
        number: of the issue, which stands in its file's name.
        pictures: the local pictures it shows, by path: SHA-256 (hex) of each, "" for none there.
    """
    whole = repr((source_hash, number, sorted(pictures.items())))
    return hashlib.sha256(whole.encode(errors="backslashreplace")).hexdigest()


def is_approval(text: str) -> bool:
    """Whether it can be such a hash at all."""
    return _HASH.fullmatch(text) is not None


def approve(data: bytes, approval: str) -> bytes:
    """The file with this approval instead of an older one, or as the front matter's last line.

    Args:
        data: the bytes of an issue that can be read.
        approval: the hash.

    Returns:
        The new bytes. Front matter may be written so that a line cannot be added; whoever calls
        reads the result again.
    """
    lines = _LINE.findall(data.decode("utf-8"))
    fences = (i for i, line in enumerate(lines) if _is_fence(line))
    start, end = next(fences), next(fences)
    old = (i for i in range(start + 1, end) if lines[i].startswith(_KEY))
    at = next(old, end)
    line_end = lines[start].lstrip(_MARK).lstrip("-").lstrip(" \t")
    lines[at : at + (at < end)] = [f"{_KEY} {approval}{line_end}"]
    return "".join(lines).encode()


def _is_fence(line: str) -> bool:
    return bool(_FENCE.fullmatch(line.lstrip(_MARK).rstrip("\r\n")))
