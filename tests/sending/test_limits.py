"""What no letter needs is refused with its place before it takes minutes; what letters need is not."""

from __future__ import annotations

import pytest

from newsletter.errors import InputError
from newsletter.issue import front_matter
from newsletter.render import limits
from newsletter.render.pipeline import render
from tests.conftest import example_options, issue_with, read_theme
from tests.support.cli_fixtures import ISSUE, folder, plain_environment
from tests.support.effort import either

__all__ = ["folder", "plain_environment"]

#: Half of what a letter may have, or a quarter of that: what grows with the square shows in both.
FULL = either(25_000, 99_000)


def refusal(body: str) -> InputError:
    with pytest.raises(InputError) as caught:
        render(issue_with(body), read_theme(), example_options())
    assert caught.value.hint
    return caught.value


def table(rows: int, columns: int) -> str:
    lines = [columns * "| a ", columns * "|-", *(rows * [columns * "| b "])]
    return "\n".join(f"{line}|" for line in lines)


def test_front_matter_of_very_many_keys_is_refused_where_it_becomes_too_long():
    front = "title: A title\n" + "\n".join(f"key{n}: value" for n in range(200_000))
    with pytest.raises(
        InputError, match="front matter is longer than 100,000 characters"
    ) as caught:
        issue_with(front=front)
    place = caught.value.place
    assert place
    line = 2 + front.count("\n", 0, front_matter.LONGEST)
    assert (place.file, place.line) == ("issues/007.md", line)


@pytest.mark.trials
@pytest.mark.parametrize(
    "front",
    [
        "a: &a [x, x]\n" + "\n".join(f"b{n}: &b{n} [*a, x]" for n in range(2_000)),
        "a: " + 40_000 * "[" + 40_000 * "]", "a: " + 40_000 * "{a: ", 40_000 * "- ", "? " * 40_000,
        "a: " + 30_000 * "!!x ", "a: " + 90_000 * '"', "a:\n" + "\n".join(" " * n + "a:" for n in range(400)),
    ],
    ids=range(8),
)  # fmt: skip
def test_front_matter_that_is_odd_all_over_is_read_or_refused_with_its_line(front):
    places = []
    try:
        issue_with(front=f"title: A title\n{front}")
    except InputError as error:
        places.append(str(error))
    assert all(place.startswith("issues/007.md:") for place in places)


def test_every_key_of_long_front_matter_knows_its_place():
    front = "title: A title\n" + "\n".join(f"key{n}: value" for n in range(5_000))
    issue = issue_with(front=front)
    assert [issue.places[f"key{n}"].line for n in (0, 1, 4_999)] == [3, 4, 5_002]
    assert {(issue.texts[f"key{n}"].column, issue.places[f"key{n}"].column) for n in range(10)} == {
        (7, 1)
    }


def test_a_table_of_very_many_cells_is_refused_at_the_row_with_one_too_many():
    error = refusal("Hello.\n\n" + table(100, 200))
    assert "more than 10,000 cells" in str(error)
    assert error.place
    assert error.place.line == 6 + limits.CELLS // 201
    refusal(table(2_000, 200))


def test_a_long_table_of_a_letter_is_no_trouble():
    rendered = render(issue_with(table(100, 12)), read_theme(), example_options())
    assert rendered.html.count("<td") >= 1_200


@pytest.mark.sweep
@pytest.mark.parametrize(
    "body",
    [
        1_000_000 * "a", 200_000 * "word ", 50_000 * "[a](https://x.example/b) ", 100_000 * "* a\n",
        20_000 * "> [!NOTE]\n> a\n\n",
        "".join(f"a[^{n}]\n\n[^{n}]: note\n\n" for n in range(20_000)),
        "".join("  " * n + "- a\n" for n in range(1_000)), 10_000 * "[a](https://x.example/b)\n\n",
        99_000 // 4 * "*a* ",
    ],
    ids="line words links list callouts footnotes nested paragraphs stars".split(),
)  # fmt: skip
def test_what_is_far_too_much_is_refused_with_its_line(body):
    error = refusal(body)
    assert str(error).startswith("issues/007.md:")
    assert error.place
    assert 4 <= error.place.line <= 4 + body.count("\n")


@pytest.mark.sweep
@pytest.mark.parametrize(
    "body",
    ["&" * FULL, "[" * FULL, ">" * FULL, FULL // 5 * "> ", FULL // 5 * "- ", "<" * FULL,
     "".join("  " * n + "- a\n" for n in range(either(150, 300))), FULL // 3 * "{{ ",
     FULL // 2 * "_a", "[a](" + "(" * FULL, FULL * "a", FULL * 3 // 10 * "\\",
     FULL // 5 * '[a](b "'],
    ids=range(13),
)  # fmt: skip
def test_what_is_only_odd_is_rendered(body):
    assert render(issue_with(body), read_theme(), example_options()).html.endswith("</html>\n")


def test_a_long_letter_with_much_in_it_is_no_trouble():
    body = "".join(
        f"## Part {n}\n\nSome *words* and [a link](https://x.example/{n}) and **more**.[^{n}]\n\n"
        f"![a view](https://x.example/{n}.png)\n\n[^{n}]: A note.\n\n"
        for n in range(250)
    )
    render(issue_with(body), read_theme(), example_options())


def test_only_the_issue_itself_is_refused(folder):
    with (folder.root / ISSUE).open("a", encoding="utf-8") as stream:
        stream.write("\n\n" + 300_000 * "a")
    ran = folder.run("check", "--issue", "74")
    assert ran.code == 2
    assert f"{ISSUE}:" in ran.error
    assert folder.run("schedule").code == 0
    assert folder.run("check", "--issue", "73").code in {0, 5}
