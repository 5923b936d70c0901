"""Faults in settings: where each was set, the sentence about it, and the way out.

Values are never quoted back: they may be addresses or secrets.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from newsletter.errors import InputError, Place
from newsletter.settings.registry import DID_YOU_MEAN, Path, Setting, as_toml, as_variable

#: What is said of a name that is none.
NO_SETTING: Final = "is not a setting"

_WANTED: Final[Mapping[str, str]] = {
    "string_type": "a text in quotes",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "tuple_type": "a list",
}
# The first that fits counts: a bool is an int, a date with a time is a date.
_GIVEN: Final[tuple[tuple[type, str], ...]] = (
    (str, "a text"),
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (list, "a list"),
    (tuple, "a list"),
    (dict, "a group of settings"),
    (dt.datetime, "a date with a time"),
    (dt.date, "a date"),
    (dt.time, "a time"),
    (object, "something else"),
)
_BOUNDS: Final[Mapping[str, str]] = {
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than_equal": "at most {le:g}",
}


class Setter(NamedTuple):
    """Who set a value.

    Attributes:
        name: how a sentence begins that is about it: `"site.name"` or the variable's name.
        origin: what `newsletter settings` shows: "newsletter.toml:3", the variable, ".env".
        place: where it stands in a file; None for the environment.
    """

    name: str
    origin: str
    place: Place | None = None

    @property
    def is_variable(self) -> bool:
        """Whether the value is a text by its nature, of the environment or of `.env`."""
        return self.place is None or self.place.file == ".env"


class GivenValue(NamedTuple):
    """One value of one source; `items` tells where the items of a list stand."""

    setting: Setting
    path: Path
    value: object
    setter: Setter
    items: tuple[Place, ...] = ()


class Fault(NamedTuple):
    """What is wrong, as the rest of the sentence that the setter's name begins."""

    setter: Setter
    problem: str
    hint: str

    @property
    def order(self) -> tuple[bool, bool, bool, int, int, str]:
        """Sorts faults: slips of the pen, which others may come of; then by source and place.

        The weaker source comes first.
        """
        setter, place = self.setter, self.setter.place or Place("")
        meant = self.hint.startswith(DID_YOU_MEAN) and self.problem == NO_SETTING
        return (
            not meant,
            setter.place is None,
            setter.is_variable,
            place.line,
            place.column,
            setter.name,
        )

    def error(self, more: int = 0) -> InputError:
        """The fault as an exception that also tells how many others there are."""
        name = "".join(c if c.isprintable() else "?" for c in self.setter.name)
        others = f" ({more} more {'faults' if more > 1 else 'fault'} after this one)"
        return InputError(
            f"{name} {self.problem}",
            place=self.setter.place,
            hint=self.hint + (others if more else ""),
        )


def raise_first(faults: Iterable[Fault]) -> None:
    """Raise the first fault of several, if there is one.

    Raises:
        InputError: with the place of the first, and the number of the others in its hint.
    """
    ordered = sorted(faults, key=lambda fault: fault.order)
    if ordered:
        raise ordered[0].error(more=len(ordered) - 1)


def _written(one: GivenValue) -> str:
    """A hint that shows how the setting is written where it was set."""
    setting = one.setting
    if setting.choices:
        *most, last = (f'"{choice}"' for choice in setting.choices)
        return f"write {', '.join(most)} or {last}"
    if one.setter.is_variable:
        return f"write it like this: {setting.variable}={as_variable(setting.example)}"
    example = setting.example
    ((name, value),) = (
        example if isinstance(example, Mapping) else {setting.path[-1]: example}
    ).items()
    return f"write it like this: {name} = {as_toml(value)}"


def from_pydantic(error: Mapping[str, Any], given: Mapping[Path, GivenValue]) -> Fault:
    """One of pydantic's error details, in our words.

    Args:
        error: an item of `ValidationError.errors()`.
        given: the values that were validated.
    """
    context = error.get("ctx", {})
    one = given_for(error, given)
    problem = _problem(error, context, one)
    hint = context.get("hint") or _written(one)
    below = _location(error)[len(one.path) :]
    item = next((part for part in below if isinstance(part, int)), None)
    setter = one.setter if item is None else _of_item(one, item)
    return Fault(setter=setter, problem=problem, hint=hint)


def given_for(error: Mapping[str, Any], given: Mapping[Path, GivenValue]) -> GivenValue:
    """The value that one of pydantic's error details is about."""
    location = _location(error)
    path = next(location[:n] for n in range(len(location), 0, -1) if location[:n] in given)
    return given[path]


def _location(error: Mapping[str, Any]) -> tuple[Any, ...]:
    key = error.get("ctx", {}).get("key")
    return (*error["loc"], key) if key else tuple(error["loc"])


def _of_item(one: GivenValue, item: int) -> Setter:
    place = one.items[item] if one.items else one.setter.place
    return one.setter._replace(name=f"item {item + 1} of {one.setter.name}", place=place)


def _problem(error: Mapping[str, Any], context: Mapping[str, Any], one: GivenValue) -> str:
    kind = error["type"]
    if kind == "newsletter":
        return str(context["problem"])
    if kind == "literal_error":
        return "is none of the values it can have"
    if kind in _BOUNDS:
        return f"has to be {_BOUNDS[kind].format(**context)}"
    wanted = _WANTED[kind]
    if one.setter.is_variable or kind == "finite_number":
        return f"has to be {wanted.removesuffix(' in quotes')}"
    given = next(words for kind, words in _GIVEN if isinstance(error["input"], kind))
    # A whole number of three hundred digits is no floating-point number.
    return "is too large" if given == wanted else f"has to be {wanted}, not {given}"
