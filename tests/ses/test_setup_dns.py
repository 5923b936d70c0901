"""What DNS says of the records that a domain needs: right is what does what they are for."""

from __future__ import annotations

import pytest

from newsletter.ses.setup.dns import wanted
from tests.support.aws_accounts import DOMAIN, plan

BOUNCE = f"bounce.{DOMAIN}"
IDENTITY = {"MailFromAttributes": {"MailFromDomain": BOUNCE}}
HOST = "feedback-smtp.eu-west-1.amazonses.com"


@pytest.mark.parametrize(
    ("kind", "there", "says"),
    [
        ("TXT", ("v=spf1 include:amazonses.com ~all",), "right"),
        ("TXT", ("v=spf1 include:amazonses.com -all", "a-site-key=1"), "right"),
        ("TXT", ("v=spf1 ip4:192.0.2.1 Include:AmazonSES.com ?all",), "right"),
        ("TXT", ("v=spf1 include:amazonses.com +all",), "other"),
        ("TXT", ("v=spf1 include:amazonses.com all",), "other"),
        ("TXT", ("v=spf1 include:amazonses.com ~all", "v=spf1 -all"), "other"),
        ("TXT", ("v=spf1 include:mail.amazonses.com ~all",), "other"),
        ("TXT", ("a-site-key=1",), "missing"),
        ("MX", (f"10 {HOST}",), "right"),
        ("MX", (f"5 {HOST}",), "right"),
        ("MX", (f"10 {HOST}", "20 mail.example.org"), "other"),
        ("MX", ("10 feedback-smtp.us-east-1.amazonses.com",), "other"),
        ("MX", (), "missing"),
        ("MX", None, ""),
    ],
)
def test_a_record_in_other_words_is_right_where_it_does_the_same(kind, there, says):
    records = wanted(
        plan(), IDENTITY, lambda name, asked: there if (name, asked) == (BOUNCE, kind) else (),
        owner="",
    )  # fmt: skip
    (record,) = [one for one in records if (one.name, one.kind) == (BOUNCE, kind)]
    assert record.says == says
