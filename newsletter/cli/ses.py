"""`newsletter ses`: the account made ready, and tried."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from newsletter.cli.command import Commands
from newsletter.cli.show import VOICE, paint, result, result_json, say
from newsletter.cli.usage import refuse_together
from newsletter.errors import InputError
from newsletter.humanize import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from newsletter.project import Project
    from newsletter.ses.setup.blueprint import Blueprint
    from newsletter.ses.setup.control import ControlPlane
    from newsletter.ses.setup.dns import DnsRecord, Verification
    from newsletter.ses.setup.plan import PlanStep

app = Commands(help="Amazon SES: the account made ready.", no_args_is_help=True)

_COLOURS: Final = {"+": "green", "~": "yellow", "=": "blue", "!": "red", "?": "red"}
_TABLE: Final = "transport.ses"
_Printed = Literal["dns", "policy", "request"]


@app.callback()
def _ses() -> None:
    """Amazon SES: the account made ready."""


@app.command("setup")
def setup(
    *,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would be done.")] = False,
    destroy: Annotated[
        bool, typer.Option("--destroy", help="Take away what setup made, and nothing else.")
    ] = False,
    confirm: Annotated[
        str, typer.Option("--confirm", metavar="DOMAIN", help="Answer the question beforehand.")
    ] = "",
    domain: Annotated[
        str, typer.Option("--domain", metavar="DOMAIN", help="A parent of the sender's domain.")
    ] = "",
    mail_from: Annotated[
        str,
        typer.Option(
            "--mail-from", metavar="DOMAIN", help="Where bounces return to, if not bounce.DOMAIN."
        ),
    ] = "",
    wait: Annotated[
        float, typer.Option("--wait", metavar="MIN", min=0, help="Wait for SES to see the DNS.")
    ] = 0,
    write: Annotated[
        bool, typer.Option("--write", help="Add the settings to newsletter.toml.")
    ] = False,
    printed: Annotated[
        _Printed | None,
        typer.Option(
            "--print",
            metavar="dns|policy|request",
            help="Print the zone file, the sending host's rights, or a text for AWS.",
        ),
    ] = None,
    with_identity: Annotated[
        bool, typer.Option("--with-identity", help="With --destroy: the domain as well.")
    ] = False,
    with_messages: Annotated[
        bool, typer.Option("--with-messages", help="With --destroy: queues that hold events, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Make what sending through SES needs: identity, configuration set, events queue, rights."""
    from newsletter.cli.context import CONTEXT, open_project
    from newsletter.ses.setup.plan import survey

    VOICE.json = as_json
    refuse_together(
        [("--print", printed), ("--plan", plan), ("--destroy", destroy)],
        [("--print", printed), ("--write", write)], [("--print", printed), ("--wait", wait)],
        [("--destroy", destroy), ("--write", write)], [("--destroy", destroy), ("--wait", wait)],
    )  # fmt: skip
    for name, given in (("--with-identity", with_identity), ("--with-messages", with_messages)):
        if given and not destroy:
            raise InputError(
                f"{name} is for --destroy alone", hint="add --destroy, or leave it out"
            )
    if write and CONTEXT.config:
        raise InputError("--write needs the folder's own settings", hint="leave --config out")
    project = open_project()
    if printed:
        _print(printed, project, domain, as_json=as_json)
        return
    with _opened(project, domain, mail_from) as (control, wanted):
        if confirm and confirm != wanted.domain:
            raise InputError(
                f"--confirm says {confirm}, but this is about {wanted.domain}",
                hint=f"--confirm {wanted.domain}",
            )
        steps = survey(control, wanted)
        if destroy:
            _destroy(
                wanted, steps, confirm, with_identity=with_identity, with_messages=with_messages,
                as_json=as_json,
            )  # fmt: skip
            return
        if not as_json:
            _list(steps)
        if not plan:
            steps = _apply(wanted, steps, confirm)
        _report(project, control, wanted, steps, wait=0 if plan else wait, write=write and not plan,
                as_json=as_json)  # fmt: skip


@app.command("prove")
def prove(
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Send two mails to SES's mailbox simulator, and see their events come back."""
    import time

    from newsletter import clocks
    from newsletter.cli.confirm import confirm
    from newsletter.cli.context import open_project, open_store, open_transport
    from newsletter.events.pull import require_queue
    from newsletter.sending import proof

    VOICE.json = as_json
    project = open_project()
    queue = require_queue(project, os.environ, hint="newsletter ses setup --write")
    with (
        contextlib.closing(queue),
        open_store(project) as store,
        contextlib.closing(open_transport(project)) as transport,
    ):
        if not yes:
            confirm(
                "yes", to="to send two mails to SES's mailbox simulator", subject="a proof",
                hint="--yes", unchanged="nothing was sent",
            )  # fmt: skip
        say("sending, then waiting for the events (up to 3 minutes)")
        found = proof.prove(project, store, transport, queue, clock=clocks.now, sleep=time.sleep)
    if as_json:
        result_json(
            {"proof": {"account": f"...{found.account[-4:]}", "region": found.region,
                       "mode": found.mode, "rules": found.rules, "at": found.at.isoformat()}}
        )  # fmt: skip
    else:
        result(f"proven: mails leave {found.region} as they are written, and are reported back")


@contextlib.contextmanager
def _opened(
    project: Project, domain: str, mail_from: str = ""
) -> Iterator[tuple[ControlPlane, Blueprint]]:
    from newsletter.ses.setup.account import open_account

    with open_account(project.settings, os.environ, domain=domain, mail_from=mail_from) as opened:
        yield opened


def _print(printed: _Printed, project: Project, domain: str, *, as_json: bool) -> None:
    """What is asked for, to be pasted somewhere."""
    told: object
    match printed:
        case "policy":
            rights = _policy(project, domain)
            told, shown = rights, json.dumps(rights, indent=2)
        case "request":
            from newsletter.ses.setup import request
            from newsletter.signup import is_open

            told = shown = request.text(project.settings, confirmed=is_open(project.settings))
        case "dns":
            with _opened(project, domain) as (control, wanted):
                records = _records(project, control, wanted)
            told = _dns(records)
            shown = "\n".join(sorted(record.zone_line for record in records))
    if as_json:
        result_json({printed: told})
    else:
        result(shown)


def _policy(project: Project, domain: str) -> dict[str, Any]:
    """The sending host's rights; whoever wants to read them need not have an account yet."""
    from newsletter.ses.setup.account import UNKNOWN_ACCOUNT, blueprint_anywhere

    wanted, unknown = blueprint_anywhere(project.settings, os.environ, domain=domain)
    if unknown:
        say(f"which account this is for is not known: {unknown}")
        say(
            f"hint: put its 12 digits in place of {UNKNOWN_ACCOUNT}; while it is in the sandbox, "
            f"identity/* in place of identity/{wanted.domain}"
        )
    return wanted.sending_rights


def _apply(wanted: Blueprint, steps: tuple[PlanStep, ...], confirmed: str) -> tuple[PlanStep, ...]:
    from newsletter.ses.setup import plan

    changes = sum(step.is_change for step in steps)
    plan.refuse_unfit(steps)
    if not changes:
        return steps
    number = plural(changes, "change")
    _confirm(wanted, confirmed, f"to make {number} in account ...{wanted.account[-4:]}")

    def done(step: PlanStep) -> None:
        say(f"{step.part.id}: done")

    return plan.apply(steps, done)


def _destroy(
    wanted: Blueprint,
    steps: tuple[PlanStep, ...],
    confirmed: str,
    *,
    with_identity: bool,
    with_messages: bool,
    as_json: bool,
) -> None:
    from newsletter.ses.setup import plan

    going = plan.deleted(steps, with_identity=with_identity)
    chosen = {"with_identity": with_identity, "with_messages": with_messages}
    plan.refuse_obstacles(steps, **chosen)
    for step in plan.unread(steps):
        say(f"? {step.part.id}: {step.seen.detail}, so it stays if it is there")
    for step in going:
        say(f"- {step.part.id}: {step.seen.detail}")
    if going:
        _confirm(wanted, confirmed, f"to take away {plural(len(going), 'thing')}")
        plan.destroy(steps, lambda step: say(f"{step.part.id}: gone"), **chosen)
    if as_json:
        result_json({"gone": [step.part.id for step in going]})
    else:
        result(f"{plural(len(going), 'thing')} taken away" if going else "nothing here is ours")


def _confirm(wanted: Blueprint, confirmed: str, to: str) -> None:
    from newsletter.cli.confirm import confirm

    if not confirmed:
        confirm(
            wanted.domain, to=to, subject="changing an AWS account",
            hint=f"--confirm {wanted.domain}", unchanged="nothing was changed",
        )  # fmt: skip


def _records(project: Project, control: ControlPlane, wanted: Blueprint) -> list[DnsRecord]:
    from newsletter import domains
    from newsletter.ses.setup.account import dns_records

    ask = domains.FreshRecords().ask
    return dns_records(control, wanted, ask, owner=project.settings.schedule.owner)


def _report(
    project: Project,
    control: ControlPlane,
    wanted: Blueprint,
    steps: Sequence[PlanStep],
    *,
    wait: float,
    write: bool,
    as_json: bool,
) -> None:
    """What stands now, what DNS says, and what belongs into the settings."""
    from newsletter.ses.setup.account import settings_of, verification_of

    verified = verification_of(control, wanted, wait, say)
    records = _records(project, control, wanted) if verified else []
    told = settings_of(control, wanted)
    added: tuple[str, ...] = ()
    if write:
        from newsletter.project.settings_file import add_settings

        added = add_settings(project.root, _TABLE, told)
    if as_json:
        result_json(_json(wanted, steps, records, verified, told, added))
        return
    if records:
        _list_records(records)
    if added:
        result(f"newsletter.toml: {', '.join(added)} added to [{_TABLE}]")
    lacking = [name for name in told if not getattr(project.settings.transport.ses, name)]
    if lacking and not write:
        result("For newsletter.toml (--write adds it):")
        result("\n".join([f"[{_TABLE}]", *(f'{name} = "{told[name]}"' for name in lacking)]))
    _advise(project, wanted, steps, verified, records)


def _advise(
    project: Project,
    wanted: Blueprint,
    steps: Sequence[PlanStep],
    verified: Verification | None,
    records: Sequence[DnsRecord],
) -> None:
    from newsletter.ses.setup import request
    from newsletter.ses.setup.dns import OTHER

    taken = {one.name for one in records if one.says == OTHER and one.kind in {"MX", "TXT"}}
    for name in sorted(taken - {f"_dmarc.{wanted.domain}"}):
        say(f"{name} has other records already, and bounces need them to be SES's alone")
        say(f"hint: --mail-from NAME.{wanted.domain} takes another domain for them")

    if verified and not verified.verified:
        say(f"not verified yet: {verified.detail}")
        say("hint: publish the records above, then run this again, or newsletter doctor")
    if wanted.sandbox:
        say("the account is in the sandbox: only verified addresses get mail")
        form = request.address_of_form(wanted.region)
        say(f"hint: newsletter ses setup --print request drafts what to write at {form}")
    if any(step.part.id == "policy" and step.seen.standing == "=" for step in steps):
        say(f"hint: attach the policy {wanted.policy} to the role or user of the host that sends")
    if verified and verified.verified and project.settings.transport.kind != "ses":
        say('hint: all is ready; set kind = "ses" under [transport], then newsletter ses prove')


def _list(steps: Sequence[PlanStep]) -> None:
    import sys

    width = max(len(step.part.id) for step in steps)
    for step in steps:
        sign = step.seen.standing.value
        shown = paint(sign, _COLOURS[sign], sys.stdout)
        ours = "not ours: " if sign == "!" else ""
        result(f"{shown} {step.part.id:<{width}}  {ours}{step.seen.detail}")


def _list_records(records: Sequence[DnsRecord]) -> None:
    result("DNS records:")
    for one in records:
        there = f", there is {' and '.join(one.there)}" if one.there else ""
        result(f"  {one.says or 'not known':<9} {one.zone_line}{there}")


def _json(
    wanted: Blueprint,
    steps: Sequence[PlanStep],
    records: Sequence[DnsRecord],
    verified: Verification | None,
    told: dict[str, str],
    added: Sequence[str],
) -> dict[str, Any]:
    return {
        "domain": wanted.domain,
        "region": wanted.region,
        "sandbox": wanted.sandbox,
        "changes": sum(step.is_change for step in steps),
        "steps": [
            {"id": one.part.id, "standing": one.seen.standing.name.lower(),
             "ours": one.seen.ours, "detail": one.seen.detail}
            for one in steps
        ],
        "verified": bool(verified and verified.verified),
        "waits_for": verified.detail if verified else "",
        "dns": _dns(records),
        "settings": told,
        "added": list(added),
    }  # fmt: skip


def _dns(records: Sequence[DnsRecord]) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "kind": one.kind, "value": one.value, "says": one.says,
         "there": list(one.there)}
        for one in records
    ]  # fmt: skip
