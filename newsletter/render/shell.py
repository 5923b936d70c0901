"""The theme through Jinja: a page with an empty slot, every line of it knowing its file.

A theme is somebody's own code, so what is wrong with it is told with its file and line, never
with an offset into something they have not seen.
"""

from __future__ import annotations

import codecs
import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jinja2
import jinja2.sandbox
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from newsletter.errors import InputError, Place
from newsletter.humanize import nearest
from newsletter.render import Theme

# Jinja's lexer would load it with the first template, in the middle of a render.
codecs.lookup("unicode_escape")

# Noncharacters, so no text can hold them: they carry "index of the file : line" through Jinja.
_MARK: Final = re.compile("\ufdd1(\\d+):(\\d+)\ufdd2")


@dataclass(frozen=True)
class Shell:
    """A filled-in theme file.

    Attributes:
        marked: what Jinja wrote, every line of the theme with its mark.
        entry: the theme's file that was filled in.
        names: the theme's files.
    """

    marked: str
    entry: str
    names: tuple[str, ...]

    @functools.cached_property
    def text(self) -> str:
        """What Jinja wrote."""
        return _MARK.sub("", self.marked)

    @functools.cached_property
    def origin(self) -> tuple[tuple[str, int], ...]:
        """For every line of `text`, (theme file, line) where it comes from; asked for by errors."""
        origin = []
        last = (self.entry, 1)
        for line in self.marked.split("\n"):
            # before, index, line, text, index, ...: a line is where its first text is from.
            pieces = _MARK.split(line)
            marks = [*zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True)]
            shown = next((mark for mark in marks if mark[2]), marks[-1] if marks else None)
            if shown and (not pieces[0] or not any(pieces[::3])):
                last = (self.names[int(shown[0])], int(shown[1]))
            origin.append(last)
            if marks:
                last = (self.names[int(marks[-1][0])], int(marks[-1][1]))
        return tuple(origin)

    def line_place(self, theme: Theme, line: int) -> Place:
        """Where the 1-based `line` of `text` comes from."""
        name, number = self.origin[min(line, len(self.origin)) - 1]
        return Place(theme.path(name), number)

    def place(self, theme: Theme, index: int) -> Place:
        """Where the character at `index` of `text` comes from."""
        return self.line_place(theme, self.text.count("\n", 0, index) + 1)


def fill(theme: Theme, entry: str, values: Mapping[str, Any]) -> Shell:
    """Fill in one of the theme's entry files.

    Args:
        theme: the theme.
        entry: "issue.mjml" or "issue.txt".
        values: the variables; autoescaped in `.mjml` files.

    Raises:
        InputError: template syntax, an unknown variable or include, or a failing expression,
            with the theme's file and line.
    """
    environment = _environment(theme)
    try:
        marked = environment.get_template(entry).render(values)
        return Shell(marked, entry, tuple(name for name, _ in theme.files))
    except jinja2.TemplateSyntaxError as error:
        raise InputError(
            "the theme's template cannot be read",
            place=_syntax_place(theme, error, entry), cause=error.message,
            hint="look at the braces and the {% ... %} on that line",
        ) from error  # fmt: skip
    except jinja2.TemplateNotFound as error:
        raise InputError(
            f'the theme includes "{error.name}", which is not there',
            place=_place(theme, error, entry),
            hint=nearest(str(error.name), [name for name, _ in theme.files]),
        ) from error
    except jinja2.UndefinedError as error:
        raise InputError(
            "the theme uses a variable that is not there", place=_place(theme, error, entry),
            cause=error.message, hint="docs/themes.md lists what a theme is given",
        ) from error  # fmt: skip
    except (jinja2.TemplateError, TypeError, ValueError, AttributeError, ArithmeticError,
            LookupError, RecursionError) as error:  # fmt: skip
        raise InputError(
            "an expression of the theme fails", place=_place(theme, error, entry),
            cause=str(error).split("\n")[0], hint="fix the expression on that line",
        ) from error  # fmt: skip


class _Marks(Extension):
    """Writes "file:line" before every line of literal template text.

    Not in `{% filter %}` and `{% set %}...{% endset %}`, whose text the theme itself looks at.
    """

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        names: tuple[str, ...] = self.environment.newsletter_names  # type: ignore[attr-defined]
        index = names.index(str(stream.name))
        block: list[Token] = []
        computed = 0
        for token in stream:
            if token.type == "data" and not computed:
                yield Token(token.lineno, "data", _marked(token, index))
                continue
            block = [] if token.type == "block_begin" else [*block, token]
            computed += _opens(block) if token.type == "block_end" else 0
            yield token


def _marked(token: Token, index: int) -> str:
    lines = enumerate(token.value.split("\n"), token.lineno)
    return "\n".join(f"\ufdd1{index}:{number}\ufdd2{line}" for number, line in lines)


def _opens(block: Sequence[Token]) -> int:
    """1 for a tag that begins a computed text, -1 for one that ends it, else 0."""
    word = block[0].value
    if word in {"endfilter", "endset"}:
        return -1
    is_text = word == "set" and not any(token.type == "assign" for token in block)
    return int(word == "filter" or is_text)


@functools.lru_cache(maxsize=4)
def _environment(theme: Theme) -> jinja2.Environment:
    files = dict(theme.files)

    def load(name: str) -> tuple[str, str, Callable[[], bool]] | None:
        return (files[name], theme.path(name), lambda: True) if name in files else None

    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        loader=jinja2.FunctionLoader(load),
        autoescape=jinja2.select_autoescape(enabled_extensions=("mjml",), default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=[_Marks],
    )
    environment.extend(newsletter_names=tuple(name for name, _ in theme.files))
    environment.globals = {"range": jinja2.sandbox.safe_range, "dict": dict}
    return environment


def _syntax_place(theme: Theme, error: jinja2.TemplateSyntaxError, entry: str) -> Place:
    name, line = error.name or entry, error.lineno
    if found := re.search(r"innermost block that needs to be closed is '(\w+)'", str(error)):
        # Jinja names the end of the file; the way out is where the block begins.
        text, opened = dict(theme.files)[name], [line]
        for tag in re.finditer(rf"\{{%[-+]?\s*(end)?{found[1]}\b", text):
            if tag[1]:
                opened.pop()
            else:
                opened.append(text.count("\n", 0, tag.start()) + 1)
        line = opened[-1]
    return Place(theme.path(name), line)


def _place(theme: Theme, error: Exception, entry: str) -> Place:
    """The theme's innermost line in a traceback; Jinja puts its templates into it."""
    paths = {theme.path(name) for name, _ in theme.files}
    found = Place(theme.path(entry), 1)
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename in paths:
            found = Place(step.tb_frame.f_code.co_filename, step.tb_lineno)
        step = step.tb_next
    return found
