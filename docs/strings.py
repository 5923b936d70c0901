# ruff: noqa: INP001  # a script, not a package
"""Every string that a user can see, with its place, to be read aloud: `docs/strings.py [WORD]`.

Messages and hints of errors, what commands say and print, help texts, findings of the checks,
labels of tables, and the text of the pages. With a WORD, only the strings that contain it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeGuard

ROOT: Final = Path(__file__).parent.parent
PACKAGE: Final = ROOT / "newsletter"
#: Calls whose string arguments are shown.
_SHOWN: Final = frozenset({
    "say", "warn", "result", "finding", "rule", "Finding", "Option", "Argument", "Typer", "Place",
    "Stop", "Outcome", "alert", "remind", "notice", "table", "plural", "ValueError",
})  # fmt: skip
_TAG: Final = re.compile(r"<[^>]*>|\{%.*?%\}|\{#.*?#\}", re.DOTALL)


def strings() -> Iterator[tuple[str, int, str]]:
    """File (relative), line and text of each, in the order of the files."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield from sorted(set(_in_code(path)))
    for path in sorted(PACKAGE.rglob("*.html")):
        name = str(path.relative_to(ROOT))
        for number, line in enumerate(_TAG.sub("", path.read_text("utf-8")).splitlines(), 1):
            if text := " ".join(line.split()):
                yield name, number, text


def _in_code(path: Path) -> Iterator[tuple[str, int, str]]:
    name = str(path.relative_to(ROOT))
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_shown(node.func):
            for value in [*node.args, *(k.value for k in node.keywords)]:
                yield from ((name, line, text) for line, text in _texts(value))
        elif _is_command(path, node) and (text := ast.get_docstring(node)):
            yield name, node.lineno, text.split("\n")[0]


def _is_command(path: Path, node: ast.AST) -> TypeGuard[ast.FunctionDef]:
    """Whether a function's docstring is the help of a command: it is decorated, or has options."""
    if path.parent.name != "cli" or not isinstance(node, ast.FunctionDef) or node.name[0] == "_":
        return False
    options = [one.annotation for one in (*node.args.args, *node.args.kwonlyargs) if one.annotation]
    return bool(node.decorator_list) or any("Annotated" in ast.unparse(one) for one in options)


def _is_shown(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in _SHOWN or name.endswith("Error")


def _texts(value: ast.expr) -> Iterator[tuple[int, str]]:
    """The sentences in an argument; what is put into one is shown as {code}."""
    if isinstance(value, ast.JoinedStr):
        yield value.lineno, ast.unparse(value)[2:-1]
    elif isinstance(value, ast.Constant) and isinstance(value.value, str) and " " in value.value:
        yield value.lineno, value.value
    elif isinstance(value, ast.BinOp | ast.IfExp | ast.BoolOp | ast.Tuple | ast.List):
        for part in ast.iter_child_nodes(value):
            if isinstance(part, ast.expr):
                yield from _texts(part)


def main() -> None:
    """Print them."""
    word = " ".join(sys.argv[1:])
    for file, line, text in strings():
        if word in text:
            print(f"{file}:{line}: {' '.join(text.split())}")  # noqa: T201  # a command


if __name__ == "__main__":
    main()
