"""Every part of an issue as an author has it: the real command, and a real browser beside it."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from email import message_from_bytes, policy
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from newsletter.preview.readers import READERS
from tests.support.cli_fixtures import ISSUE, copy_example, plain_environment
from tests.support.commands import HANGS, script
from tests.support.preview_browser import WORDS, Preview, chromium, edit, letter, look, preview, tab
from tests.support.web_fixtures import fresh

__all__ = ["chromium", "plain_environment", "tab"]

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("plain_environment")]

BUILT = "build/074"
# The frame has taken the chosen look, and stands at the line it stood at.
LOOKED = """choice => {
  const frame = document.getElementById("mail");
  const { pathname, search } = frame.contentWindow.location;
  const [name, value] = choice.slice(1).split("-");
  const there = new URLSearchParams(search).get(name) ?? { colours: "light", images: "on" }[name];
  return there === value && frame.contentWindow.scrollY === 700;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example newsletter, with issue 74 built beside it; no test here writes into it."""
    root = tmp_path_factory.mktemp("panels") / "letters"
    copy_example(root)
    assert script(root, "build", "--issue", "74").returncode == 0
    return root


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Preview]:
    with preview(folder, "--issue", "74", "--port", "7710") as started:
        yield started


def read(url: str) -> str:
    """What a server answers, which must be well."""
    with urllib.request.urlopen(url, timeout=HANGS) as answer:
        return str(answer.read().decode())


def pixel(tab: Page, selector: str) -> tuple[int, ...]:
    """The colour in the upper left of an element of the mail."""
    shot = letter(tab).locator(selector).first.screenshot()
    found = Image.open(BytesIO(shot)).convert("RGB").getpixel((3, 3))
    assert isinstance(found, tuple)
    return found


# --- the mail ----------------------------------------------------------------------------------


@pytest.mark.processes
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_dark_modes_look_dark_whatever_the_author_s_machine_prefers(running, chromium, scheme):
    context = fresh(chromium, color_scheme=scheme)
    page = context.new_page()
    seen = {}
    for colours in ("light", "dark", "inverted"):
        look(page, running.url, f"?colours={colours}")
        seen[colours] = pixel(page, ".letter"), pixel(page, "img.image")
    context.close()
    assert min(seen["light"][0]) > 240
    assert seen["dark"][0] == (0x15, 0x22, 0x31)  # what follows from the accent and the card
    assert max(seen["inverted"][0]) < 40
    picture, inverted = seen["light"][1], seen["inverted"][1]
    assert all(abs(a - b) < 12 for a, b in zip(picture, inverted, strict=True))


def test_widths_can_be_chosen_typed_dragged_and_moved_by_keys(running, tab):
    look(tab, running.url)
    frame = tab.locator("#mail")

    def width() -> int:
        box = frame.bounding_box()
        assert box
        return int(box["width"] + 0.5)

    assert width() > 600
    for pixels in ("375", "600"):
        tab.locator(f"#width-{pixels}").click()
        expect(frame).to_have_attribute("width", pixels)
        assert width() == int(pixels)
    tab.get_by_label("Width in pixels").fill("431")
    tab.get_by_label("Width in pixels").press("Enter")
    expect(frame).to_have_attribute("width", "431")
    assert tab.url.endswith("?width=431")
    box = tab.locator("#handle").bounding_box()
    assert box
    x, y = box["x"] + 6, box["y"] + 200
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 20, y, steps=3)
    tab.mouse.move(x + 40, y, steps=3)
    tab.mouse.up()
    expect(frame).to_have_attribute("width", "511")
    expect(tab).to_have_url(re.compile("width=511$"))
    tab.locator("#handle").press("ArrowLeft")
    expect(frame).to_have_attribute("width", "501")
    tab.get_by_label("Width in pixels").fill("9999")
    tab.get_by_label("Width in pixels").press("Enter")
    expect(frame).to_have_attribute("width", "2400")
    tab.reload()
    assert width() == 2400
    tab.locator("#width-full").click()
    expect(frame).to_have_attribute("width", "100%")


def test_blocked_images_show_their_descriptions_and_ask_nobody(running, tab):
    look(tab, running.url)
    picture = letter(tab).locator("img.image").first
    expect(picture).to_have_js_property("complete", value=True)
    assert picture.evaluate("picture => picture.naturalWidth") > 0
    asked = []
    tab.on("requestfinished", lambda request: asked.append(request.url))
    tab.locator("#images-off").click()
    expect(tab).to_have_url(re.compile("images=off"))
    expect(tab.locator("#images-off")).to_have_attribute("aria-current", "true")
    expect(picture).to_have_js_property("naturalWidth", 0)
    assert [url for url in asked if "/assets/" in url] == []


def test_another_look_keeps_the_place_in_the_letter(running, tab):
    look(tab, running.url)
    tab.evaluate("document.getElementById('mail').contentWindow.scrollTo(0, 700)")
    steps = tab.evaluate("history.length")
    for choice in ("#colours-dark", "#images-off", "#colours-inverted", "#images-on"):
        tab.locator(choice).click()
        tab.wait_for_function(LOOKED, arg=choice)
    assert tab.evaluate("history.length") == steps


@pytest.mark.parametrize("one", READERS, ids=lambda one: one.key)
def test_every_invented_reader_gets_the_name_as_text(running, tab, one):
    look(tab, running.url)
    tab.get_by_label("Reader").select_option(one.key)
    greeting = letter(tab).get_by_text("welcome to Slack Water")
    expected = {"usual": "Sam Reader", "nameless": "there"}.get(one.key, one.name)
    expect(greeting).to_contain_text(f"Hello {expected},")
    expect(letter(tab).locator("script, img[src=x]")).to_have_count(0)
    assert tab.evaluate("document.getElementById('mail').contentDocument.scripts.length") == 0
    if one is not READERS[0]:
        assert tab.url.endswith(f"reader={one.key}")
    tab.locator("#tab-text").click()
    expect(tab.locator("#text")).to_contain_text("Hello")
    text = " ".join(tab.locator("#text").inner_text().split())
    assert f"Hello {expected}," in text


# --- as it is sent -----------------------------------------------------------------------------


def test_text_html_and_mjml_equal_the_built_files(running, folder, tab):
    for part, ending in (("text", "txt"), ("html", "html"), ("mjml", "mjml")):
        tab.goto(f"{running.url}?tab={part}")
        shown = tab.locator(f"#{part}").evaluate("element => element.textContent")
        assert shown == (folder / f"{BUILT}.{ending}").read_text("utf-8")


def test_headers_and_text_equal_the_built_message(running, folder, tab):
    mail = (folder / f"{BUILT}.eml").read_bytes()
    tab.goto(f"{running.url}?tab=headers")
    rows = tab.locator("#headers tbody tr:not(.added)")
    shown = rows.evaluate_all(
        "rows => rows.map((r) => r.querySelector('th').textContent + ': ' + r.querySelector('code').textContent)"
    )
    assert "\r\n".join(shown).replace("\r\n", "\n") == mail.partition(b"\r\n\r\n")[0].decode().replace("\r\n", "\n")  # fmt: skip
    marked = rows.filter(has_text="Amazon SES").locator("th").all_inner_texts()
    assert marked == ["Date", "Message-ID"]
    expect(tab.locator("#headers .added")).to_contain_text("DKIM-Signature")
    parsed = message_from_bytes(mail, policy=policy.default)
    part = parsed.get_body(("plain",))
    assert part is not None
    tab.locator("#tab-text").click()
    shown = tab.locator("#text").evaluate("element => element.textContent")
    assert shown == part.get_content().replace("\r\n", "\n")


@pytest.mark.parametrize(("part", "ending"), [("text", "txt"), ("html", "html"), ("mjml", "mjml"), ("headers", "eml")])  # fmt: skip
def test_parts_can_be_copied_and_downloaded(running, folder, tab, part, ending):
    built = (folder / f"{BUILT}.{ending}").read_bytes()
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.goto(f"{running.url}?tab={part}")
    tab.get_by_role("button", name="Copy").click()
    expect(tab.locator("#said")).to_have_text("Copied.")
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied.replace("\r\n", "\n") == built.decode().replace("\r\n", "\n")
    with tab.expect_download() as download:
        tab.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == f"074.{ending}"
    assert Path(download.value.path()).read_bytes() == built


# --- tables ------------------------------------------------------------------------------------


def test_the_table_of_links_is_every_link_of_the_mail(running, tab):
    look(tab, running.url)
    of_mail = letter(tab).locator("a[href]").evaluate_all(
        "all => all.map((a) => [a.textContent.trim().replace(/\\s+/g, ' '), a.getAttribute('href')])"
    )  # fmt: skip
    tab.locator("#tab-links").click()
    rows = tab.locator("#links tbody tr")
    expect(rows).to_have_count(len(of_mail))
    shown = rows.evaluate_all(
        "all => all.map((row) => [row.querySelector('.words').textContent.trim(), row.querySelector('.url').textContent])"
    )
    assert shown == of_mail
    assert len(shown) > 20
    ink = rows.filter(has_text="field book")
    expect(ink.locator(".tags")).to_have_text(re.compile(r"source harbour-post\s+medium email\s+campaign slack-water"))  # fmt: skip
    lines = (running_root(running) / ISSUE).read_text("utf-8").split("\n")
    for row in rows.all():
        opener = row.locator(".opener")
        if opener.count():
            words = row.locator(".words").inner_text().split()[0]
            line = int(opener.get_attribute("data-line") or 0)
            assert words in lines[line - 1], (words, line)


def running_root(running: Preview) -> Path:
    """The folder the preview runs in."""
    return Path(f"/proc/{running.process.pid}/cwd").resolve()


def test_the_table_of_images_is_every_image_of_the_mail(running, tab):
    look(tab, running.url)
    of_mail = letter(tab).locator("img").evaluate_all("all => all.map((i) => i.alt)")
    tab.locator("#tab-images").click()
    items = tab.locator("#images li")
    expect(items).to_have_count(len(of_mail))
    assert items.locator(".alt").all_inner_texts() == of_mail
    expect(items.first).to_contain_text(re.compile(r"[\d,]+ bytes, \d+ × \d+ px"))
    expect(items.first).to_contain_text("line ")


# --- the row and the size ----------------------------------------------------------------------


def test_row_and_size_stand_beside_every_part(running, folder, tab):
    size = (folder / f"{BUILT}.html").stat().st_size
    for part in ("mail", "html", "checks"):
        tab.goto(f"{running.url}?tab={part}")
        beside = tab.get_by_role("complementary")
        expect(beside).to_contain_text(f"{size:,} of 102,400 bytes")
        expect(beside.locator(".phone")).to_contain_text("A jetty where nothing happens on time")
        expect(beside).to_contain_text("Nothing else follows it in the inbox.")


@pytest.mark.processes
def test_a_preheader_that_leaks_is_marked(tmp_path, tab):
    root = tmp_path / "letters"
    copy_example(root)
    edit(root, '{{ ("&#847;&#8204;&#160;" | safe) * 70 }}', "", "templates/email/head.mjml")
    edit(root, "A jetty where nothing happens on time, a surveyor with a whistle, and a clock wound by the moon.", "A jetty.")  # fmt: skip
    with preview(root, "--issue", "74", "--port", "7720") as started:
        look(tab, started.url)
        marked = tab.locator(".phone mark")
        expect(marked).to_have_text(re.compile("Slack Water"))
        expect(tab.locator("#overview")).to_contain_text("The marked words leak in")


@pytest.mark.processes
def test_a_save_between_the_page_and_its_mail_is_seen_all_the_same(tmp_path, tab):
    root = tmp_path / "letters"
    copy_example(root)
    new = "Put the lamp on"
    pages: list[Route] = []
    mails: list[Route] = []
    with preview(root, "--issue", "74", "--port", "7735") as started:

        def hold_the_page(route):
            pages.append(route)
            if mails:
                route.continue_()

        def save_before_the_page(route):
            mails.append(route)
            if len(mails) > 1:
                return route.continue_()
            old = route.fetch()
            edit(root, WORDS, new)
            while new not in read(f"{started.url}/mail"):
                tab.wait_for_timeout(20)
            for page in pages:
                page.continue_()
            return route.fulfill(response=old)

        # Nobody tells the page of the save: it sees by itself that the two do not fit.
        tab.route("**/events", lambda route: route.abort())
        look(tab, started.url)
        tab.route("**/issues/74?width=600", hold_the_page)
        tab.route("**/issues/74/mail", save_before_the_page)
        tab.locator("#width-600").click()
        expect(letter(tab).locator("body")).to_contain_text(new)
    assert len(mails) == len(pages) == 2


@pytest.mark.processes
def test_an_edit_is_seen_in_every_part(tmp_path, tab):
    root = tmp_path / "letters"
    copy_example(root)
    with preview(root, "--issue", "74", "--port", "7730") as started:
        look(tab, started.url)
        before = WORDS
        for number, part in enumerate(("text", "html", "mjml", "mail")):
            tab.locator(f"#tab-{part}").click()
            after = f"Put hat number {number} on"
            edit(root, before, after)
            shown = letter(tab).locator("body") if part == "mail" else tab.locator(f"#{part}")
            expect(shown).to_contain_text(after)
            before = after
        tab.locator("#tab-links").click()
        edit(root, "https://ferrin.example.com/visit", "https://ferrin.example.com/stay")
        expect(tab.locator("#links")).to_contain_text("https://ferrin.example.com/stay?utm_source=slack-water")  # fmt: skip
        assert read(started.url)
