"""Commands that show settings and records, and imports."""

from __future__ import annotations

import datetime as dt

import pytest

from newsletter.store import Store
from newsletter.store.consents import Evidence
from tests.support.cli_commands import SOURCE, only_json
from tests.support.cli_fixtures import (
    folder,
    list_rows,
    plain_environment,
    ready,
    snapshot,
)

__all__ = ["folder", "plain_environment", "ready"]


# --- settings, status, db --------------------------------------------------------------------


def test_settings_show_where_each_value_came_from(folder, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_SITE__NAME", "From outside")
    folder.write(".env", "NEWSLETTER_TRANSPORT__SMTP__PASSWORD=hunter2-hunter2\n")
    folder.edit(
        "newsletter.toml",
        '"Slack Water, 4 Ferry Stairs, Port Example"',
        '"4 Ferry Stairs\\nPort Example"',
    )
    ran = folder.run("settings", "--json")
    rows = only_json(ran)["settings"]
    found = {row["key"]: (row["value"], row["origin"]) for row in rows}
    assert found["site.name"] == ("From outside", "NEWSLETTER_SITE__NAME")
    assert found["transport.smtp.password"] == ("****", ".env")
    assert found["transport.kind"][1].startswith("newsletter.toml:")
    assert found["theme.font"][1] == "default"
    assert found["site.postal_address"][0] == "4 Ferry Stairs\nPort Example"
    plain = folder.run("settings")
    assert "hunter2" not in ran.out + plain.out
    # A row for each, whatever its value holds.
    assert len(plain.out.splitlines()) == len(rows)
    assert [line.split()[0] for line in plain.out.splitlines()] == [row["key"] for row in rows]


@pytest.mark.processes
def test_status_counts_the_outcomes_of_each_run(ready):
    ready.patch.setenv("NEWSLETTER_SCHEDULE__RRULE", "")
    assert ready.run("status").out == "no issue was sent yet\n"
    ready.send("--limit", "10")
    ready.send(issue=73)
    lines = [line.split() for line in ready.run("status").out.splitlines()]
    assert lines == [
        "issue run state recipients outcomes".split(),
        "74 rehearsal paused 25 accepted 10, queued 15".split(),
        "73 rehearsal finished 25 accepted 25".split(),
        "74 rehearsal: paused: the limit is reached".split(),
    ]
    # What is over, or stands still, sends nothing "recently".
    assert "recently" not in ready.run("status", "--issue", "73").out
    assert ready.run("status", "--issue", "75").out == "issue 75 was not sent yet\n"


def test_without_any_records_nothing_was_sent_yet_and_nothing_is_made(folder):
    folder.patch.setenv("NEWSLETTER_SCHEDULE__RRULE", "")
    ran = folder.run("status")
    assert (ran.code, ran.out) == (0, "no issue was sent yet\n")
    assert ran.err == "next: newsletter subscribers import FILE --consent-source TEXT\n"
    assert folder.run("status", "--issue", "74").out == "issue 74 was not sent yet\n"
    assert folder.run("status", "--issue", "9").code == 2
    told = only_json(folder.run("status", "--json"))
    assert not any(told[key] for key in ("sending", "workers", "runs", "forgotten", "next"))
    assert not (folder.root / ".newsletter").exists()


def test_without_records_the_next_dates_are_told_all_the_same(folder):
    there = folder.run("status").out
    folder.imported()
    assert "next: " in there
    assert folder.run("status").out == there


def test_where_records_are_gone_or_the_ledger_tells_of_a_send_status_does_not_say_that_none_went(
    folder,
):
    folder.write("issues/.ledger/074.json", "{}")
    ran = folder.run("status")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error.endswith("the ledger tells of a send, and there are no records of it here")
    (folder.root / "issues/.ledger/074.json").unlink()
    folder.write(".newsletter/left-1.log", "")
    ran = folder.run("status")
    assert (ran.code, ran.out) == (2, "")
    assert "there is no database here any more" in ran.error


@pytest.mark.parametrize(
    "words",
    [("status",), ("status", "--json"), ("status", "--list", "all"), ("stats",), ("retry",)],
)
def test_an_issue_that_is_not_there_is_told_as_that(ready, words):
    ran = ready.run(*words, "--issue", "9")
    assert (ran.code, ran.error) == (2, "error: issues: there is no issue 9")
    assert ran.hint.startswith("hint: ")


@pytest.mark.processes
def test_status_tells_scripts_the_same_and_why(ready):
    ready.send("--limit", "10")
    handle = ready.people()[11].handle
    with Store.open(f"sqlite:///{ready.root}/.newsletter/newsletter.db") as store:
        store.departures.leave(handle, Evidence(source="test"), now=dt.datetime.now(dt.UTC))
    ready.send()
    (run,) = only_json(ready.run("status", "--json"))["runs"]
    assert (run["issue"], run["rehearsal"], run["transport"], run["state"]) == (
        74,
        True,
        "folder",
        "finished",
    )
    assert (run["recipients"], run["by_state"]["accepted"], run["by_state"]["skipped"]) == (
        25,
        24,
        1,
    )
    assert run["reasons"] == [{"state": "skipped", "reason": "unsubscribed", "deliveries": 1}]
    for moment in (run["started_at"], run["finished_at"]):
        assert dt.datetime.fromisoformat(moment).utcoffset() == dt.timedelta(0)
    assert "  74 rehearsal: skipped 1: unsubscribed\n" in ready.run("status").out


@pytest.mark.processes
def test_a_run_that_has_not_ended_has_no_end(ready):
    ready.send("--limit", "1")
    (run,) = only_json(ready.run("status", "--json"))["runs"]
    assert run["finished_at"] is None


def test_records_of_this_version_need_no_upgrade(ready):
    ran = ready.run("db", "upgrade")
    assert (ran.code, ran.out, ran.err) == (0, "", "the database is up to date\n")


def test_records_that_are_not_there_cannot_be_upgraded(folder):
    assert folder.run("db", "upgrade").code == 2
    assert not (folder.root / ".newsletter").exists()


def test_an_upgrade_names_the_new_version(ready, monkeypatch):
    # There is one version so far, so the step itself is made up.
    monkeypatch.setattr("newsletter.store.schema.upgrade", lambda _, **__: ("0001", "0002"))
    assert ready.run("db", "upgrade").err == (
        "the records are now at 0002; what they were is in backups/ beside them\n"
    )


# --- people ----------------------------------------------------------------------------------


def test_an_import_counts_what_became_of_each_row(folder):
    first = folder.run("subscribers", "import", "subscribers/example.csv", *SOURCE)
    assert first.out == "25 added, 0 updated, 0 unchanged, 0 kept out, 0 suppressed, 0 rejected\n"
    again = only_json(
        folder.run("subscribers", "import", "subscribers/example.csv", *SOURCE, "--json")
    )
    counts = {
        "schema": 1, "dry_run": False, "added": 0, "updated": 0, "unchanged": 25,
        "kept_out": 0, "suppressed": 0, "rejected": 0,
    }  # fmt: skip
    assert counts.items() <= again.items()
    assert set(folder.untold("imports", "consent_source")) == {("an invented list",)}
    assert sorted(one.email for one in folder.people()) == sorted(
        f"{local}@{domain.lower()}"
        for local, _, domain in (row["email"].partition("@") for row in list_rows())
    )


BAD_ROWS = "email,name\n" + "".join(f"nobody{n},x\n" for n in range(7)) + "ok@example.org,Ok\n"


def test_rejected_rows_are_told_and_kept_beside_the_list(folder):
    folder.write("subscribers/new.csv", BAD_ROWS)
    ran = folder.run("subscribers", "import", "subscribers/new.csv", *SOURCE)
    assert ran.out == "1 added, 0 updated, 0 unchanged, 0 kept out, 0 suppressed, 7 rejected\n"
    lines = ran.err.splitlines()
    first = lines.index("subscribers/new.csv:2: left out: this is not a mail address")
    assert lines[first + 5] == "... and 2 more"
    assert lines[first + 6].startswith("what was left out stands in ")
    assert lines[first + 6].endswith("subscribers/new-rejected.csv, by line and reason")
    assert sum(": left out: " in line for line in lines) == 5
    kept = (folder.root / "subscribers/new-rejected.csv").read_text("utf-8")
    assert kept.splitlines()[:2] == ["line,reason", '2,"this is not a mail address"']
    assert len(kept.splitlines()) == 8
    assert "nobody" not in kept + ran.err


def test_an_import_that_cannot_keep_its_rejects_has_still_happened(folder):
    folder.write("subscribers/new.csv", BAD_ROWS)
    (folder.root / "subscribers/new-rejected.csv").mkdir()
    ran = folder.run("subscribers", "import", "subscribers/new.csv", *SOURCE)
    assert ran.code == 0
    assert "warning: the list of rejected rows is missing: " in ran.err
    assert "what was left out" not in ran.err
    assert len(folder.people()) == 1


def test_a_dry_import_writes_nothing(folder):
    folder.write("subscribers/new.csv", BAD_ROWS)
    whole = snapshot(folder.root)
    ran = folder.run("subscribers", "import", "subscribers/new.csv", *SOURCE, "--dry-run")
    assert ran.out == (
        "would be: 1 added, 0 updated, 0 unchanged, 0 kept out, 0 suppressed, 7 rejected; "
        "nothing was written\n"
    )
    found = only_json(
        folder.run("subscribers", "import", "subscribers/new.csv", *SOURCE, "--dry-run", "--json")
    )
    assert {"schema": 1, "dry_run": True, "added": 1, "rejected": 7}.items() <= found.items()
    assert snapshot(folder.root) == whole


@pytest.mark.parametrize("words", [(), ("--consent-source", " ")])
def test_nobody_is_imported_without_saying_how_they_agreed(folder, words):
    ran = folder.run("subscribers", "import", "subscribers/example.csv", *words)
    assert ran.code == 2
    assert "how these people agreed" in ran.error
    assert "--consent-source" in ran.hint
    assert not (folder.root / ".newsletter").exists()
