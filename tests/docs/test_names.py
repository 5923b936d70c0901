"""A class name of these rooms means one thing in the whole house."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import newsletter
from tests.support.source_trees import nodes_of

PACKAGE = Path(newsletter.__file__).parent
ROOMS = {"settings", "issue", "render", "check", "preview"}


def test_no_class_of_these_rooms_shares_its_name():
    found = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        for node in nodes_of(path.read_text("utf-8")):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(path.relative_to(PACKAGE).parts[0])
    twice = {name for name, rooms in found.items() if len(rooms) > 1 and ROOMS & set(rooms)}
    assert twice == set()
