"""What settings are: their sources, who wins, where each came from, and how they are shown."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from newsletter.errors import InputError
from newsletter.settings import ConfigText, Settings, choose, effective, load, reference
from newsletter.settings.registry import SETTINGS, as_variable

EXAMPLE = Path(__file__).parents[2] / "newsletter.toml"


def loaded(text="", *, kind="newsletter.toml", environ=None, dotenv="") -> Settings:
    name = "pyproject.toml" if kind == "pyproject" else kind
    file = ConfigText(file=name, text=text, kind=kind)
    return load(file, environ=environ or {}, dotenv=dotenv)


def rows(settings):
    return {row.key: row.value for row in effective(settings)}


# The example newsletter


def test_the_example_newsletters_settings_load():
    settings = loaded(EXAMPLE.read_text(encoding="utf-8"))
    assert settings.site.name == "Slack Water"
    assert settings.site.postal_address == "Slack Water, 4 Ferry Stairs, Port Example"
    assert settings.site.timezone == "Europe/Amsterdam"
    assert settings.site.public_url == "https://letters.slackwater.example.org"
    assert settings.site.archive_url == "https://letters.slackwater.example.org/archive"
    assert settings.site.assets_url == "https://assets.slackwater.example.org"
    assert settings.sender.from_name == "Wren Halloran"
    assert settings.sender.from_address == "wren@slackwater.example.org"
    assert settings.sender.reply_to == "wren@slackwater.example.org"
    assert settings.fields == {"name": "there"}
    assert settings.utm.source == "slack-water"
    assert settings.transport.kind == "folder"
    assert settings.schedule.anchor == dt.date(2026, 11, 8)
    assert settings.schedule.anchor.strftime("%A") == "Sunday"
    assert settings.schedule.rrule == "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO"
    assert settings.schedule.time == dt.time(9)


def test_the_example_newsletters_settings_are_short_enough_to_be_read():
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 60


# Defaults


def test_without_any_source_everything_has_its_default():
    settings = load(None, environ={})
    assert settings.site.name == ""
    assert (settings.site.language, settings.site.timezone) == ("en", "UTC")
    assert settings.fields == {}
    assert settings.checks.ignore == {}
    assert settings.store.url == ""
    assert (settings.transport.kind, settings.transport.folder) == ("folder", "mail")
    assert settings.transport.smtp.port == 587
    assert settings.transport.ses.max_rate is None
    assert (settings.schedule.catch_up, settings.schedule.cancel_window) == (6.0, 15)
    assert {row.origin for row in effective(settings)} == {"default"}


@pytest.mark.sweep
@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda setting: setting.key)
def test_every_example_and_every_default_is_itself_allowed(setting):
    if setting.kind == "secret":
        return
    environ = {
        "NEWSLETTER_SCHEDULE__ANCHOR": "2026-11-08",
        "NEWSLETTER_TRANSPORT__SMTP__HOST": "localhost",
    }
    for value in (setting.example, setting.default):
        text = "" if value is None else as_variable(value)
        settings = load(None, environ=environ | {setting.variable: text})
        shown: object = settings
        for name in setting.path:
            shown = getattr(shown, name)
        assert shown == value or value is None


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda setting: setting.key)
def test_every_knob_says_what_it_is_for_in_a_sentence(setting):
    assert re.fullmatch(r"[A-Z`].*\.", setting.description)
    assert "|" not in setting.description  # it would break the table of the reference


# Precedence and origin


def test_environment_beats_dotenv_beats_file_beats_default():
    sources: dict[str | None, Any] = {
        "environ": {"NEWSLETTER_SITE__NAME": "variable"},
        "dotenv": "NEWSLETTER_SITE__NAME=dotenv",
        "text": "[site]\n\nname = 'file'",
    }
    seen = []
    for weaker in (*sources, None):
        settings = loaded(**{str(name): source for name, source in sources.items()})
        seen.append((settings.site.name, settings.origin("site.name")))
        sources.pop(weaker, None)
    assert seen == [
        ("variable", "NEWSLETTER_SITE__NAME"),
        ("dotenv", ".env"),
        ("file", "newsletter.toml:3"),
        ("", "default"),
    ]


def test_sources_add_up_setting_by_setting_and_entry_by_entry():
    settings = loaded(
        "[fields]\nname = 'there'\ncity = 'town'\n[transport.ses]\nregion = 'eu-west-1'",
        dotenv="NEWSLETTER_FIELDS__CITY=port",
        environ={"NEWSLETTER_FIELDS": '{"boat": "ferry"}', "NEWSLETTER_TRANSPORT__SES__PROFILE": "letters"},
    )  # fmt: skip
    assert settings.fields == {"name": "there", "city": "port", "boat": "ferry"}
    assert (settings.transport.ses.region, settings.transport.ses.profile) == (
        "eu-west-1",
        "letters",
    )
    assert {key: settings.origin(f"fields.{key}") for key in settings.fields} == {
        "name": "newsletter.toml:2",
        "city": ".env",
        "boat": "NEWSLETTER_FIELDS",
    }


def test_asking_for_the_origin_of_nothing_is_a_key_error():
    with pytest.raises(KeyError):
        load(None, environ={}).origin("site.nmae")


def test_pyproject_keeps_settings_in_a_table_of_its_own():
    text = "[project]\nname = 'x'\n[tool.other]\nnmae = 1\n[tool.newsletter]\nsite.name = 'y'"
    settings = loaded(text, kind="pyproject")
    assert (settings.site.name, settings.origin("site.name")) == ("y", "pyproject.toml:6")


@pytest.mark.parametrize("text", ["", "tool = 3", "[tool]\nother = 1", "[project]\nname = 'x'"])
def test_a_pyproject_without_the_table_sets_nothing(text):
    assert loaded(text, kind="pyproject").origins == {}


def test_a_byte_order_mark_is_accepted_in_both_files():
    settings = loaded("\ufeffsite.name = 'x'", dotenv="\ufeffNEWSLETTER_SITE__LANGUAGE=nl")
    assert (settings.site.name, settings.site.language) == ("x", "nl")
    assert settings.origin("site.name") == "newsletter.toml:1"


# Variables


@pytest.mark.parametrize(
    ("variable", "text", "key", "shown"),
    [
        ("newsletter_Site__Name", " Slack Water ", "site.name", "Slack Water"),
        ("NEWSLETTER_UTM__ENABLED", "No", "utm.enabled", "false"),
        ("NEWSLETTER_UTM__ENABLED", "1", "utm.enabled", "true"),
        ("NEWSLETTER_UTM__SKIP_HOSTS", "A.org, b.org.,", "utm.skip_hosts", "a.org, b.org"),
        ("NEWSLETTER_UTM__SKIP_HOSTS", '["a.org", "b.org"]', "utm.skip_hosts", "a.org, b.org"),
        ("NEWSLETTER_UTM__SKIP_HOSTS", "", "utm.skip_hosts", ""),
        ("NEWSLETTER_TRANSPORT__SMTP__PORT", " 25 ", "transport.smtp.port", "25"),
        ("NEWSLETTER_TRANSPORT__SES__MAX_RATE", "3", "transport.ses.max_rate", "3.0"),
        ("NEWSLETTER_TRANSPORT__SES__MAX_RATE", "", "transport.ses.max_rate", ""),
        ("NEWSLETTER_SCHEDULE__ANCHOR", "2026-11-08", "schedule.anchor", "2026-11-08"),
        ("NEWSLETTER_SCHEDULE__ANCHOR", "", "schedule.anchor", ""),
        ("NEWSLETTER_SCHEDULE__TIME", "17:30", "schedule.time", "17:30"),
        ("NEWSLETTER_SITE__PUBLIC_URL", "https://x.org/", "site.public_url", "https://x.org"),
        ("NEWSLETTER_FIELDS__FIRST_NAME", " you", "fields.first_name", " you"),
        ("NEWSLETTER_CHECKS__IGNORE", '{"link-long": "ours"}', "checks.ignore.link-long", "ours"),
        ("NEWSLETTER_TRANSPORT__SMTP__PASSWORD", "", "transport.smtp.password", ""),
    ],
)
def test_a_variable_is_read_as_the_type_its_setting_has(variable, text, key, shown):
    for settings in (
        load(None, environ={variable: text}),
        load(None, environ={}, dotenv=f"{variable}='{text}'"),
    ):
        assert rows(settings)[key] == shown
        assert settings.origin(key) in {variable.upper(), ".env"}


def test_of_two_variables_that_differ_in_case_the_one_in_capitals_counts():
    environ = {"newsletter_site__name": "small", "NEWSLETTER_SITE__NAME": "capital"}
    assert load(None, environ=environ).site.name == "capital"


def test_other_peoples_variables_are_not_looked_at():
    other = {"PATH": "/bin", "NEWSLETTERS": "x", "SITE__NAME": "x", "MY_NEWSLETTER_SITE__NAME": "x"}
    dotenv = "PATH=/bin\nbroken line\nSECRET='unclosed\nNEWSLETTER_SITE__NAME=x # mine\n"
    settings = load(None, environ=other, dotenv=dotenv)
    assert settings.origins == {"site.name": ".env"}
    assert settings.site.name == "x"


def test_dotenv_does_not_interpolate():
    settings = load(None, environ={"HOME": "/x"}, dotenv="NEWSLETTER_SITE__NAME=${HOME}")
    assert settings.site.name == "${HOME}"


def test_the_last_of_two_equal_lines_of_dotenv_counts():
    dotenv = "NEWSLETTER_SITE__NAME=a\nexport NEWSLETTER_SITE__NAME=b\n"
    assert load(None, environ={}, dotenv=dotenv).site.name == "b"


# Values


@pytest.mark.parametrize(
    ("text", "key", "shown"),
    [
        ("site.postal_address = '''\nSlack Water \n4 Ferry Stairs\n'''", "site.postal_address", "Slack Water\n4 Ferry Stairs"),
        ("sender.from_address = 'wren@MÜNCHEN.example'", "sender.from_address", "wren@xn--mnchen-3ya.example"),
        ("sender.from_address = 'wren@letters.test'", "sender.from_address", "wren@letters.test"),
        ("sender.from_name = 'Zoë, of \"Slack Water\"'", "sender.from_name", 'Zoë, of "Slack Water"'),
        ("site.language = 'pt-BR'", "site.language", "pt-BR"),
        ("theme.accent = '#FFAA00'", "theme.accent", "#ffaa00"),
        ("theme.header_image = 'https://x.org/a.png?v=2'", "theme.header_image", "https://x.org/a.png?v=2"),
        ("utm.campaign = '{slug}-{number}'", "utm.campaign", "{slug}-{number}"),
        ("store.url = 'sqlite:///x.db'", "store.url", "sqlite:///x.db"),
        ("schedule = { rrule = 'rrule:freq=monthly;byday=1su', anchor = '2026-11-01' }", "schedule.rrule", "FREQ=MONTHLY;BYDAY=1SU"),
        ("schedule.time = 23:59:00", "schedule.time", "23:59"),
        ("schedule.catch_up = 2", "schedule.catch_up", "2.0"),
        ("transport = { kind = 'smtp', smtp.host = 'Smtp.Example.org' }", "transport.smtp.host", "smtp.example.org"),
        ("fields.name = ''", "fields.name", ""),
    ],
)  # fmt: skip
def test_a_value_is_tidied_but_not_changed(text, key, shown):
    assert rows(loaded(text))[key] == shown


def test_settings_cannot_be_changed_afterwards():
    settings: Any = loaded("[fields]\nname = 'there'")
    with pytest.raises(ValidationError):
        settings.site.name = "x"
    with pytest.raises(ValidationError):
        settings.site = settings.site
    for mapping in (settings.fields, settings.checks.ignore, settings.origins):
        with pytest.raises(TypeError):
            mapping["name"] = "x"


# Secrets


@pytest.mark.parametrize("dotenv", [False, True])
def test_secrets_from_environment_or_dotenv_arrive_and_are_masked(dotenv):
    given = {"NEWSLETTER_TRANSPORT__SMTP__PASSWORD": "hunter2"}
    text = "\n".join(f"{name}={value}" for name, value in given.items())
    settings = load(None, environ={}, dotenv=text) if dotenv else load(None, environ=given)
    assert settings.transport.smtp.password == SecretStr("hunter2")
    assert rows(settings)["transport.smtp.password"] == "****"
    assert "hunter" not in f"{settings!r}{effective(settings)}"


def test_the_owners_address_and_the_tokens_in_web_addresses_are_masked():
    text = """
    [schedule]
    owner = "wren@slackwater.example.org"
    webhook = "https://hooks.example.org/T0/B0?token=x"
    heartbeat_url = "https://beat.example.org"
    """
    shown = rows(loaded(text))
    assert shown["schedule.owner"] == "w***@s***.org"
    assert shown["schedule.webhook"] == "https://hooks.example.org/****"
    assert shown["schedule.heartbeat_url"] == "https://beat.example.org"


# Both files


def config(text, kind="newsletter.toml"):
    return ConfigText(file="pyproject.toml" if kind == "pyproject" else kind, text=text, kind=kind)


OURS = config("[site]\nname = 'x'")
WITH_TABLE = config("\ufeff[tool.newsletter]\nsite.name = 'x'", "pyproject")


@pytest.mark.parametrize(
    ("newsletter_toml", "pyproject", "chosen"),
    [
        (None, None, None),
        (OURS, None, OURS),
        (None, WITH_TABLE, WITH_TABLE),
        (OURS, config("[project]\nname = 'x'", "pyproject"), OURS),
        (OURS, config("tool = 3", "pyproject"), OURS),
        (None, config("[tool.other]\n", "pyproject"), None),
        (OURS, config("not toml", "pyproject"), OURS),
    ],
)
def test_the_file_that_has_settings_is_chosen(newsletter_toml, pyproject, chosen):
    assert choose(newsletter_toml, pyproject) == chosen


def test_an_unreadable_pyproject_alone_is_chosen_so_that_its_fault_is_told():
    broken = config("not toml", "pyproject")
    assert choose(None, broken) == broken


def test_settings_in_both_files_are_refused():
    with pytest.raises(InputError) as caught:
        choose(OURS, WITH_TABLE)
    assert str(caught.value) == (
        "pyproject.toml: settings stand in newsletter.toml and in pyproject.toml"
    )
    assert caught.value.hint == (
        "keep one of the two: move what is in [tool.newsletter] to newsletter.toml"
    )


# The reference


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda setting: setting.key)
def test_the_reference_has_a_row_for_every_setting(setting):
    key = f"{setting.key}.<name>" if setting.kind == "table" else setting.key
    (line,) = [line for line in reference().splitlines() if line.startswith(f"| `{key}` |")]
    assert line.count("|") == 5
    assert f"`{setting.variable}`" in line
    assert setting.description in line


def test_the_reference_has_a_table_for_every_group_in_the_order_of_the_models():
    headings = re.findall(r"^## (.*)$", reference(), re.MULTILINE)
    assert headings == [
        *(f"`[{name}]`" for name in "fields site sender theme utm store transport".split()),
        *(
            f"`[{name}]`"
            for name in "transport.ses transport.smtp schedule web.topics web archive images clicks ratings retention checks.ignore".split()
        ),
    ]
    assert reference().count("| Setting | Default | Environment variable | Meaning |") == 18


def test_the_reference_shows_defaults_choices_and_secrets():
    text = reference()
    assert "| `transport.smtp.port` | `587` | `NEWSLETTER_TRANSPORT__SMTP__PORT` |" in text
    assert '| `schedule.time` | `"09:00"` |' in text
    assert "One of `folder`, `smtp`, `ses`." in text
    assert text.count("A secret: environment or `.env` only.") == 2


# What settings stand on


@pytest.mark.processes
def test_importing_settings_loads_nothing_from_the_stages_above_or_the_doors():
    code = "import sys, newsletter.settings; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded_modules = set(done.stdout.split())
    ours = {name.split(".")[1] for name in loaded_modules if name.startswith("newsletter.")}
    assert ours == {
        "audience",
        "errors",
        "humanize",
        "moments",
        "render",
        "schedule",
        "settings",
        "text_rules",
    }
    assert not loaded_modules & {"boto3", "sqlalchemy", "typer", "jinja2", "starlette"}
