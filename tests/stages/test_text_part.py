"""The text part: wrapped as people write mail, every address whole."""

from __future__ import annotations

import dataclasses
import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from newsletter.issue import parse as parse_issue
from newsletter.render import RenderedIssue
from newsletter.render.markdown import parse
from newsletter.render.markdown.fields import Fields
from newsletter.render.markdown.text import columns, text_part, wrap
from newsletter.render.pipeline import render
from tests.conftest import (
    ROOT,
    corpus_file,
    corpus_names,
    example_options,
    issue_with,
    own_issues,
    read_theme,
)

THEME, OPTIONS = read_theme(), example_options()
GOLDEN = ROOT / "tests" / "golden"
LINKED = re.compile(r"^\[\d+\] |^__NL_UNSUBSCRIBE__$|^https?://\S+$|^ {4}")


def plain(body: str) -> str:
    document = parse(body, Fields({"name": "there"}))
    return text_part(document, lambda index: document.links[index].href)


def golden_letter(name: str) -> RenderedIssue:
    """A letter of tests/golden, or issue 74."""
    if name == "074":
        path = ROOT / "issues/074-the-long-minute.md"
        return render(parse_issue(path.read_bytes(), file=path.name), THEME, OPTIONS)
    options = dataclasses.replace(OPTIONS, language="ar" if name == "arabic" else "en")
    return render(issue_with((GOLDEN / f"{name}.md").read_text("utf-8")), THEME, options)


@pytest.mark.sweep
@pytest.mark.parametrize("kind", ["txt", "html"])
@pytest.mark.parametrize("name", ["074", "everything", "arabic", "html"])
def test_a_letter_is_the_one_in_the_golden_file(
    name: str, kind: str, *, update_golden: bool
) -> None:
    done = golden_letter(name)
    # A line of its own for each block, so that a change can be read in the diff.
    made = done.text if kind == "txt" else re.sub(r"(?<=[^\n])(?=<(?:p|t[dr]|div|h\d|li|[uo]l|a)\b)", "\n", done.html)  # fmt: skip
    file = GOLDEN / f"{name}.{kind}"
    if update_golden:
        file.write_text(made, encoding="utf-8")
    assert made == file.read_text(encoding="utf-8")


def check_lines(text: str) -> None:
    assert text.endswith("\n")
    assert not text.startswith("\n")
    assert "\n\n\n" not in text
    for line in text.splitlines():
        assert line == line.rstrip()
        assert wcswidth(line) <= 72 or LINKED.match(line) or " " not in line.strip("> "), line


@pytest.mark.parametrize("name", own_issues())
def test_an_example_letter_is_wrapped_at_72_columns(name: str) -> None:
    check_lines(render(parse_issue((ROOT / name).read_bytes(), file=name), THEME, OPTIONS).text)


@pytest.mark.trials
@pytest.mark.corpus
@pytest.mark.parametrize("name", corpus_names())
def test_a_real_letter_is_wrapped_and_its_addresses_are_whole(name: str) -> None:
    done = render(parse_issue(corpus_file(name), file=name), THEME, OPTIONS)
    check_lines(done.text)
    lines = set(done.text.splitlines())
    for link in done.links:
        if link.line and link.text:
            assert any(line.endswith(f"] {link.url}") for line in lines), link.url


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("# A\n\nb\n\n## C\n\n### D\n\ne", "A\n=\n\nb\n\nC\n-\n\nD\n.\n\ne"),
        ("# 海 🗺️ é", "海 🗺️ é\n======="),
        ("**a** *b* ~~c~~ `d`", "*a* b ~c~ `d`"),
        ("a  \nb\\\nc\nd", "a\nb\nc d"),
        ("a<br>b<BR />c<b>d</b>", "a\nb\ncd"),
        ("- a\n- b", "* a\n* b"),
        ("- a\n\n- b", "* a\n\n* b"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("- a\n  - b\n    1. c\n- d", "* a\n\n  * b\n\n    1. c\n\n* d"),
        ("-\n- a", "*\n* a"),
        ("> a\n>\n> > b\n>\n> - c", "> a\n>\n> > b\n>\n> * c"),
        ("> a\n\n> b", "> a\n\n> b"),
        ("> [!NOTE]\n> a\n>\n> - b", "| *Note*\n|\n| a\n|\n| * b"),
        ("> [!TIP] Bring *a* lamp\n> b", "| *Bring a lamp*\n|\n| b"),
        ("```\na\n\n  b\n```", "    a\n\n      b"),
        ("    a\n    b", "    a\n    b"),
        ("a\n\n---\n\nb", "a\n\n* * *\n\nb"),
        ("| a | bb |\n|---|---|\n| 海 | *d* |", "a   bb\n--  --\n海  d"),
        (
            "| a | bb | ccc |\n|--:|:-:|:--|\n| 1111 | 222222 | 3 |",
            "   a    bb    ccc\n----  ------  ---\n1111  222222  3",
        ),
        ("![a *b*](c.png)\n\nd", "[a b]\n\nd"),
        ("![](c.png)\n\nd", "d"),
        ("a ![b](c.png) d", "a [b] d"),
        ("<div>\na <b>&lt;c</b>\n\n</div>", "a <c"),
        ("<!-- a -->\n\nb", "b"),
        ("a <a href='/b'>c</a> d", "a c [1] d\n\n[1] /b"),
        ("a <a href='/b'>**c**\nd</a><img src=x alt=e> f", "a *c* d [1][e] f\n\n[1] /b"),
        ("<a href='javascript:x'>a</a> b</a> c", "a b c"),
        ("<p>a\n <a href='/b'>c</a>.</p><p>d<br>e</p>\n", "a c [1].\n\nd\ne\n\n[1] /b"),
        ("<ul><li>a<li>b</ul>\n", "* a\n* b"),
        (
            "<table><tr><th>a</th><th>b</th></tr><tr><td>c</td><td><img src=x alt='d e'></td></tr></table>\n",
            "a b\nc [d e]",
        ),
        ("<div>\n\n*a* <a href='/b'>c</a>\n\n</div>\n\n[d](/b)", "a c [1]\n\nd [1]\n\n[1] /b"),
        ("<div><a href='/b'>never closed</div>\n\nx</a>", "never closed [1]\n\nx\n\n[1] /b"),
        ("<script>\na\n</script>\n\nb", "b"),
        ("a[^1]\n\n[^1]: b", "a (1)\n\n(1) b"),
        ("** a", "** a"),
        ("{{ name }}", "__NL_F_A__"),
        ("", ""),
    ],
)
def test_each_kind_of_block_has_its_form(body: str, text: str) -> None:
    assert plain(body) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("[a](https://b.example)", "a [1]\n\n[1] https://b.example"),
        ("[a](/b) [c](/d) [e](/b)", "a [1] c [2] e [1]\n\n[1] /b\n[2] /d"),
        ("<https://b.example/>", "https://b.example/"),
        ("[https://b.example/](https://b.example/)", "https://b.example/"),
        ("<wren@a.example>", "wren@a.example"),
        ("[wren@a.example](mailto:wren@a.example)", "wren@a.example"),
        ("[write](mailto:wren@a.example)", "write [1]\n\n[1] wren@a.example"),
        ("[write](mailto:wren@a.example?subject=a)", "write [1]\n\n[1] mailto:wren@a.example?subject=a"),
        ("[call](tel:+31612345678)", "call [1]\n\n[1] +31612345678"),
        ("[![a](b.png)](/c)", "[a] [1]\n\n[1] /c"),
        ("# A\n\n[b](/c)\n\n# D\n\n[e](/f) [g](/c)", "A\n=\n\nb [1]\n\n[1] /c\n\nD\n=\n\ne [2] g [1]\n\n[2] /f"),
        ("[a](/b)\n\n### C\n\n[d](/e)", "a [1]\n\nC\n.\n\nd [2]\n\n[1] /b\n[2] /e"),
        ("> [a](/b)", "> a [1]\n\n[1] /b"),
        ("**[a *b*](/c)**", "a b:\n/c"),
        ("**[a!](/b)**\n\n[c](/b)", "a!\n/b\n\nc [1]\n\n[1] /b"),
        ("> **[a](/b)**", "> a:\n> /b"),
        ("**[/b](/b)**", "/b"),
        ("# [a](/b)", "a [1]\n=====\n\n[1] /b"),
        ("| [a](/b) |\n|---|", "a [1]\n-----\n\n[1] /b"),
    ],
)  # fmt: skip
def test_links_are_numbered_and_listed_behind_their_section(body: str, text: str) -> None:
    assert plain(body) == text


def test_links_of_author_html_are_tagged_as_those_of_markdown() -> None:
    body = "<a href='https://a.example/'>b</a> <a data-utm=off href='https://c.example/'>d</a>\n\n<p><a href='https://e.example/{{name}}'>f</a></p>"
    done = render(issue_with(body), THEME, OPTIONS)
    listed = re.findall(r"(?m)^\[\d\] (.+)$", done.text)
    assert listed == [link.url for link in done.links if link.line]
    assert listed[0].startswith("https://a.example/?utm_source=")
    assert listed[1] == "https://c.example/"
    assert listed[2].startswith("https://e.example/__NL_U_A__?utm_source=")


def test_a_link_and_its_number_stay_on_one_line() -> None:
    text = plain("x" * 68 + " [ab](/c)")
    assert text.split("\n\n")[0].split("\n") == ["x" * 68, "ab [1]"]


def test_a_wide_table_becomes_a_list_of_its_rows() -> None:
    wide = "word " * 15
    text = plain(f"| a | | b |\n|---|---|---|\n| {wide}| c | d |\n| e | f | g |")
    first = "a: " + " ".join(["word"] * 14)
    assert text == f"{first}\nword\nc\nb: d\n\na: e\nf\nb: g"


def test_a_table_of_one_wide_row_of_names_still_tells_them() -> None:
    wide = "word " * 20
    lines = plain(f"| {wide}| b |\n|---|---|").splitlines()
    assert lines == [" ".join(["word"] * 14), " ".join(["word"] * 6), "b"]


def test_a_long_address_is_never_broken() -> None:
    url = "https://a.example/" + "b" * 300
    assert f"[1] {url}" in plain(f"> - [c]({url})").splitlines()
    assert any(url in line for line in plain(f"> - <{url}>").splitlines())


def test_lists_with_long_items_get_air_between_them() -> None:
    long = "word " * 20
    assert "\n\n* b" in plain(f"- {long}\n- b\n- c")
    assert plain(f"- a\n- b\n- {long}").startswith("* a\n* b\n\n* word")


def test_a_long_heading_is_underlined_as_wide_as_its_longest_line() -> None:
    lines = plain("# " + "word " * 20).splitlines()
    assert lines[-1] == "=" * max(len(line) for line in lines[:-1])
    assert len(lines) == 3


def test_a_long_title_is_wrapped_and_underlined_by_columns() -> None:
    done = render(issue_with("Hello.", "title: " + "海と山の " * 12), THEME, OPTIONS)
    check_lines(done.text)
    lines = done.text.splitlines()
    underline = next(line for line in lines if set(line) == {"="})
    assert len(underline) == max(wcswidth(line) for line in lines[2 : lines.index(underline)])


# No bare joiner: it swallows the blank behind it, which no terminal agrees on.
TEXTS = st.text("ab 海🗺️é\u0301\u00a0\t-", max_size=200)


@given(TEXTS, st.integers(1, 80))
def test_wrapping_keeps_every_word_and_fills_no_line_beyond_its_width(
    text: str, width: int
) -> None:
    lines = wrap(text, width)
    assert "".join(lines).replace(" ", "") == re.sub(r"[ \t]+", "", text)
    narrow = text.replace("海", " ")
    assert " ".join(lines).replace("海", " ").split() == narrow.split()
    for line in lines:
        assert columns(line) <= width or " " not in line


@given(TEXTS)
def test_no_line_could_take_the_first_word_of_the_next(text: str) -> None:
    lines = wrap(text, 20)
    for line, after in itertools.pairwise(lines):
        assert columns(f"{line} {after.split(' ')[0]}") > 20


def test_what_a_terminal_cannot_measure_counts_by_character() -> None:
    assert columns("a\x01b") == 3
    assert columns("海") == 2


def test_a_line_feed_always_breaks() -> None:
    assert wrap("a \n b\n") == ["a", "b", ""]
