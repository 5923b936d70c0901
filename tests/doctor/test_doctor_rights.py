"""`newsletter doctor`: what these credentials may do, what is too slow, and what nobody hears of."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from newsletter.store import Store, proofs
from tests.doctor.test_doctor import past_the_guards
from tests.doctor.test_doctor_aws import NAME, account, only_account, told
from tests.fake_ses import Fault
from tests.support.aws_accounts import ACCOUNT
from tests.support.cli_fixtures import folder, plain_environment, ready

__all__ = ["account", "folder", "only_account", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

POLICY = f"arn:aws:iam::{ACCOUNT}:policy/gitletter/{NAME}-send"
RIGHTS = ("rights",)


def test_rights_that_are_lacking_are_named_together(account):
    assert told(account, only=RIGHTS) == {}
    account.gate.denied.update({"sns:ListSubscriptionsByTopic", "iam:GetPolicy"})
    account.ses.script(
        Fault(kind="error", operations=("GetConfigurationSet",), status=403, code="AccessDeniedException", message="no")
    )  # fmt: skip
    assert told(account, only=RIGHTS) == {
        "rights": (
            "warning",
            "these credentials lack ses:GetConfigurationSet, sns:ListSubscriptionsByTopic",
            "newsletter ses setup --print policy shows the rights that are needed",
        )
    }


@pytest.mark.parametrize("name", ["CONFIGURATION_SET", "EVENTS_QUEUE"])
def test_what_is_not_set_is_not_looked_at(account, monkeypatch, name):
    monkeypatch.setenv(f"NEWSLETTER_TRANSPORT__SES__{name}", "")
    assert told(account, only=RIGHTS) == {}


def test_a_policy_that_may_not_be_read_is_no_fault(account):
    account.gate.denied.add("iam:GetPolicy")
    assert told(account, only=RIGHTS) == {}


def test_a_policy_of_ours_that_grants_something_else_is_told(account):
    other = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "ses:GetAccount", "Resource": "*"}],
    }
    account.client("iam").create_policy_version(
        PolicyArn=POLICY, PolicyDocument=json.dumps(other), SetAsDefault=True
    )
    assert told(account, only=RIGHTS) == {
        "rights": (
            "warning",
            f"the policy {NAME}-send does not grant what is needed now",
            "newsletter ses setup puts it right",
        )
    }


def test_bulk_with_a_slow_account_is_told(account, ready, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__MODE", "bulk")
    now = dt.datetime(2026, 11, 29, 8, tzinfo=dt.UTC)
    with Store.open(f"sqlite:///{ready.root}/.newsletter/newsletter.db") as store:
        proof = proofs.AccountProof(
            account=ACCOUNT, region="eu-west-1", mode="bulk", rules=1, program="x", at=now
        )
        proofs.keep(store, proof)
    account.ses.change(rate=14.0)
    found = told(account, only=("bulk",))
    assert found["bulk"][:2] == (
        "warning", "14 mails a second may leave, too few to fill bulk requests",
    )  # fmt: skip


def test_an_issue_that_nothing_is_heard_of_is_told(account, ready, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "folder")
    ready.send()
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")
    past_the_guards(
        ready,
        "UPDATE runs SET rehearsal = 0, transport = 'ses', "
        "finished_at = '2026-01-01T10:00:00.000000Z'",
        "UPDATE deliveries SET rehearsal = 0",
    )
    severity, words, hint = told(account, only=("queue",))["queue"]
    assert severity == "warning"
    assert words.startswith("SES took mails of issue 74, and no event of them was fetched yet; 0 ")
    assert hint == "newsletter events pull; newsletter doctor --only events"
    past_the_guards(ready, "UPDATE deliveries SET state = 'refused'")
    assert told(account, only=("queue",)) == {}


def test_records_that_cannot_be_opened_are_no_fault_of_the_queue(account, ready):
    (ready.root / ".newsletter/newsletter.db").write_bytes(b"no database" * 1000)
    assert told(account, only=("queue",)) == {}
    assert told(account, only=("store",))["store"][0] == "error"
