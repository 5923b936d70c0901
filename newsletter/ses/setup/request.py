"""The text that asks AWS to let an account out of the sandbox, from what is true here."""

from __future__ import annotations

from typing import Final

from newsletter.settings import Settings

_CONSOLE: Final = "https://{region}.console.aws.amazon.com/ses/home?region={region}#/account"
_WAY_OUT: Final = (
    "Every mail has a link to unsubscribe, and the headers for one-click unsubscribing (RFC 8058); "
    "whoever leaves is not mailed again."
)
_WAY_OUT_BY_MAIL: Final = (
    "Every mail says how to unsubscribe by mail; whoever leaves is not mailed again."
)
_FEEDBACK: Final = (
    "Bounces and complaints come back as events (SNS, SQS) and are obeyed: an address that "
    "bounces for good or complains is never mailed again, and a run pauses by itself at 4 % "
    "bounces or 0.08 % complaints."
)


def address_of_form(region: str) -> str:
    """Where the SES console takes the request."""
    return _CONSOLE.format(region=region)


def text(settings: Settings, *, confirmed: bool) -> str:
    """What to write there.

    Args:
        settings: of the newsletter.
        confirmed: whether whoever signs up has to confirm by a link in a mail.
    """
    site = settings.site
    name = site.name or "This newsletter"
    told = [
        f"{name} is a newsletter written in Markdown and sent to people who subscribed to it.",
        "New subscribers confirm by a link in a mail before they get anything."
        if confirmed
        else "Say here where your subscribers come from, and how each of them agreed.",
        _WAY_OUT if site.public_url else _WAY_OUT_BY_MAIL,
        _FEEDBACK,
    ]
    return "\n".join(told)
