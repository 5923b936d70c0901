"""The settings of the public pages and pictures, and of how long readers are remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator

from newsletter.settings import values
from newsletter.settings.declaring import Group, Line, OpenTable, Required, Tag, setting
from newsletter.settings.values import matching


class WebSettings(Group):
    """The public pages."""

    topics: Annotated[Mapping[Tag, Required], OpenTable] = setting(
        {},
        "Tags that readers may choose themselves on their preference page, and what it calls them.",
        example={"essays": "The long essays"},
    )
    signup: bool = setting(
        True,  # noqa: FBT003  # its default
        "Whether readers can subscribe at `/subscribe`; without `site.public_url` they cannot.",
    )
    ask_name: bool = setting(
        False,  # noqa: FBT003  # its default
        "Whether the form asks for a name, too.",
    )
    confirm_days: int = setting(
        7, "Days for which the link of a confirmation mail works.", ge=1, le=30
    )
    mails_per_hour: int = setting(
        60,
        "At most so many mails an hour to people who have not confirmed; others wait their turn.",
        ge=1,
        le=100_000,
    )
    mails_per_day: int = setting(
        300, "The same for 24 hours; what has waited so long is not sent.", ge=1, le=1_000_000
    )  # fmt: skip
    record_visitors: bool = setting(
        False,  # noqa: FBT003  # its default
        "Whether the consent log keeps the network address and the browser of readers who change "
        "something on a page.",
    )
    keep_visitors: int = setting(
        365,
        "Days after which `newsletter serve` forgets those addresses and browsers.",
        ge=1, le=3650,
    )  # fmt: skip
    trusted_proxies: tuple[Annotated[str, AfterValidator(values.network)], ...] = setting(
        ("127.0.0.1", "::1"),
        "Addresses and networks of the proxies in front of `newsletter serve`; only what these "
        "say in `X-Forwarded-For` is taken for a reader's network address.",
        example=("127.0.0.1", "10.0.0.0/8"),
    )


class ArchiveSettings(Group):
    """The pages of past issues, which `newsletter archive build` writes and `serve` shows."""

    include: Literal["sent", "dated"] = setting(
        "sent", "`sent` issues alone, or `dated` ones too: an earlier service's, by their date."
    )
    description: Line = setting(
        "", "One sentence for the front page, feeds and search engines.", example="About tides."
    )
    feed_items: int = setting(20, "How many issues the feeds hold.", ge=1, le=100)
    head: Annotated[str, AfterValidator(values.inside)] = setting(
        "", "A file of HTML for each page's head. With it the pages have no policy of ours (CSP).",
        example="templates/archive-head.html",
    )  # fmt: skip


class ClicksSettings(Group):
    """Whether it is counted how often the links of an issue are followed."""

    count: bool = setting(
        False,  # noqa: FBT003  # its default
        "Whether links lead by way of `newsletter serve`, which counts each, and nobody who "
        "follows it; without `site.public_url` none does.",
    )


class RatingsSettings(Group):
    """What readers are asked under each issue; see docs/ratings.md."""

    ask: bool = setting(
        False,  # noqa: FBT003  # its default
        "Whether each mail asks how its issue was; without `site.public_url` none does.",
    )
    middle: bool = setting(
        True,  # noqa: FBT003  # its default
        "Whether there is an answer between the good and the bad one.",
    )
    good: Line = setting(
        "", "The words of the good answer; empty: those of the language.", example="🌊 Loved it"
    )
    fine: Line = setting("", "The words of the answer between them.", example="It was fine")
    bad: Line = setting("", "The words of the bad answer.", example="Not for me")


class RetentionSettings(Group):
    """How long readers are remembered; `web.keep_visitors` is about their network addresses."""

    left: int = setting(
        0,
        "Days after which `newsletter serve` forgets who has left, but for a hash by which no list "
        "adds them again; 0: never.",
        example=365, ge=0, le=36_500,
    )  # fmt: skip


class ImageSettings(Group):
    """Where the pictures of issues are published before a mail leaves; see docs/pictures.md."""

    to: Annotated[str, AfterValidator(values.bucket_or_folder)] = setting(
        "",
        "A bucket (`s3://BUCKET/PREFIX`) or a folder that pictures are put into, under names that "
        "never change; mails find them below `site.assets_url`. Empty: you publish them yourself.",
        example="s3://letters-assets/pictures",
    )
    endpoint: Annotated[str, matching(
        # http on this machine only, for tests
        r"(?:(?:https://|http://(?:localhost|127\.0\.0\.1):)[^\s/?#]+/?)?",
        "is not the https address of a service",
    )] = setting(
        "",
        "The address of a service that speaks S3, such as R2 or MinIO; empty: Amazon S3.",
        example="https://s3.example.net",
    )  # fmt: skip
    profile: Line = setting(
        "",
        "The profile in AWS's configuration that has the bucket's keys; empty: the usual one.",
        example="pictures",
    )
