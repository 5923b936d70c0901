"""`newsletter check` reads the author's own letters about the list, too."""

from __future__ import annotations

import pytest

from newsletter.project.letters import FOLDER
from tests.support.cli_fixtures import folder, plain_environment

__all__ = ["folder", "plain_environment"]

HEAD = "---\ntitle: Hello\nsubject: Hi\n---\n"


def test_a_letter_that_could_not_be_sent_is_told_with_its_line_and_no_issue_waits(folder):
    folder.write(f"{FOLDER}/confirm.md", f"{HEAD}No link here.\n")
    folder.write(
        f"{FOLDER}/welcome.md", f"{HEAD}Hello {{{{ name }}}}, [choose]({{{{preferences_url}}}})\n"
    )
    ran = folder.run("check")
    assert ran.code == 0
    warned = [line for line in ran.err.splitlines() if line.startswith(f"warning: {FOLDER}/")]
    assert [line.split(": ")[1] for line in warned] == [
        "letters/confirm.md:5",
        "letters/welcome.md:5:7",
    ]


@pytest.mark.parametrize("words", [(), ("--issue", "74")])
def test_a_good_letter_and_the_check_of_one_issue_say_nothing_of_letters(folder, words):
    body = "[Yes]({{confirm_url}})" if not words else "No link here."
    folder.write(f"{FOLDER}/confirm.md", f"{HEAD}{body}\n")
    assert f"{FOLDER}/" not in folder.run("check", *words).err
