"""How readers arrive: they ask by a form, confirm from their own mailbox, and are welcomed.

asking      a form that somebody sent, and what comes of it
forms       the form as HTML, for the archive and for other sites
post        sends the letters that are queued, beside the pages
"""

from __future__ import annotations

from newsletter.settings import Settings
from newsletter.settings.mail import subscribe_url


def is_open(settings: Settings) -> bool:
    """Whether readers can subscribe."""
    return bool(subscribe_url(settings))
