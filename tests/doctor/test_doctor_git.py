"""What git keeps of people's data and secrets, and what it would take up next."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.doctor.test_doctor import found, told
from tests.support.cli_fixtures import ROOT, folder, plain_environment, ready

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes


def git(root, *words):
    subprocess.run(["git", "-C", root, *words], check=True, capture_output=True)


@pytest.fixture
def repository(ready, monkeypatch):
    """The example newsletter, all committed that may be."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Wren")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "wren@example.org")
    shutil.copy(ROOT / ".gitignore", ready.root)
    git(ready.root, "init", "--quiet")
    git(ready.root, "add", "-A")
    git(ready.root, "commit", "--quiet", "-m", "all")
    return ready


def test_a_repository_as_it_should_be_is_well(repository):
    assert found(repository.run("doctor", "--json")) == {}


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        "subscribers/people.csv",
        "subscribers/2026/March.CSV",
        "mail/074/1.eml",
        ".newsletter/backups/a.bak",
        "old/left-0123456789ab.log",
    ],
)
def test_each_kind_of_file_that_must_not_be_in_git_is_named(repository, name):
    repository.write(name, "x").chmod(0o600)
    git(repository.root, "add", "--force", name)
    ran = repository.run("doctor", "--json")
    assert (ran.code, found(ran)) == (5, {"git": "error"})
    detail, hint = told(ran, "git")
    assert detail == f"git keeps files with people's data or secrets: {name}"
    assert hint == f"git rm --cached {name}; earlier commits still have them"


def test_records_are_known_under_any_name_and_other_databases_are_none(repository):
    shutil.copy(repository.root / ".newsletter/newsletter.db", repository.root / "copy of it.db")
    repository.write("Thumbs.db", b"\xd0\xcf\x11\xe0 subscribers")
    git(repository.root, "add", "--force", "copy of it.db", "Thumbs.db")
    detail, hint = told(repository.run("doctor", "--json"), "git")
    assert detail.endswith(": copy of it.db")
    assert hint.startswith("git rm --cached 'copy of it.db'; ")


def test_many_files_are_counted(repository):
    for number in range(5):
        repository.write(f"subscribers/{number}.csv", "x")
    git(repository.root, "add", "--force", "subscribers")
    detail, _ = told(repository.run("doctor", "--json"), "git")
    assert detail.endswith(": subscribers/0.csv, subscribers/1.csv, subscribers/2.csv and 2 more")


def test_what_gitignore_does_not_cover_is_named_before_it_is_committed(repository):
    repository.write(".gitignore", ".newsletter/\n/build/\n")
    git(repository.root, "commit", "-a", "--quiet", "-m", "less")
    ran = repository.run("doctor", "--json")
    assert (ran.code, found(ran)) == (0, {"git": "warning"})
    assert told(ran, "git")[0] == (
        "git would take these, with people's data or secrets: "
        ".env, subscribers/people.csv, mail/001/1.eml"
    )


def test_a_newsletter_deep_in_a_repository_is_looked_at_alone(repository, tmp_path):
    outer = repository.root.parent
    shutil.rmtree(repository.root / ".git")
    (outer / ".env").write_text("SECRET=1")
    git(outer, "init", "--quiet")
    git(outer, "add", "-A")
    assert found(repository.run("doctor", "--json")) == {}


def test_a_file_of_the_ledger_that_is_not_committed_is_told_with_the_line_to_type(repository):
    repository.write("issues/.ledger/notes.txt", "no file of the ledger")
    repository.write("issues/.ledger/75.json", "{}")
    ran = repository.run("doctor", "--json")
    detail, hint = told(ran, "ledger")
    assert "1 file of the ledger is not committed" in detail
    assert "git add issues/.ledger && git commit -m" in hint
