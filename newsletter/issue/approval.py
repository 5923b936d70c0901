"""The line `approved: ...` put into an issue's file, every other byte kept."""

from __future__ import annotations

import re

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_FENCE = re.compile(r"---[ \t]*")
_KEY = "approved:"
_MARK = "\ufeff"


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
