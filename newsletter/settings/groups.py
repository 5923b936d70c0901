"""Every setting, declared once: its type, default, example and description.

The description is what `newsletter settings` and docs/settings.md say about a setting; the example
is what an error shows. Three groups are open: `fields`, `checks.ignore` and `web.topics` take names
of the author's own. `web` is declared in a file of its own, for its length.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic import model_validator as check_together

from newsletter.audience import mask
from newsletter.render import Divider
from newsletter.render.utm import Existing
from newsletter.schedule import first_day
from newsletter.settings import values
from newsletter.settings.declaring import Group as _Group
from newsletter.settings.declaring import OpenTable, Required
from newsletter.settings.declaring import setting as _setting
from newsletter.settings.values import Masked, matching
from newsletter.settings.web import RetentionSettings, WebSettings

Line = Annotated[str, AfterValidator(values.one_line)]
Header = Annotated[str, AfterValidator(values.header)]
Address = Annotated[str, AfterValidator(values.address)]
#: What follows the host is a token of the service behind it.
TokenUrl = Annotated[str, AfterValidator(values.https), Masked(values.masked_path)]
SiteUrl = Annotated[str, AfterValidator(values.site_url)]
Colour = Annotated[str, matching(
    r"#[0-9a-f]{6}", "is not a colour of six hexadecimal digits", tidy=values.lower_case
)]  # fmt: skip
Font = Annotated[str, AfterValidator(values.font)]
FieldName = Annotated[str, matching(
    r"[a-z][a-z0-9_]*", "is not a possible name for a merge field",
    "use small letters, digits and _, and begin with a letter: first_name", tidy=values.printable,
)]  # fmt: skip


class SiteSettings(_Group):
    """The newsletter as its readers know it."""

    name: Header = _setting(
        "", "The newsletter's name, as it stands in mails and on pages.", example="Slack Water"
    )
    public_url: SiteUrl = _setting(
        "",
        "Where `newsletter serve` is reached from outside; links to leave lead there.",
        example="https://letters.example.org",
    )
    archive_url: SiteUrl = _setting(
        "",
        "Where past issues are published; empty when they are not.",
        example="https://letters.example.org/archive",
    )
    assets_url: SiteUrl = _setting(
        "",
        "Where the images of issues are published: `images/x.png` becomes "
        "`<assets_url>/images/x.png` in mails.",
        example="https://assets.example.org",
    )
    postal_address: Annotated[str, AfterValidator(values.lines)] = _setting(
        "",
        "The postal address that the law of many countries wants in each mail.",
        example="Slack Water, 4 Ferry Stairs, Port Example",
    )
    privacy_url: Annotated[str, AfterValidator(values.site_url)] = _setting(
        "",
        "The page that says what is done with readers' data; the sign-up form links to it.",
        example="https://example.org/privacy",
    )
    language: Annotated[str, matching(
        r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", 'is not a language tag such as "en" or "pt-BR"'
    )] = _setting(
        "en", "The language of the issues, as a tag that screen readers understand."
    )  # fmt: skip
    timezone: Annotated[str, AfterValidator(values.timezone)] = _setting(
        "UTC",
        "The time zone (IANA name) of the schedule and of the dates of issues.",
        example="Europe/Amsterdam",
    )


class SenderSettings(_Group):
    """Who the mails come from."""

    from_name: Header = _setting("", "The name readers see as the sender.", example="Wren Halloran")
    from_address: Address = _setting(
        "",
        "The address mails come from; the account has to be allowed to use it.",
        example="wren@example.org",
    )
    reply_to: Address = _setting(
        "", "Where answers go; empty: to `sender.from_address`.", example="wren@example.org"
    )
    unsubscribe_mailto: Address = _setting(
        "",
        "An address that takes unsubscriptions by mail, for a newsletter without "
        "`site.public_url`.",
        example="unsubscribe@example.org",
    )


class ThemeSettings(_Group):
    """What the theme is given: colours, fonts, a picture."""

    accent: Colour = _setting("#1f7a8c", "The colour of links and buttons.")
    accent_dark: Colour = _setting("#6fc3d4", "The same colour in dark mode.")
    font: Font = _setting(
        "Georgia, 'Times New Roman', serif", "The fonts of the text, the preferred one first."
    )
    heading_font: Font = _setting(
        "Helvetica, Arial, sans-serif", "The fonts of the headings, the preferred one first."
    )
    divider: Divider = _setting(
        "bar",
        "What `---` becomes: a short `bar`, a `line` from edge to edge, three `dots`, or nothing "
        "but `space`.",
    )
    header_image: Annotated[str, AfterValidator(values.picture)] = _setting(
        "",
        "A picture at the top of each mail: an https address, or a path as in issues.",
        example="images/header.png",
    )
    folder: Required = _setting("templates/email", "The folder the theme's files are in.")


class UtmSettings(_Group):
    """The tags added to links, by which web statistics recognise readers who come from a mail."""

    enabled: bool = _setting(True, "Whether links are tagged at all.")  # noqa: FBT003  # its default
    source: Required = _setting("newsletter", "The value of `utm_source`.")
    medium: Required = _setting("email", "The value of `utm_medium`.")
    campaign: Annotated[str, AfterValidator(values.campaign)] = _setting(
        "issue-{number}",
        "The value of `utm_campaign`; `{number}` and `{slug}` are the issue's own.",
    )
    existing: Existing = _setting("keep", "What happens to a link that has tags already.")
    replace_sources: tuple[Required, ...] = _setting(
        (),
        "Sources (an earlier service's) whose tags are replaced even under `keep`.",
        example=("buttondown",),
    )
    # A tag in an archive's link breaks the look-up: the rest of the path is the page's address.
    skip_hosts: tuple[Annotated[str, AfterValidator(values.some_host)], ...] = _setting(
        ("web.archive.org", "archive.today", "archive.ph", "archive.is", "archive.li",
         "archive.vn", "archive.fo", "archive.md", "translate.goog"),
        "Hosts, with all their subdomains, whose links are never tagged.",
        example=("web.archive.org", "archive.ph"),
    )  # fmt: skip


class StoreSettings(_Group):
    """Where subscribers and the records of what was sent are kept."""

    url: Annotated[str, AfterValidator(values.store_url)] = _setting(
        "",
        "The database: `sqlite:///path/to/file.db`. Empty: the SQLite file "
        "`.newsletter/newsletter.db`.",
        example="sqlite:///.newsletter/newsletter.db",
    )


class SesSettings(_Group):
    """Amazon SES. Its credentials come from AWS's own configuration, never from here."""

    region: Annotated[str, matching(
        r"(?:[a-z]{2}(?:-[a-z]+)+-\d{1,2})?", "is not the name of an AWS region"
    )] = _setting(
        "",
        "The AWS region; empty: AWS_REGION, AWS_DEFAULT_REGION or the profile's.",
        example="eu-west-1",
    )  # fmt: skip
    profile: Line = _setting(
        "", "The profile in AWS's configuration; empty: the usual one.", example="newsletter"
    )
    configuration_set: Annotated[str, matching(
        r"[A-Za-z0-9_-]{0,64}",
        "has other characters than letters, digits, - and _, or more than 64",
    )] = _setting(
        "",
        "The SES configuration set, through which bounces and complaints are reported.",
        example="newsletter",
    )  # fmt: skip
    events_queue: Annotated[str, matching(
        # http on this machine only, for tests
        r"(?:(?:https://|http://(?:localhost|127\.0\.0\.1):)\S+/\S+)?",
        "is not the address of an SQS queue",
        "write https://sqs.REGION.amazonaws.com/ACCOUNT/NAME, as the SQS console shows it",
    )] = _setting(
        "",
        "The SQS queue to which SES reports deliveries, bounces and complaints; "
        "`newsletter events pull` empties it.",
        example="https://sqs.eu-west-1.amazonaws.com/123456789012/newsletter-events",
    )  # fmt: skip
    max_rate: float | None = _setting(
        None,
        "At most so many mails a second; empty: just below what the account allows.",
        example=14.0, gt=0, allow_inf_nan=False,
    )  # fmt: skip


class SmtpSettings(_Group):
    """A mail server."""

    host: Annotated[str, AfterValidator(values.host)] = _setting(
        "", "The mail server's name.", example="smtp.example.org"
    )
    port: int = _setting(587, "The port it listens on.", ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = _setting(
        "starttls",
        "How the connection is encrypted: `tls` from the first byte (port 465), `starttls` after "
        "a greeting (port 587), or not at all.",
    )
    username: Line = _setting("", "The name to log in with; empty: no log-in.", example="wren")
    password: SecretStr | None = _setting(None, "The password to log in with.")


class TransportSettings(_Group):
    """How mails leave."""

    kind: Literal["folder", "smtp", "ses"] = _setting(
        "folder", "`folder` writes mails as files and sends nothing; `ses` and `smtp` send."
    )
    folder: Required = _setting(
        "mail", "The folder that `folder` writes to, one `.eml` file for each mail."
    )
    concurrency: Annotated[int, Field(ge=1, le=64)] | None = _setting(
        None,
        "Mails in flight at the same time; without it as many as the account's pace needs through "
        "`ses`, and one otherwise.",
        example=8,
    )
    ses: SesSettings = Field(default_factory=SesSettings)
    smtp: SmtpSettings = Field(default_factory=SmtpSettings)

    @check_together(mode="after")
    def _smtp_needs_a_host(self) -> TransportSettings:
        if self.kind == "smtp" and not self.smtp.host:
            raise values.wrong(
                'is "smtp", but no mail server is named',
                "set transport.smtp.host as well",
                key="kind",
            )
        return self


class ScheduleSettings(_Group):
    """When `newsletter send --due` sends, and who hears of it."""

    rrule: Annotated[str, AfterValidator(values.rrule)] = _setting(
        "",
        "When issues are due, as a recurrence rule (RFC 5545); empty: never by itself.",
        example="FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO",
    )
    anchor: Annotated[dt.date, BeforeValidator(values.date)] | None = _setting(
        None, "The date of one issue, from which the rule counts.", example=dt.date(2026, 11, 8)
    )
    time: Annotated[dt.time, BeforeValidator(values.clock)] = _setting(
        dt.time(9), "The time of day, in `site.timezone`."
    )
    catch_up: float = _setting(
        6.0, "Hours an issue may be late and still go out by itself.", ge=0, allow_inf_nan=False
    )
    cancel_window: int = _setting(
        15,
        "Minutes between the announcement to the owner and the sending; 0: none.",
        ge=0, le=1440,
    )  # fmt: skip
    owner: Annotated[Address, Masked(mask)] = _setting(
        "",
        "The address that announcements, reminders and alerts go to.",
        example="wren@example.org",
    )
    webhook: TokenUrl = _setting(
        "",
        "An https address that is told of alerts, too, as JSON by POST.",
        example="https://hooks.example.org/newsletter",
    )
    heartbeat_url: TokenUrl = _setting(
        "",
        "An https address called by POST after every `send --due` that ended in order, so that a "
        "monitor outside notices when the calls stop or go wrong.",
        example="https://heartbeat.example.org/newsletter",
    )
    commit_ledger: bool = _setting(
        False,  # noqa: FBT003  # its default
        "Whether a real run commits its file in `issues/.ledger/` to git by itself.",
    )

    @check_together(mode="after")
    def _rule_counts_from_a_date_of_its_own(self) -> ScheduleSettings:
        if self.rrule and not self.anchor:
            raise values.wrong(
                "has no date to count from",
                "set schedule.anchor to the date of one issue",
                key="rrule",
            )
        first = first_day(self.rrule, self.anchor) if self.rrule and self.anchor else self.anchor
        if first != self.anchor:
            raise values.wrong(
                f'is {self.anchor}, a {self.anchor:%A}, which is no day of "schedule.rrule"',
                f"write {first}, or the date of another issue" if first else "fix the rule",
                key="anchor",
            )
        return self


class CheckSettings(_Group):
    """What `newsletter check` leaves unsaid."""

    ignore: Annotated[
        Mapping[Required, Annotated[str, AfterValidator(values.reason)]], OpenTable
    ] = _setting(
        {},
        "Findings to ignore in every issue: the id of the finding, and the reason.",
        example={"finding-id": "the reason"},
    )  # fmt: skip


class Groups(_Group):
    """All groups of settings."""

    site: SiteSettings = Field(default_factory=SiteSettings)
    sender: SenderSettings = Field(default_factory=SenderSettings)
    fields: Annotated[
        Mapping[FieldName, Annotated[str, AfterValidator(values.printable)]], OpenTable
    ] = _setting(
        {},
        "Merge fields: what stands in for `{{ name }}` where a subscriber has no name. The empty "
        "text means that there is nothing to fall back on.",
        example={"name": "there"},
    )  # fmt: skip
    theme: ThemeSettings = Field(default_factory=ThemeSettings)
    utm: UtmSettings = Field(default_factory=UtmSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    transport: TransportSettings = Field(default_factory=TransportSettings)
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    checks: CheckSettings = Field(default_factory=CheckSettings)
