"""What the settings say about one issue's mail, as the plain values the stages take."""

from __future__ import annotations

from newsletter.errors import InputError
from newsletter.issue import Issue
from newsletter.message import Sender
from newsletter.render import Look, Options
from newsletter.render.palette import palettes
from newsletter.render.utm import Tags
from newsletter.render.words import words
from newsletter.settings.load import Settings


def options(settings: Settings, issue: Issue) -> Options:
    """Everything but issue and theme that reaches the mail of `issue`."""
    site = settings.site
    return Options(
        site_name=site.name,
        public_url=site.public_url,
        archive_url=site.archive_url,
        subscribe_url=subscribe_url(settings),
        privacy_url=site.privacy_url,
        assets_url=site.assets_url,
        postal_address=site.postal_address,
        language=site.language,
        from_name=settings.sender.from_name,
        from_address=settings.sender.from_address,
        reply_to=settings.sender.reply_to,
        unsubscribe_mailto=settings.sender.unsubscribe_mailto,
        fields=settings.fields,
        tags=_tags(settings, issue),
        look=look(settings),
        ratings=_ratings(settings),
    )


def subscribe_url(settings: Settings) -> str:
    """Where readers subscribe, the same for everybody; "" where they cannot."""
    # Without an address of ours, the link of a confirmation would lead nowhere.
    base = settings.site.public_url.rstrip("/")
    return f"{base}/subscribe" if base and settings.web.signup else ""


def _ratings(settings: Settings) -> tuple[tuple[str, str], ...]:
    """The answers to choose from with their words; none where nobody could be asked."""
    given = settings.ratings
    if not given.ask or not settings.site.public_url:
        return ()
    usual = words(settings.site.language)
    named = {"good": given.good, "fine": given.fine, "bad": given.bad}
    if not given.middle:
        del named["fine"]
    return tuple((one, own or usual[one]) for one, own in named.items())


def look(settings: Settings) -> Look:
    """The colours, fonts and pictures of mails, those that follow from the accent with them."""
    theme, base = settings.theme, settings.site.assets_url
    light, dark = palettes(
        theme.accent, accent_dark=theme.accent_dark, ink=theme.ink, card=theme.card,
        page=theme.page, spark=theme.spark,
    )  # fmt: skip
    return Look(
        accent=theme.accent,
        accent_dark=dark.accent,
        font=theme.font,
        heading_font=theme.heading_font,
        divider=theme.divider,
        header_image=header_picture(settings),
        light=light,
        dark=dark,
        text_size=theme.text_size,
        logo=_picture(theme.logo, base),
        logo_width=theme.logo_width,
    )


def sender(settings: Settings) -> Sender:
    """Who the mail is from.

    Raises:
        InputError: no sender.from_address.
    """
    group, site = settings.sender, settings.site
    if not group.from_address:
        raise InputError(
            "there is no sender address", hint="set sender.from_address in newsletter.toml"
        )
    return Sender(
        name=group.from_name,
        address=group.from_address,
        reply_to=group.reply_to,
        # Stable for life (RFC 2919): the domain seldom changes, a newsletter's name may.
        list_id=f"newsletter.{group.from_address.rpartition('@')[2]}",
        list_name=site.name,
        archive_url=site.archive_url,
        unsubscribe_mailto=group.unsubscribe_mailto,
    )


def _tags(settings: Settings, issue: Issue) -> Tags | None:
    utm, own = settings.utm, issue.utm
    if not (utm.enabled and own.enabled):
        return None
    campaign = own.campaign or utm.campaign
    return Tags(
        source=own.source or utm.source,
        medium=own.medium or utm.medium,
        campaign=campaign.replace("{number}", str(issue.number)).replace("{slug}", issue.slug),
        existing=utm.existing,
        replace_sources=utm.replace_sources,
        skip_hosts=utm.skip_hosts,
    )


def header_picture(settings: Settings) -> str:
    """The address of the picture at the top of each mail, "" for none."""
    return _picture(settings.theme.header_image, settings.site.assets_url)


def _picture(picture: str, base: str) -> str:
    if not picture or "://" in picture or not base:
        return picture
    return f"{base.rstrip('/')}/{picture}"
