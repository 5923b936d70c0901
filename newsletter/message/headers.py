"""The one header policy: what may stand in a header, and how it is folded.

Every line is at most 76 characters and every encoded word at most 75 (RFC 2047, section 2),
but List-* headers stand whole on their line: mail providers read them without unfolding, and
Python's own folding rewrites their long tokens into encoded words, which breaks one-click.
"""

from __future__ import annotations

import base64
import re
from typing import Final

from newsletter import text_rules
from newsletter.errors import InputError

LINE: Final = 76
_WORD: Final = 75
_OVERHEAD: Final = len("=?utf-8?b??=")
#: Some servers cut header lines at 998 (RFC 5322, section 2.1.1); stay well below.
_WHOLE: Final = 900


def text(name: str, value: str) -> str:
    """One unstructured header (Subject), folded, ending in CRLF.

    Raises:
        InputError: `value` holds a control character or an encoded word, either of which some
            software turns into a header of its own.
    """
    _refuse_unsafe(name, value)
    folded = _fold_ascii(name, value) if _is_plain(value) else None
    return (folded or f"{name}: " + _encode(value, len(name) + 2)) + "\r\n"


def address(name: str, display: str, mailbox: str) -> str:
    """One address header (From, To, Reply-To), ending in CRLF.

    Args:
        name: the header's name.
        display: the person's name; one that is empty or blank is left out.
        mailbox: ASCII, the domain as an A-label (SES takes no SMTPUTF8).

    Raises:
        InputError: as `text`.
    """
    _refuse_unsafe(name, display)
    if not text_rules.is_mailbox(mailbox):
        raise InputError(f"the address for {name} cannot be written in a header")
    if not display.strip():
        return f"{name}: {mailbox}\r\n"
    quoted = '"' + re.sub(r'(["\\])', r"\\\1", display) + '"'
    if not _is_plain(display) or len(name) + 2 + len(quoted) > LINE:
        quoted = _encode(display, len(name) + 2)
    last = len(quoted.rpartition("\n")[2]) + (0 if "\n" in quoted else len(name) + 2)
    gap = " " if last + len(mailbox) + 3 <= LINE else "\r\n "
    return f"{name}: {quoted}{gap}<{mailbox}>\r\n"


def whole(name: str, value: str) -> str:
    """One List-* header on a single line, ending in CRLF.

    Raises:
        InputError: not printable ASCII, over 900 characters, or with an encoded word in it.
    """
    line = f"{name}: {value}"
    plain = line.isascii() and line.isprintable() and text_rules.is_safe_in_header(line)
    if not plain or len(line) > _WHOLE:
        raise InputError(
            f"{name} does not fit on one line of a mail",
            hint="site.public_url and sender.unsubscribe_mailto must be plain and short",
        )
    return line + "\r\n"


def _refuse_unsafe(name: str, value: str) -> None:
    if not text_rules.is_safe_in_header(value):
        raise InputError(
            f"{name} holds a control character or a piece that mail programs would decode",
            hint="take it out; it may have been pasted along from elsewhere",
        )


def _is_plain(value: str) -> bool:
    """Whether no program could take `value` for something encoded."""
    return value.isascii() and "=?" not in value


def _fold_ascii(name: str, value: str) -> str | None:
    """`value` folded at its blanks, or None where a word is too long or two blanks meet."""
    if not value:
        return f"{name}: "
    first, *rest = value.split(" ")
    lines, line = [], f"{name}: {first}"
    for word in rest:
        if len(line) + 1 + len(word) > LINE:
            lines.append(line)
            line = ""
        line += f" {word}"
    lines.append(line)
    # An empty first line would be legal, but some programs take the header for empty.
    fits = first and all(rest) and all(len(line) <= LINE for line in lines)
    return "\r\n".join(lines) if fits else None


def _encode(value: str, used: int) -> str:
    """`value` as encoded words on lines of their own; `used` is what stands before the first."""
    words, chunk = [], b""
    room = _room(LINE - used)
    for character in value:
        raw = character.encode()
        if len(chunk) + len(raw) > room:
            words.append(chunk)
            chunk, room = b"", _room(LINE - 1)
        chunk += raw
    words.append(chunk)
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in words)


def _room(columns: int) -> int:
    """How many bytes an encoded word of at most `columns` characters holds."""
    return (min(columns, _WORD) - _OVERHEAD) // 4 * 3
