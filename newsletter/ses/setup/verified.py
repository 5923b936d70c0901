"""Waiting until SES has seen a domain's DNS records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from newsletter.ses.setup.blueprint import Blueprint
from newsletter.ses.setup.control import ControlPlane
from newsletter.ses.setup.dns import Verification, verification
from newsletter.ses.setup.sending import known_identity

_SECONDS: Final = 15.0


def look(control: ControlPlane, plan: Blueprint) -> Verification:
    """How far SES is now.

    Raises:
        AccountError: there is no identity, or these credentials may not look at it.
    """
    control.forget()
    return verification(known_identity(control, plan))


def wait(
    control: ControlPlane, plan: Blueprint, minutes: float, told: Callable[[str], None]
) -> Verification:
    """Look every 15 seconds until the domain is verified, or the minutes are over.

    Args:
        control: AWS.
        plan: whose domain.
        minutes: how long at most.
        told: what is waited for, whenever that changes.

    Raises:
        AccountError: see `look`.
    """
    left, said = minutes * 60, ""
    while not (found := look(control, plan)).verified and left > 0:
        if found.detail != said:
            said = found.detail
            told(said)
        pause = min(_SECONDS, left)
        control.sleep(pause)
        left -= pause
    return found
