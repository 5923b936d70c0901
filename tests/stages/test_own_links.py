"""Our own links that act when opened are known in any spelling, and never asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience.tokens import Key, acts_when_opened, make_token
from newsletter.http import Fetcher
from tests.preview.test_preview_asking import links
from tests.sending.test_fetch import anywhere
from tests.support.web_servers import Told, web_server

pytestmark = pytest.mark.processes

PUBLIC = "https://letters.example.org"
TOKEN = make_token("0123456789abcdef01234567", Key(0, b"k" * 32))


@pytest.mark.parametrize(
    "url",
    [
        f"{PUBLIC}/u/{TOKEN}", f"{PUBLIC}/c/{TOKEN}", f"{PUBLIC}/p/{TOKEN}", f"{PUBLIC}/u/x",
        "HTTPS://LETTERS.EXAMPLE.ORG/u/x", "http://letters.example.org/u/x",
        "https://letters.example.org:443/u/x", "https://letters.example.org:/u/x",
        "https://letters.example.org./u/x", "https://letters.example.org.:443/u/x",
        "https://letters.example.org//u/x", "https://letters.example.org/./u/x",
        "https://letters.example.org/archive/../u/x", "https://letters.example.org/a/%2e%2E/u/x",
        "https://letters.example.org/%75/x", "https://letters.example.org/%2575/x",
        "https://letters.example.org/u%2Fx", "https://letters.example.org/u/x/",
        "https://letters.example.org/U/x", "https://letters.example.org/u/x?a#b",
        "https://wren:secret@letters.example.org/u/x", "https://a@b@letters.example.org/u/x",
        "//letters.example.org/u/x", "https:\\\\letters.example.org\\u\\x",
        "https:///letters.example.org/u/x", " https://letters.example.org/u/x ",
        "ht\ntps://letters.exam\tple.org/u/x", "https://letters%2Eexample.org/u/x",
        "https://\uff4cetters.example.org/u/x", "https://letters\u3002example\uff0eorg/u/x",
        "https://letters.example.org/u", "https://letters.example.org/u?x",
    ],
)  # fmt: skip
def test_every_spelling_of_our_own_link_is_known(url):
    assert acts_when_opened(url, PUBLIC)
    assert acts_when_opened(url, "HTTPS://Letters.Example.org.:443/")


@pytest.mark.parametrize(
    "url",
    [f"{PUBLIC}/", f"{PUBLIC}/archive/74/", f"{PUBLIC}/archive/u/x", f"{PUBLIC}/under/x",
     "https://example.org/u/wren", f"https://example.org/?next={PUBLIC}/u/x",
     "https://letters.example.org.evil.example/u/x", "mailto:a@b.example", "", "/u/x", "https://["],
)  # fmt: skip
def test_what_does_nothing_may_be_asked(url):
    assert not acts_when_opened(url, PUBLIC)
    assert not acts_when_opened(url, "")


def test_below_a_path_and_under_a_name_of_other_letters():
    public = "https://b\u00fccher.example/Letters"
    for url in (
        "https://xn--bcher-kva.example/letters/u/x",
        "https://B\u00dcCHER.example/Letters//%55/x",
        "https://bu\u0308cher.example/x/../letters/u/x",
    ):
        assert acts_when_opened(url, public)
    assert not acts_when_opened("https://b\u00fccher.example/u/x", public)
    assert acts_when_opened("https://xn--strae-oqa.example/u/x", "https://stra\u00dfe.example")


def test_a_name_that_no_server_can_have_is_compared_as_it_is_written():
    public = f"https://{'é' * 70}.example"  # too long for a label of DNS
    assert acts_when_opened(f"{public}/u/x", public)
    assert not acts_when_opened(f"{public}/u/x", "https://other.example")


@pytest.mark.parametrize("public", [PUBLIC, "", "https://another.example"])
def test_a_token_of_ours_is_known_on_any_host(public):
    assert acts_when_opened(f"http://old.example/letters/u/{TOKEN}", public)
    assert not acts_when_opened(f"http://old.example/letters/u/{TOKEN[:-2]}", public) or (
        public == "http://old.example/letters"
    )


HOST = st.tuples(*(st.sampled_from([c, c.upper()]) for c in "letters.example.org")).map("".join)
PAGE = st.sampled_from(["u", "U", "%75", "%55", "%2575"])
SLASH = st.sampled_from(["/", "//", "/./", "/a/../", "%2F", "/%2e/", "/x/y/%2e%2e/../"])


SITE = st.tuples(
    st.sampled_from(["https:", "http:", "HTTPS:", "hTTp:", ""]),
    st.just("//"),
    st.sampled_from(["", "wren@", "wren:secret@", "a%40b@"]),
    HOST,
    st.sampled_from(["", ".", ":443", ":80", ":", ".:443"]),
).map("".join)
PATH = st.tuples(
    SLASH, PAGE, SLASH, st.sampled_from(["x", TOKEN, TOKEN + "/", "x?y=z", "x#y"])
).map("".join)


@given(SITE, PATH)
def test_no_spelling_gets_past(site, path):
    assert acts_when_opened(f"{site}/{path}", PUBLIC)


@given(st.text(), st.text())
def test_no_text_is_too_odd_to_be_read(url, public):
    acts_when_opened(url, public)


def test_neither_a_link_nor_a_redirect_to_one_is_asked(tmp_path):
    told = Told({"/moved": (302, {"Location": "HTTPS://letters.EXAMPLE.org.:443//%75/x"}, b"")})
    with web_server(told):
        body = (
            f"[a]({told.url('/moved')}) [b](HTTPS://letters.example.org/u/x) "
            f"[c](https://letters.example.org:443/x/../u/x) [d]({told.url('/u/' + TOKEN)})"
        )
        found = links(
            tmp_path, body, lambda refused: Fetcher(allowed=anywhere, refused=refused, seconds=5)
        )
    assert told.asked == ["GET /moved"]
    assert [one.said for one in found.values()] == ["it is one of our own, which does something"]
