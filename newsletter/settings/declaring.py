"""How a setting is declared: its type, default, example and description."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from newsletter.settings import values

Required = Annotated[str, AfterValidator(values.required)]
OpenTable = AfterValidator(lambda table: MappingProxyType(dict(table)))


def setting(default: Any, description: str, *, example: Any = None, **bounds: Any) -> Any:  # noqa: ANN401  # of any type
    """A setting; without an example its default serves as one."""
    examples = [default if example is None else example]
    if default == {}:
        return Field(
            default_factory=lambda: MappingProxyType({}), description=description, examples=examples
        )
    return Field(default=default, description=description, examples=examples, **bounds)


class Group(BaseModel):
    """A group of settings: frozen, and nothing in it that is not declared."""

    # Pydantic's own errors quote the value, and tracebacks end up in logs.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, validate_default=False
    )
