"""What the benchmarks' page tells to install is all that its programs and campaigns import."""

from __future__ import annotations

import ast
import re
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "benchmarks/requirements.lock"
#: What only the benchmarks compare with, and the tests' own environment lacks.
RIVALS = {"django": {"django"}, "anymail": {"django-anymail"}}
#: Of this repository.
OURS = {"newsletter", "tests"} | {path.stem for path in (ROOT / "benchmarks").glob("*.py")}


def pinned(lock: Path) -> dict[str, str]:
    """Packages by name, with what they are pinned to and for which machines."""
    return dict(re.findall(r"(?m)^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", lock.read_text("utf-8")))


def imported(path: Path) -> set[str]:
    """The outermost names that a file imports, wherever it does."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_the_lock_of_the_benchmarks_holds_what_each_imports():
    makers = {name: set(found) for name, found in metadata.packages_distributions().items()}
    locked, files = set(pinned(LOCK)), sorted((ROOT / "benchmarks").glob("*.py"))
    assert files
    for path in files:
        for name in imported(path) - OURS - sys.stdlib_module_names:
            made_by = RIVALS.get(name) or makers[name]
            assert {one.lower() for one in made_by} & locked, f"{path.name} imports {name}"


def test_the_lock_of_the_benchmarks_holds_what_the_campaigns_and_tests_need():
    missing = set(pinned(ROOT / "tests/requirements.lock")) - set(pinned(LOCK))
    assert not missing


def test_the_page_tells_to_install_the_command_that_the_benchmarks_run():
    page = (ROOT / "docs/benchmarks.md").read_text("utf-8")
    (commands,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    lock, project, run = commands.splitlines()
    assert lock.endswith("-r benchmarks/requirements.lock")
    assert project == "pip install --no-deps --no-build-isolation -e ."
    assert run == "python benchmarks/all.py"
