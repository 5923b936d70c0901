"""A mail that SES accepts and cannot render never arrives: one of them stops the run."""

from __future__ import annotations

import pytest

from tests.sending.test_reputation import ISSUE, Bouncer, crowd
from tests.support.cli_fixtures import plain_environment
from tests.support.proven import prove_bulk
from tests.support.ses_events import event

__all__ = ["crowd", "plain_environment"]

pytestmark = pytest.mark.processes


def test_one_rendering_failure_pauses_the_run_and_its_mail_can_be_sent_again(crowd, monkeypatch):
    newsletter, log, room = crowd
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__MODE", "bulk")
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__CONFIGURATION_SET", "letters")
    prove_bulk(newsletter.root)
    with Bouncer(log, room, lambda one: event("Rendering Failure", one), 1):
        ran = newsletter.send(issue=ISSUE)
    assert ran.code == 6, ran.err
    states = newsletter.states(ISSUE)
    assert states["refused"] == 1
    assert states["queued"] + states["accepted"] == 599
    assert states["queued"]
    status = newsletter.run("status", "--issue", str(ISSUE))
    assert "SES accepted 1 mail and could not render it" in status.out
    assert newsletter.run("retry", "--issue", str(ISSUE)).code == 0
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SES__MAX_RATE", "1000")
    assert newsletter.send(issue=ISSUE).code == 0
    assert newsletter.states(ISSUE) == {"accepted": 600}
