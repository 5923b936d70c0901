"""Commands about people who are on their way to the list."""

from __future__ import annotations

from typing import Annotated

import typer

from newsletter import clocks
from newsletter.cli.show import VOICE, result, result_json, say
from newsletter.errors import InputError
from newsletter.humanize import plural


def waiting(
    *,
    release: Annotated[
        bool, typer.Option("--release", help="Send them although the limit is reached.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show the mails to those who subscribe that wait to be sent; --release lets them go."""
    from newsletter.cli.context import open_project, open_store
    from newsletter.signup.post import budget_of
    from newsletter.store import letters

    VOICE.json = as_json
    project = open_project()
    budget = budget_of(project)
    with open_store(project, create=False, read_only=not release) as store:
        released = letters.release(store) if release else 0
        found = letters.waiting(store, budget, now=clocks.now())
    if as_json:
        since = found.since.isoformat() if found.since else None
        result_json({"waiting": found.number, "held": found.held, "since": since,
                     "released": released})  # fmt: skip
        return
    if release:
        result(f"{plural(released, 'mail goes', 'mails go')} out as `newsletter serve` runs")
        return
    result(f"{plural(found.number, 'mail waits', 'mails wait')} to be sent")
    if found.since:
        say(f"since {found.since:%Y-%m-%d %H:%M} UTC; newsletter serve sends them")
    if found.held:
        held = plural(found.held, "mail waits", "mails wait")
        say(f"{held} for the limit of {budget.hour:,} an hour and {budget.day:,} a day")
        say("hint: were they people? newsletter subscribers waiting --release")


def form(
    *,
    name: Annotated[
        str, typer.Option(metavar="WORD", help="What the consent log calls this form.")
    ] = "",
) -> None:
    """Print the sign-up form, to be put into any web page."""
    from newsletter.cli.context import open_project
    from newsletter.signup.asking import expect_form_name
    from newsletter.signup.forms import form_elsewhere

    project = open_project()
    shown = form_elsewhere(project, name)
    if not shown:
        missing = "site.public_url" if project.settings.web.signup else "web.signup = true"
        raise InputError("nobody can subscribe yet", hint=f"set {missing}")
    expect_form_name(name)
    result(shown.rstrip())
