"""A mail server that is out of step: what it says must never be taken for another mail's answer."""

from __future__ import annotations

import smtplib
import ssl
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.delivery import Effect, Outcome, Result
from newsletter.smtp.session import Session, SessionError
from tests.sending.test_smtp import (
    BACKED_OFF,
    DATA,
    DEFERRED,
    HEAD,
    LOGINS,
    PASSWORD,
    REFUSED,
    UNKNOWN,
    handed,
    mail,
    meaning,
    transport,
)
from tests.support.certificates import certificate, server_side
from tests.support.effort import examples
from tests.support.smtp_servers import HANG_UP, scripted

__all__ = ["certificate"]

pytestmark = pytest.mark.processes

ACCEPTED = (Result.ACCEPTED, Effect.GO_ON)
SPOKE = "the mail server spoke before it was asked"
NONSENSE = "the mail server's answer makes no sense"
ADA: dict[str, Any] = {"username": "ada", "password": PASSWORD}


# --- before the dot --------------------------------------------------------------------------

#: An answer to more than was asked, in one segment: the dot is not sent, so nothing is accepted.
TOO_EARLY: dict[str, dict[str, Any]] = {
    "greeting": {"greeting": "220 ready\r\n250 here"},
    "EHLO": {"EHLO": "250-here\r\n250 HELP\r\n250 ok"},
    "MAIL": {"MAIL": "250 ok\r\n250 ok"},
    "MAIL no": {"MAIL": "550 not you\r\n250 ok"},
    "RCPT": {"RCPT": "250 ok\r\n354 go on"},
    "RCPT no": {"RCPT": "550 nobody\r\n250 ok"},
    "RCPT later": {"RCPT": "450 later\r\n250 ok"},
    "354 250": {"DATA": "354 go on\r\n250 taken"},
    "354 451": {"DATA": "354 go on\r\n451 later"},
    "354 554": {"DATA": "354 go on\r\n554 no"},
    "354 garbage": {"DATA": "354 go on\r\nnonsense"},
    "354 half a line": {"DATA": "354 go on\r\n25"},
    "354 empty line": {"DATA": "354 go on\r\n"},
    "DATA no": {"DATA": "554 no\r\n354 go on"},
}


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("name", TOO_EARLY)
def test_an_answer_to_what_was_not_asked_yet_ends_the_session(
    name, encrypted, certificate, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls = server_side(certificate) if encrypted else None
    with scripted(tls=tls, **TOO_EARLY[name]) as server:
        outcome = handed(server, security="tls" if encrypted else "none")
    assert meaning(outcome) == BACKED_OFF
    assert outcome.reason in {SPOKE, NONSENSE}
    assert server.mails == []
    asked = {"greeting": [], "354": ["DATA"]}.get(name.split()[0], [name.split()[0]])
    assert server.verbs()[-1:] == asked, "nothing more is asked, not even to end it"


def test_the_next_mail_after_such_an_answer_goes_over_a_new_connection():
    with scripted(DATA=["354 go on\r\n250 taken", "354 go on"]) as server:
        with transport(server.port) as through:
            outcomes = [meaning(through.deliver(mail())) for _ in range(2)]
        assert outcomes == [BACKED_OFF, ACCEPTED]
        assert (server.connections, server.mails) == (2, [DATA])


def test_what_stands_in_clear_behind_the_last_words_before_encryption_is_not_believed(
    certificate, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    offers = "250-here\r\n250 STARTTLS"
    for injected, expected in (("", ACCEPTED), ("\r\n250-here\r\n250 AUTH PLAIN", BACKED_OFF)):
        with scripted(
            tls=server_side(certificate), at_once=False,
            EHLO=[offers, "250 here"], STARTTLS=f"220 go{injected}",
        ) as server:  # fmt: skip
            outcome = handed(server, security="starttls", host="127.0.0.1")
        assert meaning(outcome) == expected
        assert ("MAIL" in server.verbs()) is not bool(injected)


# --- after the dot ---------------------------------------------------------------------------


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("250 taken\r\n250 taken", ACCEPTED),
        ("250 taken\r\nnonsense", ACCEPTED),
        ("250 taken\r\n421 closing", ACCEPTED),
        ("451 later\r\n421 closing", DEFERRED),
        ("451 later\r\n452 later", DEFERRED),
        ("554 no\r\n421 closing", REFUSED),
        ("554 no\r\n550 no", REFUSED),
        # A "no" that is not alone may be another's, and the mail taken.
        ("451 later\r\n250 taken", UNKNOWN),
        ("554 no\r\n250 taken", UNKNOWN),
        ("451 later\r\n554 no", UNKNOWN),
        ("451 later\r\nnonsense", UNKNOWN),
        ("451 later\r\n25", UNKNOWN),
        ("421 closing\r\n250 taken", UNKNOWN),
        ("250 taken\r\n554 no", UNKNOWN),
        ("250 taken\r\n451 later", UNKNOWN),
    ],
)
def test_what_stands_behind_the_answer_to_a_mail_ends_the_session_and_may_put_it_in_doubt(
    answer, expected, encrypted, certificate, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls = server_side(certificate) if encrypted else None
    with scripted(tls=tls, dot=[answer, "250 taken"]) as server:
        with transport(server.port, "tls" if encrypted else "none") as through:
            outcomes = [meaning(through.deliver(mail())) for _ in range(2)]
        assert outcomes == [expected, ACCEPTED]
        assert server.connections == 2
        assert len(server.mails) == 2


ODD = [
    "550 no", "450 later", "250 ok\r\n250 ok", "550 nobody\r\n250 ok", "250 ok\r\n550 no", "354 go on",
    "25", "221 bye", HANG_UP,
]  # fmt: skip


@pytest.mark.parametrize("said", ODD)
def test_a_kept_session_that_answers_oddly_is_left_and_no_mail_pays_for_it(said):
    with scripted(MAIL=["250 ok", said, "250 ok"]) as server:
        with transport(server.port) as through:
            outcomes = [meaning(through.deliver(mail())) for _ in range(2)]
        assert outcomes == [ACCEPTED] * 2
        assert server.connections == len(server.mails) == 2


@pytest.mark.parametrize("said", ODD)
def test_a_session_whose_reset_answers_oddly_is_left_and_no_mail_pays_for_it(said):
    with scripted(RSET=said, RCPT=["550 nobody", "250 ok"]) as server:
        with transport(server.port) as through:
            outcomes = [meaning(through.deliver(mail())) for _ in range(2)]
        assert outcomes == [REFUSED, ACCEPTED]
        assert server.connections == 2


@pytest.mark.parametrize("recipient", ["250 ok", "550 nobody", "450 later"])
def test_answers_that_come_one_question_late_never_make_a_mail_accepted(recipient):
    # From the second MAIL on each answer is the one before.
    shifted: dict[str, Any] = {
        "dot": ["250 taken"],
        "MAIL": ["250 ok", "250 a second word about the first mail"],
        "RCPT": ["250 ok", "250 of MAIL"],
        "DATA": ["354 go on", f"{recipient}\r\n354 go on"],
    }
    with scripted(**shifted) as server:
        with transport(server.port) as through:
            first, second = through.deliver(mail()), through.deliver(mail(to="bob@example.com"))
        assert meaning(first) == ACCEPTED
        assert meaning(second) == BACKED_OFF
        assert server.connections == 1
        assert len(server.mails) == 1, "the second mail was not handed over"


def test_a_server_that_takes_a_mail_and_hangs_up_has_taken_it():
    with scripted(dot="250 taken", MAIL=["250 ok", HANG_UP, "250 ok"]) as server:
        with transport(server.port) as through:
            assert [meaning(through.deliver(mail())) for _ in range(2)] == [ACCEPTED] * 2
        assert server.connections == 2


# --- what was written ------------------------------------------------------------------------

RAISED = [
    OSError(), TimeoutError(), ConnectionResetError(), BrokenPipeError(), ssl.SSLError(),
    ssl.SSLWantWriteError(), SessionError("the mail server hung up"),
    smtplib.SMTPServerDisconnected(), smtplib.SMTPException(),
]  # fmt: skip


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("handed_over", [True, False])
@pytest.mark.parametrize(("piece", "expected"), [(DATA, BACKED_OFF), (b".\r\n", UNKNOWN)])
def test_what_was_begun_to_be_written_decides_and_not_what_was_raised(
    error, piece, expected, handed_over, monkeypatch
):
    write = Session._write

    def failing(session: Session, data: bytes) -> None:
        if data != piece or handed_over:
            write(session, data)
        if data == piece:
            raise error

    monkeypatch.setattr(Session, "_write", failing)
    with scripted() as server:
        outcome = handed(server)
    assert meaning(outcome) == expected
    assert server.mails == ([DATA] if handed_over and piece != DATA else [])


def test_a_doubt_about_one_mail_is_none_about_the_next_on_the_same_connection():
    with scripted(RCPT=["250 ok", HANG_UP]) as server, transport(server.port) as through:
        outcomes = [meaning(through.deliver(mail())) for _ in range(2)]
    assert outcomes == [ACCEPTED, BACKED_OFF]


@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\r\n.\n", b"\n.\r\n", b"\r\n.\r\n", b"\n."])
def test_no_text_holds_what_any_server_takes_for_the_end_of_a_mail(end):
    with scripted() as server:
        handed(server, mail(data=HEAD + b"a" + end + b"MAIL FROM:<eve@example.net>\r\n"))
    (arrived,) = server.mails
    assert arrived.count(b"\r\n") == arrived.count(b"\r") == arrived.count(b"\n")
    assert server.verbs().count("MAIL") == 1


@pytest.mark.parametrize(
    "address",
    ["ada@example.com>\r\nRCPT TO:<eve@example.net", "ada@example.com> SIZE=1", "ädä@example.com",
     "", "ada", "a b@example.com", "ada@example.com\0", "\ud800@example.com"],
)  # fmt: skip
def test_an_address_that_no_command_carries_is_refused_by_us_and_nobody_is_asked(address):
    with scripted() as server:
        outcome = handed(server, mail(to=address))
    assert meaning(outcome) == (Result.REFUSED, Effect.OURS)
    assert server.seen == []


# --- answers that are none -------------------------------------------------------------------

BAD = {
    "two digits": "25", "four digits": "2500 ok", "no blank": "250ok", "a plus": "+25 ok",
    "a blank": " 250 ok", "1xx": "150 soon", "6xx": "650 what", "0xx": "050 what",
    "words": "two hundred and fifty", "nothing": "", "NUL": "\0\0\0\0", "NUL in a code": "2\x0050 ok",
    "another two": "250-a\r\n251 b", "another class": "250-a\r\n550 b", "a no first": "451-a\r\n250 b",
    "no code": "250-a\r\nb\r\n250 c", "a superscript": "\xb250 ok", "a long line": "250 " + "x" * 10_000_000,
    "no line": "2" * 10_000_000, "many lines": "250-x\r\n" * 100_000 + "250 ok",
}  # fmt: skip


@pytest.mark.parametrize("verb", ["greeting", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "dot"])
@pytest.mark.parametrize("name", BAD)
def test_an_answer_that_is_none_is_a_value_and_never_raised(name, verb):
    script: dict[str, Any] = {"EHLO": LOGINS, "AUTH": "235 welcome"} | {verb: BAD[name]}
    with scripted(**script) as server:
        outcome = handed(server, **ADA)
    assert meaning(outcome) == (UNKNOWN if verb == "dot" else BACKED_OFF)
    assert outcome.reason.startswith(NONSENSE)
    # Nobody reads ten megabytes to learn that they are no answer.
    assert server.cut_off >= (len(BAD[name]) >= 10_000_000)
    assert server.mails == ([DATA] if verb == "dot" else [])


@pytest.mark.parametrize("challenge", ["a", "abcde", "QUJD" * 900, "", "????"])
def test_a_challenge_while_logging_in_is_answered_or_ends_the_session(challenge):
    with scripted(EHLO="250-here\r\n250 AUTH CRAM-MD5 LOGIN", AUTH=f"334 {challenge}") as server:
        outcome = handed(server, **ADA)
    assert server.mails == []
    assert PASSWORD not in outcome.reason
    if challenge in {"a", "abcde"}:
        assert (meaning(outcome), outcome.reason) == (BACKED_OFF, NONSENSE), "no base64"
    else:
        assert outcome.result in {Result.DEFERRED, Result.NOT_SENT}


STEPS = ["greeting", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "dot"]
#: What a server may say: mostly fine, with odd codes, many lines, and any bytes.
lines = st.one_of(
    st.sampled_from(["220 a", "250 a", "250-a", "354 a", "421 a", "451 a", "550 a", "999 a", "2"]),
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=8),
)
answers = st.lists(lines, min_size=1, max_size=3).map("\r\n".join)
GOOD = {"greeting": "220 a", "DATA": "354 a"}


@given(st.dictionaries(st.sampled_from(STEPS), answers, min_size=1, max_size=3))
@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_server_says_an_outcome_is_what_it_proves(script):
    with scripted(**script) as server:
        outcome = handed(server, timeout=0.2, patience=0.2)
    assert isinstance(outcome, Outcome)
    if not server.mails:
        assert outcome.result in {Result.DEFERRED, Result.REFUSED, Result.NOT_SENT}
    elif outcome.result is Result.ACCEPTED:
        assert script.get("dot", "250 taken").startswith("2")
    elif outcome.result is not Result.UNKNOWN:
        assert all(line[0] in "45" for line in script["dot"].split("\r\n"))


def test_the_words_of_a_server_are_never_kept():
    for verb in ("greeting", "MAIL", "RCPT", "DATA", "dot"):
        script: dict[str, Any] = {verb: "550 ada@example.com is a secret"}
        with scripted(**script) as server:
            outcome = handed(server)
        assert "secret" not in outcome.reason
        assert "@" not in outcome.reason
