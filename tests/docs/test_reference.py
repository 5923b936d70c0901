"""The pages written from the code say what the code says."""

from __future__ import annotations

import re

import pytest

from newsletter.cli.reference import pages, write
from tests.support.cli_fixtures import ROOT


@pytest.mark.parametrize("name", ["docs/cli.md", "docs/settings.md", "docs/checks.md"])
def test_a_page_is_what_the_code_writes(name):
    written = (ROOT / name).read_text("utf-8")
    assert written == pages()[name], "python -m newsletter.cli.reference writes it anew"


def test_the_pages_are_written_where_they_belong(tmp_path, capsys):
    write(tmp_path)
    assert {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.md")} == set(pages())
    assert capsys.readouterr().out.split() == list(pages())


def test_every_command_and_option_is_on_the_page():
    page = pages()["docs/cli.md"]
    found = re.findall(r"^### `newsletter ([a-z ]+)`$", page, re.MULTILINE)
    needed = [
        "init", "new", "check", "build", "subscribers import", "send", "approve", "status",
        "schedule", "settings", "db upgrade",
    ]  # fmt: skip
    assert [name for name in found if name in needed] == needed
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == [
        "Before or after any command",
        "Write",
        "People",
        "Send",
        "Run",
    ]
    send = page.partition("### `newsletter send`")[2].partition("###")[0]
    assert re.findall(r"^\| `(--[a-z-]+)", send, re.MULTILINE) == [
        "--issue", "--confirm", "--dry-run", "--limit", "--expect", "--skip-check", "--again",
        "--restored", "--detach", "--due", "--yes", "--json",
    ]  # fmt: skip
    for line in page.splitlines():
        assert not re.search(r"\| *\|$", line), line


def test_links_between_the_pages_lead_somewhere():
    for name, text in pages().items():
        for target in re.findall(r"\]\(([^):#]+)\)", text):
            assert (ROOT / name).parent.joinpath(target).is_file(), target
