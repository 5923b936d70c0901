"""Rules about markup that is left as text: links, footnotes, other services' merge tags."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Final

from newsletter.check.links import is_refused
from newsletter.check.rule import Fault, RuleContext, rule
from newsletter.check.words import field_in_link, front_texts
from newsletter.errors import Place
from newsletter.render.markdown.fields import Fields

#: A text with the line it stands on, or the front-matter key.
_Told = tuple[str, str | int]

_SHOWN: Final = 60
_ADDRESS: Final = (
    r"(?:https?[:\uff1a]|mailto:|www\.|\.{0,2}/|#|[\w./%-]+\.(?:md|html?|pdf|png|jpe?g|gif|webp)\b)"
)
#: `[words](...)` that Markdown left as it stands.
_INLINE: Final = re.compile(r"!?\[[^\[\]]*\]\([^()]*(?:\([^()]*\)[^()]*)*[)\uff09]?")
#: The same with a blank between, or in the brackets of another keyboard.
_APART: Final = re.compile(rf"!?\[[^\[\]]*\] \(\s*{_ADDRESS}[^()]*\)?")
_FULL_WIDTH: Final = re.compile(
    rf"[!\uff01]?[\[\uff3b\u3010][^\[\]\uff3b\uff3d\u3010\u3011]*[\]\uff3d\u3011]\s?"
    rf"[(\uff08]\s*{_ADDRESS}[^()\uff08\uff09]*[)\uff09]?"
)
_REFERENCE: Final = re.compile(r"!?\[(?!\d+\])([^\[\]]+)\]\[([^\[\]]*)\](?!\()")
_DEFINITION: Final = re.compile(r"\[([^\[\]^]+)\] ?: ?<?(?:https?:|www\.|mailto:)\S+")
_FOOTNOTE: Final = re.compile(r"\[\^([^\[\]\s]+)\]:?")
_WIKI: Final = re.compile(r"!\[\[[^\[\]]+\]\]|\[\[[^\[\]]+\|[^\[\]]+\]\]")
_BLOCKS: Final = re.compile(
    r"\A#{2,6}[^\s#]\S*|\A:::+ ?\w*|```+|~~~+|~~(?=\S)|\|(?:\s*:?-{2,}:?\s*\|)+"
)
#: What Markdown would read outside an HTML block.
_IN_HTML: Final = re.compile(
    r"\*\*\S(?:[^*]*\S)?\*\*|__\S(?:[^_]*\S)?__|~~\S(?:[^~]*\S)?~~|`[^`]+`"
    r"|(?<![\w*])\*[^\s*](?:[^*]*[^\s*])?\*(?![\w*])|(?<![\w_])_[^\s_](?:[^_]*[^\s_])?_(?![\w_])"
    r"|\A\s*#{1,6} \S.*"
)
#: Merge tags as the services write them: Mailchimp; Liquid, Handlebars and their kind; Salesforce;
#: ActiveCampaign and Mailgun; MailerLite, AWeber and Mautic; Mailjet and GetResponse; Zoho; Keap;
#: Campaign Monitor, Sendy and phpList.
_TAGS: Final = re.compile(
    r"\*\|[^|\s*][^|*]*\|\*|\{\{\{?[^{}]*\}\}\}?|\{%.{0,200}?%\}|<%.{0,200}?%>|%%[A-Za-z][\w.]*%%"
    r"|%[A-Z][A-Z0-9_]{2,}%|%recipient\.\w+%|\$\{[^{}]*\}|\{[$!][A-Za-z][^{}]*\}"
    r"|\{contactfield=[^{}]*\}|\[\[[A-Za-z][\w:.]*(?::\"[^\"]*\")?\]\]|\$\[[^\[\]]+\]\$"
    r"|~[A-Z]\w*\.[A-Z]\w*~"
    r"|\[(?:first ?name|last ?name|full ?name|fname|lname|name|email|unsubscribe(?:url)?|webversion"
    r"|preferencesurl)(?:\s*[,|][^\[\]]*)?\]",
    re.IGNORECASE,
)
_CAPITALS: Final = re.compile(r"%[A-Z][A-Z0-9_]{2,}%")
_BARE: Final = re.compile(
    r"(?<![A-Za-z0-9_@/])(?:https?://|www\.)[^\s<>\"\u3000-\u303f\uff00-\uffef]+"
)
_QUIET: Final = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|pre|code|kbd|samp|textarea)\b.*?(?:</\1\s*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_LINKED: Final = re.compile(r"<a\b.*?(?:</a\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_TAG: Final = re.compile(r"<[^<>]*>")
_MARKUP: Final = frozenset("![]()*_`#|~:{}%$")


@rule("link-unread", "error", "Text that looks like a link or a picture but is read as neither.")
def _links(context: RuleContext) -> Iterator[Fault]:
    for text, where in (*_words(context), *_html_words(context)):
        for found in _unread_links(context, text):
            what = "picture" if found[0] in "!\uff01" else "link"
            message = f'"{_short(found)}" is left as text: it is no {what}'
            yield _place(context, where, found), message, _way_out(context, found, where)


def _unread_links(context: RuleContext, text: str) -> Iterator[str]:
    taken = bytearray(len(text))  # 1 where something was found already
    for pattern in (_INLINE, _APART, _FULL_WIDTH):
        for found in pattern.finditer(text):
            place = slice(*found.span())
            if 1 in taken[place]:
                continue
            taken[place] = b"\1" * (found.end() - found.start())
            told = is_refused(found[0]) or field_in_link(context, found[0])
            if not told and not _is_escaped(context, found[0]):
                yield found[0]


def _way_out(context: RuleContext, found: str, where: str | int) -> str:
    if any(one in found for one in "\uff3b\uff3d\uff08\uff09\u3010\u3011"):
        return "write [ ] and ( ) as on an English keyboard, and no blank between them"
    if re.search(r"\]\s\(", found):
        return "leave no blank between ] and ("
    if isinstance(where, int) and _in_html(context, where, found):
        return "Markdown is not read inside HTML: an empty line before it, or <a href=...>"
    if re.search(r"\]\(\s*\S+\s+[^\s\"'(]", found):
        return "a blank in an address is %20; or put the address into <...>"
    return "see its brackets: [words](https://...)"


@rule("markup-left", "warning", "Markdown that is left as text, also inside HTML.")
def _markup(context: RuleContext) -> Iterator[Fault]:
    for text, where in (*_words(context), *_html_words(context)):
        rest = _without_links(text)
        for pattern, what, hint in (
            (_REFERENCE, "nothing is called [{}]", "add a line: [{}]: https://..."),
            (_DEFINITION, "a definition stands alone", "put an empty line before it"),
            (_FOOTNOTE, "there is no such footnote", "add a line of its own: [^{}]: its words"),
            (_WIKI, "it is no link here", "write [words](https://...)"),
            (_BLOCKS, "Markdown does not read it here", "see the blanks and empty lines around it"),
        ):
            for found in pattern.finditer(rest):
                if _is_escaped(context, found[0]):
                    continue
                name = next((group for group in reversed(found.groups()) if group), "")
                message = f'"{_short(found[0])}" is left as text: {what.format(name)}'
                yield _place(context, where, found[0]), message, hint.format(name)
    for text, where in _html_words(context):
        for found in _IN_HTML.finditer(_without_links(text)):
            message = (
                f'"{_short(found[0].strip())}" is left as text: Markdown is not read inside HTML'
            )
            hint = "put an empty line before it, or write it as HTML: <b>, <i>, <code>"
            yield _place(context, where, found[0].strip()), message, hint


@rule("merge-tag", "warning", "A merge tag of another service, or of a field that is not declared.")
def _tags(context: RuleContext) -> Iterator[Fault]:
    fields = Fields(context.options.fields)
    for text, where in (*front_texts(context), *_words(context), *_html_words(context)):
        near = frozenset(fields.near_misses(text))
        for found in _TAGS.finditer(text):
            if found[0] in near or _is_tame(context, where, found[0]):
                continue
            yield (
                _place(context, where, found[0]),
                f"{found[0][:_SHOWN]} is no merge field here and will be read as it stands",
                "declare the name under [fields] and write {{ name }}; \\{{ means it literally",
            )


def _is_tame(context: RuleContext, where: str | int, found: str) -> bool:
    """Whether braces are a declared field, meant as they stand, or only look like a tag."""
    written = f"\\{found}"
    raw = context.issue.raw.get(where) if isinstance(where, str) else context.issue.body
    declared = Fields(context.options.fields).match(found)
    return (
        (declared is not None and declared[1] == len(found))
        or written in str(raw)
        or (found[0] == found[-1] == "%" and found[1] != "%" and not _CAPITALS.match(found)
            and not found.startswith("%recipient."))
    )  # fmt: skip


@rule("link-bare", "warning", "An address as text, which is no link.")
def _bare(context: RuleContext) -> Iterator[Fault]:
    for text, where in (*context.rendered.unlinked, *_html_words(context, linked=False)):
        for found in _BARE.finditer(_without_links(text)):
            address = found[0].rstrip(".,;:!?'\u2019\u201d*_~")
            while address.endswith(")") and address.count(")") > address.count("("):
                address = address[:-1].rstrip(".,;:!?")
            whole = address if "://" in address else f"https://{address}"
            message = f"the address {address[:_SHOWN]} is text, not a link"
            yield _place(context, where, address), message, f"write <{whole}> or [words]({whole})"


def _words(context: RuleContext) -> Iterator[_Told]:
    return iter(context.rendered.words)


def _html_words(context: RuleContext, *, linked: bool = True) -> Iterator[_Told]:
    """The words of HTML blocks, line by line; code is left out, and what is a link on demand."""
    for raw in context.rendered.raws:
        shown = _QUIET.sub(_blank, raw.html)
        if not linked:
            shown = _LINKED.sub(_blank, shown)
        for number, line in enumerate(_TAG.sub(_blank, shown).split("\n"), raw.line):
            if line.strip():
                yield line, number


def _blank(found: re.Match[str]) -> str:
    return "\n" * found[0].count("\n")


def _in_html(context: RuleContext, line: int, found: str) -> bool:
    return any(
        raw.line <= line <= raw.line + raw.html.count("\n") and found in raw.html
        for raw in context.rendered.raws
    )


def _without_links(text: str) -> str:
    for pattern in (_INLINE, _APART, _FULL_WIDTH):
        text = pattern.sub(" ", text)
    return text


def _is_escaped(context: RuleContext, found: str) -> bool:
    """Whether the author wrote a backslash before one of its signs, and means it as it stands."""
    return "\\" in context.issue.body and _escaped(context.issue.body, found)


@functools.lru_cache(maxsize=256)
def _escaped(body: str, found: str) -> bool:
    parts = (r"\s+" if c == " " else (r"\\?" if c in _MARKUP else "") + re.escape(c) for c in found)
    return any("\\" in one[0] for one in re.finditer("".join(parts), body))


def _place(context: RuleContext, where: str | int, needle: str) -> Place:
    if isinstance(where, str):
        return context.issue.place(where)
    place = context.at(where, needle)
    return place if place.column else context.at(where, needle.split(" ", maxsplit=1)[0])


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
