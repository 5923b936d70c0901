"""Commands about the machinery: serve, settings, db."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.show import VOICE, result, result_json, say, table
from newsletter.errors import InputError, Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from newsletter.cli.desk import Desk

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
    from newsletter.cli.desk import clock, open_desk
    from newsletter.cli.feedback import beside
    from newsletter.web import app, public

    desk = open_desk()
    phrases = _phrases(desk)
    with desk.store(create=False) as store:
        door = app.listen(host, port)

        def ready() -> None:
            say(f"serving on {app.url_of(door)} (Ctrl-C ends it)")
            if not desk.settings.site.public_url:
                say("hint: set site.public_url, or no mail will lead here")

        with beside(desk, store) if with_events else nullcontext():
            public.serve(store, desk.settings, clock, door, ready, phrases=phrases)


def _phrases(desk: Desk) -> Mapping[str, str]:
    """The author's own words for the pages; read before anything listens.

    Raises:
        InputError: their file cannot be read, or a phrase is wrong or missing.
    """
    from newsletter.store.phrases import read_phrases
    from newsletter.web.words import fault

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
    say("the records are up to date" if before == after else f"the records are now at {after}")


@db.command("rotate-key")
def rotate_key() -> None:
    """Sign links with a new key from now on; links in old mails keep working."""
    from newsletter.cli.desk import clock, open_desk

    with open_desk().store(create=False) as store:
        number = store.keys.rotate(now=clock())
    say(f"links are signed with key {number} from now on; make a backup of the records")


@db.command("backup")
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The new file.")],
) -> None:
    """Copy the records into a new file, also while a send is running."""
    from newsletter.cli.desk import given, open_desk

    target = given(file)
    with open_desk().store(create=False) as store:
        size = store.backup(target)
    say(f"{size:,} bytes: people, deliveries and the signing keys; keep it as you keep a password")
    result(str(target))
