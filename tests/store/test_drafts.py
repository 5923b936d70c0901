"""Files with addresses in them are git's at no moment: not as drafts, and not beside the records."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from newsletter.errors import InputError
from newsletter.people import export
from newsletter.project import git
from newsletter.store.folder import backup
from newsletter.store.sqlite import files
from tests.support.cli_fixtures import Folder, folder, plain_environment, ready

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes


def repository(root: Path, ignored: str) -> None:
    """Make a repository that has all there is now, and ignores some names to come."""
    shutil.copy(Path(__file__).parents[2] / ".gitignore", root)
    with (root / ".gitignore").open("a") as stream:
        stream.write(f"\n{ignored}\n")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    subprocess.run(["git", "-C", str(root), "add", "."], check=True)


def seen(root: Path) -> str:
    """The new files that git would take up."""
    words = ["git", "-C", str(root), "ls-files", "--others", "--exclude-standard"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("words", "room", "name"),
    [
        (("db", "backup", "copy.db"), files, "copy"),
        (("subscribers", "export", "copy.csv"), export, "write_list"),
    ],
)
def test_a_draft_is_git_s_and_others_at_no_moment(ready: Folder, monkeypatch, words, room, name):
    # Exactly these names are ignored: what stands beside them under another one is not.
    repository(ready.root, "/copy.db\n/copy.csv")
    write, meanwhile = getattr(room, name), []

    def written(*given: object) -> object:
        told = write(*given)
        meanwhile.append(seen(ready.root))
        meanwhile.extend(
            str(path) for path in ready.root.glob(".copy.*") if path.stat().st_mode & 0o077
        )
        return told

    monkeypatch.setattr(room, name, written)
    assert ready.run(*words).code == 0
    assert meanwhile == [""]
    assert (ready.root / words[-1]).stat().st_mode & 0o777 == 0o600
    assert list(ready.root.glob(".copy.*")) == []


def test_what_a_killed_backup_has_left_goes_with_a_later_one(ready: Folder, monkeypatch):
    kept = ready.root / ".newsletter/backups"
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # killed before its end
        assert ready.run("db", "backup").code == 0
    (left,) = kept.glob(".newsletter-*")
    assert ready.run("db", "backup").code == 0
    assert left.exists()  # it may be one that is just being made
    old = left.stat().st_mtime - backup._STALE - 60
    os.utime(left, (old, old))
    assert ready.run("db", "backup").code == 0
    assert not left.exists()


def test_records_at_a_url_of_ones_own_are_ignored_whole_or_not_made(folder: Folder):
    toml = (folder.root / "newsletter.toml").read_text("utf-8")
    folder.write("newsletter.toml", toml + '\n[store]\nurl = "sqlite:///people.db"\n')
    repository(folder.root, "/people.db")
    words = "subscribers", "import", "subscribers/example.csv", "--consent-source", "a list"
    ran = folder.run(*words)
    assert ran.code == 2
    assert "git would take up these records" in ran.error
    assert ran.hint == "hint: add people.db* to .gitignore, or leave store.url empty"
    with (folder.root / ".gitignore").open("a") as stream:
        stream.write("/people.db*\n")
    assert folder.run(*words).code == 0
    assert folder.run("db", "backup").code == 0
    backups = folder.root / "backups"
    assert len(list(backups.glob("newsletter-*.db"))) == 1
    assert "backups" not in seen(folder.root)


def test_where_git_does_not_answer_nothing_is_written_and_its_words_are_told(ready: Folder):
    repository(ready.root, "")
    (ready.root / ".git/config").write_text("[core\n")
    for words in (("db", "backup", "copy.db"), ("subscribers", "export", "copy.csv")):
        ran = ready.run(*words)
        assert ran.code == 2
        assert "git does not say whether it would take up this file" in ran.error
        assert "bad config" in ran.err
        assert not (ready.root / words[-1]).exists()
    assert "git does not say" in ready.run("doctor").out


def test_a_folder_named_like_git_s_is_no_repository(tmp_path):
    (tmp_path / ".git").mkdir()
    assert not git.would_take(tmp_path / "copy.db")
    (tmp_path / ".git").rmdir()
    (tmp_path / ".git").write_text("gitdir: /nowhere/.git/worktrees/letters\n")
    with pytest.raises(InputError, match="git does not say"):
        git.would_take(tmp_path / "copy.db")
