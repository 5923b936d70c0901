"""`newsletter init`: a newsletter to begin with."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli_commands import SOURCE, empty
from tests.support.cli_fixtures import (
    plain_environment,
    snapshot,
)

__all__ = ["empty", "plain_environment"]

pytestmark = pytest.mark.processes


# --- init ------------------------------------------------------------------------------------


def test_a_new_newsletter_passes_its_checks_and_sends(empty):
    ran = empty.run("init")
    assert (ran.code, ran.out) == (0, "newsletter.toml\n")
    assert {
        "newsletter.toml",
        ".gitignore",
        "issues/001-hello.md",
        "subscribers/example.csv",
    } <= set(snapshot(empty.root))
    checked = empty.run("check")
    assert checked.code == 0
    assert {line.split(" ")[2] for line in checked.out.splitlines()} == {"placeholder:"}
    assert checked.err == "1 issue checked: 0 errors, 6 warnings\n"
    assert empty.run("subscribers", "import", "subscribers/example.csv", *SOURCE).code == 0
    assert empty.send(issue=1).code == 0
    assert len(empty.mails(1)) == 25


def test_what_init_says_to_do_next_works_as_it_stands(empty):
    ran = empty.run("init", "my letter")
    assert ran.out == "my letter/newsletter.toml\n"
    commands = [line.strip() for line in ran.err.splitlines() if line.startswith("  newsletter ")]
    assert [command.split()[4] for command in commands] == ["preview", "subscribers", "send"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in (commands[1], f"{commands[2]} --confirm 1"):
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=empty.root, env={**os.environ, "PATH": path},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert len(list((empty.root / "my letter/mail/001").glob("*.eml"))) == 25


def test_init_keeps_what_is_there(empty):
    empty.write("README.md", "mine")
    empty.write(".gitignore", "/secret\n")
    ran = empty.run("init")
    assert ran.code == 0
    assert "kept .gitignore" in ran.err
    assert "made newsletter.toml" in ran.err
    assert (empty.root / "README.md").read_text() == "mine"
    assert (empty.root / ".gitignore").read_text() == "/secret\n"


def test_init_twice_is_refused(empty):
    empty.run("init")
    whole = snapshot(empty.root)
    ran = empty.run("init")
    assert ran.code == 2
    assert ran.error.endswith("this folder holds a newsletter already")
    assert ran.hint == 'hint: newsletter new "A title" starts an issue'
    assert snapshot(empty.root) == whole


@pytest.mark.parametrize("settings", ["newsletter.toml", "pyproject.toml"])
def test_init_inside_a_newsletter_is_refused_with_a_way_that_works(empty, settings):
    empty.write(f"outer/{settings}", "[tool.newsletter.site]\nname = 'x'\n")
    (empty.root / "outer/drafts").mkdir()
    (empty.root / "link").symlink_to("outer/drafts")
    whole = snapshot(empty.root)
    for words in (
        ("init", "outer/drafts/in ner"), ("-C", "outer/drafts", "init", "in ner"),
        ("init", "link/in ner"), ("-C", "link", "init", "in ner"),
    ):  # fmt: skip
        ran = empty.run(*words)
        assert (ran.code, snapshot(empty.root)) == (2, whole)
        assert ran.error.endswith(
            f": this folder lies inside the newsletter {empty.root / 'outer'}"
        )
    way = shlex.split(ran.hint.rpartition(": newsletter ")[2])
    assert way == ["init", str(empty.root / "in ner")]
    assert empty.run(*way).code == 0


def test_init_is_refused_beside_settings_in_pyproject(empty):
    empty.write("pyproject.toml", "[tool.newsletter.site]\nname = 'x'\n")
    assert empty.run("init").code == 2
    assert list(snapshot(empty.root)) == ["pyproject.toml"]


def test_init_goes_where_the_folder_option_points(empty):
    assert empty.run("-C", "..", "init", "other").out == "../other/newsletter.toml\n"
    assert (empty.root.parent / "other/issues/001-hello.md").is_file()


def test_init_into_a_file_is_told(empty):
    empty.write("letters", "a file")
    ran = empty.run("init", "letters")
    assert ran.code == 2
    assert ran.error.endswith(": this file cannot be written")


def test_an_init_that_failed_half_way_can_be_repeated(empty):
    empty.write("templates", "a file where the theme should be")
    assert empty.run("init").code == 2
    (empty.root / "templates").unlink()
    assert empty.run("init").code == 0
    assert empty.run("check").code == 0
