"""Events are fetched and judged for any caller: it hears what happened and prints it, or does not."""

from __future__ import annotations

import datetime as dt

import pytest

from newsletter.errors import InputError, RefusedError
from newsletter.events import background
from newsletter.events.background import fetching
from newsletter.events.pull import open_queue, pull_before_send
from newsletter.events.reconcile import Reconciled, reconcile
from newsletter.events.reputation import growth_warning
from newsletter.project import Project
from newsletter.settings import load
from tests.support.mailroom import mailroom, post_office
from tests.support.owned_events import begin, hand_over
from tests.support.reports import Heard
from tests.support.ses_events import SOURCE, Sent, event
from tests.support.store_samples import NOW, people, store_with

pytestmark = pytest.mark.processes

SENDER = {
    "NEWSLETTER_SENDER__FROM_NAME": "Slack Water",
    "NEWSLETTER_SENDER__FROM_ADDRESS": SOURCE,
    "NEWSLETTER_TRANSPORT__KIND": "ses",
}


@pytest.fixture(scope="module")
def office():
    with post_office() as url:
        yield url


@pytest.fixture
def room(office, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    with mailroom(office) as made:
        for name, value in made.environ.items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def store(tmp_path):
    with store_with(tmp_path, people(4)) as made:
        yield made


def project_in(folder, environ, **more):
    return Project(folder, load(None, environ=SENDER | environ | more, dotenv=""))


def handed_over(store, number=3):
    """A run of which some mails are in doubt; says what SES reports of the first."""
    run = begin(store)
    hand_over(store, run, number)
    own = store.feedback.store_id()
    return run, event("Send", Sent(message_id="m-1", to="reader1@example.org", position=1, store=own))  # fmt: skip


def test_what_came_back_before_a_send_is_recorded_and_reported(room, store, tmp_path, capsys):
    _, report = handed_over(store)
    room.put(report, "no event")
    heard = Heard()
    pull_before_send(project_in(tmp_path, room.environ), store, room.environ, heard)
    assert heard.said == ["feedback: 1 new event, 1 delivery settled"]
    assert heard.warned == ["1 message cannot be read; moved to the dead-letter queue"]
    assert capsys.readouterr() == ("", "")
    assert room.left() == 0


def test_a_rehearsal_leaves_the_queue_alone(room, store, tmp_path):
    room.put(event("Send"))
    heard = Heard()
    rehearsal = project_in(tmp_path, room.environ, NEWSLETTER_TRANSPORT__KIND="folder")
    pull_before_send(rehearsal, store, room.environ, heard)
    assert (heard.said, heard.warned, room.left()) == ([], [], 1)


def test_a_queue_that_is_not_there_stops_no_send(room, store, tmp_path):
    heard = Heard()
    project = project_in(
        tmp_path, room.environ, NEWSLETTER_TRANSPORT__SES__EVENTS_QUEUE=f"{room.queue}-gone"
    )
    pull_before_send(project, store, room.environ, heard)
    (warning,) = heard.warned
    assert warning.startswith("the queue of events cannot be used")
    assert warning.endswith("; going on without what came back since")


def test_what_is_unknown_is_reconciled_into_values(room, store, tmp_path, monkeypatch):
    run, report = handed_over(store)
    project, heard = project_in(tmp_path, room.environ), Heard()

    def look(*, patient):
        return reconcile(project, store, run, patient=patient, environ=room.environ, reporter=heard)

    monkeypatch.setattr("newsletter.clocks.now", lambda: NOW + dt.timedelta(minutes=14))
    with pytest.raises(RefusedError, match="too early to tell"):
        look(patient=True)
    room.put(report)
    assert look(patient=False) == Reconciled(
        settled=1, accepted=0, with_an_event=0, unknown=2, expected_duplicates=2
    )
    assert heard.said[0] == "1 delivery settled by events"
    monkeypatch.setattr("newsletter.clocks.now", lambda: NOW + dt.timedelta(minutes=16))
    assert look(patient=True) is not None


def test_without_a_queue_nothing_is_opened_and_nothing_found(store, tmp_path):
    project, heard = project_in(tmp_path, {}), Heard()
    run = begin(store)
    assert open_queue(project, {}) is None
    assert reconcile(project, store, run, patient=True, environ={}, reporter=heard) is None
    with (
        pytest.raises(InputError, match="no queue of events is named"),
        fetching(project, store, environ={}, reporter=heard),
    ):
        pass
    assert (heard.said, heard.warned) == ([], [])


def test_a_thread_reports_what_is_wrong_to_whoever_began_it(room, store, tmp_path, monkeypatch):
    monkeypatch.setattr(background, "POLL_INTERVAL", 0.01)
    heard = Heard()
    project = project_in(tmp_path, room.environ)
    with fetching(project, store, environ=room.environ, reporter=heard):
        room.put("no event")
        assert heard.warning.wait(60)
    assert heard.warned == ["1 message cannot be read; moved to the dead-letter queue"]


def test_many_more_mails_than_ever_left_are_warned_of(store):
    assert growth_warning(store, 1_000) == ""
    assert "none left" in growth_warning(store, 1_001)
