"""The preview without a socket: what it shows and whom it answers."""

from __future__ import annotations

import os

import pytest

from newsletter.check import Finding
from newsletter.errors import InputError, Place
from newsletter.preview import pages
from newsletter.preview.choices import TABS
from newsletter.preview.shelf import ListedIssue
from tests.support.pages import parse_page, text_of, with_class
from tests.support.preview_fixtures import PAGE, a_preview, by_id, desk, words_of
from tests.support.web_fixtures import policy

__all__ = ["desk"]

MARKUP = '<script>alert("x")</script><b>"bold" & odd</b>'
FINDING = Finding(
    id="link-http", severity="warning", place=Place("issues/074-x.md", 12, 5),
    message="this link is not encrypted", hint="write https",
)  # fmt: skip


# --- the list ----------------------------------------------------------------------------------


def test_the_list_shows_number_title_and_state_and_leads_to_each_issue(desk):
    desk.shelf = (
        ListedIssue(number=75, title="Next", state="draft"),
        ListedIssue(number=74, title="Now"),
    )
    items = list(parse_page(desk.page("/")).iter("li"))
    assert [" ".join(text_of(item).split()) for item in items] == ["75 Next draft", "74 Now ready"]
    assert [item[0].get("href") for item in items] == ["/issues/75", "/issues/74"]


def test_the_list_says_when_an_issue_goes_and_what_became_of_one_that_went(desk):
    desk.shelf = (
        ListedIssue(number=76, title="Soon", state="approved", note="goes Sun 6 Dec, 09:00"),
        ListedIssue(
            number=75, title="Gone", state="sent", note="on 2026-11-22",
            counts={"accepted": 1234, "unknown": 1}, rehearsed=7,
        ),
    )  # fmt: skip
    assert [words_of(item) for item in parse_page(desk.page("/")).iter("li")] == [
        "76 Soon approved goes Sun 6 Dec, 09:00",
        "75 Gone sent on 2026-11-221,234 accepted1 unknownrehearsed: 7",
    ]


def test_an_issue_that_cannot_be_read_is_listed_with_its_place(desk):
    desk.shelf = (
        ListedIssue(number=7, state="broken", fault="issues/007.md:3:1: this is no YAML"),
    )
    assert "issues/007.md:3:1: this is no YAML" in desk.page("/")


def test_an_empty_newsletter_says_how_to_begin(desk):
    desk.shelf = ()
    assert "newsletter new" in desk.page("/")


# --- an issue ----------------------------------------------------------------------------------


def test_the_page_shows_title_number_state_size_and_counts(desk):
    error = Finding(id="x", severity="error", place=Place("f", 1), message="m", hint="h")
    ignored = Finding(
        id="y", severity="error", place=Place("f", 1), message="m", hint="h", ignored="so"
    )
    desk.made[74] = a_preview(status="draft", findings=(ignored, FINDING, error))
    page = desk.page()
    assert words_of(by_id(page, "head")) == "74 A letter draft"
    assert words_of(by_id(page, "tab-checks")) == "Checks 2"
    size = len(PAGE.format("<p>Hello</p>"))
    told = words_of(by_id(page, "overview"))
    assert f"{size} of 102,400 bytes" in told
    assert "1 error stops it." in told
    assert "y" not in [words_of(item) for item in by_id(page, "overview").iter("li")]


def test_every_finding_shows_severity_place_id_message_and_hint_ignored_ones_last(desk):
    ignored = Finding(
        id="y", severity="error", place=Place("f.md"), message="m", hint="h", ignored="my reason"
    )
    desk.made[74] = a_preview(findings=(ignored, FINDING))
    shown = [words_of(e) for e in by_id(desk.page("/issues/74?tab=checks"), "checks").iter("li")]
    assert shown == [
        "warning link-http issues/074-x.md:12:5 this link is not encrypted write https",
        "ignored y f.md m my reason",
    ]


def test_a_faultless_issue_says_so(desk):
    assert "The checks found nothing." in desk.page()
    assert "The checks found nothing." in words_of(
        by_id(desk.page("/issues/74?tab=checks"), "checks")
    )


def test_the_text_tab_holds_the_text_part_to_the_letter(desk):
    desk.made[74] = a_preview(text='\n  Indented <b> & "quoted"\n\n\nend\n')
    assert (
        text_of(by_id(desk.page("/issues/74?tab=text"), "text"))
        == '\n  Indented <b> & "quoted"\n\n\nend\n'
    )


def test_markup_in_titles_findings_and_texts_is_text(desk):
    finding = Finding(id=MARKUP, severity="error", place=Place(MARKUP), message=MARKUP, hint=MARKUP)
    desk.made[74] = a_preview(title=MARKUP, text=MARKUP, findings=(finding,))
    desk.shelf = (
        ListedIssue(number=74, title=MARKUP),
        ListedIssue(number=75, state="broken", fault=MARKUP),
    )
    for address in ("/", "/issues/74", "/issues/74?tab=text", "/issues/74?tab=checks"):
        page = parse_page(desk.page(address))
        assert [e.get("src") for e in page.iter("script")] == ["/static/preview.js"]
        assert list(page.iter("b")) == []
        assert MARKUP in text_of(page)


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        ("", ["tab-mail", "width-full", "colours-light", "images-on"]),
        ("?tab=text&width=375", ["tab-text", "width-375", "colours-light", "images-on"]),
        ("?width=431&images=off", ["tab-mail", "colours-light", "images-off"]),
        ("?colours=dark&tab=overview", ["tab-overview", "width-full", "colours-dark", "images-on"]),
        ('?tab="><script>&width=99&colours=x&images=&reader=nobody', ["tab-mail", "width-full", "colours-light", "images-on"]),
    ],
)  # fmt: skip
def test_what_is_chosen_stands_in_the_address(desk, query, chosen):
    page = parse_page(desk.page(f"/issues/74{query}"))
    assert [e.get("id") for e in page.iter("a") if e.get("aria-current")] == chosen


def test_each_choice_keeps_the_others_in_its_address(desk):
    page = desk.page("/issues/74?tab=links&width=600&reader=long")
    assert (
        by_id(page, "colours-dark").get("href") == "?tab=links&width=600&colours=dark&reader=long"
    )
    assert by_id(page, "width-full").get("href") == "?tab=links&reader=long"
    assert by_id(page, "mail").get("src") == "/issues/74/mail?reader=long"
    assert by_id(page, "mail").get("width") == "600"
    assert desk.readers[-1] == "long"


@pytest.mark.parametrize("path", ["/issues/99", "/issues/99/mail", "/issues/99/events", "/issues/74/nope", "/issues/074-a-letter.md", "/issues/074-a-letter", "/issues/-74", "/issues/", "/nothing", "/issues/74/", "/static/../app.py", "/static/%2e%2e/app.py"])  # fmt: skip
def test_issues_are_found_by_number_and_by_nothing_else(desk, path):
    assert desk.client().get(path).status_code == 404


# --- the mail ----------------------------------------------------------------------------------


def test_the_mail_runs_no_script_and_stands_in_a_sandbox_without_scripts(desk):
    answer = desk.client().get("/issues/74/mail")
    rules = policy(answer.headers)
    assert rules["script-src"] == rules["default-src"] == "'none'"
    assert "allow-scripts" not in rules["sandbox"]
    [frame] = parse_page(desk.page()).iter("iframe")
    assert frame.get("src") == "/issues/74/mail"
    assert "allow-scripts" not in frame.get("sandbox", "allow-scripts")


def test_the_frame_runs_only_the_preview_s_own_script(desk):
    rules = policy(desk.client().get("/issues/74").headers)
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["frame-ancestors"] == "'none'"


def test_links_of_the_mail_open_outside_the_frame(desk):
    assert '<head><base target="_blank">' in desk.client().get("/issues/74/mail").text


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ('<img src="https://assets.example.org/images/x.png">', "images/x.png"),
        ('<img alt="" src="https://assets.example.org/images/harbour%20view.png">', "images/harbour%20view.png"),
        ('<td background="https://assets.example.org/images/x.png"></td>', "images/x.png"),
        ("<td style=\"background: url('https://assets.example.org/images/x.png')\"></td>", "images/x.png"),
    ],
)  # fmt: skip
def test_local_pictures_are_shown_from_beside_the_issue(desk, written, name):
    desk.made[74] = a_preview(written)
    shown = desk.client().get("/issues/74/mail").text
    assert "assets.example.org" not in shown
    address = f"/issues/74/assets/{name}"
    assert address in shown
    answer = desk.client().get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert "sandbox" in policy(answer.headers)


def test_without_an_assets_url_pictures_stand_as_written_and_are_shown_too(desk):
    desk.made[74] = a_preview('<img src="images/x.png">', assets_url="")
    assert (
        '<img src="/issues/74/assets/images/x.png?v=' in desk.client().get("/issues/74/mail").text
    )


@pytest.mark.parametrize(
    "written",
    [
        '<img src="https://assets.example.org/images/missing.png">',
        '<img src="https://elsewhere.example/images/x.png">',
        '<img src="https://assets.example.org/../outside.png">',
        '<a href="https://assets.example.org/images/x.png">large</a>',
    ],
)
def test_other_addresses_stay_as_they_are_in_the_mail(desk, written):
    desk.made[74] = a_preview(written)
    assert written in desk.client().get("/issues/74/mail").text


def test_a_changed_picture_has_another_address(desk):
    desk.made[74] = a_preview('<img src="https://assets.example.org/images/x.png">')
    before = desk.client().get("/issues/74/mail").text
    os.utime(desk.folder / "images" / "x.png", (1, 1))
    assert desk.client().get("/issues/74/mail").text != before


@pytest.mark.parametrize(
    "name",
    [
        "../outside.png", "..%2foutside.png", "%2e%2e/outside.png", "images/../../outside.png",
        "images%2f..%2f..%2foutside.png", "/etc/hostname", "%2fetc%2fhostname", "images/missing.png",
        "074-a-letter.md", "images", "link.png", "nul%00.png", "",
    ],
)  # fmt: skip
def test_nothing_but_pictures_beside_the_issue_is_served(desk, name):
    (desk.folder / "link.png").symlink_to(desk.folder.parent / "outside.png")
    answer = desk.client().get(f"/issues/74/assets/{name}")
    assert answer.status_code == 404
    assert "secret" not in answer.text


# --- faults ------------------------------------------------------------------------------------


def test_a_fault_lies_over_the_last_good_version_and_goes_when_mended(desk):
    good, client = desk.made[74], desk.client()
    assert with_class(parse_page(client.get("/issues/74").text), "fault") == []
    desk.made[74] = InputError(
        f"{MARKUP} is not closed", place=Place("templates/email/issue.mjml", 7, 3),
        cause="the parser's words", hint="close it",
    )  # fmt: skip
    page = client.get("/issues/74").text
    [overlay] = with_class(parse_page(page), "fault")
    told = text_of(overlay)
    for part in ("templates/email/issue.mjml:7:3", f"{MARKUP} is not closed", "the parser's words", "close it", "last version"):  # fmt: skip
        assert part in told
    assert text_of(by_id(client.get("/issues/74?tab=text").text, "text")) == "Hello\n"
    assert "<p>Hello</p>" in client.get("/issues/74/mail").text
    desk.made[74] = good
    assert with_class(parse_page(client.get("/issues/74").text), "fault") == []


@pytest.mark.sweep
@pytest.mark.parametrize("tab", dict(TABS))
def test_no_part_breaks_on_a_fault(desk, tab):
    client = desk.client()
    assert client.get(f"/issues/74?tab={tab}").status_code == 200
    desk.made[74] = KeyError("missing")
    answer = client.get(f"/issues/74?tab={tab}")
    assert answer.status_code == 200
    assert "something unexpected happened" in answer.text
    assert desk.client().get(f"/issues/74?tab={tab}").status_code == 200


def test_a_fault_stops_a_send(desk):
    client = desk.client()
    assert "Nothing stops it." in client.get("/issues/74?tab=send").text
    desk.made[74] = InputError("this is no YAML", hint="mend it")
    page = client.get("/issues/74?tab=send").text
    assert words_of(by_id(page, "summary")).startswith("Not yet. this is no YAML – mend it")


def test_a_fault_from_the_start_is_shown_without_a_mail(desk):
    desk.made[74] = InputError("this is no YAML")
    page = desk.page()
    assert "this is no YAML" in page
    assert list(parse_page(page).iter("iframe")) == []
    assert desk.client().get("/issues/74/mail").status_code == 404


def test_a_bug_shows_as_a_fault_too(desk):
    desk.made[74] = KeyError("missing")
    page = desk.page()
    assert "something unexpected happened (KeyError)" in page
    assert "newsletter --debug build --issue 74" in page


# --- whom it answers ---------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:7474"])
def test_this_machine_is_answered(desk, host):
    assert desk.client(host).get("/").status_code == 200


@pytest.mark.sweep
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.2", "localhost:x", "evil.example:7474", "[::1]:7474", "localhost@evil.example", ""])  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/issues/74", "/issues/74/mail", "/static/preview.js", "/issues/74/events", "/nothing"])  # fmt: skip
def test_another_host_is_refused_everywhere(desk, host, path):
    answer = desk.client().get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert "A letter" not in answer.text


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://127.0.0.1", "https://127.0.0.1:7474", ""])  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_page_may_change_nothing(desk, method, origin):
    answer = desk.client().request(method, "/issues/74", headers={"Origin": origin})
    assert answer.status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://127.0.0.1:7474"}])
def test_looking_changes_nothing(desk, headers):
    assert desk.client().post("/issues/74", headers=headers).status_code == 405


def test_every_answer_names_no_referrer_and_guesses_no_type(desk):
    for path in (
        "/",
        "/issues/74",
        "/issues/74/mail",
        "/issues/74/assets/images/x.png",
        "/static/preview.js",
        "/no",
    ):
        headers = desk.client().get(path).headers
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_the_pages_name_nothing_outside(desk):
    static = pages.STATIC
    for page in (
        desk.page("/"),
        desk.page(),
        *(p.read_text("utf-8") for p in static.iterdir()),
    ):
        assert "://" not in page.replace("http://www.w3.org/2000/svg", "")
