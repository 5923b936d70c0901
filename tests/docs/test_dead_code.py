"""Nothing public is kept for tests alone: whatever has a name is used by the program."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import newsletter
from tests.support.source_trees import tree_of

PACKAGE = Path(newsletter.__file__).parent
ROOT = PACKAGE.parent
#: Where else something is called by its name.
NAMED_IN = (
    "pyproject.toml", "newsletter/cli/app.py", "newsletter/**/*.html", "newsletter/**/*.css",
    "templates/**/*",
)  # fmt: skip
#: Called by Alembic, by markdown-it and by Typer.
CALLED = {"upgrade", "downgrade", "parseLinkDestination", "parseLinkLabel", "parseLinkTitle"}
CALLED |= {"get_params", "parse_args"}  # by Typer
CALLED |= {"revision", "down_revision", "branch_labels", "depends_on"}
#: What tests hold the store's SQL and its guards to, and how they count.
ORACLES = {"holds", "ARROWS", "subscriber_count"}
#: Whoever decorates otherwise is handed the function and calls it.
HARMLESS = frozenset({
    "property", "classmethod", "staticmethod", "cache", "lru_cache", "cached_property",
    "contextmanager", "asynccontextmanager", "dataclass",
})  # fmt: skip


def definitions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """The public names of a file: functions, classes, constants, methods of classes.

    Left out is what somebody else calls: decorated functions, and methods of a class with a base.
    """
    methods = [n for c in tree.body if isinstance(c, ast.ClassDef) and not c.bases for n in c.body]
    for node in [*tree.body, *methods]:
        match node:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                decorators = {ast.unparse(d).partition("(")[0] for d in node.decorator_list}
                if (
                    not name.startswith("_")
                    and {d.rpartition(".")[2] for d in decorators} <= HARMLESS
                ):
                    yield name, node
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                if node in tree.body and not name.startswith("_"):
                    yield name, node


def uses(tree: ast.AST) -> Iterator[str]:
    """Every name that is read or called in a text; an import alone is no use."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if alias.asname)


def dead(sources: dict[str, str], elsewhere: str = "") -> list[str]:
    """ "file: name" of all that is defined and used nowhere outside its own body."""
    trees = {name: tree_of(text) for name, text in sources.items()}
    used = Counter(name for tree in trees.values() for name in uses(tree))
    used.update(re.findall(r"\w+", elsewhere))
    return [
        f"{file}: {name}"
        for file, tree in trees.items()
        for name, node in definitions(tree)
        if used[name] <= Counter(uses(node))[name] and name not in CALLED | ORACLES
    ]


def test_nothing_public_is_without_a_user():
    sources = {str(p.relative_to(PACKAGE)): p.read_text("utf-8") for p in PACKAGE.rglob("*.py")}
    files = (path for pattern in NAMED_IN for path in ROOT.glob(pattern) if path.is_file())
    assert dead(sources, " ".join(path.read_text("utf-8") for path in files)) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(): pass", ["f"]),
        ("def f(): return f()", ["f"]),
        ("class C: pass", ["C"]),
        ("class C:\n    def m(self): pass\nC()", ["m"]),
        ("from a import f\ndef g(): pass\n__all__ = ['f', 'g']", ["g"]),
        ("LIMIT = 3\nOTHER: int = 4\nprint(OTHER)", ["LIMIT"]),
        ("@cache\ndef f(): pass", ["f"]),
        ("def f(): pass\nf()", []),
        ("import a\na.f()\ndef f(): pass", []),
        ("@app.command()\ndef f(): pass", []),
        ("class C(Base):\n    def m(self): pass\nC()", []),
        ("def _f(): pass", []),
    ],
)
def test_what_is_dead_is_found_and_what_is_used_is_not(source, found):
    assert [one.split(": ")[1] for one in dead({"x": source})] == found
