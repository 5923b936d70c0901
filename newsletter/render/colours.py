"""Colours of the screen and how well one is read on another (WCAG 2.2)."""

from __future__ import annotations

from typing import Final

#: Red, green and blue, each from 0 to 255.
Colour = tuple[int, int, int]

BLACK: Final[Colour] = (0, 0, 0)
WHITE: Final[Colour] = (255, 255, 255)
_LINEAR: Final = 0.04045  # sRGB (IEC 61966-2-1): straight below, a curve above


def from_hex(text: str) -> Colour:
    """The colour of six hexadecimal digits, with or without the # before them."""
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def as_hex(colour: Colour) -> str:
    """A colour as style sheets write it."""
    return "#" + bytes(colour).hex()


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def ink_on(ground: Colour) -> Colour:
    """Black or white, whichever is read better on a colour."""
    return max(BLACK, WHITE, key=lambda ink: contrast(ink, ground))


def _luminance(colour: Colour) -> float:
    """Relative luminance, from 0 to 1."""
    parts = (part / 255 for part in colour)
    red, green, blue = (
        part / 12.92 if part <= _LINEAR else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
