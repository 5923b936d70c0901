"""The plan: what a send would do now, looked up and not begun.

The command line and the preview show the same rows, because both come from here.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from newsletter import clocks
from newsletter.delivery import Content, Counts, Run, RunState, State
from newsletter.delivery.deliver import Transport, summary
from newsletter.errors import InputError, NewsletterError
from newsletter.issue import Issue
from newsletter.message import Sender, encode, freeze, load_template
from newsletter.project import Project, git
from newsletter.project.issues import PreparedIssue
from newsletter.project.ledger import Entry
from newsletter.render import CountedLink
from newsletter.render.counting import counted
from newsletter.render.markdown.fields import RATE
from newsletter.schedule.outlook import appointment, day_of, moved
from newsletter.sending import second_ledger, transports
from newsletter.sending.changed import require_same_content
from newsletter.sending.closed import closed_issues
from newsletter.sending.context import SendContext
from newsletter.sending.gate import (
    refuse,
    refuse_unknown_checks,
    rules_of_audience,
    rules_of_issue,
    soon_gone,
    undetachable,
    unproven_in_bulk,
)
from newsletter.sending.options import SendOptions
from newsletter.sending.result import AlreadySent, Plan, Readiness
from newsletter.settings.dates import timetable
from newsletter.settings.mail import sender
from newsletter.store import Store, claims, list_size, runs, subscribers


def plan_send(context: SendContext, options: SendOptions) -> Plan | AlreadySent:
    """Look up what a send would do, and refuse what must not go.

    Nothing is written but what the provider has reported since last time and a missing file of the
    second ledger, and in a dry run not even these.

    Raises:
        NotFitError: the letter is not fit to send, or no one would get it.
        RefusedError: it is not what was approved or begun, there are not the recipients expected,
            an import is not finished, or the two ledgers disagree.
        AccountError: the account refuses, or cannot be asked.
        InputError: the issue cannot be read; a check is not known; subject, a name or an address
            cannot be written in a header.
    """
    project, store = context.project, context.store
    refuse_unknown_checks(options.skip_checks)
    closed = partial(closed_issues, store, rehearses=project.rehearses)
    prepared = project.issue(options.issue, now=clocks.now(), closed=closed)
    transport = transports.open_transport(project, context.environ)
    if not options.dry_run:
        context.fetch_events()
    run, lost = _last_run(project, store, transport, options)
    if run and run.state is RunState.FINISHED and not lost:
        if not options.dry_run:
            second_ledger.write_again(project, store, run, context.reporter)
        return AlreadySent(run=run, counts=runs.counts(store, run))
    refuse(rules_of_issue(project.settings, prepared, transport, options))
    if not transport.rehearsal:
        refuse([soon_gone(store, context.environ)])
    plan = _look_up(project, store, prepared, transport, options, found=run, lost=lost)
    refuse(_broken(store, options, plan))
    return plan


def check_readiness(project: Project, prepared: PreparedIssue, transport: Transport) -> Readiness:
    """Look up what a send would do and all that stands in its way; nothing is written.

    Args:
        project: the newsletter; it need not have records yet.
        prepared: the issue, rendered and checked.
        transport: the way out.
    """
    options = SendOptions(issue=prepared.issue.number, dry_run=True)
    obstacles = rules_of_issue(project.settings, prepared, transport, options)
    already = None
    try:
        with Store.open(project.store_url, create=False, read_only=True) as store:
            run, lost = _last_run(project, store, transport, options)
            if run and run.state is RunState.FINISHED and not lost:
                already = AlreadySent(run=run, counts=runs.counts(store, run))
                if not run.rehearsal:
                    return Readiness(obstacles=(), already=already)
                run = None  # a rehearsal may be repeated, and it is the real send that is to come
            plan = _look_up(project, store, prepared, transport, options, found=run, lost=lost)
            obstacles += _broken(store, options, plan)
    except NewsletterError as error:
        return Readiness(obstacles=(*obstacles, error), already=already)
    return Readiness(obstacles=tuple(obstacles), plan=plan, already=already)


def _broken(store: Store, options: SendOptions, plan: Plan) -> list[NewsletterError]:
    """Which rules are broken that the records know of."""
    broken = (
        *rules_of_audience(
            store,
            options,
            plan.prepared.issue,
            recipients=plan.recipients,
            left_out=plan.left_out,
            begun=plan.run is not None,
        ),
        unproven_in_bulk(store, plan.transport, plan.allowance.account),
        undetachable(store, options, plan.transport),
    )
    return [error for error in broken if error]


def _last_run(
    project: Project, store: Store, transport: Transport, options: SendOptions
) -> tuple[Run | None, Entry | None]:
    """The run on record, and what the second ledger says where the records are an older backup.

    A rehearsal that is repeated has no run yet.
    """
    lost = None
    if not transport.rehearsal:
        lost = second_ledger.lost_entry(project, store, options.issue, restored=options.restored)
    if _is_repeated(options, transport):
        return None, lost
    return runs.find(store, options.issue, rehearsal=transport.rehearsal), lost


def _is_repeated(options: SendOptions, transport: Transport) -> bool:
    """Whether it begins anew, whatever became of it before; a real send never does."""
    return options.again and transport.rehearsal


def _look_up(
    project: Project,
    store: Store,
    prepared: PreparedIssue,
    transport: Transport,
    options: SendOptions,
    *,
    found: Run | None,
    lost: Entry | None,
) -> Plan:
    who = sender(project.settings)
    content = _content(
        prepared, who, options.skip_checks, counting=_counting(project, prepared, transport)
    )
    # Announced, or cancelled before anything was frozen, it is none to go on with.
    run = found if found is not None and found.begun else None
    left_out: Mapping[str, int] = {}
    doubtful = 0
    if run is None:
        audience = subscribers.audience(store, prepared.audience)
        recipients, left_out = audience.eligible, audience.left_out
    else:
        require_same_content(project, store, run, content, prepared.issue.file)
        counts = runs.counts(store, run)
        recipients, left_out = counts.left, _skipped(store, run, counts)
        doubtful = counts[State.CLAIMED] + counts[State.UNKNOWN]
    exposed = claims.exposed(store, found, lost.reached.position) if found and lost else None
    cancelled = found is not None and found.state is RunState.CANCELLED
    return Plan(
        options=options, prepared=prepared, transport=transport, sender=who, content=content,
        recipients=recipients, left_out=left_out, run=run, allowance=transport.allowance(),
        doubtful=doubtful, exposed=exposed,
        newcomers=None if run or transport.rehearsal else _newcomers(store, prepared),
        cancelled=cancelled or _is_repeated(options, transport),
        stopped=_stopped(found),
    )  # fmt: skip


def _stopped(found: Run | None) -> str:
    """That an issue was cancelled or paused, and why; whoever sends it takes a cancel back."""
    if found is None or found.state not in {RunState.CANCELLED, RunState.PAUSED}:
        return ""
    why = f"{found.state.value}: {found.reason}" if found.reason else found.state.value
    return f"{why}; to send it takes that back" if found.state is RunState.CANCELLED else why


def _skipped(store: Store, run: Run, counts: Counts) -> Mapping[str, int]:
    """Whom a run has passed over so far, by the reason; who left later is told by their claim."""
    if not counts[State.SKIPPED]:
        return {}
    reasons = runs.reasons(store, run).items()
    return {why: number for (state, why), number in reasons if state is State.SKIPPED}


def _newcomers(store: Store, prepared: PreparedIssue) -> tuple[int, int] | None:
    """Who gets this issue and was not there yet for the one before."""
    sent = [run for run in runs.find_all(store) if run.begun and not run.rehearsal]
    if not sent:
        return None
    last = max(sent, key=lambda run: run.started_at)
    number = list_size.newcomers(store, prepared.audience, since=last.started_at)
    return number, last.content.issue


def rows(plan: Plan, root: Path) -> tuple[tuple[str, str], ...]:
    """Everything worth a look before anything leaves, as names and values.

    Args:
        plan: what would go out.
        root: the newsletter's folder, for what git says of the issue.
    """
    issue, rendered = plan.prepared.issue, plan.prepared.rendered
    issue_row, *others = summary(
        issue=f"{issue.number}: {issue.title}",
        file=f"{issue.file} ({git.state(root, issue.file)})",
        sender=plan.sender,
        recipients=plan.recipients,
        newcomers=plan.newcomers,
        left_out=plan.left_out,
        begun=plan.run is not None,
        through=plan.transport.describe(),
        allowance=plan.allowance,
        size=plan.prepared.size,
        links=len(rendered.links),
        findings=plan.prepared.findings,
    )
    stopped = (("state", plan.stopped),) if plan.stopped else ()
    return issue_row, *stopped, *others


def sent_rows(
    done: AlreadySent, prepared: PreparedIssue, root: Path
) -> tuple[tuple[str, str], ...]:
    """What went out, as names and values like those of `rows`.

    Args:
        done: the finished run.
        prepared: the issue as it is written now.
        root: the newsletter's folder, for what git says of the issue.

    Raises:
        NewsletterError: this version cannot read what was frozen.
    """
    issue, run = prepared.issue, done.run
    counts = done.counts.by_state
    return (
        ("issue", f"{run.content.issue}: {run.content.title}"),
        ("file", f"{issue.file} ({git.state(root, issue.file)})"),
        ("from", load_template(run.content.frozen).sender),
        ("recipients", f"{done.counts.total:,}"),
        ("result", ", ".join(f"{n:,} {state.value}" for state, n in sorted(counts.items()) if n)),
        ("through", run.transport),
    )


def uncommitted(root: Path, file: str) -> str:
    """What to say of a letter that git does not have as it is, "" where it has, or there is no git.

    Args:
        root: the newsletter's folder.
        file: of the letter.
    """
    state = git.state(root, file)
    if state in {"no git", "committed"}:
        return ""
    if state == "git does not say":
        return (
            f"git does not say whether {file} is committed as it is: perhaps it could not tell "
            "later what readers got"
        )
    found = "has changes that are not committed" if git.has(root, file) else "is in no commit"
    return f"{file} {found}: git could not tell later what readers got"


def early(project: Project, issue: Issue, now: dt.datetime) -> str:
    """What to say of a letter that a person sends before its date, "" where that has come.

    Args:
        project: the newsletter.
        issue: the letter.
        now: with a time zone.
    """
    day, due = day_of(issue, project.zone), None
    with contextlib.suppress(InputError):  # no schedule, or one that is not in order
        table = timetable(project.settings, moved=moved([issue], project.zone))
        due = appointment(table, issue)
    if due and due.at > now:
        local = f"{due.at.astimezone(project.zone):%a %Y-%m-%d %H:%M} ({project.zone.key})"
        return f"{issue.file} is due on {local}: this sends it now"
    if day and due is None and day > project.today(now):
        return f"{issue.file} is dated {day:%a %Y-%m-%d}: this sends it now"
    return ""


def _counting(project: Project, prepared: PreparedIssue, transport: Transport) -> str:
    """What stands before the numbers of counted links, "" where none is; in rehearsals none is."""
    base = project.settings.site.public_url
    if not project.settings.clicks.count or not base or transport.rehearsal:
        return ""
    return f"{base.rstrip('/')}/r/{prepared.issue.number}-"


def _content(
    prepared: PreparedIssue, sender: Sender, skipped: tuple[str, ...], *, counting: str
) -> Content:
    rendered, links = prepared.rendered, tuple[CountedLink, ...]()
    if counting:
        rendered, links = counted(rendered, counting)
    issue = freeze(rendered, sender)
    encode(issue)  # what no mail can carry is refused now, and not when it is frozen
    frozen = issue.dump()
    return Content(
        issue=prepared.issue.number,
        title=prepared.issue.title,
        frozen=frozen,
        content_hash=hashlib.sha256(frozen).hexdigest(),
        source_hash=prepared.rendered.source_hash,
        skipped_checks=skipped,
        links=links,
        ratings=prepared.options.ratings if RATE in rendered.html else (),
    )
