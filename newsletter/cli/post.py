"""Commands that send: one test mail, or an issue to everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from newsletter import clocks
from newsletter.cli.show import VOICE, result
from newsletter.errors import AccountError, InputError, PausedError, UnknownOutcomesError

if TYPE_CHECKING:
    from newsletter.delivery import Outcome
    from newsletter.delivery.deliver import Transport
    from newsletter.message import Message
    from newsletter.project import Project

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def trial(
    *,
    issue: Annotated[int, typer.Option(metavar="N", help="The number of the issue.")],
    to: Annotated[
        list[str], typer.Option("--to", metavar="ADDR", help="Where it goes; may be repeated.")
    ],
) -> None:
    """Send one real mail of an issue to yourself, marked [TEST]; it counts nowhere."""
    from newsletter.cli.context import open_project, open_transport
    from newsletter.cli.write import list_aloud
    from newsletter.delivery.deliver import expect_way_out
    from newsletter.sending.trial import trial_mails

    project = open_project()
    prepared, transport = project.issue(issue, now=clocks.now()), open_transport(project)
    expect_way_out(
        transport,
        public_url=project.settings.site.public_url,
        unsubscribe_mailto=project.settings.sender.unsubscribe_mailto,
    )
    # A typing error stops them all.
    now = None if transport.stamps else clocks.now()
    messages = trial_mails(project.settings, prepared, to, now=now)
    list_aloud(prepared)
    try:
        outcomes = _deliver_trials(project, transport, messages)
    finally:
        transport.close()
    _expect_accepted(outcomes)


def _deliver_trials(
    project: Project, transport: Transport, messages: list[Message]
) -> list[Outcome]:
    from newsletter.audience import mask
    from newsletter.delivery import Result

    outcomes = []
    for message in messages:
        outcomes.append(outcome := transport.deliver(message))
        told = outcome.reason
        if transport.rehearsal and outcome.result is Result.ACCEPTED:
            told = f"{project.settings.transport.folder}/{outcome.message_id}"
        what = outcome.result.value.replace("_", " ")
        result(f"{mask(message.to)} {what}" + (f": {told}" if told else ""))
        if outcome.result is Result.NOT_SENT:  # and the next one would fail as well
            break
    return outcomes


def _expect_accepted(outcomes: list[Outcome]) -> None:
    """Raise what the worst outcome of a test means; nothing is tried again by itself."""
    from newsletter.delivery import Effect, Result

    for outcome in outcomes:
        if outcome.result is Result.UNKNOWN:
            raise UnknownOutcomesError(
                f"nobody can say whether the test mail arrived: {outcome.reason}",
                hint="look into the mailbox before testing again",
            )
    for outcome in outcomes:
        if outcome.effect is Effect.REJECT:
            raise InputError(f"the test mail is malformed: {outcome.reason}")
        if outcome.effect is not Effect.STOP and outcome.result in {
            Result.NOT_SENT,
            Result.REFUSED,
        }:
            raise AccountError(
                f"the test mail was refused: {outcome.reason}", hint="newsletter settings"
            )
    for outcome in outcomes:
        if outcome.result is not Result.ACCEPTED:
            raise PausedError(
                f"the test mail was not taken now: {outcome.reason}", hint="try again later"
            )


def send(
    *,
    issue: Annotated[
        int | None, typer.Option(metavar="N", help="The number of the issue; needed but for --due.")
    ] = None,
    confirm: Annotated[
        int | None, typer.Option(metavar="N", help="The same number: do not ask.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Do all but send; change not one byte.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(metavar="K", min=1, help="Send K mails, then pause.")
    ] = None,
    expect: Annotated[
        int | None, typer.Option(metavar="N", help="Refuse unless there are N recipients.")
    ] = None,
    skip_check: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Send despite this finding.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Repeat a rehearsal; never a real send.")
    ] = False,
    restored: Annotated[
        bool,
        typer.Option(
            "--restored",
            help="Go on from a backup that was put back: who may have got it since is unknown.",
        ),
    ] = False,
    due: Annotated[
        bool, typer.Option("--due", help="Send the approved issue whose date has come, if any.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; only with --due.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send an issue to everybody who should get it, once; run it again to go on."""
    from newsletter.cli.context import open_project
    from newsletter.cli.draining import Wish

    VOICE.json = as_json
    by_hand = bool(confirm or skip_check or again or restored)
    if fault := _disagreement(issue, due=due, yes=yes, by_hand=by_hand):
        if due:
            from newsletter.cli.trigger import tell

            tell(fault)
        raise fault
    wish = Wish(
        issue=issue or 0,
        confirm=confirm,
        dry_run=dry_run,
        limit=limit,
        expect=expect,
        skip_checks=tuple(skip_check or ()),
        again=again,
        restored=restored,
    )
    if due:
        from newsletter.cli.trigger import answer

        code = answer(wish)
    else:
        from newsletter.cli.sending import send_issue

        code = send_issue(open_project(), wish)
    if code:
        raise typer.Exit(code)


def _disagreement(issue: int | None, *, due: bool, yes: bool, by_hand: bool) -> InputError | None:
    """The fault of options that contradict each other: by number or by date, never both."""
    if not due and issue is None:
        return InputError("Missing option '--issue'", hint="newsletter send --help")
    if not due and yes:
        return InputError("--yes goes with --due", hint=f"by hand: --confirm {issue}")
    if due and (issue is not None or by_hand):
        return InputError(
            "--due finds the issue by its date, and nobody is there to decide",
            hint="leave out --issue, --confirm, --skip-check, --again and --restored",
        )
    if due and not yes:
        return InputError("--due asks nobody, so it needs --yes", hint="add --yes")
    return None
