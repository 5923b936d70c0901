"""`ses setup` killed by the system while a request is on the wire: the same command ends the same."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.fake_ses import Fault
from tests.ses.test_setup_command import DOMAIN, account, only_account
from tests.support.cli_fixtures import folder, plain_environment, ready
from tests.support.commands import started
from tests.support.effort import either

__all__ = ["account", "folder", "only_account", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

MADE = (
    "ses:CreateEmailIdentity", "ses:PutEmailIdentityMailFromAttributes",
    "ses:CreateConfigurationSet", "sqs:CreateQueue", "sns:CreateTopic", "sns:SetTopicAttributes",
    "sns:Subscribe", "ses:CreateConfigurationSetEventDestination",
    "ses:PutEmailIdentityFeedbackAttributes", "iam:CreatePolicy",
)  # fmt: skip
UNDONE = (
    "iam:DeletePolicy", "ses:DeleteConfigurationSetEventDestination", "sns:Unsubscribe",
    "sns:DeleteTopic", "sqs:DeleteQueue", "ses:DeleteConfigurationSet", "ses:DeleteEmailIdentity",
)  # fmt: skip
AWAY = ("--destroy", "--with-identity")
#: One of each in the short form: an action, whether it is done, and what is asked.
POINTS = [("sns:CreateTopic", True, ()), ("ses:DeleteConfigurationSet", False, AWAY)][
    either(0, 2) :
] + [
    (action, done, words)
    for actions, words in ((MADE, ()), (UNDONE, AWAY))
    for action in actions
    for done in (True, False)
][: either(0, 100)]


def wait_for(reached, process):
    while not reached():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def killed_at(account, action, done, root, *words):
    """Run the command, and kill it when this action has come, done or not; nobody answers it."""
    service, _, name = action.partition(":")
    if service == "ses":
        account.ses.script(Fault(kind="stall", operations=(name,), accept=done))
        unanswered = account.ses.state.answers.get("none", 0)

        def reached():
            return account.ses.state.answers.get("none", 0) > unanswered
    else:
        account.gate.held = action, done
        reached = account.gate.reached.is_set
    try:
        with started(root, *words, world="unhurried_account") as process:
            wait_for(reached, process)
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
    finally:
        account.gate.let_go()
        account.ses.script(clear=True)


@pytest.mark.parametrize(("action", "done", "words"), POINTS)
def test_killed_while_a_request_is_on_the_wire_the_same_command_ends_the_same(
    ready, account, action, done, words
):
    before = account.snapshot()
    config = (ready.root / "newsletter.toml").read_text("utf-8")
    account.apply(config=config)
    whole = account.snapshot()
    if not words:
        account.destroy(config=config)
        assert account.snapshot() == before
    killed_at(account, action, done, ready.root, "ses", "setup", *words, "--confirm", DOMAIN)
    assert account.snapshot() != (whole if words else before) or not done
    if words:
        account.destroy(config=config)
        assert account.snapshot() == before
    else:
        account.apply(config=config)
        assert account.snapshot() == whole
