"""`newsletter subscribers`: single people added, shown, taken off, let in again, forgotten."""

from __future__ import annotations

import csv
import io
import json

import pytest

from newsletter.store import signing_keys
from tests.fake_ses import FakeSes
from tests.support.beside_the_program import another_reads
from tests.support.cli_fixtures import Folder, Ran, folder, plain_environment, ready

__all__ = ["folder", "plain_environment", "ready"]

WHO = "new.reader@example.net"
SOURCE = ("--consent-source", "asked at the fair")


def told(newsletter: Folder, *words: str) -> Ran:
    """Run a command that is meant to show an address."""
    return newsletter.shown("subscribers", *words)


def run(newsletter: Folder, *words: str) -> Ran:
    return newsletter.run("subscribers", *words)


def import_again(newsletter: Folder, *addresses: str) -> str:
    newsletter.write("subscribers/again.csv", "email\n" + "\n".join(addresses) + "\n")
    ran = run(newsletter, "import", "subscribers/again.csv", "--consent-source", "an old list")
    assert ran.code == 0, ran.err
    return ran.out + ran.err


# --- adding and looking ------------------------------------------------------------------------


def test_a_person_is_added_with_name_tags_and_fields(ready):
    ran = run(ready, "add", WHO, *SOURCE, "--name", "Nia", "--tag", "Beta", "--field", "city=Ghent")
    assert (ran.code, ran.out) == (0, "added\n")
    found = json.loads(told(ready, "show", WHO, "--json").out)
    assert found["person"] | {"created_at": "", "updated_at": ""} == {
        "email": WHO, "name": "Nia", "status": "active", "tags": ["beta"],
        "fields": {"city": "Ghent"}, "created_at": "", "updated_at": "",
    }  # fmt: skip
    assert found["suppressed"] == ""
    assert ready.consents(WHO)[-1:] == [("imported", SOURCE[1])]
    assert run(ready, "add", WHO, *SOURCE, "--name", "Nia").out == "unchanged\n"
    assert run(ready, "add", WHO, *SOURCE, "--name", "Nia B.").out == "updated\n"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("add", "no address", *SOURCE), "address"),
        (("add", WHO), "--consent-source"),
        (("add", WHO, "--consent-source", " "), "nothing says how these people agreed"),
        (("add", WHO, *SOURCE, "--field", "city"), "a field is written NAME=TEXT"),
        (("add", WHO, *SOURCE, "--field", "City=x"), "a field is written NAME=TEXT"),
        (("list", "--status", "asleep"), '"asleep" is no status'),
        (("show", WHO), "no subscriber has this address"),
        (("remove", WHO), "no subscriber has this address"),
        (("allow", WHO), "--consent-source"),
        (("erase", WHO), "erasing needs a confirmation"),
    ],
)
def test_wrong_input_is_one_sentence_and_changes_nothing(ready, words, problem):
    before = ready.everything()
    ran = told(ready, *words)
    assert (ran.code, ran.out) == (2, "")
    assert problem in ran.err
    assert "Traceback" not in ran.err
    assert ready.everything() == before


def test_the_list_masks_addresses_until_it_is_asked_not_to(ready):
    run(ready, "add", WHO, *SOURCE, "--tag", "crew")
    ran = run(ready, "list", "--tag", "crew")
    assert [line.split()[:3] for line in ran.out.splitlines()[1:]] == [
        ["ne***er@example.net", "active", "crew"]
    ]
    whole = ready.shown("-v", "subscribers", "list", "--tag", "crew", "--json")
    assert [one["address"] for one in json.loads(whole.out)["people"]] == [WHO]
    run(ready, "remove", WHO)
    left = json.loads(run(ready, "list", "--status", "unsubscribed", "--json").out)["people"]
    assert "ne***er@example.net" in [one["address"] for one in left]


def test_one_person_is_shown_with_all_that_the_list_shows(ready):
    run(ready, "add", WHO, *SOURCE, "--name", "Nia", "--tag", "crew", "--field", "city=Ghent")
    listed = run(ready, "list", "--tag", "crew").out.splitlines()[1].split()
    lines = [line.split(maxsplit=1) for line in run(ready, "show", WHO).out.splitlines()]
    shown = dict(lines)
    assert [shown[key] for key in ("name", "address", "status", "tags", "since")] == listed
    assert (shown["city"], shown["suppressed"]) == ("Ghent", "no")
    whole = ready.shown("-v", "subscribers", "show", WHO.upper())
    assert whole.out.splitlines()[0].split() == ["address", WHO]


def test_what_is_exported_can_be_imported_into_another_store_as_it_was(ready, tmp_path):
    run(ready, "add", WHO, *SOURCE, "--name", "=HYPERLINK(1)", "--tag", "beta", "--field", "city=x")
    run(ready, "add", "gone@example.net", *SOURCE)
    run(ready, "remove", "gone@example.net")
    ran = told(ready, "export")
    assert ran.code == 0
    assert "keep it as you keep a password" in ran.err
    rows = {row["email"]: row for row in csv.DictReader(io.StringIO(ran.out))}
    assert rows[WHO]["name"] == "'=HYPERLINK(1)"
    assert rows["gone@example.net"]["status"] == "unsubscribed"
    file = tmp_path / "all.csv"
    assert told(ready, "export", str(file)).out == f"{file}\n"
    assert told(ready, "export", str(file)).code == 2  # never over a file that is there
    before = as_listed(ready)
    for path in ready.root.glob(".newsletter/newsletter.db*"):
        path.unlink()
    assert run(ready, "import", str(file), "--consent-source", "our own export").code == 0
    assert as_listed(ready) == before


def as_listed(newsletter: Folder) -> list[tuple[object, ...]]:
    """What a list says of everybody, by their addresses."""
    return sorted(
        (one.email.lower(), one.name, one.status, sorted(one.tags), sorted(one.fields.items()))
        for one in newsletter.people()
    )


# --- leaving, and nobody is brought back -------------------------------------------------------


@pytest.mark.processes  # git, at a send
def test_whoever_is_removed_stays_away_from_imports_and_from_add(ready):
    run(ready, "add", WHO, *SOURCE)
    assert run(ready, "remove", WHO).out == "unsubscribed\n"
    assert run(ready, "remove", WHO).out == "had left already\n"
    import_again(ready, WHO)
    refused = run(ready, "add", WHO, *SOURCE)
    assert (refused.code, "has left" in refused.error) == (8, True)
    assert ready.status_of(WHO) == "unsubscribed"
    ready.send()
    assert len(addressed := {one.address for one in ready.outcomes()}) == 25
    assert WHO not in addressed
    allowed = run(ready, "allow", WHO, "--consent-source", "wrote to us on Monday")
    assert (allowed.code, allowed.out) == (0, "allowed again (was: unsubscribed)\n")
    assert ready.status_of(WHO) == "active"
    assert ready.consents(WHO)[-2:] == [
        ("unsubscribed", "newsletter subscribers remove"), ("allowed", "wrote to us on Monday"),
    ]  # fmt: skip
    assert run(ready, "allow", WHO, *SOURCE).out == "nothing kept this address out\n"


def test_whoever_is_erased_stays_away_until_they_are_allowed(ready):
    run(ready, "add", WHO, *SOURCE)
    erased = run(ready, "erase", WHO, "--yes")
    assert (erased.code, erased.out) == (0, "erased\n")
    assert ready.status_of(WHO) == ""
    import_again(ready, WHO.upper())
    assert ready.status_of(WHO) == ""
    assert run(ready, "add", WHO, *SOURCE).code == 8
    unknown = run(ready, "erase", "nobody@example.net", "--yes")
    assert "it is never mailed from now on" in unknown.out
    assert "1 person" not in import_again(ready, "nobody@example.net")
    assert ready.status_of("nobody@example.net") == ""
    assert "2 suppressed addresses are on record as a hash" in told(ready, "export").err
    allowed = run(ready, "allow", WHO, *SOURCE)
    assert allowed.out == "allowed again (was: erased)\n"
    assert "newsletter subscribers add" in allowed.err
    assert run(ready, "add", WHO, *SOURCE).out == "added\n"


@pytest.mark.processes  # git, at a send
def test_show_all_gives_every_row_about_an_address(ready):
    run(ready, "add", WHO, *SOURCE, "--tag", "beta")
    ready.send()
    found = json.loads(told(ready, "show", WHO, "--all", "--json").out)["rows"]
    assert {name: len(rows) for name, rows in found.items()} == {
        "subscribers": 1, "suppressions": 0, "consents": 1, "deliveries": 1, "events": 0, "tags": 1,
        "signups": 0, "confirmations": 0, "letters": 0, "ratings": 0,
    }  # fmt: skip
    assert found["deliveries"][0]["state"] == "accepted"
    run(ready, "erase", WHO, "--yes")
    found = json.loads(told(ready, "show", WHO, "--all", "--json").out)
    assert (found["person"], found["suppressed"]) == (None, "erased")
    assert {name: len(rows) for name, rows in found["rows"].items()} == {
        "subscribers": 0, "suppressions": 1, "consents": 2, "deliveries": 1, "events": 0, "tags": 0,
        "signups": 0, "confirmations": 0, "letters": 0, "ratings": 0,
    }  # fmt: skip


# --- forgetting --------------------------------------------------------------------------------


def places(newsletter: Folder, *words: str) -> list[str]:
    """Files of the records in which one of these words stands."""
    found = []
    for path in sorted((newsletter.root / ".newsletter").rglob("*")):
        if path.is_file():
            data = path.read_bytes().lower()
            found += [path.name for word in words if word.encode() in data]
    return found


@pytest.mark.processes
def test_after_erasing_no_byte_of_the_records_and_logs_holds_the_address(ready, monkeypatch):
    """A real run, an unknown outcome, an import, a name changed: everything that writes pages."""
    words = (WHO, WHO.partition("@")[0], "zelda quill")
    import_again(ready, WHO, *(f"filler{n}@example.net" for n in range(400)))
    run(ready, "add", WHO, *SOURCE, "--name", "Zelda Quill", "--tag", "beta")
    with FakeSes(rate=500) as fake:
        for name, value in fake.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("NEWSLETTER_TRANSPORT__KIND", "ses")
        assert ready.send().code == 0
        assert WHO in fake.state.accepted
    run(ready, "remove", WHO)
    assert "newsletter.db" in places(ready, *words)
    ran = run(ready, "erase", WHO, "--yes")
    assert ran.code == 0
    assert "the address is still in subscribers/again.csv" in ran.err
    assert places(ready, *words) == []
    assert "1 backup beside the records" in ran.err
    assert len(list((ready.root / ".newsletter/backups").glob("*.db"))) == 1
    assert sum(one.email.startswith("filler") for one in ready.people()) == 400
    assert ready.states() == {"accepted": 426}  # the counts still add up
    with ready.records() as store:
        store.backend.expect_whole()


def test_while_another_program_reads_the_erased_person_may_remain_and_that_is_said(ready):
    run(ready, "add", WHO, *SOURCE)
    with another_reads(ready.root / ".newsletter/newsletter.db"):
        ran = run(ready, "erase", WHO, "--yes")
        assert (ran.code, ran.out) == (6, "erased\n")
        assert "old pages of the file remain" in ran.error
    assert run(ready, "erase", WHO, "--yes").code == 0
    assert places(ready, WHO) == []


def test_a_new_key_signs_links_and_old_links_go_on_working(ready):
    ran = ready.run("db", "rotate-key")
    assert ran.code == 0
    with ready.records() as store:
        keys = signing_keys.link_keys(store)
    assert f"key {max(keys)}" in ran.err
    assert len(keys) == 2
