"""Whatever is wrong with the settings, their owner is still known where anything tells of them."""

from __future__ import annotations

import json

import pytest

from newsletter.errors import InputError
from newsletter.settings import ConfigText, choose, load, salvage, worth_keeping

OWNER, HOOK = "wren.owner@slackwater.example.org", "https://hooks.example.org/t0ken"
SOUND = """\
[site]
name = "Slack Water"
timezone = "Europe/Amsterdam"

[sender]
from_name = "Wren"
from_address = "wren@slackwater.example.org"

[transport]
kind = "smtp"

[transport.smtp]
host = "smtp.example.org"

[schedule]
rrule = "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO"
anchor = 2026-11-08
owner = "wren.owner@slackwater.example.org"
webhook = "https://hooks.example.org/t0ken"
"""


def file(text: str, kind="newsletter.toml") -> ConfigText:
    name = "newsletter.toml" if kind == "newsletter.toml" else "pyproject.toml"
    return ConfigText(file=name, text=text, kind=kind)


def kept(text: str = SOUND) -> dict[str, object]:
    """What a trigger keeps, as it comes back from its file."""
    found: dict[str, object] = json.loads(json.dumps(worth_keeping(load(file(text), environ={}))))
    return found


def swapped(old: str, new: str) -> str:
    assert SOUND.count(old) == 1
    return SOUND.replace(old, new)


def is_faulty(text: str) -> bool:
    try:
        load(file(text), environ={})
    except InputError:
        return True
    return "\ufffd" in text


#: Faults that leave the way out, the sender and the owner alone.
ELSEWHERE = {
    "a time that is none": SOUND + 'time = "25:00"\n',
    "a time zone that is none": swapped("Europe/Amsterdam", "Europe/Atlantis"),
    "an unknown key": SOUND + "ownr = 1\n",
    "an unknown table": SOUND + "[scheduel]\ntime = 9\n",
    "a rule that is none": swapped("FREQ=WEEKLY", "FREQ=SOMETIMES"),
    "an anchor in another age": swapped("2026-11-08", "0001-01-01"),
    "no anchor": swapped("anchor = 2026-11-08\n", ""),
    "a secret in the file": 'signing_key = "0123456789abcdef0123456789abcdef"\n' + SOUND,
    "a password in the store's address":
        SOUND + '[store]\nurl = "postgresql://wren:secret@db.example.org/n"\n',
    "a group that is a value": "utm = 7\n" + SOUND,
    "a value that is a group": SOUND + "[utm.source]\na = 1\n",
    "an open table's bad name": SOUND + '[fields]\n"Not A Name" = "x"\n',
    "a bad network": SOUND + '[web]\ntrusted_proxies = ["the router"]\n',
    "a table without its end": SOUND + "[utm\nenabled = true\n",
    "a text without its end": SOUND + '[utm]\nsource = "x\n',
    "latin-1 in a text": SOUND + '[utm]\nsource = "caf\ufffd"\n',
    "a number of ten thousand digits": SOUND + f"[utm]\nsource = {'9' * 10_000}\n",
    "ten thousand brackets": SOUND + f"[utm]\nsource = {'[' * 10_000}\n",
    "an infinite number": SOUND + "catch_up = inf\n",
    "a merge conflict": SOUND + "[utm]\n<<<<<<< HEAD\nenabled = true\n=======\n>>>>>>> theirs\n",
    "a NUL": SOUND + '[utm]\nsource = "a\0b"\n',
}  # fmt: skip
#: Faults in the way out or the sender: who is the owner is known, but not how a mail goes.
WAY_OUT = {
    "a kind that is none": swapped('"smtp"', '"pigeon"'),
    "a port that is none": swapped('host = "smtp', 'port = 99999\nhost = "smtp'),
    "a host with a scheme": swapped("smtp.example.org", "smtp://smtp.example.org"),
    "smtp without a host": swapped('host = "smtp.example.org"\n', ""),
    "a password in the file": swapped('host = "smtp', 'password = "x"\nhost = "smtp'),
    "a sender that is no address": swapped("wren@slackwater", "wren@@slackwater"),
    "two senders": swapped("from_name", 'from_address = "jay@example.org"\nfrom_name'),
    "latin-1 in the sender": swapped('"Wren"', '"Z\ufffdo"'),
    "latin-1 in the host": swapped("smtp.example", "smtp\ufffd.example"),
    "the transport a value": swapped('[transport]\nkind = "smtp"\n', "").replace(
        "[transport.smtp]\nhost", "transport"
    ),
    "a transport's table without its end": swapped("[transport.smtp]", "[transport.smtp"),
    "the sender's table twice": SOUND + '[sender]\nfrom_name = "Jay"\n[sender\n',
}
#: Faults that leave nobody known but by what was kept.
OWNER_GONE = {
    "an owner that is no address": swapped("wren.owner@", "wren.owner@@"),
    "an owner that is a list": swapped(f'"{OWNER}"', f'["{OWNER}"]'),
    "a schedule misspelt": swapped("[schedule]", "[schedul]"),
    "the whole schedule without its end": swapped("[schedule]", "[schedule"),
    "no newsletter of ours": "\ufffd\ufffd\0\0" * 100,
    "nothing but a bracket": "[",
}


@pytest.mark.parametrize("text", [*ELSEWHERE.values(), *WAY_OUT.values(), *OWNER_GONE.values()])
def test_each_of_these_is_a_fault(text):
    assert is_faulty(text)


@pytest.mark.parametrize(
    "text",
    [*ELSEWHERE.values(), *WAY_OUT.values(), *OWNER_GONE.values()],
    ids=[*ELSEWHERE, *WAY_OUT, *OWNER_GONE],
)
def test_with_what_was_kept_the_owner_is_known_and_so_is_the_way_out(text):
    found = salvage((file(text),), environ={}, last=kept())
    assert (found.schedule.owner, found.schedule.webhook) == (OWNER, HOOK)
    assert (found.transport.kind, found.transport.smtp.host) == ("smtp", "smtp.example.org")
    assert found.sender.from_address == "wren@slackwater.example.org"


@pytest.mark.sweep
@pytest.mark.parametrize("text", ELSEWHERE.values(), ids=ELSEWHERE)
def test_without_it_a_fault_elsewhere_hides_nobody(text):
    found = salvage((file(text),), environ={}, last={})
    assert (found.schedule.owner, found.schedule.webhook) == (OWNER, HOOK)
    assert (found.transport.kind, found.transport.smtp.host) == ("smtp", "smtp.example.org")


@pytest.mark.parametrize("text", WAY_OUT.values(), ids=WAY_OUT)
def test_without_it_no_mail_goes_a_doubtful_way_but_the_webhook_is_called(text):
    found = salvage((file(text),), environ={}, last={})
    assert (found.schedule.owner, found.schedule.webhook) == ("", HOOK)


@pytest.mark.parametrize("text", OWNER_GONE.values(), ids=OWNER_GONE)
def test_without_it_the_environment_may_still_name_somebody(text):
    environ = {"NEWSLETTER_SCHEDULE__WEBHOOK": HOOK, "NEWSLETTER_UTM__ENABLED": "perhaps"}
    found = salvage((file(text),), environ=environ, last={})
    assert (found.schedule.owner, found.schedule.webhook) == ("", HOOK)


def test_settings_in_both_files_name_whom_either_names():
    ours = file('[site]\nname = "Slack Water"\n' + SOUND.partition("\n\n")[2])
    shared = file(
        '[tool.newsletter.schedule]\nheartbeat_url = "https://b.example.org/a"\n', "pyproject"
    )
    with pytest.raises(InputError, match="settings stand in"):
        choose(ours, shared)
    found = salvage((shared, ours), environ={}, last={})
    assert (found.schedule.owner, found.schedule.webhook) == (OWNER, HOOK)
    assert found.schedule.heartbeat_url == "https://b.example.org/a"


def test_what_is_sound_now_counts_more_than_what_was():
    text = swapped(OWNER, "jay@example.org").replace("Europe/Amsterdam", "Europe/Atlantis")
    found = salvage((file(text),), environ={}, last=kept())
    assert found.schedule.owner == "jay@example.org"


def test_who_was_taken_out_is_not_told_of_a_fault_elsewhere():
    text = swapped(f'owner = "{OWNER}"\n', "") + '[utm]\nsource = ""\n'
    found = salvage((file(text),), environ={}, last=kept())
    assert (found.schedule.owner, found.schedule.webhook) == ("", HOOK)


def test_a_variable_counts_more_than_what_was_kept():
    environ = {"NEWSLETTER_SCHEDULE__OWNER": "jay@example.org"}
    found = salvage((file("["),), environ=environ, last=kept())
    assert found.schedule.owner == "jay@example.org"


@pytest.mark.parametrize(
    "line", ["NEWSLETTER_SCHEDULE__OWNER", "NEWSLETTER_x='", '\ufffd\0 NEWSLETTER_="']
)
def test_a_line_of_dotenv_that_cannot_be_read_hides_nobody(line):
    found = salvage((file(SOUND),), environ={}, dotenv=f"A=1\n{line}\n", last=kept())
    assert (found.schedule.owner, found.schedule.webhook) == (OWNER, HOOK)


@pytest.mark.parametrize(
    "last",
    [{"schedule.owner": "@"}, {"schedule.owner": [1]}, {"nonsense.x": 1}, {"transport.kind": "smtp"},
     {"transport.smtp.password": "x"}, {"": 1}, {"schedule": {"owner": OWNER}}],
)  # fmt: skip
def test_what_was_kept_may_itself_be_at_fault(last):
    found = salvage((file("["),), environ={"NEWSLETTER_SCHEDULE__WEBHOOK": HOOK}, last=last)
    assert (found.schedule.owner, found.schedule.webhook) == ("", HOOK)
    assert found.transport.smtp.password is None


def test_no_secret_is_kept():
    environ = {"NEWSLETTER_TRANSPORT__SMTP__PASSWORD": "tide-table-57"}
    values = worth_keeping(load(file(SOUND), environ=environ))
    assert not any("password" in key for key in values)
    assert "tide-table-57" not in str(values)
