"""A finished page: what it carries, what it fetches, the same bytes every time."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import re
import subprocess
import sys

import pytest

from newsletter.issue import parse
from newsletter.render import Divider, Options, RenderedIssue, Theme
from newsletter.render.markdown.fields import UNSUBSCRIBE
from newsletter.render.pipeline import source_hash
from newsletter.render.words import callouts, date, direction, words
from tests.conftest import (
    CORPUS,
    LOOK,
    ROOT,
    corpus_file,
    corpus_names,
    example_options,
    issue_with,
    look_with,
    own_issues,
)
from tests.support.pages import elements, letter_of, parse_page, text_of, with_class
from tests.support.rendering import OPTIONS, PLAIN, THEME, preheader_of, quiet_render, rendered

TAG = "utm_source=slack-water&utm_medium=email&utm_campaign=issue-74"

# The page


def test_the_page_carries_language_direction_and_title() -> None:
    page = parse_page(PLAIN.html)
    assert (page.attrib["lang"], page.attrib["dir"]) == ("en", "ltr")
    assert PLAIN.html.startswith("<!DOCTYPE html>\n<html")
    arabic = parse_page(rendered(language="ar").html)
    assert (arabic.attrib["lang"], arabic.attrib["dir"]) == ("ar", "rtl")


def test_what_is_not_of_the_letters_language_keeps_its_own_direction() -> None:
    # An address that begins with a number would otherwise end with it.
    page = parse_page(rendered(front="title: A title!", language="he").html)
    shown = {text_of(e).strip(): e.get("dir") for e in elements(page) if e.tag in {"h1", "p", "td"}}
    for text in ("A title!", "Slack Water", "Slack Water, 4 Ferry Stairs, Port Example"):
        assert shown[text] == "auto", text


def test_nothing_is_fetched_but_the_letters_images() -> None:
    assert not re.findall(r"<link|@import|url\(|<img|<script", PLAIN.html)
    assert "fonts.googleapis" not in PLAIN.html


def test_dark_mode_and_column_rules_keep_their_important() -> None:
    styles = "".join(text_of(e) for e in parse_page(PLAIN.html).iter("style"))
    dark = styles.partition("prefers-color-scheme: dark")[2]
    assert "!important" in dark.partition("@media")[0]
    assert re.search(r"@media only screen and \(min-width:480px\)\s*{[^@]*!important", styles)
    assert "!important" not in re.sub(r"<style.*?</style>", "", PLAIN.html, flags=re.DOTALL)


def test_styles_are_written_into_the_tags() -> None:
    [heading] = parse_page(PLAIN.html).iter("h1")
    assert "font-size:34px" in heading.attrib["style"].replace(" ", "")
    paragraph = next(letter_of(PLAIN.html).iter("p"))
    assert "margin" in paragraph.attrib["style"]


def test_colours_keep_their_six_digits_all_the_way() -> None:
    body = "# A\n\n`b`\n\n> c\n\n| d |\n|---|\n| e |\n\n**[f](/g)**\n\n```\nh\n```\n"
    html = rendered(body).html
    assert "color: #ffffff" in html.replace("color:#", "color: #")
    assert re.findall(r":[^;\"{}]*(#[0-9a-fA-F]{3,5})(?![0-9a-fA-F])[^;\"{}]*[;\"}]", html) == []


def test_outlooks_conditional_comments_survive() -> None:
    comments = re.findall(r"<!--\[if (.*?)\]>(.*?)<!\[endif\]-->", PLAIN.html, re.DOTALL)
    assert len(comments) >= 4
    assert any('width="600"' in text or "width:600px" in text for _, text in comments)
    assert {kind for kind, _ in comments} >= {"mso | IE"}


def test_layout_tables_are_no_tables_to_a_screen_reader() -> None:
    page = parse_page(rendered("| a |\n|---|\n| b |").html)
    kinds = {e.get("class"): e.get("role") for e in page.iter("table") if e.get("class")}
    assert kinds == {"table": None}
    assert {e.get("role") for e in page.iter("table") if not e.get("class")} <= {
        "presentation",
        "none",
    }


def test_the_preheader_hides_the_letters_first_words() -> None:
    shown = text_of(preheader_of(parse_page(PLAIN.html)))
    assert shown.startswith("P")
    assert len(shown) > 200
    without = rendered("Hello.", "title: A title").html
    assert "\u034f" not in without
    assert "&#847;" not in without


def test_both_parts_tell_why_and_how_to_leave() -> None:
    [footer] = [e for e in with_class(parse_page(PLAIN.html), "footer") if e.tag == "td"]
    for text in (text_of(footer), PLAIN.text):
        assert "You joined the list of Slack Water." in text
        assert "4 Ferry Stairs, Port Example" in text
        assert "Unsubscribe" in text
        assert "Read it in the browser" in text
    hrefs = [a.get("href") for a in footer.iter("a")]
    assert UNSUBSCRIBE in hrefs
    assert "https://letters.slackwater.example.org/archive/7/" in hrefs
    assert "https://letters.slackwater.example.org/archive/7/" in PLAIN.text


def test_what_is_not_configured_leaves_no_empty_line_behind() -> None:
    done = rendered(
        front="title: x", public_url="", archive_url="", assets_url="", postal_address="", tags=None,
        subscribe_url="",
    )  # fmt: skip
    assert "Read it" not in done.html + done.text
    assert [a.get("href") for a in parse_page(done.html).iter("a")] == [UNSUBSCRIBE]
    assert "\n\n\n" not in done.text


def test_an_address_of_several_lines_is_told_whole() -> None:
    done = rendered(postal_address="Slack Water\n4 Ferry <Stairs>\nPort Example")
    assert "Slack Water, 4 Ferry <Stairs>, Port Example" in text_of(parse_page(done.html))
    assert "Slack Water\n4 Ferry <Stairs>\nPort Example\n" in done.text


def test_colours_fonts_and_header_image_come_from_the_look() -> None:
    look = dataclasses.replace(
        look_with(accent="#123456", accent_dark="#abcdef"),
        font="Verdana, 'Open Sans', sans-serif",
        header_image="https://a.example/h.png",
    )
    html = rendered("[a](/b)", look=look).html
    assert "#123456" in html
    assert "#abcdef" in html
    assert "Verdana, 'Open Sans', sans-serif" in html.replace("&quot;", "'")
    assert [i.get("src") for i in parse_page(html).iter("img")] == ["https://a.example/h.png"]


@pytest.mark.parametrize(
    ("divider", "line"),
    [("bar", "48px/4px solid #e4572e"), ("line", "100%/1px solid #ddd3bf"), ("dots", "52px/4px dotted #e4572e"), ("space", "48px/0")],
)  # fmt: skip
def test_dividers_take_the_form_the_settings_say(divider: Divider, line: str) -> None:
    [rule] = letter_of(
        rendered("a\n\n---\n\nb", look=dataclasses.replace(LOOK, divider=divider)).html
    ).iter("hr")
    styles = dict(part.strip().split(":", 1) for part in rule.attrib["style"].split(";"))
    assert f"{styles['width']}/{styles['border-top']}" == line


def test_pictures_tell_outlook_how_wide_they_are_and_small_ones_keep_their_own_width() -> None:
    done = rendered('![a](b.png)\n\n<img src="c.png" alt="d" width="40"> <img src="e.png" alt="f">')
    images = [(i.get("src"), i.get("width")) for i in letter_of(done.html).iter("img")]
    assets = "https://assets.slackwater.example.org/"
    assert images == [(f"{assets}b.png", "552"), (f"{assets}c.png", "40"), (f"{assets}e.png", None)]
    assert [(i.src, i.alt, i.line) for i in done.images] == [
        (f"{assets}b.png", "a", 5), (f"{assets}c.png", "d", 7), (f"{assets}e.png", "f", 7),
    ]  # fmt: skip


def test_hosts_of_author_html_are_written_as_mail_programs_look_them_up() -> None:
    done = rendered(
        '<a href="https://häfen.example/é" data-utm="off">x</a> <img src="https://häfen.example/é.png" alt="y">'
    )
    assert [k.url for k in done.links if k.line] == ["https://xn--hfen-loa.example/%C3%A9"]
    for target in (
        "https://xn--hfen-loa.example/%C3%A9",
        "https://xn--hfen-loa.example/%C3%A9.png",
    ):
        assert f'"{target}"' in done.html


def test_theme_links_are_tagged_and_the_way_out_never() -> None:
    urls = {link.text: link.url for link in PLAIN.links if not link.line}
    assert urls["Unsubscribe"] == UNSUBSCRIBE
    assert urls["Slack Water"].endswith(TAG)
    assert urls["Read it in the browser"] == "https://letters.slackwater.example.org/archive/7/"


def test_links_inside_outlooks_comments_are_tagged_too() -> None:
    mso = (
        "<!--[if mso]><v:a href=\"https://a.example/?x=1&amp;y\" HREF='mailto:a'></v:a><![endif]-->"
    )
    files = dict(THEME.files)
    files["header.mjml"] = f"<mj-raw>{mso}</mj-raw>" + files["header.mjml"]
    html = quiet_render(
        issue_with(), Theme(folder="t", files=tuple(sorted(files.items()))), OPTIONS
    ).html
    assert f'href="https://a.example/?x=1&amp;y&amp;{TAG.replace("&", "&amp;")}"' in html
    assert 'HREF="mailto:a"' in html


@pytest.mark.parametrize(
    ("src", "shown"),
    [
        ("images/a.png", "https://assets.slackwater.example.org/images/a.png"), ("./images/a.png", "https://assets.slackwater.example.org/images/a.png"),
        ("https://a.example/b.png", "https://a.example/b.png"), ("cid:a", "cid:a"), ("/a.png", "/a.png"), ("//a.example/b.png", "//a.example/b.png"),
        ("<a b.png>", "https://assets.slackwater.example.org/a%20b.png"), ("é.png", "https://assets.slackwater.example.org/%C3%A9.png"),
    ],
)  # fmt: skip
def test_local_images_come_from_the_assets_address(src: str, shown: str) -> None:
    done = rendered(f"![x]({src})")
    assert [i.get("src") for i in letter_of(done.html).iter("img")] == [shown]
    assert done.images[0].src == shown


def test_without_an_assets_address_local_images_stay_as_they_are() -> None:
    assert rendered("![x](a.png)", assets_url="").images[0].src == "a.png"


def test_tagging_can_be_off_altogether() -> None:
    assert "utm_" not in rendered("[a](https://a.example)", tags=None).html


@pytest.mark.parametrize("name", ["data-l", "data-i", "data-line", "data-utm"])
def test_no_attribute_of_ours_is_left(name: str) -> None:
    body = '[a](/b){utm=off} ![c](d) <a href="/e" data-utm="off" data-l="0" data-line="3">f</a> <img src="g" data-i="7"><a name="h">i</a>'
    assert name not in rendered(body).html


def test_merge_fields_stay_open_in_subject_preheader_and_title() -> None:
    done = rendered(
        "Hello.",
        "title: 'Hi {{ name }} & \\{{ name }}'\npreheader: '{{ name | default(\"you\") }}!'",
    )
    assert done.subject == "Hi __NL_F_A__ & {{ name }}"
    assert done.preheader == "__NL_F_B__!"
    assert [text_of(e) for e in parse_page(done.html).iter("h1")] == ["Hi __NL_F_A__ & {{ name }}"]
    assert (done.slots["__NL_F_A__"].fallback, done.slots["__NL_F_B__"].fallback) == (
        "there",
        "you",
    )
    assert done.fields_without_fallback == ()


# Sameness


def test_a_second_run_gives_the_same_value() -> None:
    body = "{{ name }} [a](/b) ![c](d)\n\n- [ ] e[^1]\n\n[^1]: f"
    assert rendered(body) == rendered(body)


def test_the_source_hash_changes_with_everything_a_letter_is_made_from() -> None:
    issue = issue_with()
    first = source_hash(issue, THEME, OPTIONS)
    assert first == source_hash(issue, read_theme_again(), example_options())
    changes: list[Options] = [
        dataclasses.replace(OPTIONS, site_name="x"), dataclasses.replace(OPTIONS, fields={"name": "you"}), dataclasses.replace(OPTIONS, tags=None),
        dataclasses.replace(OPTIONS, look=look_with(accent="#000000")),
    ]  # fmt: skip
    theme = Theme(folder=THEME.folder, files=(*THEME.files, ("z.mjml", "")))
    hashes = {source_hash(issue, THEME, o) for o in changes} | {
        source_hash(issue, theme, OPTIONS),
        source_hash(issue_with("x"), THEME, OPTIONS),
        first,
    }
    assert len(hashes) == 7


def test_the_source_hash_is_the_one_of_earlier_versions() -> None:
    # Approvals and runs that were frozen before an upgrade hold it.
    theme = Theme(folder="t", files=(("issue.mjml", "x"),))
    options = dataclasses.replace(OPTIONS, look=look_with(ink="", card="", page="", spark=""))
    assert look_with(accent_dark="").accent_dark == options.look.accent_dark
    assert source_hash(issue_with(), theme, options) == (
        "d5dcdc804dab8c7fb69b298b4acbf16e99620209dc24be7666a18c093ec7cae5"
    )


def read_theme_again() -> Theme:
    return Theme(folder=THEME.folder, files=tuple((str(n), str(t)) for n, t in THEME.files))


PROGRAM = """
import hashlib, sys
from tests.conftest import CORPUS, ROOT, example_options, read_theme
from newsletter.issue import parse
from newsletter.render.pipeline import render
theme, options = read_theme(), example_options()
for path in [*sorted(ROOT.glob("issues/*.md")), *sorted(CORPUS.glob("[0-9]*.md"))]:
    done = render(parse(path.read_bytes(), file=path.name), theme, options)
    print(path.name, hashlib.sha256(repr(done).encode()).hexdigest())
"""


@pytest.mark.processes
def test_the_own_process_seed_changes_nothing_in_any_letter() -> None:
    results = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1", "4242")
    }  # fmt: skip
    assert len(results) == 1
    assert len(results.pop().splitlines()) == len(own_issues()) + len([*CORPUS.glob("[0-9]*.md")])


FIRST = """
from tests.conftest import ROOT, example_options, issue_with, quietly, read_theme
from newsletter.check import RuleContext, check
from newsletter.render.pipeline import render
theme, options = read_theme(), example_options()
body = (ROOT / "tests/golden/everything.md").read_text("utf-8")
issue = issue_with(body + '\\n<a href="https://h\\xe4fen.example/">\\u6d77</a>\\n')
with quietly():
    check(RuleContext(issue=issue, rendered=render(issue, theme, options), options=options))
print("quiet")
"""


@pytest.mark.processes
def test_not_even_the_first_letter_of_a_process_touches_the_disk_or_the_network() -> None:
    environment = {**os.environ, "PYTHONPATH": "."}
    ran = subprocess.run(
        [sys.executable, "-c", FIRST],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.returncode) == ("quiet\n", 0), ran.stderr


# Whole letters


@pytest.mark.trials
@pytest.mark.corpus
@pytest.mark.parametrize("name", corpus_names())
def test_a_real_letter_is_small_and_whole(name: str) -> None:
    done = quiet_render(parse(corpus_file(name), file=name))
    check_whole(done)


@pytest.mark.parametrize("name", own_issues())
def test_an_own_letter_is_small_and_whole(name: str) -> None:
    check_whole(quiet_render(parse((ROOT / name).read_bytes(), file=name)))


def check_whole(done: RenderedIssue) -> None:
    assert len(done.html.encode()) < 60_000
    assert done.html.count(UNSUBSCRIBE) == done.text.count(UNSUBSCRIBE) == 1
    assert "__NL_CONTENT__" not in done.html + done.text + done.mjml
    assert "%7B%7B" not in done.html
    body = parse_page(done.html).find("body")
    assert body is not None
    for link in body.iter("a"):
        assert link.get("href")


# The few fixed words


@pytest.mark.parametrize(
    ("language", "why", "side"),
    [("en", "Why you get this", "ltr"), ("nl-BE", "Waarom je dit krijgt", "ltr"), ("NL", "Waarom je dit krijgt", "ltr"), ("he", "למה קיבלת את זה", "rtl"), ("ar-EG", "لماذا تصلك هذه الرسالة", "rtl"), ("fa", "Why you get this", "rtl"), ("", "Why you get this", "ltr")],
)  # fmt: skip
def test_the_fixed_words_follow_the_language(language: str, why: str, side: str) -> None:
    assert (words(language)["why"], direction(language)) == (why, side)


@pytest.mark.parametrize("language", ["en", "ar", "de", "es", "fr", "he", "it", "nl", "pt"])
def test_every_language_has_all_its_words(language: str) -> None:
    assert list(words(language)) == ["issue", "why", "reason", "unsubscribe", "view_online", "forwarded", "subscribe", "privacy", "rate", "good", "fine", "bad"]  # fmt: skip
    assert "{name}" in words(language)["reason"]
    assert len(set(callouts(language).values())) == 5
    dates = [date(dt.date(2026, month, 2), language) for month in range(1, 13)]
    assert len(set(dates)) == 12
    assert all("2" in one and "2026" in one for one in dates)


def test_dates_are_written_as_people_do() -> None:
    day = issue_with(front="title: x\ndate: 2026-03-01").date
    assert date(day, "en-GB") == "1 March 2026"
    assert date(day, "nl") == "1 maart 2026"
    assert date(day, "de") == "1. März 2026"
    assert date(day, "pt-BR") == "1 de março de 2026"
    assert date(day, "he") == "1 במרץ 2026"
    assert date(day, "fi") == "2026-03-01"
    assert date(None, "en") == ""
