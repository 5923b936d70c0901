"""A line of a file, opened in the author's own editor.

The command is a list of words from start to end; no shell ever reads a path.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Final

from newsletter.errors import InputError

_COLON: Final = "{file}:{line}:{column}"
_PLUS: Final = ("+{line}", "{file}")
# What editors with a window of their own call "this file, this line", by program; the others
# (gvim, gedit, emacsclient, bbedit) understand "+line file".
_ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(
        ("code", "code-insiders", "codium", "cursor", "windsurf", "positron"), ("--goto", _COLON)
    ),
    **dict.fromkeys(("zed", "zeditor", "subl", "sublime_text", "atom"), (_COLON,)),
    **dict.fromkeys(
        ("idea", "pycharm", "webstorm", "phpstorm", "rubymine", "goland", "fleet"),
        ("--line", "{line}", "{file}"),
    ),
    **dict.fromkeys(("mate", "kate", "kwrite", "mousepad"), ("--line", "{line}", "{file}")),
}
#: They would write over the terminal in which the preview runs.
_IN_TERMINALS: Final = frozenset(
    "vi vim nvim nano pico micro hx helix kak joe ne ed emacs mcedit".split()
)
# Asked for in this order where nothing is said.
_LOOKED_FOR: Final = ("code", "codium", "cursor", "zed", "zeditor", "subl", "kate", "gedit")
_VARIABLES: Final = ("VISUAL", "EDITOR")


def editor_command(
    said: str, environ: Mapping[str, str], which: Callable[[str], str | None] = shutil.which
) -> tuple[str, ...] | None:
    """The words that open a file, with {file}, {line} and {column} to be filled in.

    Args:
        said: what the author said for the preview, as typed; wins over everything else.
        environ: asked for VISUAL and EDITOR. An editor that runs in a terminal is passed over.
        which: finds a program.

    Returns:
        None where no editor with a window of its own is known.

    Raises:
        InputError: `said` cannot be read as words.
    """
    if said:
        try:
            return _filled_out(shlex.split(said))
        except ValueError as error:
            raise InputError(
                "--editor is not a command", cause=str(error), hint="close the quotation marks"
            ) from error
    for variable in _VARIABLES:
        try:
            words = shlex.split(environ.get(variable, ""))
        except ValueError:
            continue
        if words and _name(words[0]) not in _IN_TERMINALS:
            return _filled_out(words)
    program = next((name for name in _LOOKED_FOR if which(name)), None)
    return _filled_out([program]) if program else None


def open_in_editor(command: tuple[str, ...], path: Path, line: int, column: int) -> None:
    """Start an editor; it outlives the preview, and nothing it says reaches this terminal.

    Raises:
        InputError: it cannot be started.
    """
    values = {"{file}": str(path), "{line}": str(max(line, 1)), "{column}": str(max(column, 1))}
    words = [_fill(word, values) for word in command]
    nowhere = subprocess.DEVNULL
    try:
        process = subprocess.Popen(  # noqa: S603  # the author's own editor, and no shell
            words, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
        )
    except OSError as error:
        raise InputError(
            f"{_name(words[0])} could not be started",
            cause=error.strerror,
            hint='newsletter preview --editor "PROGRAM {file}:{line}"',
        ) from error
    # Somebody has to wait for it, or it stays in the table of processes when it ends.
    threading.Thread(target=process.wait, daemon=True).start()


def _filled_out(words: list[str]) -> tuple[str, ...] | None:
    """A command that says nothing of files is given what its program understands."""
    if not words:
        return None
    if any("{file}" in word for word in words):
        return tuple(words)
    return (*words, *_ARGUMENTS.get(_name(words[0]), _PLUS))


def _name(program: str) -> str:
    return PurePath(program).name.lower().removesuffix(".exe")


def _fill(word: str, values: Mapping[str, str]) -> str:
    # The file last: its name may hold what looks like a placeholder.
    for name in ("{line}", "{column}", "{file}"):
        word = word.replace(name, values[name])
    return word
