"""`newsletter doctor`: keys, SPF's look-ups and DMARC's alignment; and a host that may do little."""

from __future__ import annotations

import pytest

from tests.doctor.test_doctor_aws import BOUNCE, DOMAIN, ZONE, account, only_account, told
from tests.fake_ses import Fault
from tests.support.cli_fixtures import folder, plain_environment, ready

__all__ = ["account", "folder", "only_account", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

POLICY = (f"_dmarc.{DOMAIN}", "TXT")
SPF = (BOUNCE, "TXT")
KEY = ("v=DKIM1; k=rsa; p=MIIBIjANBg",)


def keys(account, *texts):
    """What stands at the names of the three keys."""
    tokens = account.ses.configured()["identities"][DOMAIN]["DkimAttributes"]["Tokens"]
    names = [(f"{token}._domainkey.{DOMAIN}", "TXT") for token in tokens]
    return dict(zip(names, texts, strict=True))


def chain(number):
    """A record that makes a receiver look up so many more."""
    zone = {SPF: ("v=spf1 include:amazonses.com include:s1.example.net ~all",)}
    for n in range(1, number):
        zone[f"s{n}.example.net", "TXT"] = (
            f"v=spf1 ip4:192.0.2.{n} include:s{n + 1}.example.net ?all",
        )
    zone[f"s{number}.example.net", "TXT"] = ("v=spf1 -all",)
    return zone


@pytest.mark.parametrize(
    ("texts", "severity", "words"),
    [
        ((KEY, KEY, KEY), None, ""),
        ((("p=MII", "other"), KEY, KEY), None, ""),
        ((KEY, KEY, ()), "warning", f"1 DKIM record leads to no key, of 3 for {DOMAIN}"),
        ((KEY, ("v=DKIM1; p=",), ()), "warning", f"2 DKIM records lead to no key, of 3 for {DOMAIN}"),
        (((), (), ()), "error", f"no key is found by the DKIM records of {DOMAIN}"),
        ((KEY, None, KEY), "skipped", "the DNS does not answer"),
    ],
)  # fmt: skip
def test_the_keys_that_ses_signs_with_have_to_be_found(account, texts, severity, words):
    found = told(account, ZONE | keys(account, *texts), only=("dns-dkim",))
    assert [one[0] for one in found.values()] == ([severity] if severity else [])
    assert words in found.get("dns-dkim", ("", ""))[1]


def test_a_weak_key_is_told(account):
    account.client("sesv2").delete_email_identity(EmailIdentity=DOMAIN)
    account.client("sesv2").create_email_identity(EmailIdentity=DOMAIN)
    account.ses.order(DOMAIN, dkim="SUCCESS")
    assert told(account, only=("dkim",))["dkim"][:2] == (
        "warning", "mails are signed with a key of 1024 bits, which counts as weak",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "severity"),
    [
        (chain(9), None),
        (chain(10), "error"),
        ({SPF: ("v=spf1 include:amazonses.com a mx/24 exists:%{i}.example.net redirect=x.example.net",)}, None),
        ({SPF: ("v=spf1 include:amazonses.com " + "a:h.example.net " * 10,)}, "error"),
        ({SPF: ("v=spf1 include:amazonses.com include:loop.example.net ~all",),
          ("loop.example.net", "TXT"): ("v=spf1 include:loop.example.net",)}, "error"),
        ({SPF: ("v=spf1 include:amazonses.com include:silent.example.net ~all",),
          ("silent.example.net", "TXT"): None}, None),
    ],
)  # fmt: skip
def test_an_spf_record_of_too_many_look_ups_counts_as_none(account, zone, severity):
    found = told(account, ZONE | zone, only=("dns-spf",))
    assert [one[0] for one in found.values()] == ([severity] if severity else [])
    assert not severity or "takes more than 10 look-ups" in found["dns-spf"][1]


@pytest.mark.parametrize(
    ("policy", "mail_from", "severity", "words"),
    [
        ("p=reject", True, None, ""),
        ("p=reject; aspf=s", True, None, ""),
        ("p=none; adkim=s", True, "warning", "passed by SPF alone"),
        ("p=none; adkim=s; aspf=s", True, "warning", "no mail passes DMARC"),
        ("p=reject; adkim=s; aspf=s", True, "error", "no mail passes DMARC"),
        ("p=reject; adkim=s", False, "error", "no mail passes DMARC"),
    ],
)  # fmt: skip
def test_a_policy_that_takes_no_domain_above_the_sender_is_told(
    account, policy, mail_from, severity, words
):
    """The identity is that of a domain above the sender's."""
    ses, above = account.client("sesv2"), DOMAIN.partition(".")[2]
    ses.delete_email_identity(EmailIdentity=DOMAIN)
    ses.create_email_identity(
        EmailIdentity=above, DkimSigningAttributes={"NextSigningKeyLength": "RSA_2048_BIT"}
    )
    if mail_from:
        ses.put_email_identity_mail_from_attributes(
            EmailIdentity=above, MailFromDomain=f"bounce.{above}"
        )
    account.ses.order(above, dkim="SUCCESS", **({"mail_from": "SUCCESS"} if mail_from else {}))
    zone = ZONE | {POLICY: (f"v=DMARC1; {policy}",)}
    found = told(account, zone, only=("dns-alignment",))
    assert [one[0] for one in found.values()] == ([severity] if severity else [])
    assert words in found.get("dns-alignment", ("", ""))[1]


def test_a_host_that_may_look_at_the_domain_above_alone_finds_it(account):
    ses, above = account.client("sesv2"), DOMAIN.partition(".")[2]
    ses.create_email_identity(EmailIdentity=above)
    account.ses.order(above, dkim="SUCCESS")
    account.ses.script(
        Fault(kind="error", operations=("GetEmailIdentity",), status=403, times=1,
              code="AccessDeniedException", message="no")
    )  # fmt: skip
    assert "identity" not in told(account, only=("identity",))


def test_what_init_wrote_is_told_before_send_refuses_it(ready, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")
    monkeypatch.setenv("NEWSLETTER_SENDER__FROM_ADDRESS", "me@example.org")
    ran = ready.run("doctor", "--only", "sending")
    assert (ran.code, 'sender.from_address is still "me@example.org"' in ran.out) == (5, True)


def test_records_that_cannot_be_opened_are_one_fault_whatever_else_asks_for_their_number(
    account, monkeypatch
):
    monkeypatch.setenv("NEWSLETTER_STORE__URL", "postgresql://wren@127.0.0.1:1/letters")
    found = told(account, ZONE | {POLICY: ()}, only=("store", "account", "queue", "dns-dmarc"))
    assert [name for name, one in found.items() if "database" in one[1]] == ["store"]
    assert found["dns-dmarc"][:2] == ("warning", f"{DOMAIN} has no DMARC record")
