"""Before a person's send begins: somebody has to be there to take the first mail."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from newsletter.errors import AccountError, NewsletterError, PausedError
from newsletter.sending import transports
from newsletter.sending.context import SendContext
from newsletter.sending.result import Plan

#: How long it is waited before a mail server is called a second time; seconds.
_CALL_AGAIN_SECONDS: Final = 2.0


def expect_server(
    context: SendContext, plan: Plan, stopped: Callable[[], bool], *, begun: bool
) -> None:
    """Refuse where nobody is there to take the first mail, or takes none, before it is begun.

    Args:
        context: what is sent with.
        plan: what would go out.
        stopped: whether to end.
        begun: whether the run is; it is paused then for what the server refuses.

    Raises:
        PausedError: nobody is there; a wrong name or port is the likely reason.
        AccountError: the server takes nothing from here.
    """
    outcome = transports.reach(plan.transport)
    if outcome and not outcome.reached and not stopped():
        time.sleep(_CALL_AGAIN_SECONDS)
        outcome = transports.reach(plan.transport)
    if outcome is None or stopped():
        return
    again = f"newsletter send --issue {plan.options.issue}"
    if not outcome.reached:
        settings = context.project.settings
        names = ("transport.smtp.host", "transport.smtp.port")
        set_by = " and ".join(f"{name} ({settings.origin(name)})" for name in names)
        raise PausedError(
            f"{outcome.reason}; nothing was sent now",
            hint=f"see that {set_by} are right, then: {again}",
        )
    if not begun:
        raise refused(AccountError, plan.transport.name, outcome.reason, plan.options.issue)


def refused(
    kind: type[NewsletterError], transport: str, reason: str, issue: int
) -> NewsletterError:
    """What to say where every mail would be refused."""
    hint = f"fix that, then: newsletter send --issue {issue}"
    return kind(f"{transport} refuses every mail: {reason}", hint=hint)
