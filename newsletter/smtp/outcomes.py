"""What a mail server's replies mean for a delivery."""

from __future__ import annotations

from typing import Final

from newsletter.delivery import Outcome
from newsletter.delivery.outcomes import Verdict, accepted_as, judged

#: "Done", here or on the way (RFC 5321, 4.2.3). A greeting (220) or a goodbye (221) in its place
#: is of the 200s, too, and says nothing about a mail.
_SMTP_TAKEN: Final = frozenset({250, 251, 252})


def smtp_reply(code: int, message_id: str) -> Outcome:
    """A mail server's answer about one recipient (RFC 5321, 4.2.1).

    421 in place of an answer to the whole mail is none: the session knows when it was said.
    """
    match code // 100:
        case 2 if code in _SMTP_TAKEN:
            return accepted_as(message_id)
        case 4:
            return judged(Verdict.DEFERRED, f"SMTP {code}")
        case 5:
            return judged(Verdict.REFUSED, f"SMTP {code}")
        case _:
            return judged(Verdict.UNPROVEN, f"SMTP {code}")
