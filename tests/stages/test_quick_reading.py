"""Reading Markdown the short way finds what the library finds by asking every rule at every sign."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from newsletter.render.markdown import quick_links, reader, signs
from newsletter.render.markdown.fields import Fields

PIECES = ["a", "b c", "*", "**", "_", "`", "[", "]", "](", "(", ")", "<", ">", "!", "![", "#", "- ", "> ", "\n", "\n\n", "  \n",
          "\\", "&amp;", "&", "|", "~~", "-", ":", "=", "+", "@", "^[", "[^1]", "[^1]: x\n", "{{ name }}", "{utm=off}", "*|A|*", "é", "}}",
          "https://a.example/x_y", "[x](/y)", "[x y!](https://a.example/?b=1&c=2)", "[x](https://a.example/&amp;)", "[a-b: c](http://b.example)",
          "+ ", "1. ", "9) ", "***\n", "___\n", "~~~\n", "```\n", "===\n", "---\n", "    ", "\t", "|-|\n", "<div>\n",
          "[x](https://B.example)", "[ x ](https://a.example 't')", "[x](https://a.example/ü)", "<b>", "<https://a.example>", "[x]: /z\n"]  # fmt: skip


def read(body: str) -> tuple[list[Any], Any]:
    fields = Fields({"name": "you"})
    reader._reader.cache_clear()
    return [token.as_dict() for token in reader.read(body, fields)], fields.slots


def long_way(body: str) -> tuple[list[Any], Any]:
    with pytest.MonkeyPatch.context() as whole:
        whole.setattr(signs, "install", lambda _reader: None)
        whole.setattr(quick_links, "plain_link", lambda _state: None)
        read_so = read(body)
    reader._reader.cache_clear()
    return read_so


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
@example("_a_ *b* __c__ `d` ~~e~~ \\* &amp; <b>f</b> <https://a.example> ![g](h) i[^1] ^[j] [k][l]")
@example("[^1]: x\n\n[l]: /y\n\n[k][l] i[^1] {{ name }} *|A|* [m](/n){utm=off}  \no\np ~~q~~")
@example("[" * 30 + "[x](https://a.example/)" + "]" * 30)
@example("*" * 60 + "[x](https://a.example/)" + "*" * 60)
@example("[a [x](https://a.example/) b](https://b.example/)")
@example("![a [x](https://a.example/) b](https://b.example/)")
@example(
    "+ a\n- b\n* c\n\n0. d\n1. e\n\n9) f\n\n___\n\n---\n\n***\n\n~~~\ng\n~~~\n\n```\nh\n```\n\n# i\n\nj\n===\nk\n---\n"
)
@example(
    "a\n- b\n\nc\n> d\ne\n***\nf\n```\ng\n```\nh\n# i\nj\n<div>\nk\n\nl|m\n-|-\n    n\n\n> o\n- p\n\n1. q\n> r\n[^s]: t\n"
)
@example("[x](https://a.example/&amp;)")
@example("~a~ ~~~b~~~ [*c* __d__](https://a.example/) ![*e*](f) [g ~~h~~](/i)")
def test_any_heap_of_markdown_is_read_as_by_asking_every_rule(body: str) -> None:
    assert read(body) == long_way(body)


def test_a_plain_link_is_read_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: list[str] = []
    push = quick_links.push

    def spy(state: Any, words: str, href: str) -> Token:
        pushed.append(href)
        return push(state, words, href)

    monkeypatch.setattr(quick_links, "push", spy)
    read("See [it: all](https://a.example/?b&c) and [*more*](https://b.example) or [x](/y).")
    assert pushed == ["https://a.example/?b&c"]


def test_what_begins_nothing_is_no_step_of_its_own() -> None:
    asked: list[int] = []
    plain = MarkdownIt("commonmark")
    plain.inline.ruler.disable("text")

    def spy(state: Any, silent: bool) -> bool:  # noqa: FBT001  # markdown-it's signature
        asked.append(state.pos)
        return False

    plain.inline.ruler.at("newline", spy)
    signs.install(plain)
    assert plain.render("a - b: c = d @ e\nf") == "<p>a - b: c = d @ e\nf</p>\n"
    assert asked == [16]


def test_a_rule_of_which_the_sign_is_not_known_is_told_at_once() -> None:
    plain = MarkdownIt("commonmark")
    plain.inline.ruler.push("another", lambda _state, _silent: False)
    with pytest.raises(KeyError, match="another"):
        signs.install(plain)
    block = MarkdownIt("commonmark")
    block.block.ruler.push("another", lambda _state, _start, _end, _silent: False)
    with pytest.raises(KeyError, match="another"):
        signs.install(block)


def test_letters_share_a_reader_and_not_their_merge_fields() -> None:
    first, second = Fields({"name": "you"}), Fields({})
    assert reader._reader() is reader._reader()
    reader.read("{{ name }}", first)
    [_, inline, _] = reader.read("{{ name }}", second)
    assert [child.type for child in inline.children or ()] == ["text"]
    assert len(first.slots) == 2
    assert len(second.slots) == 1
