"""`newsletter --help`: quick, and in the order of an author's day."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.support.cli_fixtures import ROOT, copy_example
from tests.support.commands import SCRIPT

pytestmark = pytest.mark.processes

HEAVY = {
    "boto3",
    "sqlalchemy",
    "alembic",
    "mjml",
    "premailer",
    "starlette",
    "pydantic",
    "lxml",
    "ftfy",
    "idna",
}
LOADED = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
sys.argv = ["newsletter", *sys.argv[1:]]
from newsletter.cli.app import run_and_exit
run_and_exit()
"""
#: The order in which help lists whatever is there.
ORDER = {
    "Write": ["init", "new", "check", "preview", "build", "test", "issues"],
    "People": ["subscribers"],
    "Send": ["send", "approve", "cancel", "status", "retry", "stats", "schedule"],
    "Run": ["serve", "archive", "images", "events", "ses", "worker", "doctor", "settings", "db"],
}
NEEDED = [
    "init",
    "new",
    "check",
    "build",
    "test",
    "subscribers",
    "send",
    "approve",
    "status",
    "schedule",
    "settings",
    "db",
]


#: What only composing, sending, serving or upgrading needs.
OF_OTHERS = {
    "alembic", "boto3", "cssutils", "ftfy", "jinja2", "lxml", "markdown_it", "mjml", "nh3",
    "premailer", "rich", "starlette", "uvicorn", "watchfiles", "wcwidth",
}  # fmt: skip


def loaded(*words: str) -> set[str]:
    """The packages a command has loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return {name.partition(".")[0] for name in json.loads(done.stderr.splitlines()[-1])}


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("--version",), ()])
def test_help_loads_nothing_heavy(words):
    found = loaded(*words)
    assert "typer" in found
    assert found & HEAVY == set()


def test_a_command_loads_what_it_needs_and_no_more():
    # The same question finds something here, so the test above can fail.
    found = loaded("settings")
    assert "pydantic" in found
    assert not found & {"sqlalchemy", "mjml", "premailer"}


def test_status_reads_records_and_loads_nothing_that_composes(tmp_path):
    copy_example(tmp_path)
    source = ("--consent-source", "an invented list")
    where = ("-C", str(tmp_path))
    assert "lxml" in loaded("build", *where, "--issue", "74", "--out", str(tmp_path / "out"))
    loaded("subscribers", "import", "subscribers/example.csv", *source, *where)
    found = loaded("status", *where)
    assert "sqlalchemy" in found
    assert not found & OF_OTHERS


def test_help_lists_four_panels_and_the_commands_in_order():
    done = subprocess.run(
        [SCRIPT, "--help"], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
    )  # fmt: skip
    panels: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if title := re.match(r"╭─ (\w+) ─", line):
            panels[title[1]] = []
        elif name := re.match(r"│ (\w+) ", line):
            panels[list(panels)[-1]].append(name[1])
    assert list(panels) == ["Options", *ORDER]
    for panel, commands in ORDER.items():
        assert panels[panel] == [name for name in commands if name in panels[panel]]
    assert set(NEEDED) <= {name for commands in panels.values() for name in commands}


@pytest.mark.parametrize("name", NEEDED)
def test_every_command_explains_itself(name):
    done = subprocess.run(
        [SCRIPT, name, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"Usage: newsletter {name}" in done.stdout
    assert done.stderr == ""
