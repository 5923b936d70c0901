"""Clicks from the setting to the figures: sent for real, followed by readers, counted by `stats`."""

from __future__ import annotations

import csv
import email.policy
import io
import json
import re
from email import message_from_bytes

import pytest
from starlette.testclient import TestClient

from newsletter import clocks
from newsletter import site as public
from newsletter.cli.context import open_project, open_store
from newsletter.site import following
from tests.support.cli_fixtures import folder, plain_environment, ready
from tests.support.pages import elements, parse_page, text_of
from tests.support.schedule_fixtures import through_smtp
from tests.support.smtp_servers import Keeper, aiosmtpd

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes
LINK = re.compile(r"https://letters\.slackwater\.example\.org/r/74-\d+")
BROWSER = {"user-agent": "Mozilla/5.0 Firefox/140.0", "accept": "text/html"}


def parts(data):
    mail = message_from_bytes(data, policy=email.policy.default)
    found = [mail.get_body((kind,)) for kind in ("plain", "html")]
    return tuple(part.get_content() for part in found if part is not None)


def rehearsed(newsletter):
    assert newsletter.run("send", "--issue", "74", "--confirm", "74").code == 0
    return [path.read_bytes() for path in sorted((newsletter.root / "mail").rglob("*.eml"))]


@pytest.fixture
def sent(ready):
    """Sent through a mail server, with clicks counted; the mails."""
    ready.patch.setenv("NEWSLETTER_CLICKS__COUNT", "true")
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(ready, port)
        ran = ready.run("send", "--issue", "74", "--confirm", "74")
        assert ran.code == 0, ran.err
    return [data for _, _, data in keeper.mails]


def follow(newsletter, *paths, later=3600):
    """Readers, and one program, at the door of `serve` an hour later."""
    newsletter.patch.setattr(following, "_WRITE_SECONDS", 0.001)
    now, project = clocks.now(), open_project()
    import datetime as dt  # noqa: PLC0415

    with open_store(project, create=False) as store:
        pages = public.application(
            store=store, settings=project.settings, clock=lambda: now + dt.timedelta(seconds=later)
        )
        with TestClient(pages, base_url="https://x.example", follow_redirects=False) as client:
            answers = [client.get(path, headers=BROWSER) for path in paths]
            client.get(paths[0], headers={**BROWSER, "user-agent": "curl/8"})
    return [answer.headers.get("location") for answer in answers]


def test_links_are_the_same_for_everybody_and_stay_bare_in_the_text(ready, sent):
    texts, pages = zip(*map(parts, sent), strict=True)
    assert len(pages) > 10
    assert {tuple(LINK.findall(page)) for page in pages} == {tuple(LINK.findall(pages[0]))}
    assert len(LINK.findall(pages[0])) > 5
    assert not any("/r/74-" in text for text in texts)
    # The ways to leave are each reader's own, and straight.
    assert len({tuple(re.findall(r"/u/[\w-]+", page)) for page in pages}) == len(pages)


def test_a_rehearsal_and_a_test_mail_lead_straight(ready):
    ready.patch.setenv("NEWSLETTER_CLICKS__COUNT", "true")
    assert all(b"/r/74-" not in data for data in rehearsed(ready))
    assert "/r/74-" not in ready.run("build", "--issue", "74").out


def test_without_the_setting_no_link_is_led_anywhere(ready):
    keeper = Keeper()
    with aiosmtpd(keeper) as port:
        through_smtp(ready, port)
        assert ready.run("send", "--issue", "74", "--confirm", "74").code == 0
    assert not any("/r/74-" in page for _, _, data in keeper.mails for page in parts(data))
    assert "clicks: not counted" in ready.run("stats", "--issue", "74").out
    assert "utm_campaign=issue-74" in ready.run("stats", "--issue", "74").err
    assert json.loads(ready.run("stats", "--issue", "74", "--json").out)["links"] is None
    assert (
        ready.run("stats", "--issue", "74", "--csv", "links").out
        == "link,text,url,clicks,machines\n"
    )


def test_every_link_of_a_mail_leads_where_it_led_before_and_stats_count_it(ready, sent):
    straight = rehearsed_links(ready)
    mine = LINK.findall(parts(sent[0])[1])
    found = follow(
        ready, *(one.removeprefix("https://letters.slackwater.example.org") for one in mine)
    )
    assert [one for one in found if one not in straight] == []
    shown = json.loads(ready.run("stats", "--issue", "74", "--json").out)["links"]
    assert [(one["url"], one["clicks"]) for one in shown] == [(url, 1) for url in found]
    assert sum(one["machines"] for one in shown) == 1
    assert "utm_campaign" not in ready.run("stats", "--issue", "74").err
    text = ready.run("stats", "--issue", "74").out
    assert re.search(r"link +clicks +machines +text\n +1 +1 +1 ", text)
    rows = list(
        csv.DictReader(io.StringIO(ready.run("stats", "--issue", "74", "--csv", "links").out))
    )
    assert rows == [{key: str(value) for key, value in one.items()} for one in shown]


def test_the_page_has_the_same_numbers(ready, sent):
    follow(ready, "/r/74-2", "/r/74-2", "/r/74-1")
    html = ready.run("stats", "--issue", "74", "--html", "-").out
    table = next(e for e in elements(parse_page(html)) if e.get("data-table") == "links")
    heads, *rows = [[text_of(cell) for cell in elements(row) if cell.tag[-2:] in {"td", "th"}]
                    for row in elements(table) if row.tag.endswith("tr")]  # fmt: skip
    shown = json.loads(ready.run("stats", "--issue", "74", "--json").out)["links"]
    assert [dict(zip(heads, row, strict=True)) for row in rows] == [
        {key: " ".join(str(value).split()) for key, value in one.items()} for one in shown
    ]
    assert "Most often, 2 times: " in html
    assert "Programs followed links 1 time." in html


def rehearsed_links(newsletter):
    newsletter.patch.setenv("NEWSLETTER_TRANSPORT__KIND", "folder")
    page = parts(rehearsed(newsletter)[0])[1]
    import html  # noqa: PLC0415

    return {html.unescape(one) for one in re.findall(r'href="([^"]+)"', page)}
