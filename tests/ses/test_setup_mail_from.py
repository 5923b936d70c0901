"""`ses setup --mail-from`: another domain for bounces, where the usual one is taken."""

from __future__ import annotations

import pytest

from newsletter import domains
from newsletter.ses.setup.part import PartStanding
from tests.ses.test_setup_command import DOMAIN as OWN
from tests.ses.test_setup_command import YES, account, only_account
from tests.support.aws_accounts import DOMAIN
from tests.support.cli_fixtures import folder, plain_environment, ready

__all__ = ["account", "folder", "only_account", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

NEWS = f"news.{DOMAIN}"


def named(account):
    return account.ses.configured()["identities"][DOMAIN]["MailFromAttributes"].get(
        "MailFromDomain"
    )


def test_where_bounces_return_to_is_chosen_kept_and_undone_by_its_own_name_alone(account):
    assert "mail-from" in account.apply(mail_from=NEWS)
    assert named(account) == NEWS
    # Whoever does not name it again leaves it.
    assert account.survey()["mail-from"].seen.standing is PartStanding.RIGHT
    assert account.apply() == []
    assert "mail-from" not in account.destroy(with_identity=False)
    account.apply(mail_from=NEWS)
    seen = account.survey(mail_from=f"b.{DOMAIN}")["mail-from"].seen
    assert (seen.standing, seen.detail) == (PartStanding.DRIFTED, f"{NEWS} -> b.{DOMAIN}")
    assert "mail-from" not in account.destroy(with_identity=False, mail_from=f"b.{DOMAIN}")
    assert named(account) == NEWS
    account.apply()
    assert account.apply(mail_from=f"b.{DOMAIN}") == ["mail-from"]
    assert named(account) == f"b.{DOMAIN}"
    # It belongs to the domain, by which others may send, and goes with that.
    assert "mail-from" not in account.destroy(with_identity=False, mail_from=f"b.{DOMAIN}")
    assert named(account) == f"b.{DOMAIN}"
    assert "mail-from" in account.destroy(mail_from=f"b.{DOMAIN}")
    assert DOMAIN not in account.ses.configured()["identities"]


def test_another_is_proposed_where_the_usual_one_has_records_already(ready, account, monkeypatch):
    there = {(f"bounce.{OWN}", "MX"): ("10 mail.elsewhere.example",)}
    monkeypatch.setattr(domains.FreshRecords, "ask", lambda _, *asked: there.get(asked, ()))
    ran = ready.run("ses", "setup", *YES)
    assert f"bounce.{OWN} has other records already" in ran.err
    assert f"--mail-from NAME.{OWN} takes another domain" in ran.err
    ran = ready.run("ses", "setup", "--mail-from", f"news.{OWN}", *YES)
    assert (ran.code, "other records" in ran.err) == (0, False)
    assert f"news.{OWN}. 1800 IN MX 10 feedback-smtp.eu-west-1.amazonses.com." in ran.out


@pytest.mark.parametrize("name", [OWN, "example.org", "bounce.elsewhere.example"])
def test_a_domain_that_is_not_below_is_refused(ready, account, name):
    ran = ready.run("ses", "setup", "--plan", "--mail-from", name)
    assert (ran.code, ran.error) == (2, f"error: {name} cannot be the MAIL FROM domain of {OWN}")
