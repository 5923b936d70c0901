"""Lists that do not say who may be mailed: nobody is taken for active, and each is told why."""

from __future__ import annotations

import gzip
import io
import json
import zipfile

import pytest

from newsletter.audience.standing import may_say_gone
from tests.support.cli_fixtures import Folder, folder, plain_environment

__all__ = ["folder", "plain_environment"]


def imported(newsletter: Folder, text: str, *words: str):
    newsletter.write("list.csv", text)
    return newsletter.run("subscribers", "import", "list.csv", "--consent-source", "x", *words)


@pytest.mark.parametrize(
    ("text", "said", "way"),
    [
        ("EMAIL;OPT_IN;EMAIL_BLACKLISTED\na@example.org;;0\nb@example.org;;0\n",
         'the column "OPT_IN" says neither yes nor no to being subscribed', "OPT_IN=ignore"),
        ("email,Subscribed\na@example.org,2024-01-31\nb@example.org,2024-02-01\n",
         'the column "Subscribed" says neither yes nor no', "Subscribed=joined"),
        ("email,Confirmed\na@example.org,maybe\nb@example.org,maybe\n",
         'the column "Confirmed" says neither yes nor no to being confirmed', "Confirmed=ignore"),
    ],
)  # fmt: skip
def test_a_list_that_says_nothing_names_column_and_line_and_the_way_on_works(
    folder, text, said, way
):
    ran = imported(folder, text)
    assert (ran.code, ran.out.split(", ")[-1]) == (0, "2 rejected\n")
    assert f"list.csv:2: left out: {said}" in ran.err
    assert "warning: every row was left out" in ran.err
    again = imported(folder, text, "--map", way)
    assert again.out.startswith("2 added")
    assert "every row" not in again.err


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("Email,Отписан (date)\na@example.org,2024-01-31\nb@example.org,\n", "Отписан (date)"),
        ("Email,Odhlásený\na@example.org,31.1.2024\nb@example.org,\n", "Odhlásený"),
    ],
)
def test_a_column_that_nobody_understands_ends_the_import_until_it_is_mapped(folder, text, header):
    for more in ((), ("--dry-run",)):
        ran = imported(folder, text, *more)
        assert (ran.code, ran.out) == (2, "")
        assert f'hint: --map "{header}=ROLE"' in ran.err
    ran = imported(folder, text, "--map", f"{header}=left")
    assert "by what the list says: 1 active, 1 unsubscribed" in ran.err


def test_an_empty_status_is_nobodys_yes(folder):
    text = "email,Status\na@example.org,active\nb@example.org,\nc@example.org,left\n"
    ran = imported(folder, text)
    assert ran.out.startswith("2 added")
    assert 'list.csv:3: left out: the column "Status" is empty; --map-status "=active"' in ran.err
    assert "every row" not in ran.err
    assert imported(folder, text, "--map-status", "=active").out.startswith("1 added")


def test_rows_that_say_unsubscribed_in_another_column_are_counted_with_the_way_on(folder):
    text = (
        "email,name,Lage,\na@example.org,Unsubscribed,,\nb@example.org,Bo,bounced,\n"
        "c@example.org,Cy,inactive,\nd@example.org,Di,Inactive,\ne@example.org,Ed,,unsubscribed\n"
        "f@example.org,opted out,,\ng@example.org,Gus,fine,\n"
    )
    ran = imported(folder, text)
    assert ran.out == "7 added, 0 updated, 0 unchanged, 0 kept out, 0 suppressed, 0 rejected\n"
    assert "by what the list says: 5 active, 2 unsubscribed" in ran.err
    warned = [line for line in ran.err.splitlines() if line.startswith("warning: ")]
    doubtful = (
        'warning: "inactive" stands in the column "Lage" of 2 rows, the first in line 4, '
        "taken as active: "
    )
    called = 'stands in the column "name" of 1 row, the first in line'
    way = '--map "name=status" where it tells who left'
    counts = "warning: 1 row counts as unsubscribed, the first in line"
    assert warned == [
        f'{counts} 3: the column "Lage" says that they left; --map "Lage=field" where it does not',
        f"{counts} 6: column 4 without a name says that they left; name it",
        f'{doubtful}--map "Lage=status" where it tells who left',
        f'warning: "unsubscribed" {called} 2, taken as active: {way}',
        f'warning: "opted out" {called} 7, taken as active: {way}',
    ]
    told = ("--map", "Lage=field:mood", "--map", "name=name")
    assert "Lage" not in imported(folder, text, *told).err.partition("left out: (no name)")[2]
    ran = imported(folder, text, "--dry-run", "--json")
    assert [tuple(one.values()) for one in json.loads(ran.out)["doubtful"]] == [
        ("name", "unsubscribed", 1), ("Lage", "inactive", 2), ("name", "opted out", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("words", [("x", "Unsubscribed"), ("unsubscribed", "x")])
@pytest.mark.parametrize("more", [0, 700])
def test_whoever_left_by_any_column_of_any_row_is_mailed_by_no_other_row(folder, words, more):
    imported(folder, "email\nc@example.org\n")
    rows = "".join(f"{who}@example.org,{word}\n" for who in "ab" for word in words)
    filler = "".join(f"filler{n}@example.org,x\n" for n in range(more))
    ran = imported(folder, f"email,Typ\nc@example.org,unsubscribed\n{rows}{filler}")
    assert f"{2 + more} added, 1 updated, 0 unchanged, 0 kept out, 0 suppressed, 2 rej" in ran.out
    assert 'warning: 3 rows count as unsubscribed, the first in line 2: the column "Typ"' in ran.err
    active = folder.run("subscribers", "list", "--status", "active", "-v").out
    assert not any(f"{who}@example.org" in active.split() for who in "abc")
    ran = imported(folder, f"email,Typ\nd@example.org,unsubscribed\n{rows}", "--map", "Typ=field")
    assert ran.out.startswith("1 added, 0 updated, 0 unchanged, 2 kept out")


def test_whoever_has_left_has_left_whatever_else_is_wrong_with_the_row(folder):
    text = (
        "email,creation_date,metadata,unsubscription_date,type\n"
        'a@example.org,2024-01-01,"{broken",2024-02-02,regular\na@example.org,2024-01-01,,,regular\n'
    )
    assert "by what the list says: 1 unsubscribed" in imported(folder, text).err


def test_whoever_left_by_one_column_has_left_whatever_another_fails_to_say(folder):
    text = (
        "email,status,unsubscribed_at\na@example.org,,2024-01-01\nb@example.org,what,2024-01-01\n"
    )
    assert "by what the list says: 2 unsubscribed" in imported(folder, text).err


def test_dates_that_may_be_two_days_are_told_with_a_way_on_that_works(folder):
    text = (
        "email,joined\na@example.org,2024-01-31\nb@example.org,03/04/2024\n"
        "c@example.org,05/06/2024\nd@example.org,last May\ne@example.org,\n"
    )
    ran = imported(folder, text, "--dry-run")
    counts = (
        "warning: 2 dates count as none, the first in line 3: the day or the month may come first"
    )
    assert f"{counts}; --dates day-first or --dates month-first\n" in ran.err
    assert "warning: 1 date counts as none, the first in line 5: not understood" in ran.err
    for order, day in (("day-first", "2024-04-03"), ("month-first", "2024-03-04")):
        ran = imported(folder, text.replace("@", f"@{order}."), "--dates", order, "--json")
        assert json.loads(ran.out)["unread_dates"] == 1
        assert "may come first" not in ran.err
        shown = folder.run("subscribers", "show", f"b@{order}.example.org").out
        assert day in shown


def test_exports_of_services_are_read_without_a_word_more(folder):
    phplist = (
        "Email,Is this subscriber confirmed,Is this subscriber blacklisted,"
        "Did this subscriber manually confirm\na@example.org,1,0,0\nb@example.org,1,1,0\n"
    )
    assert imported(folder, phplist).out.startswith(
        "1 added, 0 updated, 0 unchanged, 0 kept out, 1"
    )
    mailerlite = (
        "Email,Status,Subscribed,Groups,Unsubscribed\nc@example.org,active,2024-01-31,g,\n"
        "d@example.org,unsubscribed,2024-01-31,,2024-02-01\n"
    )
    ran = imported(folder, mailerlite)
    assert "an export of MailerLite" in ran.err
    assert "by what the list says: 1 active, 1 unsubscribed" in ran.err
    assert "without a status" not in ran.err
    ran = imported(folder, "subscriber_id,email\n7,e@example.org\n")
    assert (ran.code, ran.out[:7]) == (0, "1 added")
    assert imported(folder, "subscriber_status_id,email\n7,f@example.org\n").code == 2


def test_marks_of_a_spreadsheet_are_warned_of(folder):
    ran = imported(folder, "email\n'a@example.org\n=b@example.org\nc@example.org\n")
    assert "warning: 2 addresses begin with ', =, + or -" in ran.err
    assert "mark a cell" not in imported(folder, "email\no'neill@example.org\n").err


@pytest.mark.parametrize("inner", ["in.zip", "unsubscribed.xlsx", "lists/old.csv.gz"])
def test_an_archive_with_something_unread_beside_its_list_is_refused(folder, inner):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", "email\na@example.org\n")
        archive.writestr(inner, b"x")
    (folder.root / "lists.zip").write_bytes(packed.getvalue())
    ran = folder.run("subscribers", "import", "lists.zip", "--consent-source", "x")
    assert ran.code == 2
    assert f'this archive holds "{inner}", which may hold lists, too' in ran.error


def test_a_packed_file_is_called_one(folder):
    (folder.root / "list.csv").write_bytes(gzip.compress(b"email\na@example.org\n"))
    ran = folder.run("subscribers", "import", "list.csv", "--consent-source", "x")
    assert ran.code == 2
    assert "list.csv: this is a packed file" in ran.error


def test_remarks_and_tags_that_may_say_that_somebody_left_are_told_once_a_column(folder):
    text = (
        "email,Notes,Group,Tags,City\na@example.org,please remove,Choir,VIP,Blackpool\n"
        "b@example.org,Will keine Mails mehr,Ehemalige,VIP,Bath\n"
        "c@example.org,active as ever,Band,ausgetreten,Rome\nd@example.org,,Crew,,Bounceville\n"
    )
    ran = imported(folder, text)
    warned = [line for line in ran.err.splitlines() if "taken as active: " in line]
    group, tags, notes = [line.partition(", taken as active: ") for line in warned]
    row = "1 row, the first in line"
    assert group[0] == f'warning: "ehemalige" stands in the column "Group" of {row} 3'
    assert tags[0] == f'warning: "ausgetreten" stands in the column "Tags" of {row} 4'
    assert notes[0] == (
        'warning: what may say that they left ("please remove") stands in the column "Notes" '
        "of 2 rows, the first in line 2"
    )
    assert notes[2].endswith('a yes in a column "left", or --map "Notes=field" where nobody has')
    told = ("--map", "Notes=field", "--map", "Group=field", "--map", "Tags=tags")
    assert "taken as active" not in imported(folder, text, *told).err


#: Remarks of lists that people keep by hand.
ENDS = (
    "died 2021", "RIP", "kein Interesse mehr", "not interested", "no longer here", "moved away",
    "bitte nicht mehr anschreiben", "ne plus contacter", "plus intéressé", "no quiere", "não quer",
    "geen interesse", "niet meer mailen", "non più interessato", "inte intresserad", "nie chce",
    "please stop mailing", "no more mails", "Adresse ungültig", "email dead", "wrong address",
    "mail kommt zurück", "unbekannt verzogen", "wants out",
)  # fmt: skip
OTHERS = (
    "no sugar", "kein Brot", "not a doctor", "plus two tickets", "ne parle pas anglais", "no phone",
    "interested in boats", "interested in mail art", "pays by post", "more of the same", "no. 5",
    "moved to Berlin", "write her in French", "prefers letters", "stopped by in May",
)  # fmt: skip


@pytest.mark.parametrize("remark", ENDS)
def test_a_remark_that_may_say_that_somebody_left_is_known(remark):
    assert may_say_gone(remark)
    assert may_say_gone(remark.upper())


@pytest.mark.parametrize("remark", OTHERS)
def test_a_remark_about_something_else_is_none_of_these(remark):
    assert not may_say_gone(remark)


def test_what_stands_beside_a_name_and_says_that_its_bearer_left_is_told_without_the_name(folder):
    text = (
        "email,Vorname,Nachname\na@example.org,Ada,Ray (abgemeldet)\nb@example.org,UNSUBSCRIBED:,Bo\n"
        "c@example.org,Cy,Low [left in May]\nd@example.org,Di,Left (she/her)\n"
    )
    ran = imported(folder, text)
    warned = [line for line in ran.err.splitlines() if "taken as active" in line]
    words = ("abgemeldet", "unsubscribed", "left in may")
    begins = [f'warning: "{word}" stands in the column "name" of 1 row' for word in words]
    assert [line.partition(",")[0] for line in warned] == begins
