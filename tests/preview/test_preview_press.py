"""What happens at a press, and to whoever presses without the token of the run."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from newsletter.check import Finding
from newsletter.errors import InputError, Place
from newsletter.preview.editor import editor_command, open_in_editor
from tests.support.preview_fixtures import TOKEN, Desk, a_preview, desk

__all__ = ["desk"]

NAME = "issues/074-a-letter.md"


def press(desk: Desk, name: str, body: Any, **headers: str) -> Any:
    """Press something; with the right token unless another is given."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return desk.client().post(
        f"/issues/74/{name}", content=data, headers={"X-Preview-Token": TOKEN, **headers}
    )


def an_editor(folder: Path, *arguments: str) -> tuple[tuple[str, ...], Path]:
    """A program that writes down what it was asked to open, one word a line."""
    note, program = folder / "asked", folder / "an editor"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{note}.new"\nmv "{note}.new" "{note}"\n')
    program.chmod(0o755)
    return (str(program), *arguments), note


def asked(note: Path) -> list[str]:
    """The words of a note, once it has been written."""
    until = time.monotonic() + 20
    while not note.exists():
        assert time.monotonic() < until, "the editor was never started"
        time.sleep(0.01)
    return note.read_text().splitlines()


# --- the editor --------------------------------------------------------------------------------


@pytest.mark.processes
def test_a_line_opens_in_the_author_s_editor(desk, tmp_path):
    desk.editor, note = an_editor(tmp_path, "--goto", "{file}:{line}:{column}")
    answer = press(desk, "editor", {"file": NAME, "line": 12, "column": 5})
    assert answer.status_code == 200
    assert answer.json() == {"said": f"opened {NAME}:12:5"}
    assert asked(note) == ["--goto", f"{desk.folder.parent / NAME}:12:5"]


@pytest.mark.processes
def test_no_shell_ever_reads_a_name(desk, tmp_path):
    name = "issues/075-$(touch pwned); `touch pwned` {line}.md"
    (desk.folder.parent / name).write_text("a letter")
    desk.made[74] = a_preview(file=name)
    desk.editor, note = an_editor(tmp_path, "{file}", "+{line}")
    assert press(desk, "editor", {"file": name, "line": 3}).status_code == 200
    assert asked(note) == [str(desk.folder.parent / name), "+3"]
    assert list(tmp_path.rglob("pwned")) == []


@pytest.mark.processes
def test_places_of_findings_and_faults_open_too(desk, tmp_path):
    desk.editor, note = an_editor(tmp_path, "{file}")
    theme = desk.folder.parent / "theme.mjml"
    theme.write_text("x")
    assert press(desk, "editor", {"file": "theme.mjml"}).status_code == 404
    place = Place("theme.mjml", 3)
    desk.made[74] = a_preview(
        findings=(Finding(id="x", severity="error", place=place, message="m", hint="h"),)
    )
    assert press(desk, "editor", {"file": "theme.mjml"}).status_code == 200
    assert asked(note) == [str(theme)]
    desk.made[74] = InputError("broken", place=place)
    assert press(desk, "editor", {"file": "theme.mjml"}).status_code == 200


@pytest.mark.parametrize("file", ["/etc/hostname", "../outside.png", "outside.png", "issues/../outside.png", "", None, 7, ["x"], "issues/074-a-letter.md/"])  # fmt: skip
def test_no_other_file_can_be_asked_for(desk, tmp_path, file):
    desk.editor, note = an_editor(tmp_path, "{file}")
    assert press(desk, "editor", {"file": file}).status_code == 404
    assert not note.exists()


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b'{"file": "issues/074-a-letter.md", "line": "1; rm"}', b'{"file": "issues/074-a-letter.md", "line": -1}', b'"' + b"x" * 20000 + b'"'])  # fmt: skip
def test_what_is_no_press_is_refused(desk, tmp_path, body):
    desk.editor, note = an_editor(tmp_path, "{file}")
    assert press(desk, "editor", body).status_code in {400, 404}
    assert not note.exists()


@pytest.mark.processes
def test_without_an_editor_the_way_out_is_said(desk):
    answer = press(desk, "editor", {"file": NAME})
    assert answer.status_code == 409
    assert "set VISUAL" in answer.json()["problem"]
    desk.editor = ("/nowhere/editor", "{file}")
    answer = press(desk, "editor", {"file": NAME})
    assert answer.status_code == 409
    assert "editor could not be started" in answer.json()["problem"]


def test_a_file_that_went_is_not_opened(desk, tmp_path):
    desk.editor, note = an_editor(tmp_path, "{file}")
    (desk.folder.parent / NAME).unlink()
    assert press(desk, "editor", {"file": NAME}).status_code == 404
    assert not note.exists()


@pytest.mark.parametrize(
    ("said", "environ", "there", "command"),
    [
        ("", {"VISUAL": "code --wait"}, "", ("code", "--wait", "--goto", "{file}:{line}:{column}")),
        ("", {"VISUAL": "vim", "EDITOR": "/usr/bin/subl -w"}, "code", ("/usr/bin/subl", "-w", "{file}:{line}:{column}")),
        ("", {"EDITOR": "gvim"}, "", ("gvim", "+{line}", "{file}")),
        ("", {"EDITOR": "idea"}, "", ("idea", "--line", "{line}", "{file}")),
        ("", {"EDITOR": "nano"}, "codium kate", ("codium", "--goto", "{file}:{line}:{column}")),
        ("", {"EDITOR": "'unclosed"}, "kate", ("kate", "--line", "{line}", "{file}")),
        ("", {"EDITOR": "nvim"}, "", None),
        ("", {}, "", None),
        ("mine --at '{file}' -n{line}", {"VISUAL": "code"}, "code", ("mine", "--at", "{file}", "-n{line}")),
        ("vim", {}, "", ("vim", "+{line}", "{file}")),
    ],
)  # fmt: skip
def test_the_editor_is_the_one_said_or_named_or_found(said, environ, there, command):
    names = there.split()
    assert editor_command(said, environ, lambda name: name if name in names else None) == command


def test_an_editor_that_is_no_command_is_an_input_error():
    with pytest.raises(InputError, match="--editor is not a command"):
        editor_command("code '", {})


@pytest.mark.processes
def test_a_whole_file_opens_at_its_first_line(tmp_path):
    command, note = an_editor(tmp_path, "{file}:{line}:{column}")
    open_in_editor(command, tmp_path / "x.md", 0, 0)
    assert asked(note) == [f"{tmp_path}/x.md:1:1"]


# --- a test mail -------------------------------------------------------------------------------


def test_a_press_sends_one_mail_and_says_what_became_of_it(desk):
    client = desk.client()

    def test(to: str, name: str) -> tuple[int, str]:
        body = json.dumps({"to": to, "press": name}).encode()
        answer = client.post("/issues/74/test", content=body, headers={"X-Preview-Token": TOKEN})
        [said] = answer.json().values()
        return answer.status_code, said

    assert test("ada@example.org", "1") == (200, "mail 1")
    assert test("ada@example.org", "1") == (409, "this press has been answered already")
    assert test("ada@example.org", "2") == (200, "mail 2")
    assert test("bob@example.org", "3") == (409, "mail 3")
    assert desk.trials == [(74, "ada@example.org")] * 2 + [(74, "bob@example.org")]


@pytest.mark.parametrize("body", [{}, {"to": "ada@example.org"}, {"to": ["a@example.org", "b@example.org"], "press": "1"}, {"to": "ada@example.org", "press": ""}, {"to": "ada@example.org", "press": 1}])  # fmt: skip
def test_a_press_names_one_address_and_itself(desk, body):
    assert press(desk, "test", body).status_code == 400
    assert desk.trials == []
    assert desk.asked == []


def test_a_press_asks_for_the_links(desk):
    answer = press(desk, "links", {})
    assert answer.json() == {"asked": {"https://a.example/": [True, "200"]}}
    assert desk.asked == [74]


# --- who may press -----------------------------------------------------------------------------

PRESSES = ["editor", "test", "links"]
BOTH = {"file": NAME, "to": "ada@example.org", "press": "1"}


@pytest.mark.parametrize("name", PRESSES)
@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper()])
def test_a_wrong_token_is_403_and_nothing_happens(desk, tmp_path, name, token):
    desk.editor, note = an_editor(tmp_path, "{file}")
    answer = press(desk, name, BOTH, **{"X-Preview-Token": token})
    assert answer.status_code == 403
    assert not note.exists()
    assert desk.trials == []
    assert desk.asked == []


@pytest.mark.parametrize("name", PRESSES)
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost:7474"])  # fmt: skip
def test_a_foreign_origin_is_403_even_with_the_token(desk, tmp_path, name, origin):
    desk.editor, note = an_editor(tmp_path, "{file}")
    assert press(desk, name, BOTH, Origin=origin).status_code == 403
    assert not note.exists()
    assert desk.trials == []
    assert desk.asked == []


@pytest.mark.parametrize("name", PRESSES)
def test_a_foreign_host_is_400_even_with_the_token(desk, tmp_path, name):
    desk.editor, note = an_editor(tmp_path, "{file}")
    assert press(desk, name, BOTH, Host="evil.example").status_code == 400
    assert not note.exists()
    assert desk.trials == []
    assert desk.asked == []


@pytest.mark.parametrize("name", PRESSES)
def test_a_look_is_no_press(desk, name):
    assert desk.client().get(f"/issues/74/{name}").status_code == 405


@pytest.mark.parametrize("name", PRESSES)
def test_an_issue_that_is_not_there_cannot_be_pressed(desk, name):
    answer = desk.client().post(
        f"/issues/99/{name}", content=json.dumps(BOTH).encode(), headers={"X-Preview-Token": TOKEN}
    )
    assert answer.status_code == 404


def test_the_token_stands_in_the_page_and_in_no_address(desk):
    page = desk.page()
    assert page.count(TOKEN) == 1
    assert f'<meta name="token" content="{TOKEN}">' in page
    assert TOKEN not in desk.page("/")
    assert TOKEN not in desk.client().get("/issues/74/mail").text


# --- files to keep -----------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), [("html", "074.html"), ("mjml", "074.mjml"), ("text", "074.txt"), ("eml", "074.eml")])  # fmt: skip
def test_parts_can_be_kept_and_never_run(desk, kind, name):
    desk.made[74] = preview = a_preview("<script>alert(1)</script>", text="words\n")
    answer = desk.client().get(f"/issues/74/files/{kind}")
    expected = {"html": preview.html.encode(), "mjml": preview.mjml.encode(), "text": b"words\n", "eml": preview.mail}  # fmt: skip
    assert answer.content == expected[kind]
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert not answer.headers["content-type"].startswith("text/html")
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("kind", ["md", "%2e%2e", "html/", "%2e%2e%2fmail", "eml%00"])
def test_there_are_no_other_files(desk, kind):
    assert desk.client().get(f"/issues/74/files/{kind}").status_code == 404
    desk.made[74] = InputError("broken")
    assert desk.client().get("/issues/74/files/html").status_code == 404
