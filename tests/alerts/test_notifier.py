"""The owner hears each thing once, whoever asked for it: a command, a worker or a page."""

from __future__ import annotations

import datetime as dt
import email.policy
from email import message_from_bytes

import pytest

from newsletter.alerts.notifier import Notifier
from newsletter.errors import AccountError, RefusedError
from newsletter.folder import FolderTransport
from newsletter.project import Project
from newsletter.settings import ConfigText, load
from newsletter.store.calendar import Calendar
from tests.support.reports import Heard
from tests.support.store_samples import store_with

NOW = dt.datetime(2026, 11, 22, 8, 0, tzinfo=dt.UTC)
OWNER = "wren@slackwater.example.org"
SETTINGS = """
[site]
name = "Slack Water"
[sender]
from_name = "Slack Water"
from_address = "letters@slackwater.example.org"
[schedule]
"""


def notifier_in(folder, heard, *, owner=OWNER, now=NOW, open_transport=None):
    named = f'owner = "{owner}"' if owner else ""
    config = ConfigText(file="newsletter.toml", text=f"{SETTINGS}{named}\n")
    (folder / config.file).write_text(config.text, "utf-8")  # notes are kept in no other folder
    project = Project(folder, load(config, environ={}, dotenv=""))
    way_out = open_transport or (lambda: FolderTransport(folder / "mail"))
    return Notifier(project, now, open_transport=way_out, reporter=heard)


def mails(folder):
    found = sorted((folder / "mail/000").glob("*.eml"))
    return [message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in found]


def test_an_alert_is_a_mail_and_is_reported(tmp_path):
    heard = Heard()
    notifier = notifier_in(tmp_path, heard)
    notifier.alert("missed 2026-11-22", "Nothing was sent for 2026-11-22", "no issue had this date")
    (mail,) = mails(tmp_path)
    assert (mail["To"], mail["Subject"]) == (
        OWNER, "[Slack Water] Nothing was sent for 2026-11-22",
    )  # fmt: skip
    assert "no issue had this date" in mail.get_content()
    assert (heard.said, heard.warned) == (["the owner is told"], [])
    assert not notifier.unheard


@pytest.mark.parametrize("recorded", [True, False])
def test_each_topic_is_told_once_with_records_and_without(tmp_path, recorded):
    heard = Heard()
    with store_with(tmp_path, []) as store:
        for _ in range(3):
            notifier = notifier_in(tmp_path, heard)  # another trigger
            if recorded:
                notifier.records = Calendar(store, rehearsal=False)
            notifier.alert("one", "One", "the first")
            notifier.remind("two", "Two", "the second")
    assert len(mails(tmp_path)) == 2
    assert heard.said == ["the owner is told"] * 2


def test_a_fault_is_told_with_its_cause_and_its_hint_once_a_day(tmp_path):
    fault = RefusedError("two issues have this date", hint="change one")
    days = [NOW, NOW + dt.timedelta(hours=1), NOW + dt.timedelta(days=1)]
    told = Heard()
    for now in days:
        notifier_in(tmp_path, told, now=now).fault(fault)
    assert told.said == ["the owner is told"] * 2
    assert "hint: change one" in mails(tmp_path)[0].get_content()


def test_an_owner_who_is_not_reached_is_reported_and_tried_five_times(tmp_path):
    def closed():
        raise AccountError("AWS has no region")

    tries = []
    for _ in range(7):
        heard = Heard()
        notifier = notifier_in(tmp_path, heard, open_transport=closed)
        notifier.alert("one", "One", "the first")
        tries.append((heard.said, notifier.unheard))
    failed = (["the owner was not told: AWS has no region"], True)
    assert tries == [failed] * 5 + [([], False)] * 2


def test_a_fault_of_a_library_is_reported_by_its_kind_alone(tmp_path):
    def broken():
        raise ValueError(OWNER)

    heard = Heard()
    notifier_in(tmp_path, heard, open_transport=broken).alert("one", "One", "the first")
    assert heard.said == ["the owner was not told: ValueError"]


def test_without_an_owner_nothing_is_told_and_nothing_is_missing(tmp_path):
    heard = Heard()
    notifier = notifier_in(tmp_path, heard, owner="")
    notifier.alert("one", "One", "the first")
    notifier.remind("two", "Two", "the second")
    assert (mails(tmp_path), heard.said, notifier.unheard) == ([], [], False)
