"""Every way to get a setting wrong, with the sentence, the place and the way out."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.errors import InputError
from newsletter.settings import ConfigText, load
from newsletter.settings.registry import GROUPS, SETTINGS, VARIABLES

SECRET = "correct-horse-battery-staple"
MOVE_IT = "in the environment or in .env instead, and change the secret if anybody may have seen it"
RULE = 'write it like this: rrule = "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO"'
DATABASE = "write sqlite:///path/to/file.db, or leave it out"
SERVER = "write postgresql://user@host/database"
ANY_DATABASE = f"{DATABASE}; or postgresql://user@host/database"
WITHOUT_PASSWORD = (
    "leave it out, and set NEWSLETTER_STORE__PASSWORD in the environment or in .env; "
    "change it if anybody may have seen it"
)
OPTIONS = (
    "after the question mark may stand schema, host, port, sslmode, sslrootcert, sslcert, sslkey, "
    "sslcrl, channel_binding, target_session_attrs, gssencmode, passfile"
)
SCHEMA = "use small letters, digits and underscores, 40 at most"
QUOTES = "look at the quotes, brackets and equals signs here and in the line above"
PASTED = "remove it; it is often pasted along from another program"

# text, place after the file's name, sentence, hint
MALFORMED = [
    # not TOML
    ("[site]\nname = Slack Water\n", ":2:8", "this file is not valid TOML", 'a text stands in quotes: name = "Slack Water"'),
    ('[site]\nname = "Slack\n', ":2:14", "this file is not valid TOML", QUOTES),
    ('[site\nname = "x"\n', ":1:6", "this file is not valid TOML", QUOTES),
    ("[utm]\nskip_hosts = [\n  'a.org',\n\n", ":3", "this file is not valid TOML", QUOTES),
    ("[site]\nname = 'a'\nname = 'b'\n", ":3:11", "this file is not valid TOML", "this name stands twice; keep one of the two"),
    ("[site]\n[utm]\n[site]\n", ":3:6", "this file is not valid TOML", "this name stands twice; keep one of the two"),
    (f"x = {'[' * 5000}", "", "the brackets in this file are nested too deeply", "settings need two levels at most"),
    (f"x = {'1' * 5000}", "", "a number in this file has thousands of digits", "a text stands in quotes, even if it is made of digits"),
    # no such name
    ("[site]\n  nmae = 'x'\n", ":2:3", '"site.nmae" is not a setting', 'did you mean "site.name"?'),
    ("[sites]\nname = 'x'\n", ":1:2", '"sites" is not a setting', 'did you mean "site"?'),
    ("[transport]\nfoldr = 'x'\n", ":2:1", '"transport.foldr" is not a setting', 'did you mean "transport.folder"?'),
    ("[ transport . sess ]\nregion = 'x'\n", ":1:15", '"transport.sess" is not a setting', 'did you mean "transport.ses"?'),
    ("transport.ses.regoin = 'x'\n", ":1:15", '"transport.ses.regoin" is not a setting', 'did you mean "transport.ses.region"?'),
    ("[sender]\nname = 'x'\n", ":2:1", '"sender.name" is not a setting', 'did you mean "sender.from_name" or "site.name"?'),
    ("postal_address = 'x'\n", ":1:1", '"postal_address" is not a setting', 'did you mean "site.postal_address"?'),
    ("[checks]\nmax_html_bytes = 3\n", ":2:1", '"checks.max_html_bytes" is not a setting', "[checks] takes ignore"),
    ("[zzz]\n", ":1:2", '"zzz" is not a setting', "the file takes site, sender, theme, utm, store, transport, schedule, web, archive, images, clicks, ratings, retention, checks and fields"),
    ('"a\\nb" = 1\n', ":1:1", '"a?b" is not a setting', "the file takes site, sender, theme, utm, store, transport, schedule, web, archive, images, clicks, ratings, retention, checks and fields"),
    # the wrong kind
    ("[site]\nname = 7\n", ":2:1", '"site.name" has to be a text in quotes, not a number', 'write it like this: name = "Slack Water"'),
    ("[site]\nname = ['x']\n", ":2:1", '"site.name" has to be a text in quotes, not a list', 'write it like this: name = "Slack Water"'),
    ("[site]\nname.first = 'x'\n", ":2:1", '"site.name" has to be a text in quotes, not a group of settings', 'write it like this: name = "Slack Water"'),
    ("[site]\nname = 2026-11-08\n", ":2:1", '"site.name" has to be a text in quotes, not a date', 'write it like this: name = "Slack Water"'),
    ("[site]\nname = 2026-11-08T09:00:00\n", ":2:1", '"site.name" has to be a text in quotes, not a date with a time', 'write it like this: name = "Slack Water"'),
    ("[site]\nname = 09:00:00\n", ":2:1", '"site.name" has to be a text in quotes, not a time', 'write it like this: name = "Slack Water"'),
    ("site = 'x'\n", ":1:1", '"site" is a group of settings, not a single value', "write [site] on a line of its own, and its settings below it"),
    ("[[site]]\nname = 'x'\n", ":1:3", '"site" is a group of settings, not a single value', "write [site] on a line of its own, and its settings below it"),
    ("fields = 3\n", ":1:1", '"fields" is a group of settings, not a single value', "write [fields] on a line of its own, and its settings below it"),
    ("[utm]\nenabled = 'yes'\n", ":2:1", '"utm.enabled" has to be true or false, not a text', "write it like this: enabled = true"),
    ("[utm]\nskip_hosts = 'a.org'\n", ":2:1", '"utm.skip_hosts" has to be a list, not a text', 'write it like this: skip_hosts = ["web.archive.org", "archive.ph"]'),
    ("[utm]\nreplace_sources = [\n  'a',\n  4,\n]\n", ":4:3", 'item 2 of "utm.replace_sources" has to be a text in quotes, not a number', 'write it like this: replace_sources = ["buttondown"]'),
    ("[[utm.skip_hosts]]\nx = 1\n", ":1:7", 'item 1 of "utm.skip_hosts" has to be a text in quotes, not a group of settings', 'write it like this: skip_hosts = ["web.archive.org", "archive.ph"]'),
    ("[transport.smtp]\nport = '587'\n", ":2:1", '"transport.smtp.port" has to be a whole number, not a text', "write it like this: port = 587"),
    ("[transport.smtp]\nport = true\n", ":2:1", '"transport.smtp.port" has to be a whole number, not true or false', "write it like this: port = 587"),
    ("[transport]\nses = { max_rate = '14' }\n", ":2:9", '"transport.ses.max_rate" has to be a number, not a text', "write it like this: max_rate = 14.0"),
    # a value out of range
    ("[transport.smtp]\nport = 0\n", ":2:1", '"transport.smtp.port" has to be at least 1', "write it like this: port = 587"),
    ("[transport.smtp]\nport = 65536\n", ":2:1", '"transport.smtp.port" has to be at most 65535', "write it like this: port = 587"),
    ("[transport.ses]\nmax_rate = 0\n", ":2:1", '"transport.ses.max_rate" has to be more than 0', "write it like this: max_rate = 14.0"),
    ("[transport.ses]\nmax_rate = nan\n", ":2:1", '"transport.ses.max_rate" has to be a number', "write it like this: max_rate = 14.0"),
    (f"[transport.ses]\nmax_rate = 1{'0' * 400}\n", ":2:1", '"transport.ses.max_rate" is too large', "write it like this: max_rate = 14.0"),
    ("[schedule]\ncatch_up = -1\n", ":2:1", '"schedule.catch_up" has to be at least 0', "write it like this: catch_up = 6.0"),
    ("[transport]\nkind = 'smpt'\n", ":2:1", '"transport.kind" is none of the values it can have', 'write "folder", "smtp" or "ses"'),
    ("[utm]\nexisting = 3\n", ":2:1", '"utm.existing" is none of the values it can have', 'write "keep" or "replace"'),
    # a value that does not mean anything
    ("[site]\npublic_url = 'http://x.org'\n", ":2:1", '"site.public_url" is not an https address', 'write it like this: public_url = "https://letters.example.org"'),
    ("[site]\npublic_url = 'https://x'\n", ":2:1", '"site.public_url" is not an address that a browser could open', 'write it like this: public_url = "https://letters.example.org"'),
    ("[site]\npublic_url = 'https://a:b@x.org'\n", ":2:1", '"site.public_url" is not an address that a browser could open', 'write it like this: public_url = "https://letters.example.org"'),
    ("[site]\nassets_url = 'https://x.org/?a'\n", ":2:1", '"site.assets_url" has a ? or a # in it, and paths have to be added to it', 'write it like this: assets_url = "https://assets.example.org"'),
    ("[site]\nlanguage = 'English'\n", ":2:1", '"site.language" is not a language tag such as "en" or "pt-BR"', 'write it like this: language = "en"'),
    ("[site]\ntimezone = 'Europe/Amsterdm'\n", ":2:1", '"site.timezone" is not the name of a time zone', 'did you mean "Europe/Amsterdam"?'),
    ("[site]\ntimezone = '+02:00'\n", ":2:1", '"site.timezone" is not the name of a time zone', 'write it like this: timezone = "Europe/Amsterdam"'),
    ("[site]\ntimezone = '/etc/passwd'\n", ":2:1", '"site.timezone" is not the name of a time zone', 'write it like this: timezone = "Europe/Amsterdam"'),
    ("[sender]\nfrom_address = 'wren'\n", ":2:1", '"sender.from_address" is not an e-mail address', 'write it like this: from_address = "wren@example.org"'),
    ("[sender]\nreply_to = 'Wren <wren@example.org>'\n", ":2:1", '"sender.reply_to" is not an e-mail address', 'write it like this: reply_to = "wren@example.org"'),
    ("[sender]\nunsubscribe_mailto = 'mailto:x@example.org?y'\n", ":2:1", '"sender.unsubscribe_mailto" is not an e-mail address', 'write it like this: unsubscribe_mailto = "unsubscribe@example.org"'),
    ("[schedule]\nowner = 'wrén@example.org'\n", ":2:1", '"schedule.owner" is not an e-mail address', 'write it like this: owner = "wren@example.org"'),
    ('[sender]\nfrom_name = "Wren\\nBcc: x"\n', ":2:1", '"sender.from_name" holds the control character U+000A', PASTED),
    ("[sender]\nfrom_name = '=?utf-8?q?Wren?='\n", ":2:1", '"sender.from_name" holds a piece that mail programs would decode (=?...?=)', "write the characters themselves"),
    ("[fields]\nFirst = 'x'\n", ":2:1", '"fields.First" is not a possible name for a merge field', "use small letters, digits and _, and begin with a letter: first_name"),
    ("[fields]\nname = 3\n", ":2:1", '"fields.name" has to be a text in quotes, not a number', 'write it like this: name = "there"'),
    ('[fields]\nname = "a\\tb"\n', ":2:1", '"fields.name" holds the control character U+0009', PASTED),
    ("[theme]\naccent = 'teal'\n", ":2:1", '"theme.accent" is not a colour of six hexadecimal digits', 'write it like this: accent = "#1f7a8c"'),
    ("[theme]\naccent_dark = '#fff'\n", ":2:1", '"theme.accent_dark" is not a colour of six hexadecimal digits', 'write it like this: accent_dark = "#6fc3d4"'),
    ("[theme]\nfont = 'Georgia; color: red'\n", ":2:1", '"theme.font" is not a list of font names', "separate names by commas; quote with ' only"),
    ("[theme]\nheader_image = '../x.png'\n", ":2:1", '"theme.header_image" leads out of the newsletter\'s folder', 'write it like this: header_image = "images/header.png"'),
    ("[theme]\nheader_image = 'http://x.org/x.png'\n", ":2:1", '"theme.header_image" is not an https address', 'write it like this: header_image = "images/header.png"'),
    ("[theme]\nfolder = ' '\n", ":2:1", '"theme.folder" is empty', 'write it like this: folder = "templates/email"'),
    ("[utm]\ncampaign = '{issue}'\n", ":2:1", '"utm.campaign" has a placeholder other than {number} and {slug}', 'write it like this: campaign = "issue-{number}"'),
    ("[utm]\nskip_hosts = ['a.org', 'https://b.org']\n", ":2:24", 'item 2 of "utm.skip_hosts" is not a bare host name', 'leave out "https://", the port and the path'),
    ("[store]\nurl = 'mysql://x/y'\n", ":2:1", '"store.url" is not the address of a SQLite file or a PostgreSQL database', ANY_DATABASE),
    ("[store]\nurl = 'sqlite://x.db'\n", ":2:1", '"store.url" is not the address of a SQLite file or a PostgreSQL database', ANY_DATABASE),
    ("[transport.ses]\nregion = 'Ireland'\n", ":2:1", '"transport.ses.region" is not the name of an AWS region', 'write it like this: region = "eu-west-1"'),
    ("[transport.ses]\nconfiguration_set = 'my set'\n", ":2:1", '"transport.ses.configuration_set" has other characters than letters, digits, - and _, or more than 64', 'write it like this: configuration_set = "newsletter"'),
    ("[schedule]\nrrule = 'every Sunday'\n", ":2:1", '"schedule.rrule" is not a recurrence rule (RFC 5545)', RULE),
    ("[schedule]\nrrule = 'FREQ=WEEKLY;BYDAY=XX'\n", ":2:1", '"schedule.rrule" is not a recurrence rule (RFC 5545)', RULE),
    ("[schedule]\nrrule = 'FREQ=WEEKLY;INTERVAL=0'\n", ":2:1", '"schedule.rrule" is not a recurrence rule (RFC 5545)', RULE),
    ("[schedule]\nrrule = 'FREQ=WEEKLY;FREQ=DAILY'\n", ":2:1", '"schedule.rrule" is not a recurrence rule (RFC 5545)', RULE),
    ("[schedule]\nrrule = 'FREQ=WEEKLY;COUNT=2;UNTIL=20270101'\n", ":2:1", '"schedule.rrule" has both COUNT and UNTIL', "keep one of them"),
    ("[schedule]\nrrule = 'FREQ=HOURLY'\n", ":2:1", '"schedule.rrule" recurs more often than daily', "an issue has a date: use FREQ=WEEKLY or so"),
    ("[schedule]\nrrule = 'FREQ=WEEKLY'\n", ":2:1", '"schedule.rrule" has no date to count from', "set schedule.anchor to the date of one issue"),
    ("[schedule]\nanchor = '2026-11-31'\n", ":2:1", '"schedule.anchor" is a day that does not exist', "write it like this: anchor = 2026-11-08"),
    ("[schedule]\nanchor = 'next Sunday'\n", ":2:1", '"schedule.anchor" is not a date', "write it like this: anchor = 2026-11-08"),
    ("[schedule]\nanchor = 2026-11-08T09:00:00\n", ":2:1", '"schedule.anchor" is not a date', "write it like this: anchor = 2026-11-08"),
    ("[schedule]\ntime = '9:00'\n", ":2:1", '"schedule.time" is not a time of day, from 00:00 to 23:59', 'write it like this: time = "09:00"'),
    ("[schedule]\ntime = 09:00:30\n", ":2:1", '"schedule.time" is not a time of day, from 00:00 to 23:59', 'write it like this: time = "09:00"'),
    ("[schedule]\nheartbeat_url = 'x'\n", ":2:1", '"schedule.heartbeat_url" is not an https address', 'write it like this: heartbeat_url = "https://heartbeat.example.org/newsletter"'),
    ("[transport]\nkind = 'smtp'\n", ":2:1", '"transport.kind" is "smtp", but no mail server is named', "set transport.smtp.host as well"),
    ("[checks.ignore]\nlink-long = ''\n", ":2:1", '"checks.ignore.link-long" needs a reason', "say in a few words why this finding does not matter"),
    # secrets
    (f"[transport.smtp]\npassword = '{SECRET}'\n", ":2:1", '"transport.smtp.password" is a secret and must not stand in newsletter.toml', f"set NEWSLETTER_TRANSPORT__SMTP__PASSWORD {MOVE_IT}"),
    (f"[store]\nurl = 'postgresql://me:{SECRET}@db/x'\n", ":2:1", '"store.url" holds a password', WITHOUT_PASSWORD),
    ("[store]\nurl = 'postgresql://me:@db/x'\n", ":2:1", '"store.url" holds a password', WITHOUT_PASSWORD),
    (f"[store]\nurl = 'postgresql://me@db/x?password={SECRET}'\n", ":2:1", '"store.url" holds a password', WITHOUT_PASSWORD),
    (f"[store]\nurl = 'postgresql://me@db/x?sslpassword={SECRET}'\n", ":2:1", '"store.url" holds a password', WITHOUT_PASSWORD),
    ("[store]\nurl = 'postgres://db/x'\n", ":2:1", '"store.url" is not the address of a PostgreSQL database', SERVER),
    ("[store]\nurl = 'postgresql+psycopg://db/x'\n", ":2:1", '"store.url" is not the address of a PostgreSQL database', SERVER),
    ("[store]\nurl = 'postgresql://db:port/x'\n", ":2:1", '"store.url" is not the address of a PostgreSQL database', SERVER),
    ("[store]\nurl = 'postgresql://[db/x'\n", ":2:1", '"store.url" is not the address of a PostgreSQL database', SERVER),
    ("[store]\nurl = 'postgresql://db/x#y'\n", ":2:1", '"store.url" is not the address of a PostgreSQL database', SERVER),
    ("[store]\nurl = 'postgresql://db/x?host'\n", ":2:1", '"store.url" is not the address of a PostgreSQL database', SERVER),
    ("[store]\nurl = 'postgresql:db'\n", ":2:1", '"store.url" names no database', SERVER),
    ("[store]\nurl = 'postgresql://me@db'\n", ":2:1", '"store.url" names no database', SERVER),
    ("[store]\nurl = 'postgresql://me@db/'\n", ":2:1", '"store.url" names no database', SERVER),
    ("[store]\nurl = 'postgresql://me@db/x/y'\n", ":2:1", '"store.url" names no database', SERVER),
    ("[store]\nurl = 'postgresql://db/x?options=-c'\n", ":2:1", '"store.url" has an option that is not known', OPTIONS),
    ("[store]\nurl = 'postgresql://db/x?folder=y'\n", ":2:1", '"store.url" has an option that is not known', OPTIONS),
    ("[store]\nurl = 'postgresql://db/x?schema=Pg'\n", ":2:1", '"store.url" names a schema of an unusual form', SCHEMA),
    ("[store]\nurl = 'postgresql://db/x?schema=pg_x'\n", ":2:1", '"store.url" names a schema of an unusual form', SCHEMA),
    ("[store]\nurl = 'sqlite:///'\n", ":2:1", '"store.url" must name a file and nothing else', DATABASE),
    ("[store]\nurl = 'sqlite:///:memory:'\n", ":2:1", '"store.url" must name a file and nothing else', DATABASE),
    ("[store]\nurl = 'sqlite:///x.db?mode=ro'\n", ":2:1", '"store.url" must name a file and nothing else', DATABASE),
    # what no part of the program does is no setting
    ("[transport.ses]\nmod = 'bulk'\n", ":2:1", '"transport.ses.mod" is not a setting', 'did you mean "transport.ses.mode"?'),
    ("signing_key = 'x'\n", ":1:1", '"signing_key" is not a setting', "the file takes site, sender, theme, utm, store, transport, schedule, web, archive, images, clicks, ratings, retention, checks and fields"),
    ("[schedule]\nrrule = 'FREQ=WEEKLY;BYDAY=SU'\nanchor = 2026-11-09\n", ":3:1", '"schedule.anchor" is 2026-11-09, a Monday, which is no day of "schedule.rrule"', "write 2026-11-15, or the date of another issue"),
    # several faults
    ("[utm]\nmedum = 'x'\n[site]\nname = 3\n[fields]\nX = ''\n", ":2:1", '"utm.medum" is not a setting', 'did you mean "utm.medium"? (2 more faults after this one)'),
    ("[site]\nname = 3\nnmae = 'x'\n", ":3:1", '"site.nmae" is not a setting', 'did you mean "site.name"? (1 more fault after this one)'),
    ("[site]\nname = 3\nqqq = 'x'\n", ":2:1", '"site.name" has to be a text in quotes, not a number', 'write it like this: name = "Slack Water" (1 more fault after this one)'),
    ("[transport]\nkind = 'smtp'\n[transport.smtp]\nhots = 'x'\n", ":4:1", '"transport.smtp.hots" is not a setting', 'did you mean "transport.smtp.host"? (1 more fault after this one)'),
    ("utm = { medum = 'x' }\nzzz = 1\n", ":1:9", '"utm.medum" is not a setting', 'did you mean "utm.medium"? (1 more fault after this one)'),
    # a byte-order mark shifts nothing
    ("\ufeffqqq = 'x'\n", ":1:1", '"qqq" is not a setting', "the file takes site, sender, theme, utm, store, transport, schedule, web, archive, images, clicks, ratings, retention, checks and fields"),
    ("\ufeff[site]\r\nnmae = 'x'\r\n", ":2:1", '"site.nmae" is not a setting', 'did you mean "site.name"?'),
]  # fmt: skip


def refused(text="", *, environ=None, dotenv="", kind="newsletter.toml"):
    name = "pyproject.toml" if kind == "pyproject" else kind
    with pytest.raises(InputError) as caught:
        load(
            ConfigText(file=name, text=text, kind=kind),
            environ=environ or {},
            dotenv=dotenv,
        )
    return caught.value


@pytest.mark.sweep
@pytest.mark.parametrize(("text", "place", "message", "hint"), MALFORMED)
def test_a_fault_in_the_file_is_told_with_its_place_and_the_way_out(text, place, message, hint):
    error = refused(text)
    assert (str(error.place), error.message, error.hint) == (
        f"newsletter.toml{place}",
        message,
        hint,
    )


VARIABLE_FAULTS = [
    ("NEWSLETTER_SITE__NMAE", "x", "NEWSLETTER_SITE__NMAE is not a setting", "did you mean NEWSLETTER_SITE__NAME?"),
    ("newsletter_site__nmae", "x", "NEWSLETTER_SITE__NMAE is not a setting", "did you mean NEWSLETTER_SITE__NAME?"),
    ("NEWSLETTER_ZZ", "x", "NEWSLETTER_ZZ is not a setting", 'unset it; "newsletter settings" lists those there are'),
    ("NEWSLETTER_FIELDS__", "x", "NEWSLETTER_FIELDS__ is not a setting", "did you mean NEWSLETTER_FIELDS?"),
    ("NEWSLETTER_FIELDS__1ST", "x", "NEWSLETTER_FIELDS__1ST is not a possible name for a merge field", "use small letters, digits and _, and begin with a letter: first_name"),
    ("NEWSLETTER_FIELDS", "x", "NEWSLETTER_FIELDS has to be a JSON object", 'write it like this: {"name": "text"}'),
    ("NEWSLETTER_FIELDS", '{"name": 3}', '"name" in NEWSLETTER_FIELDS has to be a text', 'write it like this: NEWSLETTER_FIELDS={"name": "there"}'),
    ("NEWSLETTER_CHECKS__IGNORE", '{"x": ""}', '"x" in NEWSLETTER_CHECKS__IGNORE needs a reason', "say in a few words why this finding does not matter"),
    ("NEWSLETTER_TRANSPORT__SMTP__PORT", "smtp", "NEWSLETTER_TRANSPORT__SMTP__PORT has to be a whole number", "write it like this: NEWSLETTER_TRANSPORT__SMTP__PORT=587"),
    ("NEWSLETTER_TRANSPORT__SMTP__PORT", "", "NEWSLETTER_TRANSPORT__SMTP__PORT has to be a whole number", "write it like this: NEWSLETTER_TRANSPORT__SMTP__PORT=587"),
    ("NEWSLETTER_TRANSPORT__SES__MAX_RATE", "fast", "NEWSLETTER_TRANSPORT__SES__MAX_RATE has to be a number", "write it like this: NEWSLETTER_TRANSPORT__SES__MAX_RATE=14.0"),
    ("NEWSLETTER_TRANSPORT__SES__MAX_RATE", "inf", "NEWSLETTER_TRANSPORT__SES__MAX_RATE has to be a number", "write it like this: NEWSLETTER_TRANSPORT__SES__MAX_RATE=14.0"),
    ("NEWSLETTER_TRANSPORT__KIND", "smpt", "NEWSLETTER_TRANSPORT__KIND is none of the values it can have", 'write "folder", "smtp" or "ses"'),
    ("NEWSLETTER_UTM__ENABLED", "maybe", "NEWSLETTER_UTM__ENABLED has to be true or false", "write it like this: NEWSLETTER_UTM__ENABLED=true"),
    ("NEWSLETTER_UTM__SKIP_HOSTS", '["a.org"', "NEWSLETTER_UTM__SKIP_HOSTS has to be a list", "write it like this: NEWSLETTER_UTM__SKIP_HOSTS=web.archive.org,archive.ph"),
    ("NEWSLETTER_UTM__SKIP_HOSTS", "a.org, b.org:80", "item 2 of NEWSLETTER_UTM__SKIP_HOSTS is not a bare host name", 'leave out "https://", the port and the path'),
    ("NEWSLETTER_UTM__SKIP_HOSTS", "[" * 100_000, "NEWSLETTER_UTM__SKIP_HOSTS has to be a list", "write it like this: NEWSLETTER_UTM__SKIP_HOSTS=web.archive.org,archive.ph"),
    ("NEWSLETTER_SCHEDULE__ANCHOR", "Sunday", "NEWSLETTER_SCHEDULE__ANCHOR is not a date", "write it like this: NEWSLETTER_SCHEDULE__ANCHOR=2026-11-08"),
    ("NEWSLETTER_SCHEDULE__TIME", "9", "NEWSLETTER_SCHEDULE__TIME is not a time of day, from 00:00 to 23:59", "write it like this: NEWSLETTER_SCHEDULE__TIME=09:00"),
    ("NEWSLETTER_STORE__URL", "postgres://x", "NEWSLETTER_STORE__URL is not the address of a PostgreSQL database", SERVER),
    ("NEWSLETTER_STORE__URL", "mysql://x", "NEWSLETTER_STORE__URL is not the address of a SQLite file or a PostgreSQL database", ANY_DATABASE),
]  # fmt: skip


@pytest.mark.parametrize(("variable", "value", "message", "hint"), VARIABLE_FAULTS)
def test_a_fault_in_a_variable_names_the_variable(variable, value, message, hint):
    error = refused(environ={variable: value})
    assert (error.place, error.message, error.hint) == (None, message, hint)


@pytest.mark.parametrize(("variable", "value", "message", "hint"), VARIABLE_FAULTS)
def test_a_fault_in_dotenv_names_the_variable_and_the_line(variable, value, message, hint):
    error = refused(dotenv=f"# one\n\nOTHER=1\n\n{variable}='{value}'\n")
    assert (str(error.place), error.message, error.hint) == (".env:5", message, hint)


def test_a_variable_that_is_not_utf8_is_refused_in_words_that_can_be_printed():
    error = refused(environ={"NEWSLETTER_SITE__NAME": "caf\udce9"})
    assert error.message == "NEWSLETTER_SITE__NAME is not text in UTF-8"
    assert error.hint == "set it again, in a terminal that uses UTF-8"
    error = refused(environ={"NEWSLETTER_FIELDS__CAF\udce9": "x"})
    assert error.message == (
        "NEWSLETTER_FIELDS__CAF? is not a possible name for a merge field"
    )  # fmt: skip
    error.message.encode()


@pytest.mark.parametrize(
    ("dotenv", "message", "hint"),
    [
        ("A=1\nNEWSLETTER_SITE__NAME='x\n", "this line cannot be read", 'write NAME="value" with both quotes'),
        ("A=1\nexport NEWSLETTER_SITE__NAME\n", "NEWSLETTER_SITE__NAME has no value", "write NEWSLETTER_SITE__NAME=the value"),
    ],
)  # fmt: skip
def test_an_unreadable_line_of_dotenv_is_told_with_its_number(dotenv, message, hint):
    error = refused(dotenv=dotenv)
    assert (str(error.place), error.message, error.hint) == (".env:2", message, hint)


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("x = 1\n[tool.newsletter.site]\nnmae = 'x'\n", ":3:1", '"site.nmae" is not a setting', 'did you mean "site.name"?'),
        ("[tool.newsletter]\nsite = 3\n", ":2:1", '"site" is a group of settings, not a single value', "write [tool.newsletter.site] on a line of its own, and its settings below it"),
        ("[tool]\nnewsletter = 3\n", ":2:1", '"tool.newsletter" is a group of settings, not a single value', "write [tool.newsletter] on a line of its own, and its settings below it"),
        (f"[tool.newsletter]\ntransport.smtp.password = '{SECRET}'\n", ":2:16", '"transport.smtp.password" is a secret and must not stand in pyproject.toml', f"set NEWSLETTER_TRANSPORT__SMTP__PASSWORD {MOVE_IT}"),
    ],
)  # fmt: skip
def test_a_fault_in_pyproject_is_told_with_its_place(text, place, message, hint):
    error = refused(text, kind="pyproject")
    assert (str(error.place), error.message, error.hint) == (
        f"pyproject.toml{place}",
        message,
        hint,
    )


def test_what_tomllib_says_is_the_cause_without_its_position():
    assert refused("[site]\nname = Slack\n").cause == "Invalid value"


def test_the_first_of_faults_in_several_sources_is_the_one_in_the_file():
    sources = {
        "text": "[site]\nlanguage = '?'\n",
        "dotenv": "NEWSLETTER_SITE__TIMEZONE=x",
        "environ": {"NEWSLETTER_SITE__PUBLIC_URL": "x"},
    }
    told = []
    while sources:
        error = refused(**sources)
        told.append((error.message.split(" ")[0], error.hint.rpartition("(")[2][:6]))
        sources.pop(next(iter(sources)))
    assert told == [
        ('"site.language"', "2 more"),
        ("NEWSLETTER_SITE__TIMEZONE", "1 more"),
        ("NEWSLETTER_SITE__PUBLIC_URL", "write "),
    ]


@pytest.mark.parametrize(
    "sources",
    [
        {"text": f"transport.smtp.password = '{SECRET}'"},
        {"text": f"[transport.smtp]\npassword = ['{SECRET}']"},
        {"text": f"[store]\nurl = 'postgresql://me:{SECRET}@db/x'"},
        {"text": f"[sender]\nfrom_address = '{SECRET}@'"},
        {"environ": {"NEWSLETTER_STORE__URL": f"mysql://me:{SECRET}@db/x"}},
        {"dotenv": f"NEWSLETTER_TRANSPORT__SMTP__PASSWORD='{SECRET}"},
        {"dotenv": f"NEWSLETTER_STORE__URL=postgres://me:{SECRET}@db/x"},
    ],
)
def test_no_error_quotes_a_value_not_even_its_traceback(sources):
    error = refused(**sources)
    told = f"{error} {error.cause} {error.hint}" + "".join(
        line
        for line in traceback.format_exception(error)
        if "tests" not in line  # this file's own lines hold the secret
    )
    assert SECRET[:10] not in told


NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=20)
OPEN = [path for path in SETTINGS if SETTINGS[path].kind == "table"]


@given(group=st.sampled_from(sorted(GROUPS)), name=NAMES)
@example(group=(), name="web")
@example(group=("transport",), name="lambda")
def test_any_unknown_name_is_refused_wherever_it_stands(group, name):
    if (*group, name) in {*GROUPS, *SETTINGS}:
        return
    key = ".".join((*group, name))
    for value in ("'x'", "1", "{}"):
        error = refused(f"{key} = {value}")
        assert error.message == f'"{key}" is not a setting'
        assert error.place is not None
        assert (error.place.line, error.place.column) == (1, len(key) - len(name) + 1)


@given(name=NAMES.map(str.upper))
def test_any_unknown_variable_is_refused(name):
    variable = f"NEWSLETTER_{name}"
    if variable in VARIABLES or name.startswith("FIELDS__"):
        return
    assert refused(environ={variable: "x"}).message == f"{variable} is not a setting"
    assert refused(dotenv=f"{variable}=x").message == f"{variable} is not a setting"
