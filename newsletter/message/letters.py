"""Letters: mails to one person about the list itself, such as the one that asks to confirm."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final

from newsletter.audience import Subscriber
from newsletter.audience.letters import LetterKind
from newsletter.message.frozen import Sender, freeze
from newsletter.message.mime import NO_STORE, Message, Stamp, compose, encode
from newsletter.render import RenderedIssue

#: The issue of a mail that is about none.
_NO_ISSUE: Final = 0


#: The link that a letter is about; it holds it once.
LINK: Final = {
    LetterKind.CONFIRM: "confirm_url",
    LetterKind.ALREADY: "preferences_url",
    LetterKind.WELCOME: "preferences_url",
    LetterKind.MOVE: "confirm_url",
    LetterKind.MOVED: "preferences_url",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A claimed letter.

    Attributes:
        id: the store's row.
        kind: which one.
        attempt: 1 for the first try.
        address: where it goes.
        handle: the subscriber's; "" for somebody who is none.
        token: of the link to confirm; "" where there is none.
        asked_at: when somebody asked for it.
    """

    id: int
    kind: LetterKind
    attempt: int
    address: str
    handle: str = ""
    token: str = ""
    asked_at: dt.datetime


def compose_letter(
    rendered: RenderedIssue,
    sender: Sender,
    letter: Letter,
    *,
    link: str,
    leave: str,
    stamp: Stamp | None,
    store: str = NO_STORE,
    mark: str = "",
) -> Message:
    """The mail of one letter; it holds nothing that a visitor has typed.

    Args:
        rendered: the letter in the theme.
        sender: who it is from.
        letter: whom it is for.
        link: the address of the page that it is about.
        leave: the address behind the link in the footer.
        stamp: Date and Message-ID, None where the transport writes them.
        store: the id of the records; a test mail is on none.
        mark: what the subject begins with.

    Raises:
        InputError: an address or the subject cannot be written in a header.
    """
    welcome = letter.kind is LetterKind.WELCOME
    template = encode(freeze(rendered, sender), bulk=False, leavable=welcome)
    template = replace(template, subject=mark + template.subject)
    person = Subscriber(
        id=0, handle=letter.handle, address=letter.address, fields={LINK[letter.kind]: link}
    )
    return Message(
        issue=_NO_ISSUE,
        position=letter.id,
        attempt=letter.attempt,
        sender=template.sender,
        to=letter.address,
        pieces=compose(template, person, unsubscribe_url=leave, stamp=stamp),
        store=store,
        letter=letter.kind,
    )
