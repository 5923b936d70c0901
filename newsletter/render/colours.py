"""Colours of the screen: how well one is read on another (WCAG 2.2), how one is made of another.

Lightness, chroma and hue are those of Oklab, in which equal steps look equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

#: Red, green and blue, each from 0 to 255.
Colour = tuple[int, int, int]
#: Lightness from 0 to 1, chroma from 0 to about 0.3, hue in degrees.
Tone = tuple[float, float, float]

BLACK: Final[Colour] = (0, 0, 0)
WHITE: Final[Colour] = (255, 255, 255)
#: The contrast that running text needs (WCAG 2.2, 1.4.3).
ENOUGH: Final = 4.5
_LINEAR: Final = 0.04045  # sRGB (IEC 61966-2-1): straight below, a curve above
_STEP: Final = 0.005  # of lightness, finer than an eye tells


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


def ink_on(ground: Colour, *preferred: Colour) -> Colour:
    """The first of `preferred` that is read well on a colour, else black or white."""
    read = (ink for ink in preferred if contrast(ink, ground) >= ENOUGH)
    return next(read, max(BLACK, WHITE, key=lambda ink: contrast(ink, ground)))


def legible(colour: Colour, grounds: Iterable[Colour]) -> Colour:
    """`colour`, made as much darker or lighter as it takes to be read on every ground.

    Grounds that are partly dark and partly light leave no such colour; black or white comes back.
    """
    behind = tuple(grounds)

    def worst(ink: Colour) -> float:
        return min(contrast(ink, ground) for ground in behind)

    end, sign = max(((BLACK, -1), (WHITE, 1)), key=lambda way: worst(way[0]))
    light, chroma, hue = tone(colour)
    while worst(colour) < ENOUGH:
        light += sign * _STEP
        if not 0 < light < 1:
            return end
        colour = from_tone((light, chroma, hue))
    return colour


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """`one` with a share, from 0 to 1, of `other` in it."""
    red, green, blue = (
        round(a + share * (b - a)) for a, b in zip(one, other, strict=True)
    )  # fmt: skip
    return red, green, blue


def tone(colour: Colour) -> Tone:
    """Lightness, chroma and hue of a colour."""
    red, green, blue = map(_linear, colour)
    # Björn Ottosson's matrices (2020), from linear sRGB by way of the eye's three cones.
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    light = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return light, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360


def from_tone(wanted: Tone) -> Colour:
    """The colour of a tone; where no screen shows it, the most colourful one it shows."""
    light, chroma, hue = wanted
    while chroma > _STEP / 10 and not _is_shown(light, chroma, hue):
        chroma *= 0.97
    red, green, blue = (
        round(255 * _curved(min(max(part, 0.0), 1.0))) for part in _parts(light, chroma, hue)
    )
    return red, green, blue


def _is_shown(light: float, chroma: float, hue: float) -> bool:
    near = 1e-4
    return all(-near <= part <= 1 + near for part in _parts(light, chroma, hue))


def _parts(light: float, chroma: float, hue: float) -> tuple[float, float, float]:
    """Linear red, green and blue; below 0 or above 1 where no screen shows the tone."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _linear(part: int) -> float:
    value = part / 255
    return value / 12.92 if value <= _LINEAR else ((value + 0.055) / 1.055) ** 2.4


def _curved(part: float) -> float:
    return 12.92 * part if part <= _LINEAR / 12.92 else 1.055 * part ** (1 / 2.4) - 0.055


def _luminance(colour: Colour) -> float:
    """Relative luminance, from 0 to 1."""
    red, green, blue = map(_linear, colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
