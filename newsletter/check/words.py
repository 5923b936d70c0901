"""Rules about the letter's text: its characters, markers, headings, images, merge fields."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

import ftfy

from newsletter.check.links import SCHEME, nearly_meant
from newsletter.check.pictures import frame_pictures
from newsletter.check.rule import Fault, RuleContext, rule
from newsletter.errors import Place
from newsletter.render.markdown.fields import Fields
from newsletter.render.markdown.html import forbidden

_UNDONE: Final = re.compile(r"\b(TK|TODO|FIXME|XXX)\b|\blorem ipsum\b", re.IGNORECASE)
_CASED: Final = frozenset({"TK", "TODO", "FIXME", "XXX"})
_STRAY: Final = re.compile(
    r"(?<![\w*_/\\@#?&=])[*_]{1,3}(?=[^\W_])"  # opens
    r"|(?<=[\w.,;:!?)\u201d\u2019])(?:_|[*_]{2,3})(?![\w*_/\\])|(?<=[,;:])\*(?![\w*_])"  # closes
)
#: "price*" is how people mark a footnote; its text may then begin with "*".
_NOTE: Final = re.compile(r"(?<=[^\W_])[.!?)%\u201d\u2019]?\*(?![\w*_])")
_FILE_NAME: Final = re.compile(r"[\w-]+\.(png|jpe?g|gif|webp|svg)|IMG_\d+|image\d*", re.IGNORECASE)
#: A marker with what stands beside it; both sides may belong to others, so they are looked at only.
_RUN: Final = re.compile(r"(?=([^\s*])(\*{1,3})([^\s*]))")
_SHOWN: Final = 60
_FIELD_IN_LINK: Final = re.compile(r"\]\([^()\s]*(\{\{(?=[^{}]*\s)\s*(\w+)[^{}]*\}\})[^()]*\)")
_KEYS: Final = ("title", "subject", "preheader")


@rule("body-empty", "error", "There is no letter under the front matter.")
def _empty(context: RuleContext) -> Iterator[Fault]:
    if not context.issue.body.strip():
        place = Place(context.issue.file, context.issue.body_line)
        yield place, "there is no letter under the front matter", "write one"


@rule("mojibake", "error", "Text that was read in the wrong encoding.")
def _mojibake(context: RuleContext) -> Iterator[Fault]:
    hint = "newsletter check --fix-encoding writes the repair"
    for key in _KEYS:
        raw = context.issue.raw.get(key)
        if isinstance(raw, str) and ftfy.fix_encoding(raw) != raw:
            yield context.issue.place(key), f"the {key} was read in the wrong encoding", hint
    body = context.issue.body
    pairs = zip(body.split("\n"), repair(body).split("\n"), strict=True)
    for number, (line, repaired) in enumerate(pairs, context.issue.body_line):
        if repaired != line:
            same = (i for i, (a, b) in enumerate(zip(line, repaired, strict=False)) if a != b)
            at = next(same, min(len(line), len(repaired)))
            place = Place(context.issue.file, number, at + 1)
            wrong, right = _around(line, at), _around(repaired, at)
            yield place, f'text in the wrong encoding: "{wrong}" is "{right}"', hint


def repair(text: str) -> str:
    """Undo a wrong decoding (UTF-8 read as Mac Roman, cp1252 ...), and nothing else.

    The text as a whole gives the evidence a short line lacks; where only some lines were damaged
    the suspects are judged together, then each line alone. The number of lines never changes.
    """
    lines = _undamaged(text.split("\n"))
    suspects = [number for number, line in enumerate(lines) if _is_suspect(line)]
    together = _undamaged([lines[number] for number in suspects])
    for number, line in zip(suspects, together, strict=True):
        lines[number] = line
    return "\n".join(_undamaged([line])[0] for line in lines)


def _undamaged(lines: list[str]) -> list[str]:
    fixed = ftfy.fix_encoding("\n".join(lines)).split("\n")
    return fixed if len(fixed) == len(lines) else lines


def _is_suspect(line: str) -> bool:
    """Whether a line's bytes in Mac Roman are UTF-8, which does not happen by chance."""
    try:
        return line.encode("mac_roman").decode() != line
    except UnicodeError:
        return False


def _around(line: str, at: int) -> str:
    begin = line.rfind(" ", 0, at) + 1
    end = line.find(" ", at)
    return line[begin : end if end >= 0 else len(line)][:_SHOWN]


@rule("html-forbidden", "error", "Author HTML that mail programs drop or distrust.")
def _forbidden(context: RuleContext) -> Iterator[Fault]:
    raws = (raw for raw in context.rendered.raws if not raw.html.startswith("</"))
    for raw in raws:
        for name in forbidden(raw.html):
            yield (
                context.at(raw.line, f"<{name}"),
                f"<{name}> is left out: mail programs do not show it",
                "link to a page that holds it",
            )


@rule("field-no-fallback", "error", "A merge field without a fallback.")
def _no_fallback(context: RuleContext) -> Iterator[Fault]:
    for name in context.rendered.fields_without_fallback:
        yield (
            _first_use(context, name),
            f'the field "{name}" has no fallback for people without one',
            f'write {{{{ {name} | default("there") }}}} or give it one under [fields]',
        )


@rule("field-in-link", "error", "A blank inside a merge field keeps Markdown from seeing the link.")
def _in_link(context: RuleContext) -> Iterator[Fault]:
    # Only where the text shows what is left of a link; in code it is meant.
    if not any("](" in text for text, _ in context.rendered.words):
        return
    for number, line in enumerate(context.issue.body.split("\n"), context.issue.body_line):
        for found in _FIELD_IN_LINK.finditer(line):
            if found[2] in context.options.fields:
                yield (
                    context.at(number, found[0]),
                    f"the blanks in {found[1]} keep this from being a link",
                    f"write {{{{{found[2]}}}}} without blanks inside a link",
                )


def field_in_link(context: RuleContext, text: str) -> bool:
    """Whether a blank in a merge field, which is no text any more, keeps this from being a link."""
    targets = _targets_with_fields(context.issue.body)
    return any(name in context.options.fields and rest in text for name, rest in targets)


@functools.lru_cache(maxsize=2)
def _targets_with_fields(body: str) -> tuple[tuple[str, str], ...]:
    """A field's name and what is left of the link around it, for each."""
    found = ((one[2], one[0].replace(one[1], "")) for one in _FIELD_IN_LINK.finditer(body))
    return tuple(dict.fromkeys(found))


@rule("field-near-miss", "warning", "Braces that look like a merge field but are not read as one.")
def _near_miss(context: RuleContext) -> Iterator[Fault]:
    fields = Fields(context.options.fields)
    for text, where in _texts(context):
        for found in fields.near_misses(text):
            # Markdown has taken the backslash away, and with it what the author meant.
            if f"\\{found}" in (text if isinstance(where, str) else context.issue.body):
                continue
            yield (
                _place(context, where, found),
                f"{found} is not a merge field and will be read as it stands",
                'a field is {{ name }} or {{ name | default("x") }}; \\{{ means it literally',
            )


@rule("undone", "warning", "A reminder or dummy text was left in.")
def _undone(context: RuleContext) -> Iterator[Fault]:
    for text, where in _texts(context):
        for found in _UNDONE.finditer(text):
            if found[0].upper() in _CASED and not found[0].isupper():
                continue
            message = f'"{found[0]}" was left in the text'
            yield _place(context, where, found[0]), message, "finish it"


@rule("stray-marker", "warning", "A literal * or _ that was probably meant as emphasis.")
def _stray(context: RuleContext) -> Iterator[Fault]:
    notes = any(_NOTE.search(text) for text, _ in context.rendered.words)
    for text, line in context.rendered.words:
        if beside := _beside_punctuation(context, text):
            yield context.at(line, beside[1] + beside[2] + beside[3]), *_beside(beside)
            continue
        strays = (found for found in _STRAY.finditer(text) if not _is_meant(context, found))
        found = next(strays, None)
        if found is None or (notes and found[0] == "*" and not found.start()):
            continue
        near = text[max(0, found.start() - 10) : found.end() + 15].strip()
        yield (
            context.at(line, _around(text, found.start())),
            f'a literal "{found[0]}" is left in "{near}"',
            r"close the emphasis, or write \* or \_",
        )


def _beside_punctuation(context: RuleContext, text: str) -> re.Match[str] | None:
    """The first `*` that Markdown left because of the punctuation on one side of it.

    Beside a blank, ASCII punctuation or the edge of the text it is read; scripts that put no blanks
    around their quotes meet the rule in every other sentence (CommonMark, 6.2).
    """
    for found in _RUN.finditer(text):
        before, after = found[1], found[3]
        for mark, letter in ((before, after), (after, before)):
            outside = not mark.isascii() and unicodedata.category(mark)[0] in "PS"
            if outside and letter.isalnum() and not _is_escaped(context, found):
                return found
    return None


def _is_escaped(context: RuleContext, found: re.Match[str]) -> bool:
    return f"{found[1]}\\{found[2]}" in context.issue.body


def _beside(found: re.Match[str]) -> tuple[str, str]:
    """What is said of such a `*`: message and hint."""
    near = found.string[max(0, found.start() - 8) : found.end(3) + 8].strip()
    marks = {found[1].isalnum(): found[1], found[3].isalnum(): found[3]}
    message = (
        f'the "{found[2]}" in "{near}" is left as text: Markdown reads no emphasis between '
        f'"{marks[False]}" and "{marks[True]}"'
    )
    return message, f'write "{marks[False]}" on the other side of "{found[2]}", or <b>...</b>'


def _is_meant(context: RuleContext, found: re.Match[str]) -> bool:
    """Whether the author wrote the marker with a backslash, or as part of an address."""
    begin = found.string.rfind(" ", 0, found.start()) + 1
    word = _around(found.string, found.start())
    written = "".join(
        (r"\\" if found.start() <= begin + at < found.end() else r"\\?") + re.escape(character)
        for at, character in enumerate(word)
    )
    return "://" in word or re.search(written, context.issue.body) is not None


@rule("heading-title", "warning", "The letter begins with a title; the theme shows one already.")
def _title(context: RuleContext) -> Iterator[Fault]:
    body = context.issue.body
    first = context.issue.body_line + body[: len(body) - len(body.lstrip())].count("\n")
    level, text, line = next(iter(context.rendered.headings), (0, "", 0))
    found = re.match(r"\s*<h1\b[^>]*>([^<]*)", body, re.IGNORECASE)
    if found or (level == 1 and line == first):
        shown = " ".join((found[1] if found else text).split())[:_SHOWN]
        message = f'the letter begins with the title "{shown}"; the theme shows the title above it'
        yield context.at(first), message, "take it out; a section begins with ##"


@rule("heading-skipped", "warning", "A heading level is skipped.")
def _skipped(context: RuleContext) -> Iterator[Fault]:
    last = 1
    for level, text, line in context.rendered.headings:
        if level > last + 1:
            message = f'"{text[:_SHOWN]}" is a level {level} heading after level {last}'
            yield context.at(line), message, f"use {'#' * (last + 1)}"
        last = level


@rule("alt-missing", "warning", "An image without alternative text.")
def _alt(context: RuleContext) -> Iterator[Fault]:
    for image in context.rendered.images:
        if not image.alt.strip():
            what = "has no alternative text"
        elif _FILE_NAME.fullmatch(image.alt.strip()):
            what = "has a file name for alternative text"
        else:
            continue
        markdown = context.at(image.line, "![")
        place = markdown if markdown.column else context.at(image.line, "<img")
        yield place, f"an image {what}", "say what it shows: ![words](...) or alt=..."


@rule("image-local", "error", "A local image that no reader could load.")
def _local(context: RuleContext) -> Iterator[Fault]:
    base = context.options.assets_url.rstrip("/")
    for image in context.rendered.images:
        local = image.src.removeprefix(f"{base}/") if base else image.src
        if not local or local.startswith("//") or SCHEME.match(local):
            continue
        written = local if local in context.issue.body else unquote(local)
        place = context.at(image.line, written)
        gone = context.assets is not None and local not in context.assets
        if not base:
            yield place, *_without_address(local, gone=gone)
        elif local.startswith("/"):
            message = f'the image "{local}" cannot be seen in a mail'
            yield place, message, "name it without the leading /"
        elif gone:
            meant = nearly_meant(local)
            hint = f'did you mean "{meant}"?' if meant else "put the file beside the issue"
            yield place, f'the image "{local}" is not there', hint
    yield from _of_the_frame(context)


def _of_the_frame(context: RuleContext) -> Iterator[Fault]:
    """Pictures of the settings, which no mail can show without the address."""
    if not context.options.assets_url:
        for name in frame_pictures(context):
            gone = not context.shown[name]
            yield context.at(context.issue.body_line), *_without_address(name, gone=gone)


def _without_address(name: str, *, gone: bool) -> tuple[str, str]:
    message = f'no mail can show the image "{name}": site.assets_url is not set'
    if gone:
        return f"{message}, and the file is not there", "set it, and put the file beside the issue"
    return message, "set it to where readers load pictures from"


def _texts(context: RuleContext) -> Iterator[tuple[str, str | int]]:
    """What readers see, with the front-matter key or the line it comes from."""
    yield from front_texts(context)
    yield from context.rendered.words


def front_texts(context: RuleContext) -> Iterator[tuple[str, str]]:
    """What readers see of the front matter, with its key."""
    for key in _KEYS:
        if key in context.issue.raw:
            yield getattr(context.issue, key), key


def _place(context: RuleContext, where: str | int, needle: str) -> Place:
    return context.issue.place(where) if isinstance(where, str) else context.at(where, needle)


def _first_use(context: RuleContext, name: str) -> Place:
    """Where a merge field without a fallback of its own stands first."""
    field = re.compile(r"\{\{\s*" + re.escape(name) + r"\s*\}\}")
    for key in _KEYS:
        if field.search(getattr(context.issue, key)):
            return context.issue.place(key)
    found = field.search(context.issue.body)
    line = context.issue.body.count("\n", 0, found.start()) if found else 0
    return context.at(context.issue.body_line + line, found[0] if found else "")
