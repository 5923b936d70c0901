"""What Markdown becomes beyond CommonMark: links, figures, callouts, tables, author HTML."""

from __future__ import annotations

import dataclasses
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.render.markdown import MarkdownLink, parse
from newsletter.render.markdown.fields import Fields
from newsletter.render.markdown.html import forbidden, fragment
from newsletter.render.markdown.text import text_part
from newsletter.render.pipeline import render
from tests.conftest import issue_with
from tests.support.markup import OPTIONS, THEME, rendered
from tests.support.pages import elements, letter_of, text_of, with_class

TAG = "utm_source=slack-water&utm_medium=email&utm_campaign=issue-74"


def letter(body: str) -> Element:
    return letter_of(rendered(body).html)


def inner(body: str) -> str:
    return fragment(parse(body, Fields({"name": "there"})))


def plain(body: str) -> str:
    document = parse(body, Fields({"name": "there"}))
    return text_part(document, lambda index: document.links[index].href)


# Links


def test_links_know_their_words_their_line_and_whether_they_are_tagged() -> None:
    body = 'a [b *c*](https://d.example)\n[e](https://f.example){utm=off} x\n\n> [g](https://h.example){ utm = "off" }\n'
    done = rendered(body)
    assert [(k.text, k.url, k.line) for k in done.links if k.line] == [
        ("b c", f"https://d.example/?{TAG}", 4),
        ("e", "https://f.example", 5),
        ("g", "https://h.example", 7),
    ]
    assert parse(body, Fields({})).links[0] == MarkdownLink(
        text="b c", href="https://d.example", line=1
    )
    assert "utm=off" not in text_of(letter_of(done.html))
    assert "utm" not in done.text.replace(TAG, "")


def test_author_html_links_have_a_line_and_may_turn_tagging_off() -> None:
    done = rendered(
        'x\n\n<p>a\n<a href="https://b.example/">c</a></p>\n\ny <A data-utm="off" href="https://d.example">e</A>'
    )
    assert [(k.text, k.url, k.line) for k in done.links if k.line] == [
        ("c", f"https://b.example/?{TAG}", 7),
        ("e", "https://d.example", 9),
    ]


@pytest.mark.parametrize("utm", ["{utm=on}", "{utm=}", "{UTM=off}", " {utm=off}", "{utm=off"])
def test_only_the_exact_words_turn_tagging_off(utm: str) -> None:
    done = rendered(f"[a](https://b.example){utm}")
    assert [k.url for k in done.links if k.line] == [f"https://b.example/?{TAG}"]
    assert utm in text_of(letter_of(done.html))


@pytest.mark.parametrize(
    "text", ["remove.bg", "www.a.example", "https://a.example/", "a@b.example"]
)
def test_what_only_looks_like_a_link_is_left_to_the_author(text: str) -> None:
    assert list(letter(f"see {text} there").iter("a")) == []


def test_one_sentence_per_line_stays_one_paragraph() -> None:
    assert list(letter("One.\nTwo.\nThree.").iter("br")) == []


def test_blanks_at_the_edge_of_a_link_move_out_of_it() -> None:
    assert inner("_a:_[ _b_](/c) d[  e ](/f)g") == (
        '<p><em>a:</em> <a data-l="0"><em>b</em></a> d  <a data-l="1">e</a> g</p>\n'
    )


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "JaVaScRiPt:x", "vbscript:x", "data:text/html,x", "file:///etc/passwd"],
)
def test_a_dangerous_link_is_not_made(url: str) -> None:
    assert list(letter(f"[a]({url})").iter("a")) == []
    assert all("href" not in a.attrib for a in letter(f'<a href="{url}">a</a>').iter("a"))


# Figures, buttons, tasks, footnotes, tables


def classes(body: str) -> list[str]:
    return [e.attrib["class"] for e in elements(letter(body)) if "class" in e.attrib]


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("![a b](c.png)\n\n_a b_", ["figure", "image captioned", "caption"]),
        ("![a *b*](c.png)\n\n_a  b_", ["figure", "image captioned", "caption"]),
        ("![a b](c.png)\n\n_a [b](/c)_", ["figure", "image captioned", "caption"]),
        ("![a b](c.png)\n\n_other_", ["figure", "image"]),
        ("![a b](c.png)\n\na b", ["figure", "image"]),
        ("![a b](c.png)\n\n# a b", ["figure", "image"]),
        ("![a b](c.png)", ["figure", "image"]),
        ("![a](c.png) ![b](d.png)", []),
        ("[![a](c.png)](/d)", ["image"]),
        ("x ![a b](c.png)\n\n_a b_", []),
        ("![a](b.png)\n\n\\\n", ["figure", "image"]),
        ("_a b_", []),
    ],
)  # fmt: skip
def test_an_image_alone_is_a_figure_and_its_own_words_in_italics_the_caption(
    body: str, expected: list[str]
) -> None:
    assert classes(body) == expected


def test_the_words_of_a_figure_are_said_once_for_each_reader() -> None:
    done = rendered("![Odile *reads*](c.png)\n\n_Odile reads_\n\nx")
    [image] = letter_of(done.html).iter("img")
    assert image.attrib["alt"] == "Odile reads"
    assert text_of(letter_of(done.html)).count("Odile") == 1
    assert done.text.count("Odile reads") == 1
    assert done.images[0].alt == "Odile reads"
    assert done.images[0].line == 4


def test_a_caption_with_a_link_keeps_its_link_in_the_text() -> None:
    assert plain("![a b](c.png)\n\n_a [b](/d)_") == "[a b]\n\na b [1]\n\n[1] /d"


@pytest.mark.parametrize(
    ("body", "button"),
    [
        ("**[a](/b)**", True), ("__[a *c*](/b)__", True), ("**[a ](/b)**", True), ("**[a](/b) [c](/d)**", False),
        ("**[a](/b)** x", False), ("**[a](/b)**, **[c](/d)**", False), ("*[a](/b)*", False), ("[**a**](/b)", False), ("**a**", False),
    ],
)  # fmt: skip
def test_a_paragraph_that_is_only_a_bold_link_is_a_button(body: str, button: object) -> None:
    assert (classes(body) == ["button"]) is button


# Callouts


@pytest.mark.parametrize(
    ("body", "kind", "title", "said"),
    [
        ("> [!NOTE]\n> a", "note", "Note", "a"), ("> [!tip]\n> a\n> b", "tip", "Tip", "a b"), ("> [!Important]", "important", "Important", ""),
        ("> [!WARNING]  \n> a", "warning", "Warning", "a"), ("> [!CAUTION] Thin *ice*\n> a", "caution", "Thin ice", "a"),
        ("> [!NOTE] `code` first", "note", "code first", ""), ("- x\n\n  > [!NOTE]\n  > a\n  >\n  > - b", "note", "Note", "a b"), ("> [!NOTE]\\\n> a", "note", "Note", "a"),
        ("> [!NOTE] {{ name }}\n> a", "note", "__NL_F_A__", "a"), ("> > [!NOTE]\n> > a", "note", "Note", "a"),
    ],
)  # fmt: skip
def test_a_quote_that_begins_with_a_marker_is_a_callout(
    body: str, kind: str, title: str, said: str
) -> None:
    [box] = with_class(letter(body), "callout")
    assert (box.tag, box.attrib["class"]) == ("div", f"callout callout-{kind}")
    [head] = with_class(box, "callout-title")
    assert text_of(head) == title
    assert " ".join(text_of(box).split()) == f"{title} {said}".strip()


@pytest.mark.sweep
@pytest.mark.parametrize(
    "body",
    ["> [!NOTES]\n> a", "> \\[!NOTE]\n> a", "> x [!NOTE]\n> a", "[!NOTE]\na", "> a\n> [!NOTE]", "> `[!NOTE]`\n> a", "> [!NOTE](/x)\n> a",
     "> [!NOTE]\n> a\n\n[!NOTE]: /x", "> [! NOTE]\n> a", "> **[!NOTE]**\n> a", "> - [!NOTE]"],
)  # fmt: skip
def test_anything_but_the_marker_at_the_start_of_a_quote_is_text(body: str) -> None:
    assert with_class(letter(body), "callout") == []
    assert "NOTE" in text_of(letter(body))


def test_the_title_of_a_callout_is_in_the_newsletters_language() -> None:
    body = "> [!NOTE]\n> a"
    dutch = dataclasses.replace(OPTIONS, language="nl-BE")
    done = render(issue_with(body), THEME, dutch)
    assert [text_of(e) for e in with_class(letter_of(done.html), "callout-title")] == ["Opmerking"]
    assert "| *Opmerking*" in done.text


def test_callouts_and_the_quotes_beside_them_stay_apart() -> None:
    page = letter("> a\n\n> [!NOTE]\n> b\n\n> c\n>\n> > [!TIP]\n> > d\n")
    kinds = [e.attrib.get("class", e.tag) for e in elements(page) if e.tag in {"blockquote", "div"}]
    assert [k for k in kinds if k != "div"] == [
        "blockquote", "callout callout-note", "blockquote", "callout callout-tip",
    ]  # fmt: skip


# For mail programs


def test_a_table_stands_in_a_box_it_can_scroll_in_and_stays_a_table() -> None:
    inner_table = "<table><tr><td><table><tr><td>b</td></tr></table></td></tr></table>"
    page = letter(f"| a |\n|---|\n| 1 |\n\nbetween\n\n{inner_table}\n\nafter")
    boxes = with_class(page, "scroll")
    assert [[child.tag for child in box] for box in boxes] == [["table"], ["table"]]
    assert all(box.attrib["tabindex"] == "0" for box in boxes)
    assert "display" not in "".join(e.attrib.get("style", "") for e in page.iter("table"))
    assert " ".join(text_of(page).split()) == "a 1 between b after"
    loose = letter("<table><tr><td>a</td></tr></table> loose words")
    assert [text_of(box).strip() for box in with_class(loose, "scroll")] == ["a"]
    assert "loose words" in text_of(loose)


def test_a_button_has_outlooks_own_padding_around_its_words() -> None:
    done = rendered("**[Press *me*](https://a.example){utm=off}**")
    [link] = letter_of(done.html).iter("a")
    assert text_of(link) == "Press me"
    source = done.html.partition('<p class="button"')[2].partition("</p>")[0]
    assert source.count("<!--[if mso]><i ") == source.count("</i><![endif]-->") == 2
    assert source.index("<!--[if mso]>") < source.index("Press") < source.rindex("<!--[if mso]>")
    assert [k.text for k in done.links if k.line] == ["Press me"]
    plain_link = rendered("[a](https://a.example)").html
    assert "mso-text-raise" not in plain_link


def test_task_lists_show_boxes_in_both_parts() -> None:
    body = "- [ ] a\n- [x] **b**\n  1. [X] c\n- d\n\n[ ] e\n\n- [y] f\n- [x]g\n"
    assert [text_of(e).split()[0] for e in with_class(letter(body), "task")] == ["☐", "☑", "☑"]
    assert [e.tag for e in with_class(letter(body), "contains-task-list")] == ["ul", "ol"]
    assert "* ☐ a" in plain(body)
    assert "[ ] e" in plain(body)


def test_footnotes_are_numbered_and_stand_at_the_end_without_links() -> None:
    body = "a[^x] b[^1]\n\n[^1]: two\n[^x]: one\n\n    more\n\nc"
    page = letter(body)
    assert [text_of(e) for e in with_class(page, "footnote-ref")] == ["[1]", "[2]"]
    [notes] = with_class(page, "footnotes")
    assert [text_of(e).split() for e in notes.iter("li")] == [["one", "more"], ["two"]]
    assert list(page.iter("a")) == []
    assert plain(body) == "a (1) b (2)\n\nc\n\n(1) one\n\n    more\n(2) two"


def test_the_columns_of_a_table_keep_their_alignment() -> None:
    page = letter("| a | b | c | d |\n|---|:--|:-:|--:|\n| 1 | 2 | 3 | 4 |")
    for tag in ("th", "td"):
        styles = [cell.attrib.get("style", "") for cell in page.iter(tag)]
        for style, side in zip(styles[1:], ("left", "center", "right"), strict=True):
            assert f"text-align:{side}" in style.replace(": ", ":")


def test_adjacent_quotes_stay_apart() -> None:
    assert len(list(letter("> a\n\n> b\n").iter("blockquote"))) == 2
    assert plain("> a\n\n> b\n") == "> a\n\n> b"


# Author HTML


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("<b>a</b> <mark>b</mark>", "<p><b>a</b> <mark>b</mark></p>"),
        ("<details><summary>a</summary>b</details>", "<details><summary>a</summary>b</details>"),
        ('<div class="x" id="y" style="color:red" align="center">a</div>', '<div class="x" align="center">a</div>'),
        ('<p onclick="x()">a</p>', "<p>a</p>"),
        ("a<script>b</script>c", "<p>ac</p>"),
        ("<style>p{}</style>a", "a"),
        ("<style>p{}</style>\n\na", "<p>a</p>"),
        ("<iframe src=x></iframe>a", "a"),
        ("<form><input value=b>a</form>", "a"),
        ("<!-- a -->b", "b"),
        ("x <!-- a -->b", "<p>x b</p>"),
        ("<mj-section><mj-text>a</mj-text></mj-section>", "<p>a</p>"),
        ("<td style='text-align:right;color:red'>a</td>", "a"),
        ("<table><tr><td style='text-align:right;color:red'>a</td></tr></table>", '<table><tbody><tr><td style="text-align:right">a</td></tr></tbody></table>'),
        ("<img src=a.png alt=b onerror=c>", '<img data-line="1" src="a.png" alt="b">'),
        ("<svg><a href='/x'>a</a></svg>", "<p></p>"),
        ("<a href='https://b.example' target=_blank>a</a>", '<p><a data-line="1" href="https://b.example">a</a></p>'),
        ("<wbr>a<br>b", "<p><wbr>a<br>b</p>"),
    ],
)  # fmt: skip
def test_author_html_passes_by_an_allow_list(written: str, kept: str) -> None:
    assert inner(written).strip() == kept


@pytest.mark.parametrize(
    ("html_", "names"),
    [
        ("<b>x</b>", ()), ("<IFRAME src=x>", ("iframe",)), ("<script>x</script><style>", ("script", "style")),
        ("<b onclick=x>", ("script",)), ("<a href='javascript:x'>", ("script",)), ("<!-- <form> -->", ()), ("</form >", ("form",)),
        ("<mj-text>", ("mj-text",)), ("a < b", ()), ("<script onload=x>", ("script",)),
    ],
)  # fmt: skip
def test_what_mail_cannot_carry_is_named(html_: str, names: tuple[str, ...]) -> None:
    assert forbidden(html_) == names


def test_author_html_is_told_with_its_line() -> None:
    done = rendered("a\n\nb <b>c</b>\nd <i\nclass=e>f</i>\n\n<div>\ng\n</div>\n")
    assert [(raw.html.split("\n")[0], raw.line) for raw in done.raws] == [
        ("<b>", 6), ("</b>", 6), ("<i", 7), ("</i>", 8), ("<div>", 10),
    ]  # fmt: skip


# What the checks are given


def test_words_and_headings_come_with_their_lines_and_without_code() -> None:
    done = rendered(
        "# A `b` {{ name }}\n\nc `d` e\nf\n\n## *G*\n\n- h\n- i ![j](k.png)\n\n```\nl\n```\n"
    )
    assert done.headings == ((1, "A b __NL_F_A__", 4), (2, "G", 9))
    assert done.words == (("A  ", 4), ("c  e f", 6), ("G", 9), ("h", 11), ("i j", 12))


@given(
    st.text()
    | st.lists(
        st.sampled_from("*_[]()<>{}`!#->|~\\&;\n \t\"'ab1é\ufdd0\x00\x0c\u2028"), max_size=40
    ).map("".join)
)
def test_no_markdown_is_too_odd_for_both_parts(body: str) -> None:
    assert (type(inner(body)), type(plain(body))) == (str, str)
