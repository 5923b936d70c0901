"""Dots at the beginning of a line of a mail, doubled (RFC 5321, 4.5.2)."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Sequence
from typing import Final

#: Bytes; a piece of a mail that is longer is looked through once, however many mails it stands in.
SHORT: Final = 1024


def doubled(pieces: Sequence[bytes]) -> bytes:
    """The mail as it is written: its lines end in CRLF, and leading dots are doubled.

    No server may find an end in the middle of it, whatever it takes for one (RFC 5321, 4.5.2).
    """
    lines: list[bytes | None] = []
    for are_short, some in itertools.groupby(pieces, lambda piece: len(piece) <= SHORT):
        if are_short:
            lines.append(_in_piece(b"".join(some)))
        else:
            lines += map(_once, some)
    if any(lines) and None not in lines:
        return b"".join(line for line in lines if line)
    whole = re.sub(rb"\r\n?|\n", b"\r\n", b"".join(pieces))
    return _in_piece(whole if whole.endswith(b"\r\n") else whole + b"\r\n") or b""


def _in_piece(piece: bytes) -> bytes | None:
    """A piece with its leading dots doubled; None where not all its lines end in CRLF."""
    if piece and not piece.endswith(b"\r\n"):
        return None
    if not piece.count(b"\r\n") == piece.count(b"\r") == piece.count(b"\n"):
        return None
    # A replacement in C: an expression would be tried at every line of 60 KB.
    doubled = piece.replace(b"\n.", b"\n..")
    return b"." + doubled if doubled.startswith(b".") else doubled


#: Counting the line ends of 60 KB costs more than all else that is done with a mail in Python; what
#: the mails of one issue have in common is one object, and looked through once.
_once: Final = functools.lru_cache(maxsize=16)(_in_piece)
