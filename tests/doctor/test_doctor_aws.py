"""`newsletter doctor` and an account set up by `ses setup`: well, then wrong in one way each."""

from __future__ import annotations

import datetime as dt
import json
import os
import types

import pytest

from newsletter.cli.context import open_project
from newsletter.doctor import Subject, examine
from newsletter.ses.setup import control
from newsletter.store import Store, proofs
from tests.fake_ses import Fault
from tests.support.aws_accounts import ACCOUNT, aws_account
from tests.support.cli_fixtures import folder, plain_environment, ready
from tests.support.mailroom import post_office

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

DOMAIN = "slackwater.example.org"
NAME = "newsletter-slack-water"
BOUNCE = f"bounce.{DOMAIN}"
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:{NAME}-events"
CHECKS = (
    "identity",
    "dkim",
    "mail-from",
    "config-set",
    "queue",
    "events",
    "bulk",
    "dns-spf",
    "dns-dmarc",
    "dns-from",
)
ZONE = {
    (BOUNCE, "TXT"): ("v=spf1 include:amazonses.com ~all",),
    (f"_dmarc.{DOMAIN}", "TXT"): ("v=DMARC1; p=none",),
    (DOMAIN, "MX"): ("10 mail.example.org",),
}


@pytest.fixture(scope="module")
def only_account():
    with post_office() as url, aws_account(url) as made:
        yield made


@pytest.fixture
def account(only_account, ready, monkeypatch, tmp_path):
    """An account set up for the example newsletter, verified."""
    only_account.empty()
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    none = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), str(tmp_path / "none"))
    for name, value in (only_account.environ | none).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(control, "SES_SECONDS", 0.0)
    only_account.apply(config=(ready.root / "newsletter.toml").read_text("utf-8"))
    queue = only_account.client("sqs").get_queue_url(QueueName=f"{NAME}-events")["QueueUrl"]
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__CONFIGURATION_SET", NAME)
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__EVENTS_QUEUE", queue)
    only_account.ses.order(DOMAIN, dkim="SUCCESS", mail_from="SUCCESS")
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")
    monkeypatch.chdir(ready.root)
    return only_account


def told(account, zone=ZONE, only=CHECKS):
    """What each of some checks says but that all is well."""
    subject = Subject(
        open_project,
        os.environ,
        dt.datetime.now(dt.UTC),
        ask=lambda name, kind: zone.get((name, kind), ()),
    )
    # Made once: boto takes long to make a client.
    vars(subject)["control"] = account.control()
    found = examine(subject, only=only)
    return {
        one.id: (one.severity.value, one.detail, one.hint) for one in found if one.severity != "ok"
    }


def test_what_setup_made_is_well(account):
    before = account.snapshot()
    assert told(account) == {"bulk": ("skipped", "each mail is a request of its own", "")}
    assert account.snapshot() == before


def identity(account, **changes):
    if "signing" in changes:
        account.client("sesv2").put_email_identity_dkim_attributes(
            EmailIdentity=DOMAIN, SigningEnabled=changes["signing"]
        )
    account.ses.order(DOMAIN, **changes)


def no_mail_from(account):
    account.client("sesv2").put_email_identity_mail_from_attributes(EmailIdentity=DOMAIN)


def options(kind, **values):
    def change(account):
        getattr(account.client("sesv2"), f"put_configuration_set_{kind}_options")(
            ConfigurationSetName=NAME, **values
        )

    return change


def destination(**changes):
    def change(account):
        told = account.ses.configured()["configuration_sets"][NAME]["destinations"][NAME]
        told = {key: value for key, value in told.items() if key != "Name"} | changes
        account.client("sesv2").update_configuration_set_event_destination(
            ConfigurationSetName=NAME, EventDestinationName=NAME, EventDestination=told
        )

    return change


def queue(**attributes):
    def change(account):
        sqs = account.client("sqs")
        url = sqs.get_queue_url(QueueName=f"{NAME}-events")["QueueUrl"]
        there = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        # moto forgets a queue's policy when it is not named.
        changed = {"Policy": there["Policy"]} | attributes
        sqs.set_queue_attributes(QueueUrl=url, Attributes=changed)

    return change


def dead_letter(account):
    sqs = account.client("sqs")
    sqs.send_message(
        QueueUrl=sqs.get_queue_url(QueueName=f"{NAME}-events-dead")["QueueUrl"], MessageBody="?"
    )


def unsubscribe(account):
    sns = account.client("sns")
    for one in sns.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]:
        sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])


ALL = [
    "SEND",
    "REJECT",
    "BOUNCE",
    "COMPLAINT",
    "DELIVERY",
    "DELIVERY_DELAY",
    "RENDERING_FAILURE",
    "SUBSCRIPTION",
]


@pytest.mark.parametrize(
    ("change", "check", "severity", "words"),
    [
        (lambda a: a.client("sesv2").delete_email_identity(EmailIdentity=DOMAIN), "identity", "error", "SES does not know"),
        (lambda a: identity(a, dkim="PENDING"), "identity", "error", "has not verified"),
        (lambda a: identity(a, signing=False), "dkim", "error", "mails are not signed"),
        (no_mail_from, "mail-from", "warning", "no MAIL FROM"),
        (lambda a: identity(a, mail_from="FAILED"), "mail-from", "warning", f"does not find the records of {BOUNCE}"),
        (options("sending", SendingEnabled=False), "config-set", "error", "sending is switched off"),
        (options("suppression", SuppressedReasons=["BOUNCE"]), "config-set", "warning", "does not keep bounced"),
        (lambda a: a.client("sesv2").delete_configuration_set(ConfigurationSetName=NAME), "config-set", "error", "no configuration set"),
        (destination(Enabled=False), "events", "error", "reaches the queue"),
        (destination(MatchingEventTypes=["SEND"]), "events", "warning", "does not report reject, bounce"),
        (destination(MatchingEventTypes=[*ALL, "OPEN"]), "events", "warning", "rewrites the letters"),
        (unsubscribe, "events", "error", "reaches the queue"),
        (queue(MessageRetentionPeriod="345600"), "events", "warning", "forgets events after 4 days"),
        (queue(Policy=""), "events", "error", "the queue's policy does not let in what SES reports"),
        (dead_letter, "events", "warning", f"1 message could not be read and lies in {NAME}-events-dead"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_setup_is_told_once_with_its_way_out(
    account, change, check, severity, words
):
    change(account)
    found = {name: one for name, one in told(account).items() if one[0] != "skipped"}
    assert list(found) == [check]
    assert found[check][0] == severity
    assert words in found[check][1]
    assert found[check][2]


@pytest.mark.parametrize(
    ("records", "check", "severity", "words"),
    [
        ({(BOUNCE, "TXT"): ()}, "dns-spf", "error", "has no SPF record"),
        ({(BOUNCE, "TXT"): ("v=spf1 include:amazonses.com ~all", "v=spf1 -all")}, "dns-spf", "error", "has 2 SPF records"),
        ({(BOUNCE, "TXT"): ("v=spf1 include:elsewhere.example ~all",)}, "dns-spf", "error", "does not let SES send"),
        ({(BOUNCE, "TXT"): ("v=spf1 include:amazonses.com +all",)}, "dns-spf", "error", "lets everybody send"),
        ({(f"_dmarc.{DOMAIN}", "TXT"): ()}, "dns-dmarc", "warning", "has no DMARC record"),
        ({(f"_dmarc.{DOMAIN}", "TXT"): ("v=DMARC1; p=none", "v=DMARC1; p=reject")}, "dns-dmarc", "error", "2 DMARC records"),
        ({(f"_dmarc.{DOMAIN}", "TXT"): ("v=DMARC1; x=none",)}, "dns-dmarc", "error", "cannot be read"),
        ({(DOMAIN, "MX"): ()}, "dns-from", "warning", "takes no mail"),
        ({(DOMAIN, "MX"): ("0 ",)}, "dns-from", "warning", "takes no mail"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_dns_is_told(account, records, check, severity, words):
    found = {name: one for name, one in told(account, ZONE | records).items() if name != "bulk"}
    assert list(found) == [check]
    assert found[check][0] == severity
    assert words in found[check][1]


def test_a_silent_dns_is_no_fault_of_the_domain(account):
    silent = types.SimpleNamespace(get=lambda _key, _default: None)
    found = {name: one for name, one in told(account, silent).items() if name != "bulk"}
    assert {one[:2] for one in found.values()} == {("skipped", "the DNS does not answer")}
    assert set(found) == {"dns-spf", "dns-dmarc", "dns-from"}


@pytest.mark.parametrize(
    ("action", "checks"),
    [
        ("ses:GetEmailIdentity", {"identity", "dkim", "mail-from", "dns-spf"}),
        ("ses:GetConfigurationSet", {"config-set", "events"}),
        ("sns:ListSubscriptionsByTopic", {"events"}),
    ],
)
def test_a_right_that_is_lacking_is_named_and_no_fault(account, action, checks):
    if action.startswith("ses:"):
        account.ses.script(
            Fault(
                kind="error",
                operations=(action[4:],),
                status=403,
                code="AccessDeniedException",
                message="no",
            )
        )
    else:
        account.gate.denied.add(action)
    found = {name: one for name, one in told(account).items() if name != "bulk"}
    assert {name: one[:2] for name, one in found.items()} == dict.fromkeys(
        checks, ("skipped", f"these credentials lack {action}")
    )


def test_bulk_wants_a_proof_for_this_account(account, ready, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__MODE", "bulk")
    assert told(account) == {
        "bulk": (
            "error",
            "nothing proves yet that mails leave in bulk as they are written",
            "newsletter ses prove",
        )
    }
    now = dt.datetime(2026, 11, 29, 8, tzinfo=dt.UTC)
    with Store.open(f"sqlite:///{ready.root}/.newsletter/newsletter.db") as store:
        proof = proofs.AccountProof(
            account=ACCOUNT, region="eu-west-1", mode="bulk", rules=1, program="x", at=now
        )
        proofs.keep(store, proof)
    assert told(account) == {}


def test_what_it_says_names_no_account(account, ready):
    ran = ready.run("doctor", "--json", "-v", "--only", "events", "--only", "identity")
    assert json.loads(ran.out)["summary"]["error"] == 0
    assert ACCOUNT not in ran.out
