"""Classes of author HTML never mean what the theme's or the program's own mean."""

from __future__ import annotations

import pytest

from newsletter.render import Theme
from tests.support.checked_letters import a_letter
from tests.support.letter_samples import THEME
from tests.support.pages import elements, parse_page


def element_of(body: str, words: str = "WORDS", theme: Theme = THEME):
    page = parse_page(a_letter(body, theme=theme).rendered.html)
    return next(e for e in elements(page) if (e.text or "").strip() == words)


@pytest.mark.sweep
@pytest.mark.parametrize(
    "name",
    ["card", "meta", "name", "footer", "letter", "page", "column", "sign", "bar", "date", "banner",
     "button", "caption", "figure", "callout", "callout-title", "footnotes", "scroll", "task", "masthead"],
)  # fmt: skip
def test_a_class_of_the_theme_or_of_ours_stays_apart(name: str) -> None:
    plain = element_of("<p>WORDS</p>")
    found = element_of(f'<p class="{name}">WORDS</p>')
    assert found.get("class") == f"author-{name}"
    assert found.get("style") == plain.get("style")


@pytest.mark.parametrize(
    "written",
    [
        '<p class="card">WORDS</p>', "<p class='card'>WORDS</p>", "<p class=card>WORDS</p>",
        '<p CLASS = "card">WORDS</p>', '<p title="a > b" class="card">WORDS</p>',
        '<p\nclass="card">WORDS</p>', 'x <b class="card">WORDS</b>',
    ],
)  # fmt: skip
def test_however_it_is_written(written: str) -> None:
    assert element_of(written).get("class") == "author-card"


def test_an_authors_picture_is_not_taken_for_a_figure() -> None:
    html = a_letter(
        '<p><img class="image" src="https://x.example/a.png" alt="a"></p>'
    ).rendered.html
    assert 'class="author-image"' in html
    assert "min-height:60px" not in html.partition("<body")[2]


def test_an_authors_own_classes_stay_and_their_theme_reaches_them() -> None:
    files = dict(THEME.files)
    files["style.css"] += "\n.letter .mine { color: #123456; }"
    theme = Theme(folder=THEME.folder, files=tuple(sorted(files.items())))
    found = element_of('<p class="mine card other">WORDS</p>', theme=theme)
    assert found.get("class") == "mine author-card other"
    assert "color:#123456" in (found.get("style") or "")


def test_words_that_only_look_like_a_class_stay() -> None:
    found = element_of("<p title='say class=\"card\"'>WORDS</p>")
    assert found.get("title") == 'say class="card"'
    assert "class=card" in a_letter("`<p class=card>`").rendered.html


def test_pieces_of_ours_keep_their_classes() -> None:
    html = a_letter("> [!NOTE]\n> x\n\n**[a](https://x.example)**\n\n- [ ] b\n").rendered.html
    for name in ("callout callout-note", "callout-title", "button", "contains-task-list"):
        assert f'class="{name}"' in html
