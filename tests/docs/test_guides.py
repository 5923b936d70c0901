"""What the pages for authors show does what they say it does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from newsletter.check import RuleContext, check
from newsletter.issue import KEYS, parse
from newsletter.message import filled
from newsletter.render import Theme
from newsletter.render.pipeline import render
from newsletter.schedule.rule import fault
from newsletter.settings import ConfigText, load
from tests.conftest import ROOT, example_options, issue_with
from tests.support.letter_samples import WAY_OUT
from tests.support.mails import person
from tests.support.pages import elements, letter_of, parse_page, text_of
from tests.support.rendering import rendered
from tests.support.rosters import the_row

WRITING = (ROOT / "docs/writing.md").read_text("utf-8")
THEMES = (ROOT / "docs/themes.md").read_text("utf-8")


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_the_front_matter_of_the_page_can_be_read() -> None:
    [front] = blocks(WRITING, "yaml")
    issue = parse(f"{front}\nHello.\n".encode(), file="issues/074-x.md")
    assert (issue.title, issue.subject) == ("Slack water's long minute", "The long minute")
    assert (issue.utm.campaign, list(issue.ignored_checks)) == ("tides", ["link-http"])


def test_the_page_names_every_key_of_the_front_matter() -> None:
    [front] = blocks(WRITING, "yaml")
    above = WRITING.partition("## The letter")[0]
    told = {*re.findall(r"^(\w+):", front, re.MULTILINE), *re.findall(r"`(\w+)`", above)}
    assert told >= KEYS


def test_whoever_is_told_of_a_password_in_a_file_is_told_to_close_the_file() -> None:
    pages = {p.name: p.read_text("utf-8") for p in (ROOT / "docs").glob("*.md")}
    own = {
        name
        for name, text in pages.items()
        if re.search(r"\.env.{0,40}NEWSLETTER_\w+__PASSWORD", text)
    }
    assert own == {"going-live.md", "postgresql.md"}
    assert [name for name in own if "chmod 600 .env" not in pages[name]] == []


WRITTEN = {
    "![A jetty](images/jetty.png)": '<p class="figure"',
    "![A jetty](images/jetty.png)\n\n_A jetty_": '<p class="caption"',
    "**[Come along](https://example.org/visit)**": '<p class="button"',
    "> [!NOTE]\n> The ferry is late.": '<div class="callout callout-note"',
    "> [!TIP] Bring a lamp": '<div class="callout callout-tip"',
    "a\n\n---\n\nb": "<hr",
    "[sheet](https://example.org/sheet){utm=off}": 'href="https://example.org/sheet"',
    "{{ name }}": "__NL_F_A__",
    '{{ name | default("you") }}': "__NL_F_A__",
    r"\{{ name }}": "{{ name }}",
}


@pytest.mark.parametrize("markdown", WRITTEN)
def test_what_the_page_says_about_writing_is_so(markdown: str) -> None:
    told = WRITING.replace("\\|", "|")
    assert all(line.strip() in told for line in re.split(r"\n+", markdown) if len(line) > 1)
    assert WRITTEN[markdown] in rendered(markdown).html


@pytest.mark.parametrize(("first", "greeted"), [("Ada", "Dear Ada,"), ("", "Dear there,")])
def test_a_reader_is_greeted_by_first_name_as_the_page_says(first: str, greeted: str) -> None:
    assert "`Dear {{ first_name }},`" in WRITING
    [settings] = blocks(WRITING, "toml")
    fields = load(ConfigText("newsletter.toml", settings), environ={}).fields
    row = the_row(f"email,First name,Last name\na@b.org,{first},Lovelace\n")
    assert row.name == f"{first} Lovelace".strip()
    letter = rendered("Dear {{ first_name }},", fields=fields)
    assert greeted in filled(letter, person(row.name, **row.fields), WAY_OUT).text


def test_the_theme_settings_of_the_page_are_settings() -> None:
    [toml] = blocks(THEMES, "toml")
    settings = load(ConfigText(file="newsletter.toml", text=toml), environ={}, dotenv="")
    assert settings.theme.divider == "dots"
    assert settings.theme.model_fields_set == set(tomllib.loads(toml)["theme"])


def test_the_theme_of_the_page_is_a_whole_one() -> None:
    [mjml] = blocks(THEMES, "xml")
    [txt] = blocks(THEMES, "jinja")
    theme = Theme(folder="templates/plain", files=(("issue.mjml", mjml), ("issue.txt", txt)))
    issue = issue_with("Hello [you](https://a.example/).\n", "title: A title\npreheader: P")
    options = example_options()
    done = render(issue, theme, options)
    assert text_of(next(e for e in elements(parse_page(done.html)) if e.tag == "h1")) == "A title"
    assert "Hello you [1]." in done.text
    assert check(RuleContext(issue=issue, rendered=done, options=options)) == ()


def test_every_class_the_page_names_is_one_the_letter_has() -> None:
    table = THEMES.partition("## What the letter is made of")[2].partition("## What is refused")[0]
    named = set(re.findall(r"(?<=[a-z])\.([a-z-]+)", " ".join(re.findall(r"`([^`]+)`", table))))
    everything = (ROOT / "tests/golden/everything.md").read_text("utf-8")
    letter = letter_of(rendered(everything).html)
    found = {name for e in elements(letter) for name in e.get("class", "").split()}
    assert named - {"letter"} <= found


def test_every_rule_the_page_names_is_one_that_is_taken() -> None:
    page = (ROOT / "docs/schedule.md").read_text("utf-8")
    rules = re.findall(r"\| `(FREQ=[^`]+)` \|", page)
    assert len(rules) >= 4
    assert [rule for rule in rules if fault(rule)] == []


def test_every_picture_of_the_pages_is_there_and_small() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for name in re.findall(r'src="([^":]+\.png)"', page.read_text("utf-8")):
            picture = Path(page.parent, name)
            assert picture.is_file(), f"{page.name}: {name}"
            assert picture.stat().st_size < 200_000, name
