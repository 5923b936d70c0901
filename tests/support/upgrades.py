"""What earlier versions of the program wrote, for the tests of going on after an upgrade."""

from __future__ import annotations

import json

from newsletter.message import FrozenIssue, encode


def dump_of_version_1(issue: FrozenIssue) -> bytes:
    """What the first version froze: the encoded pieces of the mail, with holes as pairs."""
    mail = encode(issue)
    whole = {
        "version": 1,
        "pieces": [p.decode() if isinstance(p, bytes) else [p.kind, p.token] for p in mail.pieces],
        "slots": {token: [s.name, s.fallback, s.url] for token, s in mail.slots.items()},
        "subject": mail.subject,
        "sender": mail.sender,
        "unsubscribe_mailto": mail.unsubscribe_mailto,
    }
    return json.dumps(whole, separators=(",", ":"), sort_keys=True).encode()
