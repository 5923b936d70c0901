"""A command is made when it is asked for, so that its neighbours cost nothing."""

from __future__ import annotations

import pytest

from newsletter.cli.command import CommandEntry, Commands, MadeWhenAsked


def sound(*, often: int = 1) -> None:
    """Do it."""


# Making a command of it fails.
def broken(*, often: Nowhere) -> None:  # type: ignore[name-defined]  # noqa: F821
    """Fail."""


group = Commands()
group.command("sound")(sound)


def test_a_neighbour_is_not_made():
    commands = MadeWhenAsked(
        {
            "sound": CommandEntry(f"{__name__}:sound", "Do"),
            "broken": CommandEntry(f"{__name__}:broken", "Do"),
        }
    )
    assert list(commands) == ["sound", "broken"]
    assert "broken" in commands
    assert commands["sound"].name == "sound"
    assert commands["sound"].rich_help_panel == "Do"
    assert commands["sound"] is commands["sound"]
    with pytest.raises(NameError, match="Nowhere"):
        commands["broken"]


def test_a_group_of_one_command_stays_a_group():
    made = MadeWhenAsked({"group": CommandEntry(f"{__name__}:group", "Do")})
    assert list(made["group"].commands) == ["sound"]
