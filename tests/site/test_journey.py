"""One reader's way in a real browser without scripts: from a form elsewhere to leaving and back."""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
import select
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize

from tests.support import readers
from tests.support.arriving import text_of_mail
from tests.support.cli_fixtures import Folder, folder, plain_environment, ready
from tests.support.commands import HANGS, Command
from tests.support.ports import free_port
from tests.support.preview_browser import chromium
from tests.support.smtp_servers import Keeper, aiosmtpd
from tests.support.web_fixtures import fresh
from tests.support.web_servers import Told, web_server

__all__ = ["chromium", "folder", "plain_environment", "ready"]

pytestmark = pytest.mark.browser

PUBLIC = "https://letters.slackwater.example.org"
#: The command, on a machine whose name server knows every domain.
SERVE = """
import newsletter.domains
newsletter.domains.look_up = lambda _: True
from newsletter.cli.app import run_and_exit
run_and_exit()
"""
WELCOME = "---\ntitle: Welcome aboard\n---\nGood to have you. [What you get]({{preferences_url}})\n"
READER = "ada@example.org"


@dataclass
class Mailbox:
    """What a mail server took, read as mail."""

    keeper: Keeper

    def wait(self, number: int) -> EmailMessage:
        """The mail of this number, 1 for the first, once it is there."""
        until = time.monotonic() + 60
        while len(self.keeper.mails) < number:
            assert time.monotonic() < until, f"{len(self.keeper.mails)} of {number} mails came"
            time.sleep(0.05)
        _, _, data = self.keeper.mails[number - 1]
        found = email.message_from_bytes(data, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        return found


@contextmanager
def serving(root: Path) -> Iterator[tuple[Command, str]]:
    """`newsletter serve` on a free port, and where it is."""
    with Command(root, ["serve", "--port", str(free_port())], program=SERVE) as process:
        said = ""
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", said)):
            assert select.select([process.stderr], [], [], 120)[0]
            said = process.stderr.readline()
            assert said, "it ended"
        yield process, found[0]


def through(ready: Folder, port: int) -> None:
    """Have the newsletter send through a mail server on this machine."""
    ready.edit(
        "newsletter.toml",
        'kind = "folder"',
        f'kind = "smtp"\n[transport.smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n',
    )
    ready.edit("newsletter.toml", "[sender]", '[web.topics]\nessays = "The long essays"\n[sender]')
    ready.write("letters/welcome.md", WELCOME)


def heading(page: Page) -> str:
    return page.locator("h1").inner_text()


def link(mail: EmailMessage, kind: str, url: str) -> str:
    found = re.search(rf"{PUBLIC}(/{kind}/[\w-]+)", text_of_mail(mail))
    assert found
    return url + found[1]


@dataclass
class Auditor:
    """Looks at pages in a browser that has scripts, as axe needs them.

    Attributes:
        tab: of that browser, as narrow as a small phone.
        kept: where pictures of the pages are kept.
    """

    tab: Page
    kept: Path

    def look(self, page: Page) -> None:
        """Axe finds nothing and nothing is wider than the tab, in light and in dark."""
        self.tab.set_content(page.content())
        name = re.sub(r"\W+", "-", heading(page)).strip("-").lower()
        schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
        for scheme in schemes:
            self.tab.emulate_media(color_scheme=scheme)
            assert self.tab.evaluate("document.documentElement.scrollWidth") <= 320
            found = [one["id"] for one in Axe().run(self.tab).response["violations"]]
            assert found == [], f"{name}, {scheme}: {found}"
            self.tab.screenshot(path=self.kept / f"{name}-{scheme}.png", full_page=True)


def test_from_a_form_elsewhere_to_leaving_and_back(ready, chromium: Browser, tmp_path_factory):
    kept = tmp_path_factory.mktemp("pages")
    form = ready.run("subscribers", "form", "--name", "blog").out
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through(ready, port)
        with serving(ready.root) as (process, url):
            html = f"<!doctype html><html lang=en><title>A blog</title>{form.replace(PUBLIC, url)}"
            blog = Told({"/": (200, {"Content-Type": "text/html"}, html.encode())})
            small: ViewportSize = {"width": 320, "height": 640}
            plain = fresh(chromium, java_script_enabled=False, viewport=small)
            scripted = fresh(chromium, viewport=small)
            auditor = Auditor(scripted.new_page(), kept)
            with web_server(blog):
                _go(plain.new_page(), blog.url("/"), url, Mailbox(keeper), auditor)
            plain.close()
            scripted.close()
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=HANGS)
            assert (process.returncode, out) == (0, "")
            assert READER not in err
    events = [event for event, _ in ready.consents(READER)]
    assert [event for event in events if event != "preferences"] == [
        "asked",
        "confirmed",
        "welcomed",
        "unsubscribed",
        "came back",
    ]
    assert ready.status_of(READER) == "active"
    assert len(keeper.mails) == 2


def _go(page: Page, blog: str, url: str, mailbox: Mailbox, auditor: Auditor) -> None:
    page.goto(blog)
    page.keyboard.press("Tab")  # without a mouse
    page.keyboard.type(READER)
    page.keyboard.press("Enter")
    assert heading(page) == "One more press"
    auditor.look(page)
    page.wait_for_timeout(1200)  # as long as a form must have been looked at
    page.get_by_role("button", name="Subscribe").press("Enter")
    assert heading(page) == "Look into your mailbox"
    auditor.look(page)
    mail = mailbox.wait(1)
    assert mail["to"] == READER
    page.goto(link(mail, "c", url))
    assert heading(page) == "Get Slack Water at this address?"
    auditor.look(page)
    page.get_by_role("button", name="Yes, send it to me").press("Enter")
    assert heading(page) == "You are on the list"
    auditor.look(page)
    welcome = mailbox.wait(2)
    assert welcome["subject"] == "Welcome aboard"
    page.goto(link(welcome, "p", url))
    auditor.look(page)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("The long essays").check()
    page.get_by_role("button", name="Save").press("Enter")
    assert heading(page) == "Saved"
    page.get_by_role("button", name="Show what is on record").press("Enter")
    assert heading(page) == "What is on record about you"
    assert READER in page.locator("dl").inner_text()
    assert READER in (page.locator("pre").text_content() or "")
    auditor.look(page)
    page.goto(link(welcome, "p", url))
    page.get_by_role("button", name="Erase everything").press("Enter")
    auditor.look(page)
    page.goto(link(welcome, "u", url))
    page.get_by_role("button", name="Unsubscribe").press("Enter")
    assert heading(page) == "You have unsubscribed"
    page.get_by_role("link", name="Come back").press("Enter")
    page.get_by_role("button", name="Subscribe again").press("Enter")
    assert heading(page) == "Welcome back"


@pytest.mark.parametrize("moment", ["before the welcome", "while it is sent"])
def test_a_kill_after_the_press_neither_loses_the_welcome_nor_doubles_it(ready, moment):
    """The process dies between the commit of the press and the answer of the mail server."""

    class Slow(Keeper):
        async def handle_DATA(self, server, session, envelope):  # noqa: N802
            answer = await super().handle_DATA(server, session, envelope)
            if len(self.mails) > 1:
                await asyncio.sleep(600)
            return answer

    keeper = Slow() if moment == "while it is sent" else Keeper()
    with aiosmtpd(keeper) as port:
        through(ready, port)
        with serving(ready.root) as (process, url):
            with urllib.request.urlopen(f"{url}/subscribe", timeout=60) as answer:
                page = answer.read().decode()
            time.sleep(1.2)
            passed = re.search(r'name="pass" value="([^"]*)', page)
            assert passed
            _press(f"{url}/subscribe", f"email={READER}&pass={passed[1]}")
            mail = Mailbox(keeper).wait(1)
            _press(link(mail, "c", url), "answer=yes")
            if moment == "while it is sent":
                Mailbox(keeper).wait(2)
            process.kill()
            process.wait()
        left = [state for kind, state in letters(ready) if kind == "welcome"]
        with serving(ready.root):
            if moment == "before the welcome" and left == ["queued"]:
                Mailbox(keeper).wait(2)
            until = time.monotonic() + 60
            while {"queued", "claimed"} & {state for _, state in letters(ready)}:
                assert time.monotonic() < until
                time.sleep(0.05)
    states = letters(ready)
    welcomes = [one for _, _, one in keeper.mails if b"Welcome aboard" in one]
    if moment == "while it is sent":
        assert states == [("confirm", "accepted"), ("welcome", "unknown")]
    else:
        assert states[1][1] in {"accepted", "unknown"}
    assert len(welcomes) == 1
    assert ready.status_of(READER) == "active"


def letters(newsletter: Folder) -> list[tuple[str, str]]:
    """The reader's letters and their states, the oldest first."""
    with newsletter.records() as store:
        rows = readers.rows_about(store, READER, "letters")
    return [(row["kind"], row["state"]) for row in rows]


def _press(url: str, data: str) -> None:
    with urllib.request.urlopen(url, data=data.encode(), timeout=60) as answer:
        assert answer.status in {200, 202}
