"""What a rule is: its id, its weight, what it looks at and what it yields."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from newsletter.errors import Place
from newsletter.issue import Issue
from newsletter.pictures import PictureFault
from newsletter.render import Options, RenderedIssue

Severity = Literal["error", "warning"]


class Finding(NamedTuple):
    """One thing to look at.

    Attributes:
        id: the rule's name, stable.
        severity: "error" stops a send.
        place: file, line and, where known, column.
        message: one sentence.
        hint: what to do about it.
        ignored: the author's reason for leaving it, "" for none.
    """

    id: str
    severity: Severity
    place: Place
    message: str
    hint: str
    ignored: str = ""


class UrlStatus(NamedTuple):
    """What one web address of the issue answered.

    Attributes:
        status: the HTTP status of the last hop, 0 when there was no answer.
        problem: why there was none, in a few words; "" when there was one.
        certain: whether asking again tomorrow would hardly help.
        size: bytes of the answer, None when it did not say and was not read.
    """

    status: int = 0
    problem: str = ""
    certain: bool = False
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleContext:
    """What a rule may look at: the issue, as written and as it will arrive, and what is around it.

    Attributes:
        issue: as written.
        rendered: as it will arrive.
        options: what it was rendered with.
        today: the author's date, None where dates are not to be judged.
        assets: paths of the local images that exist, as Markdown names them; None when unknown.
        shown: local pictures of the page that the settings name, by their paths as files, and
            whether they are there.
        picture_faults: what is wrong with pictures that are published for this letter, by their
            paths as files.
        twins: other files with the same number.
        rivals: other ready issues for the same date of the schedule.
        rivals_unknown: why nothing tells whether one of them, or this one, was sent; "" where it is
            known that none was.
        ignore: finding ids the newsletter's settings answer for.
        answers: what the web said about addresses of the letter; None without `--online`.
        filled_size: bytes of the HTML part as a reader gets it, with everything filled in; 0 when
            unknown.
        real: whether the issue goes to readers, and not to a folder.
    """

    issue: Issue
    rendered: RenderedIssue
    options: Options
    today: dt.date | None = None
    assets: frozenset[str] | None = None
    shown: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    picture_faults: Mapping[str, tuple[PictureFault, ...]] = dataclasses.field(default_factory=dict)
    twins: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    rivals_unknown: str = ""
    ignore: Mapping[str, str] = dataclasses.field(default_factory=dict)
    answers: Mapping[str, UrlStatus] | None = None
    filled_size: int = 0
    real: bool = False

    @property
    def size(self) -> int:
        """Bytes of the HTML part, as near as is known to what arrives."""
        return self.filled_size or len(self.rendered.html.encode())

    def at(self, line: int, needle: str = "") -> Place:
        """Where `needle` stands from `line` to the end of its paragraph, else the line alone."""
        first = self.issue.body_line
        if needle and line >= first:
            lines = _lines(self.issue.body)
            for number in range(line, first + len(lines)):
                text = lines[number - first]
                if needle in text:
                    return Place(self.issue.file, number, text.find(needle) + 1)
                if not text.strip():
                    break
        return Place(self.issue.file, line)

    def exact(self, place: Place) -> Place:
        """`place` with a line and a column: of the line's first word where no more is known."""
        line = place.line or 1
        texts = _lines(self.issue.body)
        at = line - self.issue.body_line
        text = texts[at] if 0 <= at < len(texts) else ""
        indent = len(text) - len(text.lstrip()) if text.strip() else 0
        return Place(place.file, line, place.column or indent + 1)


@functools.lru_cache(maxsize=2)
def _lines(body: str) -> list[str]:
    """The lines of a letter, split once for all its findings."""
    return body.split("\n")


#: One fault a rule found: where, in one sentence, and what to do.
Fault = tuple[Place, str, str]
Find = Callable[[RuleContext], Iterator[Fault]]


class Rule(NamedTuple):
    """One check.

    Attributes:
        id: its stable name.
        severity: of all its findings.
        in_rehearsal: their severity where nothing leaves, if that is another.
        meaning: for the documentation.
        find: the check itself.
    """

    id: str
    severity: Severity
    meaning: str
    find: Find
    in_rehearsal: Severity | None = None

    def weigh(self, context: RuleContext) -> Severity:
        """How much its findings weigh in one issue."""
        return self.severity if context.real else self.in_rehearsal or self.severity


RULES: Final[dict[str, Rule]] = {}


def rule(
    id_: str, severity: Severity, meaning: str, *, in_rehearsal: Severity | None = None
) -> Callable[[Find], Find]:
    """Register a check under its id."""

    def register(find: Find) -> Find:
        RULES[id_] = Rule(
            id=id_, severity=severity, meaning=meaning, find=find, in_rehearsal=in_rehearsal
        )
        return find

    return register
