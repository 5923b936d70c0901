"""The preview in use: by keyboard, beside an editor, in two tabs, over a long afternoon."""

from __future__ import annotations

import re
import statistics
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from newsletter.preview.choices import OVERVIEW, TABS
from tests.preview.test_preview_press import an_editor, asked
from tests.support.cli_fixtures import ISSUE, plain_environment
from tests.support.preview_browser import WORDS, chromium, edit, letter, look, preview, root, tab

__all__ = ["chromium", "plain_environment", "root", "tab"]

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("plain_environment")]

SAVES = 20


# --- a save ------------------------------------------------------------------------------------

# Says when the words stand in the mail: in the page's own clock, without asking again and again.
WATCH = """words => new Promise((done) => {
  const frame = document.getElementById("mail").contentDocument;
  const look = () => frame.body?.textContent.includes(words) && (seen.disconnect(), done(Date.now()));
  const seen = new MutationObserver(look);
  seen.observe(frame, { childList: true, subtree: true });
  look();
})"""


def test_a_save_is_seen_at_once_and_the_place_is_kept(root, tab, capsys):
    with preview(root, "--issue", "74", "--port", "7740") as running:
        look(tab, running.url, "?width=600")
        tab.evaluate("document.getElementById('mail').contentWindow.scrollTo(0, 900)")
        took, before = [], WORDS
        for number in range(SAVES):
            after = f"Put hat number {number} on"
            tab.evaluate(f"() => {{ window.seen = ({WATCH})({after!r}); }}")
            edit(root, before, after)
            saved = (root / ISSUE).stat().st_mtime_ns / 1e6
            took.append(tab.evaluate("window.seen") - saved)
            before = after
        assert tab.evaluate("document.getElementById('mail').contentWindow.scrollY") == 900
        assert tab.url.endswith("?width=600")
    with capsys.disabled():
        print(f"\nsave to visible, {SAVES} saves: median {statistics.median(took):.0f} ms")  # noqa: T201


# --- checks ------------------------------------------------------------------------------------


def test_a_finding_s_line_opens_in_the_editor(root, tab, tmp_path):
    command, note = an_editor(tmp_path, "{file}:{line}")
    edit(root, WORDS, "TODO")
    text = (root / ISSUE).read_text("utf-8").split("\n")
    line = next(number for number, words in enumerate(text, 1) if "TODO" in words)
    with preview(root, "--issue", "74", "--port", "7750", "--editor", f"'{command[0]}' {{file}}:{{line}}") as running:  # fmt: skip
        look(tab, running.url, "?tab=checks")
        tab.locator("#checks li", has_text="TODO").get_by_role("button").click()
        expect(tab.locator("#said")).to_contain_text(f"opened {ISSUE}:{line}")
        assert asked(note) == [f"{root / ISSUE}:{line}"]
        note.unlink()
        edit(root, "status: ready", "status: [ready")
        tab.locator(".fault").get_by_role("button").click()
        assert re.fullmatch(rf"{re.escape(str(root / ISSUE))}:\d+", asked(note)[0])


def test_without_an_editor_with_a_window_the_way_out_is_said(root, tab):
    environment = {"PATH": "/nowhere", "EDITOR": "vim"}
    with preview(root, "--issue", "74", "--port", "7760", env=environment) as running:
        look(tab, running.url)
        tab.keyboard.press("e")
        expect(tab.locator("#said")).to_contain_text("--editor")


# --- by keyboard -------------------------------------------------------------------------------


def test_everything_can_be_reached_by_keyboard_alone(root, tab):
    with preview(root, "--port", "7770") as running:
        tab.goto(running.url)
        for _ in range(10):
            tab.keyboard.press("Tab")
            if "long minute" in tab.evaluate("document.activeElement.textContent"):
                break
        tab.keyboard.press("Enter")
        expect(tab.locator("#head")).to_contain_text("long minute")
        tab.wait_for_load_state()
        # There are nine such keys; what is beyond them, Tab reaches as well.
        for number, (part, _) in enumerate(TABS[:9], 1):
            tab.keyboard.press(str(number))
            expect(tab.locator(f"#tab-{part}")).to_have_attribute("aria-current", "true")
        tab.keyboard.press("1")
        for key, expected in (("w", "width=375"), ("c", "colours=dark"), ("i", "images=off"), ("r", "reader=nameless")):  # fmt: skip
            tab.keyboard.press(key)
            expect(tab).to_have_url(re.compile(expected))
        tab.keyboard.press("?")
        expect(tab.get_by_role("dialog")).to_be_visible()
        tab.keyboard.press("2")
        tab.keyboard.press("Escape")
        expect(tab.get_by_role("dialog")).to_be_hidden()
        expect(tab.locator("#tab-mail")).to_have_attribute("aria-current", "true")
        tab.keyboard.press("u")
        expect(tab.get_by_role("heading", name="Issues")).to_be_visible()


def test_links_keep_the_focus_when_they_are_followed_by_keyboard(root, tab):
    with preview(root, "--issue", "74", "--port", "7780") as running:
        look(tab, running.url)
        for choice, part in (("tab-links", "links"), ("tab-mail", "mail"), ("width-600", "mail"), ("colours-dark", "mail")):  # fmt: skip
            tab.locator(f"#{choice}").press("Enter")
            expect(tab.locator(f"#{choice}")).to_have_attribute("aria-current", "true")
            expect(tab.locator(f"#{choice}")).to_be_focused()
            # The link tells at once; what it leads to comes with the answer.
            expect(tab.locator("#stage")).to_have_attribute("data-tab", part)


def test_shortcuts_work_inside_the_mail_and_not_while_typing(root, tab):
    with preview(root, "--issue", "74", "--port", "7790") as running:
        look(tab, running.url)
        letter(tab).locator("body").click(position={"x": 5, "y": 5})
        tab.keyboard.press("2")
        expect(tab.locator("#text")).to_be_visible()
        tab.keyboard.press("1")
        expect(tab.locator("#toolbar")).to_be_visible()
        tab.get_by_label("Width in pixels").focus()
        tab.keyboard.type("375")
        tab.keyboard.press("Enter")
        expect(tab).to_have_url(re.compile(r"\?width=375$"))


# --- for everybody -----------------------------------------------------------------------------


LOOKS: tuple[tuple[int, Literal["light", "dark"]], ...] = (
    (390, "light"), (1280, "light"), (1280, "dark"),
)  # fmt: skip


def test_axe_finds_nothing(root, tab):
    edit(root, WORDS, "TODO [here](http://example.org/x) ![](images/none.png)")
    # Of a letter's source axe looks at every word; the letter itself is looked at elsewhere.
    text = (root / ISSUE).read_text("utf-8")
    (root / ISSUE).write_text(text.partition("\n* ")[0], "utf-8")
    with preview(root, "--port", "7800") as running:
        seen = {}
        for path in ("", "nothing", *(f"issues/74?tab={part}" for part in [OVERVIEW, *dict(TABS)])):
            tab.goto(running.url + path)
            seen[path] = violations(tab)
        tab.keyboard.press("?")
        seen["?"] = violations(tab)
        edit(root, "status: ready", "status: [ready")
        tab.keyboard.press("Escape")
        expect(tab.locator(".fault")).to_be_visible()
        seen["fault"] = violations(tab)
    assert {path: found for path, found in seen.items() if found} == {}


def violations(page: Page) -> list[str]:
    """What axe has to say of each look of a page, in its own words; frames let no script in."""
    options = {"iframes": False, "resultTypes": ["violations"]}
    page.evaluate(Axe().axe_script)
    found = []
    for width, scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        found += page.evaluate("async (options) => (await axe.run(options)).violations", options)
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]  # fmt: skip


# --- more than one, and for long ---------------------------------------------------------------


def test_two_tabs_follow_each_with_a_look_of_its_own(root, tab):
    with preview(root, "--issue", "74", "--port", "7810") as running:
        other = tab.context.new_page()
        look(tab, running.url, "?width=600")
        look(other, running.url, "?tab=text&reader=nameless")
        edit(root, WORDS, "Put the lamp out")
        expect(other.locator("#text")).to_contain_text("Put the lamp out")
        expect(other.locator("#text")).to_contain_text("Hello there")
        tab.bring_to_front()
        expect(letter(tab).get_by_text("Put the lamp out")).to_have_count(1)
        expect(letter(tab).get_by_text("Hello Sam Reader")).to_have_count(1)
        assert tab.url.endswith("?width=600")


def test_after_a_restart_an_open_page_can_press_again(root, tab, tmp_path):
    command, note = an_editor(tmp_path, "{file}")
    words = ("--issue", "74", "--editor", f"'{command[0]}' {{file}}")
    with preview(root, *words, "--port", "7820") as running:
        look(tab, running.url)
        before = tab.locator("meta[name=token]").get_attribute("content")
        running.interrupt()
        expect(tab.get_by_text("The preview has stopped")).to_be_visible()
    with preview(root, *words, "--port", str(running.port)):
        expect(tab.get_by_text("The preview has stopped")).to_be_hidden()
        expect(tab.locator("meta[name=token]")).not_to_have_attribute("content", before or "")
        tab.keyboard.press("e")
        assert asked(note) == [str(root / ISSUE)]


def test_a_page_from_elsewhere_can_press_nothing(root, tab, tmp_path):
    command, note = an_editor(tmp_path, "{file}")
    tab.context.route("https://evil.example/**", lambda r: r.fulfill(content_type="text/html", body="<p>evil"))  # fmt: skip
    with preview(root, "--issue", "74", "--port", "7830", "--editor", f"'{command[0]}' {{file}}") as running:  # fmt: skip
        tab.goto("https://evil.example/")
        pressed = tab.evaluate(
            """async (url) => {
              const body = JSON.stringify({ file: "issues/074-the-long-minute.md" });
              const tries = [{}, { headers: { "X-Preview-Token": "guess" } }, { mode: "no-cors" }];
              const answers = tries.map((more) => fetch(url, { method: "POST", body, ...more })
                .then((answer) => answer.type + answer.status, () => "refused"));
              return Promise.all(answers);
            }""",
            f"{running.url}/editor",
        )
        assert set(pressed) <= {"refused", "opaque0"}
        look(tab, running.url)
        assert not note.exists()
