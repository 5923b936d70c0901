"""Mail through a mail server: what arrives, what is asked, and what every answer means."""

from __future__ import annotations

import contextlib
import select
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from newsletter.delivery import Effect, Outcome, Result
from newsletter.message import Message
from newsletter.smtp import Security, Server, SmtpTransport
from tests.support.commands import HANGS
from tests.support.smtp_servers import (
    HANG_UP,
    SAY_NO_MORE,
    STALL,
    Keeper,
    Late,
    Scripted,
    aiosmtpd,
    scripted,
)

pytestmark = pytest.mark.processes

HEAD = b"Date: Sun, 22 Nov 2026 08:00:00 +0000\r\nMessage-ID: <74.1@example.org>\r\n\r\n"
DATA = HEAD + b"Hello.\r\n"
#: More than any socket holds: its sender waits until somebody reads.
HUGE = HEAD + b"All work and no play.\r\n" * 400_000
PASSWORD = "correct horse"
LOGINS = "250-here\r\n250 AUTH PLAIN LOGIN"


def mail(to: str = "ada@example.com", data: bytes = DATA) -> Message:
    return Message(
        issue=74, position=1, attempt=1, sender="wren@example.org", to=to, pieces=(data,)
    )


@contextlib.contextmanager
def transport(
    port: int, security: Security = "none", host: str = "127.0.0.1", **options: Any
) -> Iterator[SmtpTransport]:
    login = {name: options.pop(name) for name in ("username", "password") if name in options}
    server = Server(host=host, port=port, security=security, **login)
    through = SmtpTransport(server, **{"timeout": HANGS, "patience": HANGS, **options})
    try:
        yield through
    finally:
        through.close()


def handed(server: Scripted, message: Message | None = None, **options: Any) -> Outcome:
    """What comes of one mail."""
    with transport(server.port, **options) as through:
        return through.deliver(message or mail())


def meaning(outcome: Outcome) -> tuple[Result, Effect]:
    return outcome.result, outcome.effect


ABORTED = (Result.NOT_SENT, Effect.ABORT)
DEFERRED = (Result.DEFERRED, Effect.GO_ON)
BACKED_OFF = (Result.DEFERRED, Effect.BACK_OFF)
REFUSED = (Result.REFUSED, Effect.GO_ON)
UNKNOWN = (Result.UNKNOWN, Effect.GO_ON)


# --- what arrives ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"Hello.\r\n",
        b".\r\n",
        b"..\r\n.two\r\n\r\n.\r\n",
        b"a\r\n.\r\nMAIL FROM:<x@example.org>\r\n",
        b"soft=\r\n.com ends a line\r\n",
        b"\r\n\r\n",
    ],
)
def test_a_mail_arrives_byte_for_byte_whatever_its_dots(body):
    keeper = Keeper()
    with aiosmtpd(keeper) as port, transport(port) as through:
        outcome = through.deliver(mail(data=HEAD + body))
    assert keeper.mails == [("wren@example.org", ["ada@example.com"], HEAD + body)]
    assert outcome == Outcome(result=Result.ACCEPTED, message_id="74.1@example.org")


def test_a_mail_that_ends_without_a_line_end_gets_one():
    keeper = Keeper()
    with aiosmtpd(keeper) as port, transport(port) as through:
        assert through.deliver(mail(data=HEAD + b"Hello")).result is Result.ACCEPTED
        assert through.deliver(mail(data=b"\r\nno name\r\n")).message_id == "unnamed"
    assert keeper.mails[0][2] == HEAD + b"Hello\r\n"


def test_a_huge_mail_arrives_whole():
    with scripted() as server:
        assert handed(server, mail(data=HUGE)).result is Result.ACCEPTED
    assert server.mails == [HUGE]


def test_one_connection_carries_many_mails_one_after_another():
    keeper = Keeper()
    addresses = [f"reader{n}@example.com" for n in range(50)]
    with aiosmtpd(keeper) as port, transport(port) as through:
        results = {through.deliver(mail(to=address)).result for address in addresses}
    assert results == {Result.ACCEPTED}
    assert [to for _, [to], _ in keeper.mails] == addresses
    assert len(set(keeper.connections)) == 1
    assert keeper.resets == 0


def test_each_step_is_asked_in_order_and_the_session_ends_politely():
    with scripted() as server:
        with transport(server.port) as through:
            through.deliver(mail())
            through.deliver(mail(to="bob@example.com"))
        one = ["MAIL", "RCPT", "DATA"]
        assert server.verbs() == ["EHLO", *one, *one, "QUIT"]
        assert server.connections == 1


def test_a_transport_that_is_let_go_says_goodbye_by_itself():
    with scripted() as server:
        # Nobody calls close(); an open socket left to the collector would be an error here.
        assert (
            SmtpTransport(Server(host="127.0.0.1", port=server.port, security="none"))
            .deliver(mail())
            .result
            is Result.ACCEPTED
        )
    assert server.verbs()[-1] == "QUIT"


def test_threads_share_connections_but_never_at_the_same_time():
    with scripted() as server:
        with transport(server.port) as through:

            def work() -> None:
                results.extend(through.deliver(mail()).result for _ in range(10))

            results: list[Result] = []
            hands = [threading.Thread(target=work) for _ in range(4)]
            for hand in hands:
                hand.start()
            for hand in hands:
                hand.join()
        assert results == [Result.ACCEPTED] * 40
        assert len(server.mails) == 40
        assert server.connections <= 4
        assert server.verbs().count("QUIT") == server.connections


# --- used again ------------------------------------------------------------------------------


def test_a_connection_idle_for_too_long_is_left_for_a_new_one():
    with scripted() as server:
        with transport(server.port, idle=0.0) as through:
            through.deliver(mail())
            through.deliver(mail())
        assert server.connections == 2
        assert server.verbs().count("MAIL") == server.verbs().count("QUIT") == 2


@pytest.mark.parametrize(
    "answer",
    [HANG_UP, "421 too long idle", "452 too many mails", "550 of before", "500 what", "nonsense"],
)
def test_a_connection_that_went_while_idle_costs_nothing(answer):
    fine = "250 ok"
    with scripted(MAIL=[fine, answer, fine, answer, fine]) as server:
        with transport(server.port) as through:
            results = [through.deliver(mail()).result for _ in range(3)]
        assert results == [Result.ACCEPTED] * 3
        assert len(server.mails) == server.connections == 3


class Hasty(Keeper):
    """Closes what is idle for a moment after a mail, and nothing in the middle of one."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        server._reset_timeout(0.3)
        return await super().handle_DATA(server, session, envelope)


def test_a_server_that_closes_what_is_idle_loses_no_mail():
    keeper = Hasty()
    with aiosmtpd(keeper) as port, transport(port) as through:
        for _ in range(3):
            assert through.deliver(mail()).result is Result.ACCEPTED
            sock = through._idle[-1].session.sock
            assert sock is not None
            assert select.select([sock], [], [], HANGS)[0], "the server keeps idle connections"
    assert len(keeper.mails) == len(set(keeper.connections)) == 3


def test_a_refusal_before_the_mail_leaves_the_connection_usable():
    with scripted(RCPT=["550 nobody", "450 later", "250 ok"]) as server:
        with transport(server.port) as through:
            results = [through.deliver(mail()).result for _ in range(3)]
        assert results == [Result.REFUSED, Result.DEFERRED, Result.ACCEPTED]
        assert server.connections == 1
        again = ["RSET", "MAIL", "RCPT"]
        assert server.verbs() == ["EHLO", "MAIL", "RCPT", *again, *again, "DATA", "QUIT"]


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_after_421_the_next_mail_goes_over_a_new_connection(verb):
    script: dict[str, Any] = {verb: ["421 closing", _GOOD[verb]]}
    with scripted(**script) as server:
        with transport(server.port) as through:
            first, second = through.deliver(mail()), through.deliver(mail())
        assert meaning(first) == DEFERRED
        assert first.reason == "SMTP 421"
        assert second.result is Result.ACCEPTED
        assert server.connections == 2


_GOOD = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on"}


# --- what an answer means --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "expected", "reason"),
    [
        ({"greeting": "421 busy"}, BACKED_OFF, "the mail server takes no mail now (SMTP 421)"),
        ({"greeting": "554 no"}, ABORTED, "the mail server takes no mail from here (SMTP 554)"),
        ({"greeting": "nonsense"}, BACKED_OFF, "the mail server's answer makes no sense"),
        ({"EHLO": "451 later", "HELO": "451 later"}, BACKED_OFF, "the mail server takes no mail now (SMTP 451)"),
        ({"EHLO": "550 no", "HELO": "550 no"}, ABORTED, "the mail server takes no mail from here (SMTP 550)"),
        ({"MAIL": "450 later"}, DEFERRED, "SMTP 450"),
        ({"RCPT": "450 greylisted"}, DEFERRED, "SMTP 450"),
        ({"DATA": "451 later"}, DEFERRED, "SMTP 451"),
        ({"dot": "452 full"}, DEFERRED, "SMTP 452"),
        ({"MAIL": "550 not you"}, ABORTED, "the sender is refused (SMTP 550)"),
        ({"MAIL": "530 5.7.0 log in"}, ABORTED, "the mail server wants a log-in (SMTP 530)"),
        ({"RCPT": "550 nobody"}, REFUSED, "SMTP 550"),
        ({"DATA": "554 no"}, REFUSED, "SMTP 554"),
        ({"dot": "554 spam"}, REFUSED, "SMTP 554"),
        ({"MAIL": "354 go on"}, BACKED_OFF, "the mail server's answer makes no sense"),
        ({"RCPT": "354 go on"}, BACKED_OFF, "the mail server's answer makes no sense"),
        ({"DATA": "250 ok"}, BACKED_OFF, "the mail server's answer makes no sense"),
        ({"RCPT": "nonsense"}, BACKED_OFF, "the mail server's answer makes no sense"),
        ({"dot": "nonsense"}, UNKNOWN, "the mail server's answer makes no sense, after the whole mail"),
        ({"dot": "354 go on"}, UNKNOWN, "SMTP 354"),
        ({"dot": "2" * 9000}, UNKNOWN, "the mail server's answer makes no sense, after the whole mail"),
    ],
)  # fmt: skip
def test_an_answer_means_what_the_table_says(script, expected, reason):
    with scripted(**script) as server:
        outcome = handed(server)
    assert meaning(outcome) == expected
    assert outcome.reason == reason
    assert outcome.message_id == ""


@pytest.mark.parametrize("code", ["250", "251"])
def test_a_recipient_that_is_forwarded_is_taken(code):
    with scripted(RCPT=f"{code} ok") as server:
        assert handed(server).result is Result.ACCEPTED


def test_a_server_without_ehlo_is_spoken_to_as_in_the_old_days():
    with scripted(EHLO="500 what") as server:
        assert handed(server).result is Result.ACCEPTED
    assert server.verbs()[:2] == ["EHLO", "HELO"]


# --- lost on the way -------------------------------------------------------------------------


#: How a talk ends, and what is said of it.
ENDS = {HANG_UP: "the mail server hung up", STALL: "the mail server did not answer in time"}


@pytest.mark.parametrize("verb", ["greeting", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("end", ENDS)
def test_lost_before_the_mail_is_deferred(verb, end):
    with scripted(**{verb: end}) as server:
        outcome = handed(server, timeout=0.2 if end == STALL else HANGS)
    assert meaning(outcome) == BACKED_OFF
    assert outcome.reason == ENDS[end]
    assert server.mails == []


@pytest.mark.parametrize("end", [HANG_UP, SAY_NO_MORE, STALL])
def test_lost_in_the_middle_of_the_mail_is_deferred(end):
    with scripted(in_data=end) as server:
        # Whoever reads to the end must have the time to.
        outcome = handed(server, mail(data=HUGE), timeout=0.3 if end == STALL else HANGS)
    assert meaning(outcome) == BACKED_OFF
    assert outcome.reason.startswith(ENDS.get(end, ENDS[HANG_UP]))
    assert server.mails == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("552 too big", REFUSED),
        ("552-too\r\n552 big", REFUSED),
        ("552 too big\r\n421 bye", REFUSED),
        ("451 later", DEFERRED),
        # Without the dot there is no mail, whatever the server says.
        ("250 taken", BACKED_OFF),
        ("nonsense", BACKED_OFF),
        ("552 too big\r\n250 taken", BACKED_OFF),
        ("451 later\r\n250 taken", BACKED_OFF),
    ],
)
def test_an_answer_in_the_middle_of_the_mail_ends_it_without_the_dot(answer, expected):
    with scripted(in_data=answer) as server:
        outcome = handed(server, mail(data=HUGE))
    assert meaning(outcome) == expected
    assert server.mails == []


@pytest.mark.parametrize("end", ENDS)
def test_lost_after_the_final_dot_is_unknown(end):
    with scripted(dot=end) as server:
        outcome = handed(server, patience=0.2 if end == STALL else HANGS)
    assert meaning(outcome) == UNKNOWN
    assert outcome.reason == f"{ENDS[end]}, after the whole mail"
    assert server.mails == [DATA], "one submission, and no second try"


def test_the_answer_to_a_whole_mail_has_more_time_than_the_others():
    with scripted(dot=Late("250 ok", 4.0)) as server:
        assert handed(server, timeout=3.0, patience=HANGS).result is Result.ACCEPTED
    assert server.mails == [DATA]


def test_a_step_has_a_minute_and_the_answer_to_a_whole_mail_ten():
    begin: Any = SmtpTransport.__init__
    assert (begin.__kwdefaults__["timeout"], begin.__kwdefaults__["patience"]) == (60, 600)


def test_nobody_listening_is_deferred():
    with scripted() as server:
        port = server.port
    with transport(port) as through:
        outcome = through.deliver(mail())
    assert meaning(outcome) == BACKED_OFF
    assert (
        outcome.reason
        == f"the mail server 127.0.0.1:{port} cannot be reached (it refuses connections)"
    )


def test_a_host_name_that_is_none_ends_the_run():
    with transport(25, host="a..example.org") as through:
        outcome = through.deliver(mail())
    assert meaning(outcome) == ABORTED
    assert outcome.reason == "the mail server's name or the log-in is not ASCII"
