"""From a number to a letter: read what the author has on disk, render it, check it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from newsletter.audience import Expression, eligible
from newsletter.audience.segment import parse_segment
from newsletter.audience.tokens import TRIAL_KEY, rating_url, unsubscribe_url
from newsletter.check import Finding, RuleContext, UrlStatus, check
from newsletter.errors import InputError, NewsletterError
from newsletter.issue import Issue, number_of, parse
from newsletter.issue.approval import approval
from newsletter.message import SAMPLE, filled, unsubscribe_by_mail
from newsletter.pictures import MadePicture
from newsletter.project import files, ledger
from newsletter.project.pictures import hash_pictures, measure_picture
from newsletter.project.published import published_letter
from newsletter.project.rendering import render
from newsletter.render import Options, RenderedIssue, Theme
from newsletter.render.limits import expect_length
from newsletter.render.pictures import local_path, local_pictures
from newsletter.schedule.outlook import day_of
from newsletter.settings import Settings
from newsletter.settings.mail import options as mail_options


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedIssue:
    """One issue, rendered and checked.

    Attributes:
        issue: as written.
        options: what it was rendered with.
        rendered: the letter.
        letter: what the checks looked at.
        findings: what the checks say, ignored ones marked.
        audience: the rule of who gets it, its segment included.
        pictures: what a mail shows by a path below `site.assets_url`, by that path, where
            `images.to` says where it is published; else none.
        approval: what the issue's `approved` has to say for it to go by itself.
    """

    issue: Issue
    options: Options
    rendered: RenderedIssue
    letter: RuleContext
    findings: tuple[Finding, ...]
    audience: Expression
    approval: str
    pictures: Mapping[str, MadePicture] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of the HTML part, as the invented reader gets it: the one size there is."""
        return self.letter.size


def read_theme(root: Path, settings: Settings) -> Theme:
    """The theme's files as a value.

    Raises:
        InputError: the folder or one of its entry files is missing or unreadable.
    """
    folder = settings.theme.folder
    texts = files.read_theme(root, folder)
    return Theme(folder=folder, files=tuple(sorted(texts.items())))


def prepare_issue(
    root: Path,
    name: str,
    settings: Settings,
    *,
    today: dt.date,
    closed: Callable[[], Container[int]] = tuple,
) -> PreparedIssue:
    """Read, render and check one issue.

    Args:
        root: the newsletter's folder, which holds the theme.
        name: the issue's file: relative to `root`, or an absolute path anywhere.
        settings: the newsletter's.
        today: the author's date.
        closed: tells which issues no schedule sends any more; asked only where two have one date.
            A NewsletterError of it says that it cannot tell, and why.

    Raises:
        InputError: the issue, its segment or the theme cannot be read.
    """
    path = root / name
    issue = parse(files.read_issue(path.parent, path.name), file=name)
    begins = issue.texts.get("segment") if issue.segment == issue.raw.get("segment") else None
    segment = parse_segment(issue.segment, place=issue.place("segment"), begins=begins)
    options = mail_options(settings, issue)
    home = root if path.is_relative_to(root) else path.parent
    expect_length(issue)
    measure = functools.cache(functools.partial(measure_picture, home, path.parent))
    rendered = render(issue, read_theme(root, settings), options, measure)
    shown = local_pictures(rendered.html, options.assets_url)
    pictures = hash_pictures(home, path.parent, shown)
    assets = _assets(path.parent, rendered, options)
    mailed = published_letter(rendered, settings, root=root, home=home, folders=(path.parent,))
    rendered = mailed.rendered
    rivals, unknown = _rivals(root, issue, settings, today, closed)
    letter = RuleContext(
        issue=issue,
        rendered=rendered,
        options=options,
        picture_faults=mailed.faults,
        shown=_of_the_settings(options, pictures),
        today=None if issue.sent_elsewhere or _is_past(root, issue.number) else today,
        assets=assets | {quote(name) for name in mailed.pictures},
        twins=_twins(root, name),
        rivals=rivals,
        rivals_unknown=unknown,
        ignore=settings.checks.ignore,
        filled_size=len(_as_read(rendered, settings, issue.number).encode()),
        real=settings.transport.kind != "folder",
    )
    return PreparedIssue(
        issue=issue,
        options=options,
        rendered=rendered,
        letter=letter,
        findings=check(letter),
        audience=eligible(segment, issue=issue.number),
        approval=approval(rendered.source_hash, issue.number, pictures),
        pictures=mailed.pictures,
    )


def answered(prepared: PreparedIssue, answers: Mapping[str, UrlStatus]) -> PreparedIssue:
    """The same issue, checked again with what the web said about its addresses."""
    letter = dataclasses.replace(prepared.letter, answers=answers)
    return dataclasses.replace(prepared, letter=letter, findings=check(letter))


def _as_read(rendered: RenderedIssue, settings: Settings, issue: int) -> str:
    """The HTML part with everything filled in for the invented reader."""
    base = settings.site.public_url
    url = unsubscribe_url(base, SAMPLE.handle, TRIAL_KEY) if base else ""
    mailbox = settings.sender.unsubscribe_mailto
    rating = rating_url(base, SAMPLE.handle, issue, TRIAL_KEY)
    return filled(rendered, SAMPLE, url or unsubscribe_by_mail(mailbox), rating).html


def _of_the_settings(options: Options, pictures: Mapping[str, str]) -> dict[str, bool]:
    """The local pictures of the settings that the page shows; whether their files are there."""
    look, base = options.look, options.assets_url
    named = (local_path(name, base) for name in (look.header_image, look.logo))
    return {name: bool(pictures[name]) for name in named if name in pictures}


def _is_past(root: Path, number: int) -> bool:
    """Whether this issue or a later one was sent: nobody corrects its date any more."""
    return number <= max(ledger.issues(root), default=-1)


def _assets(folder: Path, rendered: RenderedIssue, options: Options) -> frozenset[str]:
    """The local images that are there, named as in the Markdown."""
    base = options.assets_url.rstrip("/")
    sources = (image.src.removeprefix(f"{base}/") for image in rendered.images)
    # Markdown percent-encodes what a file name may hold.
    return frozenset(source for source in sources if files.image_exists(folder, unquote(source)))


def _rivals(
    root: Path,
    issue: Issue,
    settings: Settings,
    today: dt.date,
    closed: Callable[[], Container[int]],
) -> tuple[tuple[str, ...], str]:
    """The other issues that are ready for the day of one that a schedule may still send.

    What was sent is not read, so that it takes no longer with every issue.

    Returns:
        their files, and why some of them may have been sent all the same, "" where none was.
    """
    zone = ZoneInfo(settings.site.timezone)
    day, names = day_of(issue, zone), files.issue_files(root)
    begun = ledger.issues(root)
    ahead = settings.schedule.rrule and day is not None and day >= today
    if not ahead or issue.number in begun or issue.status != "ready" or issue.file not in names:
        return (), ""
    sent, found = max(begun, default=-1), list[str]()
    for name in names:
        if name == issue.file or (number_of(name) or 0) <= sent:
            continue
        with contextlib.suppress(InputError):  # what cannot be read is told where it is checked
            other = parse(files.read_issue(root, name), file=name)
            if other.status == "ready" and day_of(other, zone) == day:
                found.append(name)
    try:
        gone = closed() if found else ()
    except NewsletterError as fault:
        return tuple(found), fault.message
    if issue.number in gone:
        return (), ""
    return tuple(name for name in found if number_of(name) not in gone), ""


def _twins(root: Path, name: str) -> tuple[str, ...]:
    """The newsletter's other issues of the same number; a file from elsewhere has none."""
    names = files.issue_files(root)
    if name not in names:
        return ()
    return tuple(n for n in names if n != name and number_of(n) == number_of(name))
