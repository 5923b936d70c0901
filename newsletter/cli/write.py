"""Commands for the author at work: new, check, preview, build."""

from __future__ import annotations

import codecs
import contextlib
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from newsletter import clocks
from newsletter.cli.show import VOICE, Console, paint, result, result_json, say
from newsletter.errors import InputError, NewsletterError, NotFitError, Place
from newsletter.humanize import plural

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from newsletter.check import Finding
    from newsletter.issue import Issue
    from newsletter.project import Project
    from newsletter.project.issues import PreparedIssue

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def new(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="The title of the issue.")],
) -> None:
    """Start the next issue: its number, its file, the next free date."""
    from newsletter.cli.context import open_project
    from newsletter.cli.draft import start
    from newsletter.project import files

    project = open_project()
    made = start(project, title)
    files.write_new(project.root / made.name, made.text.encode())
    result(made.name)
    say(f"its date is {made.day:%a %Y-%m-%d}, {made.why}")
    say(f"next: write it while you look at it: newsletter preview --issue {made.number}")
    goes = "approve" if made.scheduled else "send"
    say(f'then write "status: ready" there, and: newsletter {goes} --issue {made.number}')


def check(
    *,
    issue: Annotated[
        int | None, typer.Option(metavar="N", help="Only this issue, drafts too.")
    ] = None,
    fix_encoding: Annotated[
        bool, typer.Option("--fix-encoding", help="Write the repair of a wrong encoding.")
    ] = False,
    online: Annotated[
        bool, typer.Option("--online", help="Also ask the web for every link and picture.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check the issues; each finding has a file, a line and a hint."""
    from newsletter.check import errors, tally
    from newsletter.cli.context import open_project
    from newsletter.project import files

    VOICE.json = as_json
    project = open_project()
    closed = partial(_closed, project)
    alone = issue is not None
    names = (
        files.issue_files(project.root)
        if issue is None
        else (files.find_issue(project.root, issue),)
    )
    if not names:
        raise InputError("there are no issues", hint='newsletter new "A title" starts one')
    if fix_encoding:
        for name in names:
            _repair(project, name)
    prepared = [project.issue_at(name, now=clocks.now(), closed=closed) for name in names]
    looked_at = [one for one in prepared if alone or not _why_left_out(one.issue)]
    if online:
        from newsletter.cli.online import asked

        looked_at = asked(looked_at)
    findings = [finding for one in looked_at for finding in one.findings]
    if as_json:
        result_json({"issues": len(looked_at), "findings": [as_dict(f) for f in findings]})
    else:
        _list(findings)
        why = Counter(_why_left_out(one.issue) for one in prepared)
        others = [
            plural(why["draft"], "draft") if why["draft"] else "",
            f"{why['past']} sent by an earlier service" if why["past"] else "",
        ]
        told = " and ".join(filter(None, others)) if not alone else ""
        left_out = f"; {told} left out (check --issue N)" if told else ""
        say(f"{plural(len(looked_at), 'issue')} checked: {tally(findings)}{left_out}")
    _warn(project, letters=not alone)
    if errors(findings):
        raise typer.Exit(NotFitError.exit_code)


def _closed(project: Project) -> Container[int]:
    from newsletter.sending.closed import closed_here

    return closed_here(project)


def _why_left_out(issue: Issue) -> str:
    """Why `check` looks at an issue only when it is named: no mail is made of it, or not yet."""
    return "draft" if issue.status == "draft" else "past" if issue.sent_elsewhere else ""


def preview(
    *,
    issue: Annotated[int | None, typer.Option(metavar="N", help="Show this issue first.")] = None,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Where; the next free port if it is taken.")
    ] = 7474,
    no_open: Annotated[bool, typer.Option("--no-open", help="Open no browser.")] = False,
    editor: Annotated[
        str,
        typer.Option(
            metavar="COMMAND",
            help='Opens lines, such as "code --goto {file}:{line}"; else $VISUAL, $EDITOR, or the '
            "first editor found.",
        ),
    ] = "",
) -> None:
    """Show the issues in the browser as they will arrive; what you save is seen at once."""
    from newsletter import preview, server
    from newsletter.cli.context import open_project
    from newsletter.project import files

    project = open_project()
    if issue is not None:
        files.find_issue(project.root, issue)
    page = "/" if issue is None else f"/issues/{issue}"
    door = server.listen(server.LOOPBACK, port, tries=100)
    url = f"{server.url_of(door)}{page}"

    def ready() -> None:
        say(f"preview: {url} (Ctrl-C ends it)")
        if not no_open:
            server.open_browser(url)

    preview.serve(
        project.root, lambda: open_project().settings, door, ready, clock=clocks.now, editor=editor
    )


def build(
    *,
    issue: Annotated[str, typer.Option(metavar="N|PATH", help="Its number or its file.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go.")] = Path("build"),
) -> None:
    """Write one issue as HTML, text, MJML, .eml and a table of its links, always the same bytes."""
    from newsletter.cli.context import from_directory, open_project
    from newsletter.project import files
    from newsletter.render.links import table
    from newsletter.sending.sample import sample

    project, out = open_project(), from_directory(out)
    prepared = (
        project.issue(int(issue), now=clocks.now())
        if issue.isdecimal()
        else project.issue_at(_named(project, issue), now=clocks.now())
    )
    made = sample(project.settings, prepared)
    parts = {
        "html": made.letter.html.encode(),
        "txt": made.letter.text.encode(),
        "mjml": made.letter.mjml.encode(),
        "eml": made.mail,
        "links.csv": table(made.letter.links, prepared.options.tags).encode(),
    }
    files.make_folder(out)
    for kind, data in parts.items():
        path = out / f"{prepared.issue.name}.{kind}"
        files.write_atomic(path, data)
        result(str(path))
    list_aloud(prepared)


def list_aloud(prepared: PreparedIssue) -> None:
    """The findings of one issue on stderr, for commands whose result is something else."""
    from newsletter.check import tally

    for finding in prepared.findings:
        if not finding.ignored:
            say(line(finding))
    say(f"{prepared.issue.file}: {tally(prepared.findings)}")


@contextlib.contextmanager
def findings_shown() -> Iterator[None]:
    """Print the findings for which an issue is refused, for the length of a `with`."""
    from newsletter.sending.gate import UnfitError

    try:
        yield
    except UnfitError as error:
        for finding in error.findings:
            say(line(finding), quiet_at=-9)
        raise


def say_findings(findings: Iterable[Finding]) -> None:
    """Print the findings that nobody answers for, beside a result."""
    for finding in findings:
        if not finding.ignored:
            say(line(finding))


def line(finding: Finding, stream: TextIO | None = None) -> str:
    """One finding as editors and people read it, on stderr where no stream is named."""
    colour = "red" if finding.severity == "error" else "yellow"
    severity = paint(finding.severity, colour, stream)
    return f"{finding.place}: {severity} {finding.id}: {finding.message} ({finding.hint})"


def as_dict(finding: Finding) -> dict[str, object]:
    """One finding for scripts."""
    return {
        "id": finding.id, "severity": finding.severity, "file": finding.place.file,
        "line": finding.place.line, "column": finding.place.column,
        "message": finding.message, "hint": finding.hint, "ignored": finding.ignored,
    }  # fmt: skip


def _list(findings: Iterable[Finding]) -> None:
    for finding in findings:
        if not finding.ignored:
            result(line(finding, sys.stdout))


def _named(project: Project, path: str) -> str:
    """An issue's path as findings name it: relative to the newsletter's folder where inside."""
    from newsletter.cli.context import from_directory

    here = from_directory(Path(path))
    if not here.exists() and path.startswith("issues/"):
        return path  # typed in a folder further down
    if not here.is_file():
        raise InputError("this file is missing", place=Place(str(here)), hint="see its name")
    whole, top = here.resolve(), project.root.resolve()
    return whole.relative_to(top).as_posix() if whole.is_relative_to(top) else str(whole)


def _warn(project: Project, *, letters: bool) -> None:
    from newsletter.cli.context import open_store
    from newsletter.project import files

    if letters:
        _warn_of_letters(project)
    if not files.list_files(project.root):
        return  # the records load slowly, and there is nothing to compare with them
    from newsletter.people.changed import warn_of_changed_lists
    from newsletter.store.schema import NoStoreError

    try:
        with open_store(project, create=False, read_only=True) as store:
            warn_of_changed_lists(project, store, Console())
    except NoStoreError:
        pass  # nothing was imported
    except NewsletterError as fault:
        Console().warn(f"whether lists changed since they were imported is not known: {fault}")


def _warn_of_letters(project: Project) -> None:
    """What keeps a letter of the author's own from being sent; no issue waits for that."""
    from newsletter.project.letters import faults_of_own

    for fault in faults_of_own(project, day=project.today(clocks.now())):
        hint = f"; {fault.hint}" if fault.hint else ""
        Console().warn(f"{fault}{hint}")


def _repair(project: Project, name: str) -> None:
    from newsletter.check.words import repair
    from newsletter.project import files

    before = files.read_issue(project.root, name)
    # The mark at the start was never damaged, and would hide how the rest was.
    mark = codecs.BOM_UTF8 if before.startswith(codecs.BOM_UTF8) else b""
    text = before.removeprefix(mark).decode("utf-8", errors="surrogateescape")
    after = mark + repair(text).encode("utf-8", errors="surrogateescape")
    if after != before:
        files.write_atomic(project.root / name, after)
        say(f"{name}: repaired")
