"""HTML written down as Markdown, as an author would have typed it.

Nothing here promises that it reads the same afterwards: `faithful` looks.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import lxml.html
from lxml import etree

from newsletter.exports.prepared import BLOCKS

_WHITE: Final = " \t\n\r\f"
_BOLD: Final = frozenset({"b", "strong"})
_ITALIC: Final = frozenset({"i", "em", "cite"})
_STRUCK: Final = frozenset({"s", "del", "strike"})
#: Inline elements that Markdown has no mark for, and letters show.
_KEPT: Final = frozenset(
    {"sup", "sub", "u", "mark", "small", "kbd", "abbr", "ins", "q", "var", "samp"}
)
#: Blocks that only Markdown's way of leaving HTML alone can hold.
_AS_HTML: Final = frozenset({"details", "dl", "address", "center"})
_BOXES: Final = frozenset({"div", "section", "article", "header", "footer", "main", "aside", "nav"})
_KEEP_ATTRIBUTES: Final = frozenset(
    {"href", "src", "alt", "colspan", "rowspan", "start", "width", "height"}
)
_LINE_START: Final = re.compile(r"^(\s*)(?:([-+>#=])|(\d{1,9})([.)]))", re.MULTILINE)
_ENTITY: Final = re.compile(r"&(?=#?\w+;)")
_PUNCTUATION: Final = re.compile(r"([!-/:-@\[-`{-~])")
_ONE: Final = re.compile(r"[*`\[\]\\]|(?<![^\W_])_|_(?![^\W_])|<(?=[a-zA-Z/!?])|~(?=~)|\{(?=\{)|\|")


@dataclass(frozen=True, slots=True)
class Style:
    """How careful the writing is.

    Attributes:
        careful: every mark of punctuation is escaped, and emphasis is written as HTML; reads badly,
            and is never mistaken for something else.
    """

    careful: bool = False


PLAIN: Final = Style()
CAREFUL: Final = Style(careful=True)


def pieces(root: Any) -> list[Any]:  # noqa: ANN401  # elements of lxml, whose stubs are too narrow
    """The blocks of a text, one below the other; loose words become paragraphs."""
    found: list[Any] = []
    loose: Any = lxml.html.Element("p")

    def add_text(text: str) -> None:
        if len(loose):
            loose[-1].tail = (loose[-1].tail or "") + text
        else:
            loose.text = (loose.text or "") + text

    def close() -> None:
        nonlocal loose
        while len(loose) and loose[-1].tag == "br" and not (loose[-1].tail or "").strip(_WHITE):
            loose.remove(loose[-1])
        if len(loose) or (loose.text or "").strip(_WHITE):
            found.append(loose)
        loose = lxml.html.Element("p")

    add_text(root.text or "")
    for child in list(root):
        tail, child.tail = child.tail or "", None
        if child.tag in _BOXES:
            close()
            found.extend(pieces(child))
        elif child.tag in BLOCKS or child.find("./" + "p") is not None:
            close()
            found.append(child)
        elif (
            child.tag == "br"
            and len(loose)
            and loose[-1].tag == "br"
            and not (loose[-1].tail or "").strip(_WHITE)
        ):
            close()
        else:
            loose.append(child)
        add_text(tail)
    close()
    return found


def written(piece: Any, style: Style) -> str:  # noqa: ANN401
    """One block in Markdown, "" for one that says nothing."""
    return "\n\n".join(_block(copy.deepcopy(piece), style))  # blocks are taken apart on the way


def as_html(piece: Any) -> str:  # noqa: ANN401
    """One block as author HTML: no attribute that a letter would lose, no empty line."""
    whole = copy.deepcopy(piece)
    for element in whole.iter(etree.Element):
        if element.tag == "note":
            element.tag = "sup"
            element.text = f"[{element.get('n')}]"
        for name in list(element.attrib):
            if name not in _KEEP_ATTRIBUTES:
                del element.attrib[name]
    text = etree.tostring(whole, encoding="unicode", method="html").strip()
    return re.sub(r"\n\s*\n", "\n", text).replace("{{", "&#123;{")


def note(label: str, box: Any, style: Style) -> str:  # noqa: ANN401
    """A footnote's own lines."""
    blocks = [block for piece in pieces(copy.deepcopy(box)) for block in _block(piece, style)]
    return f"[^{label}]: " + "\n\n    ".join(block.replace("\n", "\n    ") for block in blocks)


def _blocks(element: Any, style: Style) -> list[str]:  # noqa: ANN401
    found: list[str] = []
    last = ""
    for piece in pieces(element):
        blocks = _block(piece, style)
        # Two lists that touch would be one.
        if blocks and found and last == piece.tag and last in {"ul", "ol"}:
            found.append("<!-- -->")
        found += blocks
        last = str(piece.tag) if blocks else last
    return found


def _block(element: Any, style: Style) -> list[str]:  # noqa: ANN401
    tag = str(element.tag)
    if tag == "hr":
        return ["---"]
    if tag == "pre":
        return [_code_block(element)]
    if tag in {"ul", "ol"}:
        return [text] if (text := _list(element, style)) else []
    if tag == "blockquote":
        inner = "\n\n".join(_blocks(element, style))
        return ["\n".join(f"> {line}".rstrip() for line in inner.split("\n"))] if inner else []
    if tag == "table":
        return _table(element, style)
    if tag == "figure":
        return _figure(element, style)
    if tag in _AS_HTML:
        return [as_html(element)]
    if re.fullmatch(r"h[1-6]", tag):
        text = _one_line(_inline(element, style, frozenset()))
        return [f"{'#' * int(tag[1])} {text}"] if text else []
    if any(child.tag in BLOCKS or _is_gap(child) for child in element):
        return _blocks(element, style)
    text = _paragraph(_inline(element, style, frozenset()))
    return [text] if text else []


def _is_gap(element: Any) -> bool:  # noqa: ANN401
    """Whether two line ends follow each other, as others write paragraphs."""
    after = element.getnext()
    empty = not (element.tail or "").strip(_WHITE)
    return element.tag == "br" and empty and after is not None and after.tag == "br"


def _figure(element: Any, style: Style) -> list[str]:  # noqa: ANN401
    caption = element.find(".//figcaption")
    if caption is None:
        return _blocks(element, style)
    caption.getparent().remove(caption)
    text = _paragraph(_inline(caption, style, _ITALIC if not style.careful else frozenset()))
    found = _blocks(element, style)
    element.append(caption)  # whoever looks afterwards finds all of it
    return [*found, f"*{text}*" if not style.careful else f"<em>{text}</em>"] if text else found


def _list(element: Any, style: Style) -> str:  # noqa: ANN401
    items: list[list[str]] = []
    loose = False
    for child in element:
        if child.tag == "li":
            blocks = _blocks(child, style)
            loose |= sum(not re.match(r"[-\d]", block) for block in blocks) > 1
            items.append(blocks)
        elif child.tag in {"ul", "ol"} and (text := _list(child, style)):
            items[-1:] = [[*(items[-1] if items else []), text]]
    number = int(start) if (start := element.get("start", "1")).isdecimal() else 1
    lines = []
    for n, blocks in enumerate(items):
        mark = f"{number + n}. " if element.tag == "ol" else "- "
        text = ("\n\n" if loose else "\n").join(blocks)
        lines.append((mark + text.replace("\n", "\n" + " " * len(mark))).rstrip())
    return re.sub(r"(?m)^ +$", "", ("\n\n" if loose else "\n").join(lines))


def _table(element: Any, style: Style) -> list[str]:  # noqa: ANN401
    rows = [[cell for cell in row if cell.tag in {"td", "th"}] for row in element.iter("tr")]
    cells = [cell for row in rows for cell in row]
    if (
        rows and all(len(row) <= 1 for row in rows) and all(cell.tag == "td" for cell in cells)
    ):  # it only placed things
        return [block for cell in cells for block in _blocks(cell, style)]
    simple = not any(cell.get("colspan") or cell.get("rowspan") for cell in cells)
    nested = element.find(".//table") is not None or element.find(".//caption") is not None
    if nested or not simple or not rows or any(cell.tag != "th" for cell in rows[0]):
        return [as_html(element)]
    texts = [[_one_line(_inline(cell, style, frozenset())) for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in texts]
    lines.insert(1, f"|{'|'.join(' --- ' for _ in texts[0])}|")
    return ["\n".join(lines)]


def _code_block(element: Any) -> str:  # noqa: ANN401
    inner = element.find("code")
    kind = (inner if inner is not None else element).get("class", "")
    found = re.search(r"\blang(?:uage)?-([\w+#-]+)", kind)
    text = str(element.xpath("string()")).strip("\n")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{found[1] if found else ''}\n{text}\n{fence}"


def _inline(element: Any, style: Style, inside: frozenset[str]) -> str:  # noqa: ANN401
    """The words of an element with their marks; `inside` names the emphasis they are in."""
    parts = [_text(element.text or "", style)]
    for child in element:
        if isinstance(child.tag, str):
            before = "".join(parts)[-1:]
            text = _span(child, style, inside, before=before, after=_next(child))
            if text.startswith("[") and parts[-1].endswith("!"):
                parts[-1] = parts[-1][:-1] + "\\!"
            parts.append(text)
        parts.append(_text(child.tail or "", style, after=True))
    return re.sub(r"[ \t\r\f]*\n[ \t\r\f]*|[ \t\r\f]+", _blank, "".join(parts))


def _blank(found: re.Match[str]) -> str:
    return "\n" if "\n" in found[0] else " "


def _next(child: Any) -> str:  # noqa: ANN401
    """The character that a reader sees behind an element, "" where its block ends."""
    if child.tail:
        return str(child.tail)[0]
    after = child.getnext()
    return str(after.xpath("string()"))[:1] if after is not None else ""


def _span(
    child: Any,  # noqa: ANN401
    style: Style,
    inside: frozenset[str],
    *,
    before: str,
    after: str,
) -> str:
    tag = str(child.tag)
    if tag == "br":
        return "<br>" if style.careful else "\\\n"
    if tag == "img":
        alt = _one_line(_text(" ".join(child.get("alt", "").split()), style))
        return f"![{alt}]({target(child.get('src', ''))})"
    if tag == "note":
        return f"[^{child.get('n')}]"
    if tag in {"code", "tt"}:
        return _code(str(child.xpath("string()")))
    for names, mark, html in ((_BOLD, "**", "strong"), (_ITALIC, "*", "em"), (_STRUCK, "~~", "s")):
        if tag in names:
            style_off = re.search(
                r"(?:font-weight|font-style)\s*:\s*normal", child.get("style", "")
            )
            text = _inline(child, style, inside | names)
            if names & inside or style_off:
                return text
            front, core, back = _edges(text)
            if not core:
                return text
            unclear = style.careful or _is_unclear(
                front or before, core, back or after, nested=bool(inside)
            )
            marked = f"<{html}>{core}</{html}>" if unclear else f"{mark}{core}{mark}"
            return f"{front}{marked}{back}"
    text = _inline(child, style, inside)
    if tag == "a" and child.get("href"):
        return _link(text, child.get("href"), style)
    if tag in _KEPT and text.strip(_WHITE):
        return f"<{tag}>{text}</{tag}>"
    return f" {text} " if tag in BLOCKS else text


def _is_unclear(before: str, core: str, after: str, *, nested: bool) -> bool:
    """Whether marks around some words would not be read as emphasis, or not as this one."""
    if before == "*" or (nested and not (before and after)):
        return True
    opens = _is_mark(core[0]) and before.isalnum()
    closes = _is_mark(core[-1]) and after.isalnum()
    return opens or closes


def _is_mark(character: str) -> bool:
    return not character.isalnum() and not character.isspace()


def _link(text: str, href: str, style: Style) -> str:
    before, core, after = _edges(text)
    if not core:
        return text
    core = core.replace("\\\n", " ").replace("\n", " ")
    bare = core.replace("\\_", "_") == href and re.fullmatch(r"https?://[^\s<>]+", href)
    if bare and not style.careful:
        return f"{before}<{href}>{after}"
    return f"{before}[{core}]({target(href)}){after}"


def target(address: str) -> str:
    """An address as Markdown has it within the parentheses of a link or a picture."""
    address = re.sub(r"\s", lambda found: "%20" if found[0] == " " else "", address.strip())
    if re.search(r"[()\\<>]", address):
        safe = re.sub(r"[\\<>]", _percent, address)
        return f"<{safe}>"
    return _ENTITY.sub("&amp;", address) if address else "<>"


def _percent(found: re.Match[str]) -> str:
    return f"%{ord(found[0]):02X}"


def _code(text: str) -> str:
    text = " ".join(text.split())
    if not text:
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    gap = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{gap}{text}{gap}{fence}"


def _text(text: str, style: Style, *, after: bool = False) -> str:
    text = re.sub(f"[{_WHITE}]+", " ", text)
    if style.careful:
        return _PUNCTUATION.sub(r"\\\1", text)
    text = _ONE.sub(r"\\\g<0>", text)
    text = _ENTITY.sub(r"\\&", text)
    return f"\\{text}" if after and text.startswith("{") else text


def _edges(text: str) -> tuple[str, str, str]:
    """Blanks in front, the words, blanks behind; line ends count among the blanks."""
    found = re.fullmatch(r"((?:\\\n|[ \n])*)(.*?)((?:\\\n|[ \n])*)", text, re.DOTALL)
    assert found
    return found[1], found[2], found[3]


def _one_line(text: str) -> str:
    return " ".join(re.sub(r"\\?\n", " ", text).split(" ")).strip(_WHITE)


def _paragraph(text: str) -> str:
    _, core, _ = _edges(text.strip(_WHITE))
    return _LINE_START.sub(_at_start, "\n".join(_each_line(core)))


def _each_line(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        yield line.strip(_WHITE)


def _at_start(found: re.Match[str]) -> str:
    if found[3]:
        return f"{found[1]}{found[3]}\\{found[4]}"
    return f"{found[1]}\\{found[2]}"
