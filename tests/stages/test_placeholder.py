"""What `init` wrote unasked never goes live: an error at a real send, a warning in a rehearsal."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.check import RuleContext, check
from newsletter.check.placeholder import PLACEHOLDERS
from newsletter.cli.begin import Rhythm
from newsletter.issue import parse
from newsletter.project import scaffold
from newsletter.render import Theme
from newsletter.render.pipeline import render
from newsletter.settings import ConfigText, Settings, load
from newsletter.settings.mail import options
from tests.support.cli_fixtures import Folder, folder, plain_environment

__all__ = ["folder", "plain_environment"]

SUNDAY = dt.date(2026, 11, 22)
TOLD = {
    "site.name": "Ebb", "sender.from_name": "Wren", "sender.from_address": "wren@ebb.example",
    "site.postal_address": "Ebb, 1 Quay",
}  # fmt: skip
REAL = '[transport]\nkind = "smtp"\nsmtp = { host = "127.0.0.1", port = 9 }\n'


def written(told: dict[str, str], **more: object) -> dict[str, bytes]:
    chosen: dict[str, object] = {"rhythm": "none", "first": SUNDAY, "look": "magazine", **more}
    return scaffold.contents(told, **chosen)  # type: ignore[arg-type]


def settings_of(files: dict[str, bytes]) -> Settings:
    text = files["newsletter.toml"].decode()
    return load(ConfigText(file="newsletter.toml", text=text), environ={})


def context(told: dict[str, str], *, real: bool, body: str = "") -> RuleContext:
    """The first issue of a new newsletter as the checks see it, or one with another body."""
    files = written(told)
    name, prefix = "issues/001-hello.md", "templates/email/"
    text = files[name].decode()
    head = text.rpartition("---\n")[0]
    issue = parse((f"{head}---\n{body}" if body else text).encode(), file=name)
    texts = ((n.removeprefix(prefix), d.decode()) for n, d in files.items() if prefix in n)
    mail = options(settings_of(files), issue)
    rendered = render(issue, Theme(folder="t", files=tuple(sorted(texts))), mail)
    return RuleContext(issue=issue, rendered=rendered, options=mail, real=real)


def found(told: dict[str, str], *, real: bool, body: str = "") -> set[tuple[str, str]]:
    """What is still a placeholder, the first word of each finding, and how much that weighs."""
    letter = context(told, real=real, body=body)
    return {(f.message.split()[0], f.severity) for f in check(letter) if f.id == "placeholder"}


@pytest.mark.parametrize(("real", "severity"), [(True, "error"), (False, "warning")])
def test_everything_that_init_writes_unasked_is_found(real, severity):
    expected = {*PLACEHOLDERS} - {"sender.reply_to"} | {"this"}
    assert found({}, real=real) == {(name, severity) for name in expected}


@pytest.mark.parametrize("left_out", TOLD)
def test_each_that_was_left_is_found_alone(left_out):
    told = {key: value for key, value in TOLD.items() if key != left_out}
    expected = {left_out} | ({"sender.unsubscribe_mailto"} if "address" in left_out and "from" in left_out else set())  # fmt: skip
    assert found(told, real=True, body="My own words.\n") == {(name, "error") for name in expected}


def test_with_answers_and_words_of_one_s_own_nothing_is_found():
    assert found(TOLD, real=True, body="My own words.\n") == set()
    assert found(TOLD, real=True) == {("this", "error")}


@pytest.mark.parametrize("name", [" my newsletter ", "MY  NEWSLETTER"])
def test_a_placeholder_in_other_letters_is_one(name):
    letter = context(TOLD, real=True, body="My own words.\n")
    changed = dataclasses.replace(
        letter, options=dataclasses.replace(letter.options, site_name=name)
    )
    assert [f.id for f in check(changed) if f.severity == "error"] == ["placeholder"]


@pytest.mark.parametrize("name", ["My Newsletter About Tides", "Newsletter", ""])
def test_a_name_that_only_looks_alike_is_none(name):
    assert found({**TOLD, "site.name": name}, real=True, body="My own words.\n") == set()


@pytest.mark.processes
def test_a_real_send_refuses_them_and_a_rehearsal_goes_on(folder: Folder) -> None:
    for name, data in written({}).items():
        folder.write(f"new/{name}", data)
    new = dataclasses.replace(folder, root=folder.root / "new").imported()
    plan = ("send", "--issue", "1", "--dry-run")
    assert new.run(*plan).code == 0
    new.edit("newsletter.toml", '[transport]\nkind = "folder"\n', REAL)
    ran = new.run(*plan)
    assert ran.code == 5
    assert ran.error == "error: issue 1 is not fit to send: 6 errors"
    assert ran.err.count("error placeholder:") == 6
    assert new.send(issue=1).code == 5
    assert new.runs() == ()


@given(
    st.dates(dt.date(2024, 1, 1), dt.date(2030, 12, 31)),
    st.sampled_from([one.value for one in Rhythm]),
)
def test_any_first_day_is_one_of_its_rhythm(first, rhythm):
    schedule = settings_of(written(TOLD, rhythm=rhythm, first=first)).schedule
    assert bool(schedule.rrule) is (rhythm != "none")
    assert schedule.anchor == (None if rhythm == "none" else first)


@given(st.dates(dt.date(2024, 1, 1), dt.date(2030, 12, 31)))
def test_the_sunday_offered_lies_ahead_within_a_week(day):
    offered = scaffold.next_sunday(day)
    assert offered.weekday() == 6
    assert 1 <= (offered - day).days <= 7
