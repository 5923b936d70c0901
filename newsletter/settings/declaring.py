"""How a setting is declared, and the kinds of text it may be."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from newsletter.settings import values
from newsletter.settings.values import Masked, matching

Line = Annotated[str, AfterValidator(values.one_line)]
Required = Annotated[str, AfterValidator(values.required)]
Header = Annotated[str, AfterValidator(values.header)]
Address = Annotated[str, AfterValidator(values.address)]
#: What follows the host is a token of the service behind it.
TokenUrl = Annotated[str, AfterValidator(values.https), Masked(values.masked_path)]
SiteUrl = Annotated[str, AfterValidator(values.site_url)]
Colour = Annotated[str, matching(
    r"#[0-9a-f]{6}", "is not a colour of six hexadecimal digits", tidy=values.lower_case
)]  # fmt: skip
#: "" leaves it to the accent.
DerivedColour = Annotated[str, matching(
    r"(?:#[0-9a-f]{6})?", "is not a colour of six hexadecimal digits", tidy=values.lower_case
)]  # fmt: skip
Font = Annotated[str, AfterValidator(values.font)]
FieldName = Annotated[str, matching(
    r"[a-z][a-z0-9_]*", "is not a possible name for a merge field",
    "use small letters, digits and _, and begin with a letter: first_name", tidy=values.printable,
)]  # fmt: skip
Tag = Annotated[str, AfterValidator(values.tag)]
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
