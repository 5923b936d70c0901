"""One link in, one link out: what is tagged, what is left alone to the byte."""

from __future__ import annotations

import csv

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.render.utm import Tags, decide, is_malformed, legal, source_of, tag, untagged
from tests.conftest import CASES, SKIP_HOSTS, link_tags, require

OURS = "utm_source=dt&utm_medium=email&utm_campaign=issue-74"
KEEP = link_tags(source="dt")
REPLACE = link_tags(source="dt", existing="replace")
MODES = {"keep": KEEP, "replace": REPLACE}


def table_of_cases() -> list[tuple[str, str, str]]:
    path = CASES / "utm.csv"
    if not path.is_file():
        return [("", "", "")]
    with path.open(encoding="utf-8", newline="") as file:
        return [(row["input"], row["keep"], row["replace"]) for row in csv.DictReader(file)]


@pytest.mark.corpus
@pytest.mark.parametrize(("url", "keep", "replace"), table_of_cases())
def test_the_shared_conformance_table_holds(url: str, keep: str, replace: str) -> None:
    require(CASES.is_dir(), "the shared table of cases is not on this machine")
    assert (tag(url, KEEP), tag(url, REPLACE)) == (keep, replace)


TAGGED = {
    # Where the tag goes
    "https://slack.example/a": f"https://slack.example/a?{OURS}",
    "http://slack.example/a": f"http://slack.example/a?{OURS}",
    "https://slack.example": f"https://slack.example/?{OURS}",
    "https://slack.example?": f"https://slack.example/?{OURS}",
    "https://slack.example#pier": f"https://slack.example/?{OURS}#pier",
    "https://slack.example/a?": f"https://slack.example/a?{OURS}",
    "https://slack.example/a#": f"https://slack.example/a?{OURS}#",
    "https://slack.example/a?b=1#c": f"https://slack.example/a?b=1&{OURS}#c",
    "https://slack.example/a#b?c=1#d": f"https://slack.example/a?{OURS}#b?c=1#d",
    "https://slack.example/a?b?c=/d": f"https://slack.example/a?b?c=/d&{OURS}",
    # What must stay as it is
    "https://slack.example/a?b&c=&=d&&e": f"https://slack.example/a?b&c=&=d&&e&{OURS}",
    "https://slack.example/a?b=1&": f"https://slack.example/a?b=1&{OURS}",
    "https://slack.example/%7e/%7E?q=+%20%2b": f"https://slack.example/%7e/%7E?q=+%20%2b&{OURS}",
    "https://slack.example/100%/%zz?q=%": f"https://slack.example/100%/%zz?q=%&{OURS}",
    "https://slack.example/a/../b//c/.": f"https://slack.example/a/../b//c/.?{OURS}",
    "https://slack.example/@wren;v=1,2": f"https://slack.example/@wren;v=1,2?{OURS}",
    "https://slack.example/a|b\\c^d": f"https://slack.example/a|b\\c^d?{OURS}",
    "https://slack.example/a?{b}|^`\\'": f"https://slack.example/a?{{b}}|^`\\'&{OURS}",
    "https://slack.example/a?mail=wren@example.org": f"https://slack.example/a?mail=wren@example.org&{OURS}",
    "https://slack.example/a?next=https://user@b.example/": f"https://slack.example/a?next=https://user@b.example/&{OURS}",
    "https://slack.example/a?__NL_U_A__": f"https://slack.example/a?__NL_U_A__&{OURS}",
    "https://slack.example/__NL_U_A__#{{ x }}": f"https://slack.example/__NL_U_A__?{OURS}#{{{{%20x%20}}}}",
    "HTTPS://Slack.Example/A": f"HTTPS://Slack.Example/A?{OURS}",
    "https://slack.example./a": f"https://slack.example./a?{OURS}",
    "https://slack.example:8443/a": f"https://slack.example:8443/a?{OURS}",
    "https://slack.example:/a": f"https://slack.example:/a?{OURS}",
    "https://slack.example:0000080": f"https://slack.example:0000080/?{OURS}",
    f"https://slack.example:{'0' * 5000}80/": f"https://slack.example:{'0' * 5000}80/?{OURS}",
    "https://192.0.2.7/a": f"https://192.0.2.7/a?{OURS}",
    "https://[2001:db8::1]:8443/a": f"https://[2001:db8::1]:8443/a?{OURS}",
    "https://tide_table.slack.example/": f"https://tide_table.slack.example/?{OURS}",
    "https://a--b-.slack.example/": f"https://a--b-.slack.example/?{OURS}",
    # What no URL may hold
    "https://slack.example/a b?c d#e f": f"https://slack.example/a%20b?c%20d&{OURS}#e%20f",
    'https://slack.example/"<>`{}?"<>#"<>`': f"https://slack.example/%22%3C%3E%60%7B%7D?%22%3C%3E&{OURS}#%22%3C%3E%60",
    "https://slack.example/é?é#é": f"https://slack.example/%C3%A9?%C3%A9&{OURS}#%C3%A9",
    "https://slack.example/\x01\x7f": f"https://slack.example/%01%7F?{OURS}",
    "https://slack.example/\ud800": f"https://slack.example/%3F?{OURS}",
    " \x00https://slack.example/a\x1f ": f"https://slack.example/a?{OURS}",
    "https://slack\n.example/\ta?u\rtm=1": f"https://slack.example/a?utm=1&{OURS}",
    "https://häfen.example/a": f"https://xn--hfen-loa.example/a?{OURS}",
    "https://HÄFEN.example:8443": f"https://xn--hfen-loa.example:8443/?{OURS}",
    "https://häfen。example/": f"https://xn--hfen-loa.example/?{OURS}",
    "https://💩.example/": f"https://xn--ls8h.example/?{OURS}",
    "https://my_häfen.example/": f"https://xn--my_hfen-8wa.example/?{OURS}",
    # What looks like a tag and is none
    "https://slack.example/a?autm_source=1": f"https://slack.example/a?autm_source=1&{OURS}",
    "https://slack.example/a?utm_sources=1": f"https://slack.example/a?utm_sources=1&{OURS}",
    "https://slack.example/a?x=utm_source=1": f"https://slack.example/a?x=utm_source=1&{OURS}",
    "https://slack.example/a#?utm_source=x": f"https://slack.example/a?{OURS}#?utm_source=x",
    "https://slack.example/a?utm_content=x&utm_term=y": f"https://slack.example/a?utm_content=x&utm_term=y&{OURS}",
    "https://slack.example/signature?unsig=1": f"https://slack.example/signature?unsig=1&{OURS}",
    "https://myarchive.today.example/": f"https://myarchive.today.example/?{OURS}",
    "https://notarchive.org/": f"https://notarchive.org/?{OURS}",
}


@pytest.mark.parametrize("url", TAGGED, ids=ascii)
@pytest.mark.parametrize("mode", MODES)
def test_a_web_link_is_tagged_and_nothing_else_of_it_changes(url: str, mode: str) -> None:
    assert tag(url, MODES[mode]) == TAGGED[url]


UNTOUCHED = [
    # Not of the web
    "", " ", "#top", "?q=1", "/a", "a/b.html", "//slack.example/a", "mailto:wren@slack.example?subject=a b",
    "tel:+31612345678", "sms:+31612345678", "cid:harbour", "data:text/html,<b>", "ftp://slack.example/a",
    "file:///a", "javascript:location='https://slack.example/'", "webcal://slack.example/a", "https:slack.example",
    "https:/slack.example/a", "xhttps://slack.example/", "view-source:https://slack.example/",
    # Placeholders
    "__NL_UNSUBSCRIBE__", "{{ url }}", "{{scheme}}://slack.example/", "https://{{ host }}/a", "https://__NL_U_A__/a",
    "https://a.__NL_U_A__.example", "https://{{host}}:80/?a", "https://x.{{ y/z",
    # Impossible hosts
    "https://", "https:///a", "https://?a", "https://#a", "https://.", "https://a..b", "https://.example", "https://slack",
    "http://ttps//slack.example/", "http://The%20Harbour", "https://the harbour.example/", "https://a<b.example/",
    "https://slack.example\\a", "https://slack.example:port/", "https://slack.example:65536/", "https://slack.example:-1/",
    "https://slack.example:٨٠/", f"https://slack.example:{'9' * 5000}/", "https://[::1", "https://[::g]/",
    "https://[fe80::1%25eth0]/", "https://a:b:c.example:80:90/", "https://x.\u00ad/",
    # People's own
    "https://wren@slack.example/a", "https://wren:secret@slack.example/a", "https://slack.example:80@evil.example/",
    # Signed
    "https://slack.example/a?X-Amz-Signature=1", "https://slack.example/a?x-amz-signature=1", "https://slack.example/a?b&X-Goog-Signature=1",
    "https://slack.example/a?Signature=1", "https://slack.example/a?Key-Pair-Id=1", "https://slack.example/a b?SIG=1",
    "https://slack.example/a?s%69g=1", "https://slack.example/a?sig",
    # Look-ups of other pages
    "https://web.archive.org/web/2020/https://slack.example/", "https://WEB.archive.org:443/x", "https://archive.ph./x",
    "https://archive.today/x", "https://www.archive.today/x", "https://slack-example.translate.goog/x",
    # Tagged by us already
    f"https://slack.example/a?{OURS}", f"https://slack.example/a b?c d&{OURS}#e f",
]  # fmt: skip


@pytest.mark.parametrize("url", UNTOUCHED, ids=ascii)
@pytest.mark.parametrize("mode", MODES)
def test_where_a_tag_would_do_harm_the_link_stays_as_it_is(url: str, mode: str) -> None:
    assert tag(url, MODES[mode]) == url


FOREIGN = {
    "https://slack.example/a?utm_source=x": f"https://slack.example/a?{OURS}",
    "https://slack.example/a?utm_medium=x": f"https://slack.example/a?{OURS}",
    "https://slack.example/a?utm_campaign": f"https://slack.example/a?{OURS}",
    "https://slack.example/a?utm_source=&b": f"https://slack.example/a?b&{OURS}",
    "https://slack.example/a?UTM_SOURCE=x&utm_term=y&Utm_Id=z#c": f"https://slack.example/a?{OURS}#c",
    "https://slack.example/a?b=1&utm%5Fsource=x&c=2": f"https://slack.example/a?b=1&c=2&{OURS}",
    "https://slack.example/a?+utm_source=x": f"https://slack.example/a?{OURS}",
    f"https://slack.example/a?{OURS}&b=1": f"https://slack.example/a?b=1&{OURS}",
    "https://slack.example/a b?ut\nm_source=x": f"https://slack.example/a%20b?{OURS}",
}


@pytest.mark.parametrize("url", FOREIGN, ids=ascii)
def test_foreign_tags_are_kept_whole_or_replaced_whole(url: str) -> None:
    assert tag(url, KEEP) == url
    assert tag(url, REPLACE) == FOREIGN[url]


def test_the_tags_of_an_earlier_service_are_replaced_even_when_others_are_kept() -> None:
    chosen = link_tags(
        source="dt", medium="email", campaign="c", replace_sources=("Revue newsletter", "Old")
    )
    ours = "utm_source=dt&utm_medium=email&utm_campaign=c"
    assert tag(
        "https://slack.example/?utm_source=Revue%20newsletter&utm_content=x", chosen
    ).endswith(f"/?{ours}")
    assert tag("https://slack.example/?utm_source=revue+newsletter", chosen).endswith(f"/?{ours}")
    assert tag("https://slack.example/?utm_source=old&b", chosen).endswith(f"/?b&{ours}")
    assert tag("https://slack.example/?utm_source=sponsor", chosen).endswith("?utm_source=sponsor")
    assert tag("https://slack.example/?utm_medium=email", chosen).endswith("?utm_medium=email")


def test_values_are_percent_encoded() -> None:
    chosen = link_tags(source="Slack Water & co", medium="e/mail?", campaign="été#1\ud800")
    assert tag("https://slack.example/a", chosen) == (
        "https://slack.example/a?utm_source=Slack%20Water%20%26%20co&utm_medium=e%2Fmail%3F"
        "&utm_campaign=%C3%A9t%C3%A9%231%3F"
    )


def test_hosts_to_skip_are_the_authors_own_with_all_their_subdomains() -> None:
    chosen = link_tags(source="a", medium="b", campaign="c", skip_hosts=("Slack.Example",))
    for url in (
        "https://slack.example/",
        "https://a.b.SLACK.example:80/",
        "https://slack.example.",
    ):
        assert tag(url, chosen) == url
    assert tag("https://myslack.example/", chosen) != "https://myslack.example/"
    assert tag("https://web.archive.org/x", chosen) != "https://web.archive.org/x"
    assert "web.archive.org" in SKIP_HOSTS


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://a.example/?utm_source=x", "x"), ("https://a.example/?b&UTM_source=Slack%20Water+2#c", "Slack Water 2"),
        ("https://a.example/?utm_source=", ""), ("https://a.example/#?utm_source=x", ""), ("", ""), ("utm_source=x", ""),
    ],
)  # fmt: skip
def test_the_source_of_a_link_is_read_from_its_query(url: str, source: str) -> None:
    assert source_of(url) == source


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://slack.example/a", False), ("http://ttps//slack.example", True), ("https:/slack.example", True),
        ("https:", True), ("http://The%20Harbour", True), ("https://a b.example", True), (" https://slack.example", False),
        ("https://wren@slack.example", False), ("https://wren@slack", True), ("https://{{ host }}/", False),
        ("https://__NL_U_A__", False), ("https://slack.example\\a", False), ("mailto:x", False), ("/a", False), ("#", False), ("", False),
        ("https://[::1]/", False), ("https://[::x]/", True), ("https://slack.example:99999", True), ("httpsx://a", False),
        ("https://slack\n.example", False),
    ],
)  # fmt: skip
def test_a_web_link_no_browser_could_open_is_malformed(url: str, expected: object) -> None:
    assert is_malformed(url) is expected


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://häfen.example/é?ü#ö", "https://xn--hfen-loa.example/%C3%A9?%C3%BC#%C3%B6"), ("https://häfen.example?", "https://xn--hfen-loa.example/?"),
        ("https://häfen.example", "https://xn--hfen-loa.example/"), ("https://a.example/é?X-Amz-Signature=1", "https://a.example/%C3%A9?X-Amz-Signature=1"),
        ("mailto:é@a.example", "mailto:%C3%A9@a.example"), ("/é", "/%C3%A9"), ("https://wren@é.example/", "https://wren@%C3%A9.example/"),
        ("https://a.example/a b<c>", "https://a.example/a b<c>"), ("", ""), ("https://a.example?", "https://a.example?"),
    ],
)  # fmt: skip
def test_what_is_not_tagged_is_still_written_in_ascii(url: str, written: str) -> None:
    assert legal(url) == written


@pytest.mark.parametrize(
    ("url", "kept", "replaced"),
    [
        ("https://a.example/", "tagged", "tagged"), (f"https://a.example/?{OURS}", "tagged", "tagged"), ("https://a.example/?utm_source=x", "kept", "replaced"),
        ("https://a.example/?utm_term=x", "tagged", "tagged"), ("https://archive.ph/x", "skipped host", "skipped host"), ("https://a.example/?sig=x", "signed", "signed"),
        ("http://ttps//a.example/", "malformed", "malformed"), ("mailto:a@b.example", "no web link", "no web link"), ("#a", "no web link", "no web link"),
        ("https://wren@a.example/", "no web link", "no web link"), ("__NL_UNSUBSCRIBE__", "no web link", "no web link"),
    ],
)  # fmt: skip
def test_every_link_knows_why_it_was_tagged_or_not(url: str, kept: str, replaced: str) -> None:
    assert (decide(url, KEEP)[1], decide(url, REPLACE)[1]) == (kept, replaced)
    assert decide(url, KEEP)[0] == tag(url, KEEP)


# Rules with a shape

LEGAL = st.text("abcXYZ019-._~!$()*,;:@/?[]%|\\=&+'", max_size=20)
LABEL = st.text("abz09-_", min_size=1, max_size=8)
HOSTS = st.builds(".".join, st.lists(LABEL, min_size=2, max_size=4))
PORTS = st.sampled_from(["", ":", ":80", ":8443"])
LEGAL_URLS = st.builds(
    lambda host, port, path, query, fragment: (
        f"https://{host}{port}/{path.replace('?', '')}{query and '?' + query}{fragment and '#' + fragment}"
    ),
    HOSTS, PORTS, LEGAL, LEGAL, LEGAL,
)  # fmt: skip
MESSY = st.builds(
    "".join,
    st.lists(
        st.sampled_from(["https://", "http:", "//", "a.example", "é.example", "。", ".", ":", "80", "@", "/", "?", "#", "&", "=",
                         "utm_source", "utm_content=x", OURS, "sig", "[", "]", "::1", "{{", "__NL_U_A__", " ", "\t", "\n", "%", "%20", "\\",
                         "'", '"', "<", "\x00", "é", "🛶", "\ud800", "٣", "archive.ph", "xn--", "\u00ad", "\u200d", "／"])
        | st.text(max_size=3),
        max_size=14,
    ),
)  # fmt: skip
TAGS = st.builds(
    Tags,
    source=st.text(max_size=6),
    medium=st.text(max_size=6),
    campaign=st.text(max_size=6),
    existing=st.sampled_from(["keep", "replace"]),
    replace_sources=st.sampled_from([(), ("x",)]),
    skip_hosts=st.just(SKIP_HOSTS),
)


@given(MESSY | LEGAL_URLS | st.text(), TAGS)
@example("https://[fe80::1%/", KEEP)
@example("https://x.\u00ad/", KEEP)
def test_tagging_again_changes_nothing_and_no_text_is_too_odd(url: str, tags: Tags) -> None:
    once = tag(url, tags)
    assert tag(once, tags) == once
    if is_malformed(url):
        assert once == url
    assert once == url or once.isascii()


@given(MESSY.map("https://a.example/".__add__), TAGS)
def test_a_tagged_link_holds_only_what_a_url_may_hold(url: str, tags: Tags) -> None:
    once = tag(url, tags)
    if once != url:
        assert not set(once) & set('"<> \t\r\n\x00')


@given(LEGAL_URLS)
@example("https://a.example/??")
@example("https://a.example/?#?")
@example("https://a.example/?&")
@example("https://a.example/?b=1&#c")
@example("https://a.example/&")
def test_taking_the_tag_off_gives_the_legal_link_back(url: str) -> None:
    once = tag(url, KEEP)
    if once == url:
        assert "utm_" in url or "sig" in url
        return
    assert once.count(OURS) == 1
    link, hash_, fragment = url.partition("#")
    # A query that ends in & has its separator already.
    before = "" if "?" in link and link.endswith("&") else "?" if f"?{OURS}" in once else "&"
    back = once.replace(f"{before}{OURS}", "", 1)
    empty_query = link.endswith("?") and link.count("?") == 1
    assert back == (link.removesuffix("?") if empty_query else link) + hash_ + fragment


@given(MESSY | LEGAL_URLS | st.text())
def test_a_link_made_legal_is_ascii_and_stays_as_it_is_when_made_legal_again(url: str) -> None:
    once = legal(url)
    assert once.isascii()
    assert legal(once) == once
    assert (once == url) is url.isascii()


@given(MESSY | st.text(), TAGS)
def test_what_is_not_tagged_is_the_very_same_text(url: str, tags: Tags) -> None:
    once = tag(url, tags)
    ours = once.partition("#")[0].partition("?")[2].split("&")[-3:]
    if [pair.partition("=")[0] for pair in ours] != ["utm_source", "utm_medium", "utm_campaign"]:
        assert once == url


@pytest.mark.parametrize(
    ("url", "left"),
    [
        ("https://x.example/a?utm_source=Old&utm_medium=email&b=1#c", "https://x.example/a?b=1#c"),
        ("https://x.example/a?utm_source=old", "https://x.example/a"),
        ("https://x.example/a?b=1&UTM_Campaign=7&utm_source=old", "https://x.example/a?b=1"),
        # Somebody else's, and what is no tag, stays to the byte.
        ("https://x.example/a?utm_source=theirs&b=1", "https://x.example/a?utm_source=theirs&b=1"),
        ("https://x.example/a?b=1&", "https://x.example/a?b=1&"),
        ("no link at all?utm_source", "no link at all?utm_source"),
    ],
)
def test_the_tags_of_an_earlier_service_are_taken_off_a_page_and_no_others(url, left):
    assert untagged(url, ["OLD", "older"]) == left
