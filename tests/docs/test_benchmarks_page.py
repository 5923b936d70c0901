"""The page of figures says what the runs wrote down, and nothing else."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks/results.json"


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """benchmarks/all.py, which is no package."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location("all_benchmarks", ROOT / "benchmarks/all.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "all_benchmarks", module)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_its_file_makes(everything: ModuleType) -> None:
    found = json.loads(RESULTS.read_text("utf-8"))
    assert everything.page(found) == (ROOT / "docs/benchmarks.md").read_text("utf-8")


def test_every_subject_ran_and_ended_well(everything: ModuleType) -> None:
    found = json.loads(RESULTS.read_text("utf-8"))
    assert {one.name for one in everything.SUBJECTS} == found.keys()
    # One may say by its exit code that a bound is missed, and then the page says so.
    missed = {
        name
        for name, one in found.items()
        for figure in one["figures"]
        if everything.Figure(**figure).kept is False
    }
    assert {name for name, one in found.items() if one["code"]} <= missed
    assert missed <= {one.name for one in everything.SUBJECTS if one.missed}


def test_a_missed_bound_is_said(everything: ModuleType) -> None:
    figure = everything.Figure
    rows = [
        everything.row(figure(what="a", ours=3.0, unit="s", bound=2)),
        everything.row(figure(what="b", ours=3.0, beside="c", theirs=2.0, bound=1.5)),
        everything.row(figure(what="d", ours=1.0, bound=2, at_least=True)),
        everything.row(figure(what="e", ours=1234.5, unit="mails/s")),
    ]
    assert rows == [
        "| a | 3 s |  |  | at most 2 | **missed** |",
        "| b | 3 | 2 (c) | 1.50 | at most 1.5 | kept |",
        "| d | 1 |  |  | at least 2 | **missed** |",
        "| e | 1,234 mails/s |  |  |  |  |",
    ]


def test_parts_add_up_and_a_floor_is_held_against_all_of_them(everything: ModuleType) -> None:
    share = everything.Share
    found = everything.divided(
        "a mail",
        [
            share(of="a mail", part="talking", cost=150.0, unit="µs"),
            share(of="a mail", part="writing down", cost=50.0, unit="µs"),
            share(of="a mail", part="one commit", cost=20.0, unit="µs", floor=True),
        ],
    )
    assert found[2:] == [
        "| talking | 150 | 75% |",
        "| writing down | 50 | 25% |",
        "| floor: one commit | 20 | 10% |",
    ]


def test_every_benchmark_is_in_the_run(everything: ModuleType) -> None:
    run = {one.words[0] for one in everything.SUBJECTS}
    shared = {"all.py", "figures.py", "listmonk.py", "shares.py", "world.py"}
    there = {f"benchmarks/{file.name}" for file in (ROOT / "benchmarks").glob("*.py")}
    assert there - {f"benchmarks/{name}" for name in shared} == run - {"-m"}
