"""The commands in the order of `--help`, the global options, errors and exit codes."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from newsletter import __version__
from newsletter.cli import (
    ahead,
    archive,
    arriving,
    begin,
    doctor,
    events,
    images,
    issues,
    post,
    records,
    run,
    ses,
    stats,
    subscribers,
    worker,
    write,
)
from newsletter.cli.command import CommandGroup, Commands
from newsletter.cli.show import VOICE, Colour, error
from newsletter.cli.unforeseen import foreseen
from newsletter.errors import InputError, NewsletterError

WRITE, PEOPLE, SEND, RUN = "Write", "People", "Send", "Run"

_ORDER = (
    "init", "new", "check", "preview", "build", "test", "issues", "subscribers", "send",
    "approve", "cancel", "status", "retry", "stats", "schedule", "serve", "archive", "images",
    "events", "ses", "worker", "doctor", "settings", "db",
)  # fmt: skip


class _InOrder(CommandGroup):
    """Lists commands in the order of an author's day; Typer puts groups last."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401  # Typer hides its context's type
        return sorted(super().list_commands(ctx), key=_ORDER.index)


app = Commands(
    name="newsletter",
    cls=_InOrder,
    help="Write a newsletter in Markdown, send it through your own account, know who got it.",
    epilog="These options can also stand after the command: newsletter status -v",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("init", rich_help_panel=WRITE)(begin.init)
app.command("new", rich_help_panel=WRITE)(write.new)
app.command("check", rich_help_panel=WRITE)(write.check)
app.command("preview", rich_help_panel=WRITE)(write.preview)
app.command("build", rich_help_panel=WRITE)(write.build)
app.command("test", rich_help_panel=WRITE)(post.trial)
app.add_typer(issues.app, name="issues", rich_help_panel=WRITE)
subscribers.app.command("form")(arriving.form)
subscribers.app.command("waiting")(arriving.waiting)
app.add_typer(subscribers.app, name="subscribers", rich_help_panel=PEOPLE)
app.command("send", rich_help_panel=SEND)(post.send)
app.command("approve", rich_help_panel=SEND)(ahead.approve)
app.command("cancel", rich_help_panel=SEND)(ahead.cancel)
app.command("status", rich_help_panel=SEND)(records.status)
app.command("retry", rich_help_panel=SEND)(records.retry)
app.command("stats", rich_help_panel=SEND)(stats.stats)
app.command("schedule", rich_help_panel=SEND)(ahead.schedule)
app.command("serve", rich_help_panel=RUN)(run.serve)
app.add_typer(archive.app, name="archive", rich_help_panel=RUN)
app.add_typer(images.app, name="images", rich_help_panel=RUN)
app.add_typer(events.app, name="events", rich_help_panel=RUN)
app.add_typer(ses.app, name="ses", rich_help_panel=RUN)
app.command("worker", rich_help_panel=RUN)(worker.worker)
app.command("doctor", rich_help_panel=RUN)(doctor.doctor)
app.command("settings", rich_help_panel=RUN)(run.settings)
app.add_typer(run.db, name="db", rich_help_panel=RUN)


def _version(wanted: bool) -> None:  # noqa: FBT001  # Typer's callback signature
    if wanted:
        typer.echo(f"newsletter {__version__}")
        raise typer.Exit


@app.callback()
def choose(
    directory: Annotated[
        Path,
        typer.Option("--directory", "-C", metavar="DIR", help="Work as if started in this folder."),
    ] = Path(),
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Read settings from this file.")
    ] = None,
    verbose: Annotated[
        int, typer.Option("--verbose", "-v", count=True, show_default=False, help="Show more.")
    ] = 0,
    quiet: Annotated[
        int, typer.Option("--quiet", "-q", count=True, show_default=False, help="Show less.")
    ] = 0,
    no_input: Annotated[bool, typer.Option("--no-input", help="Never ask; fail instead.")] = False,
    color: Annotated[Colour, typer.Option("--color", help="When to use colours.")] = Colour.AUTO,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback when something goes wrong.")
    ] = False,
    version: Annotated[  # noqa: ARG001  # handled by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Write a newsletter in Markdown, send it through your own account, know who got it."""
    from newsletter.cli.context import CONTEXT

    VOICE.colour, VOICE.verbosity, VOICE.debug = color, verbose - quiet, debug
    VOICE.json = False
    CONTEXT.directory, CONTEXT.config, CONTEXT.no_input = directory, config, no_input


def main() -> int:
    """Run one command and return its exit code; expected faults never show a traceback."""
    try:
        return app(standalone_mode=False) or 0
    except typer.TyperException as fault:
        return _usage(fault)
    except NewsletterError as fault:
        if VOICE.debug:
            raise
        error(fault)
        return fault.exit_code
    except Exception as bug:
        if VOICE.debug:
            raise
        error(foreseen(bug))
        return NewsletterError.exit_code


def run_and_exit() -> None:
    """The console script."""
    # Who closes a stream gets no file opened in its place, which would take what is printed.
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+", encoding="utf-8"))  # noqa: PTH123, SIM115
    # What a program is made of stays to the end: looking it through for garbage after every 700
    # objects and again when all is done would be a quarter of a short command.
    gc.set_threshold(50_000)
    code = main()
    gc.freeze()
    sys.exit(code)


def _usage(fault: typer.TyperException) -> int:
    """Tell a wrong flag like any other fault; a command alone has shown its help by now."""
    if words := " ".join(fault.format_message().split()):
        VOICE.json = "--json" in sys.argv
        command = getattr(getattr(fault, "ctx", None), "command_path", "newsletter")
        told = InputError(words.rstrip("."), hint=f"{command} --help")
        if "--due" in sys.argv:
            from newsletter.cli.trigger import tell

            tell(told)
        error(told)
    return InputError.exit_code
