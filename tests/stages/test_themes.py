"""Broken themes: each is one error, with the theme's own file and line and a way out."""

from __future__ import annotations

import pytest

from newsletter.errors import InputError
from newsletter.render import Theme
from newsletter.render.armour import armour, line_of
from newsletter.render.pipeline import render
from newsletter.render.shell import Shell, fill
from tests.conftest import example_options, issue_with, quietly, read_theme
from tests.support.pages import elements, letter_of, parse_page, text_of

EXAMPLE, OPTIONS = read_theme(), example_options()

PAGE = """\
<mjml>
{% include "head.mjml" %}
<mj-body>
<mj-section>
<mj-column>
<mj-text css-class="letter">{{ content }}</mj-text>
{% include "foot.mjml" %}
</mj-column>
</mj-section>
</mj-body>
</mjml>
"""
HEAD = """\
<mj-head>
<mj-title>{{ subject }}</mj-title>
<mj-style>
{% include "style.css" %}
</mj-style>
</mj-head>
"""
FOOT = """\
<mj-text>
<p>{{ site.name }}</p>
<p><a href="{{ unsubscribe_url }}">{{ words.unsubscribe }}</a></p>
</mj-text>
"""
SMALL = {
    "foot.mjml": FOOT,
    "head.mjml": HEAD,
    "issue.mjml": PAGE,
    "issue.txt": "{{ title }}\n\n{{ content }}\n\n{{ unsubscribe_url }}\n",
    "style.css": ".letter p { color: {{ theme.accent }}; }\n",
}
BODY = "Hello &amp; [you](https://a.example).\n"


def theme_with(**changes: str) -> Theme:
    """The small theme with some of its files changed; `foot_mjml` stands for foot.mjml."""
    named = {name.replace("_", "."): text for name, text in changes.items()}
    return Theme(folder="themes/small", files=tuple(sorted({**SMALL, **named}.items())))


def render_with(theme: Theme, front: str = "title: A title") -> str:
    with quietly():
        return render(issue_with(BODY, front), theme, OPTIONS).html


# Libraries load their own data on first use, and Jinja what tells faults on the first fault.
render(issue_with(), EXAMPLE, OPTIONS)
with pytest.raises(InputError):
    render(issue_with(), theme_with(issue_txt="{{ content"), OPTIONS)


def test_a_small_theme_renders() -> None:
    html = render_with(theme_with())
    assert text_of(letter_of(html)).strip() == "Hello & you."
    # MJML's own default font would be fetched, for every reader, from somebody else's server.
    assert "Ubuntu" in html
    assert "//fonts" not in html


BROKEN: dict[str, tuple[dict[str, str], str, str]] = {
    # Jinja cannot read it
    "syntax error in the entry": ({"issue_mjml": PAGE.replace("{{ content }}", "{{ content }")}, "issue.mjml:6", "cannot be read"),
    "syntax error in an include": ({"foot_mjml": FOOT.replace("{{ words.", "{% words.")}, "foot.mjml:3", "cannot be read"),
    "syntax error in a style sheet": ({"style_css": "a {}\nb {}\n{% if %}\n"}, "style.css:3", "cannot be read"),
    "syntax error in the text": ({"issue_txt": "a\n{{ content }}\n{% endif %}\n"}, "issue.txt:3", "cannot be read"),
    "block never closed": ({"foot_mjml": "\n{% if date %}\n" + FOOT}, "foot.mjml:2", "cannot be read"),
    "outer block never closed": ({"foot_mjml": "{% if date %}\n{%- if title %}x{% endif %}\n{%+ if title %}\n" + FOOT + "{% endif %}"}, "foot.mjml:1", "cannot be read"),
    "unknown filter": ({"foot_mjml": FOOT.replace("site.name", "site.name | shout")}, "foot.mjml:2", "cannot be read"),
    "unknown test": ({"foot_mjml": FOOT.replace("site.name", "site.name is loud")}, "foot.mjml:2", "cannot be read"),
    "unknown tag": ({"head_mjml": HEAD.replace("</mj-style>", "{% shout %}\n</mj-style>")}, "head.mjml:5", "cannot be read"),
    # Jinja cannot fill it in
    "unknown variable": ({"foot_mjml": FOOT.replace("site.name", "sitename")}, "foot.mjml:2", "variable"),
    "unknown attribute": ({"style_css": "a {}\n\nb { color: {{ theme.colour }} }\n"}, "style.css:3", "variable"),
    "unknown variable in the text": ({"issue_txt": "a\n\n{{ content }}\n{{ contents }}\n"}, "issue.txt:4", "variable"),
    "unknown include": ({"foot_mjml": FOOT + '\n{% include "foto.mjml" %}\n'}, "foot.mjml:6", '"foto.mjml"'),
    "unknown parent": ({"issue_mjml": '\n{% extends "base.mjml" %}\n'}, "issue.mjml:2", '"base.mjml"'),
    "include of itself": ({"foot_mjml": '<p>\n{% include "foot.mjml" %}\n</p>'}, "foot.mjml:2", "expression"),
    "division by zero": ({"foot_mjml": FOOT.replace("site.name", "1 / 0")}, "foot.mjml:2", "expression"),
    "a number and a text": ({"foot_mjml": FOOT.replace("site.name", "number + 'x'")}, "foot.mjml:2", "expression"),
    "call of what is no function": ({"foot_mjml": FOOT.replace("site.name", "title()")}, "foot.mjml:2", "expression"),
    "filter with a wrong argument": ({"foot_mjml": FOOT.replace("site.name", "title | center('x')")}, "foot.mjml:2", "expression"),
    "a step out of the sandbox": ({"foot_mjml": FOOT.replace("site.name", "title.__class__.__mro__")}, "foot.mjml:2", "expression"),
    "an endless range": ({"foot_mjml": FOOT.replace("site.name", "range(10**9) | list")}, "foot.mjml:2", "expression"),
    "a macro that fails": ({"foot_mjml": "{% macro m() %}\n{{ 1 / 0 }}\n{% endmacro %}\n{{ m() }}"}, "foot.mjml:2", "expression"),
    # It is not XML
    "unclosed MJML tag": ({"issue_mjml": PAGE.replace("</mj-column>\n", "")}, "issue.mjml:5", "<mj-column> is not closed"),
    "unclosed tag in an include": ({"foot_mjml": FOOT.replace("</p>\n</mj-text>", "\n</mj-text>")}, "foot.mjml:3", "<p> is not closed"),
    "page cut short": ({"issue_mjml": PAGE.replace("</mj-body>\n</mjml>\n", "")}, "issue.mjml:3", "<mj-body> is not closed"),
    "wrong end tag": ({"foot_mjml": FOOT.replace("</a>", "</b>")}, "foot.mjml:3", "<a> is not closed"),
    "stray end tag": ({"issue_mjml": PAGE + "</mjml>"}, "issue.mjml:12", "not well-formed"),
    "named entity": ({"foot_mjml": FOOT.replace("{{ site.name }}", "a&nbsp;b")}, "foot.mjml:2", "not well-formed"),
    "bare ampersand": ({"foot_mjml": FOOT.replace("{{ site.name }}", "a & b")}, "foot.mjml:2", "not well-formed"),
    "bare angle": ({"foot_mjml": FOOT.replace("{{ site.name }}", "a < b")}, "foot.mjml:2", "not well-formed"),
    "attribute without quotes": ({"foot_mjml": FOOT.replace("<p>{", "<p class=x>{")}, "foot.mjml:2", "not well-formed"),
    "attribute twice": ({"foot_mjml": FOOT.replace("<p>{", '<p id="a"\nid="b">{')}, "foot.mjml:3", "not well-formed"),
    "two roots": ({"issue_mjml": PAGE + "\n<mjml></mjml>\n"}, "issue.mjml:13", "not well-formed"),
    "text before the root": ({"issue_mjml": "Hello\n" + PAGE}, "issue.mjml:1", "not well-formed"),
    "unescaped value": ({"foot_mjml": FOOT.replace("site.name", "'a\n< b' | safe")}, "foot.mjml:2", "not well-formed"),
    # It is not MJML
    "unknown MJML tag": ({"foot_mjml": FOOT.replace("mj-text>", "mj-txt>")}, "foot.mjml:1", "<mj-txt> is not an element"),
    "MJML tag in capitals": ({"foot_mjml": FOOT.replace("mj-text>", "MJ-TEXT>")}, "foot.mjml:1", "<MJ-TEXT> is not an element"),
    "MJML include": ({"foot_mjml": FOOT + '<mj-include path="x" />\n'}, "foot.mjml:5", "<mj-include> is not an element"),
    "HTML page": ({"issue_mjml": "\n<html><body>{{ content }}</body></html>"}, "issue.mjml:2", "<html> is not an element"),
    "MJML body alone": ({"issue_mjml": "<mj-body>{{ content }}</mj-body>"}, "issue.mjml:1", "does not take <mj-body here"),
    "a tag of neither": ({"foot_mjml": FOOT.replace("</a>", "<sapn>x</sapn></a>")}, "foot.mjml:3", "<sapn> is an element of neither"),
    "a script": ({"foot_mjml": FOOT + "<mj-raw>\n<script>x</script></mj-raw>"}, "foot.mjml:6", "<script> is an element of neither"),
    "unknown attribute of MJML": ({"foot_mjml": FOOT.replace("<mj-text>", '<mj-text\n colour="#111111">')}, "foot.mjml:1", '<mj-text> has no attribute "colour"'),
    "attribute of another element": ({"issue_mjml": PAGE.replace("<mj-column>", '<mj-column href="x">')}, "issue.mjml:5", '<mj-column> has no attribute "href"'),
    "attribute of an element without any": ({"head_mjml": HEAD.replace("<mj-title>", '<mj-title lang="en">')}, "head.mjml:2", '<mj-title> has no attribute "lang"'),
    "an inline style sheet": ({"head_mjml": HEAD.replace("<mj-style>", '<mj-style inline="inline">')}, "head.mjml:3", '<mj-style> has no attribute "inline"'),
    "attributes for HTML": ({"head_mjml": HEAD.replace("<mj-style>", "<mj-html-attributes></mj-html-attributes>\n<mj-style>")}, "head.mjml:3", "<mj-html-attributes> is not an element"),
    "a hero of fluid height": ({"issue_mjml": PAGE.replace("<mj-section>", '<mj-hero mode="fluid-height"></mj-hero>\n<mj-section>')}, "issue.mjml:4", '<mj-hero> has no mode "fluid-height"'),
    "a default for no element": ({"head_mjml": HEAD.replace("<mj-style>", '<mj-attributes>\n<mj-txt color="#111111" />\n</mj-attributes>\n<mj-style>')}, "head.mjml:4", "<mj-txt> is not an element"),
    "an unknown default": ({"head_mjml": HEAD.replace("<mj-style>", '<mj-attributes>\n<mj-all clor="#111111" />\n</mj-attributes>\n<mj-style>')}, "head.mjml:4", '<mj-all> has no attribute "clor"'),
    "an element inside a class": ({"head_mjml": HEAD.replace("<mj-style>", '<mj-attributes>\n<mj-class name="a">\n<mj-text color="#111111" />\n</mj-class>\n</mj-attributes>\n<mj-style>')}, "head.mjml:5", "ignores elements inside mj-class"),
    # It would break in mail
    "important outside a media query": ({"style_css": "/* ;} */\na { color: #111111;\n  margin: 0 ! IMPORTANT }\n"}, "style.css:3", '"!important" at margin stands outside @media'),
    "important inside @supports": ({"style_css": "@supports (color: red) {\n a { color: #111111 !important }\n}\n"}, "style.css:2", "stands outside @media"),
    "important behind a media query": ({"style_css": "@media print { a { color: #111111 } }\na { color: #111111 !important }\n"}, "style.css:2", "stands outside @media"),
    "important in an attribute": ({"foot_mjml": FOOT.replace("<p>{", '<p style="margin:0;\ncolor:#111111 !important">{')}, "foot.mjml:2", "stands outside @media"),
    "three digits in a style sheet": ({"style_css": "a { color: #111111 }\n@media print {\n  b { border: 1px solid #Abc }\n}\n"}, "style.css:3", "the colour #Abc does not have six digits"),
    "four digits": ({"style_css": "a { color: #abcd; }\n"}, "style.css:1", "the colour #abcd does not"),
    "eight digits": ({"style_css": "a { background: #11223344 }\n"}, "style.css:1", "the colour #11223344 does not"),
    "three digits in an attribute of MJML": ({"issue_mjml": PAGE.replace("<mj-section>", '<mj-section background-color="#fff">')}, "issue.mjml:4", "the colour #fff does not"),
    "three digits in an attribute of HTML": ({"foot_mjml": FOOT.replace("<p>{", '<p style="color:#fff">{')}, "foot.mjml:2", "the colour #fff does not"),
    "three digits in a table": ({"foot_mjml": FOOT.replace("<p>{", '<table bgcolor="#fff"><tr><td>x</td></tr></table><p>{')}, "foot.mjml:2", "the colour #fff does not"),
    "three digits in raw styles": ({"head_mjml": HEAD.replace("<mj-style>", "<mj-raw><style>\n.a { color:#fff }</style></mj-raw>\n<mj-style>")}, "head.mjml:4", "the colour #fff does not"),
    "a style sheet that fetches another": ({"style_css": "\n@import url(https://fonts.example/a.css);\n"}, "style.css:2", "cannot fetch another"),
    # The compiler refuses it
    "blanks at the end of the head": ({"head_mjml": HEAD.replace("</mj-style>\n", "</mj-style>  ")}, "head.mjml:5", "blanks"),
    "blanks at the end of the attributes": ({"head_mjml": HEAD.replace("<mj-style>", '<mj-attributes>\n<mj-all\ncolor="#111111" /> </mj-attributes>\n<mj-style>')}, "head.mjml:5", "blanks"),
    "a tag in the title": ({"head_mjml": HEAD.replace("{{ subject }}", "a <b>c</b>")}, "head.mjml:2", "does not take <b here"),
    "text in the head": ({"head_mjml": HEAD.replace("<mj-style>", "text\n<mj-style>")}, "head.mjml:2", "does not take"),
    "a body element in the head": ({"head_mjml": HEAD.replace("<mj-style>", "<mj-text>x</mj-text>\n<mj-style>")}, "head.mjml:3", "does not take mj-text here"),
    "text in an image, behind attributes of many lines": ({"foot_mjml": '<mj-image src="a"\n alt="b\n\nc">\n d </mj-image>\n' + FOOT}, "foot.mjml:4", "does not take d here"),
    "CDATA": ({"foot_mjml": FOOT.replace("{{ site.name }}", "<![CDATA[x]]>")}, "foot.mjml:2", "does not take"),
    "XML declaration": ({"issue_mjml": '<?xml version="1.0"?>\n' + PAGE}, "issue.mjml:1", "does not take"),
    "document type": ({"issue_mjml": "<!DOCTYPE mjml>\n" + PAGE}, "issue.mjml:1", "does not take"),
    # The letter has no place, or several
    "empty page": ({"issue_mjml": ""}, "issue.mjml:1", "no place for the letter"),
    "empty text": ({"issue_txt": ""}, "issue.txt:1", "no place for the letter"),
    "no content": ({"issue_mjml": PAGE.replace("{{ content }}", "")}, "issue.mjml:1", "no place for the letter"),
    "no content in the text": ({"issue_txt": "{{ title }}\n"}, "issue.txt:1", "no place for the letter"),
    "content twice": ({"foot_mjml": FOOT.replace("{{ site.name }}", "{{ content }}")}, "foot.mjml:2", "2 times"),
    "content three times in the text": ({"issue_txt": "a\n{{ content }}\n{{ content }}{{ content }}\n"}, "issue.txt:3", "3 times"),
    "content in an attribute": ({"issue_mjml": PAGE.replace(">{{ content }}<", ">x<"), "foot_mjml": FOOT.replace("<p>{", '<p title="{{ content }}">{')}, "foot.mjml:2", "gets lost"),
    "content in the title": ({"issue_mjml": PAGE.replace("{{ content }}", ""), "head_mjml": HEAD.replace("{{ subject }}", "{{ content }}")}, "head.mjml:2", "gets lost"),
    "content in a comment": ({"issue_mjml": PAGE.replace("{{ content }}", "\n<!-- {{ content }} -->")}, "issue.mjml:7", "gets lost"),
    "content where nothing is shown": ({"issue_mjml": PAGE.replace("{{ content }}", "").replace("</mj-section>", "</mj-section><mj-image>{{ content }}</mj-image>")}, "issue.mjml:9", "does not take"),
}  # fmt: skip


@pytest.mark.sweep
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_theme_is_told_with_its_file_and_line(case: str) -> None:
    changes, place, message = BROKEN[case]
    with pytest.raises(InputError) as caught:
        render_with(theme_with(**changes))
    assert (str(caught.value.place), caught.value.message.partition(message)[1]) == (
        f"themes/small/{place}",
        message,
    )
    assert caught.value.hint
    told = f"{caught.value} {caught.value.cause} {caught.value.hint}"
    assert "\ufdd1" not in told
    assert "position" not in told  # an offset would point into a page nobody has seen


SOUND = [
    "#abc { color: #112233; }", "a { content: '#fff !important'; }", "/* a { color: #fff !important } */",
    "a { background: url(#abc) }", "@media (prefers-color-scheme: dark) { a { color: #112233 !important } }",
    "@media screen { @supports (x: y) { a { margin: 0 !important } } }", "a { color: red; }} b { c",
    "a:hover { color: #123456 }", "@font-face { font-family: x; src: url('https://f.example/#abc') }", "a { margin: 0 auto !important-ish }",
]  # fmt: skip


@pytest.mark.parametrize("css", SOUND)
def test_a_sound_style_sheet_is_let_pass(css: str) -> None:
    assert render_with(theme_with(style_css=css))


def test_outlooks_own_elements_are_let_pass() -> None:
    raw = '<mj-raw><v:rect xmlns:v="urn:schemas-microsoft-com:vml" fillcolor="#112233"><v:fill type="tile" /></v:rect></mj-raw>'
    assert "<v:rect" in render_with(theme_with(foot_mjml=FOOT + raw))


@pytest.mark.parametrize("scheme", ["http://127.0.0.1:9/a.css", "file:///etc/passwd", "a.css"])
def test_no_spelling_of_an_import_fetches_anything(scheme: str) -> None:
    # Escaped, so that only a whole CSS parser sees what it says; every render here is a quiet one.
    for css in (f"@\\69mport url({scheme});\n", f"@\\69mport '{scheme}' screen;\n"):
        html = render_with(theme_with(style_css=css + ".letter p { color: #112233 }"))
        assert any("#112233" in e.get("style", "") for e in elements(parse_page(html)))


def test_a_style_sheet_linked_for_readers_is_not_fetched_here() -> None:
    link = '<mj-raw><link rel="stylesheet" href="http://127.0.0.1:9/a.css" /></mj-raw>'
    assert "127.0.0.1:9" in render_with(theme_with(foot_mjml=FOOT + link))


def test_a_field_that_would_get_lost_stops_everything() -> None:
    lost = theme_with(foot_mjml=FOOT.replace("<a ", '<a data-line="{{ unsubscribe_url }}" '))
    with pytest.raises(AssertionError, match="a merge field was lost"):
        render_with(lost)


def test_a_theme_without_an_entry_is_told() -> None:
    files = tuple((name, text) for name, text in theme_with().files if name != "issue.txt")
    with pytest.raises(InputError, match=r'"issue\.txt", which is not there'):
        render_with(Theme(folder="themes/small", files=files))


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"foot_mjml": FOOT.replace("mj-text>", "mj-txt>")}, '"mj-text"'),
        ({"foot_mjml": '{% include "heads.mjml" %}'}, '"head.mjml"'),
        ({"foot_mjml": '{% include "zzz" %}'}, "typing error"),
        ({"foot_mjml": FOOT.replace("<mj-text>", '<mj-text colour="red">')}, '"color"'),
        ({"head_mjml": HEAD.replace("<mj-title>", '<mj-title zzz="en">')}, "<mj-title> takes none"),
        ({"style_css": "a { color: #fB0 }"}, "#ffBB00"),
        ({"style_css": "a { color: #11223344 }"}, "#112233"),
        ({"style_css": "a { margin: 0 !important }"}, "dark mode"),
        ({"head_mjml": HEAD.replace("</mj-style>\n", "</mj-style>  ")}, "end the line"),
        ({"foot_mjml": FOOT.replace("site.name", "nobody")}, "docs/themes.md"),
        ({"foot_mjml": FOOT.replace("</a>", "")}, "</a>"),
        ({"foot_mjml": FOOT.replace("{{ site.name }}", "&nbsp;")}, "&#160;"),
    ],
)
def test_the_hint_says_what_to_write(changes: dict[str, str], hint: str) -> None:
    with pytest.raises(InputError) as caught:
        render_with(theme_with(**changes))
    assert hint in (caught.value.hint or "")


def test_the_example_theme_tells_the_line_of_its_deepest_include() -> None:
    files = dict(EXAMPLE.files)
    lines = files["dark.css"].split("\n")
    files["dark.css"] = "\n".join([*lines[:5], "{{ theme.nothing }}", *lines[5:]])
    with pytest.raises(InputError) as caught:
        render_with(Theme(folder="templates/email", files=tuple(sorted(files.items()))))
    assert str(caught.value.place) == "templates/email/dark.css:6"


# Filling in


def shell_of(text: str, **values: object) -> Shell:
    return fill(theme_with(issue_mjml=text), "issue.mjml", values)


def test_values_are_escaped_in_the_page_and_not_in_the_text() -> None:
    issue = "title: 'Tom & <Jerry> \"x\"'"
    with quietly():
        done = render(issue_with("Hello.", issue), theme_with(), OPTIONS)
    assert "Tom &amp; &lt;Jerry&gt;" in done.html
    assert done.text.startswith('Tom & <Jerry> "x"\n')


def test_every_line_knows_where_it_comes_from() -> None:
    shell = shell_of("a\n{% if x %}\nb {{ x }} c\n{% endif %}\n\n{{ x }}{{ x }}\nd\n", x="1\n2")
    assert shell.text == "a\nb 1\n2 c\n\n1\n21\n2\nd\n"
    assert [line for _, line in shell.origin] == [1, 3, 3, 5, 6, 6, 6, 7, 8]


def fill_two(text: str, two: str) -> list[tuple[str, str, int]]:
    shell = fill(theme_with(issue_mjml=text, two_mjml=two), "issue.mjml", {})
    return [
        (line, *origin) for line, origin in zip(shell.text.split("\n"), shell.origin, strict=True)
    ]


def test_lines_of_an_include_know_their_own_file() -> None:
    assert fill_two('a\n{% include "two.mjml" %}\nb', "x\n{# note\n #}\ny\n") == [
        ("a", "issue.mjml", 1), ("x", "two.mjml", 1), ("y", "two.mjml", 4), ("b", "issue.mjml", 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{% set s %}x y{% endset %}{{ s | length }}|{{ 'eq' if s == 'x y' }}", "3|eq"),
        ("{% filter upper %}a\nb{% endfilter %}c", "A\nBc"),
        ("{% filter upper | replace('A', 'x') %}a{% if true %}b{% endif %}{% endfilter %}c", "xBc"),
        ("{% set a = 'x' %}{% set b, c = 1, 2 %}{{ a }}{{ b }}\nd", "x1\nd"),
        ("{% macro m(x) %}[{{ x }}a]{% endmacro %}{{ m(1) }}{{ m(2) | upper }}", "[1a][2A]"),
        (
            "{% macro m() %}({{ caller() | upper }}){% endmacro %}{% call m() %}a{% endcall %}b",
            "(A)b",
        ),
        ("{% set s %}a{% set t %}b{% endset %}{{ t }}{% endset %}{{ s }}c", "abc"),
        ("{% set s | upper %}a{% endset %}{{ s }}", "A"),
        ("{% raw %}{{ x }}{% endraw %}\n\n{{ '{{' }}", "{{ x }}\n{{"),
    ],
)
def test_marks_of_lines_never_show_in_what_a_theme_computes(template: str, text: str) -> None:
    assert shell_of(template).text == text


def test_lines_behind_a_computed_block_are_still_counted() -> None:
    broken = "{% filter trim %}\n<mj-text>\nx</mj-text>\n{% endfilter %}\n" + FOOT.replace(
        "</a>", ""
    )
    with pytest.raises(InputError) as caught:
        render_with(theme_with(foot_mjml=broken))
    assert str(caught.value.place) == "themes/small/foot.mjml:7"


# Armour


@pytest.mark.parametrize(
    ("mjml", "armoured"),
    [
        ("<mj-text>é 🗺️\\</mj-text>", "<mj-text>&#233; &#128506;&#65039;\\</mj-text>"),
        ("<mj-image alt='a \"b\" \\ é' />", '<mj-image alt="a &#34;b&#34; &#92; &#233;" />'),
        ('<mj-image alt="a\n\tb\r" src = "c" />', '<mj-image alt="a&#010;&#9;b&#13;" src = "c" />'),
        ('<mj-title>a\n \tb \\ "c"</mj-title>', "<mj-title>a b &#92; &#34;c&#34;</mj-title>"),
        ("<mj-style>a::before { content: '\\é' }</mj-style>é", "<mj-style>a::before { content: '\\é' }</mj-style>&#233;"),
        ("<mj-raw><style media=\"x\">a::before { content: 'é>' }</style></mj-raw>", "<mj-raw><style media=\"x\">a::before { content: 'é>' }</style></mj-raw>"),
        ('<!-- é = "\\" -->', '<!-- é = "\\" -->'),
    ],
)  # fmt: skip
def test_armour_keeps_the_meaning_in_ascii(mjml: str, armoured: str) -> None:
    assert armour(mjml) == armoured


def test_lines_can_be_counted_behind_armour() -> None:
    armoured = armour('<mj-image\nalt="a\nb&#10;c"\n/>\n<mj-text>x</mj-text>')
    assert line_of(armoured, armoured.index("x</mj-text>")) == 5
    assert line_of(armoured, 0) == 1


def test_styles_in_a_theme_keep_their_own_characters() -> None:
    html = render_with(
        theme_with(
            style_css=".letter p { color: {{ theme.accent }}; }\n@media print { a::after { content: '\\201C é' !important; } }\n"
        )
    )
    styles = "".join(text_of(e) for e in parse_page(html).iter("style"))
    assert "'\\201C é' !important" in styles
    assert any("#1f7a8c" in e.get("style", "") for e in elements(parse_page(html)) if e.tag == "p")
