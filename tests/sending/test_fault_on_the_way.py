"""What stops a run after mails have left never ends it with exit 2, which says that none was."""

from __future__ import annotations

import shutil

import pytest

from newsletter.delivery.deliver import Hand
from tests.support.schedule_fixtures import approved, at, folder, plain_environment, post, ready

__all__ = ["approved", "at", "folder", "plain_environment", "post", "ready"]

pytestmark = pytest.mark.processes


@pytest.mark.parametrize(("before", "code"), [(0, 2), (3, 6)])
def test_a_ledger_that_cannot_be_written_any_more_pauses_a_run_on_its_way(
    post, monkeypatch, before, code
):
    calls: list[object] = []
    real = Hand.deliver_next

    def watched(*words, **more):
        if len(calls) == before:
            shutil.rmtree(post.newsletter.root / "issues/.ledger")
        calls.append(words)
        return real(*words, **more)

    monkeypatch.setattr(Hand, "deliver_next", watched)
    ran = post.newsletter.send()
    assert (ran.code, ran.error[:6]) == (code, "error:")
    assert post.newsletter.states() == (
        {"queued": 25} if not before else {"accepted": before, "queued": 25 - before}
    )
    (post.newsletter.root / "issues/.ledger").mkdir()
    monkeypatch.setattr(Hand, "deliver_next", real)
    assert post.newsletter.send().code == 0
    assert post.newsletter.states() == {"accepted": 25}
