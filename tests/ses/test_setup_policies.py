"""Whom a queue's policy lets in, as others write theirs."""

from __future__ import annotations

import json

import pytest

from newsletter.ses.setup.reporting import lets_in

TOPIC = "arn:aws:sns:eu-west-1:123456789012:letters-events"


def statement(effect="Allow", **condition):
    return {"Effect": effect, "Principal": "*", "Action": "sqs:SendMessage", **condition}


def from_source(name, operator="ArnEquals", key="aws:SourceArn"):
    return statement(Condition={operator: {key: name}})


@pytest.mark.parametrize(
    ("statements", "fits"),
    [
        ([from_source(TOPIC)], True),
        ([from_source([f"{TOPIC}-other", TOPIC], "ForAnyValue:ArnEquals")], True),
        ([from_source("arn:aws:sns:*:123456789012:*", "ArnLike", "AWS:SourceArn")], True),
        ([statement()], True),
        ([statement(Condition={"StringEquals": {"aws:SourceAccount": "123456789012"}})], True),
        (from_source(TOPIC), True),
        ([from_source(f"{TOPIC}-other")], False),
        ([statement(effect="Deny")], False),
        ([], False),
    ],
)
def test_a_policy_lets_a_topic_in_by_its_name_a_pattern_or_no_condition(statements, fits):
    assert lets_in(json.dumps({"Statement": statements}), TOPIC) is fits


def test_no_policy_lets_nobody_in():
    assert not lets_in("", TOPIC)
    assert not lets_in("nonsense", TOPIC)
