"""The preview's pages of numbers: found, kept to themselves, live, and clean on every screen."""

from __future__ import annotations

import datetime as dt
import re
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe

from newsletter.errors import InputError
from newsletter.preview.numbers import read_numbers
from newsletter.settings import load
from newsletter.store import Store
from tests.support.preview_browser import chromium, preview, root, tab
from tests.support.preview_fixtures import desk
from tests.support.store_samples import a_row, url_in
from tests.support.stories import START, story

__all__ = ["chromium", "desk", "root", "tab"]


def test_the_pages_are_found_and_an_issue_that_was_not_sent_has_none(desk):
    client = desk.client()
    for address in ("/numbers", "/numbers/74"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert "style-src 'sha256-" in answer.headers["Content-Security-Policy"]
    assert client.get("/numbers/75").status_code == 404
    assert client.get("/numbers/74/x").status_code == 404
    assert 'href="/numbers"' not in client.get("/").text  # no list, nothing to count


def test_records_that_cannot_be_read_are_told_with_the_way_out(desk):
    desk.fault = InputError("there is no database here yet", hint="import subscribers first")
    told = desk.client().get("/numbers")
    assert told.status_code == 200
    assert "there is no database here yet" in told.text
    assert "import subscribers first" in told.text


def test_the_page_is_of_the_records(tmp_path):
    shutil.copytree(story(), tmp_path / ".newsletter")
    settings = load(None, environ={}, dotenv="")

    def numbers(number):
        return read_numbers(
            tmp_path, lambda: settings, lambda: START + dt.timedelta(days=179), number
        )

    whole = numbers(None)
    assert re.search(r'href="/numbers/75"', whole)
    assert 'href="/issues/74"' in numbers(74)
    assert numbers(99) is None


@pytest.mark.processes
@pytest.mark.browser
def test_axe_finds_nothing_and_the_page_is_live(root, tab):
    shutil.rmtree(root / ".newsletter", ignore_errors=True)
    shutil.copytree(story(), root / ".newsletter")
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    with preview(root) as served:
        for address in ("/numbers", "/numbers/74"):
            for width in (320, 1200):
                for scheme in ("light", "dark"):
                    tab.emulate_media(color_scheme=scheme)
                    tab.set_viewport_size({"width": width, "height": 800})
                    tab.goto(f"http://127.0.0.1:{served.port}{address}")
                    for summary in tab.locator("summary").all():
                        summary.click()
                    assert tab.evaluate("document.documentElement.scrollWidth") <= width
                    found = Axe().run(tab)
                    assert found.violations_count == 0, found.generate_report()
        tab.goto(f"http://127.0.0.1:{served.port}/numbers")
        tab.locator("summary").first.click()
        before = tab.locator("#totals dd").first.inner_text()
        with Store.open(url_in(root / ".newsletter")) as store:
            from newsletter.store import imports  # noqa: PLC0415

            imports.add(
                store, [a_row("new@example.org")], source="a form", now=dt.datetime.now(dt.UTC)
            )
        tab.wait_for_function(
            "before => document.querySelector('#totals dd').innerText !== before", arg=before
        )
        assert int(tab.locator("#totals dd").first.inner_text()) == int(before) + 1
        assert tab.locator("details").first.get_attribute("open") is not None
    assert complaints == [] or all("ERR_" in one for one in complaints)
