"""The page docs/cli.md, written from the commands themselves.

`python -m newsletter.cli.reference` writes it, and with it docs/settings.md and docs/checks.md.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import typer.main

from newsletter.cli.app import app
from newsletter.cli.command import takes
from newsletter.cli.show import result

_INTRO: Final = """\
# Commands

The result of a command goes to stdout, everything else to stderr; with `--json` the result is one
object with `"schema": 1`, and so is an error. [Exit codes](exit-codes.md) tell scripts how it went.

This page is written from the commands themselves.
"""
_HEAD: Final = "| {} | Meaning |\n|---|---|\n"


def reference() -> str:
    """The page docs/cli.md, in Markdown; commands in the order of `newsletter --help`."""
    whole = typer.main.get_command(app)
    everywhere = f"## Before or after any command\n\n{_table('Option', _options(whole))}"
    return "\n".join([_INTRO, everywhere, *_sections(whole)]).rstrip() + "\n"


def pages() -> dict[str, str]:
    """Every page that is written from the code, by its path in the project."""
    from newsletter.check.reference import reference as checks
    from newsletter.settings import reference as settings

    return {
        "docs/cli.md": reference(),
        "docs/settings.md": settings(),
        "docs/checks.md": checks(),
    }


def write(root: Path) -> None:
    """Write every such page below the project's folder."""
    from newsletter.project.files import make_folder, write_atomic

    for name, text in pages().items():
        make_folder((root / name).parent)
        write_atomic(root / name, text.encode())
        result(name)


def _sections(whole: Any) -> Iterator[str]:  # noqa: ANN401  # Typer hides the types of its commands
    panel = ""
    for name in whole.list_commands(None):
        command = whole.commands[name]
        if command.rich_help_panel != panel:
            panel = command.rich_help_panel
            yield f"## {panel}\n"
        yield from _commands(f"newsletter {name}", command)


def _commands(path: str, command: Any) -> Iterator[str]:  # noqa: ANN401  # as above
    """A command's section, or those of a group's commands."""
    if inner := getattr(command, "commands", None):
        for name in inner:
            yield from _commands(f"{path} {name}", inner[name])
        return
    tables = [_table("Argument", _arguments(command)), _table("Option", _options(command))]
    body = "\n".join(table for table in tables if table)
    yield f"### `{path}`\n\n{' '.join(command.help.split())}\n\n{body}"


def _table(head: str, rows: Iterator[tuple[str, str]]) -> str:
    lines = "".join(f"| {name} | {meaning} |\n" for name, meaning in rows)
    return _HEAD.format(head) + lines if lines else ""


def _arguments(command: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  # as above
    for one in command.params:
        if one.param_type_name == "argument":
            name = one.metavar or one.name.upper()
            yield f"`{name}`", one.help + _default(one)


def _options(command: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  # as above
    for one in command.params:
        if one.param_type_name == "option":
            value = takes(one).replace("|", "\\|")
            names = ", ".join(f"`{name} {value}".rstrip() + "`" for name in one.opts)
            needed = " Required." if one.required else ""
            yield names, one.help + needed + _default(one)


def _default(one: Any) -> str:  # noqa: ANN401  # as above
    default = one.default
    if default in (None, False, 0, Path()):
        return ""
    return f" Default: `{default.value if isinstance(default, enum.Enum) else default}`."


if __name__ == "__main__":
    write(Path(__file__).parents[2])
