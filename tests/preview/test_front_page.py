"""The first page: the list and its change, the next date and what it lacks, the last result."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from newsletter.delivery import OccurrenceState
from newsletter.preview.front_page import FrontPage, LastResult, NextDate, Notice
from newsletter.preview.issue_previews import IssuePreviews
from newsletter.preview.readers import READERS
from newsletter.schedule import Occurrence
from newsletter.store import subscribers
from newsletter.store.calendar import Calendar, Used
from newsletter.store.list_size import ListSize
from tests.preview.test_preview_sending import NOON, front_page
from tests.support.cli_fixtures import ADDRESSES, ISSUE, Folder, folder, plain_environment, ready
from tests.support.pages import parse_page
from tests.support.preview_fixtures import by_id, desk, words_of
from tests.support.schedule_fixtures import store_of
from tests.support.smtp_servers import scripted
from tests.support.web_fixtures import settings_of

__all__ = ["desk", "folder", "plain_environment", "ready"]

DRAFT = "issues/075-words-for-the-pause.md"
DAY = dt.timedelta(days=1)


def next_date(folder: Folder, now: dt.datetime = NOON) -> NextDate:
    found = front_page(folder, now).next_date
    assert found is not None
    return found


def last(folder: Folder) -> LastResult:
    found = front_page(folder).last
    assert found is not None
    return found


def missing(folder: Folder, now: dt.datetime = NOON) -> list[tuple[str, str]]:
    return [(notice.said, notice.command) for notice in next_date(folder, now).missing]


def through(ready: Folder, port: int) -> None:
    for name, value in {"KIND": "smtp", "SMTP__HOST": "127.0.0.1", "SMTP__PORT": port,
                        "SMTP__SECURITY": "none"}.items():  # fmt: skip
        ready.patch.setenv(f"NEWSLETTER_TRANSPORT__{name}", str(value))


# --- the list ----------------------------------------------------------------------------------


def test_the_list_is_counted_and_so_is_who_came_and_went(ready):
    now = dt.datetime.now(dt.UTC)
    found = front_page(ready, now)
    assert (found.name, found.since) == ("Slack Water", "in 30 days")
    assert found.people == ListSize(mailable=len(ADDRESSES), joined=len(ADDRESSES))
    later = now + 60 * DAY
    quiet = ListSize(mailable=len(ADDRESSES))
    assert front_page(ready, later).people == quiet
    with store_of(ready) as store:
        assert subscribers.remove(store, ADDRESSES[0], now=later - DAY)
        assert subscribers.erase(store, ADDRESSES[1], now=later - DAY)[0]
    assert front_page(ready, later).people == ListSize(mailable=len(ADDRESSES) - 2, left=2)
    # Who left long ago has left the list before; who comes back has joined it.
    assert front_page(ready, later + 60 * DAY).people == ListSize(mailable=len(ADDRESSES) - 2)
    assert ready.run("subscribers", "allow", ADDRESSES[0], "--consent-source", "a letter").code == 0
    assert front_page(ready, now + DAY).people == ListSize(
        mailable=len(ADDRESSES) - 1, joined=len(ADDRESSES) - 1, left=1
    )


def test_without_records_nobody_is_on_the_list_and_nothing_is_wrong(folder):
    found = front_page(folder)
    assert (found.people, found.notices, found.last) == (ListSize(), (), None)
    assert not (folder.root / ".newsletter").exists()


def test_a_list_that_all_have_left_is_not_one_that_nobody_was_on(ready):
    with store_of(ready) as store:
        for address in ADDRESSES:
            subscribers.remove(store, address, now=NOON)
    assert missing(ready)[0][0] == "Nobody on the list may be mailed: 25 unsubscribed."
    assert front_page(ready).emptied


def test_records_that_cannot_be_read_are_told_with_the_way_out(ready):
    (ready.root / ".newsletter/newsletter.db").write_bytes(b"not a database" * 1000)
    found = front_page(ready)
    [notice] = found.notices
    assert notice.said
    assert notice.way
    assert found.people is None
    assert [entry.number for entry in found.issues] == [75, 74, 73]


# --- what is next ------------------------------------------------------------------------------


def test_what_keeps_every_issue_in_is_missing_too(folder):
    assert missing(folder)[0][0] == "Nobody is on the list yet."
    folder.imported()
    assert [said for said, _ in missing(folder)] == ["It is not approved."]
    folder.edit("newsletter.toml", 'kind = "folder"', 'kind = "smtp"\nsmtp.host = "mail.example"')
    public = 'public_url = "https://letters.slackwater.example.org"'
    folder.edit("newsletter.toml", public, 'public_url = ""')
    assert missing(folder)[0][0] == "Readers could not unsubscribe from this mail."


def test_the_next_date_names_its_issue_and_what_is_to_be_done_first(ready):
    before = NOON - 2 * DAY
    found = next_date(ready, before)
    assert (found.number, found.when, found.away) == (74, "Sunday 22 November 2026, 09:00", "in 2 days")  # fmt: skip
    assert missing(ready, before) == [("It is not approved.", "newsletter approve --issue 74")]
    assert ready.run("approve", "--issue", "74", "--anyway").code == 0
    assert missing(ready, before) == []
    ready.edit(ISSUE, "Put the kettle on", "Put the lamp on")
    assert missing(ready, before) == [
        ("It changed since you approved it.", "newsletter approve --issue 74")
    ]
    ready.edit(ISSUE, "Put the lamp on", "![](images/none.png) Put the lamp on")
    [(error, _), _] = missing(ready, before)
    assert error == "1 error in its checks."


def test_a_draft_and_a_date_without_an_issue_say_what_to_do(ready):
    after = NOON + 2 * DAY
    [draft] = next_date(ready, after).missing
    assert draft == Notice(said="It is a draft.", way=f'In {DRAFT}: set "status: ready".')
    (ready.root / DRAFT).unlink()
    assert missing(ready, after) == [("No issue has this date.", 'newsletter new "A title"')]
    assert next_date(ready, after).number == 0


def test_a_date_that_has_come_is_due_now_until_it_is_used_up(ready):
    found = next_date(ready)
    assert (found.number, found.away, found.when) == (
        74,
        "due now",
        "Sunday 22 November 2026, 09:00",
    )
    assert missing(ready) == [("It is not approved.", "newsletter approve --issue 74")]
    assert ready.run("approve", "--issue", "74", "--anyway").code == 0
    assert missing(ready) == []
    assert page_state(ready, NOON) == front_page(ready).issues[1].state == "due"
    use_up(ready, NOON)
    assert next_date(ready).number == 75
    assert page_state(ready, NOON) == front_page(ready).issues[1].state == "missed"


def page_state(folder: Folder, now: dt.datetime) -> str:
    """How far issue 74 is, as its own page calls it."""
    preview = previews_of(folder, now).preview(74, READERS[0])
    assert preview is not None
    return preview.status


def previews_of(folder: Folder, now: dt.datetime) -> IssuePreviews:
    settings = settings_of((folder.root / "newsletter.toml").read_text("utf-8"))
    return IssuePreviews(folder.root, lambda: settings, lambda: now)


def use_up(folder: Folder, now: dt.datetime) -> None:
    """Have another issue taken the date, as by a schedule that rehearses."""
    date = Occurrence(dt.date(2026, 11, 22), dt.datetime(2026, 11, 22, 8, tzinfo=dt.UTC))
    used = Used(occurrence=date, state=OccurrenceState.TAKEN, issue=73, reason="")
    with store_of(folder) as store:
        Calendar(store, rehearsal=True).note([used], now=now)


def test_two_issues_of_one_date_and_one_that_does_not_go_are_told(ready):
    before = NOON - DAY
    assert ready.run("cancel", "--issue", "74").code == 0
    [(said, _)] = missing(ready, before)
    assert said == "Issue 74 was cancelled."
    text = (ready.root / ISSUE).read_text("utf-8")
    ready.write("issues/076-again.md", text.replace("number: 74", "number: 76"))
    # What no schedule sends keeps no date from another.
    assert missing(ready, before) == [("It is not approved.", "newsletter approve --issue 76")]
    ready.write("issues/077-once-more.md", text.replace("number: 74", "number: 77"))
    assert "Two issues have this date, so neither goes." in str(missing(ready, before))
    previews = previews_of(ready, before)
    assert told_of(previews, 76) == ["issues/077-once-more.md"]
    assert ready.run("cancel", "--issue", "77").code == 0
    assert told_of(previews, 76) == []


def told_of(previews: IssuePreviews, number: int) -> list[str]:
    """The other issues of its date of which the page of an issue warns."""
    preview = previews.preview(number, READERS[0])
    assert preview is not None
    return [f.message.split()[0] for f in preview.findings if f.id == "date-twice"]


@pytest.mark.processes
def test_an_issue_that_was_rehearsed_does_not_go_again_by_itself(ready):
    assert ready.send().code == 0
    assert missing(ready, NOON - DAY) == [("Issue 74 was rehearsed already.", "")]


def test_a_theme_that_cannot_be_read_is_told_where_the_next_date_stands(ready):
    before = NOON - DAY
    theme = "templates/email/issue.mjml"
    assert ready.run("approve", "--issue", "74", "--anyway").code == 0
    ready.edit(theme, "<mj-body", "<mj-bod")
    found = front_page(ready, before)
    assert found.next_date is None
    assert found.no_date is not None
    assert found.no_date.said.startswith(theme)
    text = (ready.root / ISSUE).read_text("utf-8")
    ready.write(
        ISSUE, "".join(line for line in text.splitlines(keepends=True) if "approved" not in line)
    )
    [fault, step] = next_date(ready, before).missing
    assert fault.said.startswith(theme)
    assert fault.address == "/issues/74"
    assert step.said == "It is not approved."


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('rrule = "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO"\nanchor = 2026-11-08\n', "", "There is no schedule."),
        ("BYDAY=SU;WKST=MO", "BYDAY=SU;WKST=MO;COUNT=1", "The schedule has no date any more."),
    ],
)  # fmt: skip
def test_without_a_date_the_page_says_why(folder, old, new, said):
    folder.edit("newsletter.toml", old, new)
    found = front_page(folder)
    assert found.next_date is None
    assert found.no_date is not None
    assert (found.no_date.said, bool(found.no_date.way)) == (said, True)


def test_an_issue_that_cannot_be_read_leaves_the_page_standing(ready):
    ready.edit(ISSUE, "status: ready", "status: [ready")
    assert next_date(ready, NOON - DAY).missing[0].said == "No issue has this date."
    assert front_page(ready).issues[1].state == "broken"


# --- what was last -----------------------------------------------------------------------------


@pytest.mark.processes
def test_the_last_issue_is_the_last_real_one_with_its_result(ready):
    assert front_page(ready).last is None
    assert ready.send().code == 0
    rehearsed = last(ready)
    assert (rehearsed.number, rehearsed.rehearsal, dict(rehearsed.counts)) == (74, True, {"accepted": len(ADDRESSES)})  # fmt: skip
    with scripted(RCPT=["250 ok", "550 no such box", "250 ok"]) as server:
        through(ready, server.port)
        assert ready.send("--limit", "10").code == 6
        paused = last(ready)
        assert paused.rehearsal is False
        assert paused.said.startswith("paused")
        assert paused.notice is not None
        assert paused.notice.command == "newsletter send --issue 74"
        assert ready.send().code == 0
        assert ready.send(issue=73).code == 0
    done = last(ready)
    assert (done.number, done.notice) == (73, None)
    assert done.said.startswith("sent on 20")
    assert sum(done.counts.values()) == len(ADDRESSES)
    assert front_page(ready).since == "since issue 73"
    assert front_page(ready).people == ListSize(mailable=len(ADDRESSES))


# --- on the page -------------------------------------------------------------------------------

FULL = FrontPage(
    name="Slack <b>Water</b>",
    people=ListSize(mailable=1234, pending=5, joined=12, left=3),
    since="since issue 74",
    next_date=NextDate(
        when="Sunday 6 December 2026, 09:00", zone="Europe/Amsterdam", away="in 8 days", number=75,
        title="Words", missing=(
            Notice(said="2 errors in its checks.", way="Look", address="/issues/75?tab=checks"),
            Notice(said="It is not approved.", command="newsletter approve --issue 75"),
        ),
    ),
    last=LastResult(
        number=74, title="The minute", said="sent on 2026-11-22", rehearsal=False,
        counts={"accepted": 1230, "unknown": 4}, notice=Notice(said="Look.", command="newsletter status --issue 74"),
    ),
)  # fmt: skip


def cards(desk: Any, front: FrontPage) -> str:
    desk.front = front
    return words_of(by_id(desk.page("/"), "cards"))


def test_the_page_tells_all_of_it(desk):
    told = cards(desk, FULL)
    for words in (
        "Subscribers 1,234 +12 joined −3 left since issue 74 5 not confirmed yet",
        "In 8 days Sunday 6 December 2026, 09:00 (Europe/Amsterdam) 75 Words",
        "2 errors in its checks. Look It is not approved. newsletter approve --issue 75",
        "74 The minute sent on 2026-11-22 1,230 accepted4 unknown Look. newsletter status --issue 74",
    ):
        assert words in told
    page = desk.page("/")
    assert words_of(by_id(page, "name")) == "Slack <b>Water</b>"
    [link] = [e for e in parse_page(page).iter("a") if e.text == "Look"]
    assert link.get("href") == "/issues/75?tab=checks"


def test_what_is_empty_says_how_to_begin(desk):
    desk.shelf = ()
    told = cards(desk, FrontPage(people=ListSize(), no_date=Notice(said="There is no schedule.")))
    assert "Nobody yet Add yours: newsletter subscribers import FILE" in told
    left = cards(desk, FrontPage(people=ListSize(left=2), emptied=True))
    assert "Nobody −2 left" in left
    assert "Add yours" not in left
    assert "There is no schedule." in told
    assert "Nothing was sent yet." in told
    assert "newsletter new" in words_of(by_id(desk.page("/"), "shelf"))
    assert "Set site.name in newsletter.toml." in words_of(by_id(desk.page("/"), "notices"))
    nothing_missing = cards(desk, FrontPage(next_date=NextDate(
        when="Sunday", zone="UTC", away="today", number=1, title="One", missing=(),
    )))  # fmt: skip
    assert "Nothing is missing: the next run of the schedule sends it." in nothing_missing
