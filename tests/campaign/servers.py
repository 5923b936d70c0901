"""The world: an SES and a mail server that write down what they accept before they say so."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.campaign.checks import Ledger
from tests.fake_ses import FakeSes, Fault
from tests.support.smtp_servers import Keeper, aiosmtpd

Kind = Literal["ses", "smtp"]

_PATIENCE = 60.0


class Postman(Keeper):
    """What aiosmtpd calls: writes an accepted mail down, and answers after a while.

    Args:
        hold: how many it answers before it keeps all others waiting, until `resume`.
    """

    def __init__(self, log: Path, latency: float, seed: int, hold: int | None = None) -> None:
        super().__init__()
        self._hold, self._taken = hold, 0
        self._stream = log.open("ab", buffering=0)
        self._latency = latency
        self._random = random.Random(seed)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        await asyncio.sleep(self._random.uniform(0, self._latency))
        named = re.search(rb"(?mi)^Message-ID: <(\d+)\.", envelope.content)
        assert named is not None
        line = {"issue": int(named[1]), "to": list(envelope.rcpt_tos)}
        self._stream.write(json.dumps(line).encode() + b"\n")
        os.fsync(self._stream.fileno())
        await asyncio.sleep(self._random.uniform(0, self._latency))
        self._taken += 1
        while self._hold is not None and self._taken > self._hold:  # noqa: ASYNC110  # another thread resumes
            await asyncio.sleep(0.01)
        return "250 kept"

    def resume(self) -> None:
        """Answer whoever waits, and all that come."""
        self._hold = None

    def close(self) -> None:
        self._stream.close()


@dataclass(slots=True)
class Server:
    """One of both, running.

    Attributes:
        environ: what points the command at it.
        ledger: what it accepted.
        ses: the fake, to script faults; None for a mail server.
        postman: the mail server; None for SES.
    """

    environ: dict[str, str]
    ledger: Ledger
    ses: FakeSes | None = None
    postman: Postman | None = None

    def wait(self, accepted: int) -> None:
        """Return when it has accepted so many mails."""
        end = time.monotonic() + _PATIENCE
        while self.ledger.update() < accepted:
            if time.monotonic() > end:
                raise TimeoutError(f"{len(self.ledger.mails)} mails came, not {accepted}")
            time.sleep(0.001)

    def settle(self) -> None:
        """Return when everything a dead sender had written has been read."""
        if self.ses is not None:
            self.ses.quiet(_PATIENCE)
        self.ledger.update()


@contextlib.contextmanager
def serving(
    kind: Kind,
    folder: Path,
    *faults: Fault,
    latency: float = 0.0,
    seed: int = 0,
    hold: int | None = None,
) -> Iterator[Server]:
    """Start one whose log lies in `folder`; an answer takes up to twice `latency` seconds.

    A mail server answers `hold` mails, and the others when it is told to resume.
    """
    log = folder / "accepted.jsonl"
    log.touch()
    if kind == "ses":
        halves: dict[str, Any] = {"latency": latency / 2, "jitter": latency}
        with FakeSes(*faults, log=log, fsync=True, seed=seed, **halves) as ses:
            environ = {"NEWSLETTER_TRANSPORT__KIND": "ses", **ses.environ}
            yield Server(environ, Ledger(log), ses)
        return
    postman = Postman(log, latency, seed, hold)
    with contextlib.closing(postman), aiosmtpd(postman) as port:
        environ = {
            "NEWSLETTER_TRANSPORT__KIND": "smtp",
            "NEWSLETTER_TRANSPORT__SMTP__HOST": "127.0.0.1",
            "NEWSLETTER_TRANSPORT__SMTP__PORT": str(port),
            "NEWSLETTER_TRANSPORT__SMTP__SECURITY": "none",
        }
        yield Server(environ, Ledger(log), postman=postman)
