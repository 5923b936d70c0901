"""A person cancels an issue while another one's send of it gets ready."""

from __future__ import annotations

import pytest

from newsletter.sending import run as sending
from tests.support.cli_fixtures import Folder, folder, plain_environment
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd

__all__ = ["folder", "plain_environment"]

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("step", ["_publish_pictures", "_expect_server"])
@pytest.mark.parametrize("words", [(), ("--again",)])
def test_who_cancels_has_the_last_word(
    folder: Folder, step: str, words: tuple[str, ...], *, begun: bool
) -> None:
    """Pictures go up for minutes, and a mail server is called: nothing is begun by then."""
    folder.imported()
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(folder, port)
        if begun:
            assert folder.send("--limit", "5").code == 6
        there = len(keeper.mails)
        usual, ran = getattr(sending, step), []

        def meanwhile(*given, **more):
            usual(*given, **more)
            ran.append(folder.run("cancel", "--issue", "74"))

        with folder.patch.context() as patch:
            patch.setattr(sending, step, meanwhile)
            found = folder.send(*words)
        assert [one.code for one in ran] == [0]
        assert (found.code, found.error) == (8, "error: issue 74 was cancelled")
        assert len(keeper.mails) == there
        assert "cancelled" in folder.run("status", "--issue", "74").out
        # Whoever sends it after that has seen it.
        assert folder.send().code == 0
    assert len(keeper.mails) == len({to[0] for _, to, _ in keeper.mails}) == 25
