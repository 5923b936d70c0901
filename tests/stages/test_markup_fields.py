"""Merge fields: what is one, and what only looks like one."""

from __future__ import annotations

import html

import pytest

from newsletter.errors import InputError
from newsletter.render.markdown import parse
from newsletter.render.markdown.fields import TOKEN, Fields, Slot
from tests.support.markup import rendered
from tests.support.pages import letter_of, parse_page, text_of


def slot_of(body: str) -> tuple[Slot, ...]:
    """What the tokens of the letter stand for, in the order of the HTML."""
    done = rendered(body)
    return tuple(done.slots[token] for token in TOKEN.findall(text_of(letter_of(done.html))))


# Merge fields


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("written", "slot"),
    [
        ("{{ name }}", Slot(name="name", fallback="there")),
        ("{{name}}", Slot(name="name", fallback="there")),
        ("{{\tname  }}", Slot(name="name", fallback="there")),
        ('{{ name | default("you") }}', Slot(name="name", fallback="you")),
        ("{{name|default('you, \"dear\" <b>')}}", Slot(name="name", fallback='you, "dear" <b>')),
        ('{{ name | default("") }}', Slot(name="name", fallback="")),
        ("**{{ name }}**", Slot(name="name", fallback="there")),
        ("x{{ name }}y", Slot(name="name", fallback="there")),
        ("# {{ name }}", Slot(name="name", fallback="there")),
        ("| {{ name }} |\n|---|", Slot(name="name", fallback="there")),
        ("[{{ name }}](https://a.example)", Slot(name="name", fallback="there")),
        ("<b>{{ name }}</b>", Slot(name="name", fallback="there")),
        ("<div>{{ name }}</div>", Slot(name="name", fallback="there")),
    ],
)
def test_a_declared_name_in_two_braces_is_a_field(written: str, slot: Slot) -> None:
    assert slot_of(written) == (slot,)
    assert TOKEN.findall(rendered(written).text)[:1] == ["__NL_F_A__"]


def test_the_same_field_has_one_token_and_another_fallback_another() -> None:
    body = '{{ name }} {{name}}{{ name }} {{ name | default("you") }} {{ name | default("there") }}'
    assert [s.fallback for s in slot_of(body)] == ["there", "there", "there", "you", "there"]
    assert len(rendered(body).slots) == 3


def test_tokens_do_not_run_out_after_the_alphabet() -> None:
    body = " ".join(f'{{{{ name | default("{n}") }}}}' for n in range(60))
    assert [s.fallback for s in slot_of(body)] == [str(n) for n in range(60)]


@pytest.mark.parametrize(
    "written",
    [r"\{{ name }}", "`{{ name }}`", "    {{ name }}", "```\n{{ name }}\n```", "``{{ name }} ` ``", r"<div>\{{ name }}</div>"],
)  # fmt: skip
def test_a_field_in_code_or_behind_a_backslash_is_literal(written: str) -> None:
    done = rendered(written)
    assert "{{ name }}" in text_of(letter_of(done.html))
    assert "{{ name }}" in done.text
    assert list(done.slots) == ["__NL_UNSUBSCRIBE__"]


OTHERS = [
    "{{ first_name }}", "{{first_name}}", "{{ Name }}", "{{ name.first }}", "{{ name|upper }}", "{{ name | default(you) }}",
    '{{ name | default("a" }}', '{{ name | default("{x}") }}', "{{ name }", "{ { name } }", "{{}}", "}}{{", '{{"name"}}',
    "{{{ raw }}}", "{{#each names}}", "{{/each}}", "{{^none}}", "{{> part}}", "{{! note }}", "{{&x}}", "{{=[[ ]]=}}",
    "{% if name %}", "{%- endif -%}", "{# name #}", "${name}", "#{name}", "%{name}", "{name}", "{0:>8}", "%recipient.name%",
    "%%name%%", "[[name]]", "@@name@@", "$name$", "((name))", "<%= name %>", "<# name #>", "{utm=off}", "{.button}", "{#id}",
    "{{amazonSESUnsubscribeUrl}}", "{{ .Title }}", "{{- range .Pages -}}", "{{ $t('greeting') }}", "{{ 'now' | date: '%Y' }}", "{{#if a}}b{{else}}c{{/if}}",
    "{{ cookiecutter.name }}", "{{{{raw}}}}", "{%- for a in b -%}", "{{ _('x') }}", "{{~ name ~}}", "{{ name }}}".replace("name", "nam"),
    "{x=y}", ":name:", "~name~ name", "\\x7b\\x7b", "{%comment%}",
]  # fmt: skip


@pytest.mark.sweep
@pytest.mark.parametrize("snippet", OTHERS)
def test_all_other_braces_reach_the_reader_as_they_stand(snippet: str) -> None:
    frames = ["a {} b", "{}", "## {}", "[a](/b) {}", "*a*{}", "a{}b", "> - {}"]
    done = rendered("\n\n".join(frame.replace("{}", snippet) for frame in frames))
    assert text_of(letter_of(done.html)).count(snippet) == len(frames)
    assert done.text.count(snippet) == len(frames)
    assert list(done.slots) == ["__NL_UNSUBSCRIBE__"]


@pytest.mark.sweep
@pytest.mark.parametrize("snippet", [s for s in OTHERS if s != "{utm=off}" and s[0] not in "[("])
def test_braces_right_behind_a_link_are_text_as_well(snippet: str) -> None:
    done = rendered(f"[a](/b){snippet}")
    assert f"a{snippet}" in text_of(letter_of(done.html))
    assert snippet in done.text


@pytest.mark.sweep
@pytest.mark.parametrize("snippet", OTHERS)
def test_all_other_braces_reach_the_subject_and_the_title_as_they_stand(snippet: str) -> None:
    front = "title: '{0}'\npreheader: '{0}'".format(snippet.replace("'", "''"))
    done = rendered("Hello.", front)
    assert (done.subject, done.preheader) == (snippet, snippet)
    assert [text_of(e) for e in parse_page(done.html).iter("h1")] == [snippet]


@pytest.mark.parametrize(
    ("written", "url", "fallback"),
    [
        ("[a](https://a.example/?n={{name}})", "https://a.example/?n=__NL_U_A__&", "there"),
        ("[a](<https://a.example/?n={{ name }}>)", "https://a.example/?n=__NL_U_A__&", "there"),
        ('[a](<https://a.example/{{ name | default("x y é") }}#b>)', "https://a.example/__NL_U_A__?", "x y é"),
        ("[a][b]\n\n[b]: https://a.example/?{{name}}", "https://a.example/?__NL_U_A__&", "there"),
        ("<https://a.example/{{name}}>", "https://a.example/__NL_U_A__?", "there"),
        ('<a href="https://a.example/{{ name }}">a</a>', "https://a.example/__NL_U_A__?", "there"),
        ("<div><a href=https://a.example/{{name}}>a</a></div>", "https://a.example/__NL_U_A__?", "there"),
    ],
)  # fmt: skip
def test_a_field_in_a_link_is_a_field_of_its_own_that_will_be_encoded(
    written: str, url: str, fallback: str
) -> None:
    done = rendered(written)
    [link] = [link for link in done.links if link.line]
    assert link.url.startswith(url)
    assert done.slots["__NL_U_A__"] == Slot(name="name", fallback=fallback, url=True)


def test_an_undeclared_name_in_a_link_stays_in_the_link() -> None:
    [link] = [link for link in rendered("[a](https://a.example/{{nam}})").links if link.line]
    assert "{{nam}}" in html.unescape(link.url).replace("%7B", "{").replace("%7D", "}")


def test_a_field_in_an_image_reaches_its_source_and_its_words() -> None:
    done = rendered('![Hi {{ name }} `c`](<https://a.example/{{ name }}.png> "t")')
    [image] = letter_of(done.html).iter("img")
    assert image.attrib["alt"] == "Hi __NL_F_A__ c"
    assert image.attrib["src"] == "https://a.example/__NL_U_B__.png"
    assert done.slots["__NL_U_B__"].url


def test_a_field_without_any_fallback_is_noted() -> None:
    fields = Fields({"name": "there", "city": "", "town": ""})
    parse('{{ city }} {{ name }} {{ town | default("") }}', fields)
    assert fields.without_fallback == {"city"}


def test_near_misses_are_braces_with_a_declared_name_that_are_no_field() -> None:
    text = '{{ Name }} {{ name | upper }} {{ name }} {{ other }} {{ NAME | default("x") }} {{ name | default(x) }}'
    assert list(Fields({"name": ""}).near_misses(text)) == [
        "{{ Name }}", "{{ name | upper }}", '{{ NAME | default("x") }}', "{{ name | default(x) }}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("a\n\nb __NL_UNSUBSCRIBE__", "6:3"), ("__NL_", "4:1"), ("`__NL_X__`", "4:2"), ("[a](https://__NL_U_A__)", "4:13"),
        ("a\n\nb &#95;&#95;NL&#95;CONTENT&#95;&#95;", "6"), ("a\n\n<div>_<!-- -->_NL_FORGED__</div>", "4"), ("![a](https://a.example/&#95;_NL_U_A__)", "4"), ("[a](https://&#95;_NL_U_A__/)", "4"),
    ],
)  # fmt: skip
def test_a_text_that_looks_like_one_of_our_tokens_is_refused(body: str, place: str) -> None:
    with pytest.raises(InputError, match="reserved") as caught:
        rendered(body)
    assert str(caught.value.place) == f"issues/007.md:{place}"


@pytest.mark.parametrize("key", ["title", "subject", "preheader"])
def test_front_matter_that_looks_like_one_of_our_tokens_is_refused(key: str) -> None:
    front = "title: x\n" * (key != "title") + f"date: 2026-11-22\n{key}: a _&#95;NL_B"
    with pytest.raises(InputError, match="reserved") as caught:
        rendered("Hello.", front)
    assert str(caught.value.place) == f"issues/007.md:{3 if key == 'title' else 4}:1"
