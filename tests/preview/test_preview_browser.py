"""`newsletter preview` as an author has it: the real command, and a real browser beside it."""

from __future__ import annotations

import http.client
import re
import socket
from typing import Literal

import pytest
from playwright.sync_api import expect

from newsletter.preview.choices import OVERVIEW, TABS
from tests.support.cli_fixtures import ISSUE, plain_environment
from tests.support.preview_browser import WORDS, chromium, edit, letter, preview, root, scroll, tab

__all__ = ["chromium", "plain_environment", "root", "tab"]

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("plain_environment")]

FAR_DOWN = 900
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def test_the_list_leads_to_an_issue_and_back(root, tab):
    with preview(root, "--port", "7600") as running:
        tab.goto(running.url)
        tab.get_by_role("link", name="long minute").click()
        expect(tab).to_have_title(re.compile('74 · Slack water\'s "long minute"'))
        expect(letter(tab).get_by_text(WORDS)).to_be_visible()
        tab.locator("#back").click()
        expect(tab.get_by_role("heading", name="Issues")).to_be_visible()


def test_an_edit_shows_without_a_reload_and_keeps_scroll_tab_and_width(root, tab):
    with preview(root, "--issue", "74", "--port", "7610") as running:
        assert running.url.endswith("/issues/74")
        tab.goto(running.url)
        expect(letter(tab).get_by_text(WORDS)).to_be_visible()
        tab.locator("#width-600").click()
        tab.evaluate("window.neverReloaded = true")
        tab.evaluate(f"document.getElementById('mail').contentWindow.scrollTo(0, {FAR_DOWN})")
        edit(root, WORDS, "Put the lamp out")
        expect(letter(tab).get_by_text("Put the lamp out")).to_have_count(1)
        assert scroll(tab) == FAR_DOWN
        assert tab.evaluate("window.neverReloaded") is True
        assert tab.url.endswith("?width=600")
        assert tab.locator("#mail").bounding_box()["width"] == 600
        tab.locator("#tab-text").click()
        edit(root, "Put the lamp out", "Put the cat out")
        expect(tab.locator("#text")).to_contain_text("Put the cat out")
        expect(tab.locator("#text")).to_be_visible()
        expect(tab.locator("#mail")).to_be_hidden()
        tab.reload()
        expect(tab.locator("#text")).to_be_visible()
        assert tab.evaluate("window.neverReloaded") is None
        tab.locator("#tab-mail").click()
        assert tab.locator("#mail").bounding_box()["width"] == 600


def test_title_state_checks_theme_and_settings_are_live_too(root, tab):
    with preview(root, "--issue", "74", "--port", "7620") as running:
        tab.goto(running.url)
        edit(root, "status: ready", "status: draft")
        expect(tab.locator("#head .state")).to_have_text("draft")
        edit(root, WORDS, "TODO")
        tab.locator("#tab-checks").click()
        expect(tab.locator("#checks")).to_contain_text("TODO")
        tab.locator("#tab-mail").click()
        edit(root, ".bar { width: 48px;", ".bar { width: 31px;", "templates/email/style.css")
        expect(letter(tab).locator(".bar").first).to_have_css("width", "31px")
        edit(root, 'name = "Slack Water"', 'name = "High Water"', "newsletter.toml")
        expect(letter(tab).locator("body")).to_contain_text("High Water")


def test_pictures_beside_the_issue_are_shown_and_anew_when_they_change(root, tab):
    with preview(root, "--issue", "74", "--port", "7630") as running:
        tab.goto(running.url)
        picture = letter(tab).locator("img[src*='harbour.png']").first
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", value=True)
        before = picture.get_attribute("src")
        assert before
        assert picture.evaluate("picture => picture.naturalWidth") > 0
        (root / "issues/images/harbour.png").write_bytes(
            (root / "issues/images/rule-of-twelfths.png").read_bytes()
        )
        expect(letter(tab).locator(f"img[src='{before}']")).to_have_count(0)


def test_a_fault_covers_the_last_good_version_until_it_is_mended(root, tab):
    with preview(root, "--issue", "74", "--port", "7640") as running:
        tab.goto(running.url)
        expect(letter(tab).get_by_text(WORDS)).to_be_visible()
        edit(root, "status: ready", "status: [ready")
        fault = tab.locator(".fault")
        expect(fault).to_contain_text(re.compile(rf"{re.escape(ISSUE)}:\d+:\d+"))
        expect(letter(tab).get_by_text(WORDS)).to_be_visible()
        edit(root, "status: [ready", "status: ready")
        expect(fault).to_have_count(0)
        edit(root, "<mj-body", "<mj-bod", "templates/email/issue.mjml")
        expect(fault).to_contain_text(re.compile(r"templates/email/issue\.mjml:\d+"))


def test_a_fault_from_the_start_gives_way_to_the_mail(root, tab):
    edit(root, "status: ready", "status: [ready")
    with preview(root, "--issue", "74", "--port", "7650") as running:
        tab.goto(running.url)
        expect(tab.locator(".fault")).to_be_visible()
        edit(root, "status: [ready", "status: ready")
        expect(letter(tab).get_by_text(WORDS)).to_be_visible()


def test_scripts_in_a_letter_never_run_and_its_links_open_elsewhere(root, tab):
    (root / "templates/email/issue.mjml").write_text(
        (root / "templates/email/issue.mjml").read_text("utf-8").replace(
            "</mj-body>",
            "<mj-section><mj-column><mj-text>"
            '<img src="x.invalid" onerror="document.title = 1; parent.ran = 1" alt="" />'
            '<a href="https://example.org/">a link</a></mj-text></mj-column></mj-section></mj-body>',
        ),
        "utf-8",
    )  # fmt: skip
    tab.context.route("https://example.org/**", lambda route: route.fulfill(body="elsewhere"))
    with preview(root, "--issue", "74", "--port", "7660") as running:
        tab.goto(running.url)
        with tab.context.expect_page() as opened:
            letter(tab).get_by_role("link", name="a link", exact=True).click()
        expect(opened.value.locator("body")).to_have_text("elsewhere")
        expect(letter(tab).locator("img[onerror]")).to_have_count(1)
        assert tab.evaluate("window.ran") is None
        expect(letter(tab).get_by_text(WORDS)).to_have_count(1)
        tab.goto(f"{running.url}/mail")
        assert tab.title() != "1"


def test_ctrl_c_with_a_page_open_ends_at_once_and_in_silence(root, tab):
    with preview(root, "--issue", "74", "--port", "7670", world="graceful") as running:
        # The page is loaded before its stream is open: a stream that was never answered
        # fails, and does not finish.
        with tab.expect_response(lambda r: r.url.endswith("/events")):
            tab.goto(running.url)
        # The page's stream ends by itself only with the page, which stays open.
        with tab.expect_event("requestfinished", lambda r: r.url.endswith("/events")):
            code, more = running.interrupt()
        assert code in {0, 130}
        assert more == ""
        expect(tab.get_by_text("The preview has stopped")).to_be_visible()


def test_a_page_left_open_finds_the_preview_again(root, tab):
    with preview(root, "--issue", "74", "--port", "7680") as running:
        tab.goto(running.url)
        expect(letter(tab).get_by_text(WORDS)).to_be_visible()
        running.interrupt()
        expect(tab.get_by_text("The preview has stopped")).to_be_visible()
        edit(root, WORDS, "Put the lamp out")
    with preview(root, "--port", str(running.port)) as again:
        assert again.port == running.port
        expect(tab.get_by_text("The preview has stopped")).to_be_hidden()
        expect(letter(tab).get_by_text("Put the lamp out")).to_have_count(1)


def test_ctrl_c_before_any_page_is_silent_too(root):
    with preview(root, "--port", "7690") as running:
        code, more = running.interrupt()
        assert code in {0, 130}
        assert more == ""


def test_the_next_free_port_is_taken_and_said(root, tab):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with preview(root, "--port", str(port)) as running:
            assert port < running.port < port + 100
            tab.goto(running.url)
            expect(tab.get_by_role("heading", name="Issues")).to_be_visible()


def test_it_fits_a_phone_and_a_desk_by_day_and_night(root, tab):
    with preview(root, "--port", "7700") as running:
        for path in (
            "",
            "issues/74",
            *(f"issues/74?tab={part}" for part in [OVERVIEW, *dict(TABS)]),
        ):
            tab.set_viewport_size({"width": 390, "height": 800})
            tab.goto(running.url + path)
            for width in (390, 1280):
                tab.set_viewport_size({"width": width, "height": 800})
                for scheme in SCHEMES:
                    tab.emulate_media(color_scheme=scheme)
                    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_the_running_server_knows_no_other_host_and_no_other_path(root):
    def status(path: str, method: str = "GET", **headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
        connection.putrequest(method, path, skip_host=True)
        for name, value in ({"Host": f"127.0.0.1:{running.port}"} | headers).items():
            connection.putheader(name, value)
        connection.endheaders()
        found = connection.getresponse().status
        connection.close()
        return found

    (root / "secret.png").write_bytes(b"x")
    with preview(root, "--issue", "74", "--port", "7860") as running:
        assert status("/issues/74") == 200
        assert status("/issues/74", Host="evil.example") == 400
        assert status("/issues/74/test", "POST", Origin="https://evil.example") == 403
        assert status("/issues/74/test", "POST") == 403
        for path in (
            "/issues/74/assets/../../secret.png", "/issues/74/assets/%2e%2e/secret.png",
            "/issues/74/assets//etc/hostname", "/issues/../newsletter.toml", "/static/../app.py",
            "/static/..%2fapp.py", "/issues/74/files/../../newsletter.toml", "//issues/74",
            "/issues/74/assets/images/harbour.png/..%2f..%2f..%2fsecret.png",
        ):  # fmt: skip
            assert status(path) == 404, path
