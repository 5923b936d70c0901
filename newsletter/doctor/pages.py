"""What readers open: the pages that `newsletter serve` shows, and the pictures of mails."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlsplit

from newsletter.audience.tokens import TRIAL_KEY, unsubscribe_url
from newsletter.doctor.diagnosis import Diagnosis, error, ok, skipped, warning
from newsletter.doctor.subject import Subject
from newsletter.errors import NewsletterError
from newsletter.http import Reply
from newsletter.humanize import plural
from newsletter.message import SAMPLE
from newsletter.render.pictures import local_pictures

#: What `newsletter serve` answers as long as its records can be read.
_HEALTH: Final = "/healthz"
_SERVE: Final = "see that newsletter serve runs there, and what stands in front of it"
_DAY: Final = 86_400
#: Whoever renews certificates by a program does it a month before they end.
_LAST_DAYS: Final = 14
#: What a mailbox provider sends for its reader (RFC 8058, section 3.1).
_ONE_CLICK: Final = b"List-Unsubscribe=One-Click"
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
#: What our pages say of themselves, and hardly anybody else in their place.
_OURS: Final = ("x-robots-tag", "noindex")
#: What they answer to a link that is nobody's.
_SAID: Final = frozenset({HTTPStatus.OK, HTTPStatus.NOT_FOUND})


def public_url(subject: Subject) -> Diagnosis:
    """Whether the readers' pages answer from outside, and take what mailbox providers send.

    The link was signed with a key that no server has: the answer is our page for a link that is
    nobody's, and nothing changes.
    """
    url = subject.project.settings.site.public_url
    if not url:
        return skipped("site.public_url is not set")
    reply = subject.fetcher.ask(f"{url.rstrip('/')}{_HEALTH}")
    if reply.problem or reply.status != HTTPStatus.OK:
        return error(
            f"the readers' pages do not answer at site.public_url ({_answer(reply)})", _SERVE
        )
    if urlsplit(reply.url).netloc != urlsplit(url).netloc:
        told = f"site.public_url leads on to {urlsplit(reply.url).hostname}"
        hint = "name that in site.public_url: mailbox providers follow nobody when a reader leaves"
        return error(told, hint)
    link = unsubscribe_url(url, SAMPLE.handle, TRIAL_KEY, "test")
    left = subject.fetcher.ask(link, method="POST", body=_ONE_CLICK, headers=_FORM)
    if left.status not in _SAID or left.headers.get(_OURS[0]) != _OURS[1]:
        told = f"unsubscribing with one click does not reach the readers' pages ({_answer(left)})"
        return error(told, "let POST to /u/ through to newsletter serve, without a redirect")
    if reply.expires is not None and reply.expires - subject.now.timestamp() < _LAST_DAYS * _DAY:
        days = plural(max(0, int((reply.expires - subject.now.timestamp()) // _DAY)), "day")
        return warning(f"the certificate of the readers' pages ends in {days}", "renew it")
    return ok("the readers' pages answer, and unsubscribing with one click reaches them")


def assets(subject: Subject) -> Diagnosis:
    """Whether a picture of the newest issue is where mails say."""
    project = subject.project
    base = project.settings.site.assets_url.rstrip("/")
    if not base:
        return skipped("site.assets_url is not set")
    try:
        issues = project.issues()
        if not issues:
            return skipped("there is no issue yet")
        number = max(issue.number for issue in issues)
        page = project.issue(number, now=subject.now).rendered.html
    except NewsletterError:
        return skipped("the newest issue cannot be read", "newsletter check says why")
    shown = local_pictures(page, base)
    if not shown:
        return skipped(f"issue {number} shows no picture from site.assets_url")
    reply = subject.fetcher.ask(f"{base}/{quote(shown[0])}")
    hint = "publish the pictures before the letter goes out"
    if project.settings.images.to:
        hint = "newsletter images push publishes them; send does so by itself"
    if reply.problem or reply.status != HTTPStatus.OK:
        told = f"{shown[0]} of issue {number} is not at site.assets_url ({_answer(reply)})"
        return warning(told, hint)
    if not _kind(reply.headers).startswith("image/"):
        kind = _kind(reply.headers) or "of no kind"
        return warning(f"{shown[0]} of issue {number} comes as {kind}, not as a picture", hint)
    return ok(f"{shown[0]} of issue {number} is at site.assets_url")


def _answer(reply: Reply) -> str:
    return reply.problem or f"HTTP {reply.status}"


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()
