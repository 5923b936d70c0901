"""Every knob, typed and documented in place.

The description of a field is what `newsletter settings` and docs/settings.md say about it; its
example is what an error shows. Three groups are open: `fields`, `checks.ignore` and `web.topics`
take names of the author's own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic import model_validator as check_together

from newsletter.render.utm import SKIP_HOSTS, Existing
from newsletter.settings import values

Line = Annotated[str, AfterValidator(values.one_line)]
Required = Annotated[str, AfterValidator(values.required)]
Header = Annotated[str, AfterValidator(values.header)]
Lines = Annotated[str, AfterValidator(values.lines)]
Address = Annotated[str, AfterValidator(values.address)]
Https = Annotated[str, AfterValidator(values.https)]
SiteUrl = Annotated[str, AfterValidator(values.site_url)]
Colour = Annotated[str, AfterValidator(values.colour)]
Font = Annotated[str, AfterValidator(values.font)]
Host = Annotated[str, AfterValidator(values.host)]
SomeHost = Annotated[str, AfterValidator(values.some_host)]
Network = Annotated[str, AfterValidator(values.network)]
FieldName = Annotated[str, AfterValidator(values.field_name)]
Fallback = Annotated[str, AfterValidator(values.fallback)]
Reason = Annotated[str, AfterValidator(values.reason)]
SigningKey = Annotated[SecretStr, AfterValidator(values.signing_key)]
Fields = Annotated[Mapping[FieldName, Fallback], AfterValidator(values.frozen)]
Topics = Annotated[
    Mapping[Annotated[str, AfterValidator(values.tag)], Required], AfterValidator(values.frozen)
]
Ignored = Annotated[Mapping[Required, Reason], AfterValidator(values.frozen)]


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


class _Group(BaseModel):
    # Pydantic's own errors quote the value, and tracebacks end up in logs.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, validate_default=False
    )


class Site(_Group):
    """The newsletter as its readers know it."""

    name: Header = Field(
        default="",
        examples=["Slack Water"],
        description="The newsletter's name, as it stands in mails and on pages.",
    )
    public_url: SiteUrl = Field(
        default="",
        examples=["https://letters.example.org"],
        description="Where `newsletter serve` is reached from outside; links to leave lead there.",
    )
    archive_url: SiteUrl = Field(
        default="",
        examples=["https://letters.example.org/archive"],
        description="Where past issues are published; empty when they are not.",
    )
    assets_url: SiteUrl = Field(
        default="",
        examples=["https://assets.example.org"],
        description="Where the images of issues are published: `images/x.png` becomes "
        "`<assets_url>/images/x.png` in mails.",
    )
    postal_address: Lines = Field(
        default="",
        examples=["Slack Water, 4 Ferry Stairs, Port Example"],
        description="The postal address that the law of many countries wants in each mail.",
    )
    language: Annotated[str, AfterValidator(values.language)] = Field(
        default="en",
        description="The language of the issues, as a tag that screen readers understand.",
    )
    timezone: Annotated[str, AfterValidator(values.timezone)] = Field(
        default="UTC",
        examples=["Europe/Amsterdam"],
        description="The time zone (IANA name) of the schedule and of the dates of issues.",
    )


class Sender(_Group):
    """Who the mails come from."""

    from_name: Header = Field(
        default="", examples=["Wren Halloran"], description="The name readers see as the sender."
    )
    from_address: Address = Field(
        default="",
        examples=["wren@example.org"],
        description="The address mails come from; the account has to be allowed to use it.",
    )
    reply_to: Address = Field(
        default="",
        examples=["wren@example.org"],
        description="Where answers go; empty: to `sender.from_address`.",
    )
    unsubscribe_mailto: Address = Field(
        default="",
        examples=["unsubscribe@example.org"],
        description="An address that takes unsubscriptions by mail, for a newsletter without "
        "`site.public_url`.",
    )


class Theme(_Group):
    """What the theme is given: colours, fonts, a picture."""

    accent: Colour = Field(default="#1f7a8c", description="The colour of links and buttons.")
    accent_dark: Colour = Field(default="#6fc3d4", description="The same colour in dark mode.")
    font: Font = Field(
        default="Georgia, 'Times New Roman', serif",
        description="The fonts of the text, the preferred one first.",
    )
    heading_font: Font = Field(
        default="Helvetica, Arial, sans-serif",
        description="The fonts of the headings, the preferred one first.",
    )
    divider: Literal["bar", "line", "dots", "space"] = Field(
        default="bar",
        description="What `---` becomes: a short `bar`, a `line` from edge to edge, three `dots`, "
        "or nothing but `space`.",
    )
    header_image: Annotated[str, AfterValidator(values.picture)] = Field(
        default="",
        examples=["images/header.png"],
        description="A picture at the top of each mail: an https address, or a path as in issues.",
    )
    folder: Required = Field(
        default="templates/email", description="The folder the theme's files are in."
    )


class Utm(_Group):
    """The tags added to links, by which web statistics recognise readers who come from a mail."""

    enabled: bool = Field(default=True, description="Whether links are tagged at all.")
    source: Required = Field(default="newsletter", description="The value of `utm_source`.")
    medium: Required = Field(default="email", description="The value of `utm_medium`.")
    campaign: Annotated[str, AfterValidator(values.campaign)] = Field(
        default="issue-{number}",
        description="The value of `utm_campaign`; `{number}` and `{slug}` are the issue's own.",
    )
    existing: Existing = Field(
        default="keep", description="What happens to a link that has tags already."
    )
    replace_sources: tuple[Required, ...] = Field(
        default=(),
        examples=[("buttondown",)],
        description="Sources (an earlier service's) whose tags are replaced even under `keep`.",
    )
    skip_hosts: tuple[SomeHost, ...] = Field(
        default=SKIP_HOSTS,
        examples=[("web.archive.org", "archive.ph")],
        description="Hosts, with all their subdomains, whose links are never tagged.",
    )


class Store(_Group):
    """Where subscribers and the records of what was sent are kept."""

    url: Annotated[str, AfterValidator(values.store_url)] = Field(
        default="",
        repr=False,
        examples=["postgresql://newsletter@db.example.org/newsletter"],
        description="The database: `sqlite:///path/to/file.db` or "
        "`postgresql://user@host/database`. Empty: the SQLite file `.newsletter/newsletter.db`. "
        "An address with a password comes from the environment or `.env`.",
    )


class Ses(_Group):
    """Amazon SES. Its credentials come from AWS's own configuration, never from here."""

    region: Annotated[str, AfterValidator(values.region)] = Field(
        default="",
        examples=["eu-west-1"],
        description="The AWS region; empty: AWS_REGION, AWS_DEFAULT_REGION or the profile's.",
    )
    profile: Line = Field(
        default="",
        examples=["newsletter"],
        description="The profile in AWS's configuration; empty: the usual one.",
    )
    configuration_set: Annotated[str, AfterValidator(values.configuration_set)] = Field(
        default="",
        examples=["newsletter"],
        description="The SES configuration set, through which bounces and complaints are reported.",
    )
    events_queue: Annotated[str, AfterValidator(values.queue_url)] = Field(
        default="",
        examples=["https://sqs.eu-west-1.amazonaws.com/123456789012/newsletter-events"],
        description="The SQS queue to which SES reports deliveries, bounces and complaints; "
        "`newsletter events pull` empties it.",
    )
    mode: Literal["single", "bulk"] = Field(
        default="single", description="One request for each mail, or one for up to fifty."
    )
    max_rate: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        examples=[14.0],
        description="At most so many mails a second; empty: just below what the account allows.",
    )


class Smtp(_Group):
    """A mail server."""

    host: Host = Field(
        default="", examples=["smtp.example.org"], description="The mail server's name."
    )
    port: int = Field(default=587, ge=1, le=65535, description="The port it listens on.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="How the connection is encrypted: `tls` from the first byte (port 465), "
        "`starttls` after a greeting (port 587), or not at all.",
    )
    username: Line = Field(
        default="", examples=["wren"], description="The name to log in with; empty: no log-in."
    )
    password: SecretStr | None = Field(default=None, description="The password to log in with.")


class Transport(_Group):
    """How mails leave."""

    kind: Literal["folder", "smtp", "ses"] = Field(
        default="folder",
        description="`folder` writes mails as files and sends nothing; `ses` and `smtp` send.",
    )
    folder: Required = Field(
        default="mail",
        description="The folder that `folder` writes to, one `.eml` file for each mail.",
    )
    concurrency: Annotated[int, Field(ge=1, le=64)] | None = Field(
        default=None,
        examples=[8],
        description="Mails in flight at the same time; without it as many as the account's pace "
        "needs through `ses`, and one otherwise.",
    )
    ses: Ses = Field(default_factory=Ses)
    smtp: Smtp = Field(default_factory=Smtp)

    @check_together(mode="after")
    def _smtp_needs_a_host(self) -> Transport:
        if self.kind == "smtp" and not self.smtp.host:
            raise values.wrong(
                'is "smtp", but no mail server is named',
                "set transport.smtp.host as well",
                key="kind",
            )
        return self


class Schedule(_Group):
    """When `newsletter send --due` sends, and who hears of it."""

    rrule: Annotated[str, AfterValidator(values.rrule)] = Field(
        default="",
        examples=["FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO"],
        description="When issues are due, as a recurrence rule (RFC 5545); empty: never by itself.",
    )
    anchor: Annotated[dt.date, BeforeValidator(values.date)] | None = Field(
        default=None,
        examples=[dt.date(2026, 11, 8)],
        description="The date of one issue, from which the rule counts.",
    )
    time: Annotated[dt.time, BeforeValidator(values.clock)] = Field(
        default=dt.time(9), description="The time of day, in `site.timezone`."
    )
    catch_up: float = Field(
        default=6.0,
        ge=0,
        allow_inf_nan=False,
        description="Hours an issue may be late and still go out by itself.",
    )
    cancel_window: int = Field(
        default=15,
        ge=0,
        le=1440,
        description="Minutes between the announcement to the owner and the sending; 0: none.",
    )
    owner: Address = Field(
        default="",
        examples=["wren@example.org"],
        description="The address that announcements, reminders and alerts go to.",
    )
    webhook: Https = Field(
        default="",
        examples=["https://hooks.example.org/newsletter"],
        description="An https address that is told of alerts, too, as JSON by POST.",
    )
    heartbeat_url: Https = Field(
        default="",
        examples=["https://heartbeat.example.org/newsletter"],
        description="An https address called by POST after every `send --due` that ended in order, "
        "so that a monitor outside notices when the calls stop or go wrong.",
    )
    commit_ledger: bool = Field(
        default=False,
        description="Whether a real run commits its file in `issues/.ledger/` to git by itself.",
    )

    @check_together(mode="after")
    def _rule_needs_an_anchor(self) -> Schedule:
        if self.rrule and not self.anchor:
            raise values.wrong(
                "has no date to count from",
                "set schedule.anchor to the date of one issue",
                key="rrule",
            )
        return self


class Web(_Group):
    """The public pages."""

    topics: Topics = Field(
        default_factory=_nothing,
        examples=[{"essays": "The long essays"}],
        description="Tags that readers may choose themselves on their preference page, and what "
        "it calls them.",
    )
    record_visitors: bool = Field(
        default=False,
        description="Whether the consent log keeps the network address and the browser of readers "
        "who change something on a page.",
    )
    keep_visitors: int = Field(
        default=365,
        ge=1,
        le=3650,
        description="Days after which `newsletter serve` forgets those addresses and browsers.",
    )
    trusted_proxies: tuple[Network, ...] = Field(
        default=("127.0.0.1", "::1"),
        examples=[("127.0.0.1", "10.0.0.0/8")],
        description="Addresses and networks of the proxies in front of `newsletter serve`; only "
        "what these say in `X-Forwarded-For` is taken for a reader's network address.",
    )


class Checks(_Group):
    """What `newsletter check` leaves unsaid."""

    ignore: Ignored = Field(
        default_factory=_nothing,
        examples=[{"finding-id": "the reason"}],
        description="Findings to ignore in every issue: the id of the finding, and the reason.",
    )


class Groups(_Group):
    """What belongs to no group."""

    signing_key: SigningKey | None = Field(
        default=None,
        description="The key that signs links, instead of the one in the store.",
    )
    site: Site = Field(default_factory=Site)
    sender: Sender = Field(default_factory=Sender)
    fields: Fields = Field(
        default_factory=_nothing,
        examples=[{"name": "there"}],
        description="Merge fields: what stands in for `{{ name }}` where a subscriber has no name. "
        "The empty text means that there is nothing to fall back on.",
    )
    theme: Theme = Field(default_factory=Theme)
    utm: Utm = Field(default_factory=Utm)
    store: Store = Field(default_factory=Store)
    transport: Transport = Field(default_factory=Transport)
    schedule: Schedule = Field(default_factory=Schedule)
    web: Web = Field(default_factory=Web)
    checks: Checks = Field(default_factory=Checks)
