"""Quotation marks of titles are those of the letter."""

from __future__ import annotations

import pytest

from newsletter.render.quotes import like_body
from tests.support.rendering import rendered


@pytest.mark.parametrize(
    ("body", "title", "shown"),
    [
        ("It’s “so”.", "Water's \"long minute\"", "Water’s “long minute”"),
        ("It’s so.", "Water's \"long minute\"", "Water’s “long minute”"),
        ("„So“ ist es.", "Die \"lange 'erste' Minute\"", "Die „lange ‚erste‘ Minute“"),
        ("„Tak” jest.", 'Ta "chwila"', "Ta „chwila”"),
        ("Det ”är” så.", 'Den "långa" minuten', "Den ”långa” minuten"),
        ("C’est «\u00a0ainsi\u00a0».", 'La "minute"', "La «\u00a0minute\u00a0»"),
        ("Es «así».", 'El "minuto"', "El «minuto»"),
        ("Det er »så«.", 'Det "lange" minut', "Det »lange« minut"),
        # Straight in the letter, straight above it.
        ('It\'s "so".', "Water's \"minute\"", "Water's \"minute\""),
        ("So.", "Water's \"minute\"", "Water's \"minute\""),
        # What is no quotation mark stays, and so does all that Markdown would take for its own.
        ("“So”.", 'צה"ל', 'צה"ל'),
        ("“So”.", '6" of rain', '6" of rain'),
        ("“So”.", "*a* [b](c) &amp; <d> `e` \\ -- ... (c)", "*a* [b](c) &amp; <d> `e` \\ -- ... (c)"),
        ("“So”.", "", ""),
    ],
)  # fmt: skip
def test_a_title_has_the_quotation_marks_of_its_letter(body: str, title: str, shown: str) -> None:
    assert like_body(title, body) == shown


def test_the_mail_shows_it_and_the_subject_stays_as_it_was_typed() -> None:
    done = rendered("It’s so.", 'title: "The tide\'s minute"\npreheader: P')
    assert ">The tide’s minute</h1>" in done.html
    assert done.subject == "The tide's minute"
