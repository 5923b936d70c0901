"""The README's promises that a machine can hold it to; `.ci/run` runs its two commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _blocks(text):
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_readme_has_exactly_two_commands_to_paste_each_a_single_line():
    blocks = _blocks((ROOT / "README.md").read_text("utf-8"))
    assert [language for language, _ in blocks] == ["sh", "sh"]
    assert all(block.count("\n") == 1 for _, block in blocks)
    send, test = (block for _, block in blocks)
    assert send.rstrip().endswith("newsletter send --issue 74 --confirm 74")
    assert test.rstrip().endswith("tests/everything.py")


def test_both_commands_stand_on_the_first_screen():
    lines = (ROOT / "README.md").read_text("utf-8").split("\n")
    assert [i for i, line in enumerate(lines) if line == "```sh"][1] < 40


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_no_link_or_picture_of_a_page_leads_nowhere(page):
    text = page.read_text("utf-8")
    text = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for target in targets:
        if not re.match(r"https?:|mailto:|#", target):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_pictures_are_small():
    for picture in (ROOT / "docs/images").iterdir():
        assert picture.stat().st_size < 200_000, picture.name
