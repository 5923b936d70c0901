"""The house keeps its shape: import-linter holds the arrows, these tests the rest."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import newsletter
from tests.support.source_trees import nodes_of

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "newsletter"
FILES = sorted(PACKAGE.rglob("*.py"))
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

#: The map: each storey with its rooms, from the top down.
MAP = {
    part.split("\n")[0].split(":")[0]: re.findall(r"^    (\w+)  +\S", part, re.MULTILINE)
    for part in (newsletter.__doc__ or "").split("\n\n")[1:]
}
STAGES = MAP["Stages"]
LEAVES = MAP["Everybody may use"]
ROOMS = [room for rooms in MAP.values() for room in rooms]


def _contract(name):
    contracts = CONFIG["tool"]["importlinter"]["contracts"]
    return next(c for c in contracts if c["name"].startswith(name))


def test_the_map_names_every_room_once():
    found = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert sorted(ROOMS) == sorted(found - {"__init__"})
    assert list(MAP)[:5] == ["Faces", "What it does", "Doors", "Stages", "Everybody may use"]


def test_the_contract_has_the_storeys_of_the_map():
    layers = [re.split(r"\s*[|:]\s*", line) for line in _contract("Four storeys")["layers"]]
    assert [room for layer in layers for room in layer] == ROOMS
    assert set(layers[-1]) == set(LEAVES)


def test_every_stage_is_held_to_the_pure_contract():
    folders = {f"newsletter.{name}.**" for name in STAGES if (PACKAGE / name).is_dir()}
    named = {f"newsletter.{name}" for name in STAGES + LEAVES}
    assert set(_contract("Stages think")["source_modules"]) == named | folders


def test_the_rooms_that_touch_are_held_to_what_they_may_touch():
    touching = {f"newsletter.{name}" for name in ROOMS if name not in STAGES + LEAVES}
    may = {
        "SQL stays": {"store"},
        "Typer and rich": {"cli"},
        "Starlette stays": {"preview", "site", "server"},
        "boto3 stays": {"ses", "s3"},
    }
    for contract, rooms in may.items():
        held = set(_contract(contract)["source_modules"])
        assert held == touching - {f"newsletter.{name}" for name in rooms}, contract


def test_the_flow_is_told_in_rooms_of_the_map():
    flow = (ROOT / "docs/flow.md").read_text("utf-8")
    headings = re.findall(r"^## \d+\. `(\w+)`", flow, re.MULTILINE)
    assert headings
    assert set(headings) <= set(ROOMS)


def test_files_and_functions_stay_short():
    long = []
    for path in FILES:
        text, name = path.read_text("utf-8"), path.relative_to(PACKAGE)
        if (lines := text.count("\n")) >= 400:
            long.append(f"{name} has {lines} lines")
        for node in nodes_of(text):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = [n for n in node.body if not _is_docstring(n)]
                length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                if length > 40:
                    long.append(f"{name}:{node.lineno} {node.name} has {length} lines")
    assert long == []


def _is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_nothing_is_promised_for_later():
    later = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    promising = [path.name for path in FILES if later.search(path.read_text("utf-8"))]
    # The checks look for such words in issues, so this one spells them.
    assert promising == ["words.py"]


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
