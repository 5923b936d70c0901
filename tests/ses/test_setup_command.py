"""`newsletter ses setup`: what a person sees, what is written, and events that come back by it."""

from __future__ import annotations

import json
import tomllib
import types
from collections import Counter

import dns.resolver
import pytest

from newsletter import domains
from newsletter.errors import InputError
from newsletter.project.settings_file import add_settings
from newsletter.ses.setup import control
from newsletter.ses.setup import dns as setup_dns
from tests.support.aws_accounts import ACCOUNT, aws_account
from tests.support.cli_commands import only_json
from tests.support.cli_fixtures import folder, plain_environment, ready
from tests.support.mailroom import post_office

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

DOMAIN = "slackwater.example.org"
NAME = "newsletter-slack-water"
YES = ("--confirm", DOMAIN)


@pytest.fixture(scope="module")
def only_account():
    with post_office() as url, aws_account(url) as made:
        yield made


@pytest.fixture
def account(only_account, monkeypatch, tmp_path):
    only_account.empty()
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    files = dict.fromkeys(
        ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), str(tmp_path / "none")
    )
    for name, value in (only_account.environ | files).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("botocore.endpoint.time", types.SimpleNamespace(sleep=lambda _: None))
    monkeypatch.setattr(control, "SES_SECONDS", 0.0)
    monkeypatch.setattr(domains.FreshRecords, "ask", lambda *_: ())
    return only_account


def test_a_plan_is_shown_and_nothing_is_written(ready, account):
    before = account.snapshot()
    ran = ready.run("ses", "setup", "--plan", "--write")
    assert ran.code == 0
    assert "+ identity           slackwater.example.org, signed with 2048 bits" in ran.out
    assert "[transport.ses]" not in (ready.root / "newsletter.toml").read_text().replace(
        "# [transport.ses]", ""
    )
    assert account.snapshot() == before


def test_without_a_terminal_nothing_is_changed_unless_it_is_confirmed(ready, account):
    before = account.snapshot()
    ran = ready.run("ses", "setup")
    assert (ran.code, ran.hint) == (2, f"hint: add --confirm {DOMAIN}")
    wrong = ready.run("ses", "setup", "--confirm", "example.org")
    assert (wrong.code, wrong.error) == (
        2,
        f"error: --confirm says example.org, but this is about {DOMAIN}",
    )
    assert account.snapshot() == before


def test_what_setup_made_a_real_send_reports_through_and_a_real_pull_drains(
    ready, account, monkeypatch
):
    assert ready.run("ses", "setup", *YES, "--write").code == 0
    written = tomllib.loads((ready.root / "newsletter.toml").read_text())["transport"]["ses"]
    assert written["configuration_set"] == NAME
    assert written["region"] == "eu-west-1"
    assert written["events_queue"].endswith(f"/{ACCOUNT}/{NAME}-events")
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")
    assert ready.send("--limit", "3").code == 6
    account.ses.published()
    pulled = only_json(ready.run("events", "pull", "--json"))
    assert (pulled["new"], pulled["dead_lettered"], pulled["unmatched"]) == (6, 0, 0)
    kinds = Counter(kind for kind, one in ready.untold("events", "kind", "delivery_id") if one)
    assert kinds == {"delivery": 3, "send": 3}


def test_json_says_the_same(ready, account):
    planned = only_json(ready.run("ses", "setup", "--plan", "--json"))
    assert (planned["changes"], planned["verified"], planned["dns"]) == (10, False, [])
    done = only_json(ready.run("ses", "setup", *YES, "--write", "--json"))
    assert done["changes"] == 0
    assert {one["standing"] for one in done["steps"]} == {"right"}
    assert done["added"] == ["region", "configuration_set", "events_queue"]
    assert len(done["dns"]) == 6
    again = only_json(ready.run("ses", "setup", "--write", "--json"))
    assert (again["added"], again["changes"]) == ([], 0)


def test_the_records_and_what_dns_says_of_each_are_shown(ready, account, monkeypatch):
    ready.run("ses", "setup", *YES)
    token = account.ses.configured()["identities"][DOMAIN]["DkimAttributes"]["Tokens"][0]
    there = {
        (f"{token}._domainkey.{DOMAIN}", "CNAME"): (f"{token}.dkim.amazonses.com",),
        (f"bounce.{DOMAIN}", "MX"): ("10 mail.elsewhere.example",),
        (f"bounce.{DOMAIN}", "TXT"): ("verify=1", "v=spf1 include:amazonses.com ~all"),
        ("_dmarc.example.org", "TXT"): ("v=DMARC1; p=reject",),
    }
    monkeypatch.setattr(domains.FreshRecords, "ask", lambda _, *asked: there.get(asked, ()))
    found = only_json(ready.run("ses", "setup", "--json"))["dns"]
    assert [(one["kind"], one["says"]) for one in found] == [
        ("CNAME", "right"), ("CNAME", "missing"), ("CNAME", "missing"), ("MX", "other"), ("TXT", "right"),
    ]  # fmt: skip
    shown = ready.run("ses", "setup").out
    assert "there is 10 mail.elsewhere.example" in shown
    zone = ready.run("ses", "setup", "--print", "dns").out.splitlines()
    assert f'bounce.{DOMAIN}. 1800 IN TXT "v=spf1 include:amazonses.com ~all"' in zone
    assert f"bounce.{DOMAIN}. 1800 IN MX 10 feedback-smtp.eu-west-1.amazonses.com." in zone
    assert zone == sorted(zone)
    monkeypatch.setattr(domains.FreshRecords, "ask", lambda *_: None)
    unknown = only_json(ready.run("ses", "setup", "--json"))["dns"]
    assert {one["says"] for one in unknown} == {""}
    assert not [one for one in unknown if one["name"].startswith("_dmarc")]


def test_waiting_ends_when_the_domain_is_verified(ready, account, monkeypatch):
    ready.run("ses", "setup", *YES)
    account.ses.order(DOMAIN, error="HOST_NOT_FOUND")
    waited = []

    def sleep(seconds):
        waited.append(seconds)
        if waited.count(15.0) == 2:
            account.ses.order(DOMAIN, dkim="SUCCESS", mail_from="SUCCESS")

    patience = types.SimpleNamespace(sleep=sleep)
    monkeypatch.setattr("newsletter.ses.setup.account.time", patience)
    ran = ready.run("ses", "setup", "--wait", "5")
    assert ran.code == 0
    assert "they are not published yet" in ran.err
    assert "not verified" not in ran.err
    assert [one for one in waited if one > 1] == [15.0, 15.0]


def test_destroy_takes_away_what_setup_made(ready, account):
    before = account.snapshot()
    ready.run("ses", "setup", *YES)
    ran = ready.run("ses", "setup", "--destroy", "--with-identity", *YES)
    assert (ran.code, ran.out) == (0, "10 things taken away\n")
    assert account.snapshot() == before
    again = ready.run("ses", "setup", "--destroy", *YES)
    assert (again.code, again.out) == (0, "nothing here is ours\n")


def test_rights_and_the_request_are_printed(ready, account):
    account.ses.change(production=False)
    rights = json.loads(ready.run("ses", "setup", "--print", "policy").out)
    (send,) = [one for one in rights["Statement"] if one["Sid"] == "Send"]
    assert f"arn:aws:ses:eu-west-1:{ACCOUNT}:identity/*" in send["Resource"]
    assert "Slack Water" in ready.run("ses", "setup", "--print", "request").out
    assert "sandbox" in ready.run("ses", "setup", "--plan").err
    ran = ready.run("ses", "setup", "--print", "dns")
    assert (ran.code, ran.hint) == (4, "hint: newsletter ses setup makes it")


def test_rights_and_the_request_are_printed_before_there_is_an_account(ready, account, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    ran = ready.run("ses", "setup", "--print", "policy")
    assert ran.code == 0
    (send,) = [one for one in json.loads(ran.out)["Statement"] if one["Sid"] == "Send"]
    assert f"arn:aws:ses:eu-west-1:ACCOUNT-ID:identity/{DOMAIN}" in send["Resource"]
    assert ran.hint.startswith("hint: put its 12 digits in place of ACCOUNT-ID")
    assert ready.run("ses", "setup", "--plan").code == 4
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    for words in (("--print", "policy"), ("--plan",)):
        ran = ready.run("ses", "setup", *words)
        assert (ran.code, ran.error) == (2, "error: no AWS region is named")
    ran = ready.run("ses", "setup", "--print", "request")
    assert (ran.code, ran.err) == (0, "")
    assert "Slack Water" in ran.out


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--plan", "--destroy"), "--plan and --destroy do not go together"),
        (("--domain", "elsewhere.example"), "elsewhere.example is not the domain of sender.from_address, nor one above it"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(ready, account, words, error):
    ran = ready.run("ses", "setup", *words)
    assert (ran.code, ran.error) == (2, f"error: {error}")


def test_a_parent_of_the_domain_can_be_the_identity(ready, account):
    planned = ready.run("ses", "setup", "--plan", "--domain", "example.org")
    assert "+ identity           example.org, signed" in planned.out


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[transport]\nkind = 'folder'\n", "[transport]\nkind = 'folder'\n\n[transport.ses]\nregion = \"x\"\nprofile = \"y\"\n"),
        ("[transport.ses] # mine\nprofile = 'z'\n# end\n", "[transport.ses] # mine\nregion = \"x\"\nprofile = 'z'\n# end\n"),
        ("[ transport . ses ]\r\nprofile = 'z'\r\n", "[ transport . ses ]\r\nregion = \"x\"\r\nprofile = 'z'\r\n"),
        ("[transport.ses]", '[transport.ses]\nregion = "x"\nprofile = "y"\n'),
        ("[transport.ses]\nregion = 'a'\nprofile = 'b'\n", "[transport.ses]\nregion = 'a'\nprofile = 'b'\n"),
        ("transport.ses = {profile = 'z'}\n", None),
    ],
)  # fmt: skip
def test_settings_are_added_and_every_line_stays(tmp_path, before, after):
    file = tmp_path / "newsletter.toml"
    file.write_bytes(before.encode())
    values = {"region": "x", "profile": "y"}
    if after is None:
        with pytest.raises(InputError, match="nothing can be added"):
            add_settings(tmp_path, "transport.ses", values)
        after = before
    else:
        add_settings(tmp_path, "transport.ses", values)
    assert file.read_bytes().decode() == after


def test_dns_is_asked_and_silence_is_no_answer():
    silent = dns.resolver.Resolver(configure=False)
    silent.nameservers = ["127.0.0.1"]
    silent.port = 9
    assert domains.records("example.org", "TXT", silent) is None


@pytest.mark.parametrize(
    ("zone", "policies"),
    [
        ({"_dmarc.a.b.example": ("v=DMARC1; p=none",), "_dmarc.b.example": ("v=DMARC1; p=reject",)}, ("v=DMARC1; p=none",)),
        ({"_dmarc.b.example": ("other", "v=DMARC1; p=reject")}, ("v=DMARC1; p=reject",)),
        ({"_dmarc.example": ("v=DMARC1; p=reject",)}, ()),
        ({}, ()),
    ],
)  # fmt: skip
def test_the_nearest_policy_of_dmarc_counts(zone, policies):
    assert setup_dns.policy_of("a.b.example", lambda name, _: zone.get(name, ())) == policies
