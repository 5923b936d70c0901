"""Markdown that comes back the same: what does not is written with more care, or left as HTML."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lxml.html

from newsletter.exports.markdown import CAREFUL, PLAIN, as_html, note, pieces, written
from newsletter.exports.prepared import Shown, plain_page, prepare, shown
from newsletter.issue import parse

_APART = "\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A post in Markdown.

    Attributes:
        body: ends in a line feed; "" where it says nothing.
        left_out: what became of what no letter can hold, in words.
    """

    body: str
    left_out: tuple[str, ...]


def convert(html: str, site: str, pictures: Callable[[str], str] = lambda _: "") -> Converted:
    """Write a post's HTML as Markdown that renders to the same words, links and pictures.

    Args:
        html: of the post alone.
        site: the address that its relative links start from, "" where nobody knows.
        pictures: where a picture of the export is found, "" for what it does not have.
    """
    found = prepare(html, site, pictures)
    blocks = pieces(found.root)
    notes = [(label, box) for label, box in found.notes.items()]
    truth = _truth(blocks, [box for _, box in notes])
    texts = _joined([written(one, PLAIN) for one in blocks])
    foot = [note(label, box, PLAIN) for label, box in notes]
    left_out = list(found.left_out)
    if not _is_same(texts, foot, truth):
        texts = _joined([_safest(one, foot) for one in blocks])
        if not _is_same(texts, foot, truth):
            left_out.append("its words, links or pictures are not quite the same: compare them")
    body = _APART.join([*filter(None, texts), *foot])
    return Converted(body=f"{body}\n" if body else "", left_out=tuple(left_out))


def _truth(blocks: list[Any], notes: list[Any]) -> Shown:
    box = lxml.html.Element("div")
    seen = [shown(one) for one in (*blocks, *notes, box)]
    return Shown(
        " ".join(" ".join(one.words for one in seen).split()),
        tuple(link for one in seen for link in one.links),
        tuple(picture for one in seen for picture in one.pictures),
    )


def _joined(texts: list[str]) -> list[str]:
    """With something between two lists, which would be one otherwise."""
    found: list[str] = []
    for text in filter(None, texts):
        if found and _is_list(found[-1]) and _is_list(text):
            found.append("<!-- -->")
        found.append(text)
    return found


def _is_list(text: str) -> bool:
    return text.startswith("- ") or text.partition(". ")[0].isdecimal()


def _safest(block: Any, foot: list[str]) -> str:  # noqa: ANN401  # an element of lxml
    truth = _truth([block], [])
    for style in (PLAIN, CAREFUL):
        text = written(block, style)
        if _is_same([text], foot, truth, alone=True):
            return text
    return as_html(block) if block.tag != "a" else written(block, CAREFUL)


def _is_same(texts: list[str], foot: list[str], truth: Shown, *, alone: bool = False) -> bool:
    body = _APART.join([*filter(None, texts), *foot])
    issue = parse(f"---\ntitle: x\n---\n\n{body}\n".encode(), file="issues/001.md")
    root = plain_page(issue)
    if root is None:
        return False
    for mark in list(root.iter("sup")):
        if mark.get("class") == "footnote-ref":
            mark.drop_tree()
    for box in list(root.iter("div")):
        if box.get("class") == "footnotes":
            if alone:
                box.drop_tree()
            else:
                for back in list(box.iter("a")):
                    if back.get("href", "").startswith("#to-note-"):
                        back.drop_tree()
    return shown(root) == truth
