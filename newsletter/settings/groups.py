"""Every setting, declared once: its type, default, example and description.

The description is what `newsletter settings` and docs/settings.md say about a setting; the example
is what an error shows. Three groups are open: `fields`, `checks.ignore` and `web.topics` take names
of the author's own. What is public has a file of its own,
`web.py`, for its length.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic import model_validator as check_together

from newsletter.audience import mask
from newsletter.render import LOGO_WIDTH, TEXT_SIZE, Divider
from newsletter.render.utm import Existing
from newsletter.schedule import first_day
from newsletter.settings import values
from newsletter.settings.declaring import (
    Address,
    Colour,
    DerivedColour,
    FieldName,
    Font,
    Group,
    Header,
    Line,
    OpenTable,
    Required,
    SiteUrl,
    TokenUrl,
    setting,
)
from newsletter.settings.values import Masked, matching
from newsletter.settings.web import (
    ArchiveSettings,
    ClicksSettings,
    ImageSettings,
    RatingsSettings,
    RetentionSettings,
    WebSettings,
)


class SiteSettings(Group):
    """The newsletter as its readers know it."""

    name: Header = setting(
        "", "The newsletter's name, as it stands in mails and on pages.", example="Slack Water"
    )
    public_url: SiteUrl = setting(
        "",
        "Where `newsletter serve` is reached from outside; links to leave lead there.",
        example="https://letters.example.org",
    )
    archive_url: SiteUrl = setting(
        "",
        "Where past issues are published; empty when they are not.",
        example="https://letters.example.org/archive",
    )
    assets_url: SiteUrl = setting(
        "",
        "Where the images of issues are published: `images/x.png` becomes "
        "`<assets_url>/images/x.png` in mails.",
        example="https://assets.example.org",
    )
    postal_address: Annotated[str, AfterValidator(values.lines)] = setting(
        "",
        "The postal address that the law of many countries wants in each mail.",
        example="Slack Water, 4 Ferry Stairs, Port Example",
    )
    privacy_url: Annotated[str, AfterValidator(values.site_url)] = setting(
        "",
        "The page that says what is done with readers' data; mails, the sign-up form and the "
        "pages of readers link to it.",
        example="https://example.org/privacy",
    )
    language: Annotated[str, AfterValidator(values.language)] = setting(
        "en", "The language of the issues, as a tag (BCP 47) that screen readers understand."
    )
    timezone: Annotated[str, AfterValidator(values.timezone)] = setting(
        "UTC",
        "The time zone (IANA name) of the schedule and of the dates of issues.",
        example="Europe/Amsterdam",
    )


class SenderSettings(Group):
    """Who the mails come from."""

    from_name: Header = setting("", "The name readers see as the sender.", example="Wren Halloran")
    from_address: Address = setting(
        "",
        "The address mails come from; the account has to be allowed to use it.",
        example="wren@example.org",
    )
    reply_to: Address = setting(
        "", "Where answers go; empty: to `sender.from_address`.", example="wren@example.org"
    )
    unsubscribe_mailto: Address = setting(
        "",
        "An address that takes unsubscriptions by mail, for a newsletter without "
        "`site.public_url`.",
        example="unsubscribe@example.org",
    )


class ThemeSettings(Group):
    """What the theme is given: colours, fonts, pictures. One accent makes all other colours."""

    accent: Colour = setting(
        "#1f7a8c",
        "The newsletter's colour: buttons, borders and, as dark as it takes to be read, links. The "
        "colours below follow from it unless they are set.",
    )
    accent_dark: DerivedColour = setting(
        "", "The colour of links and buttons in dark mode.", example="#6fc3d4"
    )
    ink: DerivedColour = setting("", "The colour of the text.", example="#22313f")
    card: DerivedColour = setting(
        "",
        "The colour behind the title; headings, blocks of code and dark mode follow it.",
        example="#12355b",
    )
    page: DerivedColour = setting(
        "",
        "The colour around the letter; quotes, callouts and thin lines follow it.",
        example="#f2e8d5",
    )
    spark: DerivedColour = setting("", "The colour of ornaments and warnings.", example="#e4572e")
    font: Font = setting(
        "Georgia, 'Times New Roman', serif", "The fonts of the text, the preferred one first."
    )
    heading_font: Font = setting(
        "Helvetica, Arial, sans-serif", "The fonts of the headings, the preferred one first."
    )
    text_size: int = setting(
        TEXT_SIZE, "The size of the text in pixels; headings keep their proportion.", ge=14, le=24
    )
    divider: Divider = setting(
        "bar",
        "What `---` becomes: a short `bar`, a `line` from edge to edge, three `dots`, or nothing "
        "but `space`.",
    )
    header_image: Annotated[str, AfterValidator(values.picture)] = setting(
        "",
        "A picture at the top of each mail: an https address, or a path as in issues.",
        example="images/header.png",
    )
    logo: Annotated[str, AfterValidator(values.picture)] = setting(
        "",
        "A picture in place of the name at the top: an https address, or a path as in issues.",
        example="images/logo.png",
    )
    logo_width: int = setting(LOGO_WIDTH, "How wide the logo is drawn, in pixels.", ge=16, le=400)
    folder: Required = setting("templates/email", "The folder the theme's files are in.")


class UtmSettings(Group):
    """The tags added to links, by which web statistics recognise readers who come from a mail."""

    enabled: bool = setting(True, "Whether links are tagged at all.")  # noqa: FBT003  # its default
    source: Required = setting("newsletter", "The value of `utm_source`.")
    medium: Required = setting("email", "The value of `utm_medium`.")
    campaign: Annotated[str, AfterValidator(values.campaign)] = setting(
        "issue-{number}",
        "The value of `utm_campaign`; `{number}` and `{slug}` are the issue's own.",
    )
    existing: Existing = setting("keep", "What happens to a link that has tags already.")
    replace_sources: tuple[Required, ...] = setting(
        (),
        "Sources (an earlier service's) whose tags are replaced even under `keep`.",
        example=("buttondown",),
    )
    # A tag in an archive's link breaks the look-up: the rest of the path is the page's address.
    skip_hosts: tuple[Annotated[str, AfterValidator(values.some_host)], ...] = setting(
        ("web.archive.org", "archive.today", "archive.ph", "archive.is", "archive.li",
         "archive.vn", "archive.fo", "archive.md", "translate.goog"),
        "Hosts, with all their subdomains, whose links are never tagged.",
        example=("web.archive.org", "archive.ph"),
    )  # fmt: skip


class StoreSettings(Group):
    """Where subscribers and the records of what was sent are kept."""

    url: Annotated[str, AfterValidator(values.store_url)] = setting(
        "",
        "The database: `sqlite:///path/to/file.db`, or `postgresql://user@host/database` "
        "(docs/postgresql.md). Empty: the SQLite file `.newsletter/newsletter.db`.",
        example="sqlite:///.newsletter/newsletter.db",
    )
    password: SecretStr | None = setting(None, "The password of PostgreSQL's user.")


class SesSettings(Group):
    """Amazon SES. Its credentials come from AWS's own configuration, never from here."""

    region: Annotated[str, matching(
        r"(?:[a-z]{2}(?:-[a-z]+)+-\d{1,2})?", "is not the name of an AWS region"
    )] = setting(
        "",
        "The AWS region; empty: AWS_REGION, AWS_DEFAULT_REGION or the profile's.",
        example="eu-west-1",
    )  # fmt: skip
    profile: Line = setting(
        "", "The profile in AWS's configuration; empty: the usual one.", example="newsletter"
    )
    configuration_set: Annotated[str, matching(
        r"[A-Za-z0-9_-]{0,64}",
        "has other characters than letters, digits, - and _, or more than 64",
    )] = setting(
        "",
        "The SES configuration set, through which bounces and complaints are reported.",
        example="newsletter",
    )  # fmt: skip
    events_queue: Annotated[str, matching(
        # http on this machine only, for tests
        r"(?:(?:https://|http://(?:localhost|127\.0\.0\.1):)\S+/\S+)?",
        "is not the address of an SQS queue",
        "write https://sqs.REGION.amazonaws.com/ACCOUNT/NAME, as the SQS console shows it",
    )] = setting(
        "",
        "The SQS queue to which SES reports deliveries, bounces and complaints; "
        "`newsletter events pull` empties it.",
        example="https://sqs.eu-west-1.amazonaws.com/123456789012/newsletter-events",
    )  # fmt: skip
    mode: Literal["single", "bulk"] = setting(
        "single",
        "`single` hands SES one whole mail with each request, `bulk` one template for up to 50 "
        "people: for accounts that may send 50 mails a second and more, or for a slow line. "
        "`bulk` needs `configuration_set` and `events_queue`.",
    )
    max_rate: float | None = setting(
        None,
        "At most so many mails a second; empty: just below what the account allows.",
        example=14.0, gt=0, allow_inf_nan=False,
    )  # fmt: skip


class SmtpSettings(Group):
    """A mail server."""

    host: Annotated[str, AfterValidator(values.host)] = setting(
        "", "The mail server's name.", example="smtp.example.org"
    )
    port: int = setting(587, "The port it listens on.", ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = setting(
        "starttls",
        "How the connection is encrypted: `tls` from the first byte (port 465), `starttls` after "
        "a greeting (port 587), or not at all.",
    )
    username: Line = setting("", "The name to log in with; empty: no log-in.", example="wren")
    password: SecretStr | None = setting(None, "The password to log in with.")


class TransportSettings(Group):
    """How mails leave."""

    kind: Literal["folder", "smtp", "ses"] = setting(
        "folder", "`folder` writes mails as files and sends nothing; `ses` and `smtp` send."
    )
    folder: Required = setting(
        "mail", "The folder that `folder` writes to, one `.eml` file for each mail."
    )
    concurrency: Annotated[int, Field(ge=1, le=64)] | None = setting(
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


class ScheduleSettings(Group):
    """When `newsletter send --due --yes` sends, and who hears of it."""

    rrule: Annotated[str, AfterValidator(values.rrule)] = setting(
        "",
        "When issues are due, as a recurrence rule (RFC 5545); empty: never by itself.",
        example="FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO",
    )
    anchor: Annotated[dt.date, BeforeValidator(values.date)] | None = setting(
        None, "The date of one issue, from which the rule counts.", example=dt.date(2026, 11, 8)
    )
    time: Annotated[dt.time, BeforeValidator(values.clock)] = setting(
        dt.time(9), "The time of day, in `site.timezone`."
    )
    catch_up: float = setting(
        6.0, "Hours an issue may be late and still go out by itself.", ge=0, allow_inf_nan=False
    )
    cancel_window: int = setting(
        15,
        "Minutes between the announcement to the owner and the sending; 0: none.",
        ge=0, le=1440,
    )  # fmt: skip
    owner: Annotated[Address, Masked(mask)] = setting(
        "",
        "The address that announcements, reminders and alerts go to.",
        example="wren@example.org",
    )
    webhook: TokenUrl = setting(
        "",
        "An https address that is told of alerts, too, as JSON by POST.",
        example="https://hooks.example.org/newsletter",
    )
    heartbeat_url: TokenUrl = setting(
        "",
        "An https address called by POST after every `send --due --yes` that ended in order, so "
        "that a monitor outside notices when the calls stop or go wrong.",
        example="https://heartbeat.example.org/newsletter",
    )
    commit_ledger: bool = setting(
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


class CheckSettings(Group):
    """What `newsletter check` leaves unsaid."""

    ignore: Annotated[
        Mapping[Required, Annotated[str, AfterValidator(values.reason)]], OpenTable
    ] = setting(
        {},
        "Findings to ignore in every issue: the id of the finding, and the reason.",
        example={"finding-id": "the reason"},
    )  # fmt: skip


class Groups(Group):
    """All groups of settings."""

    site: SiteSettings = Field(default_factory=SiteSettings)
    sender: SenderSettings = Field(default_factory=SenderSettings)
    fields: Annotated[
        Mapping[FieldName, Annotated[str, AfterValidator(values.printable)]], OpenTable
    ] = setting(
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
    archive: ArchiveSettings = Field(default_factory=ArchiveSettings)
    images: ImageSettings = Field(default_factory=ImageSettings)
    clicks: ClicksSettings = Field(default_factory=ClicksSettings)
    ratings: RatingsSettings = Field(default_factory=RatingsSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    checks: CheckSettings = Field(default_factory=CheckSettings)
