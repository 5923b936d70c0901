"""Markup that is left as text, in Markdown and in HTML blocks, and other services' merge tags."""

from __future__ import annotations

import pytest

from newsletter.check import check
from tests.support.checked_letters import a_letter, front, said

BLANK = "a blank in an address is %20; or put the address into <...>"
APART = "leave no blank between ] and ("
WIDE = "write [ ] and ( ) as on an English keyboard, and no blank between them"
HTML = "Markdown is not read inside HTML: an empty line before it, or <a href=...>"


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("body", "place", "shown", "hint"),
    [
        ("A [report](https://example.com/my report.pdf).", ":5:3", "[report](https://example.com/my report.pdf)", BLANK),
        ("One\nand ![x](images/my file.png) so.", ":6:5", "![x](images/my file.png)", BLANK),
        ("and [x] (https://example.com/y).", ":5:5", "[x] (https://example.com/y)", APART),
        ("and [x]\n(https://example.com/y).", ":5:5", "[x] (https://example.com/y)", APART),
        ("see ![x] (a.png)", ":5:5", "![x] (a.png)", APART),
        ("见［这里］（https://example.com/）。", ":5:2", "［这里］（https://example.com/）", WIDE),
        ("见[这里]（https://example.com/）。", ":5:2", "[这里]（https://example.com/）", WIDE),
        ("见【这里】(https://example.com/)。", ":5:2", "【这里】(https://example.com/)", WIDE),
        ("<div>\nsee [a link](https://example.com/x)\n</div>", ":6:5", "[a link](https://example.com/x)", HTML),
        ("<p>x</p>\n<p>![a](b.png)</p>", ":6:4", "![a](b.png)", HTML),
    ],
)  # fmt: skip
def test_what_looks_like_a_link_and_is_none_is_told(body, place, shown, hint) -> None:
    what = "picture" if shown[0] == "!" else "link"
    found = said(a_letter(body), "link-unread")
    assert found == [f'{place}|"{shown}" is left as text: it is no {what}|{hint}']


@pytest.mark.parametrize(
    "body",
    [
        "[a](https://example.com/) ![b](https://example.com/b.png)",
        "`[x] (https://example.com/y)`\n\n    [a](b c.d)\n",
        "\\[x] (https://example.com/y) and \\[x](https://example.com/a b)",
        "So he said [sic] (as one does), and [2026] (a year).",
        "【重要】（注意）",
        "<pre>[x](https://example.com/y)</pre>",
        "<p>x <code>[a](b.c)</code> <!-- [a](b.c) --></p>",
        '<p title="[a](b.c)">x</p>',
    ],
)
def test_what_is_a_link_or_meant_as_it_stands_is_not(body: str) -> None:
    assert said(a_letter(body), "link-unread") == []


def test_each_unread_link_is_told_by_one_rule() -> None:
    fields = {"fields": {"name": "you"}}
    letter = a_letter("[x](javascript:alert(1)) [y](https://x.example/?{{ name }})", options=fields)
    assert said(letter, "link-unread") == []
    assert said(letter, "link-script")
    assert said(letter, "field-in-link")


@pytest.mark.parametrize(
    ("body", "place", "shown"),
    [
        ("[missing][ref]", ":5:1", "[missing][ref]"),
        ("![missing][ref]", ":5:1", "![missing][ref]"),
        ("[missing][]", ":5:1", "[missing][]"),
        ("a note[^3] here", ":5:7", "[^3]"),
        ("text\n[ref]: https://example.com/\nmore", ":6:1", "[ref]: https://example.com/"),
        ("##Heading", ":5:1", "##Heading"),
        ("so ~~struck~ words", ":5:4", "~~"),
        ("x\n| a | b |\n|---|:--|---|", ":7:1", "|---|:--|---|"),
        ("see ![[picture.png]]", ":5:5", "![[picture.png]]"),
        ("<div>\n**Bold** words\n</div>", ":6:1", "**Bold**"),
        ("<td>a _slanted_ word</td>", ":5:7", "_slanted_"),
        ("<div>\n# Heading\n</div>", ":6:1", "# Heading"),
        ("<center>`code`</center>", ":5:9", "`code`"),
        ("<div>**Bold**", ":5:6", "**Bold**"),
        ("<div>see [missing][ref]</div>", ":5:10", "[missing][ref]"),
    ],
)
def test_markdown_that_is_left_as_text_is_told(body: str, place: str, shown: str) -> None:
    found = said(a_letter(body), "markup-left")
    assert [one.partition("text: ")[0] for one in found] == [f'{place}|"{shown}" is left as ']
    assert all(one.split("|")[-1] for one in found)


@pytest.mark.parametrize(
    "body",
    [
        "[a][b] and [^c]\n\n[b]: https://x.example\n[^c]: note",
        "as shown [1][2], a[0][1]",
        "`[^3]` and \\[^3], \\[a][b]",
        "#newsletter is a tag",
        "<p>2 * 3 * 4, snake_case_name, __init__.py?</p>".replace("__init__.py?", "a*b"),
        "<pre>**x**</pre>\n",
        "<p><b>Bold</b></p>",
        "```\n##x\n```",
    ],
)
def test_what_is_read_or_meant_as_it_stands_is_not(body: str) -> None:
    assert said(a_letter(body), "markup-left") == []


TAGS = [
    "*|FNAME|*", "*|IF:FNAME|*", "{{ subscriber.metadata.first_name }}", "{{ first_name }}",
    "{{ .Subscriber.FirstName }}", "{{{ raw }}}", "{% if x %}", "%%First_Name%%", "%FIRSTNAME%",
    "%recipient.first%", "${name}", "{$name}", "{!firstname_fix}", "[[data:name]]", "<%= name %>",
    "[FIRSTNAME]", "[Name,fallback=friend]", "[UNSUBSCRIBEURL]", "{contactfield=firstname}",
    "~Contact.FirstName~", '{{ contact.FIRSTNAME | default: "x" }}', "{{#if x}}", "{{< figure >}}",
]  # fmt: skip


@pytest.mark.sweep
@pytest.mark.parametrize("tag", TAGS)
def test_a_merge_tag_of_another_service_is_told_and_stays(tag: str) -> None:
    letter = a_letter(f"Dear {tag}, hello.", options={"fields": {"name": "you"}})
    (found,) = said(letter, "merge-tag")
    assert found.startswith(f":5:6|{tag} is no merge field here")
    assert f"Dear {tag}, hello." in letter.rendered.text.replace("\n", " ")
    assert {f.severity for f in check(letter) if f.id == "merge-tag"} == {"warning"}


@pytest.mark.parametrize("key", ["title", "subject", "preheader"])
def test_a_merge_tag_in_the_front_matter_is_told(key: str) -> None:
    lines = ['title: "T"', 'subject: "S"', 'preheader: "P"']
    at = [line.partition(":")[0] for line in lines].index(key)
    lines[at] = f'{key}: "For *|FNAME|*"'
    (found,) = said(a_letter(front=front(*lines)), "merge-tag")
    assert found.startswith(f":{at + 2}:1|*|FNAME|*")


def test_a_merge_tag_in_author_html_is_told() -> None:
    (found,) = said(a_letter("<p>\nDear *|FNAME|*\n</p>"), "merge-tag")
    assert found.startswith(":6:6|*|FNAME|*")


@pytest.mark.parametrize("target", ["*|UNSUB|*", "{{ unsubscribe }}", "%%unsub%%", "[[unsub]]"])
def test_a_merge_tag_as_the_target_of_a_link_is_told(target: str) -> None:
    letter = a_letter(f"[leave](<{target}>)")
    assert said(letter, "link-braces")


@pytest.mark.parametrize(
    "body",
    [
        'Hi {{ name }} and {{name}}, {{ name | default("x") }}',
        "`*|FNAME|*` and \\{{ first_name }}",
        "```\n{{ first_name }} %%x%%\n```",
        "100% of 50% and 20% off, 5%-10%",
        "see [note] and [1], {a, b}, $5 {x}",
        "<pre>{{ x }}</pre>",
    ],
)
def test_a_declared_field_and_what_is_no_tag_are_not(body: str) -> None:
    assert said(a_letter(body, options={"fields": {"name": "you"}}), "merge-tag") == []


def test_a_near_miss_is_told_once() -> None:
    letter = a_letter("Hi {{ Name }}", options={"fields": {"name": "you"}})
    assert said(letter, "field-near-miss")
    assert said(letter, "merge-tag") == []


@pytest.mark.parametrize(
    ("body", "place", "address"),
    [
        ("See https://x.example/a, or so.", ":5:5", "https://x.example/a"),
        ("One\ntwo http://x.example", ":6:5", "http://x.example"),
        ("(www.x.example)", ":5:2", "www.x.example"),
        ("见https://x.example/a。", ":5:2", "https://x.example/a"),
        ("- *https://x.example/a*", ":5:4", "https://x.example/a"),
        ("a (https://x.example/a_(b)) c", ":5:4", "https://x.example/a_(b)"),
        ("<p>see https://x.example/a</p>", ":5:8", "https://x.example/a"),
    ],
)
def test_an_address_that_is_no_link_is_told(body: str, place: str, address: str) -> None:
    (found,) = said(a_letter(body), "link-bare")
    assert found.startswith(f"{place}|the address {address} is text, not a link|write <http")


@pytest.mark.parametrize(
    "body",
    [
        "<https://x.example/a> [https://x.example/a](https://x.example/a)",
        "`https://x.example/a`\n\n    https://x.example/a",
        "<a href='https://x.example/a'>https://x.example/a</a>",
        "<p><a href='https://x.example/a'>at https://x.example/a</a></p>",
        "[x] (https://x.example/a)",  # told as a link that is none
        "remove.bg and example.org/a",
    ],
)
def test_an_address_that_is_a_link_or_code_is_not(body: str) -> None:
    assert said(a_letter(body), "link-bare") == []
