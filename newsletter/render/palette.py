"""One accent colour in, every colour of a letter out, by day and by night.

Whatever the accent, each text is read on what is behind it: a contrast of 4.5 or more. What an
author sets is taken as it stands; the check `contrast` tells where it cannot be read.
"""

from __future__ import annotations

import functools
from typing import Final, NamedTuple

from newsletter.render.colours import (
    WHITE,
    Colour,
    as_hex,
    contrast,
    from_hex,
    from_tone,
    ink_on,
    legible,
    mix,
    tone,
)

# Oklab lightness and chroma. Those of the night are shares of the card's chroma, so that a grey
# card makes a grey night.
_CARD: Final = (0.325, 0.12)
_CARD_AT_NIGHT: Final = 0.36
_NIGHT: Final = {
    "page": (0.196, 0.37), "paper": (0.246, 0.43), "tint": (0.293, 0.5), "code": (0.331, 0.55),
    "rule": (0.449, 0.53), "ink": (0.917, 0.14), "soft": (0.769, 0.32),
}  # fmt: skip
_FULL: Final = 0.08
_FAINT: Final = 1.1  # the most contrast between the paper and what only tints it


class Palette(NamedTuple):
    """The colours of a letter, six-digit hex, each named for its use.

    Attributes:
        page: behind the sheet, the masthead and the footer.
        on_page, soft_on_page: text on it, and text that stands back.
        paper: the sheet the letter is written on.
        tint: behind quotes, callouts and pictures that do not load.
        code: behind code in a sentence.
        rule: thin lines.
        card, on_card: the title's block, and the title.
        heading, ink, soft, link: headings, running text, captions and quotes, links.
        accent, on_accent: buttons and borders, and a button's words.
        block, on_block: a block of code, and the code.
        spark: ornaments, never text.
    """

    page: str
    on_page: str
    soft_on_page: str
    paper: str
    tint: str
    code: str
    rule: str
    card: str
    on_card: str
    heading: str
    ink: str
    soft: str
    link: str
    accent: str
    on_accent: str
    block: str
    on_block: str
    spark: str


@functools.lru_cache(maxsize=32)
def palettes(
    accent: str,
    *,
    accent_dark: str = "",
    ink: str = "",
    card: str = "",
    page: str = "",
    spark: str = "",
) -> tuple[Palette, Palette]:
    """The colours by day and by night; all six-digit hex, "" for those to be derived."""
    brand = from_hex(accent)
    _, chroma, hue = tone(brand)
    _, vivid = _CARD
    card_ = _chosen(card, (_CARD[0], min(chroma, vivid), hue))
    page_ = _chosen(page, (0.955, min(0.02, 0.12 * chroma), hue))
    ink_ = _chosen(ink, (0.3, min(0.03, 0.3 * chroma), hue))
    spark_ = _chosen(spark, (0.64, min(0.18, 2 * chroma), hue + 180))
    day = _day(brand, card_, page_, ink_, spark_)
    return day, _night(brand, from_hex(accent_dark) if accent_dark else None, card_, page_, spark_)


def _chosen(set_by_author: str, derived: tuple[float, float, float]) -> Colour:
    return from_hex(set_by_author) if set_by_author else from_tone(derived)


def _day(brand: Colour, card: Colour, page: Colour, ink: Colour, spark: Colour) -> Palette:
    paper, share = WHITE, 0.6
    while contrast(paper, mix(page, paper, share)) > _FAINT:
        share += 0.02
    tint = mix(page, paper, share)
    sheet = (paper, tint)
    heading = legible(card, sheet)
    light, chroma, hue = tone(ink)
    soft = legible(from_tone((light + 0.163, 0.95 * chroma, hue)), sheet)
    _, page_chroma, page_hue = tone(page)
    return _hex(
        page=page, on_page=legible(heading, [page]), soft_on_page=legible(soft, [page]),
        paper=paper, tint=tint, code=tint,
        rule=from_tone((0.87, min(0.03, 1.06 * page_chroma), page_hue)),
        card=card, on_card=ink_on(card, WHITE),
        heading=heading, ink=ink, soft=soft, link=legible(brand, sheet),
        accent=brand, on_accent=ink_on(brand, WHITE, heading),
        block=heading, on_block=legible(page, [heading]), spark=spark,
    )  # fmt: skip


def _night(
    brand: Colour, accent_dark: Colour | None, card: Colour, page: Colour, spark: Colour
) -> Palette:
    light, chroma, hue = tone(card)
    muted = min(chroma, _FULL)
    made = {name: from_tone((at, part * muted, hue)) for name, (at, part) in _NIGHT.items()}
    grounds = [made[name] for name in ("page", "paper", "tint", "code")]
    heading = legible(page, grounds)
    soft = legible(made["soft"], grounds)
    _, vivid, brand_hue = tone(brand)
    # Two degrees: so the usual accent has at night the colour it has had since the first version.
    lifted = from_tone((0.77, min(vivid, 0.13), brand_hue - 2))
    accent = accent_dark or legible(lifted, grounds)
    low = card if light <= _CARD_AT_NIGHT else from_tone((_CARD_AT_NIGHT, chroma, hue))
    _, glow, spark_hue = tone(spark)
    return _hex(
        page=made["page"], on_page=heading, soft_on_page=soft,
        paper=made["paper"], tint=made["tint"], code=made["code"], rule=made["rule"],
        card=low, on_card=ink_on(low, WHITE),
        heading=heading, ink=legible(made["ink"], grounds), soft=soft, link=accent,
        accent=accent, on_accent=ink_on(accent, made["page"], WHITE),
        block=made["page"], on_block=heading,
        spark=from_tone((0.755, min(glow, 0.15), spark_hue)),
    )  # fmt: skip


def _hex(**colours: Colour) -> Palette:
    return Palette(**{name: as_hex(colour) for name, colour in colours.items()})
