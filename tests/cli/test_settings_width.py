"""`newsletter settings` fits a terminal, and cuts nothing without saying so."""

from __future__ import annotations

from tests.support.cli_commands import only_json
from tests.support.cli_fixtures import folder, plain_environment

__all__ = ["folder", "plain_environment"]


def test_no_line_is_longer_than_a_hundred_columns_whatever_a_value_holds(folder):
    folder.edit("newsletter.toml", 'name = "Slack Water"', f'name = "{"Slack Water " * 30}"')
    ran = folder.run("settings")
    lines = ran.out.splitlines()
    assert max(map(len, lines)) <= 100
    (name,) = (line for line in lines if line.startswith("site.name "))
    assert " ... " in name
    assert name.endswith("newsletter.toml:6")
    assert ran.err == "hint: --json shows the long values whole\n"
    rows = {row["key"]: row for row in only_json(folder.run("settings", "--json"))["settings"]}
    assert rows["site.name"]["value"] == ("Slack Water " * 30).strip()
    assert len(lines) == len(rows)
