"""One call of `newsletter send --due --yes`: whatever goes wrong in it, somebody hears of it."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING

from newsletter.cli import desk as front
from newsletter.cli.owner import Owner
from newsletter.cli.unforeseen import foreseen
from newsletter.errors import InputError

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
            owner = owner or _salvaged(now)
            if owner and not wish.dry_run:
                owner.fault(fault)
                owner.heartbeat(orderly=False)
            if fault is error:
                raise
            raise fault from error
    if not wish.dry_run:
        owner.heartbeat(orderly=not owner.unheard)
    return code


def _answer(wish: Wish, owner: Owner, opened: contextlib.ExitStack) -> int:
    # Here, so that a broken installation is told as well.
    from newsletter.cli.due import send_due
    from newsletter.store.calendar import Calendar

    desk = owner.desk
    store = opened.enter_context(desk.store(create=False, read_only=wish.dry_run))
    if not wish.dry_run:
        owner.records = Calendar(store, rehearsal=desk.rehearses)
    return send_due(desk, wish, store, owner)


def _salvaged(now: dt.datetime) -> Owner | None:
    """The owner as far as settings with faults tell who that is."""
    try:
        return Owner(front.salvaged_desk(), now)
    except InputError:
        return None
