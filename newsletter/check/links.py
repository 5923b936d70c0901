"""Rules about links: where they lead, what they say, what they carry."""

from __future__ import annotations

import html
import ipaddress
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

from newsletter.check.rule import Fault, RuleContext, rule
from newsletter.errors import Place
from newsletter.humanize import distance, is_slip
from newsletter.networks import is_public
from newsletter.render import RenderedLink
from newsletter.render.utm import READER_IDS, is_malformed, source_of
from newsletter.slugs import slug

#: How an address begins that says of what kind it is.
SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_WEB: Final = re.compile(r"https?:", re.IGNORECASE)
#: What addresses begin with, by their schemes; the likelier ones first.
_BEGINS: Final = {"https": "https://", "http": "http://", "mailto": "mailto:", "tel": "tel:"}
#: Schemes that are near to one of those, and right.
_REAL: Final = frozenset({"ftp", "ftps", "sftp", "shttp", "callto", "httpd"})
#: Of so many letters two may be wrong.
_LONG: Final = 5
#: The beginning of an address, also where colon or slashes are too few, too many or others.
_BEGINNING: Final = re.compile(r"([a-z]{2,8})(?:[.;]?:[:/\\\\]*|[.;]?[/\\\\]{2,})", re.IGNORECASE)
_IN_HTML: Final = re.compile(r"""(?<![\w-])(?:href|src)\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
# What Markdown leaves as text: [x](javascript:..), <javascript:..>, [x]: javascript:..
_REFUSED: Final = re.compile(
    r"(?:\](?:\(|:)\s*<?|<)(javascript|vbscript|data|file):", re.IGNORECASE
)
_IDS: Final = re.compile(r'\b(?:id|name)="([^"]*)"')
_NUMBERS: Final = {2: "two", 3: "three", 4: "four", 5: "five"}
_VAGUE: Final = frozenset({"click here", "this link", "read more"})
_BRACES: Final = re.compile(
    r"\{\{.*?\}\}|\{%.*?%\}|\$\{.*?\}|<%.*?%>|\*\|.*?\|\*|%%\w+%%|\[\[.*?\]\]"
)
#: Names that stand for something in one network alone (RFC 6761, 6762 appendix G, 8375).
_OF_A_NETWORK: Final = (
    ".localhost", ".local", ".internal", ".intranet", ".private", ".corp", ".home", ".lan",
    ".home.arpa", ".localdomain", ".test",
)  # fmt: skip
#: A piece of an address written as a number, the bytes of the whole, and the most of each.
_PART: Final = re.compile(r"0x[0-9a-f]*|[0-9]{1,10}", re.ASCII)
_BYTES: Final = 4
_LARGEST: Final = 255
_PERSONAL: Final = re.compile(rf"[?&]({'|'.join(sorted(READER_IDS))})=", re.IGNORECASE)


@rule("link-malformed", "error", "A web link that no browser can open.")
def _malformed(context: RuleContext) -> Iterator[Fault]:
    for link in own_links(context):
        if is_malformed(link.written) and not _is_private(link.written):
            message = f"the link {_typed(link)} leads nowhere: its host is impossible"
            yield _place(context, link), message, _did_you_mean(link, "fix the address")


@rule("link-relative", "error", "A link without a scheme, which a mail cannot follow.")
def _relative(context: RuleContext) -> Iterator[Fault]:
    for link in own_links(context):
        if not link.written:
            yield (
                _place(context, link),
                f'the link "{link.text}" is empty',
                "give it a target",
            )
        elif not _leads_on(link.written):
            message = f"the link {_typed(link)} is relative; a mail has no page to start from"
            hint = _did_you_mean(link, "write it out, from https:// on")
            yield _place(context, link), message, hint


@rule("link-scheme", "error", "A link or picture with a slip in `https:`, `mailto:` or the like.")
def _misspelled(context: RuleContext) -> Iterator[Fault]:
    for link in own_links(context):
        if SCHEME.match(link.written) and not _WEB.match(link.written):
            yield from _slip("link", _typed(link), _place(context, link))
    base = context.options.assets_url.rstrip("/")
    for image in context.rendered.images:
        target = image.src.removeprefix(f"{base}/") if base else image.src
        if SCHEME.match(target):
            yield from _slip("picture", target, context.at(image.line, target))
    for raw in context.rendered.raws:  # what mails do not take is in neither of them
        for found in _IN_HTML.finditer(_COMMENT.sub("", raw.html)):
            if SCHEME.match(found[1]) and not _WEB.match(found[1]):
                yield from _slip("address", found[1], context.at(raw.line, found[1]))


def _slip(kind: str, target: str, place: Place) -> Iterator[Fault]:
    if meant := nearly_meant(target):
        message = f"the {kind} {target} leads nowhere: its beginning is misspelled"
        yield place, message, f'did you mean "{meant}"?'


def nearly_meant(target: str) -> str:
    """How an address was meant to begin that has a slip there: "https://"; "" without one."""
    found = _BEGINNING.match(target)
    if found is None:
        return ""
    name = found[1].lower()
    right = _BEGINS.get(name) or _BEGINS.get(_nearest(name), "")
    return "" if found[0].lower() in {right, "tel://"} else right  # phones take both


def _nearest(name: str) -> str:
    """The scheme that was probably meant: by "htps", also with two slips: "hptts"; or ""."""
    if name in _REAL:
        return ""
    near = [one for one in _BEGINS if is_slip(name, one)]
    if len(name) >= _LONG:
        near += [one for one in _BEGINS if len(one) >= _LONG and distance(name, one) == len("ab")]
    return next(iter(near), "")


def _did_you_mean(link: RenderedLink, otherwise: str) -> str:
    meant = nearly_meant(_typed(link))
    return f'did you mean "{meant}"?' if meant else otherwise


@rule("link-anchor", "error", "A link to a section that the letter does not have.")
def _anchor(context: RuleContext) -> Iterator[Fault]:
    places = frozenset(_IDS.findall(context.rendered.html))
    headings = [text for _, text, _ in context.rendered.headings]
    for link in own_links(context):
        name = unquote(link.written[1:])
        if link.written.startswith("#") and html.escape(name) not in places:
            message = f'the link "#{name}" leads to no section of this letter'
            there = ", ".join(dict.fromkeys(f"#{slug(text)}" for text in headings if slug(text)))
            hint = f"its headings are {there}" if there else "it needs a heading of that name"
            yield _place(context, link), message, hint


def _leads_on(target: str) -> bool:
    """Whether a link says where it begins: with a scheme, a merge field, or in this letter."""
    return bool(SCHEME.match(target)) or "__NL_" in target or target.startswith("#")


@rule("link-local", "error", "A link to the author's own machine or network.")
def _local(context: RuleContext) -> Iterator[Fault]:
    for link in own_links(context):
        if _is_private(link.written):
            message = f"the link {_typed(link)} only works on your own machine or network"
            yield _place(context, link), message, "link to its public address"
    for place, _ in _refused(context, "file"):
        yield place, "a file: link only works on your own machine", "link to its public address"


@rule("link-script", "error", "A link that would run a script; Markdown leaves it as text.")
def _script(context: RuleContext) -> Iterator[Fault]:
    for place, scheme in _refused(context, "javascript", "vbscript", "data"):
        yield place, f"a {scheme}: link is not made and shows as text", "link to an https page"


@rule("link-http", "warning", "A link without encryption.")
def _http(context: RuleContext) -> Iterator[Fault]:
    for link in own_links(context):
        if link.written.lower().startswith("http://") and not is_malformed(link.written):
            message = f"the link {_typed(link)} is not encrypted"
            yield _place(context, link), message, "try https://"


@rule("link-vague", "warning", "Link text that says nothing about its target.")
def _vague(context: RuleContext) -> Iterator[Fault]:
    for link in own_links(context):
        if link.text.strip(" .,!").lower() in _VAGUE:
            yield (
                _place(context, link, link.text),
                f'the link says only "{link.text}"',
                ("let the words say where it leads; screen readers list links alone"),
            )


@rule("link-ambiguous", "warning", "The same words lead to different pages.")
def _ambiguous(context: RuleContext) -> Iterator[Fault]:
    named: dict[str, dict[str, RenderedLink]] = {}
    for link in own_links(context):
        named.setdefault(link.text.casefold(), {}).setdefault(link.written, link)
    for words, targets in named.items():
        if words and len(targets) > 1:
            link = list(targets.values())[1]
            count = _NUMBERS.get(len(targets), str(len(targets)))
            message = f'"{link.text}" leads to {count} different pages'
            yield _place(context, link), message, "tell them apart in words"


@rule("utm-foreign", "warning", "Links that carry another service's tags.")
def _foreign(context: RuleContext) -> Iterator[Fault]:
    tags = context.options.tags
    if tags is None:
        return
    links = [link for link in own_links(context) if source_of(link.url) not in {"", tags.source}]
    for source, count in Counter(source_of(link.url) for link in links).items():
        first = next(link for link in links if source_of(link.url) == source)
        message = f'{count} links are tagged with the source "{source}", not yours'
        yield (
            _place(context, first),
            message.replace("1 links are", "1 link is"),
            (f"keep a sponsor's; for an old service's set utm.replace_sources = [\"{source}\"]"),
        )


@rule("personal-id", "warning", "Links copied from a mail, with its reader's id in them.")
def _personal(context: RuleContext) -> Iterator[Fault]:
    found = [
        (match[1], link) for link in own_links(context) if (match := _PERSONAL.search(link.written))
    ]
    for name, count in Counter(name.lower() for name, _ in found).items():
        written, first = next(one for one in found if one[0].lower() == name)
        links = "1 link carries" if count == 1 else f"{count} links carry"
        message = f'{links} somebody\'s personal id ("{written}")'
        yield _place(context, first), message, "take that part out"


@rule("link-braces", "warning", "An address with template braces in it, which are never filled in.")
def _braces(context: RuleContext) -> Iterator[Fault]:
    links = ((link.written, link.line, "link") for link in own_links(context))
    images = ((image.src, image.line, "picture") for image in context.rendered.images)
    for target, line, kind in (*links, *images):
        if found := _BRACES.search(unquote(target)):
            message = f"the {found[0]} in this {kind} is never filled in"
            hint = "a merge field in an address is {{name}}, and declared under [fields]"
            yield context.at(line, found[0]), message, hint


def _place(context: RuleContext, link: RenderedLink, needle: str = "") -> Place:
    """Where a link's target or another of its words stands, else the link itself."""
    wanted = needle or _typed(link)
    if not link.column:
        return context.at(link.line, wanted)
    line = context.issue.body.split("\n")[link.line - context.issue.body_line]
    found = line.find(wanted, link.column - 1) if wanted else -1
    return Place(context.issue.file, link.line, found + 1 if found >= 0 else link.column)


def _typed(link: RenderedLink) -> str:
    """The target as the author wrote it, in quotes of findings."""
    return link.source or link.written


def own_links(context: RuleContext) -> Iterator[RenderedLink]:
    """The links of the issue itself; the theme's are left out."""
    return (link for link in context.rendered.links if link.line)


def _refused(context: RuleContext, *schemes: str) -> Iterator[tuple[Place, str]]:
    """The links that Markdown did not make because of their scheme."""
    for text, line in context.rendered.words:
        for found in _REFUSED.finditer(text):
            if found[1].lower() in schemes:
                yield context.at(line, found[0]), found[1].lower()


def is_refused(text: str) -> bool:
    """Whether a piece of text is a link that Markdown did not make because of its scheme."""
    return _REFUSED.search(text) is not None


def _is_private(url: str) -> bool:
    if is_malformed(url) and not re.match(r"https?://localhost\b", url, re.IGNORECASE):
        return False
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    # As browsers read it: letters of another width, an ideographic full stop, one behind the name.
    host = unicodedata.normalize("NFKC", host).replace("\u3002", ".").lower().rstrip(".")
    if host == "localhost" or host.endswith(_OF_A_NETWORK):
        return True
    try:
        return not is_public(_number(host) or ipaddress.ip_address(host))
    except ValueError:
        return False


def _number(host: str) -> ipaddress.IPv4Address | None:
    """An IPv4 address in any of its spellings: 127.1, 0x7f.0.0.1, 0177.1; None for what is none.

    As browsers read them (WHATWG URL, "IPv4 parser").
    """
    parts = host.split(".")
    if len(parts) > _BYTES or not all(map(_PART.fullmatch, parts)):
        return None
    numbers = [int(part[2:] or "0", 16) if part[:2] == "0x" else _decimal(part) for part in parts]
    *front, last = numbers
    if any(number > _LARGEST for number in front) or last >= (_LARGEST + 1) ** (5 - len(numbers)):
        return None
    return ipaddress.IPv4Address(last + sum(n << 8 * (3 - at) for at, n in enumerate(front)))


def _decimal(part: str) -> int:
    octal = len(part) > 1 and part[0] == "0" and not set(part) - set("01234567")
    return int(part, 8 if octal else 10)
