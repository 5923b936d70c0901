"""Two machines that send one issue with records on a server, both in this process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from newsletter.audience import MAILABLE
from newsletter.delivery import Run
from newsletter.project import high_water
from newsletter.store import Store, claims, freezing, imports, runs
from tests.support.store_samples import NOW, a_content, people

#: How the mails of their run leave.
WAY = "smtp"


@contextlib.contextmanager
def two_machines(url: str, place: Path) -> Iterator[tuple[Store, Store, Run]]:
    """One that leads a run for twelve people, and one that helps.

    Args:
        url: of an empty store.
        place: for a folder of each.
    """
    with (
        Store.open(f"{url}&folder={place}/a") as leader,
        Store.open(f"{url}&folder={place}/b") as worker,
        leader.lock(),
        worker.work(),
    ):
        imports.add(leader, people(12), source="test", now=NOW)
        run = freezing.start(
            leader, a_content(), rehearsal=False, transport="smtp", eligible=MAILABLE, expect=None,
            now=NOW, occurrence=None,
        )  # fmt: skip
        runs.share(leader, run, WAY)
        reached, counts = claims.reached(leader, run), runs.counts(leader, run)
        marks = [
            high_water.write(place / name, run, counts, reached, occurrence=None) for name in "ab"
        ]
        with leader.marked(marks[0]), worker.marked(marks[1], way=WAY):
            yield leader, worker, run
