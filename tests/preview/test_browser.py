"""The letter in a real browser: readable at every width, in the dark, without its pictures."""

from __future__ import annotations

import email
import email.policy
import functools
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route

from newsletter.issue import Issue, parse
from newsletter.message import SAMPLE, filled
from newsletter.render import Options
from newsletter.render.pipeline import render
from tests.conftest import (
    ROOT,
    corpus_file,
    example_options,
    issue_with,
    options_with,
    read_theme,
)
from tests.support.preview_browser import chromium
from tests.support.web_fixtures import fresh

__all__ = ["chromium"]

pytestmark = pytest.mark.browser

LEAVE = "https://letters.slackwater.example.org/u/token-of-one-person"
FAULTS = (ROOT / "tests/support/letter_faults.js").read_text("utf-8")
WIDTHS = [320, 375, 600, 1100]
ISSUES = [
    "issues/073-the-rule-of-twelfths.md",
    "issues/074-the-long-minute.md",
    pytest.param("042.md", marks=pytest.mark.corpus),
]
SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]
PICTURES = [pytest.param(True, id="pictures"), pytest.param(False, id="blocked")]

EVERYTHING, ARABIC, HTML = (
    (ROOT / "tests" / "golden" / f"{name}.md").read_text("utf-8")
    for name in ("everything", "arabic", "html")
)
# Whether the lines of an element begin and end at the right edge of the letter, to the pixel.
RIGHT_EDGES = """elements => elements.map(element => {
    const range = document.createRange();
    range.selectNodeContents(element);
    return Math.abs(range.getBoundingClientRect().right - element.getBoundingClientRect().right);
})"""


@pytest.fixture
def asked() -> list[str]:
    """Every address that the page of the test asked for."""
    return []


@pytest.fixture
def tab(chromium: Browser, asked: list[str]) -> Iterator[Page]:
    """A page in a profile of its own, cut off from the network."""
    context = fresh(chromium)
    opened = context.new_page()
    opened.route("**/*", lambda route: answer(route, asked))
    yield opened
    context.close()


def answer(route: Route, asked: list[str]) -> None:
    asked.append(route.request.url)
    file = picture(route.request.url)
    if file:
        route.fulfill(path=file)
    else:
        route.abort()


def picture(url: str) -> Path | None:
    name = re.fullmatch(r"https://assets\.slackwater\.example\.org/images/([\w-]+\.\w+)", url)
    file = ROOT / "issues" / "images" / name[1] if name else None
    return file if file and file.is_file() else None


@functools.lru_cache(maxsize=8)
def letter_of(name: str) -> str:
    """The HTML of an issue as its invented reader gets it."""
    content = (ROOT / name).read_bytes() if "/" in name else corpus_file(name)
    return letter(parse(content, file=name), example_options())


def letter(issue: Issue, options: Options) -> str:
    return filled(render(issue, read_theme(), options), SAMPLE, LEAVE).html


@functools.lru_cache(maxsize=8)
def written(body: str, language: str = "en") -> str:
    options = options_with(
        site_name="Slack Water",
        postal_address="4 Ferry Stairs",
        assets_url="https://assets.slackwater.example.org",
        language=language,
        fields={"name": "there"},
    )
    return letter(issue_with(body), options)


def show(tab: Page, html: str, *, width: int = 600) -> None:
    tab.set_viewport_size({"width": width, "height": 800})
    tab.set_content(html)


def block_pictures(tab: Page) -> None:
    tab.route("**/images/*", lambda route: route.abort())


def faults(tab: Page) -> list[str]:
    """What is wrong in any window, by day or night, with what is shown now."""
    found = []
    for scheme in SCHEMES:
        tab.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            tab.set_viewport_size({"width": width, "height": 800})
            found += [f"{scheme} {width}: {fault}" for fault in tab.evaluate(FAULTS)]
    return found


@pytest.mark.parametrize("pictures", PICTURES)
@pytest.mark.parametrize("name", ISSUES)
def test_a_letter_is_readable(tab, name, pictures):
    if not pictures:
        block_pictures(tab)
    show(tab, letter_of(name))
    loaded = tab.evaluate("[...document.images].every(i => i.naturalWidth > 0)")
    assert loaded is pictures or name == "042.md"
    assert faults(tab) == []


@pytest.mark.parametrize("pictures", PICTURES)
@pytest.mark.parametrize("body", [EVERYTHING, HTML], ids=["markdown", "html"])
def test_everything_an_author_can_write_is_readable(tab, body, pictures):
    if not pictures:
        block_pictures(tab)
    show(tab, written(body))
    assert faults(tab) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_link_to_leave_is_in_sight_and_is_the_readers_own(tab, width):
    show(tab, letter_of("issues/074-the-long-minute.md"), width=width)
    leave = tab.get_by_role("link", name="Unsubscribe", exact=True)
    assert leave.is_visible()
    assert leave.get_attribute("href") == LEAVE
    leave.click(trial=True)  # nothing lies over it


@pytest.mark.parametrize("width", [320, 600])
def test_a_wide_table_keeps_its_words_whole_and_scrolls_by_itself(tab, width):
    show(tab, written(EVERYTHING), width=width)
    heads = tab.locator("th")
    assert heads.count() == 8
    heights = heads.evaluate_all("heads => heads.map(h => h.getClientRects()[0].height)")
    assert max(heights) < 45  # one line of 15 px and its padding; a second would make it 62
    heads.last.scroll_into_view_if_needed()
    box = heads.last.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert tab.evaluate("scrollX") == 0


@pytest.mark.parametrize("language", ["ar", "he"])
def test_a_letter_from_right_to_left_is_readable(tab, language):
    show(tab, written(ARABIC, language=language))
    assert tab.evaluate("getComputedStyle(document.documentElement).direction") == "rtl"
    assert tab.locator("pre").evaluate("e => getComputedStyle(e).direction") == "ltr"
    assert faults(tab) == []


@pytest.mark.parametrize("width", [320, 1100])
def test_a_letter_from_right_to_left_begins_every_line_at_the_right(tab, width):
    show(tab, written(ARABIC, language="ar"), width=width)
    for selector in (
        ".letter p:not(.figure):not(.button)",
        ".letter h2",
        ".letter li",
        ".footer p",
    ):
        edges = tab.locator(selector).evaluate_all(RIGHT_EDGES)
        assert edges, selector
        assert max(edges) <= 1, selector


@pytest.mark.parametrize("width", WIDTHS)
def test_the_masthead_keeps_name_and_date_on_a_line_each(tab, width):
    show(tab, letter_of("issues/074-the-long-minute.md"), width=width)
    lines = tab.locator(".name a, .meta").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect().height)"
    )
    assert len(lines) == 2
    assert max(lines) < 34  # of 22 px and of 14 px; two lines would be 39 at least


def test_a_picture_fills_the_column_and_stands_close_to_its_caption(tab):
    show(tab, letter_of("issues/074-the-long-minute.md"))
    image = tab.locator(".image").first.bounding_box()
    caption = tab.locator(".caption").first.bounding_box()
    following = tab.locator(".letter li").first.bounding_box()
    assert image
    assert caption
    assert following
    assert image["width"] == 552
    below = caption["y"] - (image["y"] + image["height"])
    after = following["y"] - (caption["y"] + caption["height"])
    assert 8 <= below <= 16
    assert after > below


def test_an_open_letter_asks_for_its_pictures_and_nothing_else(tab, asked):
    show(tab, letter_of("issues/074-the-long-minute.md"))
    tab.wait_for_load_state("networkidle")
    assert len(asked) == 3
    assert [url for url in asked if not picture(url)] == []


@pytest.mark.parametrize("name", ISSUES[:2])
def test_the_structure_of_a_letter_says_what_it_is(tab, name):
    show(tab, letter_of(name))
    assert tab.evaluate("document.documentElement.lang") == "en"
    assert tab.evaluate("document.compatMode") == "CSS1Compat"
    heading = tab.get_by_role("heading", level=1)
    assert heading.count() == 1
    straight = str.maketrans("“”‘’", "\"\"''")
    assert tab.title() == heading.inner_text().translate(straight)
    levels = tab.locator("h1, h2, h3, h4").evaluate_all("all => all.map(h => +h.tagName[1])")
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("name", ISSUES[:2])
def test_a_screen_reader_hears_pictures_links_and_data_but_no_layout(tab, name):
    show(tab, letter_of(name))
    alts = tab.locator("img").evaluate_all("all => all.map(i => i.getAttribute('alt'))")
    assert alts
    assert all(alts)
    texts = tab.locator("a").evaluate_all("all => all.map(a => a.innerText.trim())")
    assert all(texts)
    targets = tab.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert [t for t in targets if not re.match(r"https?://\w|mailto:\w", t)] == []
    assert tab.locator("table:not(.letter table):not([role=presentation])").count() == 0
    assert tab.locator(".letter table:not(:has(th))").count() == 0
    ids = tab.locator("[id]").evaluate_all("all => all.map(e => e.id)")
    assert len(ids) == len(set(ids))


# Mail programs put a letter inside a page of their own, which has the landmarks.
NO_MAIL_RULES = {"region", "landmark-one-main"}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [375, 600])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_axe_finds_nothing_in_a_letter(tab, scheme, width, language):
    html = written(ARABIC, language="ar") if language == "ar" else written(EVERYTHING)
    tab.emulate_media(color_scheme=scheme)
    show(tab, html, width=width)
    found = Axe().run(tab).response["violations"]
    assert [
        f"{v['id']}: {[n['html'][:120] for n in v['nodes']]}"
        for v in found
        if v["id"] not in NO_MAIL_RULES
    ] == []


@pytest.mark.parametrize("name", ISSUES)
def test_axe_finds_nothing_in_a_real_letter(tab, name):
    show(tab, letter_of(name))
    found = {v["id"] for v in Axe().run(tab).response["violations"]}
    assert found <= NO_MAIL_RULES | ({"heading-order"} if name == "042.md" else set())


def test_the_mail_on_disk_shows_what_the_built_page_shows(tab, tmp_path):
    command = [
        Path(sys.executable).parent / "newsletter",
        "build",
        "--issue",
        "74",
        "--out",
        tmp_path,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    mail = email.message_from_bytes(
        (tmp_path / "074.eml").read_bytes(), policy=email.policy.default
    )
    body = mail.get_body(("html",))
    assert body
    show(tab, body.get_content())
    received = tab.inner_text("body")
    assert "Hello Sam Reader," in received
    assert "__NL" not in received
    show(tab, (tmp_path / "074.html").read_text("utf-8"))
    assert received == tab.inner_text("body")
