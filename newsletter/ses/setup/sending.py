"""What SES itself needs: the domain's identity, MAIL FROM, configuration set, event destination."""

from __future__ import annotations

from typing import Any, Final

from newsletter.errors import AccountError
from newsletter.ses.setup.blueprint import REPORTED, Blueprint
from newsletter.ses.setup.control import ControlPlane, DeniedError
from newsletter.ses.setup.part import Part, PartStanding, SeenPart, judged

_SES: Final = "sesv2"
_KEPT_OUT: Final = ("BOUNCE", "COMPLAINT")
_FAILED: Final = "FAILED"
_BY_MAIL: Final = "by mail as well -> not"
_AGAIN: Final = "SES has stopped looking for its DNS records -> looks again"


def read_identity(control: ControlPlane, plan: Blueprint) -> dict[str, Any] | None:
    """The domain's identity, None where there is none; raises what `Part.look` does."""
    return control.read(_SES, "get_email_identity", EmailIdentity=plan.domain)


def known_identity(control: ControlPlane, plan: Blueprint, *, needed: str = "") -> dict[str, Any]:
    """The domain's identity.

    Args:
        control: AWS.
        plan: whose domain.
        needed: what it is needed for, as the end of a sentence.

    Raises:
        AccountError: there is none, or these credentials may not look at it.
    """
    try:
        identity = read_identity(control, plan)
    except DeniedError as denied:
        raise AccountError(f"these credentials lack {denied.action}") from denied
    if identity is None:
        raise AccountError(
            f"SES does not know {plan.domain} yet{needed}", hint="newsletter ses setup makes it"
        )
    return identity


def read_set(control: ControlPlane, plan: Blueprint) -> dict[str, Any] | None:
    """The configuration set, None where there is none; raises what `Part.look` does."""
    return control.read(_SES, "get_configuration_set", ConfigurationSetName=plan.name)


def read_destinations(control: ControlPlane, plan: Blueprint) -> list[dict[str, Any]]:
    """The event destinations of the configuration set; raises what `Part.look` does."""
    found = control.read(
        _SES, "get_configuration_set_event_destinations", ConfigurationSetName=plan.name
    )
    return list((found or {}).get("EventDestinations", ()))


def reports(destination: dict[str, Any], topic: str) -> list[str]:
    """What an event destination lacks to report all that is wanted to a topic."""
    lacking = [kind for kind in REPORTED if kind not in destination.get("MatchingEventTypes", ())]
    faults = [] if destination.get("Enabled") else ["switched off -> on"]
    faults += [f"does not report {', '.join(lacking)}"] if lacking else []
    told = (destination.get("SnsDestination") or {}).get("TopicArn", "")
    return faults + ([] if told == topic else ["reports elsewhere -> to our topic"])


class _OfIdentity(Part):
    """A thing that belongs to the domain's identity."""

    def identity(self) -> dict[str, Any] | None:
        return read_identity(self.control, self.plan)

    def is_ours(self, found: dict[str, Any]) -> bool:
        return self.plan.are_ours(_tags(found))

    def put(self, operation: str, **asked: object) -> None:
        self.control.write(_SES, operation, EmailIdentity=self.plan.domain, **asked)


class Identity(_OfIdentity):
    """The domain, signed by SES with keys of its own (Easy DKIM)."""

    id = "identity"
    stays = True

    def look(self) -> SeenPart:
        found, domain = self.identity(), self.plan.domain
        if found is None:
            return SeenPart(
                standing=PartStanding.MISSING, detail=f"{domain}, signed with 2048 bits"
            )
        dkim = found.get("DkimAttributes", {})
        drift = [] if dkim.get("SigningEnabled") else ["signing off -> on"]
        drift += [_AGAIN] if dkim.get("Status") == _FAILED else []
        return judged(domain, drift, ours=self.is_ours(found))

    def make(self) -> None:
        found = self.identity()
        keys = {"NextSigningKeyLength": "RSA_2048_BIT"}
        if found is None:
            self.put("create_email_identity", DkimSigningAttributes=keys, Tags=_listed(self.plan))
            return
        dkim = found.get("DkimAttributes", {})
        if not dkim.get("SigningEnabled"):
            self.put("put_email_identity_dkim_attributes", SigningEnabled=True)
        if dkim.get("Status") == _FAILED:
            self.put(
                "put_email_identity_dkim_signing_attributes",
                SigningAttributesOrigin="AWS_SES", SigningAttributes=keys,
            )  # fmt: skip

    def undo(self) -> None:
        self.put("delete_email_identity")

    def obstacle(self) -> str:
        others = [name for name in self._other_sets() if self._needs_domain(name)]
        return f"mails of {', '.join(others)} leave by it as well" if others else ""

    def _other_sets(self) -> list[str]:
        """The account's configuration sets but ours, page by page."""
        found: list[str] = []
        more: dict[str, str] = {}
        while True:
            page = self.control.read(_SES, "list_configuration_sets", **more) or {}
            found += page.get("ConfigurationSets", ())
            if not page.get("NextToken"):
                return [name for name in found if name != self.plan.name]
            more = {"NextToken": page["NextToken"]}

    def _needs_domain(self, name: str) -> bool:
        found = self.control.read(_SES, "get_configuration_set", ConfigurationSetName=name)
        return found is not None and self.plan.needs_domain(_tags(found))


class MailFrom(_OfIdentity):
    """A domain of our own for bounces, so that SPF agrees with the sender, too."""

    id = "mail-from"
    needed = False
    stays = True

    def look(self) -> SeenPart:
        found, wanted = self.identity(), self.plan.mail_from
        if found is None:
            return SeenPart(standing=PartStanding.MISSING, detail=wanted)
        ours, there = self.is_ours(found), found.get("MailFromAttributes", {})
        named = there.get("MailFromDomain", "")
        if not named:
            missing = SeenPart(standing=PartStanding.MISSING, ours=ours, detail=wanted)
            return missing if ours else judged(wanted, ["not set"], ours=False)
        if named != wanted:
            # Somebody chose it; it is left unless another is asked for by name, and never undone.
            if self.plan.chosen_mail_from and ours:
                return SeenPart(standing=PartStanding.DRIFTED, detail=f"{named} -> {wanted}")
            drift = [f"-> {wanted}"] if self.plan.chosen_mail_from else []
            return judged(named, drift, ours=False)
        failed = there.get("MailFromDomainStatus") == _FAILED
        return judged(named, [_AGAIN] if failed else [], ours=ours)

    def make(self) -> None:
        self.put(
            "put_email_identity_mail_from_attributes",
            MailFromDomain=self.plan.mail_from, BehaviorOnMxFailure="USE_DEFAULT_VALUE",
        )  # fmt: skip

    def undo(self) -> None:
        # Without a domain SES goes back to its own.
        self.put("put_email_identity_mail_from_attributes")


class FeedbackByMail(_OfIdentity):
    """Bounces that also come as mails; off once they come as events."""

    id = "feedback"
    needed = False

    def look(self) -> SeenPart:
        found = self.identity()
        what = "bounces come as events, not by mail"
        if found is None:
            return SeenPart(standing=PartStanding.MISSING, detail=what)
        ours = self.is_ours(found)
        if found.get("FeedbackForwardingStatus") and ours:
            # So SES begins: nothing of ours that could be taken away.
            return SeenPart(standing=PartStanding.DRIFTED, detail=f"{what}: {_BY_MAIL}")
        drift = [_BY_MAIL] if found.get("FeedbackForwardingStatus") else []
        return judged(what, drift, ours=ours)

    def make(self) -> None:
        self.put("put_email_identity_feedback_attributes", EmailForwardingEnabled=False)

    def undo(self) -> None:
        self.put("put_email_identity_feedback_attributes", EmailForwardingEnabled=True)


class ConfigurationSet(Part):
    """By which SES knows what to report and whom to keep out."""

    id = "configuration-set"

    def look(self) -> SeenPart:
        found = read_set(self.control, self.plan)
        if found is None:
            return SeenPart(standing=PartStanding.MISSING, detail=self.plan.name)
        tags = _tags(found)
        drift = self.plan.others(tags) or [old for old, _ in self._drift(found)]
        return judged(self.plan.name, drift, ours=self.plan.are_ours(tags))

    def make(self) -> None:
        found = read_set(self.control, self.plan)
        if found is None:
            self._put(
                "create_configuration_set",
                ReputationOptions={"ReputationMetricsEnabled": True},
                SuppressionOptions={"SuppressedReasons": list(_KEPT_OUT)},
                SendingOptions={"SendingEnabled": True},
                DeliveryOptions={"TlsPolicy": "OPTIONAL"},
                Tags=_listed(self.plan),
            )
            return
        for _, (kind, options) in self._drift(found):
            self._put(f"put_configuration_set_{kind}_options", **options)

    def undo(self) -> None:
        self._put("delete_configuration_set")

    def obstacle(self) -> str:
        others = [
            one["Name"]
            for one in read_destinations(self.control, self.plan)
            if one["Name"] != self.plan.name
        ]
        return f"it has event destinations of others: {', '.join(others)}" if others else ""

    def _put(self, operation: str, **asked: object) -> None:
        self.control.write(_SES, operation, ConfigurationSetName=self.plan.name, **asked)

    def _drift(self, found: dict[str, Any]) -> list[tuple[str, tuple[str, dict[str, Any]]]]:
        """What does not fit, each with the options that mend it."""
        drift: list[tuple[str, tuple[str, dict[str, Any]]]] = []
        if not found.get("SendingOptions", {}).get("SendingEnabled", True):
            drift.append(("sending off -> on", ("sending", {"SendingEnabled": True})))
        # Without options of its own it follows the account.
        suppression = found.get("SuppressionOptions") or {}
        kept_out = suppression.get("SuppressedReasons", _KEPT_OUT)
        if lacking := [reason for reason in _KEPT_OUT if reason not in kept_out]:
            wanted = {"SuppressedReasons": list(dict.fromkeys([*kept_out, *_KEPT_OUT]))}
            what = f"does not keep out {' and '.join(lacking).lower()}s -> does"
            drift.append((what, ("suppression", wanted)))
        return drift


class EventDestination(Part):
    """What SES reports to the topic."""

    id = "event-destination"

    def look(self) -> SeenPart:
        there = read_set(self.control, self.plan)
        found, topic = read_destinations(self.control, self.plan), self.plan.topic_arn
        ours = there is None or self.plan.are_ours(_tags(there))
        what = f"{len(REPORTED)} kinds of events to {self.plan.events}"
        if any(not reports(one, topic) for one in found):
            return SeenPart(standing=PartStanding.RIGHT, ours=ours, detail=what)
        named = next((one for one in found if one["Name"] == self.plan.name), None)
        if named is None:
            missing = SeenPart(standing=PartStanding.MISSING, ours=ours, detail=what)
            return missing if ours else judged(what, ["not there"], ours=False)
        return judged(what, reports(named, topic), ours=ours)

    def make(self) -> None:
        found = read_destinations(self.control, self.plan)
        named = next((one for one in found if one["Name"] == self.plan.name), None)
        kinds = dict.fromkeys([*REPORTED, *(named or {}).get("MatchingEventTypes", ())])
        verb = "create" if named is None else "update"
        self._put(
            f"{verb}_configuration_set_event_destination",
            EventDestination={
                "Enabled": True,
                "MatchingEventTypes": list(kinds),
                "SnsDestination": {"TopicArn": self.plan.topic_arn},
            },
        )

    def undo(self) -> None:
        self._put("delete_configuration_set_event_destination")

    def _put(self, operation: str, **asked: object) -> None:
        names = {"ConfigurationSetName": self.plan.name, "EventDestinationName": self.plan.name}
        self.control.write(_SES, operation, **names, **asked)


def _tags(found: dict[str, Any]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in found.get("Tags", ())}


def _listed(plan: Blueprint) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in plan.tags.items()]
