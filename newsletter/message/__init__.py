"""A rendered issue is frozen with its run; with a Subscriber it becomes one mail.

    frozen      what a run keeps of an issue, for all its recipients
    mime        that issue encoded once, with placeholders; one reader's mail made from it
    merge       that issue as a template, and what stands in it for one reader
    folding     long lines of HTML, folded
    personal    what stands in the placeholders for one reader
    headers     the one header policy
    notices     mails to the newsletter's owner
    letters     mails to one person about the list itself

`notices`, `letters`, `merge` and `folding` apart, all is imported from here.
"""

from __future__ import annotations

from newsletter.message.frozen import FrozenIssue, Sender, freeze
from newsletter.message.mime import (
    NO_STORE,
    Message,
    MimeTemplate,
    Stamp,
    compose,
    encode,
    load_template,
    stamp_headers,
    unsubscribe_by_mail,
)
from newsletter.message.personal import SAMPLE, filled

__all__ = [
    "NO_STORE",
    "SAMPLE",
    "FrozenIssue",
    "Message",
    "MimeTemplate",
    "Sender",
    "Stamp",
    "compose",
    "encode",
    "filled",
    "freeze",
    "load_template",
    "stamp_headers",
    "unsubscribe_by_mail",
]
