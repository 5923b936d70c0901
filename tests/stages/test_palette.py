"""One accent makes all colours: whatever it is, every text can be read, by day and by night."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.check import RuleContext, check
from newsletter.cli.begin import ShippedTheme
from newsletter.project import scaffold
from newsletter.render import Theme
from newsletter.render.colours import ENOUGH, as_hex, contrast, from_hex, from_tone, tone
from newsletter.render.palette import Palette, palettes
from newsletter.settings import ConfigText, load
from newsletter.settings.mail import look
from tests.conftest import LOOK, ROOT, issue_with, look_with
from tests.support.effort import either
from tests.support.pages import letter_of, parse_page
from tests.support.rendering import OPTIONS, quiet_render, rendered

HEX = st.tuples(*3 * [st.integers(0, 255)]).map(as_hex)
#: What is drawn on what, in both shipped themes.
PAIRS = {
    "page": ["on_page", "soft_on_page"],
    "paper": ["heading", "ink", "soft", "link"],
    "tint": ["heading", "ink", "soft", "link"],
    "code": ["heading"],
    "card": ["on_card"],
    "accent": ["on_accent"],
    "block": ["on_block"],
}
DERIVED = {"ink": "", "card": "", "page": "", "spark": "", "accent_dark": ""}
EVERYTHING = issue_with(
    (ROOT / "tests/golden/everything.md").read_text("utf-8"),
    "title: Everything\npreheader: A letter of all there is\ndate: 2099-01-04",
)


def shipped(name: str) -> Theme:
    """A theme as `init` writes it."""
    prefix = "templates/email/"
    files = scaffold.theme(name).items()
    texts = ((path.removeprefix(prefix), data.decode()) for path, data in files)
    return Theme(folder="templates/email", files=tuple(sorted(texts)))


THEMES = {name.value: shipped(name.value) for name in ShippedTheme}
for _theme in THEMES.values():
    quiet_render(EVERYTHING, _theme)


def unread(palette: Palette) -> list[str]:
    """The texts of a palette that cannot be read on what is behind them."""
    colours = palette._asdict()
    return [
        f"{text} on {ground}"
        for ground, texts in PAIRS.items()
        for text in texts
        if contrast(from_hex(colours[text]), from_hex(colours[ground])) < ENOUGH
    ]


def test_every_colour_of_a_palette_is_in_a_pair_or_is_no_text():
    named = {*PAIRS, *(text for texts in PAIRS.values() for text in texts)}
    assert set(Palette._fields) - named == {"rule", "spark"}


@given(HEX, st.just("") | HEX, st.just("") | HEX)
@example("#000000", "", "")
@example("#ffffff", "", "")
@example("#ffff00", "", "")
@example("#c2185b", "#808080", "#c2185b")
@example("#1f7a8c", "#ffffff", "#000000")
def test_every_text_is_read_whatever_accent_card_and_page_are(accent, card, page):
    day, night = palettes(accent, card=card, page=page)
    assert (unread(day), unread(night)) == ([], [])


@pytest.mark.trials
@settings(max_examples=either(3, 15))
@given(HEX)
@example("#ffcc00")
@example("#fefefe")
@example("#c2185b")
def test_a_letter_in_any_accent_has_no_finding_about_contrast(accent):
    options = dataclasses.replace(OPTIONS, look=look_with(accent=accent, **DERIVED))
    for theme in THEMES.values():
        done = quiet_render(EVERYTHING, theme, options)
        found = check(RuleContext(issue=EVERYTHING, rendered=done, options=options))
        assert [f.message for f in found if f.id == "contrast"] == []


@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_the_accent_alone_changes_every_colour_but_white(theme):
    pages = []
    for accent in ("#1f7a8c", "#c2185b"):
        changed = look_with(accent=accent, **DERIVED)
        html = quiet_render(EVERYTHING, theme, dataclasses.replace(OPTIONS, look=changed)).html
        pages.append(set(re.findall(r"#[0-9a-f]{6}", html)))
    assert pages[0] & pages[1] == {"#ffffff"}


def test_a_colour_that_is_set_stands_as_it_was_set():
    text = """[theme]
    accent = "#c2185b"
    accent_dark = "#010203"
    ink = "#aaaaaa"
    card = "#abcdef"
    page = "#fedcba"
    spark = "#00ff00"
    """
    made = look(load(ConfigText(file="newsletter.toml", text=text), environ={}, dotenv=""))
    day = made.light
    assert (day.accent, day.ink, day.card, day.page) == ("#c2185b", "#aaaaaa", "#abcdef", "#fedcba")
    assert (day.spark, made.accent_dark, made.dark.accent) == ("#00ff00", "#010203", "#010203")


def test_a_grey_accent_makes_a_grey_letter():
    for palette in palettes("#777777"):
        colours = [from_hex(colour) for colour in palette]
        assert [as_hex(c) for c in colours if max(c) - min(c) > 2] == []


@given(st.tuples(*3 * [st.integers(0, 255)]))
def test_a_colour_comes_back_from_its_tone(colour):
    assert max(abs(a - b) for a, b in zip(from_tone(tone(colour)), colour, strict=True)) <= 1


# --- sizes and the logo ----------------------------------------------------------------------


@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_a_larger_text_has_larger_headings(theme):
    def sizes(text_size: int) -> list[int]:
        options = dataclasses.replace(OPTIONS, look=dataclasses.replace(LOOK, text_size=text_size))
        letter = letter_of(quiet_render(issue_with("## A\n\nb\n"), theme, options).html)
        [heading] = letter.iter("h2")
        inside = next(e for e in letter.iter("div") if "font-size" in e.get("style", ""))
        styles = (heading.get("style", ""), inside.get("style", ""))
        return [int(re.findall(r"font-size:\s*(\d+)px", style)[0]) for style in styles]

    assert sizes(17) == [25, 17]
    assert sizes(20) == [29, 20]


@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_a_logo_says_the_name_where_it_is_blocked(theme):
    given_ = dataclasses.replace(LOOK, logo="https://a.example/logo.png", logo_width=120)
    options = dataclasses.replace(OPTIONS, look=given_)
    html = quiet_render(issue_with("Hello.\n"), theme, options).html
    [picture] = [i for i in parse_page(html).iter("img") if "logo" in i.get("src", "")]
    assert (picture.get("alt"), picture.get("width")) == ("Slack Water", "120")


def test_without_a_logo_there_is_no_picture():
    assert list(parse_page(rendered("Hello.").html).iter("img")) == []
