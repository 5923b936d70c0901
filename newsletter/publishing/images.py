"""Pictures go where mails find them, before the mails: what is there already is not sent again.

A name tells the content, so nothing is ever replaced, and nothing is deleted: a mail once sent
keeps its pictures.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from newsletter.errors import InputError, NotFitError
from newsletter.http import Fetcher, Reply
from newsletter.humanize import plural
from newsletter.pictures import MadePicture
from newsletter.project import Project, files
from newsletter.project.issues import PreparedIssue
from newsletter.project.published import PublishedLetter
from newsletter.render.pictures import local_pictures
from newsletter.reporter import Reporter


class PictureTarget(Protocol):
    """Where pictures are put, by their paths."""

    def has(self, path: str, size: int) -> bool:
        """Whether something of this size (bytes) is there already."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """Put a picture: all of it or nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedImages:
    """What a push did, as paths below `site.assets_url`.

    Attributes:
        sent: those that were put, or would be.
        there: those that were there already.
    """

    sent: tuple[str, ...]
    there: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _PictureFolder:
    root: Path

    def has(self, path: str, size: int) -> bool:
        file = self.root / path
        return file.is_file() and file.stat().st_size == size

    def put(self, path: str, data: bytes) -> None:
        files.make_folder((self.root / path).parent)
        files.write_atomic(self.root / path, data)


def push_images(
    project: Project,
    prepared: Iterable[PreparedIssue],
    *,
    letters: Iterable[PublishedLetter] = (),
    plan: bool = False,
) -> PushedImages:
    """Publish the pictures of issues.

    Args:
        project: the newsletter.
        prepared: the issues.
        letters: mails that are no issues.
        plan: whether nothing is put.

    Raises:
        InputError: `images.to` or `site.assets_url` is not set; the folder cannot be written.
        NotFitError: a picture cannot be made for mails; nothing was put then.
        AccountError: the bucket refuses, or cannot be reached.
        PausedError: the disk is full.
    """
    if not project.settings.images.to:
        raise InputError(
            "nothing says where pictures go", hint="set images.to: s3://BUCKET/PREFIX or a folder"
        )
    if not project.settings.site.assets_url:
        raise InputError("nothing says where mails find the pictures", hint="set site.assets_url")
    issues = tuple(prepared)
    _expect_made(issues)
    mails = [*(one.pictures for one in issues), *(one.pictures for one in letters)]
    pictures = {name: one for pictures in mails for name, one in pictures.items()}
    return _push(_target(project), pictures, plan=plan) if pictures else _NOTHING


def publish_first(project: Project, prepared: PreparedIssue, *, plan: bool = False) -> PushedImages:
    """Publish the pictures of a mail that is about to leave, where `images.to` says where to.

    Raises:
        NewsletterError: as `push_images`; no mail may leave then.
    """
    if project.settings.images.to and prepared.pictures:
        return push_images(project, [prepared], plan=plan)
    return _NOTHING


def expect_public(
    project: Project,
    prepared: PreparedIssue,
    reporter: Reporter,
    *,
    missing_yet: Container[str] = (),
) -> None:
    """Pictures that no bucket has got are public once somebody has published them: look.

    Of a folder, and of an issue's own pictures where `images.to` is not set; before a real send.

    Args:
        project: the newsletter.
        prepared: the issue.
        reporter: hears of what cannot be seen.
        missing_yet: the pictures that are not looked for, as a dry run has put none anywhere.

    Raises:
        NotFitError: a picture is not where the mail says.
    """
    to, base = project.settings.images.to, project.settings.site.assets_url.rstrip("/")
    if to.startswith("s3://") or not base:
        return
    names = prepared.pictures if to else local_pictures(prepared.rendered.html, base)
    if not names:
        return
    fetcher = Fetcher(allowed=lambda _: True)  # the author's own address, wherever that leads
    missing = []
    for name in sorted(name for name in names if name not in missing_yet):
        reply = fetcher.ask(f"{base}/{quote(name)}")
        if reply.problem:  # the next one would only wait as long
            told = f"{reply.url}: {reply.problem}"
            reporter.warn(f"nobody could see whether the pictures are public: {told}")
            break
        if why := _why_unseen(reply):
            missing.append(f"{reply.url} {why}")
    if missing:
        pictures = plural(len(missing), "picture is", "pictures are")
        way = f"publish the folder {to}" if to else "publish them there, or set images.to"
        raise NotFitError(
            f"{pictures} not public yet: {missing[0]}",
            hint=f"{way}, then the same command; --skip-check image-dead sends without",
        )


def _why_unseen(reply: Reply) -> str:
    """Why a reader would not see a picture that a server answered for; "" where they do."""
    if reply.status != HTTPStatus.OK:
        return f"answers {reply.status}"
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    return "is a page, and no picture" if kind == "text/html" else ""


_NOTHING = PushedImages(sent=(), there=())


def _expect_made(issues: tuple[PreparedIssue, ...]) -> None:
    findings = [
        finding for issue in issues for finding in issue.findings
        if finding.id == "picture-unreadable"
    ]  # fmt: skip
    if findings:
        first, number = findings[0], len(findings)
        raise NotFitError(
            first.message if number == 1 else f"{plural(number, 'picture')} cannot be published; "
            f"{first.message}",
            place=first.place, hint=first.hint,
        )  # fmt: skip


def _target(project: Project) -> PictureTarget:
    group = project.settings.images
    if group.to.startswith("s3://"):
        from newsletter.s3 import Bucket  # noqa: PLC0415  # boto3 is heavy

        return Bucket(group.to, endpoint=group.endpoint, profile=group.profile)
    return _PictureFolder(project.root / group.to)


def _push(
    target: PictureTarget, pictures: Mapping[str, MadePicture], *, plan: bool
) -> PushedImages:
    sent, there = [], []
    for name, one in sorted(pictures.items()):
        if target.has(name, len(one.data)):
            there.append(name)
            continue
        if not plan:
            target.put(name, one.data)
        sent.append(name)
    return PushedImages(sent=tuple(sent), there=tuple(there))
