from __future__ import annotations

import pytest

from newsletter.outbox import Effect, Result
from newsletter.outbox.verdicts import api_error, api_success, smtp_reply


@pytest.mark.parametrize("status", [0, 200, 301, 307, 408, 500, 503])
def test_only_a_4xx_proves_that_nothing_was_accepted(status):
    assert api_error("MessageRejected", status, "").result is Result.UNKNOWN


@pytest.mark.parametrize("code", ["", "a@b.org", "<html>", "x" * 81])
def test_a_code_that_is_no_name_is_not_kept(code):
    assert api_error(code, 400, "").reason == "HTTP 400"
    assert api_error(code, 500, "").reason == "HTTP 500"
    assert api_error("500", 500, "").reason == "HTTP 500"


def test_a_429_without_a_name_is_a_throttle():
    outcome = api_error("", 429, "")
    assert (outcome.reason, outcome.effect) == ("throttled", Effect.SLOW_DOWN)
    assert api_error("", 403, "").effect is Effect.ABORT


def test_a_success_needs_a_message_id():
    assert api_success("m").result is Result.ACCEPTED
    assert (api_success("").result, api_success(None).effect) == (Result.UNKNOWN, Effect.PAUSE)


@pytest.mark.parametrize(
    ("code", "result"),
    [(250, Result.ACCEPTED), (451, Result.DEFERRED), (550, Result.REFUSED), (354, Result.UNKNOWN)],
)
def test_a_mail_server_says_it_by_its_first_digit(code, result):
    assert smtp_reply(code, "m").result is result
