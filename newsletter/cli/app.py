"""The commands in the order of `--help`, the global options, errors and exit codes."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from newsletter import __version__
from newsletter.cli.command import CommandEntry, CommandGroup, Commands, MadeWhenAsked
from newsletter.cli.show import VOICE, Colour, error
from newsletter.cli.unforeseen import foreseen
from newsletter.cli.usage import usage_error
from newsletter.errors import InputError, NewsletterError

WRITE, PEOPLE, SEND, RUN = "Write", "People", "Send", "Run"

#: The commands in the order of an author's day, and where they are.
_COMMANDS = {
    "init": CommandEntry("newsletter.cli.begin:init", WRITE),
    "new": CommandEntry("newsletter.cli.write:new", WRITE),
    "check": CommandEntry("newsletter.cli.write:check", WRITE),
    "preview": CommandEntry("newsletter.cli.write:preview", WRITE),
    "build": CommandEntry("newsletter.cli.write:build", WRITE),
    "test": CommandEntry("newsletter.cli.post:trial", WRITE),
    "issues": CommandEntry("newsletter.cli.issues:app", WRITE),
    "subscribers": CommandEntry("newsletter.cli.subscribers:app", PEOPLE),
    "send": CommandEntry("newsletter.cli.post:send", SEND),
    "approve": CommandEntry("newsletter.cli.ahead:approve", SEND),
    "cancel": CommandEntry("newsletter.cli.ahead:cancel", SEND),
    "status": CommandEntry("newsletter.cli.records:status", SEND),
    "retry": CommandEntry("newsletter.cli.records:retry", SEND),
    "stats": CommandEntry("newsletter.cli.stats:stats", SEND),
    "schedule": CommandEntry("newsletter.cli.ahead:schedule", SEND),
    "serve": CommandEntry("newsletter.cli.run:serve", RUN),
    "archive": CommandEntry("newsletter.cli.archive:app", RUN),
    "images": CommandEntry("newsletter.cli.images:app", RUN),
    "events": CommandEntry("newsletter.cli.events:app", RUN),
    "ses": CommandEntry("newsletter.cli.ses:app", RUN),
    "worker": CommandEntry("newsletter.cli.worker:worker", RUN),
    "doctor": CommandEntry("newsletter.cli.doctor:doctor", RUN),
    "settings": CommandEntry("newsletter.cli.run:settings", RUN),
    "db": CommandEntry("newsletter.cli.run:db", RUN),
}


class _Whole(CommandGroup):
    """`newsletter` itself."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401  # Typer's own
        super().__init__(**attributes | {"commands": MadeWhenAsked(_COMMANDS)})

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002  # Typer's signature
        return list(_COMMANDS)


app = Commands(
    name="newsletter",
    cls=_Whole,
    help="Write a newsletter in Markdown, send it through your own account, know who got it.",
    epilog="These options can also stand after the command: newsletter status -v",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
        # Else named after how it was started, and a hint would name what nobody can run.
        return app(prog_name="newsletter", standalone_mode=False) or 0
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
    # objects and again when all is done would be a quarter of a short command. Checking an issue
    # makes 160,000 of them before there is any garbage.
    gc.set_threshold(200_000)
    # No plugin of pydantic's sees the settings, passwords among them; nor is every package that is
    # installed asked whether it is one.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    code = main()
    gc.freeze()
    sys.exit(code)


def _usage(fault: typer.TyperException) -> int:
    """Tell a wrong flag like any other fault; a command alone has shown its help by now."""
    if words := " ".join(fault.format_message().split()):
        VOICE.json = "--json" in sys.argv
        told = usage_error(words, getattr(fault, "ctx", None))
        if "--due" in sys.argv:
            from newsletter.cli.trigger import tell

            tell(told)
        error(told)
    return InputError.exit_code
