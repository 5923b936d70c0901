"""Sending without the command line: values come out, whoever asked hears, and there is one gate."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import os
from dataclasses import dataclass, field

import pytest

from newsletter import clocks
from newsletter.delivery import Pause, RunState, State
from newsletter.errors import NewsletterError
from newsletter.project import Project
from newsletter.sending import transports
from newsletter.sending.approve import approve_issue
from newsletter.sending.context import SendContext
from newsletter.sending.due import run_due
from newsletter.sending.options import SendOptions
from newsletter.sending.plan import check_readiness, plan_send
from newsletter.sending.result import AlreadySent, DueResult, Plan, SendResult
from newsletter.sending.run import send
from newsletter.sending.trial import send_trial
from newsletter.store import Store, imports
from newsletter.store.intake import take_in
from tests.support.cli_fixtures import ISSUE, Folder, folder, plain_environment, ready
from tests.support.schedule_fixtures import approved, at, post
from tests.support.web_fixtures import settings_of

__all__ = ["approved", "at", "folder", "plain_environment", "post", "ready"]


@dataclass
class Worker:
    """Asks for a send as a worker would: nothing of the command line, a flag to stop it."""

    newsletter: Folder
    more: str = ""
    heard: list[str] = field(default_factory=list)
    stop_after: int | None = None
    outcomes: int = 0

    @property
    def project(self) -> Project:
        text = (self.newsletter.root / "newsletter.toml").read_text("utf-8")
        return Project(self.newsletter.root, settings_of(text + self.more))

    @contextlib.contextmanager
    def context(self, *, read_only: bool = False):
        project = self.project
        with Store.open(project.store_url, create=False, read_only=read_only) as store:
            yield SendContext(
                project=project, store=store, environ=os.environ, reporter=self,
                fetch_events=lambda: self.heard.append("events"), watch=lambda _: contextlib.nullcontext(),
                stopping=self.stopping,
            )  # fmt: skip

    # What hears.
    def say(self, text):
        self.heard.append(text)

    def warn(self, text):
        self.heard.append(f"warning: {text}")

    def planned(self, plan):
        self.heard.append(f"planned {plan.recipients}")

    @contextlib.contextmanager
    def progress(self, total, *, shared=False):
        assert not shared
        self.heard.append(f"{total} to go")
        yield self.told

    def standing(self):
        raise AssertionError("these records are in a file")

    def told(self, _):
        self.outcomes += 1

    # What stops.
    @contextlib.contextmanager
    def stopping(self):
        yield lambda: self.stop_after is not None and self.outcomes >= self.stop_after

    def send(self, **options) -> SendResult | AlreadySent:
        with self.context() as context:
            plan = plan_send(context, SendOptions(issue=74, **options))
            return plan if isinstance(plan, AlreadySent) else send(context, plan)


@dataclass
class Owner:
    """Keeps what it is told."""

    has_mail: bool = True
    alerts: list[str] = field(default_factory=list)
    announced: list[int] = field(default_factory=list)

    def alert(self, _, subject, __):
        self.alerts.append(subject)

    def remind(self, *_):
        raise AssertionError("nothing is missing")

    def announce(self, prepared, *, recipients, goes_at, window):
        self.announced.append(recipients)


# --- values out ------------------------------------------------------------------------------


def test_a_caller_without_a_terminal_gets_values_and_nothing_is_printed(ready, capsys):
    worker = Worker(ready)
    result = worker.send()
    assert isinstance(result, SendResult)
    assert (result.sent_now, result.stop, result.state) == (25, None, RunState.FINISHED)
    assert result.counts[State.ACCEPTED] == 25
    assert (result.reasons, result.ledger) == ({}, None)
    assert result.log.exists()
    assert worker.heard == ["events", "25 to go"]
    assert worker.outcomes == 25
    again = worker.send()
    assert isinstance(again, AlreadySent)
    assert again.counts[State.ACCEPTED] == 25
    assert len(ready.mails()) == 25
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_what_stops_it_comes_from_the_caller_and_the_next_call_goes_on(ready):
    worker = Worker(ready, stop_after=5)
    result = worker.send()
    assert isinstance(result, SendResult)
    assert result.stop is not None
    assert (result.stop.pause, result.state) == (Pause.INTERRUPTED, RunState.PAUSED)
    assert result.counts[State.ACCEPTED] == 5 == len(ready.mails())
    rest = Worker(ready).send()
    assert isinstance(rest, SendResult)
    assert (rest.sent_now, rest.stop) == (20, None)
    assert len(ready.mails()) == 25


def test_a_plan_is_made_of_the_records_and_changes_none(ready):
    worker = Worker(ready)
    with worker.context(read_only=True) as context:
        plan = plan_send(context, SendOptions(issue=74, dry_run=True, limit=3))
    assert isinstance(plan, Plan)
    assert (plan.recipients, plan.run, plan.doubtful, plan.exposed) == (25, None, 0, None)
    assert worker.heard == []
    assert ready.runs() == ()


# --- one gate --------------------------------------------------------------------------------

REAL = '\n[transport.smtp]\nhost = "127.0.0.1"\n'


def through_smtp(ready):
    ready.edit("newsletter.toml", 'kind = "folder"', 'kind = "smtp"')
    return Worker(ready, REAL)


def findings(ready):
    ready.edit(ISSUE, "Put the kettle on", "![](images/none.png) Put the kettle on")
    return Worker(ready)


def way_out(ready):
    page = 'public_url = "https://letters.slackwater.example.org"'
    ready.edit("newsletter.toml", page, 'public_url = ""')
    return through_smtp(ready)


def half_an_import(ready):
    calls = itertools.count()
    add = take_in

    def ending(*words, **more):
        if next(calls):
            raise KeyboardInterrupt
        return add(*words, **more)

    rows = "".join(f"reader{n}@example.org\n" for n in range(3000))
    ready.write("subscribers/long.csv", f"email\n{rows}")
    with ready.patch.context() as patch:
        patch.setattr(imports, "take_in", ending)
        patch.setattr(imports, "_MOST", 500)
        words = ("import", "subscribers/long.csv", "--consent-source", "invented")
        assert ready.run("subscribers", *words).code == 130
    return Worker(ready)


def nobody(ready):
    ready.edit(ISSUE, "number: 74\n", "number: 74\nsegment: tag:nobody-has-this\n")
    return Worker(ready)


def restored(ready):
    worker = through_smtp(ready)
    ready.write(
        "issues/.ledger/74.json",
        '{"issue": 74, "run": "2026-11-22T08:00:00+00:00", "content_hash": "", "attempts": 1, '
        '"recipients": 25}',
    )
    return worker


def another_letter(ready):
    Worker(ready, stop_after=5).send()
    ready.edit(ISSUE, "Put the kettle on", "Put the lamp out")
    return Worker(ready)


@pytest.mark.sweep
@pytest.mark.parametrize(
    "obstacle",
    [
        findings,
        way_out,
        half_an_import,
        nobody,
        another_letter,
        # The way back is asked of git.
        pytest.param(restored, marks=pytest.mark.processes),
    ],
    ids=lambda f: f.__name__,
)
def test_what_a_send_refuses_readiness_lists_in_the_same_words(ready, obstacle):
    worker = obstacle(ready)
    with pytest.raises(NewsletterError) as refused:
        worker.send()
    project = worker.project
    prepared = project.issue(74, now=clocks.now())
    found = check_readiness(project, prepared, transports.open_transport(project, os.environ))
    assert [(type(e), str(e), e.hint) for e in found.obstacles] == [
        (refused.type, str(refused.value), refused.value.hint)
    ]
    assert found.already is None


def test_readiness_lists_all_that_is_in_the_way(ready):
    findings(ready)
    nobody(ready)
    worker = way_out(ready)
    project = worker.project
    prepared = project.issue(74, now=clocks.now())
    found = check_readiness(project, prepared, transports.open_transport(project, os.environ))
    assert [str(error) for error in found.obstacles] == [
        "issue 74 is not fit to send: 1 error",
        "readers could not unsubscribe from this mail",
        f'{ISSUE}:5:1: the segment "tag:nobody-has-this" leaves out all 25 people who could be mailed',
    ]
    assert found.plan is not None


def test_an_unfit_issue_is_called_not_fit_by_scripts(ready):
    with pytest.raises(NewsletterError) as refused:
        findings(ready).send()
    assert refused.value.code == "not_fit"
    assert refused.value.exit_code == 5


# --- a trigger and a test mail ---------------------------------------------------------------


def due(worker, owner, **options) -> DueResult:
    with worker.context() as context:
        return run_due(context, SendOptions(issue=0, **options), owner, now=clocks.now())


def test_a_trigger_gives_back_what_it_did(ready, at):
    worker, owner = Worker(ready), Owner()
    approve_issue(worker.project, 74, now=clocks.now())
    first = due(worker, owner)
    assert first.sent is None
    assert first.reason == "the issue of 2026-11-22 is announced, and may be cancelled yet"
    assert owner.announced == [25]
    at("2026-11-22 08:20")
    worker.stop_after = 5
    stopped = due(worker, owner)
    assert isinstance(stopped.sent, SendResult)
    assert stopped.sent.sent_now == 5
    assert owner.alerts == ["Issue 74 is paused: interrupted"]
    worker.stop_after = None
    rest = due(worker, owner)
    assert isinstance(rest.sent, SendResult)
    assert rest.sent.sent_now == 20
    done = due(worker, owner)
    assert done.sent is None
    assert done.done_before is not None
    assert done.done_before.counts[State.ACCEPTED] == 25
    assert len(ready.mails()) == 25
    assert len(owner.alerts) == 1


def test_a_dry_trigger_gives_the_plan_and_tells_no_one(ready, at):
    worker, owner = Worker(ready), Owner()
    approve_issue(worker.project, 74, now=clocks.now())
    with worker.context(read_only=True) as context:
        options = SendOptions(issue=0, dry_run=True)
        found = run_due(context, options, owner, now=clocks.now())
    assert found.planned is not None
    assert found.planned.recipients == 25
    assert (owner.alerts, owner.announced, ready.mails()) == ([], [], [])


def test_all_test_mails_are_composed_before_the_first_leaves(ready):
    project = Worker(ready).project
    prepared = project.issue(74, now=clocks.now())
    transport = transports.open_transport(project, os.environ)
    noon = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
    trials = send_trial(project, prepared, transport, ["a@example.org"], clock=lambda: noon)
    assert not list((ready.root / "mail").rglob("*.eml"))
    assert [one.accepted for one in trials] == [True]
    with pytest.raises(NewsletterError, match="not a mail address"):
        send_trial(project, prepared, transport, ["b@example.org", "b"], clock=lambda: noon)
    assert len(list((ready.root / "mail").rglob("*.eml"))) == 1
