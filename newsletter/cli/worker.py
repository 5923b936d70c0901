"""`newsletter worker`: one of several machines that send an issue together."""

from __future__ import annotations

from typing import Annotated, Literal

import typer


def worker(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Send what is there to be sent now, then end.")
    ] = False,
    printed: Annotated[
        Literal["systemd"] | None,
        typer.Option("--print", metavar="systemd", help="Print what keeps a worker running here."),
    ] = None,
) -> None:
    """Help to send what `newsletter send` has begun, on as many machines as you like."""
    from newsletter.cli.context import open_project, open_store, own_program
    from newsletter.cli.sending import send_context
    from newsletter.cli.show import result, say
    from newsletter.cli.signals import Signals
    from newsletter.server.front import ServiceCommand, worker_unit
    from newsletter.workers import work

    project = open_project()
    if printed:
        service = ServiceCommand(folder=str(project.root), program=own_program(), words=("worker",))
        result(worker_unit(service).rstrip("\n"))
        return
    with open_store(project, create=False) as store:
        if not once:
            say("this worker helps with every send (Ctrl-C ends it)")
        work(send_context(project, store, Signals()), once=once)
