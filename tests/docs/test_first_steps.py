"""After the README's first command the next line a reader types works as it is printed."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.conftest import require
from tests.support.cli_fixtures import ROOT, folder, plain_environment

__all__ = ["folder", "plain_environment"]


def steps() -> list[str]:
    """The README's first command, step by step."""
    text = (ROOT / "README.md").read_text("utf-8")
    first = re.findall(r"^```sh\n(.*?)\n```$", text, re.MULTILINE)[0]
    return str(first).split(" && ")


def test_every_long_step_is_announced():
    announced = [step for step in steps() if step.startswith("echo ")]
    assert [step[6:9] for step in announced] == ["1/3", "2/3", "3/3"]
    assert steps()[0].startswith("echo ")


@pytest.mark.processes
def test_the_next_command_is_found_in_the_shell_that_ran_the_first():
    require((ROOT / ".venv/bin/activate").is_file(), "the project has no .venv of its own")
    entered = next(step for step in steps() if not step.startswith(("echo", "python3")))
    plain = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run(
        ["/bin/sh", "-euc", f"{entered} && newsletter --version"],
        cwd=ROOT, env=plain, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("newsletter "), done.stderr


@pytest.mark.processes
def test_a_rehearsal_ends_by_naming_the_preview_first(folder):
    sent = folder.imported().send()
    look = sent.err.partition("look: ")[2].splitlines()
    assert look[0] == "newsletter preview --issue 74 shows it with its pictures"
    assert "mail/074/0001.eml" in look[1]


@pytest.mark.processes
def test_a_newsletter_of_ones_own_is_begun_from_where_the_reader_stands(folder):
    told = re.findall(r"`newsletter (init [^`]+)`", (ROOT / "README.md").read_text("utf-8"))
    assert told
    for words in told:
        ran = folder.run(*words.split())
        assert ran.code == 0, ran.err
