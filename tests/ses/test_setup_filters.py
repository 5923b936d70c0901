"""A filter on the queue's subscription: bounces that nobody hears of, told and taken away."""

from __future__ import annotations

import json

import pytest

from newsletter.ses.setup.part import PartStanding
from tests.doctor.test_doctor_aws import TOPIC, account, only_account, told
from tests.support.cli_fixtures import folder, plain_environment, ready

__all__ = ["account", "folder", "only_account", "plain_environment", "ready"]

pytestmark = pytest.mark.processes


def test_a_filter_that_keeps_events_back_is_told_and_taken_away(account, ready):
    sns = account.client("sns")
    (one,) = sns.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]
    sns.set_subscription_attributes(
        SubscriptionArn=one["SubscriptionArn"], AttributeName="FilterPolicy",
        AttributeValue=json.dumps({"eventType": ["Delivery"]}),
    )  # fmt: skip
    said = "a filter of the subscription keeps some of what SES reports from the queue"
    assert told(account, only=("events",))["events"] == ("warning", said, "newsletter ses setup")
    account.gate.denied.add("sns:GetSubscriptionAttributes")
    account.control()
    assert told(account, only=("events",)) == {}
    account.gate.denied.clear()
    config = (ready.root / "newsletter.toml").read_text("utf-8")
    assert account.survey(config=config)["subscription"].seen.standing is PartStanding.DRIFTED
    assert account.apply(config=config) == ["subscription"]
    assert told(account, only=("events",)) == {}
