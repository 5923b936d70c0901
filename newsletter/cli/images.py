"""The command that publishes pictures."""

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
