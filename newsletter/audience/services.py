"""The exports of other services: one row for each; a new one is added here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from newsletter.audience.roles import Role
from newsletter.audience.standing import ReaderStanding
from newsletter.errors import InputError, Place

#: What `--from` takes besides the names of services.
AUTO: Final = "auto"
PLAIN: Final = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a service's export looks like; names of columns are as `roles.plain` writes them.

    Attributes:
        name, title: as `--from` takes it, and as people write it.
        marks: sets of columns; it is known by all of one set.
        roles: columns that mean something in this export only.
        prefixes: the same by how a column's name begins.
        dropped: columns of the service's own, which nobody would greet a reader with.
        stripped: what columns with the author's own fields begin with, "" for nothing.
        words: what words of its status mean, where that differs.
        by_file: where everybody of a file stands, by a word in its name, when no column tells.
        forgotten: a domain of addresses that stand for people who were deleted.
        note: what its file does not tell, said at each import.
        unsaid: the same, said where no column tells who left.
    """

    name: str
    title: str
    marks: tuple[frozenset[str], ...]
    roles: Mapping[str, Role] = field(default_factory=dict)
    prefixes: Mapping[str, Role] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()
    stripped: str = ""
    words: Mapping[str, ReaderStanding] = field(default_factory=dict)
    by_file: Mapping[str, ReaderStanding] = field(default_factory=dict)
    forgotten: str = ""
    note: str = ""
    unsaid: str = ""


def _marks(*sets: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(one.split()) for one in sets)


def _words(**meant: str) -> dict[str, ReaderStanding]:
    """Words by what they mean."""
    return {
        word: ReaderStanding[standing.upper()]
        for standing, words in meant.items()
        for word in words.split()
    }


SERVICES: Final = (
    Service(
        name="beehiiv",
        title="beehiiv",
        marks=_marks("email status stripe_customer_id unsubscribed_at", "email status tier"),
        roles={"status": Role.STATUS, "unsubscribed_at": Role.LEFT, "created_at": Role.JOINED},
        prefixes={"utm_": Role.IGNORE},
        dropped=frozenset(
            "id subscription_id subscriber_id tier stripe_customer_id referring_site "
            "acquisition_source referral_code subscription_tier".split()
        ),
        words=_words(pending="validating", bounced="invalid", left="inactive"),
    ),
    Service(
        name="brevo",
        title="Brevo",
        marks=_marks("email email_blacklisted"),
        roles={"email_blacklisted": Role.LEFT, "added_time": Role.JOINED},
        dropped=frozenset(
            "contact_id sms whatsapp sms_blacklisted whatsapp_blacklisted modified_time "
            "double_opt_in ext_id landline_number".split()
        ),
    ),
    Service(
        name="buttondown",
        title="Buttondown",
        marks=_marks("creation_date metadata"),
        roles={
            "type": Role.STATUS,
            "subscriber_type": Role.STATUS,
            "unsubscription_date": Role.LEFT,
            "undeliverability_date": Role.BOUNCED,
            "metadata": Role.TABLE,
            "subscription_date": Role.JOINED,
            "creation_date": Role.JOINED,
        },
        prefixes={"utm_": Role.IGNORE},
        dropped=frozenset(
            "id secondary_id notes referrer_url source last_open_date last_click_date "
            "unsubscription_reason ip_address avatar_url churn_date undeliverability_reason "
            "upgrade_date risk_score transitions stripe_customer_id stripe_coupon stripe_customer "
            "referral_code gift_subscription_message purchased_by email_transitions "
            "subscriber_import_id".split()
        ),
        words=_words(active="paused upcoming unpaid churned past_due"),
    ),
    Service(
        name="curated",
        title="Curated",
        marks=_marks(
            "email_address subscribed_at utm_source", "email_address subscribed_at utm_medium"
        ),
        roles={"subscribed_at": Role.JOINED},
        prefixes={"utm_": Role.IGNORE},
    ),
    Service(
        name="ghost",
        title="Ghost",
        marks=_marks("subscribed_to_emails complimentary_plan"),
        roles={
            "subscribed_to_emails": Role.SUBSCRIBED,
            "deleted_at": Role.LEFT,
            "created_at": Role.JOINED,
        },
        dropped=frozenset("id note complimentary_plan stripe_customer_id tiers gift_id".split()),
        stripped="custom_fields_",
    ),
    Service(
        name="hubspot",
        title="HubSpot",
        marks=_marks(
            "unsubscribed_from_all_email", "record_id marketing_contact_status",
            "record_id lead_status email", "email email_hard_bounce_reason",
        ),
        roles={
            "unsubscribed_from_all_email": Role.LEFT,
            "email_hard_bounce_reason": Role.BOUNCED,
            "hard_bounce_reason": Role.BOUNCED,
            "email_address_quarantined": Role.BOUNCED,
            "marketing_contact_status": Role.STATUS,
            "create_date": Role.JOINED,
        },
        prefixes={"opted_out_of_email": Role.LEFT},
        dropped=frozenset(
            "record_id lead_status lifecycle_stage contact_owner associated_company "
            "associated_company_ids last_activity_date last_modified_date legal_basis_for_"
            "processing_contact_s_data marketing_contact_until_next_update "
            "marketing_contact_status_source_type marketing_contact_status_source_name".split()
        ),
        words={
            "marketing contact": ReaderStanding.ACTIVE,
            "non-marketing contact": ReaderStanding.LEFT,
        },
    ),
    Service(
        name="keila",
        title="Keila",
        marks=_marks("email data status external_id"),
        roles={"status": Role.STATUS, "data": Role.TABLE},
        dropped=frozenset({"external_id", "id", "inserted_at", "updated_at"}),
    ),
    Service(
        name="kit",
        title="Kit",
        marks=_marks("email_address state created_at", "email state subscriber_id"),
        roles={"state": Role.STATUS, "status": Role.STATUS, "created_at": Role.JOINED},
        dropped=frozenset({"id", "subscriber_id", "referrer", "source"}),
        words=_words(pending="inactive unconfirmed"),
    ),
    Service(
        name="listmonk",
        title="listmonk",
        marks=_marks("uuid attributes"),
        roles={"status": Role.STATUS, "attributes": Role.TABLE, "created_at": Role.JOINED},
        dropped=frozenset("id uuid updated_at".split()),
        note="who left a single list of listmonk, and not all of them, is not in this file",
    ),
    Service(
        name="mailchimp",
        title="Mailchimp",
        marks=_marks(
            "leid euid", "email_address unsub_time", "email_address clean_time",
            "email_address member_rating", "email_address optin_time",
        ),
        roles={
            "unsub_time": Role.LEFT,
            "clean_time": Role.BOUNCED,
            "optin_time": Role.JOINED,
            "confirm_time": Role.JOINED,
        },
        prefixes={"unsub_": Role.IGNORE, "clean_": Role.IGNORE},
        dropped=frozenset(
            "member_rating optin_ip confirm_ip latitude longitude gmtoff dstoff timezone cc "
            "region last_changed leid euid notes".split()
        ),
        by_file=_words(left="nonsubscribed non-subscribed unsubscribed", bounced="cleaned"),
    ),
    Service(
        name="mailerlite",
        title="MailerLite",
        marks=_marks(
            "subscriber subscribed", "subscriber groups", "subscriber sent opened",
            "email status subscribed groups",
        ),
        roles={
            "subscriber": Role.EMAIL,
            "subscribed": Role.JOINED,
            "groups": Role.TAGS,
            "unsubscribed": Role.LEFT,
        },
        dropped=frozenset(
            "sent opened clicked opens clicks open_rate click_rate location source updated ip "
            "signup_ip optin_ip state".split()
        ),
        unsaid="without a status MailerLite's file holds whom you chose there: take the active "
        "ones",
    ),
    Service(
        name="mailtrain",
        title="Mailtrain",
        marks=_marks("cid hash_email status"),
        roles={"status": Role.STATUS},
        dropped=frozenset({"cid", "hash_email"}),
        stripped="merge_",
    ),
    Service(
        name="phplist",
        title="phpList",
        marks=_marks(
            "is_this_subscriber_confirmed is_this_subscriber_blacklisted",
            "email confirmed blacklisted",
        ),
        roles={
            "is_this_subscriber_confirmed": Role.CONFIRMED,
            "is_this_subscriber_blacklisted": Role.BLOCKED,
            "is_this_account_disabled": Role.LEFT,
            "confirmed": Role.CONFIRMED,
            "blacklisted": Role.BLOCKED,
            "disabled": Role.LEFT,
            "entered": Role.JOINED,
            "list_membership": Role.TAGS,
        },
        dropped=frozenset(
            "id number_of_bounces bouncecount unique_id_for_subscriber uniqid uuid "
            "send_this_subscriber_html_emails htmlemail subscribepage rssfrequency password "
            "passwordchanged last_modified modified additional_data extradata foreign_key "
            "foreignkey "
            "which_page_was_used_to_subscribe rss_frequency last_time_password_was_changed "
            "did_the_subscriber_manually_confirm did_this_subscriber_manually_confirm optedin "
            "subscriberuuid "
            "when_was_the_password_last_changed blacklist_reason".split()
        ),
    ),
    Service(
        name="salesforce",
        title="Salesforce",
        marks=_marks("hasoptedoutofemail", "email email_opt_out"),
        roles={
            "hasoptedoutofemail": Role.LEFT,
            "email_opt_out": Role.LEFT,
            "isemailbounced": Role.BOUNCED,
            "emailbounceddate": Role.BOUNCED,
            "emailbouncedreason": Role.BOUNCED,
            "email_bounced_date": Role.BOUNCED,
            "email_bounced_reason": Role.BOUNCED,
            "isdeleted": Role.LEFT,
            "deleted": Role.LEFT,
            "createddate": Role.JOINED,
            "created_date": Role.JOINED,
        },
        dropped=frozenset(
            "id contact_id lead_id account_id accountid ownerid lead_owner contact_owner status "
            "lead_status leadsource lead_source lastmodifieddate last_modified_date "
            "lastactivitydate last_activity donotcall do_not_call hasoptedoutoffax fax_opt_out "
            "systemmodstamp createdbyid mailing_state mailingstate state_province "
            "mailing_state_province".split()
        ),
    ),
    Service(
        name="sendy",
        title="Sendy",
        marks=_marks("email added_via status", "email opt_in_method status"),
        roles={"status": Role.STATUS, "joined": Role.JOINED},
        dropped=frozenset(
            "last_activity added_via opt_in_method ip_address country_code signed_up_from "
            "gdpr".split()
        ),
    ),
    Service(
        name="substack",
        title="Substack",
        marks=_marks("active_subscription email_disabled", "email active_subscription"),
        roles={"email_disabled": Role.LEFT, "created_at": Role.JOINED},
        dropped=frozenset(
            "active_subscription expiry plan first_payment_at prefer_digests".split()
        ),
        forgotten="deletion-request.substack.com",
    ),
    Service(
        name="substack-dashboard",
        title="Substack's dashboard",
        marks=_marks("email stripe_plan start_date", "email cancel_date start_date"),
        # Cancel date ends a payment, not the mail.
        roles={"start_date": Role.JOINED},
        prefixes=dict.fromkeys(
            ("emails_", "num_email", "unique_emails_seen", "post_views", "unique_posts_seen",
             "comments", "shares", "subscription_source", "days_active"), Role.IGNORE,
        ),
        dropped=frozenset(
            "type stripe_plan subscription_interval cancel_date paid_upgrade_date first_paid_date "
            "paid_attempt_date free_attempt_date expiration_date bestseller revenue activity "
            "last_email_open links_clicked last_clicked_at subscriptions_gifted bundle "
            "bundle_origin can_see_paid_content group_membership sections country "
            "state_province".split()
        ),
        forgotten="deletion-request.substack.com",
    ),
)  # fmt: skip
#: The export of this program: four columns, then a field in each.
OWN: Final = ("email", "name", "status", "tags", "joined")


def named(name: str) -> Service | None:
    """The service that `--from` names; None for a plain list.

    Raises:
        InputError: there is none of this name.
    """
    if name == PLAIN:
        return None
    for service in SERVICES:
        if service.name == name:
            return service
    names = ", ".join([AUTO, PLAIN, *(service.name for service in SERVICES)])
    raise InputError(f'"{name}" is no service', hint=f"--from takes {names}")


def recognised(names: Sequence[str], place: Place) -> Service | None:
    """The service whose export has columns of these names, the one with the most marks.

    Raises:
        InputError: two fit alike.
    """
    there = frozenset(names)
    found = [
        (max(len(marks) for marks in service.marks if marks <= there), service)
        for service in SERVICES
        if any(marks <= there for marks in service.marks)
    ]
    most = max((size for size, _ in found), default=0)
    best = [service for size, service in found if size == most]
    if len(best) > 1:
        titles = " and of ".join(service.title for service in best)
        raise InputError(
            f"this may be an export of {titles}",
            place=place,
            hint=" or ".join(f"--from {service.name}" for service in best),
        )
    return best[0] if best else None
