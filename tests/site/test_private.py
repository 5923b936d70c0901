"""What holds addresses, keys or links that work is its owner's alone, and git's never."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from newsletter.errors import InputError
from newsletter.project import git
from newsletter.project.files import find_root, write_atomic
from newsletter.store import Store
from tests.support.cli_fixtures import Folder, folder, plain_environment, ready, snapshot
from tests.support.commands import script
from tests.support.store_samples import people, store_with, subscriber_count, url_in

__all__ = ["folder", "plain_environment", "ready"]

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]


def modes(*places: Path) -> dict[str, int]:
    """The permissions of some folders and everything in them."""
    found = [path for place in places for path in (place, *place.rglob("*"))]
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in found}


def wide(*places: Path) -> list[str]:
    """What somebody else could open."""
    return [name for name, mode in modes(*places).items() if mode & 0o077]


# --- permissions -------------------------------------------------------------------------------


def test_with_no_mask_at_all_every_file_is_still_for_its_owner_alone(folder: Folder):
    root = folder.root
    for words in (
        ("subscribers", "import", "subscribers/example.csv", "--consent-source", "a list"),
        ("send", "--issue", "74", "--confirm", "74"),
        ("test", "--issue", "74", "--to", "wren@example.org"),
        ("subscribers", "remove", "wren@example.org"),
        ("db", "backup", ".newsletter/copy.db"),
        ("subscribers", "export", ".newsletter/all.csv"),
    ):
        done = script(root, *words, umask=0)
        assert done.returncode in {0, 2}, done.stderr
    names = modes(root / ".newsletter", root / "mail")
    assert {"newsletter.db", "copy.db", "all.csv", "runs", "0001.eml", "0000.eml"} <= set(names)
    assert any(name.endswith(".lock") for name in names)
    assert any(name.startswith("left-") for name in names)
    assert any(name.endswith(".jsonl") for name in names)
    assert wide(root / ".newsletter", root / "mail") == []
    assert not [p for p in (root / ".newsletter/runs").iterdir() if b"@" in p.read_bytes()]


def test_they_are_made_so_and_not_changed_afterwards(ready: Folder, monkeypatch):
    made, real = [], os.open

    def opened(path, flags, mode=0o777, **more):
        if flags & os.O_CREAT:
            made.append((Path(path), mode))
        return real(path, flags, mode, **more)

    monkeypatch.setattr(os, "open", opened)
    assert ready.send().code == 0
    inside = [(p, m) for p, m in made if {"mail", ".newsletter"} & set(p.parts)]
    assert len(inside) > 25
    assert {mode for _, mode in inside} == {0o600}
    found = [p for p in (ROOT / "newsletter").rglob("*.py") if "umask(" in p.read_text("utf-8")]
    assert found == []  # it belongs to the whole process: other threads make files meanwhile


def test_what_an_older_version_has_left_open_is_closed_by_the_next_write_and_by_no_look(
    ready: Folder,
):
    assert ready.send().code == 0
    places = [ready.root / ".newsletter", ready.root / "mail/074"]
    for place in places:
        place.chmod(0o755)
        for path in place.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
    before = modes(*places)
    assert ready.run("status").code == 0
    assert modes(*places) == before
    assert ready.send("--again").code == 0
    assert wide(*places) == []


def test_a_folder_that_is_not_ours_alone_keeps_its_permissions(tmp_path):
    tmp_path.chmod(0o755)
    store_with(tmp_path, people(1)).close()
    (tmp_path / "newsletter.db").chmod(0o644)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "notes.txt").chmod(0o644)
    Store.open(url_in(tmp_path)).close()
    found = modes(tmp_path)
    assert found["newsletter.db"] == 0o600
    assert found["notes.txt"] == 0o644
    assert found[tmp_path.name] == 0o755


def test_who_may_not_change_permissions_can_use_the_records_all_the_same(tmp_path, monkeypatch):
    store_with(tmp_path, people(1)).close()
    (tmp_path / "newsletter.db").chmod(0o644)

    def chmod(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", chmod)
    with Store.open(url_in(tmp_path)) as store:
        assert subscriber_count(store) == 1


def test_a_file_for_everybody_keeps_what_it_had_and_a_new_one_follows_the_mask(tmp_path):
    (tmp_path / "old").write_bytes(b"")
    (tmp_path / "old").chmod(0o664)
    mask = os.umask(0o027)
    try:
        write_atomic(tmp_path / "old", b"x")
        write_atomic(tmp_path / "new", b"x")
        write_atomic(tmp_path / "own", b"x", for_owner=True)
    finally:
        os.umask(mask)
    found = modes(tmp_path)
    assert (found["old"], found["new"], found["own"]) == (0o664, 0o640, 0o600)
    assert len(found) == 4


# --- git ---------------------------------------------------------------------------------------


def repository(root: Path, ignored: str = "") -> None:
    """A repository as another tool has made it, without our lines in .gitignore."""
    subprocess.run(["git", "init", "--quiet", root], check=True)
    (root / ".gitignore").write_text(ignored)


def untracked(root: Path) -> str:
    words = ["git", "-C", str(root), "status", "--porcelain", "--untracked-files=all"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_git_sees_neither_records_nor_rehearsed_mails_whatever_it_is_told(folder: Folder):
    repository(folder.root)
    ready = folder.imported()
    assert ready.send().code == 0
    assert (ready.root / ".newsletter/newsletter.db").exists()
    assert len(ready.mails()) == 25
    seen = untracked(ready.root)
    assert "issues/074" in seen
    assert ".newsletter" not in seen
    assert " mail/" not in seen


@pytest.mark.parametrize("command", [("db", "backup"), ("subscribers", "export")])
def test_addresses_are_not_written_where_the_next_commit_takes_them_up(ready: Folder, command, tmp_path):  # fmt: skip
    repository(ready.root, "*.secret\n")
    before = snapshot(ready.root / "subscribers")
    for name in ("copy.db", "issues/copy.db", "subscribers/copy.db"):
        ran = ready.run(*command, name)
        assert (ran.code, ran.out) == (2, "")
        assert ran.error.startswith(f"error: {name}: git would take up this file")
        assert "outside of the repository or in .newsletter/" in ran.hint
        assert not (ready.root / name).exists()
    assert snapshot(ready.root / "subscribers") == before
    for name in (".newsletter/copy.db", "copy.secret", str(tmp_path / "copy.db")):
        assert ready.run(*command, name).code == 0
    assert "copy" not in untracked(ready.root)


def test_records_of_a_url_of_ones_own_are_not_made_there_either(folder: Folder):
    repository(folder.root)
    toml = (folder.root / "newsletter.toml").read_text("utf-8")
    folder.write("newsletter.toml", toml + '\n[store]\nurl = "sqlite:///people.db"\n')
    source = ("--consent-source", "a list")
    ran = folder.run("subscribers", "import", "subscribers/example.csv", *source)
    assert ran.code == 2
    assert "git would take up these records" in ran.error
    assert not (folder.root / "people.db").exists()
    (folder.root / ".gitignore").write_text("people.db*\n")
    assert folder.run("subscribers", "import", "subscribers/example.csv", *source).code == 0


def test_what_git_would_take(tmp_path, monkeypatch):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    repository(inside, "/quiet/\n!/quiet/loud\n")
    (inside / "there").symlink_to(outside)
    (outside / "back").symlink_to(inside)
    assert git.would_take(inside / "a.db")
    assert git.would_take(inside / "not/there/a.db")
    assert git.would_take(outside / "back/a.db")
    assert not git.would_take(inside / "quiet/a.db")
    assert not git.would_take(inside / "there/a.db")
    assert not git.would_take(inside / ".git/a.db")
    assert not git.would_take(outside / "a.db")
    # A hook of another repository is running this.
    monkeypatch.setenv("GIT_DIR", str(outside / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(outside))
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Wren")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "wren@example.org")
    assert git.would_take(inside / "a.db")
    (inside / "letter.md").write_text("Ahoy")
    assert git.state(inside, "letter.md") == "not in git"
    assert git.commit(inside, "letter.md", "The first")
    assert git.state(inside, "letter.md") == "committed"
    assert git.has(inside, "letter.md")
    assert not git.has(inside, "there")
    monkeypatch.setenv("PATH", str(outside))
    assert not git.would_take(inside / "a.db")


# --- whose settings ----------------------------------------------------------------------------


def given_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a file or folder another user's."""
    if os.geteuid():
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    else:
        os.chown(path, 54321, -1)


@pytest.fixture(params=["newsletter.toml", "pyproject.toml"])
def above(request, tmp_path):
    """A folder with settings, and one below it."""
    (tmp_path / "shared/mine").mkdir(parents=True)
    (tmp_path / "shared" / request.param).write_text("[tool.newsletter]\n")
    return tmp_path / "shared"


@pytest.mark.parametrize("mode", [0o1777, 0o777, 0o757])
def test_settings_above_in_a_folder_that_everybody_can_write_are_not_used(above, mode):
    above.chmod(mode)
    with pytest.raises(InputError, match="everybody can write there") as caught:
        find_root(above / "mine")
    assert "--config" in str(caught.value.hint)


@pytest.mark.parametrize("what", ["", "newsletter.toml"])
def test_settings_above_that_are_another_user_s_are_not_used(above, what, monkeypatch):
    if what and not (above / what).exists():
        what = "pyproject.toml"
    given_away(above / what, monkeypatch)
    with pytest.raises(InputError, match="they are another user's"):
        find_root(above / "mine")


def test_one_s_own_settings_above_are_used_past_a_shared_folder_without_any(above):
    (above / "mine").chmod(0o1777)
    assert find_root(above / "mine") == above
    above.chmod(0o775)
    assert find_root(above / "mine") == above


def test_a_folder_that_was_chosen_may_be_another_user_s_but_not_everybody_s(above, monkeypatch):
    above.chmod(0o777)  # as some disks of other systems show every folder
    assert find_root(above) == above
    above.chmod(0o1777)
    with pytest.raises(InputError, match="everybody can write there"):
        find_root(above)
    above.chmod(0o755)
    given_away(above, monkeypatch)
    assert find_root(above) == above
    above.chmod(0o777)
    with pytest.raises(InputError, match="everybody can write there"):
        find_root(above)


def test_the_command_says_so(folder: Folder):
    (folder.root.parent / "newsletter.toml").write_text("")
    folder.root.parent.chmod(0o1777)
    (folder.root / "newsletter.toml").unlink()
    ran = folder.run("settings")
    assert ran.code == 2
    assert "these settings are not used, for everybody can write there" in ran.error
