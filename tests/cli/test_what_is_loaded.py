"""A command that only composes does not load the records and their database layer."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.cli_fixtures import folder, plain_environment

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes

PROGRAM = """
import sys
from newsletter.cli.app import main
code = main()
print("loaded:", *sorted({"sqlalchemy", "boto3", "starlette"} & set(sys.modules)))
sys.exit(code)
"""


def loaded(folder, *words):
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], cwd=folder.root, capture_output=True, text=True,
        check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return ran.stdout.splitlines()[-1]


def test_what_build_and_check_load(folder):
    assert loaded(folder, "build", "--issue", "74", "--out", "out") == "loaded:"
    lists = list((folder.root / "subscribers").glob("*.csv"))
    for one in lists:
        one.unlink()
    assert loaded(folder, "check", "--issue", "74") == "loaded:"


def test_check_still_compares_a_list_with_its_import(folder):
    folder.write("subscribers/list.csv", "email\nada@example.org\n")
    ran = folder.run("subscribers", "import", "subscribers/list.csv", "--consent-source", "x")
    assert ran.code == 0, ran.err
    folder.write("subscribers/list.csv", "email\nada@example.org\nbob@example.org\n")
    changed = "subscribers/list.csv changed since it was imported"
    assert changed in folder.run("check", "--issue", "74").err
