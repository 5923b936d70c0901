"""Commands about the machinery: settings, db."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter.cli.show import VOICE, result, result_json, say, table

db = typer.Typer(help="The records' own database.", no_args_is_help=True)


def settings(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show every setting and where it came from; secrets are masked."""
    from newsletter.cli.desk import open_desk
    from newsletter.settings import effective

    VOICE.json = as_json
    rows = effective(open_desk().settings)
    if as_json:
        result_json(
            {"settings": [{"key": r.key, "value": r.value, "origin": r.origin} for r in rows]}
        )
    else:
        result(table([(row.key, row.value, row.origin) for row in rows]))


@db.command("upgrade")
def upgrade() -> None:
    """Bring an older database up to this version."""
    from newsletter.cli.desk import open_desk
    from newsletter.store.schema import upgrade as migrate

    before, after = migrate(open_desk().store_url)
    say("the records are up to date" if before == after else f"the records are now at {after}")
