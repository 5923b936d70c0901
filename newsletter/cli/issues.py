"""Commands about issues that are there already."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter import clocks
from newsletter.cli.command import Commands
from newsletter.cli.show import VOICE, result, result_json, say
from newsletter.errors import InputError
from newsletter.humanize import plural

if TYPE_CHECKING:
    from newsletter.project import Project
    from newsletter.publishing.past_issues import PastImport

app = Commands(help="The issues of an earlier service.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The issues of an earlier service."""


@app.command("import")
def bring(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What the service gave: a file, zip or folder.")
    ],
    *,
    site: Annotated[
        str, typer.Option(metavar="URL", help="Where they were read, for what is not written out.")
    ] = "",
    first: Annotated[
        int | None,
        typer.Option(min=0, max=999_999, metavar="N", help="The number of the first one."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Bring past issues from Substack, Ghost, Buttondown, Revue, Hugo or Jekyll; none is sent."""
    from newsletter.cli.context import from_directory, open_project
    from newsletter.project.exports import open_export
    from newsletter.publishing.past_issues import import_issues

    VOICE.json = as_json
    if site and not re.fullmatch(r"https?://[^/\s]+(?:/\S*)?", site):
        raise InputError("--site is no web address", hint="write --site https://old.example.org")
    project = open_project()
    done = import_issues(
        project, open_export(from_directory(file)), site=site, first=first,
        today=project.today(clocks.now()), dry_run=dry_run,
    )  # fmt: skip
    if as_json:
        result_json({"dry_run": dry_run, **_facts(done)})
    else:
        show(project, done, dry_run=dry_run)


def _facts(done: PastImport) -> dict[str, object]:
    return {
        "service": done.service,
        "written": [
            {
                "file": one.name, "number": one.issue.number, "title": one.issue.title,
                "date": one.issue.date, "draft": one.issue.status == "draft",
                "from": str(one.place), "left_out": one.left_out,
            }
            for one in done.written
        ],
        "there": done.there,
        "skipped": [{"from": str(place), "reason": reason} for place, reason in done.skipped],
        "pictures": {"copied": done.copied, "linked": done.linked},
    }  # fmt: skip


def show(project: Project, done: PastImport, *, dry_run: bool, where: str = "") -> None:
    """What an import did, or would do.

    Args:
        project: the newsletter.
        done: what came of it.
        dry_run: whether nothing was written.
        where: what a command needs to find the newsletter, such as " -C letters".
    """
    for one in done.written:
        draft = "draft" if one.issue.status == "draft" else ""
        result(f"{one.name}  {one.issue.date or draft}  {one.issue.title}")
        for words in one.left_out:
            say(f"  {one.place}: {words}")
    for place, reason in done.skipped:
        say(f"left out: {place}: {reason}")
    drafts = sum(one.issue.status == "draft" for one in done.written)
    issues = plural(len(done.written) - drafts, "issue")
    both = f"{issues} and {plural(drafts, 'draft')}" if drafts else issues
    parts = [
        f"{both} of {done.service} {'would be written' if dry_run else 'written'}",
        f"{done.there} there already" if done.there else "",
        f"{plural(len(done.copied), 'picture')} copied" if done.copied else "",
        f"{len(done.skipped)} left out" if done.skipped else "",
    ]
    say(", ".join(filter(None, parts)))
    if done.renumbered:
        say(f"hint: {done.renumbered} have another number than before, for not each says its own, "
            "or two say the same; they are counted by date")  # fmt: skip
    if done.linked:
        say(f"hint: {plural(done.linked, 'picture stays', 'pictures stay')} at the old address; "
            f"newsletter{where} images fetch brings them while the account is there")  # fmt: skip
    if done.written and not dry_run:
        way = f"newsletter{where} archive build --out site"
        if not project.settings.site.archive_url:
            way = f"set site.archive_url, then {way}"
        say(f"next: look at them in newsletter{where} preview; to publish them: {way}")
