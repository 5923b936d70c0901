"""The commands in the order of `--help`, the global options, errors and exit codes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from newsletter import __version__
from newsletter.cli import people, post, run, write
from newsletter.cli.show import VOICE, Colour, error, say
from newsletter.errors import NewsletterError

WRITE, PEOPLE, SEND, RUN = "Write", "People", "Send", "Run"

_ORDER = ("init", "new", "check", "build", "subscribers", "send", "status", "settings", "db")


class _InOrder(TyperGroup):
    """Lists commands in the order of an author's day; Typer puts groups last."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401  # Typer hides its context's type
        return sorted(super().list_commands(ctx), key=_ORDER.index)


app = typer.Typer(
    name="newsletter",
    cls=_InOrder,
    help="Write a newsletter in Markdown, send it through your own account, know who got it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command("init", rich_help_panel=WRITE)(write.init)
app.command("new", rich_help_panel=WRITE)(write.new)
app.command("check", rich_help_panel=WRITE)(write.check)
app.command("build", rich_help_panel=WRITE)(write.build)
app.add_typer(people.app, name="subscribers", rich_help_panel=PEOPLE)
app.command("send", rich_help_panel=SEND)(post.send)
app.command("status", rich_help_panel=SEND)(post.status)
app.command("settings", rich_help_panel=RUN)(run.settings)
app.add_typer(run.db, name="db", rich_help_panel=RUN)


def _version(wanted: bool) -> None:  # noqa: FBT001  # Typer's callback signature
    if wanted:
        typer.echo(f"newsletter {__version__}")
        raise typer.Exit


@app.callback()
def choose(
    directory: Annotated[
        Path, typer.Option("--directory", "-C", help="Work as if started in this folder.")
    ] = Path(),
    config: Annotated[
        Path | None, typer.Option("--config", help="Read settings from this file.")
    ] = None,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Say more.")] = 0,
    quiet: Annotated[int, typer.Option("--quiet", "-q", count=True, help="Say less.")] = 0,
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Never ask; fail where a question would be.")
    ] = False,
    color: Annotated[Colour, typer.Option("--color", help="When to colour.")] = Colour.AUTO,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show everything when something goes wrong.")
    ] = False,
    version: Annotated[  # noqa: ARG001  # handled by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version.")
    ] = False,
) -> None:
    """Write a newsletter in Markdown, send it through your own account, know who got it."""
    from newsletter.cli.desk import CHOSEN

    VOICE.colour, VOICE.verbosity, VOICE.debug = color, verbose - quiet, debug
    CHOSEN.directory, CHOSEN.config, CHOSEN.no_input = directory, config, no_input


def main() -> int:
    """Run one command and return its exit code; expected faults never show a traceback."""
    try:
        app(standalone_mode=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except NewsletterError as fault:
        if VOICE.debug:
            raise
        error(fault)
        return fault.exit_code
    except KeyboardInterrupt:
        return 130
    except Exception as bug:
        if VOICE.debug:
            raise
        return _unexpected(bug)
    return 0


def run_and_exit() -> None:
    """The console script."""
    sys.exit(main())


def _unexpected(bug: Exception) -> int:
    """Keep the traceback in a file: it may hold addresses, and a terminal is read by others."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="newsletter-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.write("".join(traceback.format_exception(bug)))
    say(f"error: something unexpected happened ({type(bug).__name__})", quiet_at=-9)
    say(f"hint: the details are in {log.name}; --debug shows them here", quiet_at=-9)
    return 1
