"""Commands about the machinery: serve, settings, db."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.show import VOICE, result, result_json, say, table
from newsletter.errors import CancelledError, InputError, Place, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from newsletter.cli.desk import Desk
    from newsletter.store import Store
    from newsletter.store.folder.restore import Restoration

db = typer.Typer(help="The records' own database.", no_args_is_help=True)


def serve(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8080,
    with_events: Annotated[
        bool, typer.Option("--with-events", help="Fetch what Amazon SES reports, too.")
    ] = False,
) -> None:
    """Answer the links in mails: the page on which a reader leaves."""
    from newsletter import server
    from newsletter import site as public
    from newsletter.cli.desk import clock, open_desk

    desk = open_desk()
    phrases = _phrases(desk)
    with desk.store(create=False, patience=public.PATIENCE) as store:
        door = server.listen(host, port)

        def ready() -> None:
            say(f"serving on {server.url_of(door)} (Ctrl-C ends it)")
            if not desk.settings.site.public_url:
                say("hint: set site.public_url, or no mail will lead here")

        with _events(desk) if with_events else nullcontext():
            public.serve(store, desk.settings, clock, door, ready, phrases=phrases)


@contextmanager
def _events(desk: Desk) -> Iterator[None]:
    """Fetch events beside the pages, with more patience than readers have."""
    from newsletter.cli.feedback import beside

    with desk.store(create=False) as store, beside(desk, store):
        yield


def _phrases(desk: Desk) -> Mapping[str, str]:
    """The author's own words for the pages; read before anything listens.

    Raises:
        InputError: their file cannot be read, or a phrase is wrong or missing.
    """
    from newsletter.project.phrases import read_phrases
    from newsletter.site.words import fault

    language = desk.settings.site.language.partition("-")[0].lower()
    own, file = read_phrases(desk.root, language)
    name, problem = fault(language, own) if file else ("", "")
    if problem:
        what = f'"{name}" {problem}' if name else f"it {problem}"
        raise InputError(what, place=Place(file), hint="docs/people.md lists the phrases")
    return own


def settings(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show every setting and where it came from; secrets are masked."""
    from newsletter.cli.desk import open_desk
    from newsletter.settings import effective

    VOICE.json = as_json
    rows = effective(open_desk().settings)
    if as_json:
        result_json(
            {"settings": [{"key": r.key, "value": r.value, "origin": r.origin} for r in rows]}
        )
    else:
        shown = [(row.key, " / ".join(row.value.splitlines()), row.origin) for row in rows]
        result(table(shown))


@db.command("upgrade")
def upgrade() -> None:
    """Bring an older database up to this version."""
    from newsletter.cli.desk import open_desk
    from newsletter.store.schema import upgrade as migrate

    before, after = migrate(open_desk().store_url, told=say)
    if before == after:
        say("the records are up to date")
    else:
        say(f"the records are now at {after}; what they were is in backups/ beside them")


@db.command("rotate-key")
def rotate_key() -> None:
    """Sign links with a new key from now on; links in old mails keep working."""
    from newsletter.cli.desk import clock, open_desk
    from newsletter.store import signing_keys

    with open_desk().store(create=False) as store:
        number = signing_keys.rotate(store, now=clock())
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
    from newsletter.cli.desk import clock, given, open_desk
    from newsletter.project.git import expect_untaken
    from newsletter.store.folder import backup as backups

    target = given(file) if file else None
    if target:
        expect_untaken(target)
    with open_desk().store(create=False) as store:
        if target:
            backups.backup(store.path, target)
        else:
            target = backups.keep(store.path, now=clock())
    size = target.stat().st_size
    say(f"{size:,} bytes: people, deliveries and the signing keys; keep it as you keep a password")
    result(str(target))


@db.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a backup in the place of the records; who has left since stays out."""
    from newsletter.cli.desk import clock, given, open_desk
    from newsletter.store.folder.restore import restoring
    from newsletter.store.sqlite.engine import file_of

    desk = open_desk()
    with restoring(file_of(desk.store_url), given(file)) as restoration:
        restoration.expect_same_newsletter()
        for row in _compared(restoration):
            say(row)
        _agree(yes=yes)
        aside = restoration.replace(now=clock())
        outdated = restoration.outdated
    result("restored")
    if aside:
        say(f"the records from before are kept: {aside}")
    if outdated:
        say("next: newsletter db upgrade")
        return
    with desk.store(create=False) as store:
        _tell_of_runs(desk, store)


def _compared(restoration: Restoration) -> list[str]:
    """What is in the records and what is in the backup, side by side."""
    copy, now = restoration.copy, restoration.present
    rows = [("", "now", "backup")]
    rows += [
        (what, f"{now.numbers[what]:,}" if now and what in now.numbers else "?", f"{number:,}")
        for what, number in copy.numbers.items()
    ]
    rows.append(("last change", now.latest[:16] if now else "?", copy.latest[:16]))
    widths = [max(len(row[n]) for row in rows) for n in range(3)]
    return [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}".rstrip() for a, b, c in rows]


def _agree(*, yes: bool) -> None:
    from newsletter.cli.desk import CHOSEN

    if yes:
        return
    if CHOSEN.no_input or not sys.stdin.isatty():
        raise InputError(
            "restoring needs a confirmation, and nobody is there to ask", hint="add --yes"
        )
    say("Type restore to put the backup in their place, anything else cancels: ", quiet_at=-9)
    if sys.stdin.readline().strip() != "restore":
        raise CancelledError("cancelled; nothing was changed")


def _tell_of_runs(desk: Desk, store: Store) -> None:
    """Say which issues the backup knows less of than the files beside the issues."""
    from newsletter.cli.ledgers import expect_agreement

    try:
        expect_agreement(desk, store)
    except RefusedError as error:
        say(f"warning: {error}")
        say(f"hint: {error.hint}")
