"""`newsletter init`: a few questions, then a newsletter to begin with."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer

from newsletter import clocks, moments
from newsletter.cli.show import result, say
from newsletter.errors import CancelledError, InputError, Place

if TYPE_CHECKING:
    from newsletter.exports.posts import ExportFiles

Answer = TypeVar("Answer")


class Rhythm(StrEnum):
    """How often issues are due."""

    NONE = "none"
    WEEKLY = "weekly"
    BIWEEKLY = "biweekly"
    MONTHLY = "monthly"


class ShippedTheme(StrEnum):
    """The themes that come with the program."""

    MAGAZINE = "magazine"
    LETTER = "letter"


_FLAGS = {
    "site.name": "--name",
    "sender.from_name": "--from-name",
    "sender.from_address": "--from-address",
    "site.postal_address": "--postal-address",
    "site.language": "--language",
    "site.timezone": "--timezone",
}
_QUESTIONS = {
    "site.name": "What is the newsletter called?",
    "sender.from_name": "Who is it from? The name readers see",
    "sender.from_address": "Which address does it come from?",
    "site.postal_address": "Which postal address stands in each mail? Many laws want one",
    "site.language": "Which language is it in? A tag such as en or pt-BR",
    "site.timezone": "Which time zone do you live in?",
}


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="The folder to fill.")
    ] = Path(),
    *,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What the newsletter is called.")
    ] = None,
    from_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The name readers see as the sender.")
    ] = None,
    from_address: Annotated[
        str | None, typer.Option(metavar="ADDR", help="The address mails come from.")
    ] = None,
    postal_address: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The postal address in each mail.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(metavar="TAG", help="The language, such as en or pt-BR.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="The time zone, such as Europe/Amsterdam.")
    ] = None,
    rhythm: Annotated[
        Rhythm | None, typer.Option(help="How often issues are due; none: when you send them.")
    ] = None,
    first: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="The day of one issue, from which the rhythm counts."),
    ] = None,
    theme: Annotated[
        ShippedTheme,
        typer.Option(help="A magazine with a title card, or a plain letter."),
    ] = ShippedTheme.MAGAZINE,
    past: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Bring the past issues of an earlier service, as newsletter issues import does.",
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing; what no flag tells can be set later.")
    ] = False,
) -> None:
    """Make a new newsletter: settings, theme, a first issue; nothing is overwritten."""
    from newsletter.check.placeholder import PLACEHOLDERS
    from newsletter.cli.context import CONTEXT, from_directory
    from newsletter.project import files, git, scaffold

    root = from_directory(directory)
    _expect_none(root.resolve())  # a link may lead into another newsletter
    export = _export(from_directory(past)) if past else None
    flags = {
        "site.name": name, "sender.from_name": from_name, "sender.from_address": from_address,
        "site.postal_address": postal_address, "site.language": language,
        "site.timezone": timezone,
    }  # fmt: skip
    told = {
        key: _read(key, value, _FLAGS[key]) for key, value in flags.items() if value is not None
    }
    day = None if first is None else _day(first, "--first")
    if not yes and not CONTEXT.no_input and sys.stdin.isatty():
        with _cancelled_by_ctrl_c():
            told |= _ask_settings(told)
            rhythm = rhythm or _ask_rhythm()
            if rhythm is not Rhythm.NONE and day is None:
                day = _ask_day(_next_sunday(told))
    chosen = rhythm or Rhythm.NONE
    if day is not None and chosen is Rhythm.NONE:
        raise InputError("--first counts from nothing without a rhythm", hint="add --rhythm weekly")
    made = _contents(told, chosen, day, theme)
    if export:
        made = {place: data for place, data in made.items() if not place.startswith(files.ISSUES)}
    for place, data in made.items():
        said = "made" if files.write_new(root / place, data) else "kept"
        say(f"{said} {root / place}")
    if git.begin(root):
        say(f"made {root / '.git'}")
    left = [key for key in PLACEHOLDERS if key in scaffold.ASKED and key not in told]
    if export:
        _bring(root, export, left)
    else:
        _say_next(root, left)
    result(str(root / files.CONFIG))


def _contents(
    told: dict[str, str], rhythm: Rhythm, first: dt.date | None, look: ShippedTheme
) -> dict[str, bytes]:
    """The files of a new newsletter by their path."""
    from newsletter.project import scaffold

    made = scaffold.contents(
        told, rhythm=rhythm.value, first=first or _next_sunday(told), look=look.value
    )
    return made if rhythm is Rhythm.NONE else scaffold.dated(made, clocks.now())


def _export(path: Path) -> ExportFiles:
    """An export that can be read, looked at before anything is made."""
    from newsletter.exports.services import read_export
    from newsletter.project.exports import open_export

    found = open_export(path)
    read_export(found, "")
    return found


def _bring(root: Path, export: ExportFiles, left: list[str]) -> None:
    """Fill a newsletter that was just made with its past."""
    from newsletter.cli.issues import show
    from newsletter.project import Project, files
    from newsletter.publishing.past_issues import import_issues
    from newsletter.settings import load

    project = Project(root, load(files.read_config(root), environ={}))
    today = project.today(clocks.now())
    done = import_issues(project, export, site="", first=None, today=today, dry_run=False)
    show(project, done, dry_run=False, where=_where(root))
    if left:
        say(f"no real mail leaves before these are set in newsletter.toml: {', '.join(left)}")


def _expect_none(root: Path) -> None:
    from newsletter.project import files

    try:
        found = files.find_root(root)
    except InputError:
        return
    if found == root.absolute():
        raise InputError(
            "this folder holds a newsletter already",
            place=Place(str(root)),
            hint='newsletter new "A title" starts an issue',
        )
    beside = shlex.quote(str(found.parent / root.name))
    raise InputError(
        f"this folder lies inside the newsletter {found}",
        place=Place(str(root)),
        hint=f'newsletter new "A title" starts an issue of that; another one goes beside it: '
        f"newsletter init {beside}",
    )


def _read(key: str, text: str, name: str) -> str:
    """A value for a setting; where it cannot be one, the fault speaks of `name`."""
    from newsletter.project import scaffold

    if not text.strip():
        raise InputError(f"{name} is empty", hint="leave it out to set it later")
    try:
        return scaffold.read(key, text)
    except InputError as error:
        # Nobody has seen the file that the setting will stand in.
        hint = re.sub(r"^write it like this: \w+ = ", "write it like this: ", error.hint or "")
        raise InputError(error.message.replace(f'"{key}"', name), hint=hint) from error


def _day(text: str, name: str) -> dt.date:
    try:
        return moments.day(text.strip())
    except ValueError:  # a day out of range is one, too
        if moments.is_no_day(text.strip()):
            raise InputError(
                f"{name} is a day that does not exist", hint="see its month and day"
            ) from None
        raise InputError(f"{name} is not a date", hint="write it like this: 2026-11-22") from None


def _next_sunday(told: dict[str, str]) -> dt.date:
    from newsletter.project import scaffold

    zone = ZoneInfo(told.get("site.timezone", "UTC"))
    return scaffold.next_sunday(clocks.now().astimezone(zone).date())


# --- questions -------------------------------------------------------------------------------


def _ask_settings(told: dict[str, str]) -> dict[str, str]:
    from newsletter.project import scaffold

    say("A few questions. Enter alone takes what stands in brackets; newsletter.toml keeps it all.")
    offered = {"site.language": "en", "site.timezone": scaffold.local_timezone()}
    answers: dict[str, str] = {}
    for key, question in _QUESTIONS.items():
        if key in told:
            continue
        answer = _ask(question, offered.get(key, "later"), partial(_read, key, name="this"))
        if answer is not None:
            answers[key] = answer
        elif key in offered:
            answers[key] = offered[key]
    return answers


def _ask_rhythm() -> Rhythm:
    def read(text: str) -> Rhythm:
        found = next((one for one in Rhythm if one.value.startswith(text.lower())), None)
        if found is None:
            raise InputError("this is no rhythm", hint="none, weekly, biweekly or monthly")
        return found

    question = "How often does it come? none, weekly, biweekly or monthly"
    return _ask(question, Rhythm.NONE.value, read) or Rhythm.NONE


def _ask_day(offered: dt.date) -> dt.date:
    question = "On which day is the first issue? The others are counted from it"
    return _ask(question, str(offered), lambda text: _day(text, "this")) or offered


def _ask(question: str, offered: str, read: Callable[[str], Answer]) -> Answer | None:
    """What was answered, None for Enter alone; asked again while it cannot be read."""
    while True:
        say(f"{question} [{offered}]")
        line = sys.stdin.readline()
        if not line:
            raise CancelledError("cancelled; nothing was made")
        if not line.strip():
            return None
        try:
            return read(line.strip())
        except InputError as error:
            say(f"{error.message}; {error.hint}" if error.hint else error.message)


@contextlib.contextmanager
def _cancelled_by_ctrl_c() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise CancelledError("cancelled; nothing was made") from None


def _where(root: Path) -> str:
    """What a command needs to find the newsletter."""
    return "" if root == Path() else f" -C {shlex.quote(str(root))}"


def _say_next(root: Path, left: list[str]) -> None:
    where = _where(root)
    say()
    if left:
        say(f"no real mail leaves before these are set in newsletter.toml: {', '.join(left)}")
    say("next: see the first issue as it will arrive")
    say(f"  newsletter{where} preview --issue 1")
    say("then import a list and rehearse; nothing leaves this machine")
    example = "subscribers/example.csv"
    say(f'  newsletter{where} subscribers import {example} --consent-source "an invented list"')
    say(f"  newsletter{where} send --issue 1")
