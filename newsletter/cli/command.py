"""What every command has beyond Typer's: the global options after its name too, and plain help."""

from __future__ import annotations

import copy
import enum
import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import typer.main
from typer import Typer
from typer.core import TyperCommand, TyperGroup

from newsletter.cli.show import VOICE

_Function = TypeVar("_Function", bound=Callable[..., Any])
#: Keeps a global option apart from a command's own parameter of the same name.
_PREFIX: Final = "global_"


class _GlobalOptions:
    """Takes the options of `newsletter` itself after the name of a command as well.

    An option of the command's own keeps its meaning.
    """

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401  # Typer's own
        super().__init__(**attributes)
        for one in self.params:  # type: ignore[attr-defined]
            one.display_type_rich = _shown_in_help(one)

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401  # Typer hides its context's type
        own = super().get_params(ctx)  # type: ignore[misc]
        own[-1].display_type_rich = _shown_in_help(own[-1])  # --help, which Typer makes later
        return own if ctx.parent is None else [*_hidden(ctx.find_root().command.params), *own]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  # as above
        left: list[str] = super().parse_args(ctx, args)  # type: ignore[misc]
        names = [name for name in ctx.params if name.startswith(_PREFIX)]
        given = {name.removeprefix(_PREFIX): ctx.params.pop(name) for name in names}
        _choose_more(given)
        return left


class Command(_GlobalOptions, TyperCommand):
    """A command of `newsletter`."""


class CommandGroup(_GlobalOptions, TyperGroup):
    """Commands under one name."""


class Commands(Typer):
    """A Typer application whose commands are of these classes."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401  # Typer's own
        super().__init__(**{"cls": CommandGroup, "add_completion": False, **attributes})

    def command(
        self,
        name: str | None = None,
        **attributes: Any,  # noqa: ANN401  # as above
    ) -> Callable[[_Function], _Function]:
        """Typer's decorator."""
        return super().command(name, cls=Command, **attributes)


class CommandEntry(NamedTuple):
    """Where a command or a group is, as "module:name", and its heading in `--help`."""

    where: str
    panel: str


class MadeWhenAsked(Mapping[str, Any]):
    """Commands by their names; a run loads and makes the one it is asked for, of dozens."""

    def __init__(self, entries: Mapping[str, CommandEntry]) -> None:
        self._entries = entries
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401  # Typer hides its commands' types
        if name not in self._made:
            self._made[name] = _made(name, self._entries[name])
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _made(name: str, entry: CommandEntry) -> Any:  # noqa: ANN401  # as above
    module, _, attribute = entry.where.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if isinstance(found, Commands):
        command: Any = typer.main.get_group(found)
    else:
        alone = Commands()
        alone.command(name)(found)
        command = typer.main.get_command(alone)
    command.name, command.rich_help_panel = name, entry.panel
    return command


def takes(option: Any) -> str:  # noqa: ANN401  # as above
    """What stands behind an option: its metavar, its choices, or its name; "" for a flag."""
    if option.is_flag or option.count:
        return ""
    if option.metavar is None and option.type_descriptor.is_choice:
        return "|".join(choice.value for choice in _choices(option))
    return str(option.metavar or option.name.upper())


def _choices(option: Any) -> tuple[enum.Enum, ...]:  # noqa: ANN401  # as above
    return tuple(option.type_descriptor.choices)


def _shown_in_help(param: Any) -> Any:  # noqa: ANN401  # as above
    """What help shows behind a parameter, where Typer would write its Python type."""
    words = takes(param) if param.param_type_name == "option" else ""
    return lambda ctx: words  # noqa: ARG005  # Typer's signature


def _hidden(params: list[Any]) -> list[Any]:
    """The global options, for a command to parse beside its own."""
    copies = [copy.copy(one) for one in params]
    for one in copies:
        one.name, one.hidden = _PREFIX + one.name, True
        if not getattr(one, "is_flag", False):  # a flag that is not given is False all the same
            one.default = None
    return copies


def _choose_more(given: Mapping[str, Any]) -> None:
    """What was given after a command's name, on top of what was given before it."""
    if not given:
        return
    from newsletter.cli.context import CONTEXT

    VOICE.verbosity += (given["verbose"] or 0) - (given["quiet"] or 0)
    VOICE.colour = given["color"] or VOICE.colour
    VOICE.debug |= bool(given["debug"])
    CONTEXT.no_input |= bool(given["no_input"])
    CONTEXT.config = given["config"] or CONTEXT.config
    if given["directory"] is not None:
        CONTEXT.directory /= given["directory"]
