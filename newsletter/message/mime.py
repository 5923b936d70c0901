"""One issue as MIME, encoded once, with placeholders; and the mail of one reader made from it."""

from __future__ import annotations

import datetime as dt
import email.utils
import functools
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote

from newsletter import text_rules
from newsletter.audience import Subscriber
from newsletter.errors import RefusedError
from newsletter.message import headers, quoted_printable
from newsletter.message.frozen import FrozenIssue, Sender
from newsletter.message.personal import escaped, subject_line, token_pattern, values_for
from newsletter.render.markdown.fields import Slot

#: The store of a mail that is no delivery: a test mail, a notice to the owner.
NO_STORE: Final = "none"
_AUTOMATIC: Final = "Auto-Submitted: auto-generated\r\n"


class Placeholder(NamedTuple):
    """A place in the mail that differs from reader to reader; the token is "" in headers."""

    kind: Literal["to", "subject", "stamp", "unsubscribe", "html", "text"]
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MimeTemplate:
    """One issue as a mail with placeholders, encoded: made whenever a process begins to send.

    Attributes:
        pieces: ASCII as it goes out, each of whole lines, and placeholders between them.
        slots: what each token stands for.
        subject: the subject with its tokens.
        sender: the address mail is sent from (MAIL FROM).
        unsubscribe_mailto: as in Sender.
    """

    pieces: tuple[bytes | Placeholder, ...]
    slots: Mapping[str, Slot]
    subject: str
    sender: str
    unsubscribe_mailto: str


class Stamp(NamedTuple):
    """Date and Message-ID, for transports that do not write their own.

    Attributes:
        date: with its time zone.
        message_id: without the angle brackets.
    """

    date: dt.datetime
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One mail, ready to be handed over.

    Attributes:
        issue: number of the issue.
        position: the delivery's place among the issue's recipients, 1-based.
        attempt: 1 for the first try.
        sender: MAIL FROM.
        to: RCPT TO; always exactly one.
        pieces: RFC 5322 bytes, 7-bit, CRLF line ends; what the mails of one issue have in common
            is one object in all of them, so that what is made of it can be kept.
        store: the id of the records it is a delivery of, or a letter of.
        letter: which letter it is, "" for a mail of an issue.
    """

    issue: int
    position: int
    attempt: int
    sender: str
    to: str
    pieces: tuple[bytes, ...]
    store: str = NO_STORE
    letter: str = ""

    @property
    def data(self) -> bytes:
        """The whole mail."""
        return b"".join(self.pieces)

    @property
    def tag(self) -> str:
        """Names this attempt in what the provider reports of it, for these records alone.

        Letters, digits and hyphens, as SES allows in a tag's value; it names no person. A letter's
        is none of a delivery: what is reported of it counts by whom it went to.
        """
        return delivery_tag(self.store, self.letter or self.issue, self.position, self.attempt)


def delivery_tag(store: str, subject: str | int, position: int, attempt: int) -> str:
    """What names an attempt in the provider's reports; the subject is an issue or a letter."""
    return f"{store}-{subject}-{position}-{attempt}"


def encode(issue: FrozenIssue, *, bulk: bool = True, leavable: bool = True) -> MimeTemplate:
    """Encode an issue once, with a placeholder for every token.

    Args:
        issue: what it says.
        bulk: false for a mail to one person alone, which no machine should answer (RFC 3834).
        leavable: whether its headers say how to leave the list.

    Raises:
        InputError: subject, a name or an address cannot be written in a header.
    """
    tokens, sender = token_pattern(issue.slots), issue.sender
    # What a person gets whose values cannot stand there; so whoever comes, there is a subject.
    values = {t: escaped(slot, slot.fallback) for t, slot in issue.slots.items()}
    headers.text("Subject", tokens.sub(lambda found: values[found[0]], issue.subject))
    unsubscribe_headers("", sender.unsubscribe_mailto)
    boundary = "=_" + hashlib.sha256((issue.text + issue.html).encode()).hexdigest()[:40]
    head = headers.address("From", sender.name, sender.address)
    if sender.reply_to:
        head += headers.address("Reply-To", "", sender.reply_to)
    pieces: list[str | Placeholder] = [
        head, Placeholder("to"), Placeholder("subject"), Placeholder("stamp"),
        list_headers(sender) if bulk else _AUTOMATIC,
        *([Placeholder("unsubscribe")] if leavable else []), _mime_headers(boundary),
        _part_headers(boundary, "plain"), *_encoded("text", issue.text, tokens),
        f"\r\n{_part_headers(boundary, 'html')}", *_encoded("html", issue.html, tokens),
        f"\r\n--{boundary}--\r\n",
    ]  # fmt: skip
    return MimeTemplate(
        pieces=_joined(pieces),
        slots=issue.slots,
        subject=issue.subject,
        sender=sender.address,
        unsubscribe_mailto=sender.unsubscribe_mailto,
    )


def load_template(frozen: bytes) -> MimeTemplate:
    """What a run froze, encoded; by whichever version of this program it was frozen.

    Args:
        frozen: as `FrozenIssue.dump` wrote it; or as version 1 did, which froze the encoded
            pieces themselves: they go out as they are.

    Raises:
        RefusedError: it is in a form that this version does not know; nobody gets another issue.
        InputError: it cannot be written in a header any more.
    """
    try:
        whole = json.loads(frozen)
        if whole["version"] == 1:
            return _load_pieces(whole)
        issue = FrozenIssue.load(whole)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RefusedError(
            "this issue was begun by another version of newsletter, and this one cannot read it",
            hint="send the rest with the version that began it, or with a newer one",
        ) from error
    return encode(issue)


def _load_pieces(whole: Mapping[str, Any]) -> MimeTemplate:
    return MimeTemplate(
        pieces=_joined([p if isinstance(p, str) else Placeholder(*p) for p in whole["pieces"]]),
        slots={t: Slot(name=n, fallback=f, url=u) for t, (n, f, u) in whole["slots"].items()},
        subject=whole["subject"],
        sender=whole["sender"],
        unsubscribe_mailto=whole["unsubscribe_mailto"],
    )


def _joined(pieces: Sequence[str | Placeholder]) -> tuple[bytes | Placeholder, ...]:
    """The pieces, with what stands between two placeholders in one."""
    joined: list[bytes | Placeholder] = []
    texts = ""
    for piece in pieces:
        if isinstance(piece, str):
            texts += piece
        else:
            joined += [texts.encode("ascii"), piece]
            texts = ""
    return (*joined, texts.encode("ascii"))


def compose(
    template: MimeTemplate,
    subscriber: Subscriber,
    *,
    unsubscribe_url: str = "",
    rating_url: str = "",
    stamp: Stamp | None = None,
) -> tuple[bytes, ...]:
    """Make the mail of one reader: the pieces of a `Message`.

    Args:
        template: from `encode` or `load_template`.
        subscriber: the recipient.
        unsubscribe_url: the person's own https page, or "" where there is no public server.
        rating_url: the page on which the person rates the issue, likewise.
        stamp: Date and Message-ID, or None where the transport writes them (SES does).

    Raises:
        InputError: the address cannot be written in a header. A name or a field that cannot
            is left out of it: nobody goes without the mail for what they are called.
    """
    way_out = unsubscribe_url or unsubscribe_by_mail(template.unsubscribe_mailto)
    values = values_for(template.slots, subscriber, way_out, rating_url)

    def filled(placeholder: Placeholder) -> str:
        match placeholder.kind:
            case "to":
                name = subscriber.name if text_rules.stands_in_header(subscriber.name) else ""
                return headers.address("To", name, subscriber.address)
            case "subject":
                line = subject_line(template.subject, template.slots, values)
                return headers.text("Subject", line)
            case "stamp":
                return stamp_headers(stamp) if stamp else ""
            case "unsubscribe":
                return unsubscribe_headers(unsubscribe_url, template.unsubscribe_mailto)
            case "html":
                return quoted_printable.in_placeholder(html.escape(values[placeholder.token]))
            case _:
                return quoted_printable.in_placeholder(values[placeholder.token])

    return tuple(
        piece if isinstance(piece, bytes) else filled(piece).encode("ascii")
        for piece in template.pieces
    )


def unsubscribe_by_mail(mailbox: str) -> str:
    """The link by which people leave where there is no public server; "" without a mailbox."""
    return f"mailto:{quote(mailbox, safe='@+')}?subject=unsubscribe" if mailbox else ""


def _encoded(
    kind: Literal["text", "html"], text: str, tokens: re.Pattern[str]
) -> list[str | Placeholder]:
    pieces: list[str | Placeholder] = []
    at = 0
    for token in tokens.finditer(text):
        pieces += [
            quoted_printable.before_placeholder(text[at : token.start()]),
            Placeholder(kind, token[0]),
        ]
        at = token.end()
    return [*pieces, quoted_printable.encode(text[at:])]


def list_headers(sender: Sender) -> str:
    """List-Id, List-Archive and Precedence, each on a line that ends in CRLF."""
    name = re.sub(r'(["\\])', r"\\\1", sender.list_name.strip())
    # The header stands whole in ASCII; a name with letters left out would be another name.
    shown = f'"{name}" <{sender.list_id}>' if name and name.isascii() else f"<{sender.list_id}>"
    archive = headers.whole("List-Archive", f"<{sender.archive_url}>") if sender.archive_url else ""
    return headers.whole("List-Id", shown) + archive + "Precedence: bulk\r\n"


def unsubscribe_headers(url: str, mailto: str) -> str:
    """List-Unsubscribe, and its Post companion only beside an https address (RFC 8058)."""
    ways = [f"<{way}>" for way in (url, unsubscribe_by_mail(mailto)) if way]
    if not ways:
        return ""
    post = headers.whole("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
    return headers.whole("List-Unsubscribe", ", ".join(ways)) + (
        post if url.startswith("https://") else ""
    )


def stamp_headers(stamp: Stamp) -> str:
    """Date and Message-ID, each ending in CRLF."""
    date = _written(stamp.date.replace(microsecond=0), stamp.date.utcoffset())
    return f"Date: {date}\r\nMessage-ID: <{stamp.message_id}>\r\n"


@functools.lru_cache(maxsize=16)
def _written(date: dt.datetime, _offset: dt.timedelta | None) -> str:
    """A date as it stands in a mail; the offset tells apart what is one moment in two zones.

    A second has many mails, and this takes longer than all their other headers.
    """
    return email.utils.format_datetime(date)


def _mime_headers(boundary: str) -> str:
    kind = f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'
    return f"MIME-Version: 1.0\r\n{kind}\r\n"


def _part_headers(boundary: str, subtype: str) -> str:
    return (
        f"--{boundary}\r\n"
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
