"""Whatever stands below `cli/` can be called by a worker or a page: it knows no terminal."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "newsletter"
BELOW = sorted(p for p in PACKAGE.rglob("*.py") if (PACKAGE / "cli") not in p.parents)

#: Whose is the terminal and the process: the command line's.
TERMINAL = {"argv", "exit", "stderr", "stdin", "stdout"}
ENDS = {"SystemExit", "exit", "input", "print", "quit"}


def offences(text: str) -> list[str]:
    """What a file does that only the command line may."""
    found = []
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Attribute(value=ast.Name(id="sys"), attr=name) if name in TERMINAL:
                found.append(f"{node.lineno}: sys.{name}")
            case ast.ImportFrom(module="sys", names=names):
                taken = TERMINAL & {alias.name for alias in names}
                found += [f"{node.lineno}: sys.{name}" for name in sorted(taken)]
            case ast.Call(func=ast.Name(id=name)) if name in ENDS:
                found.append(f"{node.lineno}: {name}()")
            case ast.Global():
                found.append(f"{node.lineno}: global")
    return found


@pytest.mark.parametrize("path", BELOW, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_below_the_command_line_nothing_knows_a_terminal(path):
    assert offences(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "text",
    ["import sys\nsys.stdin.readline()", "from sys import stdout", "print('sent')", "exit(3)",
     "raise SystemExit(2)", "def f():\n    global told\n    told = 1"],
)  # fmt: skip
def test_each_of_these_is_seen(text):
    assert len(offences(text)) == 1
