"""The commands about who arrives: the form, what waits, who has not confirmed."""

from __future__ import annotations

import json
import urllib.request

import pytest

from newsletter.audience import read_address
from newsletter.store import Store, signups
from newsletter.store.consents import Evidence
from newsletter.store.signups import Request
from tests.support.cli_fixtures import Folder, folder, plain_environment, ready
from tests.support.commands import started
from tests.support.pages import parse_page
from tests.support.ports import free_port
from tests.support.store_samples import NOW

__all__ = ["folder", "plain_environment", "ready"]


def ask(ready: Folder, *addresses: str) -> None:
    with Store.open(f"sqlite:///{ready.root}/.newsletter/newsletter.db") as store:
        for address in addresses:
            request = Request(address=read_address(address), evidence=Evidence(source="form"))
            signups.ask(store, request, now=NOW)


def test_the_form_works_on_any_page(ready):
    ready.edit(
        "newsletter.toml",
        "[sender]",
        'privacy_url = "https://example.org/privacy"\n[web]\nask_name = true\n[web.topics]\nessays = "Long <essays>"\n[sender]',
    )
    ran = ready.run("subscribers", "form", "--name", "footer")
    assert ran.code == 0
    page = parse_page(ran.out)
    [form] = page.iter("form")
    assert (form.get("method"), form.get("action")) == (
        "post",
        "https://letters.slackwater.example.org/subscribe",
    )
    fields = {one.get("name"): one.get("value") for one in page.iter("input")}
    assert fields == {
        "form": "footer",
        "email": "",
        "name": "",
        "topic:essays": "yes",
        "website": None,
    }
    assert "<script" not in ran.out
    assert "style" not in ran.out
    assert 'href="https://example.org/privacy"' in ran.out
    assert "Long &lt;essays&gt;" in ran.out


@pytest.mark.parametrize("name", ["Footer", "a b", "x" * 33, "<b>"])
def test_an_odd_name_of_a_form_is_refused(ready, name):
    assert ready.run("subscribers", "form", "--name", name).code == 2


def test_without_a_public_url_there_is_no_form(ready):
    ready.edit("newsletter.toml", 'public_url = "https://letters.slackwater.example.org"\n', "")
    ran = ready.run("subscribers", "form")
    assert (ran.code, ran.hint) == (2, "hint: set site.public_url")


def test_where_sign_up_is_off_the_form_says_how_to_switch_it_on(ready):
    ready.edit("newsletter.toml", "[sender]", "[web]\nsignup = false\n[sender]")
    ran = ready.run("subscribers", "form")
    assert (ran.code, ran.hint) == (2, "hint: set web.signup = true")


def test_whoever_has_not_confirmed_is_removed_by_erasing(ready):
    ask(ready, "newcomer@example.org")
    ran = ready.run("subscribers", "remove", "newcomer@example.org")
    assert ran.code == 2
    assert "asked and not confirmed" in ran.error
    assert ran.hint.startswith("hint: newsletter subscribers erase")
    ran = ready.run("subscribers", "remove", "nobody@example.org")
    assert ran.hint == "hint: newsletter subscribers list"


def test_what_waits_is_shown_and_let_go(ready):
    ready.edit("newsletter.toml", "[sender]", "[web]\nmails_per_hour = 1\n[sender]")
    ask(ready, "a@example.org", "b@example.org")
    assert ready.run("subscribers", "waiting").out == "2 mails wait to be sent\n"
    told = json.loads(ready.run("subscribers", "waiting", "--json").out)
    assert (told["waiting"], told["held"]) == (2, 0)
    ran = ready.run("subscribers", "waiting", "--release")
    assert ran.out.startswith("2 mails go out")


def test_who_has_not_confirmed_is_pending_and_no_subscriber(ready):
    before = ready.run("subscribers", "list").out
    ask(ready, "newcomer@example.org")
    assert ready.run("subscribers", "list").out == before
    pending = ready.run("-v", "subscribers", "list", "--status", "pending").out
    assert "newcomer@example.org  pending" in pending
    shown = ready.run("subscribers", "show", "newcomer@example.org").out
    assert "2026-11-22 08:00 UTC by the form, not confirmed" in shown
    told = json.loads(ready.run("subscribers", "show", "newcomer@example.org", "--json").out)
    assert (told["person"], told["asked_at"][:10]) == (None, "2026-11-22")
    exported = ready.root / "all.csv"
    ready.run("subscribers", "export", str(exported))
    assert "newcomer" not in exported.read_text("utf-8")
    rows = json.loads(
        ready.run("subscribers", "show", "newcomer@example.org", "--all", "--json").out
    )["rows"]
    assert [row["email"] for row in rows["signups"]] == ["newcomer@example.org"]
    assert ready.run("subscribers", "erase", "newcomer@example.org", "--yes").out == "erased\n"
    assert "newcomer" not in ready.run("-v", "subscribers", "list", "--status", "pending").out


@pytest.mark.processes
def test_serve_says_what_is_wrong_with_a_letter_and_lets_readers_leave_all_the_same(ready):
    ready.write("letters/confirm.md", "---\ntitle: A\n---\nHello\n")
    port = free_port()
    with started(ready.root, "serve", "--port", str(port)) as process:
        lines = [process.stderr.readline() for _ in range(3)]
        told = next(line for line in lines if line.startswith("warning"))
        assert any(line.startswith("serving on") for line in lines)
        assert "no confirmation mail can be sent: letters/confirm.md:4" in told
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60) as answer:
            assert answer.status == 200
