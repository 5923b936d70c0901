"""The issue as a run froze it: what every recipient gets, whenever and by whatever program.

Frozen is what the issue says, not the MIME that carries it: an upgrade in the middle of a run may
encode the rest of the mails otherwise, and everybody still reads the same letter.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from newsletter.audience import read_address
from newsletter.render import RenderedIssue
from newsletter.render.markdown.fields import Slot

#: Of what `dump` writes. A change of what is written, or of what readers read of it, takes the next
#: number; what earlier versions wrote stays readable, or is refused where a run goes on.
VERSION: Final = 3
#: The first of this form; since 3 a slot may stand for the page on which a reader rates the issue.
_OLDEST: Final = 2


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


class FrozenIssue(NamedTuple):
    """One issue, the same for all its recipients.

    Attributes:
        subject: one line, with a token for each slot, like all texts here.
        html: the whole page.
        text: the text part, LF line ends.
        slots: what each token stands for.
        sender: with addresses as a mail carries them: ASCII, the domain as an A-label.
    """

    subject: str
    html: str
    text: str
    slots: Mapping[str, Slot]
    sender: Sender

    def dump(self) -> bytes:
        """Write it as JSON (UTF-8), the same bytes for the same issue.

        The address mail is sent from stands in "sender" in every version: events are compared with
        it for as long as the records have the run.
        """
        sender = dataclasses.asdict(self.sender)
        whole = {
            "version": VERSION, "subject": self.subject, "html": self.html, "text": self.text,
            "slots": {token: dataclasses.asdict(slot) for token, slot in self.slots.items()},
            "from_name": sender.pop("name"), "sender": sender.pop("address"), **sender,
        }  # fmt: skip
        line = json.dumps(whole, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return line.encode()

    @classmethod
    def load(cls, whole: Mapping[str, Any]) -> FrozenIssue:
        """Read the object that `dump` wrote.

        Raises:
            AttributeError, KeyError, TypeError, ValueError: it is of another form.
        """
        found = dict(whole)
        if found.pop("version") not in range(_OLDEST, VERSION + 1):
            raise ValueError("another version")
        return cls(
            subject=found.pop("subject"),
            html=found.pop("html"),
            text=found.pop("text"),
            slots={token: Slot(**slot) for token, slot in found.pop("slots").items()},
            sender=Sender(name=found.pop("from_name"), address=found.pop("sender"), **found),
        )


def freeze(rendered: RenderedIssue, sender: Sender) -> FrozenIssue:
    """What a run keeps of a rendered issue.

    Raises:
        InputError: an address of the sender's is none.
    """
    reply_to = read_address(sender.reply_to).mailbox if sender.reply_to else ""
    return FrozenIssue(
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        slots=rendered.slots,
        sender=dataclasses.replace(
            sender, address=read_address(sender.address).mailbox, reply_to=reply_to
        ),
    )
