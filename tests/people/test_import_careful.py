"""Imports add up, take the most careful of several rows, read archives, and travel as exports."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.audience.choices import read_choices
from newsletter.audience.roster import Added
from newsletter.errors import InputError
from newsletter.people.export import export_file, export_to
from newsletter.people.importing import check_list, import_list, open_list
from newsletter.store import Store, imports, subscribers
from tests.support.effort import either
from tests.support.reports import Heard
from tests.support.store_samples import NOW, a_row, store_with, subscriber_count, suppress

STANDINGS = ("active", "pending", "unsubscribed", "bounced", "complained", "blocked")
ORDER = {word: at for at, word in enumerate(STANDINGS)}


def taken(store, file, **choices):
    chosen = read_choices(**{"service": "auto", "columns": [], "words": [], "tags": [], **choices})
    listed = open_list(file.parent, file, chosen)
    return import_list(listed, store, source="a fair", now=NOW, reporter=Heard())


def standing(store: Store) -> dict[str, str]:
    return {one.email: one.suppression or one.status.value for one in subscribers.each(store)}


def exported(store: Store) -> str:
    out = io.StringIO(newline="")
    export_to(out, store)
    return out.getvalue()


# --- totals and repeats ----------------------------------------------------------------------


ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from([*STANDINGS, "what?", ""])), max_size=14
)


@pytest.mark.trials
@settings(
    deadline=None,
    max_examples=either(10, 25),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=ROWS, long=st.booleans())
def test_totals_add_up_and_the_most_careful_row_counts(tmp_path_factory, rows, long):
    folder = tmp_path_factory.mktemp("list")
    file = folder / "list.csv"
    filler = [f"filler{n}@example.org,active" for n in range(520 if long else 0)]
    lines = [f"r{number}@example.org,{word}" for number, word in rows]
    file.write_text("\n".join(["email,status", *filler, *lines, "nobody,active"]) + "\n")
    with store_with(folder, [a_row("r0@example.org"), a_row("r1@example.org")]) as store:
        subscribers.remove(store, "r1@example.org", now=NOW)
        suppress(store, "r2@example.org", reason="complained", now=NOW)
        foreseen = check_list(open_list(folder, file), store, now=NOW)
        done = taken(store, file)
        found = standing(store)
        assert imports.unfinished(store) is None
    assert (foreseen.added, foreseen.rejected) == (done.added, done.rejected)
    assert done.added.rows + done.rejected == len(filler) + len(lines) + 1
    wanted: dict[str, str] = {}
    for number, word in rows:
        if word not in {"what?", ""}:
            here = wanted.get(f"r{number}@example.org", "active")
            wanted[f"r{number}@example.org"] = max(here, word, key=ORDER.__getitem__)
    for address, word in wanted.items():
        if address == "r1@example.org":
            assert found[address] == (
                word if ORDER[word] > ORDER["unsubscribed"] else "unsubscribed"
            )
        elif address == "r0@example.org" and word == "pending":
            assert found[address] == "active"  # they agreed before
        elif address == "r2@example.org":
            assert address not in found
        else:
            assert found[address] == word


@pytest.mark.parametrize("filler", [0, 600])
def test_a_row_that_gives_way_is_told_with_both_lines(tmp_path, filler):
    file = tmp_path / "list.csv"
    people = "".join(f"filler{n}@example.org,active\n" for n in range(filler))
    file.write_text(
        f"email,status\na@example.org,active\n{people}A@example.org,bounced\na@example.org,active\n"
    )
    with store_with(tmp_path, []) as store:
        done = taken(store, file)
        assert standing(store)["A@example.org"] == "bounced"
    assert done.added == Added(added=filler, suppressed=1)
    kept = (tmp_path / "list-rejected.csv").read_text().splitlines()
    assert kept[1:] == [
        f'2,"line {filler + 3} has this address too, and says more"',
        f'{filler + 4},"line {filler + 3} has this address too"',
    ]


def test_what_the_list_says_is_counted(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text(
        "email,status\na@b.org,active\nb@b.org,left\nc@b.org,odd\nd@b.org,Odd\ne@b.org,x@y.org\n"
    )
    with store_with(tmp_path, []) as store:
        done = taken(store, file)
    assert done.tally.said == Counter(active=1, unsubscribed=1)
    assert done.tally.words == Counter(odd=2)


def test_a_date_in_the_file_is_when_somebody_joined_and_never_later_than_now(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text("email,joined\na@b.org,2020-02-03\nb@b.org,2190-01-01\nc@b.org,\n")
    with store_with(tmp_path, []) as store:
        taken(store, file, tags=["Old list"])
        since = {one.email: one.created_at for one in subscribers.each(store)}
        assert {tag for one in subscribers.each(store) for tag in one.tags} == {"old-list"}
    assert f"{since['a@b.org']:%Y-%m-%d}" == "2020-02-03"
    assert since["b@b.org"] == since["c@b.org"] == NOW


def test_a_list_that_is_read_in_another_way_does_not_go_on_with_an_interrupted_import():
    one = imports.Import(source="x", now=NOW, file_name="a", file_hash="a" * 64)
    other = imports.Import(source="x", now=NOW, file_name="a", file_hash="a" * 64, choices="kit")
    assert one._staged_hash() != other._staged_hash()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_lines_of_a_list_are_its_people_however_it_ends(tmp_path, encoding, end):
    file = tmp_path / "list.csv"
    file.write_text(f"email\na@b.org\nb@b.org{end}", encoding, newline="")
    assert open_list(tmp_path, file).lines == 2


# --- archives --------------------------------------------------------------------------------

MAILCHIMP = "Email Address,First Name,LEID,EUID,TAGS"


def archive(path, members: dict[str, str]):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, text in members.items():
            out.writestr(name, text)
    return path


def test_the_archive_of_mailchimp_is_read_as_one_list(tmp_path):
    path = archive(
        tmp_path / "export.zip",
        {
            "subscribed_members_export_1.csv": f"{MAILCHIMP}\na@b.org,Ada,1,a,\nd@b.org,Di,4,d,\nbad,,5,e,\n",
            "unsubscribed_members_export_1.csv": f"{MAILCHIMP},UNSUB_TIME\nb@b.org,Bo,2,b,,2024-01-01\nd@b.org,Di,4,d,,2024-01-01\n",
            "cleaned_members_export_1.csv": f"{MAILCHIMP},CLEAN_TIME\nc@b.org,Cy,3,c,,2024-01-01\n",
            "nonsubscribed_members_export_1.csv": f"{MAILCHIMP}\nn@b.org,No,6,n,\n",
            "__MACOSX/._subscribed.csv": "x",
            "readme.txt": "hello",
        },
    )  # fmt: skip
    assert open_list(tmp_path, path).lines == 7  # no header is a person
    with store_with(tmp_path, []) as store:
        foreseen = check_list(open_list(tmp_path, path), store, now=NOW)
        done = taken(store, path)
        found = standing(store)
    assert found == {
        "a@b.org": "active", "b@b.org": "unsubscribed", "c@b.org": "bounced",
        "d@b.org": "unsubscribed", "n@b.org": "unsubscribed",
    }  # fmt: skip
    assert (foreseen.added, foreseen.rejected) == (done.added, done.rejected)
    assert done.added.rows + done.rejected == 7
    kept = (tmp_path / "export-rejected.csv").read_text()
    assert '4,"subscribed_members_export_1.csv: this is not a mail address"' in kept


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"a.csv": "email\n" + "a" * 3_000_000}, "far larger than what is packed"),
        ({f"{n}.csv": "email\n" for n in range(21)}, "holds 21 lists"),
        ({"a.txt": "email\n"}, "holds no list"),
        ({"[Content_Types].xml": "", "a.csv": "email\n"}, "this is a spreadsheet"),
        (
            {"a.csv": "email,name\n", "b.csv": "name\nAda\n"},
            "no column of this list is named email",
        ),
        ({"a.csv": ""}, "this list is empty"),
    ],
)
def test_an_archive_that_is_none_of_lists_adds_nobody(tmp_path, members, problem):
    path = archive(tmp_path / "export.zip", members)
    with pytest.raises(InputError, match=problem) as caught:
        open_list(tmp_path, path)
    assert caught.value.hint
    assert str(caught.value.place).startswith(str(path))


def test_an_archive_that_lies_about_its_size_or_is_damaged_is_refused(tmp_path):
    path = archive(tmp_path / "export.zip", {"a.csv": "email\n" + "a@b.org\n" * 200_000})
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02") + 24
    data[at : at + 4] = (1000).to_bytes(4, "little")  # the directory says: a thousand bytes
    path.write_bytes(data)
    with pytest.raises(InputError, match="this archive is damaged"):
        open_list(tmp_path, path)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="this archive is damaged"):
        open_list(tmp_path, path)


# --- an export travels -----------------------------------------------------------------------


@pytest.mark.parametrize("more", [0, 700])
def test_an_export_read_into_a_new_store_is_exported_as_the_same_bytes(tmp_path, more):
    people = [
        a_row("Zoe@example.org", name="=SUM(1)", tags=frozenset({"b", "a"}), fields={"city": "-x"}),
        a_row("ada@example.org", name="", fields={"first_name": "Ada", "status": "gold", "confirmed": "never"}),
        a_row("+plus@example.org", name="'quoted'"),
        a_row("left@example.org"),
        a_row("bounced@example.org", fields={"größe": "1"}),
        a_row("complained@example.org"),
        a_row("blocked@example.org"),
        *(a_row(f"r{n}@example.org", name=f"R, {n}") for n in range(more)),
    ]  # fmt: skip
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    with store_with(tmp_path / "old", people) as store:
        subscribers.remove(store, "left@example.org", now=NOW)
        for reason in ("bounced", "complained", "blocked"):
            suppress(store, f"{reason}@example.org", reason=reason, now=NOW)
        export_file(tmp_path / "all.csv", store)
        before = exported(store)
        assert taken(store, tmp_path / "all.csv").added.kept_out == 4
    with store_with(tmp_path / "new", []) as store:
        done = taken(store, tmp_path / "all.csv")
        assert done.rejected == 0
        assert exported(store) == before
        assert subscriber_count(store) == len(people)
    assert (tmp_path / "all.csv").read_bytes() == before.encode()
    assert next(csv.reader(io.StringIO(before)))[:5] == [
        "email",
        "name",
        "status",
        "tags",
        "joined",
    ]
