"""Commands that send: one test mail, or an issue to everybody."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Annotated

import typer

from newsletter import clocks
from newsletter.cli.show import VOICE, result
from newsletter.errors import InputError

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def trial(
    *,
    to: Annotated[
        list[str], typer.Option("--to", metavar="ADDR", help="Where it goes; may be repeated.")
    ],
    issue: Annotated[int | None, typer.Option(metavar="N", help="The number of the issue.")] = None,
    letter: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Instead of an issue a mail about the list: "
            "confirm, already, welcome, move or moved.",
        ),
    ] = "",
) -> None:
    """Send one real mail to yourself, marked [TEST]; it counts nowhere."""
    from newsletter.audience.letters import letter_named
    from newsletter.cli.context import open_project, open_transport
    from newsletter.cli.write import list_aloud
    from newsletter.sending.trial import refuse_unaccepted, send_letter_trial, send_trial

    if (issue is None) == (not letter):
        raise InputError(
            "a test is of one mail: an issue, or a letter about the list",
            hint="--issue N, or --letter confirm",
        )
    project = open_project()
    if issue is None:
        prepared, give = None, partial(send_letter_trial, project, letter_named(letter))
    else:
        prepared = project.issue(issue, now=clocks.now())
        give = partial(send_trial, project, prepared)
    with contextlib.closing(open_transport(project)) as transport:
        trials = give(transport, to, clock=clocks.now)
        if prepared is not None:
            list_aloud(prepared)
        results = []
        for one in trials:
            result(one.said)
            results.append(one)
    refuse_unaccepted(project, results)


def send(
    *,
    issue: Annotated[
        int | None,
        typer.Option(metavar="N", help="The number of the issue; required unless --due is given."),
    ] = None,
    confirm: Annotated[
        int | None, typer.Option(metavar="N", help="The same number again, instead of being asked.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent; send and write nothing.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(metavar="K", min=1, help="Send at most K mails, then pause.")
    ] = None,
    expect: Annotated[
        int | None, typer.Option(metavar="N", help="Refuse unless there are exactly N recipients.")
    ] = None,
    skip_check: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Send although this check fails.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Repeat a rehearsal; a real send is never repeated.")
    ] = False,
    restored: Annotated[
        bool,
        typer.Option(
            "--restored",
            help="The records are a backup, or a standby's: what they may lack is unknown.",
        ),
    ] = False,
    detached: Annotated[
        bool,
        typer.Option("--detach", help="Leave it to the workers, and do not wait until it is sent."),
    ] = False,
    due: Annotated[
        bool, typer.Option("--due", help="Send the approved issue that is due, if there is one.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; only with --due.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send an issue to everybody who should get it, once; run it again to go on."""
    from newsletter.cli.context import open_project
    from newsletter.sending.options import SendOptions

    VOICE.json = as_json
    chosen = {
        "--issue": issue is not None, "--confirm": confirm is not None,
        "--skip-check": bool(skip_check), "--again": again, "--restored": restored,
        "--detach": detached,
    }  # fmt: skip
    by_hand = [name for name, given in chosen.items() if given]
    if fault := _disagreement(issue, due=due, yes=yes, asks=not dry_run, by_hand=by_hand):
        if due:
            from newsletter.cli.trigger import tell

            tell(fault)
        raise fault
    options = SendOptions(
        issue=issue or 0,
        dry_run=dry_run,
        limit=limit,
        expect=expect,
        skip_checks=tuple(skip_check or ()),
        again=again,
        restored=restored,
        detach=detached,
    )
    if due:
        from newsletter.cli.trigger import answer

        code = answer(options)
    else:
        from newsletter.cli.sending import send_issue

        code = send_issue(open_project(), options, confirmed=confirm)
    if code:
        raise typer.Exit(code)


def _disagreement(
    issue: int | None, *, due: bool, yes: bool, asks: bool, by_hand: list[str]
) -> InputError | None:
    """The fault of options that contradict each other: by number or by date, never both."""
    if not due and issue is None:
        return InputError("Missing option '--issue'", hint="newsletter send --help")
    if not due and yes:
        return InputError("--yes goes with --due", hint=f"without --due: --confirm {issue}")
    if due and by_hand:
        both = f"--due and {by_hand[0]} do not go together"
        hint = f"--due finds the issue by its date; leave out {' and '.join(by_hand)}, or --due"
        return InputError(both, hint=hint)
    if due and asks and not yes:
        return InputError("--due cannot ask for a confirmation", hint="add --yes")
    return None
