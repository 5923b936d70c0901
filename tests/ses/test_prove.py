"""`newsletter ses prove`: two real mails to the simulator, and what their events say of them."""

from __future__ import annotations

import json
import time
import types

import pytest

from newsletter import domains
from newsletter.errors import AccountError, NotFitError
from newsletter.feedback import EventKind
from newsletter.message.merge import RULES
from newsletter.sending import proof
from newsletter.ses.event_format import read_report
from newsletter.ses.setup import control
from newsletter.store import Store, proofs
from tests.fake_ses import Fault
from tests.support.aws_accounts import ACCOUNT, aws_account
from tests.support.cli_commands import only_json
from tests.support.cli_fixtures import folder, plain_environment, ready
from tests.support.mailroom import post_office
from tests.support.ses_events import Sent, event, in_envelope

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def only_account():
    with post_office() as url, aws_account(url) as made:
        yield made


@pytest.fixture
def letters(only_account, ready, monkeypatch, tmp_path):
    """The example newsletter, set up in an account, sending through SES."""
    only_account.empty()
    only_account.ses.change(keep_messages=True)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    none = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), str(tmp_path / "none"))
    for name, value in (only_account.environ | none).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(control, "SES_SECONDS", 0.0)
    monkeypatch.setattr(
        "newsletter.ses.setup.account.time", types.SimpleNamespace(sleep=lambda _: None)
    )
    monkeypatch.setattr(domains.FreshRecords, "ask", lambda *_: ())
    assert ready.run("ses", "setup", "--confirm", "slackwater.example.org", "--write").code == 0
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")
    return ready


def proven(letters, mode, rules):
    with Store.open(f"sqlite:///{letters.root}/.newsletter/newsletter.db", read_only=True) as store:
        return proofs.find(store, account=ACCOUNT, region="eu-west-1", mode=mode, rules=rules)


@pytest.mark.parametrize(("mode", "rules"), [("single", 1), ("bulk", RULES)])
def test_two_mails_leave_as_issues_do_and_the_proof_is_kept(
    letters, only_account, monkeypatch, mode, rules
):
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__MODE", mode)
    assert proven(letters, mode, rules) is None
    ran = letters.run("ses", "prove", "--yes", "--json")
    assert ran.code == 0, ran.err
    told = only_json(ran)["proof"]
    assert (told["account"], told["mode"], told["rules"]) == ("...9012", mode, rules)
    assert ACCOUNT not in ran.out
    found = proven(letters, mode, rules)
    assert found is not None
    assert found.region == "eu-west-1"
    assert proven(letters, mode, rules + 1) is None
    operation, calls = {"single": ("SendEmail", 2), "bulk": ("SendBulkEmail", 1)}[mode]
    assert only_account.ses.state.operations[operation] == calls
    assert set(only_account.ses.accepted) == {
        "success+first@simulator.amazonses.com",
        "success+second@simulator.amazonses.com",
    }
    # It counts nowhere, and another proof takes its place.
    assert [run for run in letters.runs() if not run.rehearsal] == []
    assert letters.run("ses", "prove", "--yes").code == 0
    assert len(letters.untold("proofs", "at")) == 1


def test_without_an_event_nothing_is_proven(letters, only_account, monkeypatch):
    name = "newsletter-slack-water"
    only_account.client("sesv2").delete_configuration_set_event_destination(
        ConfigurationSetName=name, EventDestinationName=name
    )
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    monkeypatch.setattr(proof, "_ROUNDS", 2)
    ran = letters.run("ses", "prove", "--yes")
    assert (ran.code, ran.error) == (
        4,
        "error: SES took the mails, but no event came back in 3 minutes (delivery, send)",
    )
    assert proven(letters, "single", 1) is None


def test_what_ses_refuses_is_told_and_proves_nothing(letters, only_account):
    only_account.ses.script(
        Fault(kind="error", status=400, code="MailFromDomainNotVerifiedException")
    )
    ran = letters.run("ses", "prove", "--yes")
    assert ran.code == 4
    assert "not verified" in ran.error
    assert letters.untold("proofs", "at") == []


def test_nothing_is_sent_unasked_or_without_ses(letters, only_account, monkeypatch):
    ran = letters.run("ses", "prove")
    assert (ran.code, ran.hint) == (2, "hint: add --yes")
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "folder")
    ran = letters.run("ses", "prove", "--yes")
    assert ran.code == 2
    assert "leave through SES" in ran.error
    assert only_account.ses.accepted == {}


SUBJECT = "Tides {{x}}"
MAIL = Sent(message_id="m1", store="5" * 32)


def report(**changes):
    """One event about the mail, with changes in what it quotes."""
    found = json.loads(event(changes.pop("kind", "Send"), MAIL))
    common = found["mail"]["commonHeaders"] | {"subject": SUBJECT}
    headers = [*found["mail"]["headers"], {"name": "List-Unsubscribe", "value": "<https://x>"}]
    found["mail"] |= {"commonHeaders": common, "headers": headers} | changes
    return json.dumps(found)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"commonHeaders": {"subject": "Tides "}}, "its subject"),
        ({"headers": []}, "its List-Unsubscribe header"),
        ({"tags": {"delivery": ["other"]}}, "its tag"),
    ],
)
def test_a_mail_that_left_otherwise_proves_the_contrary(changes, wrong):
    tags = {"m1": MAIL.tags["delivery"][0]}
    watch = proof._Watch((SUBJECT, tags))
    watch.hear(in_envelope(report()))
    watch.hear(report(kind="Delivery", headersTruncated=True, headers=[]))
    watch.hear("no event")
    assert watch.complete
    with pytest.raises(NotFitError, match=wrong):
        watch.hear(report(**changes))
    with pytest.raises(NotFitError, match="did not compose it"):
        watch.hear(report(kind="Rendering Failure"))
    with pytest.raises(AccountError, match=r"\(delivery, send\)"):
        proof._Watch((SUBJECT, tags)).refuse_silence()


def test_a_subject_is_read_however_it_is_quoted():
    quoted = report(commonHeaders={"subject": "=?utf-8?q?caf=C3=A9?="})
    found = read_report(quoted)
    assert found is not None
    assert (found.kind, found.subject) == (EventKind.SEND, "café")
    assert read_report("{}") is None
