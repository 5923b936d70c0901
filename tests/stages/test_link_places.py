"""Findings about links stand where the link does, and quote what the author typed."""

from __future__ import annotations

import pytest

from tests.support.checked_letters import a_letter, said

HTTP = "try https://"


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("see [a](http://x.example/ü ) now", [":5:9|http://x.example/ü"]),
        ("[a](http://x.example/b) [c](http://x.example/b)", [":5:5|http://x.example/b", ":5:29|http://x.example/b"]),
        ("x [a](<http://x.example/b c>)", [":5:8|http://x.example/b c"]),
        ("x <http://x.example/b> y", [":5:4|http://x.example/b"]),
        ("x [a\nb](http://x.example/b) y", [":6:4|http://x.example/b"]),
        ("x [a](\nhttp://x.example/b) y", [":6:1|http://x.example/b"]),
        ("> one\n> two [a](http://x.example/&amp;b)", [":6:11|http://x.example/&amp;b"]),
        ("- x\n  - y [a](http://x.example/b)", [":6:11|http://x.example/b"]),
        ("| a | b |\n|---|---|\n| [a](http://x.example) | [a](http://x.example) |", [":7:7|http://x.example", ":7:31|http://x.example"]),
        ("> [!NOTE] See [a](http://x.example)\n> and [b](http://y.example)", [":5:19|http://x.example", ":6:11|http://y.example"]),
        ("see [a][r] and [b][r]\n\n[r]: http://x.example/ü", [":5:5|http://x.example/%C3%BC", ":5:16|http://x.example/%C3%BC"]),
        ("http://x.example/b [a](http://x.example/b)", [":5:24|http://x.example/b"]),
        ("[![a](https://x.example/i.png)](http://x.example/b)", [":5:33|http://x.example/b"]),
        ("x\n\n# y [a](http://x.example/b) #", [":7:9|http://x.example/b"]),
        ("<p>x <a href='http://x.example/b'>y</a></p>", [":5:15|http://x.example/b"]),
        ("x[^1]\n\n[^1]: see [a](http://x.example/b)", [":7:15|http://x.example/b"]),
        ("🛶 [a](http://x.example/{{name}})", [":5:7|http://x.example/{{name}}"]),
    ],
)  # fmt: skip
def test_a_finding_stands_at_its_link_and_quotes_what_was_written(body, found) -> None:
    told = said(a_letter(body, options={"fields": {"name": "you"}}), "link-http")
    wanted = [
        f"{one.split('|')[0]}|the link {one.split('|')[1]} is not encrypted|{HTTP}" for one in found
    ]
    assert told == wanted


def test_an_empty_link_is_told_where_it_stands() -> None:
    assert said(a_letter("[a](https://x.example) [b]()"), "link-relative") == [
        ':5:24|the link "b" is empty|give it a target'
    ]


def test_vague_words_are_told_where_they_stand() -> None:
    body = "[click here](https://x.example/a) and [click here](https://x.example/b)"
    assert [one.partition("|")[0] for one in said(a_letter(body), "link-vague")] == [
        ":5:2",
        ":5:40",
    ]


@pytest.mark.parametrize(
    ("targets", "count"),
    [("ab", "two"), ("abc", "three"), ("aba", "two"), ("abcabc", "three"), ("abcdef", "6")],
)
def test_how_many_pages_the_same_words_lead_to(targets: str, count: str) -> None:
    body = "\n".join(f"[Tides](https://x.example/{one})" for one in targets)
    (found,) = said(a_letter(body), "link-ambiguous")
    assert found.startswith(f':6:9|"Tides" leads to {count} different pages')


def test_the_same_words_to_the_same_page_are_not_ambiguous() -> None:
    assert said(a_letter("[a](https://x.example) [A](https://x.example)"), "link-ambiguous") == []
