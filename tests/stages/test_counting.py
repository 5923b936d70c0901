"""Links led by way of our own server: the author's, the same for everybody, and no other."""

from __future__ import annotations

import dataclasses
import html
import re

import pytest

from newsletter.render.counting import counted
from newsletter.render.markdown.fields import TOKEN
from tests.support.cli_fixtures import ROOT
from tests.support.rendering import rendered

BASE = "https://letters.example.org/r/74-"
HREF = re.compile(r'href="([^"]*)"')


def hrefs(page):
    return [html.unescape(one) for one in HREF.findall(page)]


def led(page):
    return [one for one in hrefs(page) if one.startswith(BASE)]


def test_each_link_of_the_letter_gets_a_number_and_keeps_where_it_leads():
    letter = rendered("[one](https://a.example/x?b=1&c=2) and [two](https://b.example) and [one](https://a.example/x?b=1&c=2)")  # fmt: skip
    page, links = counted(letter, BASE)
    assert led(page.html) == [f"{BASE}{n}" for n in (1, 2, 3)]
    assert [(k.number, k.text) for k in links] == [(1, "one"), (2, "two"), (3, "one")]
    mine = [k.url for k in letter.links if k.line]
    assert [k.url for k in links] == mine
    assert "utm_campaign" in links[0].url


def test_nothing_but_targets_changes_and_the_text_part_keeps_the_bare_address():
    letter = rendered(
        "[a **b**](https://a.example/x) ![c](https://i.example/c.png) <https://d.example/>"
    )
    page, links = counted(letter, BASE)
    back = page.html
    for link in links:
        back = back.replace(f'"{BASE}{link.number}"', f'"{html.escape(link.url)}"', 1)
    assert back == letter.html
    assert page.text == letter.text
    assert page.links == letter.links
    assert BASE not in page.text


def test_what_the_theme_links_to_leads_straight():
    letter = rendered("[one](https://a.example/)")
    page, _ = counted(letter, BASE)
    theirs = [k.url for k in letter.links if not k.line]
    assert theirs
    assert set(theirs) <= set(hrefs(page.html))
    assert TOKEN.findall(page.html) == TOKEN.findall(letter.html)


@pytest.mark.parametrize(
    "link",
    [
        "[x](https://a.example/){count=off}",
        "[x](https://a.example/){utm=off}{count=off}",
        '<a href="https://a.example/" data-count="off">x</a>',
        "[x](mailto:wren@example.org)",
        "[x](#there)",
        "[x](https://a.example/{{ town }})",
        "[x]({{ unsubscribe_url }})",
        "[x](tel:+4930123)",
        "[x](https://exa mple.org/)",
        "[x](http://no-host/)",
        '<a name="https://a.example/">x</a>',
    ],
)
def test_what_is_no_web_link_the_same_for_everybody_stays(link):
    letter = rendered(f"{link} [y](https://y.example/)", fields={"town": "x"})
    page, links = counted(letter, BASE)
    assert [k.text for k in links] == ["y"]
    assert "data-count" not in page.html
    assert "count=off" not in page.html + page.text
    assert len(led(page.html)) == 1


def test_count_off_is_taken_for_itself_where_it_is_behind_no_link():
    assert "{count=off}" in rendered("one {count=off}").text


@pytest.mark.parametrize(
    "title", ['> href="https://b.example/"', "' href='x", 'a "b" c', "<a href=https://b.example/>", "&quot; &amp; é"]
)  # fmt: skip
def test_other_attributes_do_not_lead_anywhere(title):
    letter = rendered(
        f'<a title="{html.escape(title)}" href="https://a.example/">x</a> [y](https://y.example/)'
    )
    page, links = counted(letter, BASE)
    assert [k.text for k in links] == ["x", "y"]
    assert [k.url.partition("?")[0] for k in links] == ["https://a.example/", "https://y.example/"]
    assert html.escape(title, quote=False) in page.html or title in html.unescape(page.html)


def test_what_outlook_shows_in_place_of_a_link_leads_the_same_way():
    letter = rendered("[one](https://a.example/)")
    url = next(k.url for k in letter.links if k.line)
    comment = f'<!--[if mso]><v:rect href="{html.escape(url)}"></v:rect><![endif]--></body>'
    page, _ = counted(
        dataclasses.replace(letter, html=letter.html.replace("</body>", comment)), BASE
    )
    assert led(page.html) == [f"{BASE}1"] * 2


def test_a_link_that_is_lost_is_a_bug_and_no_mail():
    letter = rendered("[one](https://a.example/)")
    with pytest.raises(AssertionError, match="lost"):
        counted(dataclasses.replace(letter, links=(*letter.links, letter.links[-1])), BASE)


def test_many_odd_letters_keep_their_links_in_step():
    """Whatever stands in a letter, each number leads where its link led before."""
    for path in sorted((ROOT / "issues").glob("*.md"))[:3]:
        body = path.read_text("utf-8").split("---\n", 2)[2]
        letter = rendered(body)
        page, links = counted(letter, BASE)
        by_number = {f"{BASE}{k.number}": k.url for k in links}
        # What lxml wrote is told apart from what it was told only by escapes of its own.
        assert [by_number.get(one, one) for one in hrefs(page.html)] == hrefs(letter.html)
