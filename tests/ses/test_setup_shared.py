"""`ses setup` in an account that others use as well: nothing of theirs is shared, taken or hidden."""

from __future__ import annotations

import json

import pytest

from newsletter.errors import AccountError, RefusedError
from newsletter.ses.setup.part import PartStanding
from tests.fake_ses import Fault
from tests.ses.test_setup_command import YES, account, only_account
from tests.support.aws_accounts import ACCOUNT, CONFIG, DOMAIN, NAME
from tests.support.cli_commands import only_json
from tests.support.cli_fixtures import folder, plain_environment, ready

__all__ = ["account", "folder", "only_account", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

#: The same name at another domain, another name at the same domain.
NAMESAKE = CONFIG.replace(DOMAIN, "letters.example.net")
NEIGHBOUR = CONFIG.replace("Slack Water", "Spring Tide")
DEAD = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{NAME}-events-dead"


def test_a_newsletter_of_the_same_name_does_not_get_anothers_queue(account):
    account.apply(config=NAMESAKE)
    before = account.snapshot()
    seen = {name: step.seen for name, step in account.survey().items()}
    theirs = {name for name, one in seen.items() if one.standing is PartStanding.FOREIGN}
    assert theirs == {"configuration-set", "dead-letter-queue", "queue", "topic", "policy"}
    assert seen["queue"].detail.endswith("made for the newsletter of letters.example.net")
    with pytest.raises(AccountError, match="made for the newsletter of") as caught:
        account.apply()
    assert "transport.ses.configuration_set" in str(caught.value.hint)
    account.destroy()
    assert account.snapshot() == before


def test_a_neighbour_at_the_same_domain_keeps_its_way_back_for_bounces(account):
    account.apply(config=NEIGHBOUR)
    account.apply()
    account.destroy(with_identity=False)
    left = account.ses.configured()["identities"][DOMAIN]
    assert left["MailFromAttributes"]["MailFromDomain"] == f"bounce.{DOMAIN}"
    account.apply()
    before = account.snapshot()
    with pytest.raises(RefusedError, match="mails of newsletter-spring-tide leave by it as well"):
        account.destroy()
    assert account.snapshot() == before
    account.destroy(with_identity=False)
    account.destroy(config=NEIGHBOUR)
    assert account.snapshot()["ses"]["identities"] == {}


def test_what_may_not_be_looked_at_is_not_passed_over_in_silence(ready, account):
    ready.run("ses", "setup", *YES)
    before = account.snapshot()
    account.gate.denied.add("sqs:GetQueueUrl")
    ran = ready.run("ses", "setup", "--destroy", *YES)
    assert (ran.code, "nothing was taken away: dead-letter-queue: needs sqs:GetQueueUrl" in ran.err) == (4, True)  # fmt: skip
    assert account.snapshot() == before
    account.gate.denied.clear()
    account.gate.denied.add("iam:GetPolicy")
    ran = ready.run("ses", "setup", "--destroy", *YES)
    assert (ran.code, ran.out) == (0, "7 things taken away\n")
    assert "? policy: needs iam:GetPolicy, so it stays if it is there" in ran.err


def test_what_others_hang_on_stays(account):
    account.apply()
    sqs, sns = account.client("sqs"), account.client("sns")
    queue = sqs.get_queue_url(QueueName=f"{NAME}-events")["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": DEAD, "maxReceiveCount": "3"})
    sqs.create_queue(QueueName="shop", Attributes={"RedrivePolicy": redrive})
    policy = json.loads(
        sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])["Attributes"]["Policy"]
    )
    policy["Statement"].append(
        {"Sid": "Shop", "Effect": "Allow", "Principal": {"AWS": ACCOUNT},
         "Action": "sqs:SendMessage", "Resource": "*"}
    )  # fmt: skip
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    topic = f"arn:aws:sns:eu-west-1:{ACCOUNT}:{NAME}-events"
    sns.add_permission(TopicArn=topic, Label="shop", AWSAccountId=[ACCOUNT], ActionName=["Publish"])
    before = account.snapshot()
    with pytest.raises(RefusedError) as caught:
        account.destroy()
    assert account.snapshot() == before
    assert "dead-letter-queue stays: dead letters of shop go there as well" in str(caught.value)
    for part in ("queue", "topic"):
        assert f"; {part} stays: its policy lets others in, too" in str(caught.value)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--print", "dns", "--destroy"), "--print and --destroy do not go together"),
        (("--destroy", "--write"), "--destroy and --write do not go together"),
        (("--with-identity",), "--with-identity is for --destroy alone"),
        (("--domain", "org"), "org is not the domain of sender.from_address, nor one above it"),
        (("--plan", "--confirm", "org"), "--confirm says org, but this is about slackwater.example.org"),
    ],
)  # fmt: skip
def test_an_option_that_would_do_nothing_is_refused(ready, account, words, error):
    ran = ready.run("ses", "setup", *words)
    assert (ran.code, ran.error) == (2, f"error: {error}")


def test_what_is_printed_is_json_where_that_is_asked_for(ready, account):
    (send, *_) = only_json(ready.run("ses", "setup", "--print", "policy", "--json"))["policy"][
        "Statement"
    ]
    assert send["Sid"] == "Send"
    assert "Slack Water" in only_json(ready.run("ses", "setup", "--print", "request", "--json"))["request"]  # fmt: skip
    ready.run("ses", "setup", *YES)
    records = only_json(ready.run("ses", "setup", "--print", "dns", "--json"))["dns"]
    assert [one["kind"] for one in records] == ["CNAME"] * 3 + ["MX", "TXT", "TXT"]


def test_nothing_is_named_after_what_init_wrote(ready, account, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_SITE__NAME", "My Newsletter")
    ran = ready.run("ses", "setup", "--plan")
    assert ran.error == 'error: site.name is still "My Newsletter", which newsletter init wrote'
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__CONFIGURATION_SET", "letters")
    assert ready.run("ses", "setup", "--plan").code == 0
    monkeypatch.setenv("NEWSLETTER_SENDER__FROM_ADDRESS", "me@example.org")
    assert "set sender.from_address in newsletter.toml" in ready.run("ses", "setup").hint


def test_the_next_step_is_told_once_all_is_ready(ready, account):
    ready.run("ses", "setup", *YES)
    account.ses.order("slackwater.example.org", dkim="SUCCESS", mail_from="SUCCESS")
    ran = ready.run("ses", "setup")
    assert 'set kind = "ses" under [transport], then newsletter ses prove' in ran.err


@pytest.mark.parametrize(("service", "name"), [("SESV2", "SES"), ("SQS", "SQS"), ("STS", "STS")])
def test_whoever_does_not_answer_is_named(ready, account, monkeypatch, service, name):
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", "http://127.0.0.1:9")
    ran = ready.run("ses", "setup", "--plan")
    assert (ran.code, ran.error) == (4, f"error: {name} cannot be reached")


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (400, "BadRequestException", "AWS makes no sense of ses:GetEmailIdentity"),
        (500, "InternalFailure", "AWS does not answer ses:GetEmailIdentity"),
    ],
)
def test_what_is_refused_for_good_is_not_to_be_tried_again_in_a_minute(
    account, status, code, message
):
    account.ses.script(
        Fault(kind="error", operations=("GetEmailIdentity",), status=status, code=code, message="-")
    )
    with pytest.raises(AccountError, match=message) as caught:
        account.survey()
    assert ("in a minute" in str(caught.value.hint)) is (status == 500)
