"""`newsletter send`, step by step: look, ask, freeze, drain, say what came of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from newsletter.check import RULES, errors
from newsletter.cli import ledgers
from newsletter.cli.desk import CHOSEN, Desk
from newsletter.cli.draining import Wish, deliver
from newsletter.cli.ending import already
from newsletter.cli.feedback import listen_first, warn_of_growth
from newsletter.cli.people import warn_of_unimported
from newsletter.cli.show import VOICE, result_json, say
from newsletter.cli.write import line
from newsletter.delivery import RunState
from newsletter.delivery.deliver import Transport, expect_way_out
from newsletter.errors import (
    CancelledError,
    InputError,
    NotFitError,
    PausedError,
    RefusedError,
    UnknownOutcomesError,
)
from newsletter.humanize import nearest, plural
from newsletter.sending.plan import Plan, look, rows
from newsletter.settings.mail import sender

if TYPE_CHECKING:
    from newsletter.project.issues import Opened
    from newsletter.store import Store


def send_issue(desk: Desk, wish: Wish) -> int:
    """Send an issue, or say why not.

    Returns:
        The exit code: 0, 6 when deliveries are left, 9 when outcomes are unknown, 130 or 143
        when a signal ended it.

    Raises:
        NewsletterError: it must not or cannot be sent; nothing has left.
    """
    from newsletter.store import claims, runs

    if wish.confirm not in {None, wish.issue}:
        raise InputError(
            f"--confirm says {wish.confirm}, --issue says {wish.issue}", hint="make them agree"
        )
    _expect_checks(wish.skip_checks)
    opened = desk.letter(wish.issue)
    transport = desk.transport()
    with desk.store(create=False, read_only=wish.dry_run) as store:
        if not wish.dry_run:
            listen_first(desk, store)
        lost = None
        if not transport.rehearsal:
            lost = ledgers.missing(desk, store, wish.issue, restored=wish.restored)
        done = runs.find(store, wish.issue, rehearsal=transport.rehearsal)
        again = wish.again and transport.rehearsal
        if done and done.state is RunState.FINISHED and not again and not lost:
            if not wish.dry_run:
                ledgers.write_again(desk, store, done)
            return already(store, done)
        _gate(desk, opened, transport, wish)
        plan = _plan(desk, wish, store, opened, transport)
        for name, value in rows(plan, desk.root):
            say(f"{name:>10}  {value}")
        warn_of_unimported(desk, store)
        warn_of_growth(store, plan)
        if done and lost:
            number = claims.exposed(store, done, lost.reached.position)
            say(f"{plural(number, 'mail')} of these may have left since the backup was made; not "
                "sent again, but unknown")  # fmt: skip
        if wish.dry_run:
            return _foresee(wish, plan)
        _confirm(wish)
        with store.lock():
            if not transport.rehearsal:
                ledgers.agree(desk, store, wish.issue, restored=wish.restored)
            return deliver(desk, wish, store, plan)


def _expect_checks(names: tuple[str, ...]) -> None:
    """Refuse a check nobody knows: with a typing error in it, a flag would do nothing."""
    for name in names:
        if name not in RULES:
            raise InputError(
                f'no check is called "{name}"',
                hint=nearest(name, RULES, "docs/checks.md lists them"),
            )


def _foresee(wish: Wish, plan: Plan) -> int:
    """Say that this was a dry run; the exit code is the one the real run would have."""
    say("dry run: nothing was sent and nothing was written")
    if VOICE.json:
        result_json(
            {
                "issue": wish.issue, "rehearsal": plan.transport.rehearsal, "dry_run": True,
                "recipients": plan.recipients, "left_out": dict(plan.left_out),
            }
        )  # fmt: skip
    if plan.short or (wish.limit is not None and wish.limit < plan.recipients):
        return PausedError.exit_code
    return UnknownOutcomesError.exit_code if plan.doubtful else 0


def _gate(desk: Desk, opened: Opened, transport: Transport, wish: Wish) -> None:
    """Stop at what is not approved, at errors nobody answers for, where readers have no way out."""
    if wish.due:
        expect_approved(opened)
    expect_fit(opened, wish.skip_checks)
    settings = desk.settings
    expect_way_out(
        transport,
        public_url=settings.site.public_url,
        unsubscribe_mailto=settings.sender.unsubscribe_mailto,
    )


def expect_fit(opened: Opened, skip: tuple[str, ...] = ()) -> None:
    """Refuse a letter with errors, but for those of the checks in `skip`; each is shown.

    Raises:
        NotFitError: there are some.
    """
    stopping = [f for f in errors(opened.findings) if f.id not in skip]
    for finding in stopping:
        say(line(finding), quiet_at=-9)
    if stopping:
        number = opened.issue.number
        raise NotFitError(
            f"issue {number} is not fit to send: {plural(len(stopping), 'error')}",
            hint=f"mend them and look again: newsletter check --issue {number}",
        )


def expect_approved(opened: Opened) -> None:
    """Refuse what is not, to the byte, what a person has approved.

    Raises:
        RefusedError: something the letter is made from has changed since.
    """
    if opened.issue.approved != opened.approval:
        number = opened.issue.number
        raise RefusedError(
            f"issue {number}, its theme, pictures or settings changed since it was approved",
            place=opened.issue.place("approved"),
            hint=f"look at it, then: newsletter approve --issue {number}",
        )


def _plan(desk: Desk, wish: Wish, store: Store, opened: Opened, transport: Transport) -> Plan:
    from newsletter.store import imports

    who = sender(desk.settings)
    plan = look(store, opened, transport, who, skipped=wish.skip_checks, anew=wish.again)
    begun = plan.run is not None and plan.run.begun
    left = None if begun or wish.expect is not None else imports.unfinished(store)
    if left:
        raise RefusedError(
            f"the import of {left[0]} is not finished: {plural(left[1], 'row is', 'rows are')} "
            "not in the records yet",
            hint="run the same import again, it goes on with the rest; or say how many shall get "
            f"this issue: --expect {plan.recipients}",
        )
    if wish.expect not in {None, plan.recipients}:
        raise RefusedError(
            f"--expect says {wish.expect}, but there are {plural(plan.recipients, 'recipient')}",
            hint="find out why before sending",
        )
    if not plan.recipients and plan.run is None:
        raise NotFitError(
            "nobody would get this issue",
            hint="import a list: newsletter subscribers import FILE --consent-source TEXT",
        )
    return plan


def _confirm(wish: Wish) -> None:
    if wish.confirm is not None:
        return
    if CHOSEN.no_input or not sys.stdin.isatty():
        raise InputError(
            "sending needs a confirmation, and nobody is there to ask",
            hint=f"add --confirm {wish.issue}",
        )
    say(f"Type {wish.issue} to send it, anything else cancels: ", quiet_at=-9)
    if sys.stdin.readline().strip() != str(wish.issue):
        raise CancelledError("cancelled; nothing was sent")
