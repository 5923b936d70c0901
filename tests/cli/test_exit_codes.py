"""Exit codes are said three times: by the classes, by their picture, by the page. They agree."""

from __future__ import annotations

import inspect
import re

import pytest

from newsletter import errors
from newsletter.errors import NewsletterError, Place
from tests.support.cli_fixtures import ROOT

CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, NewsletterError)
}
#: Codes that no error has: success, and the three signals.
OTHERS = {"0", "129, 130, 143"}


def table() -> dict[str, str]:
    """The page's codes with their names."""
    page = (ROOT / "docs/exit-codes.md").read_text("utf-8")
    rows = re.findall(r"^\| ([\d, ]+) \| (?:`(\w+)`)? *\| .+ \|$", page, re.MULTILINE)
    assert len(rows) == len(dict(rows))
    return dict(rows)


def test_the_page_has_every_code_and_no_other():
    # One that only says more of another has that one's code.
    own = [kind for kind in CLASSES.values() if "exit_code" in vars(kind)]
    expected = {str(kind.exit_code): kind("x").code for kind in own}
    assert len(expected) == len(own) == 9
    found = table()
    assert {code: name for code, name in found.items() if code not in OTHERS} == expected
    assert set(found) == set(expected) | OTHERS
    assert all(found[code] == "" for code in OTHERS)


def test_the_picture_at_the_top_of_the_file_is_the_tree():
    drawn = re.findall(
        r"^ +(?:│   )?(?:[├└]── )?(\w+Error) +(\d+)  ", errors.__doc__ or "", re.MULTILINE
    )
    assert {name: int(code) for name, code in drawn} == {n: k.exit_code for n, k in CLASSES.items()}


@pytest.mark.parametrize("kind", CLASSES.values())
def test_an_error_says_its_place_before_its_sentence(kind):
    fault = kind("it is so", place=Place("a.md", 3, 4), hint="do this")
    assert str(fault) == "a.md:3:4: it is so"
    assert str(kind("it is so")) == "it is so"
    assert re.fullmatch(r"[a-z_]+", fault.code)
