"""The plain sign-up form, for any page: it works without scripts, styles and cookies."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

# your_address | subscribe_button | leave_empty | your_name | topics | privacy
_WORDS: Final = {
    "en": "Your mail address | Subscribe | Leave this empty | Your name | I want to get"
    " | What is done with your data",
    "ar": "عنوان بريدك | اشترك | اترك هذا فارغًا | اسمك | أريد أن أتلقى | ماذا يحدث لبياناتك",
    "de": "Deine Mailadresse | Abonnieren | Lass dies leer | Dein Name | Ich möchte bekommen"
    " | Was mit deinen Daten geschieht",
    "es": "Tu dirección de correo | Suscribirme | Deja esto vacío | Tu nombre | Quiero recibir"
    " | Qué se hace con tus datos",
    "fr": "Votre adresse e-mail | S'abonner | Laissez ceci vide | Votre nom | Je veux recevoir"
    " | Ce qui est fait de vos données",
    "he": "כתובת המייל שלך | הרשמה | יש להשאיר ריק | השם שלך | אני רוצה לקבל"
    " | מה נעשה עם הנתונים שלך",
    "it": "Il tuo indirizzo e-mail | Iscriviti | Lascia vuoto | Il tuo nome | Voglio ricevere"
    " | Cosa si fa dei tuoi dati",
    "nl": "Je mailadres | Inschrijven | Laat dit leeg | Je naam | Ik wil graag"
    " | Wat er met je gegevens gebeurt",
    "pt": "Seu endereço de e-mail | Assinar | Deixe isto vazio | Seu nome | Quero receber"
    " | O que é feito com seus dados",
}
_KEYS: Final = ("your_address", "subscribe_button", "leave_empty", "your_name", "topics", "privacy")
_NO_PHRASES: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledIn:
    """What stands in the form already.

    Attributes:
        email: as it was typed.
        name: likewise.
        topics: tags that are chosen.
        passed: the pass of our own page, "" elsewhere.
    """

    email: str = ""
    name: str = ""
    topics: frozenset[str] = frozenset()
    passed: str = ""


_EMPTY: Final = FilledIn()


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFields:
    """What a newsletter's form asks for.

    Attributes:
        language: a BCP 47 tag; only its first part counts.
        topics: tags that readers may choose, and what they are called.
        ask_name: whether it asks for a name.
        privacy_url: what is done with readers' data, "" for no such page.
        phrases: the author's words, over those that are shipped.
    """

    language: str
    topics: Mapping[str, str] = field(default_factory=dict)
    ask_name: bool = False
    privacy_url: str = ""
    phrases: Mapping[str, str] = field(default_factory=dict)


def form_words(language: str, phrases: Mapping[str, str] = _NO_PHRASES) -> dict[str, str]:
    """The words of the form, by name; English stands in where a language is missing."""
    primary = language.partition("-")[0].lower()
    line = _WORDS.get(primary, _WORDS["en"])
    return {
        name: phrases.get(name, word) for name, word in zip(_KEYS, line.split(" | "), strict=True)
    }


def signup_form(
    action: str, fields: FormFields, *, form: str = "", filled_in: FilledIn = _EMPTY
) -> str:
    """The form as HTML, to be put into a page as it is; everything in it is escaped.

    Args:
        action: where it is sent, such as `https://letters.example.org/subscribe`; "" for the
            address of the page that it is on.
        fields: what it asks for.
        form: its name for the consent log, such as "footer"; "" for none.
        filled_in: what stands in it already.
    """
    words = form_words(fields.language, fields.phrases)
    target = f' action="{_quoted(action)}"' if action else ""
    lines = [f'<form class="signup" method="post"{target}>']
    lines += [_hidden("form", form)] if form else []
    lines += [_hidden("pass", filled_in.passed)] if filled_in.passed else []
    lines.append(
        f'<label>{_quoted(words["your_address"])} <input type="email" name="email" '
        f'value="{_quoted(filled_in.email)}" required autocomplete="email" maxlength="254"></label>'
    )
    if fields.ask_name:
        lines.append(
            f'<label>{_quoted(words["your_name"])} <input type="text" name="name" '
            f'value="{_quoted(filled_in.name)}" autocomplete="name" maxlength="200"></label>'
        )
    if fields.topics:
        lines += ["<fieldset>", f"<legend>{_quoted(words['topics'])}</legend>"]
        lines += [_topic(tag, name, tag in filled_in.topics) for tag, name in fields.topics.items()]
        lines.append("</fieldset>")
    # A person does not see it; what fills it in is a program.
    lines.append(
        f'<div hidden aria-hidden="true"><label>{_quoted(words["leave_empty"])} <input type="text" '
        'name="website" tabindex="-1" autocomplete="off"></label></div>'
    )
    lines.append(f"<button>{_quoted(words['subscribe_button'])}</button>")
    if fields.privacy_url:
        link = f'<a href="{_quoted(fields.privacy_url)}">{_quoted(words["privacy"])}</a>'
        lines.append(f'<p class="other">{link}</p>')
    lines.append("</form>")
    return "\n".join(lines) + "\n"


def _topic(tag: str, name: str, chosen: bool) -> str:  # noqa: FBT001  # one line of a list
    checked = " checked" if chosen else ""
    return (
        f'<label class="topic"><input type="checkbox" name="topic:{_quoted(tag)}" value="yes"'
        f"{checked}> {_quoted(name)}</label>"
    )


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{_quoted(value)}">'


def _quoted(text: str) -> str:
    return html.escape(text, quote=True)
