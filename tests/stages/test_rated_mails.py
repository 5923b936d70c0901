"""Mails that ask how the issue was: the same for everybody but for one link, where the author asks for it."""

from __future__ import annotations

import dataclasses
import email.policy
import json
import re
from email import message_from_bytes
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.audience import Subscriber
from newsletter.audience.tokens import (
    TRIAL_KEY,
    Key,
    Purpose,
    acts_when_opened,
    make_rating_token,
    make_token,
    rating_url,
    read_rating_token,
    read_token,
)
from newsletter.delivery.deliver import trial
from newsletter.errors import InputError
from newsletter.message import compose, encode, freeze
from newsletter.message.frozen import FrozenIssue
from newsletter.message.merge import merge, merge_template
from newsletter.render import ANSWERS, Frame, Theme
from newsletter.render.counting import counted
from newsletter.render.markdown.fields import RATE
from newsletter.render.pipeline import render, source_hash
from newsletter.render.words import words
from newsletter.settings import ConfigText, load
from newsletter.settings.mail import options, sender
from tests.conftest import issue_with
from tests.support.pages import parse_page, text_of
from tests.support.rendering import OPTIONS, PLAIN, THEME, rendered

LABELS = (("good", "Loved it"), ("fine", "It was fine"), ("bad", "Not for me"))
KEY = Key(3, b"k" * 32)
HANDLE = "0123456789abcdef01234567"
ADA = Subscriber(id=1, handle=HANDLE, address="ada@example.org", name="Ada")
URL = rating_url("https://x.example/n/", HANDLE, 7, KEY)
TOML = '[sender]\nfrom_address = "wren@example.org"\n[site]\npublic_url = "https://a.example"\n'

ASKED = rendered(ratings=LABELS)


def settings_of(text):
    return load(ConfigText(file="newsletter.toml", text=text), environ={})


def parts(data):
    mail = message_from_bytes(data, policy=email.policy.default)
    found = [mail.get_body((kind,)) for kind in ("plain", "html")]
    return ["" if one is None else one.get_content().replace("\r\n", "\n") for one in found]


PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
SENDER = sender(settings_of(TOML))


# --- tokens --------------------------------------------------------------------------------------


@given(
    st.binary(min_size=12, max_size=12).map(bytes.hex),
    st.integers(0, 999_999_999),
    st.builds(Key, st.integers(0, 254), st.binary(min_size=32, max_size=32)),
)
def test_a_token_reads_back_as_reader_and_issue_and_opens_no_other_page(handle, issue, key):
    token, keys = make_rating_token(handle, issue, key), {key.id: key}
    assert len(token) == 46
    assert read_rating_token(token, keys) == (handle, issue)
    assert read_rating_token(token, {key.id: Key(key.id, key.secret[::-1] + b"x")}) is None
    for purpose in PURPOSES:
        assert read_token(token, keys, purpose) is None
        assert read_rating_token(make_token(handle, key, purpose), keys) is None


def test_a_token_stays_the_same_for_ever():
    # Mails that lie in mailboxes hold it.
    assert make_rating_token(HANDLE, 74, KEY) == "AQMBI0VniavN7wEjRWcAAABKUA-NGDmCeMMOSPsbC-9JGA"


def test_another_issue_or_reader_has_another_signature():
    token = make_rating_token(HANDLE, 7, KEY)
    for other in (make_rating_token(HANDLE, 8, KEY), make_rating_token("f" * 24, 7, KEY)):
        assert token[-20:] != other[-20:]


def test_no_program_of_ours_opens_such_a_page():
    for url in (URL, f"{URL}/good", URL.upper().replace("HTTPS", "https")):
        assert acts_when_opened(url, "https://x.example/n")
    assert acts_when_opened(URL, "https://elsewhere.example")


# --- what mails show -----------------------------------------------------------------------------


def test_an_answer_is_a_link_and_the_text_part_has_one_to_the_page():
    [*found] = [(k.text, k.url) for k in ASKED.links if RATE in k.url]
    assert found == [(label, f"{RATE}/{answer}") for answer, label in LABELS]
    assert "How was it?" in text_of(parse_page(ASKED.html))
    assert f"\nHow was it?\n{RATE}\n" in ASKED.text
    mail = b"".join(
        compose(encode(freeze(ASKED, SENDER)), ADA, unsubscribe_url="https://u", rating_url=URL)
    )
    text, html = parts(mail)
    assert f"\n{URL}\n" in text
    assert re.findall(rf'href="{re.escape(URL)}/(\w+)"', html) == list(ANSWERS)
    assert RATE not in text + html


def test_who_is_not_asked_gets_the_mail_of_before():
    assert RATE not in PLAIN.slots
    for part in (PLAIN.html, PLAIN.text):
        assert "How was it" not in part
        assert "ratings" not in part
        assert RATE not in part


def test_answers_are_neither_tagged_nor_counted():
    page, links = counted(ASKED, "https://x.example/r/7-")
    assert all(RATE not in link.url for link in links)
    assert page.html.count(f'href="{RATE}/') == 3
    assert not re.search(rf"{RATE}/\w+\?", ASKED.html)


def test_in_bulk_they_are_the_same():
    template = merge_template(freeze(ASKED, SENDER))
    mail = merge(template, ADA, issue=7, position=1, attempt=1, unsubscribe_url="https://u", rating_url=URL)  # fmt: skip
    html = re.sub(r"\{\{(\w+)\}\}", lambda name: mail.values[name[1]], template.html)
    assert re.findall(rf'href="{re.escape(URL)}/(\w+)"', html) == list(ANSWERS)


def test_what_was_frozen_reads_back_the_same():
    frozen = freeze(ASKED, SENDER)
    assert FrozenIssue.load(json.loads(frozen.dump())) == frozen


def test_a_test_mail_has_a_link_that_opens_nothing():
    mail = trial(
        encode(freeze(ASKED, SENDER)), "a@example.org", issue=7, public_url="https://x.example"
    )
    found = set(re.findall(r"https://x\.example/v/([\w-]+)", "".join(parts(mail.data))))
    [token] = found
    assert read_rating_token(token, {KEY.id: KEY}) is None
    assert read_rating_token(token, {TRIAL_KEY.id: TRIAL_KEY}) is not None


def test_a_mail_that_is_no_issue_asks_nothing():
    frame = Frame(links=("confirm_url",), texts={})
    asked = dataclasses.replace(OPTIONS, ratings=LABELS)
    done = render(issue_with("[Yes]({{ confirm_url }})"), THEME, asked, frame=frame)
    assert RATE not in done.html + done.text
    assert "How was it?" not in done.html + done.text


def test_an_author_cannot_write_such_a_link():
    with pytest.raises(InputError, match="reserved"):
        rendered(f"[x]({RATE}/good)", ratings=LABELS)


def test_approvals_with_a_theme_that_does_not_show_it_stay():
    issue, asked = issue_with(), dataclasses.replace(OPTIONS, ratings=LABELS)
    old = Theme(folder="t", files=(("issue.mjml", "{{ view_url }}"),))
    assert source_hash(issue, old, OPTIONS) == source_hash(issue, old, asked)
    one_link = Theme(folder="t", files=(("issue.mjml", "{{ rate_url }}"),))
    for theme in (THEME, one_link):
        assert source_hash(issue, theme, OPTIONS) != source_hash(issue, theme, asked)


@pytest.mark.parametrize("language", ["ar", "de", "es", "fr", "he", "it", "nl", "pt"])
def test_it_is_asked_in_the_language_of_the_letter(language):
    said, english = words(language), words("en")
    assert all(said[one] != english[one] for one in ("rate", *ANSWERS))
    given = options(
        settings_of(f'{TOML}language = "{language}"\n[ratings]\nask = true\n'), issue_with()
    )
    assert given.ratings == tuple((one, said[one]) for one in ANSWERS)


@pytest.mark.parametrize(
    ("toml", "found"),
    [
        ("", []),
        ("[ratings]\nask = false", []),
        ("[ratings]\nask = true", ["Loved it", "It was fine", "Not for me"]),
        ("[ratings]\nask = true\nmiddle = false", ["Loved it", "Not for me"]),
        ('[ratings]\nask = true\ngood = "🌊"\nbad = "<Hm>"', ["🌊", "It was fine", "<Hm>"]),
    ],
)
def test_the_settings_say_what_is_asked(toml, found):
    given = options(settings_of(TOML + toml), issue_with())
    assert [label for _, label in given.ratings] == found
    done = rendered(ratings=given.ratings)
    shown = text_of(parse_page(done.html))
    assert all(label in shown for label in found)


def test_without_a_server_of_ours_nobody_is_asked():
    nowhere = settings_of('[sender]\nfrom_address = "w@example.org"\n[ratings]\nask = true')
    assert options(nowhere, issue_with()).ratings == ()
    assert rating_url("", HANDLE, 7, KEY) == ""
