"""How quick a send is and what it costs the processor, beside what people write with boto3.

    pip install --require-hashes -r benchmarks/requirements.lock
    python benchmarks/send.py [rounds]

One fake SES with 40 ms latency, in a process of its own; each contender is a fresh process, in
turn, and medians over the rounds are printed. Everybody sends issue 74 of the example newsletter,
a mail of about 45 KB, to people who differ in name, address and unsubscribe link. Ours is the whole
product: recipients frozen, every mail claimed before and settled after it leaves, each commit
flushed to the disk. The contenders in bulk put 50 people into each request.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from figures import Figure, note
from world import FakeSes, add_readers, copy_example

LATENCY: Final = "0.04"
ISSUE: Final = 74

#: Contender -> mails a round: enough to be steady, few enough to end today.
CONTENDERS: Final = {
    "boto3, one by one": 60,
    "anymail, one by one": 60,
    "boto3, 16 threads": 600,
    "ours": 2000,
    "floor: JSON and SigV4": 1000,
    "anymail, batches": 6000,
    "boto3 bulk, 16 threads": 20_000,
    "ours in bulk": 20_000,
    "floor in bulk": 20_000,
}
BATCH: Final = 50
TEMPLATE: Final = "letter"
LEAVE: Final = "@LEAVE@"
BASELINE: Final = "boto3, 16 threads"
BULK_BASELINE: Final = "anymail, batches"
BULK: Final = {BULK_BASELINE, "boto3 bulk, 16 threads", "ours in bulk", "floor in bulk"}


def person(number: int) -> tuple[str, str, str]:
    """Name, address and unsubscribe link of an invented reader."""
    return (
        f"Reader {number}",
        f"reader{number}@example.org",
        f"https://letters.slackwater.example.org/u/{number:024x}{'0' * 32}",
    )


def letter() -> tuple[str, str, str]:
    """Subject, text and HTML of the example issue, with a mark for the unsubscribe link."""
    from newsletter import clocks
    from newsletter.cli.context import open_project
    from newsletter.render.markdown.fields import UNSUBSCRIBE

    rendered = open_project().issue(ISSUE, now=clocks.now()).rendered
    return (
        rendered.subject,
        rendered.text.replace(UNSUBSCRIBE, LEAVE),
        rendered.html.replace(UNSUBSCRIBE, LEAVE),
    )


# --- contenders ------------------------------------------------------------------------------


def mail(subject: str, text: str, html: str, number: int) -> tuple[str, bytes]:
    """One mail as the standard library makes it; the address and the bytes."""
    from email.message import EmailMessage
    from email.utils import formataddr

    name, address, leave = person(number)
    message = EmailMessage()
    message["From"] = formataddr(("Wren Halloran", "wren@slackwater.example.org"))
    message["To"] = formataddr((name, address))
    message["Subject"] = subject
    message["List-Unsubscribe"] = f"<{leave}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(text.replace(LEAVE, leave))
    message.add_alternative(html.replace(LEAVE, leave), subtype="html")
    return address, message.as_bytes()


def boto3_loop(number: int, threads: int) -> None:
    """A mail built with the standard library and handed to boto3, on so many threads."""
    import boto3
    from botocore.config import Config

    subject, text, html = letter()
    client = boto3.client("sesv2", config=Config(max_pool_connections=threads))
    turn, lock = iter(range(number)), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                this = next(turn, None)
            if this is None:
                return
            address, data = mail(subject, text, html, this)
            client.send_email(
                FromEmailAddress="wren@slackwater.example.org",
                Destination={"ToAddresses": [address]},
                Content={"Raw": {"Data": data}},
            )

    with measured(number):
        hands = [threading.Thread(target=work) for _ in range(threads)]
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()


def anymail(number: int) -> None:
    """django-anymail's backend for Amazon SES, one connection."""
    import django
    from django.conf import settings

    settings.configure(
        EMAIL_BACKEND="anymail.backends.amazon_ses.EmailBackend",
        INSTALLED_APPS=["anymail"],
        ANYMAIL={},
    )
    django.setup()
    from django.core.mail import EmailMultiAlternatives, get_connection

    subject, text, html = letter()
    connection = get_connection()
    with measured(number):
        connection.open()
        for this in range(number):
            name, address, leave = person(this)
            message = EmailMultiAlternatives(
                subject,
                text.replace(LEAVE, leave),
                "Wren Halloran <wren@slackwater.example.org>",
                [f"{name} <{address}>"],
                headers={
                    "List-Unsubscribe": f"<{leave}>",
                    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                },
                connection=connection,
            )
            message.attach_alternative(html.replace(LEAVE, leave), "text/html")
            message.send()
        connection.close()


def ours(number: int) -> None:
    """`newsletter send`, all of it, in a folder of its own."""
    from newsletter.cli.app import main
    from newsletter.sending import part, run

    add_readers(Path(), number)
    real: Callable[..., Any] = part.drain_part  # the clock starts where theirs do

    def drain(*values: Any, **more: Any) -> Any:
        with measured(number):
            return real(*values, **more)

    vars(run)["drain_part"] = drain
    sys.argv = ["newsletter", "send", "--issue", str(ISSUE), "--confirm", str(ISSUE)]
    began, spent = time.monotonic(), time.process_time()
    assert main() == 0
    report(whole_seconds=time.monotonic() - began, whole_cpu=time.process_time() - spent)


def floor(number: int) -> None:
    """What nobody can save who speaks to SES: the request's JSON and its signature."""
    import base64

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    subject, text, html = letter()
    mails = [mail(subject, text, html, n) for n in range(20)]
    signer = SigV4Auth(Credentials("AKIDFAKE", "secret"), "ses", "eu-west-1")
    with measured(number):
        for this in range(number):
            address, data = mails[this % len(mails)]
            body = json.dumps(
                {
                    "FromEmailAddress": "wren@slackwater.example.org",
                    "Destination": {"ToAddresses": [address]},
                    "Content": {"Raw": {"Data": base64.b64encode(data).decode()}},
                }
            )
            request = AWSRequest("POST", "https://email.eu-west-1.amazonaws.com/v2", data=body)
            signer.add_auth(request)


def people_in_batches(number: int) -> list[range]:
    """The readers of each request."""
    return [range(at, min(at + BATCH, number)) for at in range(0, number, BATCH)]


def bulk_call(readers: range, template: dict[str, Any]) -> dict[str, Any]:
    """SendBulkEmail's parameters for so many readers."""
    entries = []
    for this in readers:
        name, address, leave = person(this)
        entries.append(
            {
                "Destination": {"ToAddresses": [f"{name} <{address}>"]},
                "ReplacementHeaders": [
                    {"Name": "List-Unsubscribe", "Value": f"<{leave}>"},
                    {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
                ],
                "ReplacementEmailContent": {
                    "ReplacementTemplate": {"ReplacementTemplateData": json.dumps({"leave": leave})}
                },
            }
        )
    return {
        "FromEmailAddress": "Wren Halloran <wren@slackwater.example.org>",
        "DefaultContent": {"Template": template | {"TemplateData": "{}"}},
        "BulkEmailEntries": entries,
    }


def inline_template() -> dict[str, Any]:
    """The example issue as an inline template; braces are spaced, which is all it takes here."""
    parts = [part.replace("{", "{ ").replace(LEAVE, "{{leave}}") for part in letter()]
    return {"TemplateContent": dict(zip(("Subject", "Text", "Html"), parts, strict=True))}


def boto3_bulk(number: int) -> None:
    """50 people a request, handed to boto3 on 16 threads; nothing is recorded."""
    import boto3
    from botocore.config import Config

    template = inline_template()
    client = boto3.client("sesv2", config=Config(max_pool_connections=16))
    turn, lock = iter(people_in_batches(number)), threading.Lock()

    def work() -> None:
        while True:
            with lock:
                readers = next(turn, None)
            if readers is None:
                return
            client.send_bulk_email(**bulk_call(readers, template))

    with measured(number):
        hands = [threading.Thread(target=work) for _ in range(16)]
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()


def anymail_batches(number: int) -> None:
    """django-anymail's batches: a template stored at SES, merge data, one connection."""
    import django
    from django.conf import settings

    settings.configure(
        EMAIL_BACKEND="anymail.backends.amazon_ses.EmailBackend",
        INSTALLED_APPS=["anymail"],
        ANYMAIL={},
    )
    django.setup()
    from django.core.mail import EmailMessage, get_connection

    connection = get_connection()
    with measured(number):
        connection.open()
        for readers in people_in_batches(number):
            people = [person(this) for this in readers]
            message = EmailMessage(
                from_email="Wren Halloran <wren@slackwater.example.org>",
                to=[f"{name} <{address}>" for name, address, _ in people],
                connection=connection,
            )
            extra: Any = message
            extra.template_id = TEMPLATE
            extra.merge_data = {address: {"leave": leave} for _, address, leave in people}
            extra.merge_headers = {
                address: {
                    "List-Unsubscribe": f"<{leave}>",
                    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                }
                for _, address, leave in people
            }
            message.send()
        connection.close()


def ours_in_bulk(number: int) -> None:
    """`newsletter send` in bulk, all of it; nothing listens where events would be."""
    os.environ["NEWSLETTER_TRANSPORT__SES__MODE"] = "bulk"
    os.environ["NEWSLETTER_TRANSPORT__SES__CONFIGURATION_SET"] = "letters"
    os.environ["NEWSLETTER_TRANSPORT__SES__EVENTS_QUEUE"] = "http://127.0.0.1:9/queue/events"
    ours(number)


def floor_in_bulk(number: int) -> None:
    """The same for requests of 50."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    template = inline_template()
    signer = SigV4Auth(Credentials("AKIDFAKE", "secret"), "ses", "eu-west-1")
    with measured(number):
        for readers in people_in_batches(number):
            body = json.dumps(bulk_call(readers, template))
            request = AWSRequest("POST", "https://email.eu-west-1.amazonaws.com/v2", data=body)
            signer.add_auth(request)


def store_template(url: str) -> None:
    """Put the template into the fake, for those who do not send it along."""
    content = inline_template()["TemplateContent"]
    body = json.dumps({"settings": {"templates": {TEMPLATE: content}}}).encode()
    urllib.request.urlopen(f"{url}/__control__/script", body).close()


RUN: Final[dict[str, Callable[[int], None]]] = {
    "boto3, one by one": lambda number: boto3_loop(number, 1),
    "boto3, 16 threads": lambda number: boto3_loop(number, 16),
    "anymail, one by one": anymail,
    "ours": ours,
    "floor: JSON and SigV4": floor,
    "anymail, batches": anymail_batches,
    "boto3 bulk, 16 threads": boto3_bulk,
    "ours in bulk": ours_in_bulk,
    "floor in bulk": floor_in_bulk,
    "store template": lambda _: store_template(os.environ["AWS_ENDPOINT_URL_SESV2"]),
}


# --- measuring -------------------------------------------------------------------------------


class measured:  # noqa: N801  # reads as a statement
    """Report wall and processor seconds of a block, for so many mails."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __enter__(self) -> None:
        self.began, self.spent = time.monotonic(), time.process_time()

    def __exit__(self, *_: object) -> None:
        report(
            seconds=time.monotonic() - self.began,
            cpu=time.process_time() - self.spent,
            mails=self.number,
        )


def report(**figures: float) -> None:
    """One line of figures for the parent."""
    print(f"@{json.dumps(figures)}", flush=True)


def child(name: str, number: int, environ: dict[str, str]) -> dict[str, float]:
    """Run one contender in a process and a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        copy_example(Path(folder))
        done = subprocess.run(
            [sys.executable, __file__, "--as", name, str(number)],
            cwd=folder, env=environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stdout}{done.stderr}")
    figures: dict[str, float] = {}
    for line in done.stdout.splitlines():
        if line.startswith("@"):
            figures |= json.loads(line[1:])
    return figures


def show(name: str, rounds: list[dict[str, float]], base: float) -> None:
    """One line of the table."""
    rate = statistics.median(r["mails"] / r["seconds"] for r in rounds)
    cpu = statistics.median(r["cpu"] / r["mails"] * 1000 for r in rounds)
    print(f"{name:24} {rate:8.0f} {cpu:14.2f} {base / cpu:10.1f}")


def against(
    found: dict[str, list[dict[str, float]]],
    mine: str,
    other: str,
    *,
    rate: float | None,
    cpu: float | None,
) -> None:
    """Note both figures of ours beside those of somebody else."""

    def middle(name: str, key: str) -> float:
        return statistics.median(
            r["mails"] / r["seconds"] if key == "rate" else r["cpu"] / r["mails"] * 1000
            for r in found[name]
        )

    what = "SES in bulk" if mine in BULK else "SES, one by one"
    for key, unit, bound in (("rate", "mails/s", rate), ("cpu", "s of CPU per 1,000", cpu)):
        note(
            Figure(
                what=what, ours=middle(mine, key), unit=unit, beside=other,
                theirs=middle(other, key), bound=bound, at_least=key == "rate",
            )
        )  # fmt: skip


def main() -> None:
    """Print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    found: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    with FakeSes("--latency", LATENCY, "--no-signatures") as ses:
        child("store template", 0, ses.environ)
        for _ in range(rounds):
            for name, number in CONTENDERS.items():
                found[name].append(child(name, number, ses.environ))
    bases = {
        name: statistics.median(r["cpu"] / r["mails"] * 1000 for r in found[name])
        for name in (BASELINE, BULK_BASELINE)
    }
    print(f"{'':24} {'mails/s':>8} {'CPU-s/1,000':>14} {'less CPU':>10}")
    for name, figures in found.items():
        show(name, figures, bases[BULK_BASELINE if name in BULK else BASELINE])
    for name in ("ours", "ours in bulk"):
        whole = found[name]
        seconds = statistics.median(r["whole_seconds"] for r in whole)
        cpu = statistics.median(r["whole_cpu"] / r["mails"] * 1000 for r in whole)
        print(
            f"{name} with start, checks and summary: {seconds:.1f} s for "
            f"{whole[0]['mails']:,.0f}, {cpu:.2f} CPU-s/1,000"
        )
    against(found, "ours", BASELINE, rate=None, cpu=0.4)
    against(found, "ours in bulk", BULK_BASELINE, rate=4.0, cpu=1.3)
    print(f"bounds: ours at least 2.5 times less CPU than {BASELINE!r}, and 400 mails/s;")
    print(f"in bulk 4 times the rate of {BULK_BASELINE!r}, at no more than 1.3 times its CPU")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--as"]:
        RUN[sys.argv[2]](int(sys.argv[3]))
    else:
        main()
