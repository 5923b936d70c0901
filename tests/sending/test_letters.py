"""Reading an issue from disk with what belongs to it."""

from __future__ import annotations

import json

import pytest

from tests.support.cli_fixtures import Folder, folder, plain_environment, ready

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

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


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("segment: tag:beta and & tag:x", "7:23: the segment cannot be read here"),
        ('segment: "tag:beta and & tag:x"', "7:24: the segment cannot be read here"),
        ("segment:   'tag:beta or'", "7:24: the segment cannot be read here"),
        # What is written with escapes is counted by its own characters.
        ('segment: "tag:\\x62eta and & tag:x"', "7:1: the segment cannot be read here (character 14 of"),
    ],
)  # fmt: skip
def test_a_segment_that_cannot_be_read_is_told_to_the_column(folder, line, place):
    front = "title: Pictures\npreheader: of a harbour\ndate: 2026-11-22\nnumber: 80\nstatus: ready"
    folder.write("issues/080-x.md", f"---\n{front}\n{line}\n---\nHello.\n")
    ran = folder.run("check", "--issue", "80")
    assert ran.code == 2
    assert f"issues/080-x.md:{place}" in ran.error


def test_a_finding_that_was_skipped_is_on_record(ready: Folder) -> None:
    ready.edit("issues/075-words-for-the-pause.md", "status: draft", "status: draft ")
    assert ready.send(issue=75).code == 5
    assert ready.send("--skip-check", "draft", issue=75).code == 0
    (run,) = json.loads(ready.run("status", "--json").out)["runs"]
    assert run["skipped_checks"] == ["draft"]
