"""Markup inside of markup: whatever stands in what, the letter renders or is refused with a place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.errors import InputError, Place
from newsletter.render import limits
from newsletter.render.markdown.fields import UNSUBSCRIBE
from tests.conftest import issue_with
from tests.support.pages import letter_of, text_of
from tests.support.rendering import quiet_render, rendered


@pytest.mark.parametrize(
    "picture",
    [
        "![a [b](https://e.example)](c.png)",
        "![a [b][r]](c.png)\n\n[r]: https://e.example",
        "![a <https://e.example>](c.png)",
        "[![a [b](https://e.example)](c.png)](https://f.example)",
        "![a ![b [c](https://e.example)](c.png)](d.png)",
        "|![a [b](https://e.example)](c.png)|\n|-|\n|x|",
    ],
)
def test_a_link_in_the_words_of_a_picture_is_words(picture: str) -> None:
    done = rendered(picture)
    assert [link.url for link in done.links if "e.example" in link.url] == []
    assert "[a " in done.text


@pytest.mark.parametrize(
    "title", ["**Mind the\n> gap**", "[Mind the\n> gap](https://e.example)", "*Mind\n> the gap*"]
)
def test_a_callout_s_title_does_not_end_in_the_middle_of_a_link_or_emphasis(title: str) -> None:
    done = rendered(f"> [!NOTE] {title} today\n> The ferry is late.")
    words = " ".join(text_of(letter_of(done.html)).split())
    assert "Mind the gap today" in words
    assert "The ferry is late." in words


def test_a_footnote_in_a_footnote_is_text_and_one_behind_another_is_its_own() -> None:
    done = rendered("a[^1] b[^2]\n\n[^1]: one\n[^2]: two\n\n    > [^3]: three")
    words = " ".join(text_of(letter_of(done.html)).split())
    assert "one" in words
    assert "[^3]: three" in words
    assert "one [^2]" not in words


def test_html_that_tears_a_link_with_a_merge_field_apart_is_refused_with_its_place() -> None:
    with pytest.raises(InputError, match="torn apart") as refused:
        quiet_render(issue_with("first\n\n<b>[</b>letters]({{name}})"))
    assert refused.value.place == Place("issues/007.md", 6)


@pytest.mark.parametrize("around", ["{}", "# {}", "|a|\n|-|\n|{}|", "> - {}"])
def test_signs_around_signs_render_or_are_refused_with_their_place(around: str) -> None:
    deep = limits.AROUND
    rendered(around.format("**" * deep + "a" + "**" * deep))
    with pytest.raises(InputError, match="one in another"):
        rendered(around.format("*" * 2 * (deep + 1) + "a" + "*" * 2 * (deep + 1)))


INSIDE = (
    "![{}](c.png)", "[{}](https://e.example)", "**{}**", "*{}*", "~~{}~~", "<b>{}</b>", "^[{}]",
    "{}[^1]", "{} <https://e.example>", "[{}](https://e.example){{utm=off}}", "[{}][r]", "{}  \n",
    "[ ] {}", "<span>{}", "{}</span>",
)  # fmt: skip
AROUND = (
    "{}", "# {}", "> {}", "- {}", "> [!NOTE] {}", "|{}|\n|-|\n|x|", "[^1]: {}", "[^2]: > {}",
    "<div>\n\n{}\n\n</div>",
)  # fmt: skip
WORDS = st.recursive(
    st.sampled_from(["a", "b c", "", "{{{{name}}}}", "*", "[", "]", "\n"]),
    lambda inner: st.builds(
        lambda shape, parts: shape.format("".join(parts)),
        st.sampled_from(INSIDE),
        st.lists(inner, min_size=1, max_size=2),
    ),
    max_leaves=6,
)
BLOCKS = st.builds(str.format, st.sampled_from(AROUND), WORDS)


@given(st.lists(BLOCKS, min_size=1, max_size=3).map("\n\n".join))
def test_whatever_stands_in_what_has_an_answer(body: str) -> None:
    refused = done = None
    try:
        done = quiet_render(issue_with(body))
    except InputError as error:
        refused = error
    assert (done and UNSUBSCRIBE in done.html) or (refused and refused.place and refused.hint)
