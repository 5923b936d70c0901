"""RenderedIssue x Subscriber becomes one mail.

An Envelope is the whole mail, encoded once per issue, with holes; `compose` fills them for one
person. What a person's record holds is put in once, escaped for the place it lands in, and never
read again as anything but text.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import email.utils
import hashlib
import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from newsletter import text_rules
from newsletter.audience import Subscriber, read_address
from newsletter.message import headers, quoted_printable
from newsletter.render import RenderedIssue
from newsletter.render.markdown.fields import Slot

_BLANKS: Final = re.compile("[ \\t-\\r\\x1c-\\x1f\\x85\\u2028\\u2029]+")

#: The store of a mail that is no delivery: a test mail, a notice to the owner.
NO_STORE: Final = "none"

Kind = Literal["to", "subject", "stamp", "unsubscribe", "html", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who the mail is from, and how people leave.

    Attributes:
        name: shown beside the address, may be empty.
        address: From.
        reply_to: Reply-To, empty for none.
        list_id: stable for life (RFC 2919), such as `slack-water.letters.example.org`.
        list_name: shown beside it.
        archive_url: for List-Archive, may be empty.
        unsubscribe_mailto: the mailbox people may write to who leave, may be empty.
    """

    name: str
    address: str
    reply_to: str = ""
    list_id: str
    list_name: str = ""
    archive_url: str = ""
    unsubscribe_mailto: str = ""


@dataclass(frozen=True, slots=True)
class Hole:
    """A place in the mail that differs from person to person."""

    kind: Kind
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One issue as a mail with holes, encoded; frozen in the store for all attempts.

    Attributes:
        pieces: ASCII text as it goes out, and holes, in order.
        slots: what each token stands for.
        subject: the subject with its tokens.
        sender: the address mail is sent from (MAIL FROM).
        unsubscribe_mailto: as in Sender.
    """

    pieces: tuple[str | Hole, ...]
    slots: Mapping[str, Slot]
    subject: str
    sender: str
    unsubscribe_mailto: str

    def dump(self) -> bytes:
        """Write it as JSON, the same bytes for the same envelope."""
        pieces = [p if isinstance(p, str) else [p.kind, p.token] for p in self.pieces]
        slots = {t: [s.name, s.fallback, s.url] for t, s in self.slots.items()}
        whole = {
            "version": 1, "pieces": pieces, "slots": slots, "subject": self.subject,
            "sender": self.sender, "unsubscribe_mailto": self.unsubscribe_mailto,
        }  # fmt: skip
        return json.dumps(whole, separators=(",", ":"), sort_keys=True).encode()

    @classmethod
    def load(cls, data: bytes) -> Envelope:
        """Read what `dump` wrote."""
        whole: dict[str, Any] = json.loads(data)
        return cls(
            pieces=tuple(p if isinstance(p, str) else Hole(*p) for p in whole["pieces"]),
            slots={t: Slot(name=n, fallback=f, url=u) for t, (n, f, u) in whole["slots"].items()},
            subject=whole["subject"],
            sender=whole["sender"],
            unsubscribe_mailto=whole["unsubscribe_mailto"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
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
        data: RFC 5322 bytes, 7-bit, CRLF line ends.
        store: the id of the records it is a delivery of.
    """

    issue: int
    position: int
    attempt: int
    sender: str
    to: str
    data: bytes
    store: str = NO_STORE

    @property
    def tag(self) -> str:
        """Names this attempt in what the provider reports of it, for these records alone.

        Letters, digits and hyphens, as SES allows in a tag's value; it names no person.
        """
        return f"{self.store}-{self.issue}-{self.position}-{self.attempt}"


def seal(rendered: RenderedIssue, sender: Sender) -> Envelope:
    """Encode a rendered letter once, with a hole for every token.

    Raises:
        InputError: subject, a name or an address cannot stand in a header.
    """
    tokens = _tokens(rendered.slots)
    # What a person gets whose values cannot stand there; so whoever comes, there is a subject.
    values = {t: _escaped(slot, slot.fallback) for t, slot in rendered.slots.items()}
    headers.text("Subject", tokens.sub(lambda found: values[found[0]], rendered.subject))
    _unsubscribe_headers("", sender.unsubscribe_mailto)
    boundary = "=_" + hashlib.sha256((rendered.text + rendered.html).encode()).hexdigest()[:40]
    mailbox = read_address(sender.address).mailbox
    head = headers.address("From", sender.name, mailbox)
    if sender.reply_to:
        head += headers.address("Reply-To", "", read_address(sender.reply_to).mailbox)
    pieces: list[str | Hole] = [
        head, Hole("to"), Hole("subject"), Hole("stamp"), _list_headers(sender),
        Hole("unsubscribe"), _mime_headers(boundary),
        _part_headers(boundary, "plain"), *_holes("text", rendered.text, tokens),
        f"\r\n{_part_headers(boundary, 'html')}", *_holes("html", rendered.html, tokens),
        f"\r\n--{boundary}--\r\n",
    ]  # fmt: skip
    return Envelope(
        pieces=tuple(pieces),
        slots=rendered.slots,
        subject=rendered.subject,
        sender=mailbox,
        unsubscribe_mailto=sender.unsubscribe_mailto,
    )


def compose(
    envelope: Envelope,
    subscriber: Subscriber,
    *,
    unsubscribe_url: str = "",
    stamp: Stamp | None = None,
) -> bytes:
    """Fill an envelope for one person.

    Args:
        envelope: from `seal`.
        subscriber: the recipient.
        unsubscribe_url: the person's own https page, or "" where there is no public server.
        stamp: Date and Message-ID, or None where the transport writes them (SES does).

    Raises:
        InputError: the person's address cannot stand in a header. A name or a field that cannot is
            left out of it: nobody goes without the mail for what they are called.
    """
    values = _values(envelope.slots, subscriber, unsubscribe_url or way_out(envelope))
    whole = "".join(
        piece if isinstance(piece, str) else _fill(piece, envelope, subscriber, values, stamp)
        for piece in _with_way_out(envelope, unsubscribe_url)
    )
    return whole.encode("ascii")


def way_out(envelope: Envelope) -> str:
    """How people leave where there is no public server: a mail to a mailbox, or ""."""
    return _mailto(envelope.unsubscribe_mailto)


def filled(rendered: RenderedIssue, subscriber: Subscriber, leave: str) -> RenderedIssue:
    """A letter with every token replaced for one person: what they will read.

    Args:
        rendered: from `render`.
        subscriber: the recipient.
        leave: the person's own unsubscribe link.
    """
    values = _values(rendered.slots, subscriber, leave)
    tokens = _tokens(rendered.slots)

    def text(part: str) -> str:
        return tokens.sub(lambda found: values[found[0]], part)

    def page(part: str) -> str:
        return tokens.sub(lambda found: html.escape(values[found[0]]), part)

    links = (
        dataclasses.replace(k, text=text(k.text), written=text(k.written), url=text(k.url))
        for k in rendered.links
    )
    return dataclasses.replace(
        rendered,
        subject=_subject(rendered.subject, rendered.slots, values),
        preheader=text(rendered.preheader),
        html=page(rendered.html),
        text=text(rendered.text),
        mjml=page(rendered.mjml),
        links=tuple(links),
    )


def _values(slots: Mapping[str, Slot], subscriber: Subscriber, leave: str) -> dict[str, str]:
    return {t: _value(slot, subscriber) if slot.name else leave for t, slot in slots.items()}


def _with_way_out(envelope: Envelope, url: str) -> Sequence[str | Hole]:
    ways = _unsubscribe_headers(url, envelope.unsubscribe_mailto)
    return [ways if isinstance(p, Hole) and p.kind == "unsubscribe" else p for p in envelope.pieces]


def _fill(
    hole: Hole,
    envelope: Envelope,
    subscriber: Subscriber,
    values: Mapping[str, str],
    stamp: Stamp | None,
) -> str:
    match hole.kind:
        case "to":
            name = subscriber.name if text_rules.stands_in_header(subscriber.name) else ""
            return headers.address("To", name, subscriber.address)
        case "subject":
            return headers.text("Subject", _subject(envelope.subject, envelope.slots, values))
        case "stamp":
            return stamp_headers(stamp) if stamp else ""
        case "html":
            return quoted_printable.in_hole(html.escape(values[hole.token]))
        case _:
            return quoted_printable.in_hole(values[hole.token])


def _value(slot: Slot, subscriber: Subscriber) -> str:
    return _escaped(slot, _one_line(subscriber.value(slot.name)) or slot.fallback)


def _escaped(slot: Slot, value: str) -> str:
    return quote(value, safe="") if slot.url else value


def _one_line(text: str) -> str:
    # Half a character can be written in no mail.
    whole = text if text.isascii() else text.encode(errors="ignore").decode()
    return " ".join(whole.split())


def _subject(subject: str, slots: Mapping[str, Slot], values: Mapping[str, str]) -> str:
    """A subject in one line, with the fallback for each value that cannot stand in a header."""

    def fallback(token: str) -> str:
        slot = slots[token]
        return _escaped(slot, slot.fallback) if slot.name else values[token]

    def fitting(token: str) -> str:
        value = values[token]
        return value if text_rules.stands_in_header(value) else fallback(token)

    line = _spliced(subject, slots, fitting)
    # Pieces that are harmless by themselves may not be so together.
    return line if text_rules.is_safe_in_header(line) else _spliced(subject, slots, fallback)


def _spliced(subject: str, slots: Mapping[str, Slot], value: Callable[[str], str]) -> str:
    """A subject in one line; an author's no-break or thin space is meant and stays."""
    whole = _tokens(slots).sub(lambda found: value(found[0]), subject)
    return _BLANKS.sub(" ", whole).strip(" ")


def _tokens(slots: Mapping[str, Slot]) -> re.Pattern[str]:
    """The tokens of this letter and no others: an author may have written "__NL" before one."""
    return re.compile("|".join(slots))


def _holes(kind: Kind, text: str, tokens: re.Pattern[str]) -> list[str | Hole]:
    pieces: list[str | Hole] = []
    at = 0
    for token in tokens.finditer(text):
        pieces += [quoted_printable.before_hole(text[at : token.start()]), Hole(kind, token[0])]
        at = token.end()
    return [*pieces, quoted_printable.encode(text[at:])]


def _list_headers(sender: Sender) -> str:
    name = re.sub(r'(["\\])', r"\\\1", sender.list_name.strip())
    # The header stands whole in ASCII; a name with letters left out would be another name.
    shown = f'"{name}" <{sender.list_id}>' if name and name.isascii() else f"<{sender.list_id}>"
    archive = headers.whole("List-Archive", f"<{sender.archive_url}>") if sender.archive_url else ""
    return headers.whole("List-Id", shown) + archive + "Precedence: bulk\r\n"


def _unsubscribe_headers(url: str, mailto: str) -> str:
    """List-Unsubscribe, and its Post companion only beside an https address (RFC 8058)."""
    ways = [f"<{way}>" for way in (url, _mailto(mailto)) if way]
    if not ways:
        return ""
    post = headers.whole("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
    return headers.whole("List-Unsubscribe", ", ".join(ways)) + (
        post if url.startswith("https://") else ""
    )


def _mailto(address: str) -> str:
    return f"mailto:{quote(address, safe='@+')}?subject=unsubscribe" if address else ""


def stamp_headers(stamp: Stamp) -> str:
    """Date and Message-ID, each ending in CRLF."""
    return (
        f"Date: {email.utils.format_datetime(stamp.date)}\r\nMessage-ID: <{stamp.message_id}>\r\n"
    )


def _mime_headers(boundary: str) -> str:
    kind = f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'
    return f"MIME-Version: 1.0\r\n{kind}\r\n"


def _part_headers(boundary: str, subtype: str) -> str:
    return (
        f"--{boundary}\r\n"
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )


#: The person in previews, builds and test mails; the token in their link opens nothing.
SAMPLE: Final = Subscriber(id=0, handle="0" * 24, address="reader@example.org", name="Sam Reader")
