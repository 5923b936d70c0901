"""Mails to the newsletter's owner: plain notices, and the letter itself with a banner above it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import html
import re
from collections.abc import Sequence
from typing import Final

from newsletter.audience import read_address
from newsletter.message import Message, Sender, Stamp, headers, quoted_printable, stamp_headers
from newsletter.render import RenderedIssue

#: The issue of a mail that is about none.
NO_ISSUE: Final = 0
_BODY: Final = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_LOOK: Final = (
    "padding:16px;background:#fff4cc;color:#222222;font:16px/1.5 sans-serif;text-align:left"
)


def notice(
    sender: Sender, to: str, *, subject: str, text: str, number: int, now: dt.datetime | None
) -> Message:
    """Compose one plain mail to the owner.

    Args:
        sender: who mails are from.
        to: the owner's address, as in the settings.
        subject: one line; what cannot be written in a header is left out.
        text: the body.
        number: tells one notice from another.
        now: for Date and Message-ID; None where the transport writes them.

    Raises:
        InputError: an address cannot be written in a header.
    """
    mailbox, owner = read_address(sender.address).mailbox, read_address(to).mailbox
    stamp = None
    if now is not None:
        name = f"notice.{now:%Y%m%d%H%M%S%f}.{number}"
        stamp = Stamp(date=now, message_id=f"{name}@{mailbox.rpartition('@')[2]}")
    head = (
        headers.address("From", sender.name, mailbox)
        + headers.address("To", "", owner)
        + headers.text("Subject", _plain(subject))
        + (stamp_headers(stamp) if stamp else "")
        + "Auto-Submitted: auto-generated\r\n"  # RFC 3834: no machine should answer
        + "MIME-Version: 1.0\r\n"
        + 'Content-Type: text/plain; charset="utf-8"\r\n'
        + "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return Message(
        issue=NO_ISSUE, position=0, attempt=number, sender=mailbox, to=owner,
        pieces=((head + quoted_printable.encode(text + "\n") + "\r\n").encode("ascii"),),
    )  # fmt: skip


def with_banner(rendered: RenderedIssue, lines: Sequence[str]) -> RenderedIssue:
    """The letter with lines above it, in the HTML and in the text; merge fields stay open."""
    shown = "<br>".join(html.escape(line) for line in lines)
    banner = f'<div style="{_LOOK}">{shown}</div>'
    page = _BODY.sub(lambda found: found[0] + banner, rendered.html, count=1)
    rule = "-" * 72
    return dataclasses.replace(
        rendered, html=page, text="\n".join([*lines, rule, "", rendered.text])
    )


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]|=\?", " ", text).split())
