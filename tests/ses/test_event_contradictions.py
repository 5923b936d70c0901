"""An event that bears our own tag and says of its mail what is not so concerns nobody."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from newsletter.delivery import Outcome, Result
from newsletter.project.ledger import Reached
from newsletter.ses.client import SesTransport
from newsletter.ses.event_format import read_event
from newsletter.store import Store, doubting, runs, schema
from newsletter.store.event_owners import SKEW
from newsletter.store.revisions import HEAD
from tests.fake_ses import FakeSes
from tests.support import readers
from tests.support.beside_the_program import untold
from tests.support.cli_fixtures import plain_environment
from tests.support.faults import imported, world
from tests.support.owned_events import begin, hand_over, hear, kept_out, moment, sent, states
from tests.support.ses_events import STORE, bounce, complaint, event
from tests.support.store_samples import LATER, NOW, named_store, url_in
from tests.support.store_samples import people as crowd
from tests.support.upgrades import begun_before

__all__ = ["imported", "plain_environment", "world"]

ACCOUNT = "123456789012"  # that of all events here
OTHER = "210987654321"
KINDS = [bounce("Permanent", "NoEmail"), complaint("abuse", None), bounce("Transient", "General")]


@pytest.fixture
def store(tmp_path):
    with named_store(tmp_path, crowd(4)) as opened:
        yield opened


def said(account, text):
    """An event that names this account, or none."""
    found = json.loads(text)
    del found["mail"]["sendingAccountId"]
    if account is not ...:
        found["mail"]["sendingAccountId"] = account
    return json.dumps(found)


@pytest.mark.sweep
@pytest.mark.parametrize("which", range(2))
@pytest.mark.parametrize(
    "other",
    [
        {"position": 2}, {"position": 99}, {"position": 3}, {"attempt": 0},
        {"to": "reader2@example.org"}, {"to": "stranger@example.org"},
        {"source": "other@example.net"},
        {"at": moment(NOW - SKEW - dt.timedelta(seconds=1))},
        {"at": moment(LATER + SKEW + dt.timedelta(seconds=1))},
    ],
    ids=str,
)  # fmt: skip
def test_an_event_with_our_tag_that_is_contradicted_keeps_nobody_out(tmp_path, store, other, which):
    hand_over(store, begin(store), 2)
    about = sent(**{"position": 1, "to": "reader1@example.org"} | other)
    forged = [bounce("Permanent", "NoEmail", about), complaint("abuse", None, about)][which]
    done = hear(store, forged)
    assert kept_out(tmp_path) == []
    assert (done.suppressed, done.settled, done.unmatched) == (0, 0, 1)
    assert {row["issue"] for row in readers.rows_about(store, about.to, "events")} == {None}


def test_passing_bounces_that_are_contradicted_never_add_up(tmp_path, store):
    for issue in (74, 75, 76):
        run = begin(store, issue=issue)
        hand_over(store, run, 1, Outcome(result=Result.ACCEPTED, message_id=f"ses-{issue}"))
        about = sent(2, issue=issue, to="reader1@example.org")
        hear(store, bounce("Transient", "MailboxFull", about))
    assert kept_out(tmp_path) == []


def test_what_a_restored_backup_may_have_forgotten_still_keeps_its_reader_out(tmp_path, store):
    """An attempt that is not on record yet, and an issue that was not begun."""
    hand_over(store, begin(store), 1)
    hear(store, bounce("Permanent", "NoEmail", sent(1, attempt=2)))
    hear(store, complaint("abuse", None, sent(2)))
    hear(store, complaint("abuse", None, sent(3, issue=75)))
    assert kept_out(tmp_path) == [f"reader{n}@example.org" for n in (1, 2, 3)]
    assert states(tmp_path) == ["unknown", "queued", "queued", "queued"]


def test_a_contradicted_event_is_not_taken_up_when_a_backup_is_gone_on_with(tmp_path, store):
    run = begin(store)
    store.feedback.note_account(run, OTHER)
    hand_over(store, run, 1)
    hear(store, event("Send", sent(3)))
    told = Reached(recipients=4, attempts=4, position=4)
    assert doubting.doubt(store, run, told, now=NOW) == 3
    assert states(tmp_path) == ["unknown"] * 4


# --- the account -----------------------------------------------------------------------------


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("noted", "named", "believed"),
    [
        ([ACCOUNT], ACCOUNT, True),
        ([ACCOUNT], OTHER, False),
        ([ACCOUNT], "", False),
        ([ACCOUNT], 123456789012, False),
        ([ACCOUNT], ["x"], False),
        ([ACCOUNT], None, True),
        ([ACCOUNT], ..., True),
        ([OTHER, ACCOUNT], ACCOUNT, True),
        ([OTHER, ACCOUNT], OTHER, True),
        # Where an account was not told, none can be compared with it.
        ([OTHER, "?"], ACCOUNT, True),
        ([], OTHER, True),
        ([""], OTHER, True),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["Send", "Bounce"])
def test_only_an_account_that_the_run_left_from_is_believed(store, noted, named, believed, kind):
    tmp_path = store.folder
    run = begin(store)
    for account in noted:
        store.feedback.note_account(run, account)
        store.feedback.note_account(run, account)
    hand_over(store, run, 1)
    hear(store, said(named, event(kind, sent(1))))
    assert states(tmp_path)[0] == ("accepted" if believed else "unknown")
    assert kept_out(tmp_path) == (["reader1@example.org"] if believed and kind == "Bounce" else [])
    if noted == [OTHER, ACCOUNT]:
        assert untold(tmp_path, "runs", "accounts") == [(f"{OTHER} {ACCOUNT}",)]


def test_both_shapes_name_the_account():
    for shape in ("event", "notification"):
        found = read_event(event("Bounce", sent(1), shape=shape))
        assert found
        assert found.account == ACCOUNT


def test_of_a_run_from_before_the_upgrade_no_account_is_known(tmp_path):
    begun_before(tmp_path, "0007", NOW)
    assert schema.upgrade(url_in(tmp_path)) == ("0007", HEAD)
    with Store.open(url_in(tmp_path)) as upgraded:
        run = runs.find(upgraded, 74, rehearsal=False)
        assert run
        upgraded.feedback.note_account(run, OTHER)
        hear(upgraded, event("Send", sent(1, store=STORE)))
    assert states(tmp_path)[0] == "accepted"


@pytest.mark.processes
def test_a_send_notes_the_account_before_its_first_mail(world, monkeypatch):
    seen, deliver = [], SesTransport.deliver

    def watched(transport, message):
        seen.extend(untold(world.newsletter.root / ".newsletter", "runs", "accounts"))
        return deliver(transport, message)

    monkeypatch.setattr(SesTransport, "deliver", watched)
    with FakeSes() as fake:
        world.environ(fake.environ)
        world.configure(KIND="ses")
        assert world.newsletter.send("--limit", "1").code == 6
        world.environ({"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"})
        assert world.newsletter.send("--limit", "1").code == 6
    assert seen == [(ACCOUNT,), (f"{ACCOUNT} ?",)]
