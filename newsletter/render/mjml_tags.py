"""The elements of MJML that mrml compiles; a theme that uses another has a typing error in it."""

from __future__ import annotations

from typing import Final

TAGS: Final = frozenset(
    """
    mjml mj-head mj-body mj-attributes mj-all mj-class mj-breakpoint mj-font mj-preview mj-style
    mj-title mj-raw mj-accordion mj-accordion-element mj-accordion-title mj-accordion-text
    mj-button mj-carousel mj-carousel-image mj-column mj-divider mj-group mj-hero mj-image
    mj-navbar mj-navbar-link mj-section mj-social mj-social-element mj-spacer mj-table mj-text
    mj-wrapper
    """.split()
)
