"""Events of accepted mails, published into SNS as a configuration set's destinations say."""

from __future__ import annotations

import contextlib
import datetime as dt
import email
import email.header
import email.policy
import json
import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Final

import boto3

from tests.support.ses_events import Sent, body

from .account import SIMULATOR, Account
from .record import Mail
from .signature import ACCESS_KEY, SECRET_KEY

#: What happens to mail for the mailbox simulator (SES developer guide, "Using the mailbox
#: simulator"); a label after + changes nothing, and all other mail arrives.
_FATES: Final = {
    "bounce": ("Send", "Bounce"),
    "complaint": ("Send", "Delivery", "Complaint"),
    "suppressionlist": ("Send", "Bounce"),
}
_ARRIVES: Final = ("Send", "Delivery")
#: The events' names in a destination's list.
_TYPES: Final = {"Rendering Failure": "RENDERING_FAILURE", "DeliveryDelay": "DELIVERY_DELAY"}
_PATIENCE: Final = 30.0


class Publisher:
    """Publishes beside the server, so that no answer waits for it."""

    def __init__(self) -> None:
        self._work: queue.Queue[tuple[str, str, str, str] | None] = queue.Queue()
        self._thread: threading.Thread | None = None

    def put(self, account: Account, destinations: list[dict[str, Any]], mail: Mail,
            *, failed: bool) -> None:  # fmt: skip
        """Publish what becomes of a mail, where its destinations ask for it."""
        settings = account.settings
        for kind in ("Rendering Failure",) if failed else _fate(mail.recipients):
            name = _TYPES.get(kind, kind.upper())
            for one in destinations:
                topic = (one.get("SnsDestination") or {}).get("TopicArn")
                if topic and name in one["MatchingEventTypes"] and settings.publish_to:
                    text = json.dumps(_event(kind, mail, settings.account))
                    self._work.put((settings.publish_to, settings.region, topic, text))
                    self._start()

    def wait(self) -> None:
        """Return when everything has been published."""
        done = threading.Thread(target=self._work.join, daemon=True)
        done.start()
        done.join(_PATIENCE)
        assert not done.is_alive(), "the events are not published"

    def stop(self) -> None:
        """End the thread after its work."""
        if self._thread is not None:
            self._work.put(None)
            self._thread.join(_PATIENCE)
            self._thread = None

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="fake-ses-sns", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        clients: dict[str, Any] = {}
        session = boto3.Session(ACCESS_KEY, SECRET_KEY)
        with contextlib.ExitStack() as stack:
            while (item := self._work.get()) is not None:
                url, region, topic, text = item
                if url not in clients:
                    made = session.client("sns", endpoint_url=url, region_name=region)
                    clients[url] = stack.enter_context(contextlib.closing(made))
                try:
                    # A topic that is gone is nobody's fault here: SES drops such events, too.
                    with contextlib.suppress(Exception):
                        clients[url].publish(TopicArn=topic, Message=text)
                finally:
                    self._work.task_done()
            self._work.task_done()


def _fate(recipients: Iterable[str]) -> tuple[str, ...]:
    for address in recipients:
        local, _, domain = address.rpartition("@")
        if domain.lower() == SIMULATOR:
            return _FATES.get(local.partition("+")[0].lower(), _ARRIVES)
    return _ARRIVES


def _event(kind: str, mail: Mail, account: str) -> dict[str, Any]:
    sent = Sent(
        message_id=mail.message_id, to=mail.recipients[0], source=_bare(mail.sender),
        at=dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )  # fmt: skip
    name, found = body(kind, sent)
    headers = list(_headers(mail))
    common = {key.lower(): value for key, value in headers}
    return {
        "eventType": kind,
        "mail": {
            "timestamp": sent.at,
            "source": sent.source,
            "sendingAccountId": account,
            "messageId": mail.message_id,
            "destination": list(mail.recipients),
            "headersTruncated": False,
            "headers": [{"name": key, "value": value} for key, value in headers],
            "commonHeaders": {
                "from": [common.get("from", mail.sender)],
                "to": list(mail.recipients),
                "messageId": mail.message_id,
                "subject": common.get("subject", ""),
            },
            "tags": {key: [value] for key, value in mail.tags.items()},
        },
        name: found,
    }


def _headers(mail: Mail) -> Iterator[tuple[str, str]]:
    if mail.raw is None:
        yield "From", mail.sender
        yield "To", ", ".join(mail.recipients)
        yield "Subject", mail.subject or ""
        yield from mail.headers
        return
    parsed = email.message_from_bytes(mail.raw, policy=email.policy.compat32)
    for name, value in parsed.items():
        parts = email.header.decode_header(value.replace("\r\n", "").replace("\n", ""))
        yield name, str(email.header.make_header(parts))


def _bare(sender: str) -> str:
    return sender.rpartition("<")[2].rstrip(">")
