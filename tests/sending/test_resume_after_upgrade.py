"""An issue begun by one version of the program and finished by another."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import pytest

from newsletter.message import FrozenIssue, frozen, quoted_printable
from newsletter.project import issues
from newsletter.render.pipeline import render as real
from newsletter.store import runs
from tests.support.cli_fixtures import folder, plain_environment, ready, snapshot
from tests.support.mails import decoded, parts, raw
from tests.support.upgrades import dump_of_version_1

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

LIST_HEADERS = ("List-Id", "List-Archive", "Precedence", "List-Unsubscribe-Post")


def letter(data: bytes) -> tuple[object, ...]:
    """What a reader gets but for what is theirs alone: name, link, date and mail's name."""
    text, page = parts(data)
    own = raw(data, "List-Unsubscribe").partition("<")[2].partition(">")[0]
    heads = [raw(data, name) for name in LIST_HEADERS if name.encode() in data]
    return (
        decoded(raw(data, "Subject")), raw(data, "From"), *heads,
        text.replace(own, "LINK"), page.replace(own, "LINK"),
    )  # fmt: skip


def frozen_issue(ready):
    with ready.records() as store:
        run = runs.find(store, 80, rehearsal=True)
    assert run is not None
    assert hashlib.sha256(run.content.frozen).hexdigest() == run.content.content_hash
    return run.content.frozen


@pytest.fixture
def same_for_all(ready):
    """An issue that says the same to all its readers, so that one letter can be compared."""
    ready.write(
        "issues/080-the-same.md",
        '---\ntitle: "The same for all"\npreheader: "For all"\n---\nHello Ünder.\n',
    )
    return ready


def send(same_for_all, *words):
    return same_for_all.send(*words, issue=80)


def upgrade_rendering(patch):
    """A version of the program that makes another letter of the same issue."""

    def render(*given):
        done = real(*given)
        return dataclasses.replace(
            done,
            subject=f"{done.subject} (new)",
            html=done.html.replace("Hello", "Good day"),
            text=done.text.replace("Hello", "Good day"),
        )

    patch.setattr(issues, "render", render)


def upgrade_encoding(patch):
    """A version that encodes every byte, whether it has to or not."""

    def line(text):
        escapes = [f"={byte:02X}" for byte in text.encode()]
        return "=\r\n".join("".join(escapes[at : at + 25]) for at in range(0, len(escapes), 25))

    patch.setattr(quoted_printable, "encode", lambda text: "\r\n".join(map(line, text.split("\n"))))


@pytest.fixture
def patch():
    with pytest.MonkeyPatch.context() as context:
        yield context


@pytest.mark.parametrize("upgrade", [upgrade_rendering, upgrade_encoding])
@pytest.mark.parametrize("version", [1, frozen.VERSION])
def test_the_rest_get_the_letter_that_was_frozen(same_for_all, patch, version, upgrade):
    if version == 1:
        patch.setattr(FrozenIssue, "dump", dump_of_version_1)
    assert send(same_for_all, "--limit", "5").code == 6
    patch.undo()
    kept = frozen_issue(same_for_all)
    assert json.loads(kept)["version"] == version
    upgrade(patch)
    assert send(same_for_all).code == 0
    found = [letter(path.read_bytes()) for path in same_for_all.mails(80)]
    assert (len(found), len(set(found))) == (25, 1)
    assert frozen_issue(same_for_all) == kept


def test_what_this_version_cannot_read_is_refused_before_anything_is_written(same_for_all, patch):
    assert send(same_for_all, "--limit", "5").code == 6
    before = snapshot(same_for_all.root)
    patch.setattr(frozen, "VERSION", frozen.VERSION - 1)  # an earlier program
    for words in ((), ("--dry-run",)):
        ran = send(same_for_all, *words)
        assert ran.code == 8
        assert ran.error == (
            "error: this issue was begun by another version of newsletter, "
            "and this one cannot read it"
        )
        assert "the version that began it" in ran.hint
    after = snapshot(same_for_all.root)
    assert {name for name in before if before[name] != after.get(name)} == set()
    patch.undo()
    assert send(same_for_all).code == 0
    assert len(same_for_all.mails(80)) == 25


def test_what_no_mail_can_carry_is_refused_before_it_is_frozen(same_for_all):
    usual = "https://letters.slackwater.example.org/archive"
    same_for_all.edit("newsletter.toml", usual, f"https://a.example/{'a' * 900}")
    ran = send(same_for_all, "--limit", "5")
    assert (ran.code, ran.error) == (2, "error: List-Archive does not fit on one line of a mail")
    assert same_for_all.runs() == ()
