"""How people agreed: nobody is taken onto the list without it."""

from __future__ import annotations

from newsletter.audience import FORM_NAME, OWN_FORM
from newsletter.errors import InputError
from newsletter.text_rules import one_line


def consent_source(text: str, *, example: str) -> str:
    """The source of consent as the consent log keeps it: one line, never empty.

    Args:
        text: as it was typed.
        example: one for the hint.

    Raises:
        InputError: it is missing, or that of those who sign up by this program's own form: nobody
            could tell them apart any more.
    """
    hint = f'--consent-source "{example}"'
    if not (source := one_line(text)):
        raise InputError("nothing says how these people agreed", hint=hint)
    if _is_own_form(source.casefold()):
        raise InputError(
            f'"{source}" is what the records call the form of newsletter serve',
            hint=f"say where else these people agreed: {hint}",
        )
    return source


def _is_own_form(source: str) -> bool:
    form, _, name = source.partition(f"{OWN_FORM} ")
    return source == OWN_FORM or (not form and bool(FORM_NAME.fullmatch(name)))
