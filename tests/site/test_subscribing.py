"""Arriving by the pages: nobody is on the list without a press on a page from their own mailbox."""

from __future__ import annotations

import re

import pytest

from newsletter.audience import Status, read_address
from newsletter.audience.tokens import make_token
from newsletter.site.arriving_words import WORDS
from newsletter.site.words import NAMES, fault, missing, words
from newsletter.store import letters, signing_keys, signups, subscribers
from newsletter.store.consents import Evidence
from newsletter.store.letters import Budget
from newsletter.store.signups import Request
from tests.support import readers
from tests.support.arriving import Harbour, harbour, link, text_of_mail
from tests.support.beside_the_program import everything
from tests.support.effort import either
from tests.support.pages import parse_page, text_of
from tests.support.scanners import SCANNERS
from tests.support.store_samples import suppress

__all__ = ["harbour"]

WELCOME = "---\ntitle: Welcome\n---\nGood to have you. [What you get]({{preferences_url}})\n"


def title(answer) -> str:
    return text_of(next(parse_page(answer.text).iter("h1")))


def active(harbour: Harbour) -> set[str]:
    return {one.email for one in subscribers.each(harbour.store, status=Status.ACTIVE)}


def asking(harbour: Harbour) -> list[str]:
    """Who has asked and not confirmed."""
    return [one.email for one in signups.waiting(harbour.store)]


# --- the journey ---------------------------------------------------------------------------------


def test_from_the_form_to_the_welcome(harbour):
    (harbour.root / "letters").mkdir()
    (harbour.root / "letters/welcome.md").write_text(WELCOME)
    answer = harbour.subscribe("Ada@example.org")
    assert (answer.status_code, title(answer)) == (202, "Look into your mailbox")
    [mail] = harbour.post()
    assert mail["to"] == "Ada@example.org"
    assert mail["subject"] == "Please confirm: Slack Water"
    assert active(harbour) == set()
    page = harbour.client().get(link(mail))
    assert title(page) == "Get Slack Water at this address?"
    assert title(harbour.client().post(link(mail), data={"answer": "yes"})) == "You are on the list"
    assert active(harbour) == {"Ada@example.org"}
    [welcome] = harbour.post()
    assert welcome["subject"] == "Welcome"
    assert welcome["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert harbour.client().get(link(welcome, "p")).status_code == 200
    assert title(harbour.client().post(link(welcome, "u"))) == "You have unsubscribed"
    assert active(harbour) == set()


def test_a_confirmation_mail_is_no_issue_and_says_how_to_say_no(harbour):
    harbour.subscribe("ada@example.org", name="<b>Buy at evil.example</b>")
    [mail] = harbour.post()
    assert mail["auto-submitted"] == "auto-generated"
    names = {name.lower() for name in mail}
    assert not names & {"precedence", "list-id", "list-unsubscribe", "list-archive"}
    for kind in ("plain", "html"):
        text = text_of_mail(mail, kind)
        assert "evil.example" not in text
        assert "Ferry Stairs" in text
        assert "That was not me" in text
        assert "{{" not in text
        assert "__NL_" not in text
        assert "utm_" not in text
        assert "<img" not in text


def test_what_is_answered_for_the_same_bytes(harbour):
    """New, waiting, active, left, and kept out: nobody learns from the page which."""
    harbour.join("active@example.org")
    harbour.join("left@example.org")
    subscribers.remove(harbour.store, "left@example.org", now=harbour.now)
    harbour.subscribe("waiting@example.org")
    kept_out = ("erased", "bounced", "complained", "blocked", "refused")
    for reason in kept_out:
        suppress(harbour.store, f"{reason}@example.org", reason=reason, now=harbour.now)
    names = ("new", "active", "left", "waiting", *kept_out)
    answers = {name: harbour.subscribe(f"{name}@example.org") for name in names}
    assert {(a.status_code, a.content, str(a.headers)) for a in answers.values()} == {
        (202, answers["new"].content, str(answers["new"].headers))
    }


def test_an_active_reader_hears_that_they_are_on_the_list(harbour):
    harbour.join("ada@example.org")
    harbour.later(days=2)
    harbour.subscribe("ada@example.org")
    [mail] = harbour.post()
    assert "already" in mail["subject"]
    assert "/c/" not in text_of_mail(mail)
    assert harbour.client().get(link(mail, "p")).status_code == 200


def test_that_was_not_me(harbour):
    harbour.subscribe("ada@example.org")
    [mail] = harbour.post()
    answer = harbour.client().post(link(mail), data={"answer": "no"})
    assert title(answer) == "We will not write to you again"
    assert title(harbour.client().post(link(mail), data={"answer": "yes"})) == title(answer)
    assert active(harbour) == set()
    harbour.later(days=40)
    harbour.subscribe("ada@example.org")
    assert harbour.post() == []


def test_a_used_link_shows_the_same_page_and_an_old_one_the_way_on(harbour):
    harbour.subscribe("ada@example.org")
    [mail] = harbour.post()
    for _ in range(2):
        answer = harbour.client().post(link(mail), data={"answer": "yes"})
        assert (answer.status_code, title(answer)) == (200, "You are on the list")
    harbour.subscribe("bob@example.org")
    [other] = harbour.post()
    harbour.later(days=8)
    answer = harbour.client().get(link(other))
    assert (answer.status_code, title(answer)) == (410, "This link has expired")
    [way] = parse_page(answer.text).iter("a")
    assert way.get("href") == "../subscribe"
    assert harbour.client().get("/c/" + "A" * 22).status_code == 404


# --- scanners ------------------------------------------------------------------------------------


def confirmation(harbour: Harbour, address: str) -> str:
    """The link of a confirmation mail that is not written, for there are many."""
    request = Request(address=read_address(address), evidence=Evidence(source="form"))
    signups.ask(harbour.store, request, now=harbour.now)
    letter = letters.claim(harbour.store, Budget(2000, 2000), now=harbour.now)
    assert letter is not None
    return f"/c/{letter.token}"


@pytest.mark.trials
def test_forty_kinds_of_scanner_confirm_nothing(harbour):
    assert len(SCANNERS) == 40
    number, kinds = either(100, 1000), either(4, 40)
    links = [confirmation(harbour, f"reader{one}@example.org") for one in range(number)]
    before = everything(harbour.root)
    client = harbour.client()
    for one, path in enumerate(links):
        for kind in range(kinds):
            method, headers, body = SCANNERS[(one * kinds + kind) % len(SCANNERS)]
            client.request(method, path, headers=headers, content=body)
    assert everything(harbour.root) == before
    assert active(harbour) == set()


@pytest.mark.sweep
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_looking_at_the_form_changes_nothing(harbour, method):
    before = everything(harbour.root)
    answer = harbour.client().request(method, "/subscribe")
    assert answer.status_code == (200 if method in {"GET", "HEAD"} else 405)
    assert everything(harbour.root) == before


# --- forms ---------------------------------------------------------------------------------------


def test_a_form_of_another_page_takes_one_press_more(harbour):
    before = everything(harbour.root)
    client = harbour.client()
    first = client.post("/subscribe", data={"email": "ada@example.org", "form": "footer"})
    assert (first.status_code, title(first)) == (200, "One more press")
    assert everything(harbour.root) == before
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', first.text))
    assert fields["email"] == "ada@example.org"
    harbour.later(seconds=2)
    assert client.post("/subscribe", data=fields).status_code == 202
    [asked] = readers.rows_about(harbour.store, "ada@example.org", "signups")
    assert asked["source"] == "sign-up form footer"


@pytest.mark.parametrize("seconds", [0, 24 * 3600 + 5])
def test_a_form_sent_too_quickly_or_kept_too_long_takes_one_press_more(harbour, seconds):
    client = harbour.client()
    fields = harbour.fields(client)
    harbour.later(seconds=seconds)
    answer = client.post("/subscribe", data={**fields, "email": "ada@example.org"})
    assert title(answer) == "One more press"
    assert asking(harbour) == []


def test_a_form_counts_once_and_a_forged_pass_never(harbour):
    client = harbour.client()
    fields = harbour.fields(client)
    harbour.later(seconds=3)
    assert client.post("/subscribe", data={**fields, "email": "a@example.org"}).status_code == 202
    assert (
        title(client.post("/subscribe", data={**fields, "email": "b@example.org"}))
        == "One more press"
    )
    forged = fields["pass"][:-2] + "AA"
    assert (
        title(client.post("/subscribe", data={"pass": forged, "email": "b@example.org"}))
        == "One more press"
    )
    assert asking(harbour) == ["a@example.org"]


def test_a_program_that_fills_in_everything_gets_the_usual_answer(harbour):
    usual = harbour.subscribe("ada@example.org")
    trapped = harbour.subscribe("bot@example.org", website="https://evil.example")
    assert (trapped.status_code, trapped.content) == (usual.status_code, usual.content)
    assert asking(harbour) == ["ada@example.org"]


@pytest.mark.parametrize(
    ("address", "status", "told"),
    [
        ("ada", 400, "This is not a mail address"),
        ("ada@exa mple.org", 400, "This is not a mail address"),
        ("", 400, "This is not a mail address"),
        ("ada@example.org\r\nBcc: eve@example.org", 400, "This is not a mail address"),
        ("ada@dead.example", 400, "No mail arrives there"),
    ],
)
def test_what_is_wrong_with_an_address_as_such_is_told(harbour, address, status, told):
    answer = harbour.subscribe(address)
    assert (answer.status_code, title(answer)) == (status, told)
    assert asking(harbour) == []
    shown = next(e for e in parse_page(answer.text).iter("input") if e.get("name") == "email")
    assert shown.get("value") == " ".join(address.strip().splitlines()) or "\r" in address


@pytest.mark.parametrize("typed", ["gmial.com", "gmal.com", "gmaill.com", "gmail.con"])
def test_a_slip_in_a_large_provider_is_asked_about(harbour, typed):
    harbour.domains.dead = (typed,)
    answer = harbour.subscribe(f"ada@{typed}")
    assert "Did you mean this? gmail.com" in " ".join(text_of(parse_page(answer.text)).split())


def test_a_network_that_asks_too_often_is_asked_to_wait(harbour, caplog):
    answers = [harbour.subscribe(f"r{n}@example.org", visitor="8.8.4.4") for n in range(7)]
    assert [a.status_code for a in answers] == [202] * 5 + [429] * 2
    assert answers[6].headers["Retry-After"] == "3600"
    assert "trusted_proxies" not in caplog.text
    assert harbour.subscribe("other@example.org").status_code == 202


@pytest.mark.sweep
@pytest.mark.parametrize("visitor", ["127.0.0.1", "10.9.9.9", "fe80::1%eth0", "no address"])
def test_those_who_share_one_address_are_one_network_and_the_log_says_so(harbour, caplog, visitor):
    answers = [harbour.subscribe(f"r{n}@example.org", visitor=visitor) for n in range(7)]
    assert [a.status_code for a in answers] == [202] * 5 + [429] * 2
    [said] = [r.getMessage() for r in caplog.records if "trusted_proxies" in r.getMessage()]
    assert visitor.partition("%")[0] in said.replace("no known", "no")
    assert harbour.subscribe("other@example.org", visitor="8.8.4.4").status_code == 202


def test_topics_and_a_name_are_kept_where_the_form_asks_for_them(harbour):
    harbour.config += (
        '[web]\nask_name = true\n[web.topics]\nessays = "The essays"\ntides = "Tides"\n'
    )
    harbour.join("ada@example.org", name="Ada", **{"topic:essays": "yes", "topic:vip": "yes"})
    person = subscribers.find(harbour.store, "ada@example.org")
    assert person is not None
    assert (person.name, person.tags) == ("Ada", frozenset({"essays"}))


def test_a_visitor_is_kept_only_where_the_settings_say_so(harbour):
    harbour.join("ada@example.org", visitor="8.8.99.99")
    files = b"".join(p.read_bytes() for p in harbour.root.iterdir() if p.is_file())
    assert b"8.8.99" not in files
    harbour.config += "[web]\nrecord_visitors = true\n"
    harbour.join("bob@example.org", visitor="8.8.99.99")
    log = readers.rows_about(harbour.store, "bob@example.org", "consents")
    assert [row["event"] for row in log if row["ip"] == "8.8.99.99"] == ["asked"]


@pytest.mark.parametrize("how", ["[web]\nsignup = false\n", ""])
def test_where_nobody_can_subscribe_the_page_says_so(harbour, how):
    harbour.config = harbour.config + how if how else '[site]\nname = "Slack Water"\n'
    for answer in (
        harbour.client().get("/subscribe"),
        harbour.client().post("/subscribe", data={"email": "a@example.org"}),
    ):
        assert (answer.status_code, title(answer)) == (404, "Nobody can subscribe here")


def test_a_large_body_and_none_at_all_are_answered(harbour):
    assert harbour.client().post("/subscribe", content=b"x" * 70_000).status_code == 413
    assert harbour.client().post("/subscribe").status_code == 400


# --- bombing -------------------------------------------------------------------------------------


@pytest.mark.trials
def test_a_bombing_stays_within_the_budget_and_readers_still_leave(harbour):
    """One mailbox in many spellings, one network, and as many networks as there are forms."""
    harbour.join("reader@example.org")
    hour = either(5, 60)
    harbour.config += f'[schedule]\nowner = "wren@example.org"\n[web]\nmails_per_hour = {hour}\n'
    number = either(120, 10_000)
    for one in range(number):
        match one % 3:
            case 0:
                harbour.subscribe(f"vic.tim+{one}@gmail.com")
            case 1:
                harbour.subscribe(f"v{one}@example.net", visitor="8.8.4.4")
            case _:
                harbour.subscribe(f"v{one}@example.com")
        if one % 100 == 0:
            harbour.post()
    harbour.post()
    mails = harbour.mails().values()
    notices = [mail for mail in mails if "More sign-ups" in mail["subject"]]
    sent = len(mails) - len(notices)
    hours = 1 + number * 3 // 3600
    assert hour <= sent <= hour * hours + 1
    assert sum("gmail" in mail["to"] for mail in mails) <= 1 + number * 3 // 86_400
    assert active(harbour) == {"reader@example.org"}
    assert len(notices) == 1 + number * 3 // 86_400
    reader = readers.person(harbour.store, "reader@example.org")
    token = make_token(reader.handle, signing_keys.newest(harbour.store))
    assert title(harbour.client().post(f"/u/{token}")) == "You have unsubscribed"
    assert active(harbour) == set()


# --- words ---------------------------------------------------------------------------------------


def test_every_shipped_language_has_every_phrase():
    assert {frozenset(found) for found in WORDS.values()} == {frozenset(WORDS["en"])}
    assert set(WORDS["en"]) <= NAMES


def test_a_new_phrase_never_breaks_an_authors_own_file():
    old = {name: f"<{name}>" for name in NAMES - set(WORDS["en"])}
    assert fault(old) == ("", "")
    assert missing("eo", old) == sorted(WORDS["en"])
    found = words("eo", "Slack Water", old)
    assert found["ask"] == "<ask>"
    assert found["subscribe"] == "Subscribe to Slack Water"


def test_the_pages_and_mails_speak_dutch(harbour):
    harbour.config = harbour.config.replace("[site]", '[site]\nlanguage = "nl"')
    assert title(harbour.subscribe("ada@example.org")) == "Kijk in je mailbox"
    [mail] = harbour.post()
    assert mail["subject"] == "Bevestig je inschrijving voor Slack Water"
    assert (
        title(harbour.client().post(link(mail), data={"answer": "yes"})) == "Je staat op de lijst"
    )
    assert active(harbour) == {"ada@example.org"}
