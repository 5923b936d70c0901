"""The first stage: the bytes of an issue's file become an Issue.

Front matter is read with every value as the text that stands there: YAML 1.1 would read `074` as
60, `No` as false and `title: #74` as nothing. What cannot be read raises InputError with its
line and column; what can be read but is wrong is left to `check`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from newsletter.errors import InputError, Place
from newsletter.issue import front_matter
from newsletter.issue.front_matter import Cut, Value
from newsletter.issue.values import Status, UtmOverride, Values

__all__ = [
    "KEYS",
    "OPENING",
    "Cut",
    "Issue",
    "Status",
    "UtmOverride",
    "Value",
    "number_of",
    "parse",
    "source_hash",
]

_NUMBERED = re.compile(r"(\d{1,6})(?:-(.*))?")
# What no text holds: the stages of rendering mark places with noncharacters.
_UNFIT = re.compile("[\0\ufdd0-\ufdef\ufffe\uffff]")
# Controls of terminals; YAML refuses them above the letter. Those beyond ASCII are text in a wrong
# encoding, which `check` can repair.
_CONTROL = re.compile("[\x01-\x08\x0b-\x1f\x7f]")
_MATTER = re.compile(r"\s*^---[ \t]*\n.*?^---[ \t]*$", re.MULTILINE | re.DOTALL)
#: By this the first issue is known while it is still the one that `newsletter init` wrote.
OPENING: Final = "This is the first issue of a newsletter that lives in a folder."
_SAMPLE: Final = re.compile(r"^" + r"\s+".join(map(re.escape, OPENING.split())), re.MULTILINE)
#: What the program reads of the front matter, but for what the archive alone reads.
KEYS = frozenset(
    {
        "title",
        "date",
        "number",
        "subject",
        "preheader",
        "status",
        "approved",
        "send_at",
        "segment",
        "utm",
        "checks",
        "sent_elsewhere",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One issue as its author wrote it.

    Attributes:
        file: path as the author would type it, for findings.
        number: from the file name, else from the front matter.
        slug: the file name after the number, may be empty.
        title: one line, HTML entities decoded.
        subject: the front matter's own subject, else the title.
        preheader: the line mail programs show after the subject, may be empty.
        status: "draft" where the front matter says so in any of the usual ways, else "ready".
        sent_elsewhere: who sent it before this program was there, in words; "" where nobody did.
            Such an issue is never sent again.
        body: Markdown, LF line ends, exactly as in the file.
        body_line: 1-based line of the file on which `body` starts.
        source_hash: SHA-256 in hex of the file without its `approved` line.
        places: where each front-matter key stands, dotted below the top level.
        texts: where a value begins that stands in the file as it is read, by the same keys.
        cut: what YAML cut off a value as a comment, with its place, by the same keys.
        extra: keys this project does not know, kept as they stand.
        raw: the front-matter values before decoding, for `check`.
    """

    file: str
    number: int
    slug: str
    title: str
    subject: str
    preheader: str = ""
    date: dt.date | None = None
    send_at: dt.datetime | None = None
    status: Status = "ready"
    approved: str = ""
    segment: str = ""
    sent_elsewhere: str = ""
    utm: UtmOverride = field(default_factory=UtmOverride)
    ignored_checks: Mapping[str, str]
    body: str
    body_line: int
    source_hash: str
    places: Mapping[str, Place]
    texts: Mapping[str, Place]
    cut: Mapping[str, Cut]
    extra: Mapping[str, Value]
    raw: Mapping[str, Value]

    def place(self, key: str) -> Place:
        """Where `key` stands in the front matter, or the file's first line without it."""
        return self.places.get(key, Place(self.file, 1))

    @property
    def is_sample(self) -> bool:
        """Whether it is still the one that `newsletter init` wrote: to look at, for no reader.

        What is approved is not, nor what quotes it: a person has chosen that.
        """
        return not self.approved and _SAMPLE.search(self.body) is not None

    @property
    def name(self) -> str:
        """The number as file names carry it: 7 becomes "007"."""
        return f"{self.number:03d}"


def number_of(name: str) -> int | None:
    """The issue number a file name begins with ("074-some-slug.md" is 74), or None."""
    match = _NUMBERED.fullmatch(name.rpartition("/")[2].removesuffix(".md"))
    return int(match[1]) if match else None


def parse(data: bytes, *, file: str, numbered: bool = True) -> Issue:
    """Read one issue.

    Args:
        data: the file's bytes: UTF-8, with or without a byte-order mark, any line ends.
        file: the path to name in errors; its last part gives number and slug.
        numbered: false for a text of the same form that is no issue; its number is 0.

    Raises:
        InputError: not UTF-8, fences or YAML malformed, a value of the wrong kind. The place
            is exact to the column where the parser knows it.
    """
    text = _decode(data, file)
    matter = front_matter.read(text, file)
    _refuse_controls(matter, file)
    values = Values(matter.table, matter.places, file)
    number, slug = _numbered(file, values) if numbered else (0, "")
    title = values.line("title", required=True)
    return Issue(
        file=file,
        number=number,
        slug=slug,
        title=title,
        subject=values.line("subject") or title,
        preheader=values.line("preheader"),
        date=values.date("date"),
        send_at=values.moment("send_at"),
        status=values.status(),
        approved=values.line("approved"),
        segment=values.line("segment"),
        sent_elsewhere=values.sent_elsewhere(),
        utm=values.utm(),
        ignored_checks=values.ignored_checks(),
        body=matter.body,
        body_line=matter.body_line,
        source_hash=source_hash(text),
        places=matter.places,
        texts=matter.texts,
        cut=matter.cut,
        extra={k: v for k, v in matter.table.items() if k not in KEYS},
        raw=matter.table,
    )


def source_hash(text: str) -> str:
    """SHA-256 (hex) of an issue's text without the `approved` line, which is added later."""
    kept = text
    if found := _MATTER.match(text):  # the letter itself may hold a line that looks like it
        kept = re.sub(r"(?m)^approved:.*\n", "", found[0], count=1) + text[found.end() :]
    return hashlib.sha256(kept.encode()).hexdigest()


def _decode(data: bytes, file: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = _line_feeds(error.object[: error.start].decode())  # without the mark
        raise InputError(
            "this file is not UTF-8",
            place=_end_of(before, file),
            hint="save it as UTF-8 in your editor",
        ) from error
    text = _line_feeds(text)
    if found := _UNFIT.search(text):
        name = "NUL character" if found[0] == "\0" else f"noncharacter U+{ord(found[0]):04X}"
        raise InputError(
            f"this file holds a {name}",
            place=_end_of(text[: found.start()], file),
            hint="it may be UTF-16 or a binary file; save it as UTF-8 text",
        )
    return text


def _refuse_controls(matter: front_matter.FrontMatter, file: str) -> None:
    if found := _CONTROL.search(matter.body):
        inside = _end_of(matter.body[: found.start()], file)
        raise InputError(
            f"the letter holds the control character U+{ord(found[0]):04X}",
            place=Place(file, matter.body_line + inside.line - 1, inside.column),
            hint="remove it; it is often pasted along from a web page or a terminal",
        )


def _line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _end_of(before: str, file: str) -> Place:
    return Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _numbered(file: str, values: Values) -> tuple[int, str]:
    match = _NUMBERED.fullmatch(file.rpartition("/")[2].removesuffix(".md"))
    stated = values.number()
    if match:
        return int(match[1]), match[2] or ""
    if stated is None:
        raise InputError(
            "this issue has no number",
            place=Place(file, 1),
            hint='begin the file name with it ("074-some-words.md") or add "number: 74"',
        )
    return stated, file.rpartition("/")[2].removesuffix(".md")
