"""Texts become Settings: flags over environment over `.env` over newsletter.toml over defaults.

A pure function of texts: whoever calls it reads the disk. `groups` documents every knob in place;
the command `newsletter settings` and the page docs/settings.md are made from it.
"""

from __future__ import annotations

from newsletter.settings.groups import (
    Checks,
    Schedule,
    Sender,
    Ses,
    Site,
    Smtp,
    Store,
    Theme,
    Transport,
    Utm,
    Web,
)
from newsletter.settings.listing import Setting, effective, reference
from newsletter.settings.loading import Settings, choose, load
from newsletter.settings.salvaging import salvage, worth_keeping
from newsletter.settings.sources import ConfigText

__all__ = [
    "Checks",
    "ConfigText",
    "Schedule",
    "Sender",
    "Ses",
    "Setting",
    "Settings",
    "Site",
    "Smtp",
    "Store",
    "Theme",
    "Transport",
    "Utm",
    "Web",
    "choose",
    "effective",
    "load",
    "reference",
    "salvage",
    "worth_keeping",
]
