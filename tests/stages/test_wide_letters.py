"""Chinese and Japanese letters: line ends, line breaks, emphasis."""

from __future__ import annotations

import pytest
from wcwidth import wcswidth

from newsletter.render.markdown.text import wrap
from tests.support.checked_letters import a_letter, said
from tests.support.pages import parse_page

JOINED = {
    "你好\n谢谢": "你好谢谢",
    "你好！\n谢谢": "你好！谢谢",
    "**你好，**\n*这里*": "你好，这里",
    "[你好](https://x.example)\n这里": "你好这里",
    "你好　\n这里": "你好　这里",
    "ｶﾀｶﾅ\nｶﾅ": "ｶﾀｶﾅｶﾅ",
    "- 一行\n  二行": "一行二行",
    "> 一行\n> 二行": "一行二行",
    "<div>你好，\n  这里</div>": "你好，这里",
}
APART = {
    "안녕하세요\n세계": "안녕하세요 세계",
    "你好\nGo": "你好 Go",
    "Go\n你好": "Go 你好",
    "你好\n안녕": "你好 안녕",
    "🛶🛶\n🌊": "🛶🛶 🌊",
    "one\ntwo": "one two",
    "你好`x`\n这里": "你好x 这里",
}


@pytest.mark.sweep
@pytest.mark.parametrize("body", [*JOINED, *APART])
def test_a_line_end_is_a_blank_but_between_two_wide_letters(body: str) -> None:
    wanted = {**JOINED, **APART}[body]
    letter = a_letter(body)
    page = parse_page(letter.rendered.html)
    assert wanted in "".join(page.itertext()).replace("\n", " ")
    if "`" not in body and "[" not in body:
        assert wanted in letter.rendered.text.replace("*", "")


def test_an_image_description_follows_the_same_rule() -> None:
    assert 'alt="你好这里"' in a_letter("![你好\n这里](https://x.example/a.png)").rendered.html


def test_code_and_pre_keep_their_lines() -> None:
    html = a_letter("```\n你好\n这里\n```\n\n<pre>你好\n这里</pre>\n").rendered.html
    assert html.count("你好\n这里") == 2


def test_lines_without_blanks_wrap_at_72_columns() -> None:
    sentence = "私はプログラマーです。Goで「開発」しています（テスト）。"
    lines = wrap(sentence * 8)
    assert "".join(lines) == sentence * 8
    assert len(lines) > 4
    assert all(60 < wcswidth(line) <= 72 for line in lines[:-1])
    assert not any(line[0] in "。、」）ー" or line[-1] in "「（" for line in lines)


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("日本語日本語", 6, ["日本語", "日本語"]),
        ("日本、語", 4, ["日", "本、", "語"]),
        ("日「本」", 5, ["日", "「本」"]),
        ("今日はGitHubで", 8, ["今日は", "GitHubで"]),
        ("キャッチ", 4, ["キャッ", "チ"]),
        ("見る https://x.example/日本語", 9, ["見る", "https://x.example/日本語"]),
        ("見るhttps://x.example/日本語", 9, ["見る", "https://x.example/日本語"]),
        ("안녕하세요세계", 6, ["안녕하세요세계"]),
        ("🛶🛶🛶", 4, ["🛶🛶🛶"]),
        ("日本 語", 4, ["日本", "語"]),
    ],
)
def test_where_a_line_may_break(text: str, width: int, lines: list[str]) -> None:
    assert wrap(text, width) == lines


@pytest.mark.parametrize(
    ("body", "mark", "letter"),
    [
        ("これは**「重要」**です", "「", "は"),
        ("**「重要」**です", "」", "で"),
        ("**重要！**这里", "！", "这"),
        ("这是**“重要”**的", "“", "是"),
        ("*（注）*参照", "）", "参"),
        ("see **🛶**here", "🛶", "h"),
    ],
)
def test_emphasis_beside_punctuation_names_the_real_cause(body, mark, letter) -> None:
    (found,) = said(a_letter(body), "stray-marker")
    assert f'Markdown reads no emphasis between "{mark}" and "{letter}"' in found
    assert f'write "{mark}" on the other side of' in found


@pytest.mark.parametrize(
    "body",
    ["これは「**重要**」です", "これは **「重要」** です", "「重要」\\*です", "`「重要」**です`"],
)
def test_emphasis_that_is_read_or_meant_is_not_told(body: str) -> None:
    assert said(a_letter(body), "stray-marker") == []
