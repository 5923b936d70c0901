"""The settings of the public pages, and of how long readers are remembered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

from newsletter.settings import values
from newsletter.settings.declaring import Group, OpenTable, Required, Tag, setting


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


class RetentionSettings(Group):
    """How long readers are remembered; `web.keep_visitors` is about their network addresses."""

    left: int = setting(
        0,
        "Days after which `newsletter serve` forgets who has left, but for a hash by which no list "
        "adds them again; 0: never.",
        example=365, ge=0, le=36_500,
    )  # fmt: skip
