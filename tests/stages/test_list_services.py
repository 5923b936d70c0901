"""An export of every service, written after its documented columns, every word of its status."""

from __future__ import annotations

import csv
import io

import pytest

from newsletter.audience.columns import Columns
from newsletter.audience.roster import Reject
from newsletter.audience.services import SERVICES, recognised
from newsletter.errors import InputError, Place
from tests.support.rosters import all_rows, reasons, rows

WORDS = ("active", "pending", "unsubscribed", "bounced", "complained", "blocked")


def written(header: str, lines: list[list[str]], delimiter: str = ",") -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(header.split("|"))
    writer.writerows(lines)
    return out.getvalue()


def standings(text: str) -> dict[str, str]:
    return {
        row.email.partition("@")[0]: row.suppression or row.status.value for row in all_rows(text)
    }


def by_word(
    header: str, column: str, meant: dict[str, str], **cells: str
) -> tuple[str, dict[str, str]]:
    """A list with a person for every word of a column; and what each of them is."""
    names = header.split("|")
    address = next(
        name for name in names if name.lower() in {"email", "email address", "email_address"}
    )
    lines, wanted = [], {}
    for number, (word, standing) in enumerate(meant.items()):
        cell = {address: f"r{number}@example.org", "status": "active", column: word, **cells}
        lines.append([cell.get(name, "") for name in names])
        wanted[f"r{number}"] = standing
    return written(header, lines), wanted


YES_NO_LEFT = {"1": "unsubscribed", "0": "active", "": "active"}
#: Service, header, the column that tells, what its words mean.
TOLD = [
    ("kit", "email_address|first_name|state|created_at|tags", "state",
     {"active": "active", "inactive": "pending", "cancelled": "unsubscribed", "bounced": "bounced",
      "complained": "complained"}),
    ("brevo", "EMAIL|LASTNAME|FIRSTNAME|SMS|EMAIL_BLACKLISTED|SMS_BLACKLISTED|ADDED_TIME|MODIFIED_TIME",
     "EMAIL_BLACKLISTED", YES_NO_LEFT),
    ("sendy", "Name|Email|Joined|Last activity|Added via|Opt-in method|IP address|Country|Status|GDPR",
     "Status",
     {"Active": "active", "Unsubscribed": "unsubscribed", "Unconfirmed": "pending",
      "Bounced": "bounced", "Marked as spam": "complained"}),
    ("beehiiv", "email|First Name|Last Name|status|tier|created_at|stripe_customer_id|unsubscribed_at",
     "status",
     {"active": "active", "pending": "pending", "validating": "pending", "inactive": "unsubscribed",
      "invalid": "bounced"}),
    ("beehiiv", "email|status|tier|created_at|stripe_customer_id|unsubscribed_at", "unsubscribed_at",
     {"": "active", "2024-05-01": "unsubscribed"}),
    ("keila", "Email|First name|Last name|Data|Status|External ID", "Status",
     {"active": "active", "unsubscribed": "unsubscribed", "unreachable": "bounced"}),
    ("hubspot", "Record ID|First Name|Last Name|Email|Lead Status|Marketing contact status|Create Date",
     "Marketing contact status",
     {"Marketing contact": "active", "Non-marketing contact": "unsubscribed"}),
    ("hubspot", "Record ID|Email|Unsubscribed from all email|Lead Status", "Unsubscribed from all email",
     {"": "active", "No": "active", "Yes": "unsubscribed", "true": "unsubscribed"}),
    ("hubspot", "Record ID|Email|Lead Status|Opted out of email: Marketing Information",
     "Opted out of email: Marketing Information", {"false": "active", "true": "unsubscribed"}),
    ("hubspot", "Record ID|Email|Lead Status|Email hard bounce reason", "Email hard bounce reason",
     {"": "active", "UNKNOWN_USER": "bounced"}),
    ("salesforce", "Id|Email|FirstName|LastName|HasOptedOutOfEmail|IsEmailBounced|CreatedDate|Status",
     "HasOptedOutOfEmail", {"false": "active", "true": "unsubscribed", "TRUE": "unsubscribed"}),
    ("salesforce", "Id|Email|HasOptedOutOfEmail|IsEmailBounced|IsDeleted|Status", "IsEmailBounced",
     {"false": "active", "true": "bounced"}),
    ("salesforce", "Contact ID|Email|Email Opt Out|Lead Status", "Email Opt Out", YES_NO_LEFT),
    ("mailtrain", "cid|status|HASH_EMAIL|EMAIL|MERGE_CITY", "status",
     {"subscribed": "active", "unsubscribed": "unsubscribed", "bounced": "bounced",
      "complained": "complained"}),
    ("listmonk", "uuid|email|name|attributes|status|created_at|updated_at", "status",
     {"enabled": "active", "disabled": "unsubscribed", "blocklisted": "blocked"}),
    ("buttondown", "id|email|notes|subscriber_type|creation_date|tags|metadata", "subscriber_type",
     {"regular": "active", "premium": "active", "gifted": "active", "trialed": "active",
      "churning": "active", "churned": "active", "past_due": "active", "unpaid": "active",
      "paused": "active", "upcoming": "active", "unactivated": "pending",
      "unsubscribed": "unsubscribed", "removed": "unsubscribed", "undeliverable": "bounced",
      "complained": "complained", "blocked": "blocked"}),
    ("substack", "email|active_subscription|expiry|plan|email_disabled|created_at|first_payment_at",
     "email_disabled", {"false": "active", "true": "unsubscribed"}),
    ("mailchimp", "Email Address|First Name|LEID|EUID|TAGS|UNSUB_TIME|UNSUB_REASON", "UNSUB_TIME",
     {"2024-01-01 10:00:00": "unsubscribed"}),
    ("mailchimp", "Email Address|LEID|EUID|CLEAN_TIME|CLEAN_CAMPAIGN_TITLE", "CLEAN_TIME",
     {"2024-01-01 10:00:00": "bounced"}),
    ("curated", "Email Address|Subscribed at|UTM Source|UTM Medium", "UTM Source", {"x": "active"}),
    ("substack-dashboard", "Email|Name|Type|Stripe plan|Cancel date|Start date|Emails received (6mo)",
     "Cancel date", {"": "active", "2024-01-01": "active"}),
]  # fmt: skip
GHOST = (
    "id|email|name|note|subscribed_to_emails|complimentary_plan|stripe_customer_id|created_at|"
    "deleted_at|labels|tiers|gift_id|custom_fields.city"
)
PHPLIST = (
    "id|Email|Is this subscriber confirmed|Is this subscriber blacklisted|Number of bounces|Entered|"
    "Is this account disabled?|List Membership"
)


def service_of(text: str) -> str:
    header = next(
        csv.reader(io.StringIO(text), delimiter=";" if text.startswith("EMAIL;") else ",")
    )
    found = Columns.read(header, lambda _: Place("list.csv")).service
    return found.name if found else ""


@pytest.mark.parametrize(("service", "header", "column", "meant"), TOLD)
def test_every_word_of_a_service_is_understood(service, header, column, meant):
    text, wanted = by_word(header, column, meant)
    assert service_of(text) == service
    assert standings(text) == wanted


def test_ghost():
    lines = [
        ["1", "a@example.org", "Ada", "secret", "true", "false", "", "2024-01-01T10:00:00.000Z", "", "vip", "", "g", "Ghent"],
        ["2", "b@example.org", "", "", "false", "false", "", "", "", "", "", "", ""],
        ["3", "c@example.org", "", "", "true", "false", "", "", "2024-02-02", "", "", "", ""],
    ]  # fmt: skip
    text = written(GHOST, lines)
    assert standings(text) == {"a": "active", "b": "unsubscribed", "c": "unsubscribed"}
    ada = all_rows(text)[0]
    assert (ada.name, ada.fields) == ("Ada", {"city": "Ghent"})
    assert ada.tags == {"vip"}
    assert f"{ada.joined:%Y-%m-%d %H:%M}" == "2024-01-01 10:00"


def test_phplist():
    lines = [
        ["1", "a@example.org", "1", "0", "7", "2024-01-01 10:00:00", "0", "Weekly news; News"],
        ["2", "b@example.org", "1", "1", "0", "", "0", "No Lists"],
        ["3", "c@example.org", "0", "0", "0", "", "0", ""],
        ["4", "d@example.org", "1", "0", "0", "", "1", ""],
    ]
    text = written(PHPLIST, lines, "\t")
    found = standings(text)
    assert found == {"a": "active", "b": "blocked", "c": "pending", "d": "unsubscribed"}
    assert [row.tags for row in all_rows(text)[:2]] == [{"weekly-news", "news"}, set()]
    assert all_rows(text)[0].fields == {}


def test_mailerlite():
    [row] = all_rows(
        "Subscriber,Name,Subscribed,Groups,Sent,Opened\na@example.org,Ada,2024-01-01,b;c,3,2\n"
    )
    assert (row.email, row.name) == ("a@example.org", "Ada")
    assert row.tags == {"b", "c"}
    assert row.fields == {}


def test_brevo_with_semicolons_and_german_words():
    text = "EMAIL;NACHNAME;VORNAME;EMAIL_BLACKLISTED\na@example.org;L;Ada;1\nb@example.org;M;Bo;0\n"
    assert standings(text) == {"a": "unsubscribed", "b": "active"}
    assert [row.name for row in all_rows(text)] == ["Ada L", "Bo M"]


def test_metadata_of_buttondown_is_a_python_literal():
    text = "email,metadata,creation_date,type\na@example.org,\"{'city': 'Ghent', 'n': 3}\",2024-01-01,regular\n"
    assert all_rows(text)[0].fields == {"city": "Ghent", "n": "3"}
    worse = (
        "email,metadata,creation_date,type\na@example.org,\"__import__('os')\",2024-01-01,regular\n"
    )
    assert reasons(worse) == [(2, "the attributes are not valid JSON")]


def test_people_whom_substack_deleted_are_left_out():
    header = "email,active_subscription,email_disabled,created_at"
    line = "x@deletion-request.substack.com,false,false,2024-01-01"
    assert reasons(f"{header}\n{line}\n") == [(2, "Substack has deleted this person")]


def test_a_services_own_columns_greet_nobody():
    for service, header, column, meant in TOLD:
        text, _ = by_word(header, column, meant)
        for row in all_rows(text):
            assert not row.fields.keys() - {"first_name", "last_name", "city"}, service


def test_a_word_nobody_knows_is_rejected_and_told():
    [row] = rows(
        "email,status,tier,stripe_customer_id,unsubscribed_at\na@example.org,needs_attention,,,\n"
    )
    assert isinstance(row, Reject)
    assert (row.reason, row.word) == ("the status of the row is not a known one", "needs_attention")


def test_services_have_names_of_their_own_and_are_known_by_their_own_marks():
    assert len({service.name for service in SERVICES}) == len(SERVICES)
    for service in SERVICES:
        for marks in service.marks:
            assert recognised(sorted(marks), Place("x")) is service


def test_two_services_that_fit_alike_are_asked_about():
    with pytest.raises(InputError, match=r"an export of .* and of ") as caught:
        recognised(["uuid", "attributes", "leid", "euid"], Place("list.csv"))
    assert caught.value.hint == "--from listmonk or --from mailchimp"


def test_the_short_export_of_phplist():
    text = "email,confirmed,blacklisted,htmlemail\na@b.org,1,0,1\nb@b.org,1,1,1\nc@b.org,0,0,1\n"
    assert service_of(text) == "phplist"
    assert standings(text) == {"a": "active", "b": "blocked", "c": "pending"}
