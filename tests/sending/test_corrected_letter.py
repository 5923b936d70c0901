"""A letter that was corrected after it was begun: what to do depends on whether anybody has it."""

from __future__ import annotations

from typing import Any

import pytest

from newsletter.cli.context import open_project
from newsletter.cli.sending import send_issue
from newsletter.delivery import Outcome
from newsletter.delivery.outcomes import Verdict, judged
from newsletter.errors import AccountError, RefusedError
from newsletter.message import Message
from newsletter.sending import transports
from newsletter.sending.options import SendOptions
from tests.support.cli_fixtures import ISSUE, Folder, folder, plain_environment, ready
from tests.support.postbox import Postbox

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes


class Server(Postbox):
    """A way out that says of each mail what it is told to; it takes what it is told nothing of."""

    def __init__(self) -> None:
        super().__init__()
        self.says: list[Verdict] = []
        self.mails: list[Message] = []

    def deliver(self, message: Message) -> Outcome:
        if self.says:
            return judged(self.says.pop(0), "so it is")
        self.mails.append(message)
        return super().deliver(message)


@pytest.fixture
def server(ready: Folder, monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "smtp")
    monkeypatch.setenv("NEWSLETTER_TRANSPORT__SMTP__HOST", "smtp.example.org")
    monkeypatch.setattr(transports, "open_transport", lambda *_: made)
    return made


def send(folder: Folder, issue: int = 74, **named: Any) -> int:
    folder.run("settings")  # chooses this folder
    return send_issue(open_project(), SendOptions(issue=issue, **named), confirmed=issue)


def correct(folder: Folder) -> None:
    folder.edit(ISSUE, "Put the kettle on", "Put the lamp out")


def test_where_nobody_has_got_it_another_number_is_the_way(server, ready):
    server.says = [Verdict.FATAL]
    with pytest.raises(AccountError):
        send(ready)
    correct(ready)
    with pytest.raises(RefusedError) as caught:
        send(ready)
    assert str(caught.value.hint) == (
        "nobody has got it yet: put back what was begun; or send the corrected letter under "
        "another number, after newsletter cancel --issue 74"
    )
    assert ready.run("cancel", "--issue", "74").code == 0
    ready.edit(ISSUE, "number: 74\n", "number: 99\n")
    (ready.root / ISSUE).rename(ready.root / ISSUE.replace("074", "099"))
    assert send(ready, issue=99) == 0
    assert len(set(server.taken)) == len(server.taken) == 25
    assert all(b"Put the lamp out" in one.data for one in server.mails)


@pytest.mark.parametrize(
    "first", [Verdict.ACCEPTED, Verdict.UNPROVEN, Verdict.REFUSED, "unknown, then queued again"]
)
def test_where_somebody_may_have_got_it_the_rest_get_the_same(server, ready, first):
    again = not isinstance(first, Verdict)
    server.says = [Verdict.UNPROVEN] if again else [first] if first is not Verdict.ACCEPTED else []
    assert send(ready, limit=1) in {6, 9}
    if again:
        words = ("--unknown", "--accept-duplicates", "--confirm", "1")
        assert ready.run("retry", "--issue", "74", *words).code == 0
    had = len(server.taken)
    correct(ready)
    with pytest.raises(RefusedError) as caught:
        send(ready)
    assert "put back what was sent first" in str(caught.value.hint)
    assert len(server.taken) == had
