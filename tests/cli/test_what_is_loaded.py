"""A command loads what its answer takes, and nothing that is slow to load beside it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.cli_fixtures import folder, plain_environment

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

#: What is slow to load, and what only some commands need.
WATCHED = (
    "sqlalchemy", "sqlalchemy.dialects.postgresql", "alembic", "boto3", "starlette", "jinja2",
    "premailer", "cssutils", "lxml", "markdown_it", "mjml", "PIL", "ftfy", "pygments", "dns", "requests",
    "email_validator", "newsletter.store.imports", "newsletter.audience.roster",
    "newsletter.store.group_commit", "newsletter.cli.subscribers", "newsletter.store.feedback",
    "newsletter.store.events", "newsletter.store.deliveries", "newsletter.store.subscribers",
)  # fmt: skip
#: What composing takes.
COMPOSING = "PIL cssutils ftfy jinja2 lxml markdown_it mjml premailer"
PROGRAM = f"""
import sys
WATCHED = {WATCHED}
from newsletter.cli.app import main
code = main()
print("loaded:", *sorted(set(WATCHED) & set(sys.modules)))
sys.exit(code)
"""


def loaded(folder, *words):
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], cwd=folder.root, capture_output=True, text=True,
        check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return ran.stdout.splitlines()[-1]


def test_what_build_and_check_load(folder):
    assert loaded(folder, "build", "--issue", "74", "--out", "out") == f"loaded: {COMPOSING}"
    lists = list((folder.root / "subscribers").glob("*.csv"))
    for one in lists:
        one.unlink()
    assert loaded(folder, "check", "--issue", "74") == f"loaded: {COMPOSING}"


def test_what_is_left_out_comes_whole_for_whoever_uses_it():
    program = "import newsletter.project.issues, requests; print(callable(requests.get))"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "True\n"


def test_what_status_loads(folder):
    folder.write("subscribers/list.csv", "email\nada@example.org\n")
    ran = folder.run("subscribers", "import", "subscribers/list.csv", "--consent-source", "x")
    assert ran.code == 0, ran.err
    assert loaded(folder, "status") == "loaded: sqlalchemy"


def test_check_still_compares_a_list_with_its_import(folder):
    folder.write("subscribers/list.csv", "email\nada@example.org\n")
    ran = folder.run("subscribers", "import", "subscribers/list.csv", "--consent-source", "x")
    assert ran.code == 0, ran.err
    folder.write("subscribers/list.csv", "email\nada@example.org\nbob@example.org\n")
    changed = "subscribers/list.csv changed since it was imported"
    assert changed in folder.run("check", "--issue", "74").err
