"""The gate: the rules that keep an issue from being sent, each said once.

A send raises the first that is broken; the preview's panel Send lists all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from newsletter.audience import OUTSIDE
from newsletter.audience.segment import parse_segment, tags_of
from newsletter.check import RULES, Finding, errors
from newsletter.delivery.deliver import Transport
from newsletter.errors import InputError, NewsletterError, NotFitError, Place, RefusedError
from newsletter.humanize import is_slip, nearest, plural
from newsletter.issue import Issue
from newsletter.issue.approval import is_approval
from newsletter.message import freeze
from newsletter.message.folding import overlong
from newsletter.message.merge import merge_template
from newsletter.project import Project
from newsletter.project.issues import PreparedIssue
from newsletter.sending import transports
from newsletter.sending.options import SendOptions
from newsletter.settings import Settings
from newsletter.settings.mail import sender
from newsletter.store import Store, imports, list_size, proofs, runs
from newsletter.store.postgres.address import is_server

#: Bytes of a template; beside it a request has room for people.
MOST_BYTES: Final = 800_000
#: So many tags are named, where a segment names none of them.
_NAMED: Final = 12
_DIGITS: Final = re.compile(r"\d")
_SINGLE: Final = 'transport.ses.mode = "single"'


class UnfitError(NotFitError):
    """Checks found errors that blocks it.

    Args:
        issue: its number.
        findings: the errors.
    """

    def __init__(self, issue: int, findings: tuple[Finding, ...]) -> None:
        super().__init__(
            f"issue {issue} is not fit to send: {plural(len(findings), 'error')}",
            hint=f"fix them, then: newsletter check --issue {issue}",
        )
        self.findings = findings


def refuse(broken: Iterable[NewsletterError | None]) -> None:
    """Raise the first broken rule.

    Raises:
        NewsletterError: there is one.
    """
    for error in broken:
        if error:
            raise error


def refuse_unknown_checks(names: Iterable[str]) -> None:
    """Refuse a check nobody knows: with a typing error in it, a flag would do nothing.

    Raises:
        InputError: one of them is no id of a check.
    """
    for name in names:
        if name not in RULES:
            raise InputError(
                f'no check is called "{name}"',
                hint=nearest(name, RULES, "docs/checks.md lists them"),
            )


def rules_of_issue(
    settings: Settings, prepared: PreparedIssue, transport: Transport, options: SendOptions
) -> list[NewsletterError]:
    """Which rules about the letter itself are broken; nobody is asked, no record is read."""
    broken = (
        sent_elsewhere(prepared.issue),
        unapproved(prepared) if options.scheduled else None,
        unfit(prepared, options.skip_checks),
        no_way_out(settings, rehearsal=transport.rehearsal),
        *rules_of_bulk(settings, prepared, transport),
    )
    return [error for error in broken if error]


def rules_of_audience(
    store: Store,
    options: SendOptions,
    issue: Issue,
    *,
    recipients: int,
    left_out: Mapping[str, int],
    begun: bool,
) -> list[NewsletterError]:
    """Which rules about the recipients are broken.

    Args:
        store: the records.
        options: what is asked.
        issue: what would go out.
        recipients: how many mails would go out.
        left_out: how many people would get none, by the reason.
        begun: whether they are the rest of a run begun earlier.
    """
    broken = (
        None if begun or options.expect is not None else unfinished_import(store, recipients),
        unexpected_number(options.expect, recipients),
        None if begun else misspelled_tag(store, options, issue, recipients),
        None if begun or recipients else no_recipients(store, issue, left_out),
    )
    return [error for error in broken if error]


def rules_of_bulk(
    settings: Settings, prepared: PreparedIssue, transport: Transport
) -> Iterator[NewsletterError]:
    """Which rules are broken that a letter meets where many mails leave in one request."""
    if not transports.in_bulk(transport):
        return
    if unheard := unheard_in_bulk(settings):
        yield unheard
    template = merge_template(freeze(prepared.rendered, sender(settings)))
    if template.size > MOST_BYTES:
        yield NotFitError(
            f"this issue has {template.size:,} bytes, and in bulk {MOST_BYTES:,} is the most",
            hint=f"make it shorter, or set {_SINGLE}",
        )
    if longest := overlong(prepared.rendered.html):
        yield NotFitError(
            f"a line of this issue's HTML has {longest:,} bytes, which SES may break in bulk",
            hint=f"break the line in the theme or in the letter's own HTML, or set {_SINGLE}",
        )


def unproven_in_bulk(store: Store, transport: Transport, account: str) -> RefusedError | None:
    """How the provider fills a template is looked at once, before readers see it."""
    bulk = transports.in_bulk(transport)
    if bulk is None or proofs.find_bulk(store, account=account, region=bulk.region):
        return None
    return RefusedError(
        "nothing proves yet that mails leave this account in bulk as they are written",
        hint=f"newsletter ses prove, once; or set {_SINGLE}",
    )


def unheard_in_bulk(settings: Settings) -> InputError | None:
    """A template that SES cannot fill is accepted, and only an event tells of it.

    SES reports mails of a configuration set alone, and what it reports is fetched from the queue.
    """
    group = settings.transport
    if group.kind != "ses" or group.ses.mode != "bulk":
        return None
    missing = [
        f"transport.ses.{name}"
        for name in ("configuration_set", "events_queue")
        if not getattr(group.ses, name)
    ]
    if not missing:
        return None
    return InputError(
        f'transport.ses.mode is "bulk", but {" and ".join(missing)} '
        f"{'is' if len(missing) == 1 else 'are'} not set",
        hint=f"newsletter ses setup --write sets them; or set {_SINGLE}",
    )


def sent_elsewhere(issue: Issue) -> RefusedError | None:
    """What readers got from an earlier service, they do not get again."""
    if not issue.sent_elsewhere:
        return None
    return RefusedError(
        f"readers got issue {issue.number} from {issue.sent_elsewhere} already",
        place=issue.place("sent_elsewhere"),
        hint="nothing sends it again; take that line out only if it never went",
    )


def unapproved(prepared: PreparedIssue) -> RefusedError | None:
    """What a schedule sends is, to the byte, what was approved."""
    if prepared.issue.approved == prepared.approval:
        return None
    number, said = prepared.issue.number, prepared.issue.approved
    return RefusedError(
        f"issue {number}, its theme, pictures or settings changed since it was approved"
        if is_approval(said) or not said
        else f'"approved: {said}" approves nothing',
        place=prepared.issue.place("approved"),
        hint=f"look at it, then: newsletter approve --issue {number}",
    )


def unfit(prepared: PreparedIssue, skip: tuple[str, ...] = ()) -> UnfitError | None:
    """Checks find no error, but for those of the checks in `skip`."""
    stopping = tuple(f for f in errors(prepared.findings) if f.id not in skip)
    return UnfitError(prepared.issue.number, stopping) if stopping else None


def no_way_out(settings: Settings, *, rehearsal: bool) -> NotFitError | None:
    """Readers of a real mail can unsubscribe: on an https page, or through a mailbox."""
    page, mailbox = settings.site.public_url, settings.sender.unsubscribe_mailto
    if rehearsal or page.startswith("https://") or mailbox:
        return None
    return NotFitError(
        "readers could not unsubscribe from this mail",
        hint="set site.public_url to an https address, or sender.unsubscribe_mailto",
    )


def unfinished_import(store: Store, recipients: int) -> RefusedError | None:
    """No list is half imported, or whoever is missing would get nothing."""
    left = imports.unfinished(store)
    if not left:
        return None
    return RefusedError(
        f"the import of {left[0]} is not finished: {plural(left[1], 'row is', 'rows are')} "
        "not in the records yet",
        hint="run the same import again, it goes on with the rest; or say how many shall get "
        f"this issue: --expect {recipients}",
    )


def unexpected_number(expect: int | None, recipients: int) -> RefusedError | None:
    """There are as many recipients as the operator expects."""
    if expect in {None, recipients}:
        return None
    return RefusedError(
        f"--expect says {expect}, but there are {plural(recipients, 'recipient')}",
        hint="find out why before you send",
    )


def nobody_mailable(left_out: Mapping[str, int]) -> NotFitError:
    """Why no issue has anybody to go to.

    Args:
        left_out: how many people may not be mailed, by the reason.
    """
    why = ", ".join(f"{number:,} {reason}" for reason, number in left_out.items() if number)
    if not why:
        return NotFitError(
            "nobody is on the list yet",
            hint="import a list: newsletter subscribers import FILE --consent-source TEXT",
        )
    return NotFitError(
        f"nobody on the list may be mailed: {why}", hint="newsletter subscribers list"
    )


def misspelled_tag(
    store: Store, options: SendOptions, issue: Issue, recipients: int
) -> NotFitError | None:
    """No segment names a tag that nobody has and that is nearly one that people have."""
    segment = parse_segment(issue.segment, place=issue.place("segment"))
    if segment is None or options.expect is not None:
        return None
    there = list_size.tags_there(store)
    way = f"; where it is right, say how many shall get this issue: --expect {recipients}"
    way = way if recipients else ""
    for tag in sorted(tags_of(segment).difference(there)):
        for near in there:
            # Tags that differ in a number alone are often two: "vip1" and "vip2".
            if is_slip(tag, near) and _DIGITS.sub("", tag) != _DIGITS.sub("", near):
                return NotFitError(
                    f'nobody on the list is tagged "{tag}"',
                    place=issue.place("segment"),
                    hint=f'did you mean "tag:{near}"? {_tags_named(there)}{way}',
                )
    return None


def _tags_named(there: Sequence[str]) -> str:
    """The tags that people have, the most frequent ones first."""
    more = f" and {len(there) - _NAMED:,} more" if len(there) > _NAMED else ""
    return f"tags on the list: {', '.join(there[:_NAMED])}{more}" if there else "nobody has a tag"


def no_recipients(store: Store, issue: Issue, left_out: Mapping[str, int]) -> NotFitError:
    """Why nobody gets an issue: the list, its people, or the segment.

    Args:
        store: the records.
        issue: what nobody would get.
        left_out: how many people get none, by the reason.
    """
    if outside := left_out.get(OUTSIDE, 0):
        people = f"all {outside:,} people" if outside > 1 else "the one person"
        return NotFitError(
            f'the segment "{issue.segment}" leaves out {people} who could be mailed',
            place=issue.place("segment"),
            hint=f"{_tags_named(list_size.tags_there(store))}; newsletter subscribers list shows "
            "who has which",
        )
    return nobody_mailable(left_out)


def soon_gone(store: Store, environ: Mapping[str, str]) -> InputError | None:
    """Records that a build machine has just made and throws away: the next one would send again.

    Those that know an earlier send were not made for this job alone.
    """
    kept = store.backend.on_server or not _is_build_machine(environ)
    if kept or runs.last_issue(store) is not None:
        return None
    return _forgetful(
        "these records are new, and a build machine (CI is set) does not keep them",
        store.backend.place,
    )


def never_kept(
    project: Project, environ: Mapping[str, str], place: Place | None
) -> InputError | None:
    """The same where there are none yet: to make them would lead nowhere.

    Args:
        project: the newsletter.
        environ: the environment's variables.
        place: where they would be.
    """
    if project.rehearses or is_server(project.store_url) or not _is_build_machine(environ):
        return None
    return _forgetful(
        "there are no records here yet, and a build machine (CI is set) does not keep new ones",
        place,
    )


def _is_build_machine(environ: Mapping[str, str]) -> bool:
    return environ.get("CI", "").lower() not in {"", "0", "false"}


def _forgetful(why: str, place: Place | None) -> InputError:
    return InputError(
        f"{why}: who got what would be forgotten, and the next job would send it again",
        place=place,
        hint="set store.url to a PostgreSQL database (docs/postgresql.md); where this file does "
        "stay, send the first issue by hand",
    )


def undetachable(
    store: Store, options: SendOptions, transport: Transport
) -> NewsletterError | None:
    """Why an issue cannot be left to workers; None where it can, or is not asked to be."""
    if not options.detach:
        return None
    leave = "leave out --detach"
    if not store.backend.on_server:
        return InputError(
            "--detach leaves the send to workers, which share their records on a server",
            place=store.backend.place,
            hint=f"{leave}; for several machines see docs/scale.md",
        )
    if transport.rehearsal:
        return InputError("a rehearsal lands in a folder of this machine", hint=leave)
    if options.limit is not None:
        return InputError("--limit is counted by the one process that sends", hint=leave)
    if not store.workers():
        return RefusedError(
            f"issue {options.issue} would be sent by nobody: no worker is at work",
            hint=f"start one (newsletter worker), or {leave}",
        )
    return None
