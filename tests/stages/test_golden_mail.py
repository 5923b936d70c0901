"""One mail, and what a run freezes of its issue, held against files.

A change of the mail's bytes is one on purpose. What was frozen by any version of this program stays
what its readers get: the files of earlier versions are not written anew.
"""

from __future__ import annotations

import json

import pytest

from newsletter.errors import RefusedError
from newsletter.message import MimeTemplate, compose, encode, freeze, load_template
from newsletter.message.frozen import VERSION
from newsletter.render.markdown.fields import UNSUBSCRIBE
from tests.conftest import ROOT
from tests.support.letter_samples import LINKED, NAME, SENDER, TOWN, WAY_OUT, a_letter
from tests.support.mails import STAMP, mail, person
from tests.support.upgrades import dump_of_version_1

GOLDEN = ROOT / "tests" / "golden"
MAIL = GOLDEN / "mail.eml"
LETTER = a_letter(
    f"Hello {NAME} from {TOWN}!\n\n{'Ünder the bridge. ' * 9}= {{{{ x }}}}\n"
    f"Near you: https://x.example/?q={LINKED}\n.\nFrom here leave: {UNSUBSCRIBE}\n",
    f'<p style="color:#222">Hello {NAME} from {TOWN}!</p>\n<p>{"Ünder the bridge. " * 9}</p>\n'
    f'<a href="https://x.example/?q={LINKED}">near</a> <a href="{UNSUBSCRIBE}">leave</a>\n',
    subject=f"A létter for {NAME} from {TOWN}",
)
READER = person("Zoë <Reader>, Esq.", town="Öster & Söhne")
FROZEN = freeze(LETTER, SENDER)


def test_a_mail_is_the_golden_one_to_the_byte(*, update_golden):
    data = mail(LETTER, READER)
    if update_golden:
        MAIL.write_bytes(data)
    assert data == MAIL.read_bytes()


def test_what_is_frozen_changes_only_together_with_its_version(*, update_golden):
    path = GOLDEN / f"frozen-{VERSION}.json"
    if update_golden and not path.exists():
        path.write_bytes(FROZEN.dump())
    assert FROZEN.dump() == path.read_bytes()


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_what_any_version_froze_makes_the_same_mail(version):
    template = load_template((GOLDEN / f"frozen-{version}.json").read_bytes())
    data = b"".join(compose(template, READER, unsubscribe_url=WAY_OUT, stamp=STAMP))
    assert data == MAIL.read_bytes()


def test_the_tests_of_upgrades_write_what_the_first_version_wrote():
    then = (GOLDEN / "frozen-1.json").read_bytes()
    now = dump_of_version_1(FROZEN)
    assert load_template(now) == load_template(then)
    assert json.loads(now).keys() == json.loads(then).keys()


def test_the_mail_of_the_first_version_goes_out_in_the_very_bytes_it_was_frozen_as():
    whole = json.loads((GOLDEN / "frozen-1.json").read_bytes())
    odd = "Any: bytes of then\r\n"
    template = load_template(json.dumps(whole | {"pieces": [odd, *whole["pieces"]]}).encode())
    data = b"".join(compose(template, READER, unsubscribe_url=WAY_OUT, stamp=STAMP))
    assert data.startswith(odd.encode())


def changed(**values: object) -> bytes:
    """The frozen issue with some of its values changed, or taken out."""
    whole = json.loads(FROZEN.dump()) | values
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode()


@pytest.mark.parametrize(
    "frozen",
    [
        changed(version=VERSION + 1),
        changed(version=0),
        changed(version=None),
        changed(version="1"),
        changed(html=None),
        changed(slots=None),
        changed(slots=[]),
        changed(slots={NAME: {"name": "name", "fallback": "", "url": False, "style": "bold"}}),
        changed(attachments=[]),
        b"",
        b"[]",
        b"null",
        b'"a letter"',
        b'{"version":1}',
        b"\xff",
    ],
)
def test_a_frozen_issue_in_another_form_is_refused_in_a_sentence(frozen):
    with pytest.raises(RefusedError) as refused:
        load_template(frozen)
    assert str(refused.value) == (
        "this issue was begun by another version of newsletter, and this one cannot read it"
    )
    assert "the version that began it" in str(refused.value.hint)


def test_frozen_is_what_the_issue_says_and_nothing_of_how_it_is_encoded():
    whole = json.loads(FROZEN.dump())
    assert (whole["subject"], whole["html"], whole["text"]) == (
        LETTER.subject, LETTER.html, LETTER.text,
    )  # fmt: skip
    assert whole["sender"] == SENDER.address
    assert isinstance(encode(FROZEN), MimeTemplate)
    assert b"=C3" not in FROZEN.dump()
