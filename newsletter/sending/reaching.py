"""Before a person's send begins: somebody has to be there to take the first mail."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from newsletter.delivery import Outcome
from newsletter.delivery.deliver import Transport
from newsletter.errors import AccountError, NewsletterError, PausedError
from newsletter.project import Project
from newsletter.sending import transports
from newsletter.sending.context import SendContext
from newsletter.sending.result import Plan

#: How long it is waited before a mail server is called a second time; seconds.
_CALL_AGAIN_SECONDS: Final = 2.0
#: How often it is looked whether to end while a mail server is called; seconds.
_LISTEN_SECONDS: Final = 0.2


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
    outcome = _called(plan.transport, stopped)
    if outcome and not outcome.reached and not stopped():
        time.sleep(_CALL_AGAIN_SECONDS)
        outcome = _called(plan.transport, stopped)
    if outcome is None or stopped():
        return
    again = f"newsletter send --issue {plan.options.issue}"
    if not outcome.reached:
        hint = f"{suspected(context.project, outcome) or 'try later'}, then: {again}"
        raise PausedError(f"{outcome.reason}; nothing was sent now", hint=hint)
    if not begun:
        way = suspected(context.project, outcome)
        raise refused(
            AccountError, plan.transport.name, outcome.reason, plan.options.issue, way=way
        )


def suspected(project: Project, outcome: Outcome) -> str:
    """Which settings to look at where nothing could be sent, and where they stand; "" for none."""
    named = [f"{name} ({project.settings.origin(name)})" for name in outcome.settings]
    return f"see that {', '.join(named[:-1])} and {named[-1]} are right" if named else ""


def _called(transport: Transport, stopped: Callable[[], bool]) -> Outcome | None:
    """Call the mail server; a silent one is waited for no longer once it is to end."""
    answer: Future[Outcome | None] = Future()

    def call() -> None:
        try:
            answer.set_result(transports.reach(transport))
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for
            answer.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    while not stopped():
        with contextlib.suppress(TimeoutError):
            return answer.result(timeout=_LISTEN_SECONDS)
    return None


def refused(
    kind: type[NewsletterError], transport: str, reason: str, issue: int, *, way: str = ""
) -> NewsletterError:
    """What to say where every mail would be refused."""
    hint = f"{way or 'fix that'}, then: newsletter send --issue {issue}"
    return kind(f"{transport} refuses every mail: {reason}", hint=hint)
