"""Issue and theme become one rendered letter, once per issue; merge fields stay open.

    letter      what mails and pages have in common: tokens and the HTML fragment
    pipeline    the stages of a mail in their order
    web         the fragment as a page of the archive shows it
    shell       the theme through Jinja, every line knowing its file
    lint        what is wrong with a theme and the MJML compiler would pass
    armour      what keeps odd characters whole on their way through the MJML compiler
    tree        links and images on the parsed page
    inline      style sheets copied onto its elements
    slugs       names for the headings of a page
    utm         one link in, the same link tagged out; counting leads links by way of our server
    sizes       how large pictures are drawn
    colours     how well one colour is read on another
    palette     all colours of a letter from its accent
    words       the few fixed words, by language

Import `render` from `newsletter.render.pipeline`; this file holds only the values, so that
naming them costs no compiler.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from newsletter.render.palette import Palette

if TYPE_CHECKING:
    from newsletter.render.markdown import Image, Raw
    from newsletter.render.markdown.fields import Slot
    from newsletter.render.utm import Tags

#: Pixels, unless the settings say otherwise.
TEXT_SIZE: Final = 17
LOGO_WIDTH: Final = 160

#: What readers say of an issue, the best first.
ANSWERS: Final = ("good", "fine", "bad")

Divider = Literal["bar", "line", "dots", "space"]


class Theme(NamedTuple):
    """The files of a theme.

    Attributes:
        folder: as the author would type it, for places in errors.
        files: (name, text) pairs in name order; `issue.mjml` and `issue.txt` are the entries.
    """

    folder: str
    files: tuple[tuple[str, str], ...]

    def path(self, name: str) -> str:
        """The path of one of the files, for a Place."""
        return f"{self.folder}/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Colours, fonts, sizes (in pixels) and pictures a theme takes from the settings.

    Attributes:
        accent: as it was set; `light` has it as legible as links need it.
        accent_dark: of links and buttons by night.
    """

    accent: str
    accent_dark: str
    font: str
    heading_font: str
    divider: Divider
    header_image: str
    light: Palette
    dark: Palette
    text_size: int
    logo: str
    logo_width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything but issue and theme that reaches the mail; the settings have the defaults.

    Attributes:
        site_name: the newsletter's name.
        public_url: where `serve` answers, may be empty.
        archive_url: where the archive stands, may be empty.
        assets_url: where local images are served from, may be empty.
        subscribe_url: where those subscribe who were forwarded a letter, may be empty.
        privacy_url: the page that says what is done with readers' data, may be empty.
        postal_address: one or more lines, required by law in many places.
        language: a BCP 47 tag such as "en" or "ar".
        from_name: the sender's name.
        from_address: the sender's address; no theme shows it, but a change of it changes the mail.
        reply_to: where answers go, likewise.
        unsubscribe_mailto: where people write who leave by mail, may be empty.
        fields: declared merge fields with their fallbacks.
        tags: how links are tagged; None leaves them alone.
        look: colours and fonts.
        ratings: the answers that readers are asked to choose from, each with its words; none where
            they are not asked.
    """

    site_name: str
    public_url: str
    archive_url: str
    assets_url: str
    postal_address: str
    language: str
    from_name: str
    from_address: str
    reply_to: str
    unsubscribe_mailto: str
    fields: Mapping[str, str]
    tags: Tags | None
    look: Look
    subscribe_url: str = ""
    ratings: tuple[tuple[str, str], ...] = ()
    privacy_url: str = ""


class Frame(NamedTuple):
    """What stands around a mail that is no issue.

    Attributes:
        links: fields that are whole addresses, such as "confirm_url".
        texts: other fields, and what stands for them for everybody.
        reason: why somebody gets this; "" for what issues say.
        leave: what the link in the footer is called; "" for what issues say.
    """

    links: tuple[str, ...]
    texts: Mapping[str, str]
    reason: str = ""
    leave: str = ""


class CountedLink(NamedTuple):
    """A link that is counted.

    Attributes:
        number: from 1, in the order of the mail.
        url: where it leads, printable ASCII.
        text: what the reader sees.
    """

    number: int
    url: str
    text: str


class RenderedLink(NamedTuple):
    """One link of the HTML part.

    Attributes:
        text: what the reader sees.
        written: the target in the Markdown or the theme.
        url: the target in the mail.
        line: 1-based line of the issue's file, 0 for a link of the theme.
        source: the target as it was typed, where that is known, else `written`.
        column: 1-based column of `line` from which on the link stands, 0 where that is not known.
        counts: False where the author wrote `{count=off}`.
    """

    text: str
    written: str
    url: str
    line: int
    source: str = ""
    column: int = 0
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedIssue:
    """One letter, ready but for the words that differ from person to person.

    Attributes:
        subject: one line, merge fields as tokens, like all texts here.
        preheader: one line, may be empty.
        html: the whole page, from `<!DOCTYPE html>`.
        text: the text part, LF line ends, ending in one.
        mjml: the theme's page with the letter in its slot, for those who look inside.
        slots: what each token stands for.
        links: every link of the HTML part in document order.
        images: the letter's images; `line` counts in the issue's file.
        raws: author HTML; `line` counts in the issue's file.
        words: (plain text, line of the issue's file) per block, code left out.
        headings: (level, text, line of the issue's file).
        unlinked: as `words`, without the words of links.
        fields_without_fallback: declared fields that are used but have no fallback.
        source_hash: SHA-256 in hex over issue, theme and options: what `send` holds constant.
    """

    subject: str
    preheader: str
    html: str
    text: str
    mjml: str
    slots: Mapping[str, Slot]
    links: tuple[RenderedLink, ...]
    images: tuple[Image, ...]
    raws: tuple[Raw, ...]
    words: tuple[tuple[str, int], ...]
    headings: tuple[tuple[int, str, int], ...]
    fields_without_fallback: tuple[str, ...]
    source_hash: str
    unlinked: tuple[tuple[str, int], ...] = ()
