"""When what comes back says that sending on would cost the sender's good name.

Amazon SES reviews an account at 5 % bounces or 0.1 % complaints (SES guide, "Sending review
process FAQs"); a run pauses before that, once the numbers are large enough to mean something.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from newsletter.delivery import Pause, Stop
from newsletter.humanize import plural

BOUNCES: Final = 0.04
COMPLAINTS: Final = 0.0008
#: Shares of fewer mails say little.
_ENOUGH_FOR_BOUNCES: Final = 200
_ENOUGH_FOR_COMPLAINTS: Final = 1000
#: Mailbox providers distrust a sender who grows quicker than this from one day to another.
_GROWTH: Final = 4
_SMALL: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reputation:
    """What became of the mails of some time.

    Attributes:
        sent: accepted by the provider.
        bounced: of those, for good.
        complained: of those, marked as spam.
    """

    sent: int
    bounced: int
    complained: int


def judge(found: Reputation) -> Stop | None:
    """Why a run must pause, or None to go on."""
    if found.sent >= _ENOUGH_FOR_BOUNCES and found.bounced >= found.sent * BOUNCES:
        return _stop(found.bounced, found.sent, "bounced", BOUNCES)
    if found.sent >= _ENOUGH_FOR_COMPLAINTS and found.complained >= found.sent * COMPLAINTS:
        return _stop(found.complained, found.sent, "brought a complaint", COMPLAINTS)
    return None


def warm_up(recipients: int, busiest: int) -> str:
    """A warning for a sender who grows too quickly, or "".

    Args:
        recipients: mails that would leave now.
        busiest: the most mails of one day lately.
    """
    if recipients <= _SMALL or recipients <= busiest * _GROWTH:
        return ""
    so_far = f"at most {busiest:,} left on one day" if busiest else "none left"
    return (
        f"{plural(recipients, 'mail')} at once, and in the last 30 days {so_far}: mailbox "
        "providers distrust that; --limit K sends K today, and the same command goes on tomorrow"
    )


def _stop(number: int, sent: int, what: str, most: float) -> Stop:
    share = f"{number / sent * 100:.2g} % of {sent:,} mails"
    return Stop(Pause.BREAKER, f"{share} {what}, and {most * 100:.2g} % is the most")
