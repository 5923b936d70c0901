"""Rules about pictures: those that are made for mails, and published with a letter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from newsletter.check.links import SCHEME, nearly_meant
from newsletter.check.rule import Fault, RuleContext, rule
from newsletter.errors import Place
from newsletter.pictures import FaultId
from newsletter.render.pictures import local_path

_SHOWN: Final = 60


@rule("picture-unreadable", "error", "A picture that cannot be made for mails (`images.to`).")
def _unreadable(context: RuleContext) -> Iterator[Fault]:
    yield from _told(context, "picture-unreadable")


@rule("picture-missing", "warning", "A picture of the settings that is no file here.")
def _missing(context: RuleContext) -> Iterator[Fault]:
    if context.options.assets_url:
        for name in frame_pictures(context):
            if not context.shown[name]:
                message = f'the picture "{name}" is not beside the issues'
                hint = "put the file there, unless it is at site.assets_url already"
                yield _place(context, name), message, hint


@rule("picture-heavy", "warning", "A moving picture of more than 1 MB (`images.to`).")
def _heavy(context: RuleContext) -> Iterator[Fault]:
    yield from _told(context, "picture-heavy")


@rule("picture-still", "warning", "A moving picture that stands still or blank (`images.to`).")
def _still(context: RuleContext) -> Iterator[Fault]:
    yield from _told(context, "picture-still")


@rule("image-scheme", "error", "A picture that is neither on the web nor a file, such as `cid:`.")
def _no_web(context: RuleContext) -> Iterator[Fault]:
    base = context.options.assets_url.rstrip("/")
    for image in context.rendered.images:
        written = image.src.removeprefix(f"{base}/") if base else image.src
        scheme = SCHEME.match(written)
        hint = "put a file beside the issue, or link to one with https://"
        if not written:  # "data:" in HTML is taken out before
            yield context.at(image.line, "<img"), "an image has no address that mails take", hint
        elif scheme and scheme[1].lower() not in {"http", "https"} and not nearly_meant(written):
            message = f"no mail can show the image {written[:_SHOWN]}"
            yield context.at(image.line, scheme[0]), message, hint


def frame_pictures(context: RuleContext) -> tuple[str, ...]:
    """The local pictures that the settings name and the letter does not."""
    base = context.options.assets_url
    own = {local_path(image.src, base) for image in context.rendered.images}
    return tuple(name for name in context.shown if name not in own)


def _told(context: RuleContext, id_: FaultId) -> Iterator[Fault]:
    for name, faults in context.picture_faults.items():
        for fault in faults:
            if fault.id == id_:
                yield _place(context, name), f'the picture "{name}" {fault.message}', fault.hint


def _place(context: RuleContext, name: str) -> Place:
    """Where the letter names a picture; its first line for one of the theme's."""
    lines = context.issue.body.split("\n")
    for number, line in enumerate(lines, context.issue.body_line):
        if name in line:
            return Place(context.issue.file, number, line.find(name) + 1)
    return Place(context.issue.file, context.issue.body_line)
