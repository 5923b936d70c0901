"""`site.language` is a tag as BCP 47 shapes it; mail programs and screen readers ignore any other."""

from __future__ import annotations

import pytest

from newsletter.errors import InputError
from newsletter.settings import ConfigText, load


def language(tag: str) -> str:
    text = f"[site]\nlanguage = '{tag}'\n"
    return load(ConfigText(file="newsletter.toml", text=text), environ={}, dotenv="").site.language


@pytest.mark.parametrize(
    "tag",
    ["en", "EN", "pt-BR", "zh-Hant", "zh-Hant-TW", "es-419", "sr-Latn-RS", "de-CH-1996", "sl-rozaj-biske",
     "zh-cmn-Hans-CN", "gsw", "ar-u-nu-latn", "de-x-mundart", "hy-Latn-IT-arevela"],
)  # fmt: skip
def test_a_tag_of_the_standard_is_taken(tag):
    assert language(f" {tag} ") == tag


@pytest.mark.parametrize(
    "tag",
    ["", "e", "english", "deutsch", "en-", "-en", "en--US", "en-12", "en-US-GB", "en-USA1", "en-x", "en-u", "en US", "en,de", "日本",
     "en-Latn-Cyrl", "en-toolongtag", "1n", "en;de", "*"],
)  # fmt: skip
def test_what_is_no_tag_is_refused(tag):
    with pytest.raises(InputError, match="is not a language tag"):
        language(tag)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("en_US", "en-US"), ("de_DE.UTF-8", "de-DE"), ("zh_Hant_TW", "zh-Hant-TW")],
)
def test_a_locale_s_name_is_told_as_a_tag(written, meant):
    with pytest.raises(InputError) as told:
        language(written)
    assert told.value.hint == f'write "{meant}"'
