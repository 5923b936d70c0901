"""Reading an issue from disk with what belongs to it."""

from __future__ import annotations

import json

from tests.cli_fixtures import Folder, folder, plain_environment, ready

__all__ = ["folder", "plain_environment", "ready"]

ISSUE = "---\ntitle: Pictures\npreheader: of a harbour\n---\n\n![A jetty](images/my%20photo.png)\n"


def test_a_picture_with_a_blank_in_its_name_is_found(folder: Folder) -> None:
    folder.write("issues/080-pictures.md", ISSUE)
    missing = folder.run("check", "--issue", "80")
    assert missing.code == 5
    assert (
        'issues/080-pictures.md:6:12: error image-local: the image "images/my%20photo.png"'
        in missing.out
    )
    folder.write("issues/images/my photo.png", b"\x89PNG")
    assert folder.run("check", "--issue", "80").code == 0


def test_a_finding_that_was_skipped_is_on_record(ready: Folder) -> None:
    ready.edit("issues/075-words-for-the-pause.md", "status: draft", "status: draft ")
    assert ready.send(issue=75).code == 5
    assert ready.send("--skip-check", "draft", issue=75).code == 0
    (run,) = json.loads(ready.run("status", "--json").out)["runs"]
    assert run["skipped_checks"] == ["draft"]
