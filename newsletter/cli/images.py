"""The commands that publish pictures, and bring those of past issues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from newsletter import clocks
from newsletter.cli.command import Commands
from newsletter.cli.show import VOICE, result, result_json, say
from newsletter.humanize import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from newsletter.project import Project
    from newsletter.project.issues import PreparedIssue
    from newsletter.project.published import PublishedLetter

app = Commands(help="The pictures of issues.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The pictures of issues."""


@app.command("push")
def push(
    *,
    issue: Annotated[
        int | None, typer.Option(metavar="N", help="Only those of this issue.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show what would be sent, and send nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Publish the pictures of all mails but drafts, made for mails; see images.to."""
    from newsletter.cli.context import open_project
    from newsletter.publishing.images import push_images

    VOICE.json = as_json
    project = open_project()
    if issue is None:
        done = push_images(project, _ready(project), letters=_letters(project), plan=plan)
    else:
        done = push_images(project, [project.issue(issue, now=clocks.now())], plan=plan)
    if VOICE.json:
        result_json({"plan": plan, "sent": done.sent, "there": done.there})
        return
    base = project.settings.site.assets_url.rstrip("/")
    for name in done.sent:
        result(f"{base}/{quote(name)}")
    number = plural(len(done.sent), "picture")
    what = f"would send {number}" if plan else f"{number} sent"
    say(f"{what}, {len(done.there)} there already")


@app.command("fetch")
def fetch(
    *,
    issue: Annotated[
        int | None, typer.Option(metavar="N", help="Only those of this issue.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show what would be fetched, and fetch nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Bring the pictures that past issues still show from their earlier service."""
    from newsletter.cli.context import open_project
    from newsletter.publishing.old_pictures import fetch_pictures, patient_fetcher

    VOICE.json = as_json
    project = open_project()
    fetched, ahead, left = dict[str, str](), list[str](), list[dict[str, str]]()
    for one in fetch_pictures(project, patient_fetcher(), number=issue, plan=plan):
        file = one.issue.file
        fetched |= one.brought
        wanted = [url for url, why in one.left.items() if not why]
        ahead += wanted
        told = {url: why for url, why in one.left.items() if why}
        left += [{"file": file, "url": url, "reason": why} for url, why in told.items()]
        if not as_json:
            for line in (*one.brought.values(), *wanted):
                result(f"{file}: {line}")
        for url, why in told.items():
            say(f"left: {file}: {url}: {why}")
    if as_json:
        result_json({"plan": plan, "ahead": ahead, "fetched": fetched, "left": left})
        return
    what = f"would fetch {plural(len(set(ahead)), 'picture')}"
    say(what if plan else f"{plural(len(fetched), 'picture')} fetched")
    if left:
        stay = plural(len(left), "picture stays", "pictures stay")
        say(f"hint: {stay} at the old address; keep the account there until you have them")


def _ready(project: Project) -> Iterator[PreparedIssue]:
    for one in project.issues():
        if one.status != "draft" and not one.sent_elsewhere:
            yield project.issue_at(one.file, now=clocks.now())


def _letters(project: Project) -> Iterator[PublishedLetter]:
    from newsletter.audience.letters import LetterKind
    from newsletter.project.letters import has_letter, publish_letter

    for kind in LetterKind:
        if has_letter(project.root, kind):
            yield publish_letter(project, kind, day=project.today(clocks.now()))
