"""Commands about the machinery: serve, settings, db."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from newsletter import clocks
from newsletter.cli.command import Commands
from newsletter.cli.show import VOICE, Console, result, result_json, say, table
from newsletter.errors import InputError, Place, RefusedError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping

    from newsletter.project import Project
    from newsletter.site.archive import ArchiveServer
    from newsletter.site.subscribing import Signups
    from newsletter.store import Store
    from newsletter.store.folder.restore import Restoration

#: Columns of a terminal that `settings` fills at most, and the least it leaves for a value.
_WIDTH: Final = 100
_LEAST: Final = 16
_CUT: Final = " ..."

#: What can stand around `serve`.
_Front = Literal["systemd", "caddy", "nginx"]

db = Commands(help="The database.", no_args_is_help=True)


def serve(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8080,
    with_events: Annotated[
        bool, typer.Option("--with-events", help="Fetch what Amazon SES reports, too.")
    ] = False,
    printed: Annotated[
        _Front | None,
        typer.Option(
            "--print",
            metavar="systemd|caddy|nginx",
            help="Print what keeps it running, or puts https in front.",
        ),
    ] = None,
) -> None:
    """Serve the readers' pages: subscribe, unsubscribe, preferences, past issues."""
    from newsletter import server, signup
    from newsletter import site as public
    from newsletter.cli.context import open_project, open_store

    project = open_project()
    if printed:
        result(_around(project, printed, host, port, with_events=with_events))
        return
    phrases = _phrases(project)
    opened = signup.is_open(project.settings)
    signups = _signups(project) if opened else None
    with open_store(project, create=False, patience=public.PATIENCE) as store:
        door = server.listen(host, port)

        def ready() -> None:
            say(f"serving on {server.url_of(door)} (Ctrl-C ends it)")
            if not project.settings.site.public_url:
                say("hint: set site.public_url, or no mail will lead here")
            if opened:
                say(f"the sign-up form is at {server.url_of(door)}/subscribe")
            if opened and project.rehearses:
                folder = project.settings.transport.folder
                say(f"sign-up is a rehearsal: its mails lie in the folder {folder}/, none leaves")

        with (
            _events(project) if with_events else nullcontext(),
            _letters(project) if opened else nullcontext(),
        ):
            public.serve(
                store, project.settings, clocks.now, door, ready,
                phrases=phrases, signups=signups, archive=_archive(project),
            )  # fmt: skip


def _signups(project: Project) -> Signups:
    from newsletter.domains import MailDomains
    from newsletter.site.subscribing import Signups

    # A rehearsal is for invented addresses, too.
    domains = MailDomains(lambda _: None) if project.rehearses else MailDomains()
    return Signups(project.root, domains, rehearsal=project.rehearses)


@contextmanager
def _letters(project: Project) -> Iterator[None]:
    """Send the letters of sign-up beside the pages."""
    from newsletter.cli.context import open_store, open_transport
    from newsletter.signup.post import posting

    with (
        open_store(project, create=False) as store,
        posting(
            project, store, open_transport=lambda: open_transport(project), clock=clocks.now,
            reporter=Console(),
        ),
    ):  # fmt: skip
        yield


def _archive(project: Project) -> ArchiveServer | None:
    """Past issues beside the readers' pages, where mails lead to them on this host."""
    from newsletter.publishing.live import LiveArchive
    from newsletter.publishing.sources import stamp
    from newsletter.signup.forms import form_elsewhere
    from newsletter.site.archive import ArchiveServer

    def today() -> dt.date:
        return project.today(clocks.now())

    live = LiveArchive(project, form_elsewhere(project, "archive"), today)
    server = ArchiveServer(project.settings, project.root, live, lambda: stamp(project, today()))
    return server if server.is_here else None


def _around(project: Project, kind: _Front, host: str, port: int, *, with_events: bool) -> str:
    """The text of one kind for this very command with these options."""
    from newsletter.cli.context import own_program
    from newsletter.server.front import ServiceCommand, caddy, nginx, serve_unit, upstream

    match kind:
        case "systemd":
            more = ("--with-events",) if with_events else ()
            words = ("serve", "--host", host, "--port", str(port), *more)
            service = ServiceCommand(folder=str(project.root), program=own_program(), words=words)
            text = serve_unit(service)
        case "caddy":
            text = caddy(project.settings.site.public_url, upstream(host, port))
        case "nginx":
            text = nginx(project.settings.site.public_url, upstream(host, port))
    return text.rstrip("\n")


@contextmanager
def _events(project: Project) -> Iterator[None]:
    """Fetch events beside the pages, with more patience than readers have."""
    from newsletter.cli.context import open_store
    from newsletter.events.background import fetching

    with (
        open_store(project, create=False) as store,
        fetching(project, store, environ=os.environ, reporter=Console()),
    ):
        yield


def _phrases(project: Project) -> Mapping[str, str]:
    """The author's own words for the pages; read before anything listens.

    Raises:
        InputError: their file cannot be read, or a phrase is wrong.
    """
    from newsletter.project.phrases import read_phrases
    from newsletter.site.words import fault, missing

    language = project.settings.site.language.partition("-")[0].lower()
    own, file = read_phrases(project.root, language)
    name, problem = fault(own)
    if problem:
        raise InputError(
            f'"{name}" {problem}', place=Place(file), hint="docs/people.md lists the phrases"
        )
    if file and (absent := missing(language, own)):
        say(f"warning: {file} lacks {', '.join(absent)}; the pages say that in English")
    return own


def settings(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show every setting and where it came from; secrets are masked."""
    from newsletter.cli.context import open_project
    from newsletter.settings import effective

    VOICE.json = as_json
    rows = effective(open_project().settings)
    if as_json:
        result_json(
            {"settings": [{"key": r.key, "value": r.value, "origin": r.origin} for r in rows]}
        )
    else:
        keys, origins = (
            max(map(len, cells)) for cells in zip(*((r.key, r.origin) for r in rows), strict=True)
        )
        width = max(_LEAST, _WIDTH - keys - origins - 4)
        shown = [
            (row.key, _shortened(" / ".join(row.value.splitlines()), width), row.origin)
            for row in rows
        ]
        result(table(shown))
        if any(cells[1].endswith(_CUT) for cells in shown):
            say("hint: --json shows the long values whole")


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - len(_CUT)] + _CUT


@db.command("upgrade")
def upgrade() -> None:
    """Bring an older database up to this version."""
    from newsletter.cli.context import open_project
    from newsletter.store.postgres.address import is_server
    from newsletter.store.schema import upgrade as migrate

    url = open_project().store_url
    before, after = migrate(url, told=say)
    if before == after:
        say("the database is up to date")
    else:
        kept = "" if is_server(url) else "; what they were is in backups/ beside them"
        say(f"the records are now at {after}{kept}")


@db.command("rotate-key")
def rotate_key() -> None:
    """Sign links with a new key from now on; links in old mails keep working."""
    from newsletter.cli.context import open_project, open_store
    from newsletter.store import signing_keys

    with open_store(open_project(), create=False) as store:
        number = signing_keys.rotate(store, now=clocks.now())
    say(f"links are signed with key {number} from now on; make a backup of the records")


@db.command("backup")
def backup(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="The new file; beside the records where none is given."
        ),
    ] = None,
) -> None:
    """Copy the records into a new file, also while a send is running."""
    from newsletter.cli.context import from_directory, open_project, open_store
    from newsletter.project.git import expect_untaken
    from newsletter.store.folder import backup as backups

    target = from_directory(file) if file else None
    if target:
        expect_untaken(target)
    with open_store(open_project(), create=False) as store:
        if target:
            backups.backup(store, target)
        else:
            target = backups.keep(store, now=clocks.now())
    size = target.stat().st_size
    say(f"{size:,} bytes: people, deliveries and the signing keys; keep it as you keep a password")
    result(str(target))


@db.command("copy")
def copy(
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL",
            help="postgresql://user@host/database, or sqlite:///path/to/file.db.",
        ),
    ],
) -> None:
    """Move the records to PostgreSQL, or back to a file; the old ones take no more writes."""
    from newsletter.cli.context import open_project
    from newsletter.humanize import plural
    from newsletter.store.copying import move

    project = open_project()
    told = move(project.store_url, project.other_store_url(to), now=clocks.now())
    people = plural(told["subscribers"], "person", "people")
    result(f"copied and compared: {people}, {plural(told['deliveries'], 'delivery', 'deliveries')}")
    say("next: set store.url to the new place, on every machine; these records take no more writes")


@db.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a backup in the place of the records; who has left since stays out."""
    from newsletter.cli.confirm import confirm
    from newsletter.cli.context import from_directory, open_project, open_store
    from newsletter.store.folder.restore import restoring
    from newsletter.store.sqlite.engine import file_of

    project = open_project()
    with restoring(file_of(project.store_url), from_directory(file)) as restoration:
        restoration.expect_same_newsletter()
        for row in _compared(restoration):
            say(row)
        if not yes:
            confirm(
                "restore", to="to put the backup in their place", subject="restoring",
                hint="--yes", unchanged="nothing was changed",
            )  # fmt: skip
        aside = restoration.replace(now=clocks.now())
        outdated = restoration.outdated
    result("restored")
    if aside:
        say(f"the records from before are kept: {aside}")
    if outdated:
        say("next: newsletter db upgrade")
        return
    with open_store(project, create=False) as store:
        _tell_of_runs(project, store)


def _compared(restoration: Restoration) -> list[str]:
    """What is in the records and what is in the backup, side by side."""
    copy, now = restoration.copy, restoration.present
    unknown = "none" if restoration.missing else "?"
    rows = [("", "now", "backup")]
    rows += [
        (what, f"{now.numbers[what]:,}" if now and what in now.numbers else unknown, f"{number:,}")
        for what, number in copy.numbers.items()
    ]
    rows.append(("last change", now.latest[:16] if now else unknown, copy.latest[:16]))
    widths = [max(len(row[n]) for row in rows) for n in range(3)]
    return [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}".rstrip() for a, b, c in rows]


def _tell_of_runs(project: Project, store: Store) -> None:
    """Say which issues the backup knows less of than the files beside the issues."""
    from newsletter.sending.second_ledger import refuse_lost_entries

    try:
        refuse_lost_entries(project, store)
    except RefusedError as error:
        say(f"warning: {error}")
        say(f"hint: {error.hint}")
