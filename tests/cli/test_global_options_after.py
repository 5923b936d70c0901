"""The options of `newsletter` itself, typed after the command; and help as people write it."""

from __future__ import annotations

import pytest
import typer.main

from newsletter.cli.app import app
from newsletter.errors import InputError
from tests.support.cli_commands import empty, only_json
from tests.support.cli_fixtures import Folder, folder, plain_environment, ready

__all__ = ["empty", "folder", "plain_environment", "ready"]

WHOLE = typer.main.get_command(app)


def commands(path, command):
    """Every command with its words, groups and what is in them."""
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands([*path, name], inner)


EVERY = [(" ".join(path), command) for path, command in commands([], WHOLE)]


@pytest.mark.parametrize("where", [(0,), (1,), (2,)])
def test_the_folder_is_taken_before_between_and_after(ready, where):
    inner = Folder(ready.root / "elsewhere", ready.patch, ready.capture)
    inner.root.mkdir()
    words = ["subscribers", "list", "--json"]
    words[where[0] : where[0]] = ["-C", ".."]
    assert len(only_json(inner.run(*words))["people"]) == 25


def test_each_place_adds_to_the_one_before(ready):
    inner = Folder(ready.root / "one" / "two", ready.patch, ready.capture)
    inner.root.mkdir(parents=True)
    assert inner.run("-C", "..", "settings", "-C", "..").code == 0


def test_other_settings_colours_and_silence_are_taken_after_the_command(ready):
    ready.write("other.toml", "[site]\nname = 'Other'\n")
    rows = only_json(ready.run("settings", "--json", "--config", "other.toml"))["settings"]
    assert {"key": "site.name", "value": "Other", "origin": "other.toml:2"} in rows
    assert "\x1b[" in ready.run("check", "--issue", "75", "--color", "always").out
    assert ready.run("check", "--issue", "75", "-q").err == ""
    ran = ready.run("subscribers", "erase", "nobody@example.org", "--no-input")
    assert ran.error == "error: erasing needs a confirmation, and there is no terminal to ask on"
    assert ready.run("build", "--version").out == "newsletter 0.1.0\n"


def test_debug_after_the_command_shows_the_fault_itself(ready):
    with pytest.raises(InputError, match="there is no issue 999"):
        ready.run("send", "--issue", "999", "--debug")


def test_a_wrong_value_after_the_command_is_told_with_the_commands_help(ready):
    ran = ready.run("status", "--color", "green")
    assert (ran.code, ran.hint) == (2, "hint: newsletter status --help")


@pytest.mark.processes  # git
def test_the_folder_of_init_is_its_own_word(empty):
    (empty.root / "elsewhere").mkdir()
    ran = empty.run("init", "fresh", "-C", "elsewhere")
    assert ran.code == 0
    assert (empty.root / "elsewhere/fresh/newsletter.toml").is_file()


@pytest.mark.sweep
@pytest.mark.parametrize(("words", "command"), EVERY)
def test_help_names_no_type_of_the_language(folder, words, command):
    folder.patch.setenv("COLUMNS", "100")
    out = folder.run(*words.split(), "--help").out
    assert "Usage: newsletter" in out
    for name in ("<bool>", "<int>", "<str>", "<path>", "<list", "<float>"):
        assert name not in out


@pytest.mark.parametrize(("words", "command"), EVERY)
def test_no_command_takes_a_global_option_for_its_own(words, command):
    everywhere = {name for one in WHOLE.params for name in one.opts}
    own = [name for one in command.params for name in one.opts if one.param_type_name == "option"]
    assert not words or not everywhere & set(own)
