"""The pretended AWS account: its settings, its quotas, what it may send to whom."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from .answers import RefusedError
from .mail import bare

#: What GetAccount reports as MaxSendRate when the rate is not limited.
UNLIMITED_RATE = 100_000.0
SIMULATOR = "simulator.amazonses.com"
MOST_ENTRIES = 50

RATE_MESSAGE = "Maximum sending rate exceeded."
QUOTA_MESSAGE = "Daily message quota exceeded."


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every knob of the fake; all may be changed while it runs.

    Attributes:
        rate: MaxSendRate in recipients per second; None throttles nothing.
        burst: Recipients the bucket holds; None for one batch, min(50, floor(rate)).
        daily: Max24HourSend; -1 for no limit.
        sent_before: SentLast24Hours before the first request.
        quota_code: The error that carries "Daily message quota exceeded."
        production: False is the sandbox: only `verified` and the simulator receive.
        sending_enabled: False pauses the account's sending.
        enforcement: EnforcementStatus; SHUTDOWN suspends the account.
        verified: Addresses and domains that may receive in the sandbox.
        senders: Addresses and domains that may send; None for all.
        configuration_sets: Those that exist; None for all.
        templates: Stored templates: name -> {"Subject", "Text", "Html"}.
        bulk_limits: Whether rate and quota refuse a whole bulk call or single entries.
        bulk_invalid: Whether an entry's bad address fails the call or the entry.
        merge_defaults: Whether an entry's data lies over the default data per key.
        message_limit: Bytes of a message after base64; SESv2 documents 40 MB, v1 10 MB.
        inline_limit: Bytes of a bulk request with an inline template.
        region: Named in the sandbox's refusals.
        account: The account's number, as STS tells it.
        signatures: False skips SigV4, for load tests.
        credentials_expired: True answers 403 ExpiredTokenException.
        clock_offset: Seconds our clock is ahead of the true one.
        latency: Seconds before every answer; accepting happens at once.
        jitter: Up to so many seconds more, evenly spread.
        idle_close: Seconds after which an idle connection is closed; None keeps it.
        keep_messages: True keeps what was accepted, rendered or raw.
        delivery_tag: The message tag that names the delivery.
        attempt_tag: The message tag that names the attempt.
        control_rate: Control requests a second (identities, configuration sets); None for any.
        unseen: So many looks find nothing of what was just made.
        publish_to: Where SNS is, into whose topics events are published; "" publishes nothing.
    """

    rate: float | None = None
    burst: float | None = None
    daily: float = -1
    sent_before: float = 0
    quota_code: Literal["TooManyRequestsException", "LimitExceededException"] = (
        "TooManyRequestsException"
    )
    production: bool = True
    sending_enabled: bool = True
    enforcement: Literal["HEALTHY", "PROBATION", "SHUTDOWN"] = "HEALTHY"
    verified: tuple[str, ...] = ()
    senders: tuple[str, ...] | None = None
    configuration_sets: tuple[str, ...] | None = None
    templates: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    bulk_limits: Literal["call", "entries"] = "call"
    bulk_invalid: Literal["call", "entries"] = "entries"
    merge_defaults: bool = True
    message_limit: int = 40_000_000
    inline_limit: int = 1_048_576
    region: str = "eu-west-1"
    account: str = "123456789012"
    signatures: bool = True
    credentials_expired: bool = False
    clock_offset: float = 0.0
    latency: float = 0.0
    jitter: float = 0.0
    idle_close: float | None = None
    keep_messages: bool = False
    delivery_tag: str = "delivery"
    attempt_tag: str = "attempt"
    control_rate: float | None = None
    unseen: int = 0
    publish_to: str = ""


def settings_from(described: Mapping[str, Any]) -> dict[str, Any]:
    """Changes to Settings from their JSON form: lists become tuples.

    Raises:
        ValueError: A name that is no setting.
    """
    unknown = described.keys() - {field.name for field in fields(Settings)}
    if unknown:
        raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
    return {k: tuple(v) if isinstance(v, list) else v for k, v in described.items()}


class Account:
    """Settings with the state they work on: the bucket and the day's count."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sent = settings.sent_before
        self._refill()

    def change(self, settings: Settings) -> None:
        """Put other settings in force; the bucket is filled when its size changes."""
        before, self.settings = self.settings, settings
        self.sent += settings.sent_before - before.sent_before
        if (before.rate, before.burst) != (settings.rate, settings.burst):
            self._refill()

    def reset(self) -> None:
        """Forget what was sent."""
        self.sent = self.settings.sent_before
        self._refill()

    def _refill(self) -> None:
        rate, burst = self.settings.rate, self.settings.burst
        if burst is None:
            burst = max(1, min(MOST_ENTRIES, math.floor(rate or 0)))
        self._capacity = float(burst)
        self._tokens = self._capacity
        self._filled = time.monotonic()

    def description(self) -> dict[str, Any]:
        """What GetAccount answers."""
        settings = self.settings
        return {
            "DedicatedIpAutoWarmupEnabled": False,
            "EnforcementStatus": settings.enforcement,
            "ProductionAccessEnabled": settings.production,
            "SendQuota": {
                "Max24HourSend": float(settings.daily),
                "MaxSendRate": float(settings.rate or UNLIMITED_RATE),
                "SentLast24Hours": float(self.sent),
            },
            "SendingEnabled": settings.sending_enabled,
            "SuppressionAttributes": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
        }

    def check_open(self) -> None:
        """Refuse everything while the account may not send.

        Raises:
            RefusedError: The account is suspended or paused.
        """
        if self.settings.enforcement == "SHUTDOWN":
            raise RefusedError(400, "AccountSuspendedException", "Account is suspended.")
        if not self.settings.sending_enabled:
            raise RefusedError(
                400, "SendingPausedException", "Email sending is disabled for this account."
            )

    def check_configuration_set(self, name: str | None) -> None:
        """Refuse a configuration set that does not exist."""
        known = self.settings.configuration_sets
        if name and known is not None and name not in known:
            message = f"Configuration set <{name}> does not exist."
            raise RefusedError(404, "NotFoundException", message)

    def check_sender(self, sender: str) -> None:
        """Refuse a sender that is not verified."""
        known = self.settings.senders
        if known is not None and not _covers(known, bare(sender)):
            raise self._unverified([sender])

    def check_sandbox(self, recipients: Iterable[str]) -> None:
        """Refuse recipients that are not verified while in the sandbox."""
        if self.settings.production:
            return
        allowed = (*self.settings.verified, SIMULATOR)
        unknown = [address for address in recipients if not _covers(allowed, address)]
        if unknown:
            raise self._unverified(unknown)

    def _unverified(self, identities: list[str]) -> RefusedError:
        return RefusedError(
            400,
            "MessageRejected",
            "Email address is not verified. The following identities failed the check in region "
            f"{self.settings.region.upper()}: {', '.join(identities)}",
        )

    def admit(self, recipients: int) -> None:
        """Take so many recipients from quota and bucket, or nothing.

        Raises:
            RefusedError: The day's quota or the rate is exceeded.
        """
        settings = self.settings
        if settings.daily >= 0 and self.sent + recipients > settings.daily:
            raise quota_exceeded(settings)
        if settings.rate is not None:
            now = time.monotonic()
            gained = (now - self._filled) * settings.rate
            self._tokens = min(self._capacity, self._tokens + gained)
            self._filled = now
            if recipients > self._tokens:
                raise rate_exceeded()
            self._tokens -= recipients
        self.sent += recipients


def rate_exceeded() -> RefusedError:
    """SES's throttle."""
    return RefusedError(429, "TooManyRequestsException", RATE_MESSAGE)


def quota_exceeded(settings: Settings) -> RefusedError:
    """SES's answer once the day's quota is used up, with the code the settings choose."""
    status = 429 if settings.quota_code == "TooManyRequestsException" else 400
    return RefusedError(status, settings.quota_code, QUOTA_MESSAGE)


def _covers(identities: Iterable[str], address: str) -> bool:
    domain = address.rpartition("@")[2].lower()
    return any(
        identity == address or identity.lower() == domain or domain.endswith(f".{identity.lower()}")
        for identity in identities
    )
