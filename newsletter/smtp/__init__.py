"""A mail server, driven step by step so that it is known which step failed.

Until the final dot is begun to be written, a broken connection proves that nothing was accepted;
after it, nothing is proven (RFC 1047). `smtplib.sendmail` tells the two apart no more than a coin
does. Each step has a deadline for the whole of it, so that a server that says a letter a second
does not outlive it.
"""

from __future__ import annotations

import re
import smtplib
import ssl
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from newsletter import clocks, text_rules
from newsletter.delivery import Allowance, Outcome
from newsletter.delivery.outcomes import Verdict, judged
from newsletter.message import Message
from newsletter.smtp import dots
from newsletter.smtp.opening import encrypt_at_once, hear_greeting
from newsletter.smtp.outcomes import away, no_session, sender_refused, smtp_reply, what_broke
from newsletter.smtp.session import Session, SessionError

Security = Literal["starttls", "tls", "none"]

#: Seconds for each of these: connect and log in; RSET and MAIL; RCPT and DATA; write the mail.
_TIMEOUT: Final = 60.0
#: Seconds until a whole mail is begun to be answered: giving up on it makes an unknown (RFC 5321,
#: 4.5.3.2.6). Once begun, the answer has the time of every other.
_PATIENCE: Final = 600.0
#: Seconds in which somebody answers a connection before a run begins, or nobody is there.
_THERE: Final = 5.0
#: Seconds in which a server greets before a run begins; some let everybody wait for a while.
_GREETS: Final = 20.0
#: Servers close what is idle; below the shortest limit in use.
_IDLE: Final = 10.0
#: Goodbyes are not worth a longer wait, all of them together.
_GOODBYE: Final = 5.0
_OK: Final = 250
_TLS_READY: Final = 220
_READY: Final = 354
_BYE: Final = 421
_TAKEN, _LATER, _NEVER = 2, 4, 5  # the first digit of an answer (RFC 5321, 4.2.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where and how to connect; the password never shows in a repr.

    Attributes:
        security: "tls" from the first byte, "starttls" after the greeting, or "none".
        username: "" for no log-in.
    """

    host: str
    port: int
    security: Security
    username: str = ""
    password: str = ""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"the mail server {self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Server({self.host}:{self.port}, {self.security})"


@dataclass(frozen=True, slots=True)
class _Idle:
    """A session nobody uses.

    Attributes:
        since: when it was used last.
        begun: whether a mail was begun on it and given up, so that RSET comes before the next.
    """

    session: Session
    since: float
    begun: bool = False


class SmtpTransport:
    """Hands each mail to a mail server; one connection for each mail in flight, used again.

    Args:
        server: where to connect; a connection is made with the first mail.
        timeout: seconds for each step, the one after the mail apart; see the module's constants.
        patience: seconds to wait until a whole mail is begun to be answered.
        idle: seconds after which an unused connection is not used again.
        clock: seconds that go on while the machine sleeps, for `idle`.
    """

    name = "smtp"
    rehearsal = False
    stamps = False

    def __init__(
        self,
        server: Server,
        *,
        timeout: float = _TIMEOUT,
        patience: float = _PATIENCE,
        idle: float = _IDLE,
        clock: Callable[[], float] = clocks.seconds,
    ) -> None:
        self.server = server
        self._timeout, self._patience, self._longest = timeout, patience, idle
        self._clock = clock
        # Appending and popping are atomic, so threads may share it.
        self._idle: list[_Idle] = []
        weakref.finalize(self, _say_goodbye, self._idle)

    def describe(self) -> str:
        """Where mail goes."""
        return self.server.place

    def allowance(self) -> Allowance:
        """As fast as the server answers."""
        return Allowance()

    def begin(self, issue: int) -> None:
        """Nothing to do before a run."""

    def reach(self) -> Outcome | None:
        """Connect and log in for the first mail; why no mail could go, None where they can.

        A server that says "later" is left to the first mail.
        """
        session = Session(seconds=self._timeout)
        session.allow(min(self._timeout, _THERE))
        try:
            session.dial(self.server.host, self.server.port)
        except TimeoutError:
            return away(self.server.place, "it does not answer")
        except (OSError, ValueError) as error:
            return no_session(error, self.server.place)
        session.allow(self._timeout)
        try:
            _log_in(session, self.server, min(self._timeout, 2 * _GREETS), patience=_GREETS)
        except (OSError, ValueError) as error:
            session.close()
            said = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0
            return None if said // 100 == _LATER else no_session(error, self.server.place)
        self._idle.append(_Idle(session, self._clock()))
        return None

    def close(self) -> None:
        """Say goodbye on every unused connection; done anyway when the transport is let go."""
        _say_goodbye(self._idle)

    def deliver(self, message: Message) -> Outcome:
        """Hand over one mail, once."""
        if not text_rules.is_mailbox(message.sender):
            return judged(Verdict.FATAL, "the sender's address cannot stand in a command of SMTP")
        if not text_rules.is_mailbox(message.to):
            return judged(Verdict.UNFIT, "the address cannot stand in a command of SMTP")
        session = self._kept(message.sender)
        kept = session is not None
        try:
            session = session or _open_session(self.server, self._timeout)
        except (OSError, ValueError) as error:
            return no_session(error, self.server.place)
        outcome, usable = _hand_over(session, message, self._timeout, self._patience, begun=kept)
        if usable:
            # After a whole mail the next MAIL is a beginning (RFC 5321, 4.1.4).
            self._idle.append(_Idle(session, self._clock(), begun=not session.dot_begun))
        else:
            session.close()
        return outcome

    def _kept(self, sender: str) -> Session | None:
        """The session used last, with a mail of this sender begun on it; None to open a new one."""
        try:
            idle = self._idle.pop()
        except IndexError:
            return None
        if self._clock() - idle.since >= self._longest:
            # So are all others, which wait for longer.
            self._idle.append(idle)
            _say_goodbye(self._idle)
            return None
        if _takes_another(idle, sender, self._timeout):
            return idle.session
        idle.session.close()
        return None


def try_session(server: Server, *, seconds: float) -> Outcome | None:
    """Connect, log in and say goodbye; why that cannot be done, None where it can.

    Args:
        server: the mail server.
        seconds: for all of it.
    """
    try:
        session = _open_session(server, seconds)
    except (OSError, ValueError) as error:
        return no_session(error, server.place)
    _say_goodbye([_Idle(session, 0.0)])
    return None


def _open_session(server: Server, timeout: float) -> Session:
    """Connect, and do what is asked before any mail; all of it within the timeout."""
    session = Session(seconds=timeout)
    session.allow(timeout)
    try:
        session.dial(server.host, server.port)
        _log_in(session, server, timeout, patience=timeout)
    except BaseException:
        session.close()
        raise
    return session


def _log_in(session: Session, server: Server, timeout: float, *, patience: float) -> None:
    until = time.monotonic() + timeout
    # What nothing is encrypted for is not read: the certificates of the system take 30 ms.
    context = None if server.security == "none" else ssl.create_default_context()
    if context and server.security == "tls":
        encrypt_at_once(session, server, context)
    hear_greeting(session, server, min(patience, timeout))
    session.allow(until - time.monotonic())
    session.ehlo_or_helo_if_needed()
    if context and server.security == "starttls":
        way = 'set transport.smtp.security = "tls" and its port, mostly 465'
        _expect(session, "starttls", f"STARTTLS: {way}")
        code, words = session.docmd("STARTTLS")
        if code != _TLS_READY:
            raise smtplib.SMTPResponseException(code, words)
        session.encrypt(context, server.host)
        code, words = session.ehlo()
        if code != _OK:
            raise smtplib.SMTPHeloError(code, words)
    if server.username:
        way = "see transport.smtp.security, and transport.smtp.username"
        _expect(session, "auth", f"a log-in: {way}")
        session.login(server.username, server.password)


def _expect(session: Session, extension: str, name: str) -> None:
    if not session.has_extn(extension):
        raise smtplib.SMTPNotSupportedError(name)


def _takes_another(idle: _Idle, sender: str, timeout: float) -> bool:
    """Whether a session kept from an earlier mail takes the next: MAIL is said and answered yes.

    Whatever else comes back is no answer to this mail, but the end of the session: it may be a late
    word about the mail before, or a limit of the server's. Nothing was handed over, so that the
    mail is begun anew on another.
    """
    session = idle.session
    try:
        session.allow(timeout)
        if idle.begun and session.rset()[0] != _OK:
            return False
        return _begin(session, sender) == _OK and session.is_silent()
    except OSError:
        return False


def _begin(session: Session, sender: str) -> int:
    """Say MAIL; the code of the answer."""
    code, _ = session.docmd(f"MAIL FROM:<{sender}>")
    return code


def _hand_over(
    session: Session, message: Message, timeout: float, patience: float, *, begun: bool
) -> tuple[Outcome, bool]:
    """All that is said of one mail, and whether the session can be used again."""
    session.begin_mail()
    try:
        session.allow(timeout)
        if stopped := _prepare(session, message, begun=begun):
            return stopped
        session.allow(timeout)
        if not session.send_mail(dots.doubled(message.pieces)):
            return _early(session)
        session.allow(patience)
        return _after_the_dot(session, message, timeout)
    except OSError as error:
        # What was raised says nothing about where the mail is; what was written does.
        if session.dot_begun:
            return judged(Verdict.UNPROVEN, f"{what_broke(error)}, after the whole mail"), False
        return judged(Verdict.BROKEN_OFF, what_broke(error)), False


def _prepare(session: Session, message: Message, *, begun: bool) -> tuple[Outcome, bool] | None:
    """MAIL, unless it is begun, RCPT, DATA; None when the server waits for the mail."""
    code = _OK if begun else _begin(session, message.sender)
    seen = Verdict.FATAL  # who may not send, may not send to anybody
    if code // 100 == _TAKEN:
        seen = Verdict.REFUSED
        code, _ = session.docmd(f"RCPT TO:<{message.to}>")
        if code // 100 == _TAKEN:
            code, _ = session.docmd("DATA")
            if code == _READY:
                return None
    if code // 100 not in {_LATER, _NEVER}:
        raise SessionError("the mail server's answer makes no sense")
    if session.is_contradicted(code):
        raise SessionError("the mail server spoke before it was asked")
    if code // 100 == _NEVER and seen is Verdict.FATAL:
        return sender_refused(code), code != _BYE
    return smtp_reply(code, ""), code != _BYE


def _early(session: Session) -> tuple[Outcome, bool]:
    """An answer before the dot, which then is not sent: nothing was accepted, whatever it says.

    A "no" that stands alone is about this mail, the only thing asked since the server was silent.
    """
    code, _ = session.getreply()
    if code // 100 not in {_LATER, _NEVER} or session.is_contradicted(code):
        raise SessionError("the mail server spoke before it was asked")
    return smtp_reply(code, ""), False


def _after_the_dot(session: Session, message: Message, timeout: float) -> tuple[Outcome, bool]:
    """What the answer to the whole mail proves; after a "no" the session is over.

    A "no" lets the mail be sent again, so it must be the last word. 421 is none about the mail: a
    server says it at any time, whatever it has done with the mail (docs/decisions/0009).
    """
    code, _ = session.getreply()
    if code == _BYE:
        words = f"the mail server ended the session (SMTP {code}), after the whole mail"
        return judged(Verdict.UNPROVEN, words), False
    session.allow(timeout)
    is_no = code // 100 in {_LATER, _NEVER}
    if session.is_contradicted(code) or (is_no and not session.is_last_word(code)):
        return judged(Verdict.UNPROVEN, "the mail server answered yes and no to the mail"), False
    return smtp_reply(code, _message_id(message.pieces)), code // 100 == _TAKEN


def _message_id(pieces: Sequence[bytes]) -> str:
    named = (piece for piece in pieces if b"Message-ID: <" in piece)
    found = (re.search(rb"(?m)^Message-ID: <([^>]+)>", piece) for piece in named)
    return next((one[1].decode("ascii", "replace") for one in found if one), "unnamed")


def _say_goodbye(idle: list[_Idle]) -> None:
    until = time.monotonic() + _GOODBYE
    while idle:
        session = idle.pop().session
        try:
            session.allow(until - time.monotonic())
            session.quit()
        except OSError:
            session.close()
