"""`ses setup`: every part in every state, twice, killed on the way, and undone."""

from __future__ import annotations

import contextlib
import json
import time
import types

import pytest

from newsletter.errors import AccountError, RefusedError
from newsletter.ses.setup.control import SES_SECONDS, ControlPlane
from newsletter.ses.setup.part import PartStanding
from tests.fake_ses import Fault
from tests.support.aws_accounts import ACCOUNT, DOMAIN, NAME, aws_account, plan
from tests.support.effort import either
from tests.support.mailroom import post_office

pytestmark = pytest.mark.processes

PARTS = (
    "identity", "mail-from", "configuration-set", "dead-letter-queue", "queue", "topic",
    "subscription", "event-destination", "feedback", "policy",
)  # fmt: skip
OPTIONAL = {"mail-from", "feedback", "policy"}
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:{NAME}-events"
POLICY = f"arn:aws:iam::{ACCOUNT}:policy/gitletter/{NAME}-send"
#: What each part asks AWS first: to look, and to be made.
LOOKS = {
    "identity": "ses:GetEmailIdentity",
    "configuration-set": "ses:GetConfigurationSet",
    "dead-letter-queue": "sqs:GetQueueUrl",
    "queue": "sqs:GetQueueAttributes",
    "topic": "sns:GetTopicAttributes",
    "subscription": "sns:ListSubscriptionsByTopic",
    "event-destination": "ses:GetConfigurationSetEventDestinations",
    "policy": "iam:GetPolicy",
}
WRITES = {
    "identity": "ses:CreateEmailIdentity",
    "mail-from": "ses:PutEmailIdentityMailFromAttributes",
    "configuration-set": "ses:CreateConfigurationSet",
    "dead-letter-queue": "sqs:CreateQueue",
    "topic": "sns:CreateTopic",
    "subscription": "sns:Subscribe",
    "event-destination": "ses:CreateConfigurationSetEventDestination",
    "feedback": "ses:PutEmailIdentityFeedbackAttributes",
    "policy": "iam:CreatePolicy",
}


@pytest.fixture(scope="module")
def only_account(tmp_path_factory):
    """One account; nothing of this machine's AWS is seen, and boto's own pauses pass at once."""
    none = str(tmp_path_factory.mktemp("aws") / "none")
    passing = types.SimpleNamespace(sleep=lambda _: None)
    with post_office() as url, aws_account(url) as made, pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_PROFILE", raising=False)
        files = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), none)
        for name, value in (made.environ | files).items():
            patch.setenv(name, value)
        patch.setattr("botocore.endpoint.time", passing)
        yield made


@pytest.fixture
def account(only_account):
    """The same with nothing in it."""
    only_account.empty()
    return only_account


def refuse(account, action, *, times=None):
    """Have an action refused, for good or throttled so many times."""
    service, _, name = action.partition(":")
    if service != "ses":
        if times is None:
            account.gate.denied.add(action)
        else:
            account.gate.throttled[action] += times
    elif times is None:
        account.ses.script(
            Fault(
                kind="error",
                operations=(name,),
                status=403,
                code="AccessDeniedException",
                message="no",
            )
        )
    else:
        account.ses.script(Fault(kind="throttle", operations=(name,), times=times))


def allow(account):
    account.gate.denied.clear()
    account.ses.script(clear=True)


def standings(steps):
    return {name: step.seen.standing for name, step in steps.items()}


def writes(account):
    asked = [
        *account.gate.asked,
        *(f"ses:{name}" for name, n in account.ses.state.operations.items() for _ in range(n)),
    ]
    return [one for one in asked if not one.partition(":")[2].startswith(("Get", "List", "STS"))]


# --- missing, as wanted -------------------------------------------------------------------------


def test_in_an_empty_account_everything_is_made_once_and_a_plan_writes_nothing(account):
    before = account.snapshot()
    assert set(standings(account.survey()).values()) == {PartStanding.MISSING}
    assert writes(account) == []
    assert account.snapshot() == before
    assert account.apply() == list(PARTS)
    assert set(standings(account.survey()).values()) == {PartStanding.RIGHT}
    made = account.snapshot()
    written = len(writes(account))
    assert account.apply() == []
    assert len(writes(account)) == written
    assert account.snapshot() == made


def test_what_is_made_is_what_was_wanted(account):
    account.apply()
    made, wanted = account.snapshot(), plan()
    identity = made["ses"]["identities"][DOMAIN]
    assert identity["DkimAttributes"]["NextSigningKeyLength"] == "RSA_2048_BIT"
    assert identity["MailFromAttributes"]["MailFromDomain"] == f"bounce.{DOMAIN}"
    assert identity["FeedbackForwardingStatus"] is False
    queue = made["sqs"][f"{NAME}-events"]["attributes"]
    assert queue["MessageRetentionPeriod"] == 14 * 86_400
    assert queue["RedrivePolicy"]["deadLetterTargetArn"].endswith("-events-dead")
    assert all(one in queue["Policy"]["Statement"] for one in wanted.queue_rights)
    topic = made["sns"][TOPIC]
    assert wanted.topic_rights[0] in topic["attributes"]["Policy"]["Statement"]
    assert topic["subscriptions"] == [("sqs", wanted.queue_arn)]
    destination = made["ses"]["configuration_sets"][NAME]["destinations"][NAME]
    assert destination["SnsDestination"] == {"TopicArn": TOPIC}
    assert not {"OPEN", "CLICK"} & set(destination["MatchingEventTypes"])
    rights = made["iam"][POLICY]["document"]
    send = next(one for one in rights["Statement"] if one["Sid"] == "Send")
    assert [one.rpartition(":")[2] for one in send["Resource"]] == [
        f"identity/{DOMAIN}",
        f"configuration-set/{NAME}",
    ]
    assert "ses:SendBulkEmail" in send["Action"]


def test_destroy_leaves_the_account_as_it_was(account):
    ses = account.client("sesv2")
    sqs = account.client("sqs")
    ses.create_email_identity(EmailIdentity="other.example.org")
    ses.create_configuration_set(ConfigurationSetName="other")
    sqs.create_queue(QueueName="other")
    before = account.snapshot()
    account.apply()
    assert account.destroy() == list(reversed(PARTS))
    assert account.snapshot() == before
    assert account.destroy() == []


def test_the_domain_stays_unless_it_is_asked_for(account):
    account.apply()
    assert "identity" not in account.destroy(with_identity=False)
    assert DOMAIN in account.snapshot()["ses"]["identities"]


# --- drifted ------------------------------------------------------------------------------------


def drift(account, part):
    """Change one thing of ours so that it does not fit."""
    ses, sqs, sns, iam = map(account.client, ("sesv2", "sqs", "sns", "iam"))
    queue = sqs.get_queue_url(QueueName=f"{NAME}-events")["QueueUrl"]
    match part:
        case "identity":
            ses.put_email_identity_dkim_attributes(EmailIdentity=DOMAIN, SigningEnabled=False)
        case "mail-from":
            account.ses.order(DOMAIN, mail_from="FAILED")
        case "configuration-set":
            ses.put_configuration_set_suppression_options(
                ConfigurationSetName=NAME, SuppressedReasons=["COMPLAINT"]
            )
            ses.put_configuration_set_sending_options(
                ConfigurationSetName=NAME, SendingEnabled=False
            )
        case "dead-letter-queue":
            sqs.set_queue_attributes(
                QueueUrl=f"{queue}-dead", Attributes={"MessageRetentionPeriod": "3600"}
            )
        case "queue":
            sqs.set_queue_attributes(
                QueueUrl=queue, Attributes={"MessageRetentionPeriod": "3600", "Policy": ""}
            )
        case "topic":
            empty = {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "Theirs",
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "sns:Publish",
                        "Resource": TOPIC,
                    }
                ],
            }
            sns.set_topic_attributes(
                TopicArn=TOPIC, AttributeName="Policy", AttributeValue=json.dumps(empty)
            )
        case "subscription":
            for one in sns.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]:
                sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
        case "event-destination":
            ses.update_configuration_set_event_destination(
                ConfigurationSetName=NAME, EventDestinationName=NAME,
                EventDestination={"Enabled": False, "MatchingEventTypes": ["SEND", "OPEN"], "SnsDestination": {"TopicArn": TOPIC}},
            )  # fmt: skip
        case "feedback":
            ses.put_email_identity_feedback_attributes(
                EmailIdentity=DOMAIN, EmailForwardingEnabled=True
            )
        case "policy":
            other = {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "ses:GetAccount", "Resource": "*"}],
            }
            for _ in range(4):
                iam.create_policy_version(
                    PolicyArn=POLICY, PolicyDocument=json.dumps(other), SetAsDefault=True
                )


@pytest.mark.parametrize("part", PARTS)
def test_what_drifted_is_told_and_changed_back(account, part):
    account.apply()
    drift(account, part)
    seen = standings(account.survey())
    expected = PartStanding.MISSING if part == "subscription" else PartStanding.DRIFTED
    assert seen == {name: expected if name == part else PartStanding.RIGHT for name in PARTS}
    assert account.apply() == [part]
    assert set(standings(account.survey()).values()) == {PartStanding.RIGHT}


def test_what_others_added_to_ours_stays(account):
    account.apply()
    drift(account, "topic")
    drift(account, "event-destination")
    account.apply()
    made = account.snapshot()
    names = [one["Sid"] for one in made["sns"][TOPIC]["attributes"]["Policy"]["Statement"]]
    assert names == ["Theirs", "SesPublishes"]
    kinds = made["ses"]["configuration_sets"][NAME]["destinations"][NAME]["MatchingEventTypes"]
    assert "OPEN" in kinds


def test_records_that_ses_gave_up_on_are_looked_for_again(account):
    account.apply()
    account.ses.order(DOMAIN, dkim="FAILED")
    assert account.apply() == ["identity"]
    assert account.ses.configured()["identities"][DOMAIN]["DkimAttributes"]["Status"] == "PENDING"


# --- not ours -----------------------------------------------------------------------------------


def make_theirs(account, part):
    """Somebody else's thing under our name, which does not fit."""
    ses, sqs, sns, iam = map(account.client, ("sesv2", "sqs", "sns", "iam"))
    match part:
        case "identity" | "mail-from" | "feedback":
            ses.create_email_identity(EmailIdentity=DOMAIN)
            if part == "identity":
                ses.put_email_identity_dkim_attributes(EmailIdentity=DOMAIN, SigningEnabled=False)
        case "configuration-set" | "event-destination":
            sending = {"SendingEnabled": part != "configuration-set"}
            ses.create_configuration_set(ConfigurationSetName=NAME, SendingOptions=sending)
        case "dead-letter-queue":
            sqs.create_queue(QueueName=f"{NAME}-events-dead")
        case "queue":
            sqs.create_queue(QueueName=f"{NAME}-events")
        case "topic" | "subscription":
            sns.create_topic(Name=f"{NAME}-events")
            if part == "subscription":
                document = {"Version": "2012-10-17", "Statement": plan().topic_rights}
                sns.set_topic_attributes(
                    TopicArn=TOPIC, AttributeName="Policy", AttributeValue=json.dumps(document)
                )
        case "policy":
            other = {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "ses:GetAccount", "Resource": "*"}],
            }
            iam.create_policy(
                PolicyName=f"{NAME}-send", Path="/gitletter/", PolicyDocument=json.dumps(other)
            )


@pytest.mark.parametrize("part", PARTS)
def test_what_is_not_ours_and_does_not_fit_is_left_alone(account, part):
    make_theirs(account, part)
    before = account.snapshot()
    assert account.survey()[part].seen.standing is PartStanding.FOREIGN
    if part in OPTIONAL:
        account.apply()
        assert account.survey()[part].seen.standing is PartStanding.FOREIGN
        account.destroy()
    else:
        with pytest.raises(AccountError, match="not ours and do not fit; nothing was changed"):
            account.apply()
        assert writes(account) == writes_of_theirs(account)
    assert account.snapshot() == before


def writes_of_theirs(account):
    """What the test itself wrote past the gate reached the fake SES, too."""
    theirs = {"CreateEmailIdentity", "PutEmailIdentityDkimAttributes", "CreateConfigurationSet"}
    return [one for one in writes(account) if one.removeprefix("ses:") in theirs]


def test_a_domain_of_somebody_elses_that_fits_is_used_and_never_taken_away(account):
    ses = account.client("sesv2")
    ses.create_email_identity(EmailIdentity=DOMAIN, Tags=[{"Key": "owner", "Value": "shop"}])
    before = account.snapshot()
    done = account.apply()
    assert not {"identity", "mail-from", "feedback"} & set(done)
    account.destroy()
    assert account.snapshot() == before


def test_another_newsletters_things_are_not_ours(account):
    account.apply()
    ses = account.client("sesv2")
    arn = f"arn:aws:ses:eu-west-1:{ACCOUNT}:configuration-set/{NAME}"
    ses.tag_resource(
        ResourceArn=arn,
        Tags=[{"Key": "gitletter:newsletter", "Value": "newsletter.elsewhere.example"}],
    )
    gone = account.destroy()
    assert "configuration-set" not in gone
    assert "event-destination" not in gone
    assert NAME in account.snapshot()["ses"]["configuration_sets"]


# --- denied, throttled, not seen yet ------------------------------------------------------------


@pytest.mark.parametrize("part", LOOKS)
def test_what_may_not_be_looked_at_names_the_right(account, part):
    account.apply()
    refuse(account, LOOKS[part])
    seen = account.survey()[part].seen
    assert (seen.standing, seen.detail) == (PartStanding.UNREADABLE, f"needs {LOOKS[part]}")
    if part not in OPTIONAL:
        with pytest.raises(AccountError, match=LOOKS[part]):
            account.apply()
    allow(account)
    assert account.apply() == []


@pytest.mark.parametrize("part", WRITES)
def test_what_may_not_be_made_names_the_right_and_the_same_command_goes_on(account, part):
    refuse(account, WRITES[part])
    with pytest.raises(AccountError, match=f"{part} needs: {WRITES[part]} is missing") as caught:
        account.apply()
    assert "goes on from there" in str(caught.value.hint)
    allow(account)
    assert account.apply()[0] == part
    assert set(standings(account.survey()).values()) == {PartStanding.RIGHT}


def test_what_is_throttled_is_asked_again(account):
    for action in {*LOOKS.values(), *WRITES.values()}:
        refuse(account, action, times=2)
    assert account.apply() == list(PARTS)
    assert set(standings(account.survey()).values()) == {PartStanding.RIGHT}
    assert account.ses.state.answers["429 TooManyRequestsException"] > 10
    assert account.gate.throttled.total() == 0


def test_what_is_throttled_all_the_time_is_told(account):
    refuse(account, "sqs:CreateQueue", times=1000)
    with pytest.raises(AccountError, match="dead-letter-queue could not be set up") as caught:
        account.apply()
    assert caught.value.cause == "sqs:CreateQueue: Throttling"


@pytest.mark.parametrize("looks", [1, 3])
def test_what_is_not_seen_at_once_is_waited_for(account, looks):
    account.ses.change(unseen=looks)
    # The first look of the survey finds nothing as it is.
    for action in ("sqs:GetQueueUrl", "sns:GetTopicAttributes", "iam:GetPolicy"):
        account.gate.hidden[action] += 1 + looks
    assert account.apply() == list(PARTS)
    assert account.waited.count(2.0) >= looks
    account.gate.hidden.clear()
    assert set(standings(account.survey()).values()) == {PartStanding.RIGHT}


def test_what_is_never_seen_is_told_after_some_looks(account):
    account.ses.change(unseen=1000)
    with pytest.raises(AccountError, match="identity could not be set up") as caught:
        account.apply()
    assert "does not show it yet" in str(caught.value.cause)


def test_the_name_of_a_queue_just_deleted_is_waited_for(account):
    account.gate.locked = True
    assert account.apply() == list(PARTS)
    assert 61.0 in account.waited


def test_ses_is_asked_once_a_second(account):
    account.ses.change(control_rate=1.0)
    made = ControlPlane(region="eu-west-1", profile="", environ=account.environ, sleep=time.sleep)
    with contextlib.closing(made) as control:
        for name in ("a", "b", "c"):
            control.read("sesv2", "get_configuration_set", ConfigurationSetName=name)
    assert "429 TooManyRequestsException" not in account.ses.state.answers


def test_the_second_counts_from_an_answer_because_its_request_may_have_come_late(
    account, monkeypatch
):
    now, waits = [0.0], []

    def wait(seconds):
        waits.append(seconds)
        now[0] += seconds

    monkeypatch.setattr("newsletter.clocks.seconds", lambda: now[0])
    made = ControlPlane(region="eu-west-1", profile="", environ=account.environ, sleep=wait)
    with contextlib.closing(made) as control:
        ask = control._clients["sesv2"].get_configuration_set

        def slowly(**asked):
            now[0] += 0.7
            return ask(**asked)

        monkeypatch.setattr(control._clients["sesv2"], "get_configuration_set", slowly)
        for name in ("a", "b", "c"):
            control.read("sesv2", "get_configuration_set", ConfigurationSetName=name)
    assert waits == [pytest.approx(SES_SECONDS)] * 2


# --- killed -------------------------------------------------------------------------------------


#: As many calls write while an empty account is set up.
WRITES_OF_ALL = 11


class Killed(BaseException):
    """Whoever is killed tidies nothing."""


def kill_after(monkeypatch, number):
    """End the program right after so many writes, before it hears of the last one."""
    left, write = [number], ControlPlane.write

    def counted(self, *asked, **more):
        write(self, *asked, **more)
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    monkeypatch.setattr(ControlPlane, "write", counted)


def test_killed_after_any_write_the_same_command_ends_the_same(account, monkeypatch):
    account.apply()
    whole = account.snapshot()
    for number in range(1, WRITES_OF_ALL + 1, either(3, 1)):
        account.empty()
        with monkeypatch.context() as patch:
            kill_after(patch, number)
            with pytest.raises(Killed):
                account.apply()
        account.apply()
        assert account.snapshot() == whole
        with monkeypatch.context() as patch:
            kill_after(patch, number)
            try:
                account.destroy()
            except Killed:
                account.destroy()
        empty = account.snapshot()
        assert (empty["sqs"], empty["sns"], empty["iam"]) == ({}, {}, {})
        assert empty["ses"]["identities"] == empty["ses"]["configuration_sets"] == {}


# --- what stands in the way of taking away ------------------------------------------------------


def test_a_queue_that_holds_events_is_not_taken_away(account):
    account.apply()
    sqs = account.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{NAME}-events")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    before = account.snapshot()
    with pytest.raises(RefusedError, match="queue holds 1 message"):
        account.destroy()
    assert account.snapshot() == before
    assert "queue" in account.destroy(with_messages=True)


def test_a_policy_that_is_attached_is_not_taken_away(account):
    account.apply()
    iam = account.client("iam")
    iam.create_role(RoleName="mailer", AssumeRolePolicyDocument="{}")
    iam.attach_role_policy(RoleName="mailer", PolicyArn=POLICY)
    with pytest.raises(RefusedError, match="policy stays: it is attached to mailer"):
        account.destroy()
    iam.detach_role_policy(RoleName="mailer", PolicyArn=POLICY)
    assert "policy" in account.destroy()


def test_what_others_hung_on_ours_keeps_it(account):
    account.apply()
    ses = account.client("sesv2")
    sns = account.client("sns")
    told = {"Enabled": True, "MatchingEventTypes": ["SEND"], "SnsDestination": {"TopicArn": TOPIC}}
    ses.create_configuration_set_event_destination(
        ConfigurationSetName=NAME, EventDestinationName="theirs", EventDestination=told
    )
    sns.subscribe(
        TopicArn=TOPIC, Protocol="sqs", Endpoint=f"arn:aws:sqs:eu-west-1:{ACCOUNT}:elsewhere"
    )
    before = account.snapshot()
    with pytest.raises(RefusedError, match="event destinations of others: theirs") as caught:
        account.destroy()
    assert "other subscription" in str(caught.value)
    assert account.snapshot() == before
