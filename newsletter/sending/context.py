"""What a send is done with: the newsletter, its records, and whoever asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from newsletter.delivery import Attempt, Run
from newsletter.project import Project
from newsletter.reporter import Reporter
from newsletter.sending.result import Plan
from newsletter.store import Store
from newsletter.store.shares import RunProgress

#: Listens for the wish to stop for the length of a `with`, and tells whether it has come.
Stopping = Callable[[], AbstractContextManager[Callable[[], bool]]]


class SendReporter(Reporter, Protocol):
    """Hears how a send comes along."""

    def planned(self, plan: Plan) -> None:
        """Show what would go out, before anything does."""
        ...

    def progress(
        self, total: int, *, shared: bool = False
    ) -> AbstractContextManager[Callable[[Attempt], None]]:
        """Show how `total` deliveries come along: what it gives hears every try.

        Args:
            total: how many there are.
            shared: whether others send some of them, so that nobody knows how many leave from here.
        """
        ...

    def standing(self) -> AbstractContextManager[Callable[[RunProgress], None]]:
        """Show how a run of several machines comes along: what it gives hears it now and then."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SendContext:
    """What a send is done with.

    Attributes:
        project: the newsletter.
        store: its records, opened for reading only where it is a dry run.
        environ: the environment, for the transport.
        reporter: hears how it comes along.
        fetch_events: fetches what the provider has reported since last time.
        watch: pauses a run for what the provider reports, for the length of a `with`.
        stopping: listens for the wish to stop.
    """

    project: Project
    store: Store
    environ: Mapping[str, str]
    reporter: SendReporter
    fetch_events: Callable[[], None]
    watch: Callable[[Run], AbstractContextManager[None]]
    stopping: Stopping
