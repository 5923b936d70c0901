"""Texts become Settings: environment over `.env` over newsletter.toml over defaults.

A pure function of texts: whoever calls it reads the disk. `groups` declares every setting once;
the command `newsletter settings` and the page docs/settings.md are made from it.
"""

from __future__ import annotations

from newsletter.settings.load import Settings, choose, load
from newsletter.settings.reference import effective, reference
from newsletter.settings.salvaging import salvage, worth_keeping
from newsletter.settings.sources import ConfigText

__all__ = [
    "ConfigText",
    "Settings",
    "choose",
    "effective",
    "load",
    "reference",
    "salvage",
    "worth_keeping",
]
