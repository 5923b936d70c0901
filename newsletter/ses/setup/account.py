"""One newsletter's things in the account that its settings lead to."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from newsletter.errors import AccountError
from newsletter.ses.credentials import ask_caller
from newsletter.ses.setup import dns, verified
from newsletter.ses.setup.blueprint import Blueprint, blueprint
from newsletter.ses.setup.control import ControlPlane, DeniedError
from newsletter.ses.setup.sending import known_identity, read_identity
from newsletter.settings import Settings

_SECONDS: Final = 10.0
#: Stands where an account's 12 digits belong; AWS takes no policy with it.
UNKNOWN_ACCOUNT: Final = "ACCOUNT-ID"


@contextlib.contextmanager
def open_account(
    settings: Settings, environ: Mapping[str, str], *, domain: str = "", mail_from: str = ""
) -> Iterator[tuple[ControlPlane, Blueprint]]:
    """The control plane, and what a newsletter wants of it.

    Args:
        settings: of the newsletter.
        environ: AWS_REGION counts here, though botocore ignores it.
        domain: a parent of the sender's domain, "" for the very domain.
        mail_from: where bounces return to, a domain below that; "" for the usual.

    Raises:
        AccountError: no credentials, or AWS cannot be used.
        InputError: no region, there is no sender, the domain is none of its parents, or an endpoint
            is no address.
    """
    control = _control(settings, environ)
    with contextlib.closing(control):
        yield control, _asked(control, settings, environ, domain, mail_from)


def blueprint_anywhere(
    settings: Settings, environ: Mapping[str, str], *, domain: str = ""
) -> tuple[Blueprint, str]:
    """What a newsletter wants, with `UNKNOWN_ACCOUNT` where nobody tells which account it is of.

    Args:
        settings: of the newsletter.
        environ: see `open_account`.
        domain: see `open_account`.

    Returns:
        it, and why the account is not known, "" when it is.

    Raises:
        AccountError: a profile that does not exist.
        InputError: see `open_account`.
    """
    control = _control(settings, environ)
    with contextlib.closing(control):
        try:
            return _asked(control, settings, environ, domain), ""
        except AccountError as unknown:
            return _wanted(control, settings, domain)(account=UNKNOWN_ACCOUNT), unknown.message


def _control(settings: Settings, environ: Mapping[str, str]) -> ControlPlane:
    group = settings.transport.ses
    return ControlPlane(
        region=group.region, profile=group.profile, environ=environ, sleep=time.sleep
    )


def _wanted(
    control: ControlPlane, settings: Settings, domain: str, mail_from: str = ""
) -> Callable[..., Blueprint]:
    return functools.partial(
        blueprint, settings, region=control.region, partition=control.partition, domain=domain,
        mail_from=mail_from,
    )  # fmt: skip


def _asked(
    control: ControlPlane,
    settings: Settings,
    environ: Mapping[str, str],
    domain: str,
    mail_from: str = "",
) -> Blueprint:
    """What is wanted, in the account that AWS says this is."""
    group, wanted = settings.transport.ses, _wanted(control, settings, domain, mail_from)
    # Without a sender nobody is asked.
    wanted(account="")
    caller = ask_caller(
        region=group.region, profile=group.profile, environ=environ, seconds=_SECONDS
    )
    return wanted(account=caller.account, sandbox=_is_sandbox(control))


def dns_records(
    control: ControlPlane, plan: Blueprint, ask: dns.Ask, *, owner: str
) -> list[dns.DnsRecord]:
    """The records that the domain needs, see `dns.wanted`.

    Raises:
        AccountError: SES does not know the domain yet, or these credentials may not look.
    """
    identity = known_identity(control, plan, needed=", and the records follow from its keys")
    return dns.wanted(plan, identity, ask, owner=owner)


def verification_of(
    control: ControlPlane, plan: Blueprint, minutes: float, told: Callable[[str], None]
) -> dns.Verification | None:
    """How far SES is with the domain, after waiting; None while it does not know it.

    Raises:
        AccountError: AWS cannot be used.
    """
    try:
        if read_identity(control, plan) is None:
            return None
    except DeniedError:
        return None
    return verified.wait(control, plan, minutes, told)


def settings_of(control: ControlPlane, plan: Blueprint) -> dict[str, str]:
    """What belongs into [transport.ses]; the queue once it is there.

    Raises:
        AccountError: AWS cannot be used.
    """
    found = {"region": plan.region, "configuration_set": plan.name}
    with contextlib.suppress(DeniedError):
        if queue := control.read("sqs", "get_queue_url", QueueName=plan.events):
            found["events_queue"] = str(queue["QueueUrl"])
    return found


def _is_sandbox(control: ControlPlane) -> bool:
    try:
        found = control.read("sesv2", "get_account") or {}
    except DeniedError:
        return False
    return not found.get("ProductionAccessEnabled", True)
