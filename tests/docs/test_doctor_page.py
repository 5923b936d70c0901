"""docs/doctor.md tells of every check, and of none that there is not."""

from __future__ import annotations

import re

from newsletter.doctor import CHECKS
from tests.support.cli_fixtures import ROOT


def test_every_check_stands_on_the_page_once():
    page = (ROOT / "docs/doctor.md").read_text("utf-8")
    cells = re.findall(r"(?m)^\| (`[^|]+`) \|", page)
    named = [name for cell in cells for name in re.findall(r"`([a-z-]+)`", cell)]
    assert named == [check.id for check in CHECKS]
