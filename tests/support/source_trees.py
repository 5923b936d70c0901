"""Source texts as trees: many tests look at every file, and reading one costs more than looking."""

from __future__ import annotations

import ast
from functools import cache


@cache
def tree_of(text: str) -> ast.Module:
    """The tree of a program. It is shared: nobody changes it."""
    return ast.parse(text)


@cache
def nodes_of(text: str) -> tuple[ast.AST, ...]:
    """Every node of that tree, as `ast.walk` gives them."""
    return tuple(ast.walk(tree_of(text)))
