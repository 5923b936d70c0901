"""What is a rule is said in one place: a second copy would drift from the first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import newsletter

PACKAGE = Path(newsletter.__file__).parent
TEXTS = {str(p.relative_to(PACKAGE)): p.read_text("utf-8") for p in PACKAGE.rglob("*.py")}

#: What any implementation of the rule would have to say, and where it is said.
PLACES = {
    "an encoded word": (r"\?[bBqQ]\?", "text_rules.py"),
    "a mail address": ("validate_email(", "audience/__init__.py"),
    "a masked address": ("***@", "audience/__init__.py"),
    "luminance": ("0.2126", "render/colours.py"),
    "a theme's default colour": ("#1f7a8c", "settings/groups.py"),
    "a theme's default font": ("Times New Roman", "settings/groups.py"),
    "the hosts that are never tagged": ("web.archive.org", "settings/groups.py"),
}


@pytest.mark.parametrize(("sign", "file"), PLACES.values(), ids=PLACES)
def test_a_rule_stands_in_one_place(sign, file):
    assert [name for name, text in TEXTS.items() if sign in text] == [file]


def test_a_day_before_the_name_of_its_month_has_no_zero():
    """Sunday 6 December; `%d` would write 06."""
    assert [name for name, text in TEXTS.items() if re.search(r"%d,? %[bB]", text)] == []
