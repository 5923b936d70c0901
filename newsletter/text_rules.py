"""What text may stand where in a mail; the doors by which it comes in and what composes share it.

A person's name or field is never a reason to leave the person out. Whatever a door lets in can be
composed: the address bare where the name cannot stand beside it, the fallback where a field cannot
stand in the subject.
"""

from __future__ import annotations

import re
from typing import Final

#: Characters of a person's that a header takes; more is no name, and servers limit headers.
LONGEST: Final = 256
_BREAKS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
#: Halves of characters, what turns text around, and what is there and cannot be seen; joiners and
#: the marks of one direction stay, for emoji and several scripts need them.
_UNSEEN: Final = re.compile(
    "[\ud800-\udfff\u202a-\u202e\u2066-\u2069\u00ad\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff]"
)
#: The joiners and marks that stay, where nothing is left that they could stand beside.
_NOTHING: Final = re.compile("[ \u061c\u200c-\u200f\ufe00-\ufe0f\U000e0000-\U000e01ef]*")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: Controls, and an encoded word up to its text (RFC 2047, 2): programs decode it without its end.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]|" + r"=\?[^?]*\?[bBqQ]\?"
)
#: Atoms and dots (RFC 5322, 3.2.3) of at most 64 octets before the @, and 254 in all (RFC 5321,
#: 4.5.3.1); "=?" would be legal, and begin an encoded word.
_ATOMS: Final = r"[!#-'*+\-./0-9=?A-Z^-~]"
_MAILBOX: Final = re.compile(rf"(?=.{{1,254}}\Z)(?!.*=\?){_ATOMS}{{1,64}}@{_ATOMS}+")


def one_line(text: str) -> str:
    """What a person typed, or a list says of them, as one line that any mail can carry in its body.

    Line ends and control characters become blanks, blanks are folded, what cannot be seen goes;
    "" where nothing that can be seen is left.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    line = " ".join(_UNSEEN.sub("", _BREAKS.sub(" ", text)).split())
    return "" if _NOTHING.fullmatch(line) else line


def control_character(text: str) -> str:
    """The first control character of a text by the name it is looked up by, "U+000A"; or ""."""
    found = _CONTROL.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def is_safe_in_header(text: str) -> bool:
    """Whether no program makes something else of a header that says this.

    A control character or an encoded word can become a header of its own.
    """
    plain = text.isascii() and text.isprintable() and "=?" not in text
    return plain or not _UNSAFE.search(text)


def stands_in_header(text: str) -> bool:
    """Whether a person's name or field may stand in a header: safe, and at most 256 characters."""
    return len(text) <= LONGEST and is_safe_in_header(text)


def is_mailbox(text: str) -> bool:
    """Whether an address is one that a header and a command of SMTP carry as it is.

    ASCII, without quotes, of the length that servers take, and with nothing in it that could be
    taken for an encoded word.
    """
    return _MAILBOX.fullmatch(text) is not None
