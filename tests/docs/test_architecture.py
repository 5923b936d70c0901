"""The house keeps its shape: import-linter holds the arrows, these tests the rest."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import newsletter

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "newsletter"
FILES = sorted(PACKAGE.rglob("*.py"))
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

PURE_FOLDERS = {
    "audience", "check", "issue", "markup", "message", "outbox", "render", "schedule", "settings",
}  # fmt: skip
DOORS = {"aws", "cli", "fetch", "store", "transport", "web", "workers"}
#: Not code: what `init` copies.
DATA = {"scaffold"}


def _contract(name):
    contracts = CONFIG["tool"]["importlinter"]["contracts"]
    return next(c for c in contracts if c["name"].startswith(name))


def test_every_folder_is_a_stage_or_a_door():
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders == PURE_FOLDERS | DOORS | DATA


def test_every_stage_is_held_to_the_pure_contract():
    named = set(_contract("Stages think")["source_modules"])
    root_files = {f"newsletter.{p.stem}" for p in PACKAGE.glob("*.py") if p.stem != "__init__"}
    folders = {f"newsletter.{name}" for name in PURE_FOLDERS}
    assert named == root_files | folders | {f"{name}.**" for name in folders}


def test_the_pipeline_is_told_in_the_same_words_everywhere():
    told = re.findall(r"^    (\w+)  ", newsletter.__doc__ or "", re.MULTILINE)
    layers = [
        layer.strip()
        for line in _contract("Data goes one way")["layers"]
        for layer in re.split("[:|]", line)
    ]
    stages = "issue markup utm render check audience message outbox send"
    assert told == stages.split()
    assert set(told) <= set(layers)
    flow = (ROOT / "docs/flow.md").read_text("utf-8")
    headings = re.findall(r"^## \d+\. `(\w+)`", flow, re.MULTILINE)
    assert headings == [*told, "transport", "store"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_stay_short(path):
    text = path.read_text("utf-8")
    assert text.count("\n") < 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = [n for n in node.body if not _is_docstring(n)]
            length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert length <= 40, f"{path.name}:{node.lineno} {node.name} has {length} lines"


def _is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_is_promised_for_later(path):
    # The checks look for such words in issues, so these two spell them.
    if path.name in {"words.py", "draft.py"}:
        return
    assert not re.search(r"\b(TODO|FIXME|XXX|NotImplementedError)\b", path.read_text("utf-8"))


def test_no_machine_and_no_registry_is_named_in_the_project():
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    lock += (ROOT / "tests/requirements.lock").read_text("utf-8")
    lock += (ROOT / "benchmarks/requirements.lock").read_text("utf-8")
    assert "--hash=sha256:" in lock
    assert "://" not in lock
    assert not (ROOT / "uv.lock").exists()


@pytest.mark.parametrize(
    "name", ["requirements.lock", "tests/requirements.lock", "benchmarks/requirements.lock"]
)
def test_a_lock_pins_every_extra_that_one_of_its_packages_asks_for(name):
    # Without the extra in the lock, pip looks for the newest version and then refuses its own find.
    pinned = dict(re.findall(r"(?m)^([\w.-]+)(\[\w,.-]+)?==", (ROOT / name).read_text("utf-8")))
    for package in pinned:
        try:
            wanted = metadata.requires(package) or []
        except metadata.PackageNotFoundError:
            continue  # for another platform
        for line in wanted:
            found = re.match(r"([\w.-]+)\[(\w+)\][^;]*$", line)
            if found and found[1] in pinned:
                assert found[2] in pinned[found[1]], f"{package} wants {line}"
