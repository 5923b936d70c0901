"""Whatever stands below `cli/` can be called by a worker or a page: it knows no terminal."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.source_trees import nodes_of

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "newsletter"
BELOW = sorted(p for p in PACKAGE.rglob("*.py") if (PACKAGE / "cli") not in p.parents)

#: Whose is the terminal and the process: the command line's.
TERMINAL = {"argv", "exit", "stderr", "stdin", "stdout"}
ENDS = {"SystemExit", "exit", "input", "print", "quit"}


def offences(text: str, *, decides: bool = False) -> list[str]:
    """What a file does that only the command line may; where sending is decided, no exit code."""
    found = []
    for node in nodes_of(text):
        match node:
            case ast.Attribute(value=ast.Name(id="sys"), attr=name) if name in TERMINAL:
                found.append(f"{node.lineno}: sys.{name}")
            case ast.ImportFrom(module="sys", names=names):
                taken = TERMINAL & {alias.name for alias in names}
                found += [f"{node.lineno}: sys.{name}" for name in sorted(taken)]
            case ast.Call(func=ast.Name(id=name)) if name in ENDS:
                found.append(f"{node.lineno}: {name}()")
            case ast.Attribute(attr="exit_code") if decides:
                found.append(f"{node.lineno}: an exit code")
            case ast.Global():
                found.append(f"{node.lineno}: global")
    return found


def test_below_the_command_line_nothing_knows_a_terminal():
    found = [
        f"{path.relative_to(PACKAGE)}:{offence}"
        for path in BELOW
        for offence in offences(
            path.read_text("utf-8"), decides=path.parent.name in {"sending", "preview"}
        )
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    ["import sys\nsys.stdin.readline()", "from sys import stdout", "print('sent')", "exit(3)",
     "raise SystemExit(2)", "def f():\n    global told\n    told = 1"],
)  # fmt: skip
def test_each_of_these_is_seen(text):
    assert len(offences(text)) == 1


def test_an_exit_code_is_seen_where_sending_is_decided():
    assert len(offences("fault.exit_code", decides=True)) == 1
