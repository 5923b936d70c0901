"""Two mails to SES's mailbox simulator, whose events show that mails leave as they are written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from newsletter import __version__
from newsletter.delivery import Outcome
from newsletter.delivery.bulk import bulk_trial
from newsletter.delivery.deliver import TRIAL_MARK, Transport, trial
from newsletter.errors import AccountError, InputError, NotFitError
from newsletter.feedback import DROPPED, EventKind
from newsletter.message import FrozenIssue, encode
from newsletter.message.merge import RULES, merge_template
from newsletter.project import Project
from newsletter.render.markdown.fields import Slot
from newsletter.sending import transports
from newsletter.sending.gate import no_way_out, refuse
from newsletter.sending.trial import TrialResult, refuse_unaccepted
from newsletter.settings.mail import sender
from newsletter.store import Store
from newsletter.store.proofs import AccountProof, keep

if TYPE_CHECKING:
    from newsletter.ses.event_format import Report
    from newsletter.ses.events import Queue

#: They take every mail and report it as delivered (SES developer guide, "mailbox simulator").
_TO: Final = ("success+first@simulator.amazonses.com", "success+second@simulator.amazonses.com")
_WANTED: Final = frozenset({EventKind.SEND, EventKind.DELIVERY})
_ROUNDS: Final = 60
_SECONDS: Final = 3.0
#: What a service that fills templates, or one that mends mails, may get wrong.
_AWKWARD: Final = r"{{ x }} {y} \{{z}} {{{w}}} & <b> ' é € 🌊 "
#: A place where a reader's value stands; nobody has one, so its fallback does.
_PLACE: Final = "__NL_F_A__"
_VALUE: Final = r"{{value}} \{"
#: How mails of one request each are written.
_SINGLE_RULES: Final = 1
_UNSUBSCRIBE: Final = "list-unsubscribe"


def prove(
    project: Project,
    store: Store,
    transport: Transport,
    queue: Queue,
    *,
    clock: Callable[[], dt.datetime],
    sleep: Callable[[float], None],
) -> AccountProof:
    """Send two mails the way issues go, wait for their events, compare, and keep the proof.

    Args:
        project: the newsletter.
        store: the records, which take up whatever else is in the queue.
        transport: the way out; the caller closes it.
        queue: of events; the caller closes it.
        clock: now.
        sleep: waits so many seconds; 3 minutes in all at most.

    Raises:
        InputError: mails do not leave through SES, or no configuration set is named.
        NotFitError: readers could not unsubscribe, or a mail was changed on its way.
        AccountError: SES refuses, or no event came back.
        UnknownOutcomesError, PausedError: see `refuse_unaccepted`.
    """
    from newsletter.events import pull  # noqa: PLC0415  # boto3 is heavy

    settings = project.settings
    group = settings.transport
    if group.kind != "ses" or not group.ses.configuration_set:
        raise InputError(
            "only mails that leave through SES, with a configuration set, report back",
            hint='newsletter ses setup --write, then transport.kind = "ses"',
        )
    refuse([no_way_out(settings, rehearsal=False)])
    account = transport.allowance().account
    region = str(getattr(transport, "region", ""))
    mode = "bulk" if transports.in_bulk(transport) else "single"
    watch = _Watch(_given(project, transport, clock))
    for attempt in range(_ROUNDS):
        if attempt:
            sleep(_SECONDS)
        pull.pull(project, store, queue, heard=watch.hear)
        if watch.complete:
            break
    watch.refuse_silence()
    proof = AccountProof(
        account=account, region=region, mode=mode, rules=rules_of(mode),
        program=__version__, at=clock(),
    )  # fmt: skip
    keep(store, proof)
    return proof


def rules_of(mode: str) -> int:
    """The version of how mails are written in a mode; a proof holds for one."""
    return RULES if mode == "bulk" else _SINGLE_RULES


@dataclass(slots=True)
class _Watch:
    """What is heard of some mails.

    Attributes:
        sent: the subject of every one, as it was written; the tags by the provider's names.
        heard: kinds of events, by the same names.
    """

    sent: tuple[str, Mapping[str, str]]
    heard: dict[str, set[EventKind]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether all that is wanted was heard of each."""
        return all(self.heard.get(name, set()) >= _WANTED for name in self.sent[1])

    def hear(self, text: str) -> None:
        """Look at one message of the queue.

        Raises:
            NotFitError: a mail was not composed, or is not as it was written.
        """
        from newsletter.ses.event_format import read_report  # noqa: PLC0415  # as above

        report = read_report(text)
        if report is None or report.message_id not in self.sent[1]:
            return
        if report.kind in DROPPED:
            raise NotFitError(
                "SES took a mail and did not compose it",
                hint='set transport.ses.mode = "single", and report this',
            )
        self._compare(report)
        self.heard.setdefault(report.message_id, set()).add(report.kind)

    def refuse_silence(self) -> None:
        """Raise when something was not heard."""
        if self.complete:
            return
        lacking = sorted(
            {kind.value for name in self.sent[1] for kind in _WANTED - self.heard.get(name, set())}
        )
        raise AccountError(
            f"SES took the mails, but no event came back in 3 minutes ({', '.join(lacking)})",
            hint="newsletter doctor; and whoever else fetches events (serve --with-events, "
            "events pull --follow) has to stop for it",
        )

    def _compare(self, report: Report) -> None:
        subject, tags = self.sent
        wrong = [
            what
            for what, fits in (
                ("its subject", report.subject == subject),
                ("its tag", report.tag == tags[report.message_id]),
                ("its List-Unsubscribe header", report.truncated or _UNSUBSCRIBE in report.headers),
            )
            if not fits
        ]
        if wrong:
            raise NotFitError(
                f"a mail left otherwise than it was written: {' and '.join(wrong)}",
                hint='set transport.ses.mode = "single", and report this',
            )


def _given(
    project: Project, transport: Transport, clock: Callable[[], dt.datetime]
) -> tuple[str, dict[str, str]]:
    """Hand over both mails as issues are; the subject, and the tag of each by its name."""
    url = project.settings.site.public_url
    paragraph = f"<p>{{{{ x }}}} {{y}} &amp; &lt;b&gt; é € 🌊 {_PLACE}</p>"
    line = _AWKWARD + _PLACE
    frozen = FrozenIssue(
        subject=line,
        html=f"<!doctype html><html><head><title>-</title></head><body>{paragraph}</body></html>",
        text=f"{line}\n\n{line}\n",
        slots={_PLACE: Slot(name="proof", fallback=_VALUE)},
        sender=sender(project.settings),
    )
    outcomes: list[Outcome]
    if bulk := transports.in_bulk(transport):
        merged = merge_template(frozen)
        mails = [
            bulk_trial(merged, address, issue=0, public_url=url, number=number)
            for number, address in enumerate(_TO, 1)
        ]
        tags = [mail.tag for mail in mails]
        outcomes = list(bulk.in_bulk(merged)(mails))
    else:
        now = None if transport.stamps else clock()
        template = encode(frozen)
        messages = [
            trial(template, address, issue=0, public_url=url, number=number, now=now)
            for number, address in enumerate(_TO, 1)
        ]
        tags = [message.tag for message in messages]
        outcomes = [transport.deliver(message) for message in messages]
    results = [TrialResult(outcome=outcome, said="") for outcome in outcomes]
    refuse_unaccepted(project, results)
    named = {one.message_id: tag for one, tag in zip(outcomes, tags, strict=True)}
    return TRIAL_MARK + _AWKWARD + _VALUE, named
