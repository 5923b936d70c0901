"""A trigger whose settings cannot be read still tells the owner, by mail and by the webhook."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import subprocess
import threading

import pytest

from newsletter.alerts import notifier
from newsletter.sending import due
from tests.support.certificates import certificate, server_side
from tests.support.commands import SCRIPT
from tests.support.schedule_fixtures import (
    DUE,
    OWNER,
    Web,
    approved,
    at,
    folder,
    plain_environment,
    post,
    ready,
    web_listener,
)

__all__ = ["approved", "at", "certificate", "folder", "plain_environment", "post", "ready"]

pytestmark = pytest.mark.processes
CONFIG = "newsletter.toml"
KEPT = ".newsletter/last-settings.json"


@pytest.fixture
def in_file(post, certificate):
    """Owner, way out and webhook stand in newsletter.toml alone; what the webhook was told."""
    patch, port = post.newsletter.patch, os.environ["NEWSLETTER_TRANSPORT__SMTP__PORT"]
    for name in [name for name in os.environ if name.startswith("NEWSLETTER_TRANSPORT__")]:
        patch.delenv(name)
    patch.setenv("SSL_CERT_FILE", str(certificate))
    with web_listener(Web(), server_side(certificate)) as web:
        url = f"https://127.0.0.1:{web.port}"
        way = f'"smtp"\nsmtp = {{ host = "127.0.0.1", port = {port}, security = "none" }}\n'
        post.newsletter.edit(CONFIG, '"folder"\n', way)
        told = f'owner = "{OWNER}"\nwebhook = "{url}/hook"\nheartbeat_url = "{url}/alive"\n'
        post.newsletter.edit(CONFIG, "[schedule]\n", "[schedule]\ncancel_window = 0\n" + told)
        patch.setenv("TEST_HOOK", f"{url}/hook")
        yield lambda: [path for _, path, _ in web.calls]


@pytest.fixture
def orderly(post, in_file, at):
    """After one call that had nothing to do."""
    at("2026-11-20 08:00")
    ran = post.due()
    assert ran.code == 0, ran.err
    assert in_file() == ["/alive"]
    at("2026-11-22 08:00")
    return in_file


def config_of(newsletter):
    return newsletter.root / CONFIG


def both_files(newsletter):
    newsletter.write("pyproject.toml", '[tool.newsletter.site]\nname = "Other"\n')


def latin_1(newsletter):
    text = config_of(newsletter).read_text("utf-8")
    config_of(newsletter).write_bytes((text + "# caf\xe9\n").encode("latin-1"))


def no_toml(newsletter):
    newsletter.edit(CONFIG, "[schedule]", "[schedule")


def garbage(newsletter):
    config_of(newsletter).write_bytes(os.urandom(4096))


def emptied(newsletter):
    config_of(newsletter).write_bytes(b"\xff")


def gone(newsletter):
    config_of(newsletter).unlink()


def a_folder(newsletter):
    gone(newsletter)
    config_of(newsletter).mkdir()


def leads_out(newsletter):
    config_of(newsletter).rename(newsletter.root.parent / CONFIG)
    config_of(newsletter).symlink_to("../newsletter.toml")


def dotenv(newsletter):
    newsletter.write(".env", b"NEWSLETTER_TRANSPORT__KIND=\xff\n")


def bad_owner(newsletter):
    newsletter.edit(CONFIG, OWNER, "wren.owner@@slackwater.example.org")


def bad_sender(newsletter):
    newsletter.edit(CONFIG, 'from_address = "wren@', 'from_address = "wren@@')


def bad_port(newsletter):
    newsletter.edit(CONFIG, 'security = "none"', 'security = "never"')


SPOILED = [
    both_files, latin_1, no_toml, garbage, emptied, gone, a_folder, leads_out, dotenv, bad_owner,
    bad_sender, bad_port,
]  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILED)
def test_after_an_orderly_call_the_owner_is_told_by_mail_and_webhook_once(post, orderly, spoil):
    spoil(post.newsletter)
    for _ in range(3):
        ran = post.due()
        assert ran.code == 2
    assert len(post.told) == 1
    assert "Stopped: " in post.subjects[0]
    assert orderly() == ["/alive", "/hook"]
    assert post.readers == []


@pytest.mark.parametrize("spoil", [both_files, latin_1])
def test_so_it_is_before_any_call_where_the_file_tells(post, in_file, spoil):
    spoil(post.newsletter)
    assert post.due().code == 2
    assert (len(post.told), in_file()) == (1, ["/hook"])


@pytest.mark.parametrize("spoil", [bad_owner, bad_sender, bad_port])
def test_before_any_call_a_doubtful_way_is_left_to_the_webhook(post, in_file, spoil):
    spoil(post.newsletter)
    assert post.due().code == 2
    assert (post.told, in_file()) == ([], ["/hook"])


@pytest.mark.parametrize("spoil", [no_toml, garbage, gone])
def test_where_nothing_tells_of_an_owner_it_is_said_and_is_no_sign_of_life(post, in_file, spoil):
    spoil(post.newsletter)
    ran = post.due()
    assert ran.code == 2
    assert ran.error
    assert (post.told, in_file()) == ([], [])


def test_outside_a_newsletter_the_environment_may_name_somebody(post, in_file, tmp_path):
    post.newsletter.patch.setenv("NEWSLETTER_SCHEDULE__WEBHOOK", os.environ["TEST_HOOK"])
    for where in (tmp_path / "empty", tmp_path / "missing"):
        if where.name == "empty":
            where.mkdir()
        assert post.newsletter.run("-C", str(where), *DUE).code == 2
    assert in_file() == ["/hook"] * 2
    assert list((tmp_path / "empty").iterdir()) == []
    assert not (tmp_path / "missing").exists()


def test_a_folder_that_was_removed_under_a_trigger_is_told_as_well(post, in_file, tmp_path):
    post.newsletter.patch.setenv("NEWSLETTER_SCHEDULE__WEBHOOK", os.environ["TEST_HOOK"])
    gone = tmp_path / "gone"
    gone.mkdir()
    post.newsletter.patch.chdir(gone)
    gone.rmdir()
    post.newsletter.patch.setattr(os, "chdir", lambda _: None)  # the command stays there
    ran = post.newsletter.run(*DUE)
    assert (ran.code, ran.error) == (2, "error: the folder that this was started in is gone")
    assert "-C" in ran.hint
    assert in_file() == ["/hook"]


@pytest.mark.parametrize(
    "words",
    [("send", "--due", "--yes", "--nonsense"), ("send", "--due"), ("send", "--due", "--yes", "x"),
     ("send", "--due", "--yes", "--issue", "74"), ("send", "--due", "--yes", "--limit", "many")],
    ids=" ".join,
)  # fmt: skip
def test_a_call_that_cannot_be_understood_is_told_once(post, in_file, words):
    for _ in range(2):
        assert post.newsletter.run(*words).code == 2
    assert len(post.told) == 1
    assert in_file() == ["/hook"]


def test_a_person_who_mistypes_another_command_is_told_on_the_spot_alone(post, in_file):
    assert post.newsletter.run("send", "--yes").code == 2
    assert post.newsletter.run("send", "--nonsense").code == 2
    assert (post.told, in_file()) == ([], [])


# --- what is kept ----------------------------------------------------------------------------


def test_what_is_kept_is_its_owners_alone_whatever_the_umask(post, orderly, at):
    path = post.newsletter.root / KEPT
    path.unlink()
    umask = os.umask(0)
    try:
        at("2026-11-20 09:00")
        post.due()
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_others_may_have_written_is_not_believed(post, orderly):
    (post.newsletter.root / KEPT).chmod(0o666)
    no_toml(post.newsletter)
    post.due()
    assert (post.told, orderly()) == ([], ["/alive"])


def test_a_folder_made_to_note_who_was_told_is_its_owners_alone(post, in_file):
    shutil.rmtree(post.newsletter.root / ".newsletter")
    umask = os.umask(0)
    try:
        assert post.due().code == 2
    finally:
        os.umask(umask)
    found = [
        post.newsletter.root / ".newsletter",
        *(post.newsletter.root / ".newsletter").rglob("*"),
    ]
    assert [path.name for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
    assert (post.newsletter.root / ".newsletter/.gitignore").read_text() == "*\n"


def test_a_call_that_went_wrong_keeps_nothing(post, in_file, monkeypatch):
    def fail(*_: object, **__: object) -> object:
        raise OverflowError

    monkeypatch.setattr(due, "_decide", fail)
    assert post.due().code == 1
    assert not (post.newsletter.root / KEPT).exists()


# --- who does not answer ---------------------------------------------------------------------


@pytest.fixture
def mute():
    """A server that takes connections and says nothing."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_a_mail_server_that_never_answers_keeps_nobody_waiting(post, in_file, mute, monkeypatch):
    monkeypatch.setattr(notifier, "_SECONDS", 0.5)
    post.newsletter.patch.setenv("NEWSLETTER_TRANSPORT__SMTP__PORT", str(mute))
    post.newsletter.patch.setenv("NEWSLETTER_SCHEDULE__TIME", "25:00")
    ran = post.due()
    assert ran.code == 2
    assert "the owner was not told: no answer in time" in ran.err
    assert in_file() == ["/hook"]


def test_a_resolver_that_never_answers_keeps_nobody_waiting(post, in_file, monkeypatch):
    monkeypatch.setattr(notifier, "_SECONDS", 0.5)
    real, answered = socket.getaddrinfo, threading.Event()

    def hang(host, *words, **more):
        if host == "hooks.example.org":
            answered.wait(60)
        return real(host, *words, **more)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    patch = post.newsletter.patch
    patch.setenv("NEWSLETTER_SCHEDULE__WEBHOOK", "https://hooks.example.org/x")
    patch.setenv("NEWSLETTER_SCHEDULE__TIME", "25:00")
    ran = post.due()
    answered.set()
    assert "the webhook was not reached: no answer in time" in ran.err
    assert len(post.told) == 1


# --- where nothing can be said ---------------------------------------------------------------


@pytest.mark.parametrize("streams", [">/dev/full 2>&1", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_log_that_cannot_be_written_hides_nothing(post, in_file, streams):
    post.newsletter.edit(CONFIG, "[schedule]", "[schedule]\nwhen = 1")
    words = ["/bin/sh", "-c", f'exec "$@" {streams}', "sh", str(SCRIPT), *DUE]
    assert subprocess.run(words, cwd=post.newsletter.root, check=False).returncode == 2
    assert (len(post.told), in_file()) == (1, ["/hook"])
