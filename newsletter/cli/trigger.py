"""One call of `newsletter send --due --yes`: whatever goes wrong in it, somebody hears of it."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from newsletter.cli import desk as front
from newsletter.cli.owner import Owner
from newsletter.cli.show import say
from newsletter.cli.unforeseen import foreseen
from newsletter.errors import NewsletterError
from newsletter.settings import worth_keeping
from newsletter.store import salvaged

if TYPE_CHECKING:
    from newsletter.cli.draining import Wish


def answer(wish: Wish) -> int:
    """Do what is due; tell the owner of any fault, a bug included, and the monitor how it ended.

    The heartbeat says that the call came to an orderly end, so it is no `finally`: a call that
    was killed or broke off must be missed outside. A dry run tells nobody.

    Returns:
        the exit code, as `send_due` tells.

    Raises:
        NewsletterError: what went wrong; the owner is told as far as there is a way to.
    """
    now = front.clock()
    owner: Owner | None = None
    with contextlib.ExitStack() as opened:
        try:
            owner = Owner(front.open_desk(), now)
            code = _answer(wish, owner, opened)
        except Exception as error:
            fault = foreseen(error)
            if not wish.dry_run:
                owner = owner or Owner(front.salvaged_desk(), now)
                owner.fault(fault)
                owner.heartbeat(orderly=False)
            if fault is error:
                raise
            raise fault from error
    if not wish.dry_run:
        _keep(owner)
        owner.heartbeat(orderly=not owner.unheard)
    return code


def tell(fault: NewsletterError) -> None:
    """Tell the owner that a trigger was called in a way that cannot be understood.

    Who types at a terminal sees it, and needs no mail.
    """
    if sys.stdin.isatty():
        return
    owner = Owner(front.salvaged_desk(), front.clock())
    owner.fault(fault)
    owner.heartbeat(orderly=False)


def _answer(wish: Wish, owner: Owner, opened: contextlib.ExitStack) -> int:
    # Here, so that a broken installation is told as well.
    from newsletter.cli.due import send_due

    desk = owner.desk
    store = opened.enter_context(desk.store(create=False, read_only=wish.dry_run))
    if not wish.dry_run:
        owner.records = store.calendar(rehearsal=desk.rehearses)
    return send_due(desk, wish, store, owner)


def _keep(owner: Owner) -> None:
    """Keep how the owner is reached, for a call that cannot read the settings."""
    try:
        salvaged.keep(owner.desk.root, worth_keeping(owner.desk.settings))
    except (OSError, NewsletterError) as error:
        say(f"how the owner is reached could not be kept: {type(error).__name__}")
