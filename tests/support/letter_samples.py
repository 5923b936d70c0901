"""An invented letter, its sender and its theme, for the tests of message, check and send."""

from __future__ import annotations

from typing import Any

from newsletter.issue import Issue, parse
from newsletter.message import Sender
from newsletter.render import RenderedIssue
from newsletter.render.markdown.fields import UNSUBSCRIBE, Slot
from tests.conftest import link_tags, options_with, read_theme

FILE = "issues/074-a-letter.md"
WAY_OUT = "https://letters.example.org/u/" + "aB3_" * 10
NAME, TOWN, LINKED = "__NL_F_A__", "__NL_F_B__", "__NL_U_C__"
SLOTS = {
    UNSUBSCRIBE: Slot(name=""),
    NAME: Slot(name="name", fallback="there"),
    TOWN: Slot(name="town", fallback="your town"),
    LINKED: Slot(name="town", fallback="nowhere", url=True),
}
SENDER = Sender(
    name="Wren Halloran",
    address="wren@slackwater.example.org",
    reply_to="answers@slackwater.example.org",
    list_id="newsletter.slackwater.example.org",
    list_name="Slack Water",
    archive_url="https://letters.example.org/archive",
    unsubscribe_mailto="leave@slackwater.example.org",
)
THEME = read_theme()
OPTIONS = options_with(
    site_name="Slack Water",
    public_url="https://letters.example.org",
    archive_url="https://letters.example.org/archive",
    assets_url="https://assets.example.org",
    postal_address="Slack Water\n4 Ferry Stairs, Port Example",
    fields={"name": "there", "town": ""},
    tags=link_tags(),
)


def an_issue(body: str = "Hello.\n", *, front: str = "", file: str = FILE) -> Issue:
    """An issue whose front matter is `front`, or a faultless one of three lines."""
    front = front or 'title: "A letter"\npreheader: "What it is about"\n'
    return parse(f"---\n{front}---\n{body}".encode(), file=file)


def a_letter(text: str = "Hello\n", html: str = "<p>Hello</p>\n", **changed: Any) -> RenderedIssue:
    """A rendered letter made by hand: no theme, so any text goes."""
    whole: dict[str, Any] = {
        "subject": "A letter", "preheader": "", "html": html, "text": text, "mjml": "",
        "slots": SLOTS, "links": (), "images": (), "raws": (), "words": (), "headings": (),
        "fields_without_fallback": (), "source_hash": "5" * 64,
    }  # fmt: skip
    return RenderedIssue(**{**whole, **changed})
