r"""What keeps odd characters whole on their way through the MJML compiler.

mrml writes attributes in Rust's debug format: a variation selector, a joiner, a no-break space or
a combining mark in a title or an alt text arrives as the letters `\u{fe0f}`, and a quote ends the
attribute. Written as ASCII with numeric references they pass untouched.
"""

from __future__ import annotations

import re
from typing import Final

# Styles and comments keep their bytes: references mean nothing there.
_PIECE: Final = re.compile(
    r"(?P<keep><!--.*?-->|<mj-style\b[^>]*>.*?</mj-style>)|(?P<tag><[^<>]*>)", re.DOTALL
)
_ATTRIBUTE: Final = re.compile(r"(=\s*)(\"[^\"]*\"|'[^']*')")
_UNSAFE: Final = {"\\": "&#92;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;", '"': "&#34;"}


def armour(mjml: str) -> str:
    """Rewrite a well-formed MJML page in ASCII, meaning the same."""
    parts, at = [], 0
    for piece in _PIECE.finditer(mjml):
        parts.append(_ascii(mjml[at : piece.start()]))
        if piece["keep"] is not None:
            parts.append(piece["keep"])
        else:
            parts.append(_ascii(_ATTRIBUTE.sub(_attribute, piece["tag"])))
        at = piece.end()
    parts.append(_ascii(mjml[at:]))
    return "".join(parts)


def _attribute(match: re.Match[str]) -> str:
    value = match[2][1:-1]
    return f'{match[1]}"{"".join(_UNSAFE.get(c, c) for c in value)}"'


def _ascii(text: str) -> str:
    return text.encode("ascii", "xmlcharrefreplace").decode()
