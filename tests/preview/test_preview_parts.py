"""What the preview reads out of a finished mail: its row, links, pictures, headers, colours."""

from __future__ import annotations

import datetime as dt
from email import message_from_bytes, policy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter import clocks
from newsletter.preview import parts
from newsletter.preview.choices import ViewChoices
from newsletter.preview.frame import framed
from newsletter.preview.inbox import first_words, inbox
from newsletter.preview.issue_previews import IssuePreviews
from newsletter.preview.readers import READERS, reader
from newsletter.preview.views import Views
from newsletter.project.issues import prepare_issue
from newsletter.render import RenderedLink
from newsletter.render.markdown import Image
from newsletter.sending.sample import sample
from tests.support.cli_fixtures import ISSUE, ROOT, copy_theme
from tests.support.effort import either
from tests.support.preview_fixtures import PAGE
from tests.support.web_fixtures import settings_of

ASSETS = "https://assets.example.org"


def frame(page: str, colours: str = "light") -> str:
    return framed(page, assets_url=ASSETS, colours=colours, picture=lambda _: "")


# --- the row in an inbox -----------------------------------------------------------------------


def body(hidden: str, shown: str = "Slack Water. Hello Sam, and welcome to the letter.") -> str:
    return PAGE.format(f'<div style="display:none">{hidden}</div><p>{shown}</p>')


def test_a_row_shows_subject_and_preheader_and_what_leaks_in_after_it():
    row = inbox("A letter", "Short.", body("Short."))
    assert row.phone.subject == row.web.subject == "A letter"
    assert row.phone.preheader == "Short."
    assert row.phone.leak == "Slack Water. Hello Sam, and welcome to the letter.…"
    assert row.leaks


def test_filler_keeps_the_letter_out_of_the_row():
    filler = "\u034f\u200c\xa0" * 120
    row = inbox("A letter", "Short.", body(f"Short. {filler}"))
    assert (row.phone.leak, row.web.leak, row.leaks) == ("", "", False)


def test_without_a_preheader_the_first_words_of_the_letter_are_the_row():
    row = inbox("A letter", "", body(""))
    assert row.phone.preheader == ""
    assert row.phone.leak.startswith("Slack Water. Hello Sam")


def test_long_rows_are_cut_where_the_program_cuts_them():
    row = inbox("S" * 60, "p" * 200, body("p" * 200))
    assert row.phone.subject == "S" * 47 + "…"
    assert row.phone.preheader == "p" * 98 + "…"
    assert row.web.subject == "S" * 60
    assert row.web.preheader == "p" * 26 + "…"
    assert not row.leaks


@pytest.mark.parametrize("one", ["汐", "👩\u200d🚀", "é", "🇳🇱"])
def test_wide_characters_take_two_columns_and_none_is_cut_in_two(one):
    row = inbox(one * 60, one * 200, body(one * 200))
    fit = {"é": 47}.get(one, 23)
    assert row.phone.subject == one * fit + "…"
    assert row.phone.preheader.removesuffix("…") == one * {"é": 98}.get(one, 49)
    assert row.web.subject.removesuffix("…") == one * {"é": 60}.get(one, 44)


def test_what_leaks_in_ends_where_the_row_ends():
    row = inbox("潮" * 10, "短い。", body("短い。", "潮" * 200))
    assert row.phone.leak == "潮" * 46 + "…"
    assert row.web.leak == "潮" * 30 + "…"


def test_the_first_words_are_those_of_the_body_without_styles_scripts_and_comments():
    page = "<html><head><title>t</title></head><body><style>x</style><script>y</script><!-- z -->\n a\u200b <b>b</b></body></html>"
    assert first_words(page) == "a b"


# --- links -------------------------------------------------------------------------------------


def test_links_carry_text_address_tags_and_line():
    html = PAGE.format(
        '<a href="https://a.example/?x=1&amp;utm_source=me&amp;utm_campaign=issue-7#top">One <b>two</b></a>'
        '<a name="anchor">no link</a>'
        '<a href="https://b.example/?utm_source=theirs"><img src="p.png" alt="A picture"></a>'
        '<a href="mailto:a@example.org">write</a>'
    )
    written = [
        RenderedLink(text="One two", written="https://a.example/?x=1#top", url="https://a.example/?x=1&utm_source=me&utm_campaign=issue-7#top", line=12),
        RenderedLink(text="", written="https://b.example/?utm_source=theirs", url="https://b.example/?utm_source=theirs", line=13),
        RenderedLink(text="write", written="mailto:a@example.org", url="mailto:a@example.org", line=0),
    ]  # fmt: skip
    first, second, third = parts.links(html, written)
    assert first.text == "One two"
    assert first.url == "https://a.example/?x=1&utm_source=me&utm_campaign=issue-7#top"
    assert first.tags == (("utm_source", "me"), ("utm_campaign", "issue-7"))
    assert (first.line, first.tagged) == (12, True)
    assert (second.text, second.line, second.tagged) == ("[A picture]", 13, False)
    assert (third.line, third.tags) == (0, ())


# --- pictures ----------------------------------------------------------------------------------


def test_pictures_are_found_beside_the_issue_or_said_to_be_elsewhere():
    html = PAGE.format(
        f'<img src="{ASSETS}/images/a%20b.png" alt="A"><img src="https://x.example/b.png"><img alt="none">'
    )
    names = []

    def here(src: str) -> str:
        names.append(parts.local_name(src, ASSETS))
        return "/here" if names[-1] else ""

    found = parts.pictures(
        html,
        [Image(src=f"{ASSETS}/images/a%20b.png", alt="A", line=5)],
        here=here,
        size=lambda _: 9,
    )
    assert [(p.alt, p.here, p.line) for p in found] == [("A", "/here", 5), ("", "", 0), ("none", "", 0)]  # fmt: skip
    assert names == ["images/a b.png", "", ""]


# --- headers and text --------------------------------------------------------------------------


@pytest.mark.sweep
@pytest.mark.parametrize("one", READERS, ids=lambda one: one.key)
def test_headers_and_text_are_the_mail_s_own_for_every_reader(one):
    chosen = settings_of((ROOT / "newsletter.toml").read_text("utf-8"))
    opened = prepare_issue(ROOT, ISSUE, chosen, today=dt.date(2026, 11, 22))
    made = sample(chosen, opened, one.person(chosen.fields))
    found = parts.headers(made.mail)
    head = "\n".join(f"{header.name}: {header.raw}" for header in found)
    assert head == made.mail.partition(b"\r\n\r\n")[0].decode().replace("\r\n", "\n")
    assert [h.name for h in found if h.ses_writes] == ["Date", "Message-ID"]
    parsed = message_from_bytes(made.mail, policy=policy.default)
    shown = {header.name: header.meaning for header in found}
    assert shown["Subject"] == str(parsed["Subject"])
    if one.name:
        assert one.name in shown["To"].replace("\\", "")
    assert parts.text_part(made.mail) == made.letter.text


# --- colours -----------------------------------------------------------------------------------


STYLES = (
    "<!DOCTYPE html><html><head><style>@media (prefers-color-scheme: dark) { p { color: #fff } }"
    "@media screen and ( Prefers-Color-Scheme:light ) { p { color: #000 } }</style>"
    '<style media="(prefers-color-scheme: dark)">b { color: red }</style></head>'
    "<body><p>Write (prefers-color-scheme: dark) in your CSS.</p></body></html>"
)


def test_the_question_for_the_scheme_is_answered_in_styles_and_nowhere_else():
    light, dark = frame(STYLES), frame(STYLES, "dark")
    assert "@media (max-width: 0px) { p { color: #fff } }" in light
    assert "@media screen and (min-width: 0px) { p { color: #000 } }" in light
    assert '<style media="(max-width: 0px)">' in light
    assert "@media (min-width: 0px) { p { color: #fff } }" in dark
    assert "@media screen and (max-width: 0px) { p { color: #000 } }" in dark
    for page in (light, dark):
        assert "<p>Write (prefers-color-scheme: dark) in your CSS.</p>" in page


def test_inverted_is_light_turned_over():
    page = frame(STYLES, "inverted")
    assert "filter: invert(1)" in page
    assert "@media (max-width: 0px) { p { color: #fff } }" in page
    assert "filter" not in frame(STYLES)


# --- addresses and readers ---------------------------------------------------------------------


def test_an_address_says_only_what_is_not_usual_and_reads_back():
    look = ViewChoices(tab="links", width="431", colours="inverted", images="off", reader="rtl")
    query = look.address()
    assert query == "?tab=links&width=431&colours=inverted&images=off&reader=rtl"
    assert ViewChoices.read(dict(pair.split("=") for pair in query[1:].split("&"))) == look
    assert look.mail_address == "?colours=inverted&images=off&reader=rtl"
    assert ViewChoices().address() == "?"


@pytest.mark.parametrize("width", ["239", "2401", "-375", "37 5", "1e3", "٤٤٤", "0375", ""])
def test_widths_no_window_has_are_nothing(width):
    assert ViewChoices.read({"width": width}).width == "full"


def test_the_usual_reader_stands_in_for_one_nobody_knows():
    assert reader("nobody") is READERS[0]
    assert reader("markup").person(["name", "town"]).value("town").startswith("<b>")
    assert reader("nameless").person(["town"]).value("town") == ""


# --- lines -------------------------------------------------------------------------------------

#: What the letter below is told, whatever stands above it.
KEPT = {"undone", "link-http"}
SENDER = '[sender]\nfrom_address = "wren@example.org"\n'


@settings(max_examples=either(8, 25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(lines=st.lists(st.sampled_from(["", "Words.", "* an item", "> a quote", "## A heading"]), max_size=12))  # fmt: skip
def test_lines_put_in_above_move_every_finding_by_as_many(tmp_path_factory, lines):
    root = tmp_path_factory.mktemp("lines")
    (root / "issues").mkdir()
    copy_theme(root)
    front, body = "---\ntitle: A title\n---\n", "Words.\n\nTODO [x](http://example.org/) here.\n\nlorem ipsum dolor\n"  # fmt: skip
    previews = IssuePreviews(root, lambda: settings_of(SENDER), clocks.now)
    views = Views(previews.preview, root / "issues", "run")

    def found(text: str) -> set[tuple[str, int]]:
        (root / "issues/007.md").write_text(text, "utf-8")
        view = views.view(7, READERS[0])
        assert view is not None
        assert view.fault is None
        return {(f.id, f.place.line) for f in view.findings if f.id in KEPT}

    before = found(front + body)
    assert {name for name, _ in before} == KEPT
    above = [*lines, ""]
    after = found(front + "".join(f"{line}\n" for line in above) + body)
    assert after == {(name, line + len(above)) for name, line in before}
