"""The bytes of one mail, held against a file: what composing makes is changed on purpose only."""

from __future__ import annotations

from newsletter.render.markdown.fields import UNSUBSCRIBE
from tests.conftest import ROOT
from tests.support.letter_samples import LINKED, NAME, TOWN, a_letter
from tests.support.mails import mail, person

GOLDEN = ROOT / "tests" / "golden" / "mail.eml"
LETTER = a_letter(
    f"Hello {NAME} from {TOWN}!\n\n{'Ünder the bridge. ' * 9}= {{{{ x }}}}\n"
    f"Near you: https://x.example/?q={LINKED}\n.\nFrom here leave: {UNSUBSCRIBE}\n",
    f'<p style="color:#222">Hello {NAME} from {TOWN}!</p>\n<p>{"Ünder the bridge. " * 9}</p>\n'
    f'<a href="https://x.example/?q={LINKED}">near</a> <a href="{UNSUBSCRIBE}">leave</a>\n',
    subject=f"A létter for {NAME} from {TOWN}",
)
READER = person("Zoë <Reader>, Esq.", town="Öster & Söhne")


def test_a_mail_is_the_golden_one_to_the_byte(*, update_golden):
    data = mail(LETTER, READER)
    if update_golden:
        GOLDEN.write_bytes(data)
    assert data == GOLDEN.read_bytes()
