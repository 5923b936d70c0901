"""A command is made when it is asked for, so that its neighbours cost nothing."""

from __future__ import annotations

import pytest

from newsletter.cli.command import Commands, Entry, MadeWhenAsked


def sound(*, often: int = 1) -> None:
    """Do it."""


# Making a command of it fails.
def broken(*, often: Nowhere) -> None:  # type: ignore[name-defined]  # noqa: F821
    """Fail."""


def test_a_neighbour_is_not_made():
    commands = MadeWhenAsked({"sound": Entry(sound, "Do"), "broken": Entry(broken, "Do")})
    assert list(commands) == ["sound", "broken"]
    assert "broken" in commands
    assert commands["sound"].name == "sound"
    assert commands["sound"].rich_help_panel == "Do"
    assert commands["sound"] is commands["sound"]
    with pytest.raises(NameError, match="Nowhere"):
        commands["broken"]


def test_a_group_of_one_command_stays_a_group():
    inner = Commands()
    inner.command("alone")(sound)
    assert list(MadeWhenAsked({"group": Entry(inner, "Do")})["group"].commands) == ["alone"]
