"""Input that cannot be read: exit code 2, one sentence with its place, a way out, nothing written."""

from __future__ import annotations

import codecs
import dataclasses

import pytest

from tests.support.cli_fixtures import Folder, Ran, folder, plain_environment, ready, snapshot

__all__ = ["folder", "plain_environment", "ready"]

ODD = "issues/080-odd.md"
MJML, TEXT = "templates/email/issue.mjml", "templates/email/issue.txt"
TOML, ENV, CSV = "newsletter.toml", ".env", "subscribers/odd.csv"
MARA = "mara.ellison@example.org"


def front(lines: str) -> str:
    """An issue with these lines of front matter."""
    return f"---\n{lines}\n---\nHello.\n"


def page(line: str) -> str:
    """A theme's page with this on its fifth line."""
    return (
        "<mjml>\n<mj-body>\n<mj-section><mj-column>\n<mj-text>{{ content }}</mj-text>\n"
        f"{line}\n</mj-column></mj-section>\n</mj-body>\n</mjml>\n"
    )


FRONT_MATTER = [
    ("", ":1", "this issue is empty"),
    (" \n\n", ":1", "this issue is empty"),
    ("Hello.\n", ":1:1", "this issue has no front matter"),
    ("\n\n# Hello\n", ":3:1", "this issue has no front matter"),
    ("---\ntitle: x\n", ":1:1", "the front matter is never closed"),
    ("---\ntitle: x\n----\n", ":1:1", "the front matter is never closed"),
    (front("title: a: b"), ":2:9", "the front matter is not valid YAML"),
    (front('title: "a'), ":2:8", "the front matter is not valid YAML"),
    (front("title: x\n  date: y"), ":3:7", "the front matter is not valid YAML"),
    (front("title: [a"), ":2:8", "the front matter is not valid YAML"),
    (front("title: x\n\tdate: y"), ":3:1", "the front matter is not valid YAML"),
    (front("title: {{ name }}"), ":2:9", "a key of the front matter is not a word"),
    (front("title: {% name %}"), ":2:9", "the front matter is not valid YAML"),
    (front("title: a\ntitle: b"), ":3:1", 'the key "title" stands here twice'),
    (front("- a\n- b"), ":2:1", "the front matter is not a list of keys"),
    (front("title: &a x\nsubject: *a"), ":2:8", "anchors and aliases are not read here"),
    (front("title: a\x07b"), ":2:9", "the front matter holds the character U+0007"),
    (front('title: "a\\ud800"'), ":2:8", '"title" holds U+D800, which is no character'),
    (front(f"a: {'[' * 1000}"), ":2", "the front matter is nested too deeply"),
    (front("date: 2026-11-22"), ":1", '"title" is missing'),
    (front("title:"), ":2:1", '"title" is empty'),
    (front("title: #74"), ":2:1", '"title" is empty'),
    (front("title: [a, b]"), ":2:1", '"title" is a list or a table'),
    (front('title: "a\\u202eb\\u2028c"'), ":2:1", '"title" holds the control character U+2028'),
    (front('title: "a\\r\\nBcc: x"'), ":2:1", '"title" holds the control character U+000D'),
    (front(f"title: x\nsubject: =?utf-8?q?=0A?=Bcc {MARA}"), ":3:1", '"subject" holds a piece that mail programs'),
    (front("title: x\ndate: 22.11.2026"), ":3:1", '"date" is not a date'),
    (front("title: x\ndate: 2026-02-30"), ":3:1", '"date" is a day that does not exist'),
    (front("title: x\nsend_at: 2026-02-30T09:00"), ":3:1", '"send_at" is a day that does not exist'),
    (front("title: x\nsend_at: 2026-02-28 at nine"), ":3:1", '"send_at" is not a date'),
    (front("title: x\nsend_at: soon"), ":3:1", '"send_at" is not a date'),
    (front("title: x\nnumber: eighty"), ":3:1", '"number" is not a whole number'),
    (front("title: x\nstatus: done"), ":3:1", '"status" is neither draft nor ready'),
    (front("title: x\nutm: {sauce: y}"), ":3:7", '"utm.sauce" is not known'),
    (front("title: x\nutm: [a]"), ":3:1", '"utm" is neither off nor a table'),
    (front("title: x\nchecks: {ignore: {draft: }}"), ":3:19", 'ignoring "draft" needs a reason'),
    (front("title: x\nchecks: [draft]"), ":3:1", '"checks" takes one table'),
    (front("title: x\nsegment: tag:a and"), ":3:19", "the segment cannot be read here"),
    (front(f"title: x\nsegment: {MARA}"), ":3:10", "the segment cannot be read here"),
    (b"---\ntitle: caf\xe9\n---\nHello.\n", ":2:11", "this file is not UTF-8"),
    (b"---\ntitle: x\n---\nHello\n\xff\n", ":5:1", "this file is not UTF-8"),
    (front("title: x").encode("utf-16"), ":1:1", "this file is not UTF-8"),
    (b"---\ntitle: x\n---\nHel\0lo\n", ":4:4", "this file holds a NUL character"),
    ("---\ntitle: x\n---\nHel\ufdd1lo\n", ":4:4", "this file holds a noncharacter U+FDD1"),
]  # fmt: skip

THEME = [
    (MJML, page("<mj-texxt>a</mj-texxt>"), ":5", "<mj-texxt> is not an element of MJML"),
    (MJML, page("<mj-text>a"), ":5", "<mj-text> is not closed"),
    (MJML, page("<mj-text>a & b</mj-text>"), ":5", "the theme is not well-formed XML"),
    (MJML, page("<mj-text align=left>a</mj-text>"), ":5", "the theme is not well-formed XML"),
    (MJML, page("<mj-text>{{ title }</mj-text>"), ":5", "the theme's template cannot be read"),
    (MJML, page("{% iff title %}{% endif %}"), ":5", "the theme's template cannot be read"),
    (MJML, page("{{ titel }}"), ":5", "the theme uses a variable that is not there"),
    (MJML, page("{{ site.nmae }}"), ":5", "the theme uses a variable that is not there"),
    (MJML, page("{{ 1 / 0 }}"), ":5", "an expression of the theme fails"),
    (MJML, page("{{ ().__class__.__mro__ }}"), ":5", "an expression of the theme fails"),
    (MJML, page("{{ content }}"), ":5", "the theme shows the letter 2 times"),
    (MJML, "<mjml><mj-body></mj-body></mjml>", ":1", "the theme has no place for the letter"),
    (MJML, "", ":1", "the theme has no place for the letter"),
    (MJML, page('{% include "hedaer.mjml" %}'), ":5", 'the theme includes "hedaer.mjml"'),
    (MJML, page("") + "<mjml></mjml>", ":9", "the theme is not well-formed XML"),
    (MJML, page("").encode() + b"\xff", ":9", "this file is not UTF-8"),
    (TEXT, "{{ content }}\n{{ titel }}\n", ":2", "the theme uses a variable that is not there"),
    (TEXT, "{{ content }}\n{% for x in %}\n", ":2", "the theme's template cannot be read"),
    (TEXT, None, "", "the theme has no issue.txt"),
]  # fmt: skip

SETTINGS = [
    (TOML, "[site]\nname = Slack Water\n", ":2:8", "this file is not valid TOML"),
    (TOML, "[site]\nname = 'a'\nname = 'b'\n", ":3:11", "this file is not valid TOML"),
    (TOML, "[site\n", ":1:6", "this file is not valid TOML"),
    (TOML, b"[site]\nname = '\xe9'\n", ":2", "this file is not UTF-8"),
    (TOML, "[site]\nnmae = 'x'\n", ":2:1", '"site.nmae" is not a setting'),
    (TOML, "[sender]\nfrom_address = 'mara.ellison at example.org'\n", ":2:1", '"sender.from_address" is not an e-mail address'),
    (TOML, f"[schedule]\nowner = '{MARA}, x'\n", ":2:1", '"schedule.owner" is not an e-mail address'),
    (TOML, "[transport]\nkind = 'smpt'\n", ":2:1", '"transport.kind" is none of the values it can have'),
    (TOML, "[transport.smtp]\npassword = 'x'\n", ":2:1", '"transport.smtp.password" is a secret and must not stand'),
    (TOML, "[transport.ses]\nmax_rate = -1\n", ":2:1", '"transport.ses.max_rate" has to be more than 0'),
    (TOML, "[schedule]\nrrule = 'FREQ=WEEKLY'\n", ":2:1", '"schedule.rrule" has no date to count from'),
    (TOML, "[checks.ignore]\ndraft = ''\n", ":2:1", '"checks.ignore.draft" needs a reason'),
    (TOML, f"x = {'[' * 5000}", "", "the brackets in this file are nested too deeply"),
    ("pyproject.toml", "[tool.newsletter.site]\nname = 'x'\n", "", "settings stand in newsletter.toml and in pyproject.toml"),
    (ENV, "A=1\nNEWSLETTER_SITE__NMAE=x\n", ":2", "NEWSLETTER_SITE__NMAE is not a setting"),
    (ENV, "NEWSLETTER_SITE__NAME\n", ":1", "NEWSLETTER_SITE__NAME has no value"),
    (ENV, "A=1\n\nNEWSLETTER_SITE__NAME='x\n", ":3", "this line cannot be read"),
    (ENV, b"NEWSLETTER_SITE__NAME=\xe9\n", ":1", "this file is not UTF-8"),
]  # fmt: skip

ENVIRONMENT = [
    ("NEWSLETTER_SITE__NMAE", "x", "is not a setting"),
    ("NEWSLETTER_TRANSPORT__SMTP__PORT", "many", "has to be a whole number"),
    ("NEWSLETTER_SENDER__FROM_ADDRESS", f"{MARA}>", "is not an e-mail address"),
    ("NEWSLETTER_SITE__NAME", "caf\udce9", "is not text in UTF-8"),
    ("NEWSLETTER_STORE__URL", f"mysql://{MARA}/x", "is not the address of a SQLite file"),
    ("NEWSLETTER_FIELDS", "[]", "has to be a JSON object"),
]  # fmt: skip

LISTS = [
    ("", "", "this list is empty"),
    ("\n \n", "", "this list is empty"),
    (f"{MARA},Mara\n", ":1:1", "this line holds an address where the names of the columns should stand"),
    (f"name,tags\nMara,{MARA}\n", ":1:1", "no column of this list is named email"),
    (f"email,name,E-Mail\n{MARA},Mara,x\n", ":1:12", "columns 1 and 3 mean the same"),
    (f"email,1st\n{MARA},x\n", ":1:7", "no merge field can have the name of this column"),
    (f'email,name\n{MARA},"Mara\nkolya@example.net,Kolya\n', ":2:26", "a quote is opened here and not closed"),
    (f'email,name\nok@example.org,Ok\n"{MARA},Mara\nkolya@example.net,Kolya\n', ":3:1", "a quote is opened here and not closed"),
    (f'email,"na"me\n{MARA},Mara\n', ":1:7", "a quote stands inside a cell"),
    (b"PK\x03\x04rest", "", "this archive is damaged"),
    (b"email\n" + MARA.encode() + b"\n\x00\x81\n", "", "this list is not text"),
    (codecs.BOM_UTF16_LE + b"e\x00m", "", "this list is not text"),
]  # fmt: skip

WRITING = [
    ("send", "--issue", "{}", "--confirm", "{}"),
    ("send", "--issue", "{}", "--dry-run"),
    ("check", "--issue", "{}"),
    ("build", "--issue", "{}"),
]


def expect_one_sentence(ran: Ran, sentence: str) -> None:
    assert ran.code == 2
    assert ran.out == ""
    assert ran.error.startswith(f"error: {sentence}")
    assert ran.hint != "hint: "
    assert "Traceback" not in ran.err
    assert {line.partition(":")[0] for line in ran.err.splitlines()} <= {"error", "cause", "hint"}
    assert len(ran.err.splitlines()) <= 3


def contents(ready: Folder) -> dict[str, str]:
    return {name: found for name, (found, _) in snapshot(ready.root).items()}


def after_how_it_is_read(ran: Ran) -> Ran:
    """What an import says once it has told how it reads a list; anything else as it is."""
    how, error, why = ran.err.partition("error: ")
    if how.startswith(f"{CSV}: ") and "column  read as" in how:
        return dataclasses.replace(ran, err=error + why)
    return ran


def expect_nothing_written(ready: Folder, sentence: str, *commands: tuple[str, ...]) -> None:
    before = contents(ready)
    for command in commands:
        expect_one_sentence(after_how_it_is_read(ready.run(*command)), sentence)
    assert contents(ready) == before
    assert (len(ready.people()), ready.runs()) == (25, ())


def commands(issue: int) -> list[tuple[str, ...]]:
    return [tuple(word.format(issue) for word in words) for words in WRITING]


@pytest.mark.processes
@pytest.mark.parametrize(("text", "place", "sentence"), FRONT_MATTER)
def test_an_issue_that_cannot_be_read_is_told_with_its_line(ready, text, place, sentence):
    ready.write(ODD, text)
    expect_nothing_written(ready, f"{ODD}{place}: {sentence}", *commands(80))


@pytest.mark.sweep
@pytest.mark.parametrize(("name", "text", "place", "sentence"), THEME)
def test_a_theme_that_cannot_be_used_is_told_with_its_line(ready, name, text, place, sentence):
    if text is None:
        (ready.root / name).unlink()
        name = "templates/email"
    else:
        ready.write(name, text)
    expect_nothing_written(ready, f"{name}{place}: {sentence}", *commands(74))


def test_a_theme_that_is_not_there_is_told(ready):
    (ready.root / "templates").rename(ready.root / "elsewhere")
    sentence = "templates/email: the theme's folder is missing"
    expect_nothing_written(ready, sentence, *commands(74))


@pytest.mark.sweep
@pytest.mark.parametrize(("name", "text", "place", "sentence"), SETTINGS)
def test_settings_that_cannot_be_read_are_told_with_their_line(ready, name, text, place, sentence):
    ready.write(name, text)
    more = ("subscribers", "import", "subscribers/example.csv", "--consent-source", "x")
    everything = [
        *commands(74),
        more,
        ("settings",),
        ("status",),
        ("new", "Title"),
        ("db", "upgrade"),
    ]
    expect_nothing_written(ready, f"{name}{place}: {sentence}", *everything)


@pytest.mark.sweep
@pytest.mark.parametrize(("name", "value", "sentence"), ENVIRONMENT)
def test_a_variable_that_cannot_be_read_is_told_by_its_name(
    ready, monkeypatch, name, value, sentence
):
    monkeypatch.setenv(name, value)
    expect_nothing_written(ready, f"{name} {sentence}", *commands(74), ("settings",))


@pytest.mark.sweep
@pytest.mark.parametrize(("text", "place", "sentence"), LISTS)
def test_a_list_that_cannot_be_read_is_told_and_nobody_imported(ready, text, place, sentence):
    ready.write(CSV, text)
    words = ("subscribers", "import", CSV, "--consent-source", "x")
    expect_nothing_written(ready, f"{CSV}{place}: {sentence}", words, (*words, "--dry-run"))


def test_a_list_whose_first_line_is_wrong_makes_no_records(folder):
    folder.write(CSV, "name\nMara\n")
    assert folder.run("subscribers", "import", CSV, "--consent-source", "x").code == 2
    assert not (folder.root / ".newsletter").exists()


def test_a_list_that_is_not_there_is_told(ready):
    words = ("subscribers", "import", "nobody.csv", "--consent-source", "x")
    expect_nothing_written(ready, "nobody.csv: this file is missing", words)
    assert f"hint: there is no such file: {ready.root / 'nobody.csv'}\n" in ready.run(*words).err


def test_a_good_page_is_no_fault(ready):
    # What the pages above are made of renders, so each of them has the one fault it is about.
    ready.write(MJML, page("<mj-text>{{ unsubscribe_url }} {{ site.postal_address }}</mj-text>"))
    assert ready.run("build", "--issue", "74").code == 0


def test_sixty_and_more_kinds_of_malformed_input_are_tried():
    assert len(FRONT_MATTER) + len(THEME) + len(SETTINGS) + len(ENVIRONMENT) + len(LISTS) >= 60
