"""Commands about the archive of past issues."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter import clocks
from newsletter.cli.command import Commands
from newsletter.cli.show import VOICE, result, result_json, say
from newsletter.cli.write import line
from newsletter.errors import InputError
from newsletter.humanize import plural
from newsletter.publishing.hosts import Host

if TYPE_CHECKING:
    from newsletter.project import Project
    from newsletter.publishing.archive import Archive
    from newsletter.publishing.output import ArchivePlace, Published

app = Commands(help="The archive of past issues.", no_args_is_help=True)


@app.command("build")
def build(
    *,
    out: Annotated[
        str,
        typer.Option(
            metavar="DIR|S3", help="The folder for the pages, or the bucket: s3://BUCKET/PREFIX."
        ),
    ] = "",
    early: Annotated[
        list[int] | None,
        typer.Option(
            "--with", metavar="N", help="Also a page for this issue, which is about to be sent."
        ),
    ] = None,
    snippet: Annotated[
        Host | None,
        typer.Option("--print", help="Print what this host needs, and write nothing."),
    ] = None,
    today: Annotated[
        str, typer.Option(metavar="DATE", help="As if built on this day; for dated issues.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Write the past issues as pages, with feeds, into a folder for any host."""
    from newsletter.cli.context import open_project
    from newsletter.publishing import output
    from newsletter.publishing.archive import build_archive
    from newsletter.publishing.redirects import UnfitArchiveError
    from newsletter.publishing.sources import read_sources
    from newsletter.signup.forms import form_elsewhere

    VOICE.json = as_json
    if out and snippet:
        raise InputError(
            "--print and --out do not go together",
            hint="leave out one of them; --print writes no pages",
        )
    if not out and not snippet:
        raise InputError("say where the pages go", hint="newsletter archive build --out DIR")
    project = open_project()
    place = _place(project, out) if out else None
    earlier = output.earlier_build(place) if place else output.EMPTY
    try:
        archive = build_archive(
            read_sources(project, form=form_elsewhere(project, "archive"), known=earlier.letters),
            today=_day(project, today),
            about_to_go=early or (),
        )
    except UnfitArchiveError as error:
        for finding in error.findings:
            say(line(finding), quiet_at=-9)
        raise
    if snippet:
        _print(project, archive, snippet)
    elif place:
        _show(project, archive, place, output.publish(archive, place, earlier))


def _place(project: Project, out: str) -> ArchivePlace:
    from newsletter.cli.context import from_directory
    from newsletter.publishing.places import archive_bucket, archive_folder
    from newsletter.settings.values import bucket_or_folder

    if "://" not in out:
        return archive_folder(project.root, from_directory(Path(out)))
    try:
        url = bucket_or_folder(out)
    except ValueError as error:
        raise InputError(
            "--out is neither a folder nor a bucket", hint="write s3://BUCKET/PREFIX"
        ) from error
    return archive_bucket(project.settings, url)


def _day(project: Project, written: str) -> dt.date:
    try:
        return dt.date.fromisoformat(written) if written else project.today(clocks.now())
    except ValueError as error:
        raise InputError("this is no date", hint="write --today 2026-11-22") from error


def _print(project: Project, archive: Archive, host: Host) -> None:
    from newsletter.publishing.redirects import base_path, snippet

    base = base_path(project.settings.site.archive_url)
    result(snippet(host, archive.redirects, base).rstrip("\n"))


def _show(project: Project, archive: Archive, place: ArchivePlace, done: Published) -> None:
    selection = archive.selection
    why = {n: selection.excluded.get(n, "its file is gone") for n in done.withdrawn}
    if VOICE.json:
        result_json(
            {
                "folder": place.name,
                "issues": [one.issue.number for one in selection.issues],
                "written": done.written, "deleted": done.deleted, "unchanged": done.unchanged,
                "withdrawn": {str(n): reason for n, reason in why.items()},
                "excluded": {str(n): reason for n, reason in sorted(selection.excluded.items())},
            }
        )  # fmt: skip
        return
    listed = len(selection.listed)
    say(
        f"{plural(listed, 'issue')}: {len(done.written)} files written, {len(done.deleted)} "
        f"deleted, {len(done.unchanged)} unchanged"
    )
    for number, reason in why.items():
        say(f"  issue {number} was taken out and its page deleted: {reason}", quiet_at=-2)
    for number, reason in sorted(selection.excluded.items()):
        if number not in why:
            say(f"  without issue {number}: {reason}")
    if why and "://" not in place.name:
        say("hint: publish the folder so that pages go there too (rsync needs --delete)")
    _hints(project, archive)
    result(place.name)


def _hints(project: Project, archive: Archive) -> None:
    from newsletter.publishing.redirects import base_path

    base = base_path(project.settings.site.archive_url)
    outside = [one for one in archive.redirects if not one.old.startswith(base)]
    if not archive.selection.listed and project.settings.archive.include == "sent":
        say('hint: archive.include = "dated" takes issues that an earlier service sent')
    if outside and base != "/":
        say(
            f"hint: {plural(len(outside), 'earlier address', 'earlier addresses')} outside of "
            f"{base}: newsletter archive build --print nginx (or caddy, netlify, github)"
        )
