"""The archive of the example newsletter, held against the hashes of its files.

A change of any page, feed or list is one on purpose. To see what a change does, build the archive
before and after it, and compare the folders. Pictures are told by name alone: Pillow's bytes
differ from one version to the next.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.publishing.test_archive_build import build, contents, dated
from tests.support.cli_fixtures import folder, plain_environment, whole_letter

__all__ = ["dated", "folder", "plain_environment", "whole_letter"]

pytestmark = pytest.mark.usefixtures("whole_letter")

GOLDEN = ROOT / "tests" / "golden" / "archive.txt"
LIST = ".newsletter-archive.json"  # holds the hashes of pictures, too


def listing(site: Path) -> str:
    return "".join(
        f"{'-' if name.startswith('images/') else hashlib.sha256(data).hexdigest()}  {name}\n"
        for name, data in sorted(contents(site).items())
        if name != LIST
    )


def test_the_archive_of_the_example_is_the_golden_one_twice(dated, *, update_golden):
    assert build(dated).code == build(dated, out="other").code == 0
    found = listing(dated.root / "site")
    if update_golden:
        GOLDEN.write_text(found, "utf-8")
    assert found.splitlines() == GOLDEN.read_text("utf-8").splitlines()
    assert contents(dated.root / "site") == contents(dated.root / "other")
