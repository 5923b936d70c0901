"""Letters sent beside the pages: in a thread of its own, one a second, each once."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterator
from typing import Final

from newsletter.alerts.notifier import Notifier
from newsletter.audience import mask
from newsletter.audience.letters import LetterKind, LetterState
from newsletter.audience.tokens import make_token, page_url, unsubscribe_url
from newsletter.delivery import Effect, Outcome, Result
from newsletter.delivery.deliver import Transport
from newsletter.errors import InputError, LockedError, NewsletterError
from newsletter.humanize import plural
from newsletter.message import Message, Stamp
from newsletter.message.letters import Letter, compose_letter
from newsletter.project import Project
from newsletter.project.letters import has_letter, prepare_letter
from newsletter.reporter import Reporter
from newsletter.settings.mail import sender
from newsletter.store import Store, letters, limits, retention, signing_keys, signups
from newsletter.store.calendar import Calendar
from newsletter.store.letters import Budget

#: Seconds between two letters, and between two looks for one: a run beside it goes first.
_PACE: Final = 1.0
#: Seconds of rest where the way out itself is at fault.
_REST: Final = 60.0
#: Seconds between two attempts to take over from another process that sends letters.
_TURN: Final = 30.0
_TIDY: Final = dt.timedelta(hours=1)
#: Seconds to wait for the thread to end; a letter under way is settled.
_JOIN: Final = 5.0

Clock = Callable[[], dt.datetime]


def budget_of(project: Project) -> Budget:
    """How many letters may go to people who have not confirmed."""
    web = project.settings.web
    return Budget(hour=web.mails_per_hour, day=web.mails_per_day)


def check_letters(project: Project, *, now: dt.datetime) -> None:
    """Render every letter once, so that a fault in one is told before anybody asks for it.

    Raises:
        InputError: a letter, the theme or the sender's settings are wrong; with file and line.
    """
    sender(project.settings)
    for kind in LetterKind:
        if has_letter(project.root, kind):
            prepare_letter(project, kind, day=project.today(now))


@contextlib.contextmanager
def posting(
    project: Project,
    store: Store,
    *,
    open_transport: Callable[[], Transport],
    clock: Clock,
    reporter: Reporter,
) -> Iterator[None]:
    """Send letters for the length of a `with`, in a thread of its own.

    Args:
        project: the newsletter.
        store: its records.
        open_transport: opens the configured way out.
        clock: tells the time, in UTC.
        reporter: hears from that thread what goes wrong.
    """
    over = threading.Event()
    post = LetterPost(project, store, open_transport=open_transport, clock=clock, reporter=reporter)
    thread = threading.Thread(target=_keep_posting, args=(post, store, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=_JOIN)


def _keep_posting(post: LetterPost, store: Store, over: threading.Event) -> None:
    while not over.is_set():
        try:
            with store.lock("letters"):
                post.begin()
                while not over.wait(post.step()):
                    pass
        except LockedError:
            over.wait(_TURN)  # another process sends them
        except Exception as fault:  # noqa: BLE001  # the pages must go on, and it is said
            post.tell(fault)
            over.wait(_REST)


class LetterPost:
    """Sends what is queued; one thread at a time, which holds the lock.

    Args:
        project: the newsletter.
        store: its records.
        open_transport: opens the configured way out, for each letter.
        clock: tells the time, in UTC.
        reporter: hears what goes wrong.
    """

    def __init__(
        self,
        project: Project,
        store: Store,
        *,
        open_transport: Callable[[], Transport],
        clock: Clock,
        reporter: Reporter,
    ) -> None:
        self._project = project
        self._store = store
        self._open_transport = open_transport
        self._clock = clock
        self._reporter = reporter
        self._budget = budget_of(project)
        self._tidied: dt.datetime | None = None
        self._said = ""
        self._alerted: set[str] = set()

    def begin(self) -> None:
        """Say what will keep letters from arriving, and settle what a process left that died."""
        try:
            check_letters(self._project, now=self._clock())
        except InputError as fault:
            hint = f"; {fault.hint}" if fault.hint else ""
            self._reporter.warn(f"no confirmation mail can be sent: {fault}{hint}")
        if lost := letters.recover(self._store, now=self._clock()):
            were = plural(lost, "letter was", "letters were")
            self._reporter.warn(f"{were} on the way when the program ended; not sent again")
        self._look_ahead()

    def _look_ahead(self) -> None:
        """Ask the way out what it takes, before a visitor is told to look into their mailbox."""
        try:
            with contextlib.closing(self._open_transport()) as transport:
                allowance = transport.allowance()
        except NewsletterError as fault:
            self.tell(fault)
            return
        if allowance.verified_only:
            self._reporter.warn(
                "only verified addresses can subscribe yet: the account is in Amazon SES's "
                "sandbox; newsletter ses setup --print request drafts what to ask AWS"
            )

    def step(self) -> float:
        """Send a letter where one is due; the seconds until the next look."""
        now = self._clock()
        self._tidy(now)
        if not letters.is_due(self._store, now=now):
            return _PACE
        letter = letters.claim(self._store, self._budget, now=now)
        if letter is None:
            self._alert_of_waiting(now)
            return _PACE
        outcome = self._send(letter, now)
        state = letters.settle(self._store, letter, outcome, now=self._clock())
        return self._hear(letter, state, outcome, now)

    def tell(self, fault: Exception) -> None:
        """Say what stopped the letters, once until something else does."""
        why = str(fault) if isinstance(fault, NewsletterError) else type(fault).__name__
        if why != self._said:
            self._said = why
            self._reporter.warn(f"no confirmation mails are sent: {why}; trying again")

    def _send(self, letter: Letter, now: dt.datetime) -> Outcome:
        try:
            transport = self._open_transport()
        except NewsletterError as fault:
            return _at_fault(fault)
        with contextlib.closing(transport):
            try:
                message = self._compose(letter, None if transport.stamps else now)
            except NewsletterError as fault:
                return _at_fault(fault)
            return transport.deliver(message)

    def _compose(self, letter: Letter, now: dt.datetime | None) -> Message:
        project, key = self._project, signing_keys.newest(self._store)
        url = project.settings.site.public_url
        if letter.token:
            link = leave = page_url(url, "c", letter.token)
        else:
            link = page_url(url, "p", make_token(letter.handle, key, "preferences"))
            leave = unsubscribe_url(url, letter.handle, key)
        who = sender(project.settings)
        domain = who.address.rpartition("@")[2]
        name = f"letter.{letter.id}.{letter.attempt}"
        stamp = Stamp(date=now, message_id=f"{name}.{now:%Y%m%d%H%M%S}@{domain}") if now else None
        rendered = prepare_letter(project, letter.kind, day=project.today(letter.asked_at))
        return compose_letter(
            rendered, who, letter, link=link, leave=leave, stamp=stamp,
            store=self._store.feedback.store_id(),
        )  # fmt: skip

    def _hear(
        self, letter: Letter, state: LetterState, outcome: Outcome, now: dt.datetime
    ) -> float:
        if state is LetterState.ACCEPTED:
            self._said = ""
        elif state in {LetterState.UNKNOWN, LetterState.REFUSED}:
            why = outcome.reason or outcome.result.value
            self._reporter.warn(f"the {letter.kind} letter to {mask(letter.address)}: {why}")
        if outcome.effect in {Effect.GO_ON, Effect.OURS}:
            return _PACE
        self.tell(NewsletterError(outcome.reason or outcome.effect.value))
        if outcome.effect not in {Effect.SLOW_DOWN, Effect.BACK_OFF}:
            self._alert(
                now, "letters stopped", "Nobody can subscribe: no mail leaves",
                f"Confirmation mails cannot be sent: {outcome.reason}\n"
                "They wait for a day, and are tried again every minute.",
            )  # fmt: skip
        return _REST

    def _alert_of_waiting(self, now: dt.datetime) -> None:
        """Tell the owner once a day that more people ask than the budget lets be mailed."""
        held = letters.waiting(self._store, self._budget, now=now).held
        if held:
            number = plural(held, "confirmation mail waits", "confirmation mails wait")
            self._alert(
                now, "letters wait", "More sign-ups than usual",
                f"{number} for their turn: {self._budget.hour} an hour and {self._budget.day} a "
                "day may go.\nWere they people? Let them go: newsletter subscribers waiting "
                "--release\nOtherwise do nothing: what has waited for a day is not sent.",
            )  # fmt: skip

    def _alert(self, now: dt.datetime, about: str, subject: str, text: str) -> None:
        """Tell the owner, once a day for each thing."""
        topic = f"{about} {now:%Y-%m-%d}"
        if topic in self._alerted:
            return
        self._alerted = {one for one in self._alerted if one.endswith(topic[-10:])} | {topic}
        project = self._project
        owner = Notifier(project, now, open_transport=self._open_transport, reporter=self._reporter)
        owner.records = Calendar(self._store, rehearsal=project.rehearses)
        owner.alert(topic, subject, text)

    def _tidy(self, now: dt.datetime) -> None:
        """Forget what nobody asks for any more, once an hour."""
        if self._tidied is not None and now < self._tidied + _TIDY:
            return
        self._tidied = now
        valid = dt.timedelta(days=self._project.settings.web.confirm_days)
        limits.forget(self._store, now=now)
        signups.forget(self._store, valid=valid, now=now)
        letters.forget(self._store, now=now)
        if days := self._project.settings.retention.left:
            before = now - dt.timedelta(days=days)
            retention.forget_left(self._store, before=before, now=now)


def _at_fault(fault: NewsletterError) -> Outcome:
    """Nothing has left: our own settings, letters or credentials are wrong."""
    return Outcome(result=Result.NOT_SENT, effect=Effect.ABORT, reason=str(fault))
