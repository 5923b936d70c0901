"""An archive is published with all that lies in its folder, so it goes into none that is private."""

from __future__ import annotations

import pytest

from newsletter.errors import InputError
from newsletter.publishing.places import archive_folder
from tests.publishing.test_archive_build import build, dated
from tests.support.cli_fixtures import folder, plain_environment, snapshot

__all__ = ["dated", "folder", "plain_environment"]


def test_the_newsletters_own_folder_is_refused_and_nothing_is_written(dated):
    before = snapshot(dated.root)
    ran = build(dated, out=".")
    assert (ran.code, "--out site" in ran.hint) == (2, True)
    assert snapshot(dated.root) == before


@pytest.mark.parametrize(
    ("out", "fine"),
    [
        ("", False), ("..", False), ("issues", False), ("issues/pages", True), ("mail", False),
        ("subscribers", False), (".newsletter", False), (".git", False), ("way/..", False),
        ("link", False), ("site", True), ("../site", True), ("public/archive", True),
        ("issues-site", True),
    ],
)  # fmt: skip
def test_where_an_archive_may_go(tmp_path, out, fine):
    root = tmp_path / "letters"
    (root / "issues").mkdir(parents=True)
    (root / "link").symlink_to(root / "issues")
    try:
        archive_folder(root, root / out)
    except InputError:
        assert not fine
    else:
        assert fine
