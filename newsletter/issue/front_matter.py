"""The front matter of an issue: split off, read as text, errors with line and column."""

from __future__ import annotations

import bisect
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import frontmatter
import yaml
from frontmatter.default_handlers import YAMLHandler

from newsletter.errors import InputError, Place

# A value as it stands in the file: text, or a list or table of such values.
Value = str | tuple["Value", ...] | Mapping[str, "Value"]

# What escapes in double quotes can name but UTF-8 or XML cannot hold.
_NO_TEXT = re.compile("[\0\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_FENCE = re.compile(r"---[ \t]*")
#: What YAML reads as nothing where it stands without quotes.
_NULL = frozenset({"~", "null", "Null", "NULL"})
_COMMENT = re.compile(r"[ \t]+(#.*)")
_COMMENT_INSTEAD = re.compile(r"[ \t]*:[ \t]+(#.*)")
#: Characters of front matter; a long one has two thousand.
LONGEST = 100_000


class Cut(NamedTuple):
    """What stands behind an unquoted value and is a comment to YAML, "#12: what"."""

    text: str
    place: Place


class FrontMatter(NamedTuple):
    """What `read` found.

    Attributes:
        table: the values, every scalar as the text that stands in the file; what is null is not
            in it.
        places: where each key stands, dotted below the top level.
        texts: where a value begins that stands in the file as it is read, by the same keys.
        cut: what YAML cut off a value as a comment, by the same keys.
        body: everything after the closing fence, untouched.
        body_line: 1-based line of the file on which `body` starts.
    """

    table: Mapping[str, Value]
    places: Mapping[str, Place]
    texts: Mapping[str, Place]
    cut: Mapping[str, Cut]
    body: str
    body_line: int


def read(text: str, file: str) -> FrontMatter:
    """Split `text` (LF line ends) and read its front matter through python-frontmatter.

    Raises:
        InputError: no or unclosed fences, or YAML that is malformed, repeats a key or uses
            anchors; with line and column.
    """
    fences = _Fences.find(text, file)
    if len(fences.metadata) > LONGEST:
        line = fences.metadata_line + fences.metadata.count("\n", 0, LONGEST)
        raise InputError(
            f"the front matter is longer than {LONGEST:,} characters",
            place=Place(file, line),
            hint='end it with a line that is exactly "---"; the letter comes after that',
        )
    reader = _TextYAML(fences, file)
    frontmatter.parse(text, handler=reader)
    return FrontMatter(
        table=reader.table, places=reader.places, texts=reader.texts, cut=reader.cut,
        body=fences.body, body_line=fences.body_line,
    )  # fmt: skip


class _Fences(NamedTuple):
    """Where the front matter ends and the letter begins."""

    metadata: str
    metadata_line: int
    body: str
    body_line: int

    @classmethod
    def find(cls, text: str, file: str) -> _Fences:
        lines = text.split("\n")
        first = next((i for i, line in enumerate(lines) if line.strip()), None)
        if first is None:
            raise InputError(
                "this issue is empty",
                place=Place(file, 1),
                hint='it starts with front matter: a line "---", "title: ...", a line "---"',
            )
        if not _FENCE.fullmatch(lines[first]):
            raise InputError(
                "this issue has no front matter",
                place=Place(file, first + 1, 1),
                hint='its first line is "---", then "title: ...", then "---" again',
            )
        for at in range(first + 1, len(lines)):
            if _FENCE.fullmatch(lines[at]):
                return cls(
                    metadata="\n".join(lines[first + 1 : at]),
                    metadata_line=first + 2,
                    body="\n".join(lines[at + 1 :]),
                    body_line=at + 2,
                )
        raise InputError(
            "the front matter is never closed",
            place=Place(file, first + 1, 1),
            hint='end it with a line that is exactly "---"',
        )


class _TextYAML(YAMLHandler):
    """python-frontmatter's YAML reader, but every scalar stays text and errors know their place."""

    def __init__(self, fences: _Fences, file: str) -> None:
        super().__init__()
        self._fences = fences
        self._file = file
        self._seen: set[int] = set()
        self._breaks = [match.start() for match in re.finditer("\n", fences.metadata)]
        self.places: dict[str, Place] = {}
        self.texts: dict[str, Place] = {}
        self.cut: dict[str, Cut] = {}
        self.table: dict[str, Value] = {}

    def split(self, text: str) -> tuple[str, str]:  # noqa: ARG002  # python-frontmatter's signature
        return self._fences.metadata, self._fences.body

    def load(self, fm: str, **_: object) -> dict[str, Any]:
        self.table = self._compose(fm)
        return dict(self.table)

    def _compose(self, fm: str) -> dict[str, Value]:
        try:
            node = yaml.compose(fm, Loader=yaml.BaseLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            if error.context_mark and (mark is None or mark.index >= len(fm)):
                mark = error.context_mark  # what is never closed, and not the end
            raise self._error(
                "the front matter is not valid YAML",
                mark,
                cause=error.problem,
                hint="put quotes around values that hold a colon, a # or a quote",
            ) from error
        except yaml.reader.ReaderError as error:
            raise self._error(
                f"the front matter holds the character U+{error.character:04X}",
                error.position,
                hint="remove it; it is often pasted along from a web page",
            ) from error
        except (RecursionError, ValueError, OverflowError) as error:  # PyYAML lets these through
            raise self._error(
                "the front matter is nested too deeply or escapes a character that is none",
                None,
                hint="write it flatter, and the characters themselves",
            ) from error
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            raise self._error(
                "the front matter is not a list of keys",
                node.start_mark,
                hint='write one "key: value" per line',
            )
        return self._table(node, "")

    def _table(self, node: yaml.MappingNode, prefix: str) -> dict[str, Value]:
        table: dict[str, Value] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(
                    "a key of the front matter is not a word",
                    key_node.start_mark,
                    hint="{{ and {% need quotes around the whole value in YAML",
                )
            key = prefix + str(key_node.value)
            if key_node.value in table:
                raise self._error(
                    f'the key "{key}" stands here twice', key_node.start_mark, hint="keep one"
                )
            self.places[key] = self._place(key_node.start_mark)
            if isinstance(value_node, yaml.ScalarNode):
                self._note_text(key, value_node)
                self._note_cut(key, key_node, value_node)
                if not value_node.style and value_node.value in _NULL:
                    continue
            table[str(key_node.value)] = self._value(value_node, key)
        return table

    def _value(self, node: yaml.Node, key: str) -> Value:
        if id(node) in self._seen:
            raise self._error(
                "anchors and aliases are not read here",
                node.start_mark,
                hint="write the value out; if it only starts with * or &, put quotes around it",
            )
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return self._table(node, key + ".")
        if isinstance(node, yaml.SequenceNode):
            return tuple(self._value(item, key) for item in node.value)
        if found := _NO_TEXT.search(text := str(node.value)):
            raise self._error(
                f'"{key}" holds U+{ord(found[0]):04X}, which is no character',
                node.start_mark,
                hint="write the characters themselves instead of escapes",
            )
        return text

    def _note_text(self, key: str, node: yaml.ScalarNode) -> None:
        """Note where a value begins that stands in the file as it is read."""
        begin = node.start_mark.index + (node.style in {"'", '"'})
        if self._fences.metadata.startswith(node.value, begin) and "\n" not in node.value:
            self.texts[key] = self._place(begin)

    def _note_cut(self, key: str, name: yaml.ScalarNode, node: yaml.ScalarNode) -> None:
        """Note a comment behind a value without quotes, or where one should be."""
        if node.style:
            return
        pattern, end = (
            (_COMMENT, node.end_mark.index)
            if node.value
            else (_COMMENT_INSTEAD, name.end_mark.index)
        )
        if found := pattern.match(self._fences.metadata, end):
            self.cut[key] = Cut(text=found[1].rstrip(), place=self._place(found.start(1)))

    def _place(self, mark: yaml.Mark | int | None) -> Place:
        """The place of a mark or an index; YAML counts lines an editor does not (U+2028)."""
        if mark is None:
            return Place(self._file, self._fences.metadata_line)
        index = mark if isinstance(mark, int) else mark.index
        above = bisect.bisect_left(self._breaks, index)
        begin = self._breaks[above - 1] if above else -1
        return Place(self._file, self._fences.metadata_line + above, index - begin)

    def _error(
        self, message: str, mark: yaml.Mark | int | None, *, hint: str, cause: str | None = None
    ) -> InputError:
        return InputError(message, place=self._place(mark), cause=cause, hint=hint)
