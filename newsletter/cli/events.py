"""`newsletter events`: what Amazon SES reports, fetched by hand."""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict
from typing import Annotated, Literal

import typer

from newsletter.cli.command import Commands
from newsletter.cli.show import VOICE, Console, result, result_json, say
from newsletter.cli.signals import ended_by_signal

app = Commands(help="What Amazon SES reports.", no_args_is_help=True)


@app.callback()
def _events() -> None:
    """What Amazon SES reports."""


@app.command("pull")
def pull(
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for more until Ctrl-C.")] = False,
    printed: Annotated[
        Literal["systemd"] | None,
        typer.Option(
            "--print",
            metavar="systemd",
            help="Print what keeps `events pull --follow` running here.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Fetch deliveries, bounces and complaints from the queue into the records."""
    from newsletter.cli.context import open_project, open_store, own_program
    from newsletter.events import pull as events
    from newsletter.server.front import ServiceCommand, events_unit
    from newsletter.ses.events import Pulled

    VOICE.json = as_json
    project = open_project()
    if printed:
        words = ("events", "pull", "--follow")
        service = ServiceCommand(folder=str(project.root), program=own_program(), words=words)
        result(events_unit(service).rstrip("\n"))
        return
    queue = events.require_queue(
        project, os.environ,
        hint="newsletter ses setup --write makes one; or set transport.ses.events_queue",
    )  # fmt: skip
    pulled = Pulled()  # counted on batch by batch, for a signal may end it
    with open_store(project, create=False) as store, contextlib.closing(queue), ended_by_signal():
        if follow:
            say("waiting for events (Ctrl-C ends it)")
        events.pull(project, store, queue, follow=follow, sums=pulled)
    events.warn_of_unusable(pulled, Console())
    if as_json:
        result_json(asdict(pulled))
    else:
        result(events.summary(pulled))
