"""What a worker says when something stands in its way: it stays, and nobody has to start it again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from newsletter import workers
from newsletter.errors import ForgottenError, NewsletterError, PausedError, UnreachableError


def _said(error: NewsletterError, *, before: Callable[[], object] = lambda: None) -> list[str]:
    """What a worker warns of that meets a fault twice, and is told to stop then."""
    told: list[str] = []
    met, looked = 0, 0

    def work() -> None:
        nonlocal met, looked
        met, looked = met + 1, 0
        before()
        raise error

    def stopped() -> bool:
        nonlocal looked
        looked += 1
        return met > 1 and looked > 1  # asked first before it warns

    def stopping() -> Any:
        return contextlib.nullcontext(stopped)

    context: Any = SimpleNamespace(
        reporter=SimpleNamespace(warn=told.append),
        store=SimpleNamespace(
            work=work, backend=SimpleNamespace(hurry=SimpleNamespace(heed=lambda _: None))
        ),
        stopping=stopping,
    )
    with contextlib.suppress(PausedError), pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "_LOOK_SECONDS", 0.0)
        workers.work(context, once=False)
    return told


def test_a_server_that_goes_away_is_told_once_whatever_its_causes():
    causes = iter(["its server is shutting down", "nothing listens there"])
    error = UnreachableError("the database cannot be reached any more")
    told = _said(error, before=lambda: setattr(error, "cause", next(causes)))
    assert len(told) == 1
    assert "(its server is shutting down)" in told[0]


@pytest.mark.parametrize("kind", [PausedError, UnreachableError])
def test_it_stays_and_asks_for_no_command(kind):
    [told] = _said(kind("the database is away", hint="run the same command again"))
    assert told == "the database is away; this worker stays, and goes on as soon as it can"


def test_what_a_person_must_do_is_said():
    [told] = _said(ForgottenError("mails were forgotten", hint="send the issue again"))
    assert told == "mails were forgotten; send the issue again"
