"""Which settings the program reads: attribute reads in its source, followed by their types.

A small type inference is enough, because settings travel as whole groups: a parameter or attribute
annotated with a group, a name `settings`, an assignment from one of those, and attributes of them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from newsletter.settings import Settings
from newsletter.settings.registry import GROUPS
from tests.support.source_trees import tree_of

#: Groups by the name of their class.
MODELS: Mapping[str, type[BaseModel]] = {
    **{model.__name__: model for model in GROUPS.values()},
    "Settings": Settings,
}
Types = dict[str, type[BaseModel]]


def reads(source: str) -> set[tuple[type[BaseModel], str]]:
    """Every (group, name) that a source text reads from a value known to be that group."""
    reader = _Reader()
    reader.visit(tree_of(source))
    return reader.found


def reads_below(folder: Path) -> set[tuple[type[BaseModel], str]]:
    """The same for all files of a folder, but for the room that makes the settings."""
    files = (p for p in folder.rglob("*.py") if p.relative_to(folder).parts[0] != "settings")
    translating = (folder / "settings" / name for name in ("mail.py", "dates.py"))
    return set().union(*(reads(path.read_text("utf-8")) for path in (*files, *translating)))


class _Reader(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: set[tuple[type[BaseModel], str]] = set()
        self._names: Types = {}

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        outer, self._names = self._names, dict(self._names)
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
            self._names.pop(argument.arg, None)
            if model := _annotated(argument.annotation):
                self._names[argument.arg] = model
        self.generic_visit(node)
        self._names = outer

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            for name, value in _pairs(target, node.value):
                if model := self._type(value):
                    self._names[name] = model
                else:
                    self._names.pop(name, None)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.generic_visit(node)
        if model := self._type(node.value):
            self._names[node.target.id] = model

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.generic_visit(node)
        model = self._type(node.value)
        if model and node.attr in model.model_fields and isinstance(node.ctx, ast.Load):
            self.found.add((_group(model), node.attr))

    def _type(self, node: ast.expr) -> type[BaseModel] | None:
        match node:
            case ast.Name(id=name):
                return self._names.get(name) or (Settings if name == "settings" else None)
            case ast.Attribute(value=value, attr=name):
                if name in {"settings", "_settings"}:
                    return Settings
                model = self._type(value)
                field = model.model_fields.get(name) if model else None
                return _model(field.annotation) if field else None
            case ast.Call(func=ast.Name(id="load" | "salvage")):
                return Settings
        return None


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, other in zip(target.elts, value.elts, strict=False):
            yield from _pairs(one, other)


def _annotated(annotation: ast.expr | None) -> type[BaseModel] | None:
    return MODELS.get(ast.unparse(annotation).rpartition(".")[2]) if annotation else None


def _model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def _group(model: type[BaseModel]) -> type[BaseModel]:
    return GROUPS[()] if issubclass(model, GROUPS[()]) else model
