"""Input checked against botocore's own model of SESv2, compiled once into plain functions."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from typing import Any

import botocore.session
from botocore.model import ServiceModel, Shape

from .answers import RefusedError, bad_request

#: Raises _UnfitError when the value does not fit the shape.
TypeCheck = Callable[[Any], None]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "blob": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "double": (int, float),
    "float": (int, float),
    "timestamp": (int, float, str),
}


class _UnfitError(Exception):
    """A value that does not fit; its path is gathered on the way up."""

    def __init__(self, constraint: str, *, serialization: bool = False) -> None:
        super().__init__(constraint)
        self.constraint = constraint
        self.serialization = serialization
        self.path: list[str] = []

    def refused(self) -> RefusedError:
        where = "".join(reversed(self.path)).lstrip(".")
        if self.serialization:
            return RefusedError(400, "SerializationException", f"{where}: {self.constraint}")
        return bad_request(
            "1 validation error detected: "
            f"Value at '{where}' failed to satisfy constraint: {self.constraint}"
        )


@functools.cache
def model() -> ServiceModel:
    """botocore's model of SESv2."""
    return botocore.session.Session().get_service_model("sesv2")


@functools.cache
def routes() -> dict[tuple[str, str], str]:
    """(method, path) -> operation, for the paths without parameters."""
    operations = map(model().operation_model, model().operation_names)
    plain = (op for op in operations if "{" not in op.http["requestUri"])
    return {(op.http["method"], op.http["requestUri"]): op.name for op in plain}


def check_input(operation: str, payload: Any) -> None:
    """Refuse what does not fit the operation's input shape.

    Raises:
        RefusedError: SerializationException for a wrong type or an unknown member,
            BadRequestException for a broken constraint.
    """
    try:
        _input_check(operation)(payload)
    except _UnfitError as error:
        raise error.refused() from None


def warm(operations: Iterable[str]) -> None:
    """Read the model and compile the operations' shapes, so that the first request is quick."""
    routes()
    for operation in operations:
        _input_check(operation)


@functools.cache
def _input_check(operation: str) -> TypeCheck:
    shape = model().operation_model(operation).input_shape
    assert shape is not None
    return _compiled(shape)


def _compiled(shape: Shape) -> TypeCheck:
    if shape.type_name == "structure":
        return _structure(shape)
    if shape.type_name == "list":
        return _list(shape)
    if shape.type_name == "map":
        return _map(shape)
    return _scalar(shape)


def _structure(shape: Any) -> TypeCheck:
    members = {name: _compiled(member) for name, member in shape.members.items()}
    names = members.keys()
    required = tuple(shape.required_members)

    def check(value: Any) -> None:
        if type(value) is not dict:
            raise _UnfitError("expected an object", serialization=True)
        if not value.keys() <= names:
            unknown = sorted(value.keys() - names)
            raise _UnfitError(f"unknown member {', '.join(unknown)}", serialization=True)
        for name in required:
            if value.get(name) is None:
                _raise_at("Member must not be null", f".{name}")
        for name, inner in value.items():
            if inner is not None:
                try:
                    members[name](inner)
                except _UnfitError as error:
                    error.path.append(f".{name}")
                    raise

    return check


def _list(shape: Any) -> TypeCheck:
    member = _compiled(shape.member)
    fits = _length(shape)

    def check(value: Any) -> None:
        if type(value) is not list:
            raise _UnfitError("expected a list", serialization=True)
        fits(len(value))
        for index, inner in enumerate(value):
            try:
                member(inner)
            except _UnfitError as error:
                error.path.append(f"[{index}]")
                raise

    return check


def _map(shape: Any) -> TypeCheck:
    key, member = _compiled(shape.key), _compiled(shape.value)

    def check(value: Any) -> None:
        if type(value) is not dict:
            raise _UnfitError("expected an object", serialization=True)
        for name, inner in value.items():
            key(name)
            member(inner)

    return check


def _scalar(shape: Shape) -> TypeCheck:
    types = _TYPES[shape.type_name]
    constraints = _constraints(shape) if shape.type_name == "string" else ()

    def check_type(value: Any) -> None:
        if type(value) not in types:
            raise _UnfitError(f"expected {shape.type_name}", serialization=True)

    def check(value: Any) -> None:
        check_type(value)
        for constraint in constraints:
            constraint(value)

    # Most strings are free: with fifty entries a call, a step saved here is felt.
    return check if constraints else check_type


def _constraints(shape: Shape) -> tuple[TypeCheck, ...]:
    """Checks for what the model says of a string; () when it says nothing."""
    fits = _length(shape)
    enum = frozenset(shape.metadata.get("enum", ()))
    pattern = re.compile(shape.metadata.get("pattern", ""))

    def check_length(value: str) -> None:
        fits(len(value))

    def check_enum(value: str) -> None:
        if value not in enum:
            raise _UnfitError(f"Member must satisfy enum value set: {sorted(enum)}")

    def check_pattern(value: str) -> None:
        if not pattern.fullmatch(value):
            raise _UnfitError(f"Member must satisfy regular expression pattern: {pattern.pattern}")

    checks = {
        "min": check_length,
        "max": check_length,
        "enum": check_enum,
        "pattern": check_pattern,
    }
    said = (check for name, check in checks.items() if name in shape.metadata)
    return tuple(dict.fromkeys(said))


def _length(shape: Shape) -> Callable[[int], None]:
    least = shape.metadata.get("min", 0)
    most = shape.metadata.get("max", 2**62)

    def check(length: int) -> None:
        if length < least:
            raise _UnfitError(f"Member must have length greater than or equal to {least}")
        if length > most:
            raise _UnfitError(f"Member must have length less than or equal to {most}")

    return check


def _raise_at(constraint: str, place: str) -> None:
    error = _UnfitError(constraint)
    error.path.append(place)
    raise error
