"""The pages name what there is, and nothing that is not."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from newsletter.cli.app import app
from newsletter.settings.registry import SETTINGS
from tests.support.cli_fixtures import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "docs/triggers").glob("*.md"))
WHOLE = typer.main.get_command(app)


def leaves(command=WHOLE, path="newsletter"):
    """Every command with its whole name."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path, command
    for name, one in (inner or {}).items():
        yield from leaves(one, f"{path} {name}")


def quoted(page: Path) -> list[str]:
    """The command lines a page shows, between backticks or in a block."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    inline = re.findall(
        r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    )
    lines = [line for block in blocks for line in re.split(r"\n| && | \| ", block)] + inline
    found = (re.search(r"(?:^|[\s=/])newsletter (?=[a-z-]).*", line) for line in lines)
    return [match[0].lstrip("=/ ") for match in found if match]


def expect_parses(line: str) -> None:
    """Every command and option of a line exists."""
    command = WHOLE
    for word in shlex.split(line)[1:]:
        name, inner = word.partition("=")[0], getattr(command, "commands", {})
        if word.startswith("-"):
            options = {o for one in command.params for o in (*one.opts, *one.secondary_opts)}
            assert name in options | {"--help", "-h"}, f"{line}: {name}"
        elif inner and re.fullmatch("[a-z]+", word):
            assert word in inner, f"{line}: {word}"
            command = inner[word]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_line_of_a_page_can_be_typed(page):
    for line in quoted(page):
        expect_parses(line)


def test_command_lines_are_found_and_wrong_ones_are_seen():
    assert len(quoted(ROOT / "README.md")) >= 12
    assert any("send --due --yes" in line for line in quoted(ROOT / "docs/schedule.md"))
    for wrong in ("newsletter sned", "newsletter send --isue 7", "newsletter db downgrade"):
        with pytest.raises(AssertionError):
            expect_parses(wrong)


def test_every_command_and_option_is_documented():
    page = (ROOT / "docs/cli.md").read_text("utf-8")
    for path, command in leaves():
        section = page.partition(f"### `{path}`\n")[2].partition("\n##")[0]
        assert section, path
        for one in command.params:
            for name in one.opts if one.param_type_name == "option" else ():
                assert re.search(rf"`{re.escape(name)}[ `]", section), f"{path} {name}"


def test_every_command_stands_on_a_page_that_tells_what_it_is_for():
    shown = "\n".join(line for page in PAGES if page.name != "cli.md" for line in quoted(page))
    for path, _ in leaves():
        assert re.search(rf"{re.escape(path)}(?![\w-])", shown), path


def test_every_setting_is_documented():
    page = (ROOT / "docs/settings.md").read_text("utf-8")
    for path in SETTINGS:
        name = ".".join(path)
        assert f"`{name}`" in page or f"`{name}.<name>`" in page, name
