"""Before a person's send begins: somebody has to be there to take the first mail."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from newsletter.errors import PausedError
from newsletter.sending import transports
from newsletter.sending.context import SendContext
from newsletter.sending.result import Plan

#: How long it is waited before a mail server is called a second time; seconds.
_CALL_AGAIN_SECONDS: Final = 2.0


def expect_server(context: SendContext, plan: Plan, stopped: Callable[[], bool]) -> None:
    """Refuse where nobody is there to take the first mail, before anything is begun.

    Raises:
        PausedError: nobody is; a wrong name or port is the likely reason.
    """
    why = transports.unreached(plan.transport)
    if why and not stopped():
        time.sleep(_CALL_AGAIN_SECONDS)
        why = transports.unreached(plan.transport)
    if not why or stopped():
        return
    settings = context.project.settings
    names = ("transport.smtp.host", "transport.smtp.port")
    set_by = " and ".join(f"{name} ({settings.origin(name)})" for name in names)
    number = plan.options.issue
    raise PausedError(
        f"{why}; nothing was sent now",
        hint=f"see that {set_by} are right, then: newsletter send --issue {number}",
    )
