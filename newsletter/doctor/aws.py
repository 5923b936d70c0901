"""What an SES account is set up with: the domain, the configuration set, the way of events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from newsletter.doctor.diagnosis import Diagnosis, error, ok, skipped, warning, worst
from newsletter.doctor.subject import Subject
from newsletter.humanize import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SETUP: Final = "newsletter ses setup"
_RIGHTS: Final = "newsletter ses setup --print policy shows the rights that are needed"
_SUCCESS: Final = "SUCCESS"
_SHORT: Final = "RSA_1024_BIT"
_DAY: Final = 86_400
#: Below so many mails a second a request in bulk holds fewer than it could.
_WHOLE_BATCH: Final = 50


def identity(subject: Subject) -> Diagnosis:
    """Whether SES may send from the sender's domain."""
    return _looked(subject, _identity)


def dkim(subject: Subject) -> Diagnosis:
    """Whether mails are signed for the domain."""
    return _looked(subject, _dkim)


def mail_from(subject: Subject) -> Diagnosis:
    """Whether bounces return to a domain of the sender's, so that SPF agrees."""
    return _looked(subject, _mail_from)


def configuration_set(subject: Subject) -> Diagnosis:
    """Whether the configuration set is there and sends."""
    return _looked(subject, _configuration_set)


def events(subject: Subject) -> Diagnosis:
    """Whether what SES reports ends up in the queue that is emptied."""
    return _looked(subject, _events)


def rights(subject: Subject) -> Diagnosis:
    """Whether these credentials may look at all that is looked at here, and what may send.

    Whether a mail may be sent, only sending one shows.
    """
    lacking = [action for look in _looks(subject) if (action := _lacks(look))]
    faults = [warning(f"these credentials lack {', '.join(lacking)}", _RIGHTS)] if lacking else []
    if not lacking:
        _lacks(lambda: faults.extend(_policy(subject)))
    return worst(faults, "all can be looked at; whether mails may be sent, only a mail shows")


def _looks(subject: Subject) -> Iterator[Callable[[], object]]:
    """What the other checks ask, which is remembered: nothing is asked for it twice."""
    group = subject.project.settings.transport.ses
    yield lambda: subject.identity
    if name := group.configuration_set:
        yield lambda: _set(subject, name)
        yield lambda: _destinations(subject, name)
    if group.events_queue:
        yield lambda: _queue(subject, group.events_queue)
    if name and group.events_queue:
        yield lambda: [_reaches(subject, one, "") for one in _destinations(subject, name)]


def _lacks(look: Callable[[], object]) -> str:
    """The right that a look lacks, "" where it does not."""
    from newsletter.ses.setup.control import DeniedError  # noqa: PLC0415  # boto3 is heavy

    try:
        look()
    except DeniedError as denied:
        return denied.action
    return ""


def _policy(subject: Subject) -> list[Diagnosis]:
    """What is amiss with the policy that setup made; nothing where there is none."""
    from newsletter.ses.setup.blueprint import blueprint  # noqa: PLC0415  # as above
    from newsletter.ses.setup.part import PartStanding  # noqa: PLC0415  # as above
    from newsletter.ses.setup.rights import SendingPolicy  # noqa: PLC0415  # as above

    if subject.identity is None:
        return []
    control = subject.control
    plan = blueprint(
        subject.project.settings, account=subject.caller.account, region=control.region,
        partition=control.partition, domain=subject.identity[0], sandbox=subject.account.sandbox,
    )  # fmt: skip
    if SendingPolicy(control, plan).look().standing is not PartStanding.DRIFTED:
        return []
    told = f"the policy {plan.policy} does not grant what is needed now"
    return [warning(told, f"{_SETUP} puts it right")]


def bulk(subject: Subject) -> Diagnosis:
    """Whether bulk sending was proven for this account."""
    from newsletter.store import proofs  # noqa: PLC0415  # only where mails leave in bulk

    if subject.project.settings.transport.ses.mode != "bulk":
        return skipped("each mail is a request of its own")
    found = proofs.find_bulk(
        subject.store, account=subject.caller.account, region=subject.control.region
    )
    if found is None:
        told = "nothing proves yet that mails leave in bulk as they are written"
        return error(told, "newsletter ses prove")
    if subject.account.rate < _WHOLE_BATCH:
        told = f"{subject.account.rate:g} mails a second may leave, too few to fill bulk requests"
        return warning(told, 'transport.ses.mode = "single" is as fast, and puts less in doubt')
    return ok(f"proven on {found.at:%Y-%m-%d}")


def _looked(subject: Subject, look: Callable[[Subject], Diagnosis]) -> Diagnosis:
    """What a look says; a right that these credentials lack is no fault of the account."""
    from newsletter.ses.setup.control import DeniedError  # noqa: PLC0415  # as above

    try:
        return look(subject)
    except DeniedError as denied:
        return skipped(f"these credentials lack {denied.action}", _RIGHTS)


def _identity(subject: Subject) -> Diagnosis:
    found = subject.identity
    if found is None:
        return error("SES does not know the sender's domain, in this region", _SETUP)
    name, content = found
    if not content.get("VerifiedForSendingStatus"):
        return error(f"SES has not verified {name} yet", f"{_SETUP} shows the DNS records")
    return ok(f"SES has verified {name}")


def _dkim(subject: Subject) -> Diagnosis:
    assert subject.identity is not None
    name, content = subject.identity
    found = content.get("DkimAttributes", {})
    if not found.get("SigningEnabled"):
        return error(f"mails are not signed for {name}", _SETUP)
    if found.get("Status") != _SUCCESS:
        status = str(found.get("Status", "")).lower().replace("_", " ")
        told = f"SES does not find the DKIM records of {name} ({status})"
        return error(told, f"{_SETUP} shows them")
    if found.get("CurrentSigningKeyLength") == _SHORT:
        hint = f"the SES console changes it, under {name}, DomainKeys Identified Mail"
        return warning("mails are signed with a key of 1024 bits, which counts as weak", hint)
    return ok("mails are signed")


def _mail_from(subject: Subject) -> Diagnosis:
    assert subject.identity is not None
    found = subject.identity[1].get("MailFromAttributes", {})
    domain = found.get("MailFromDomain")
    if not domain:
        return warning("there is no MAIL FROM domain: SPF does not agree with the sender", _SETUP)
    if found.get("MailFromDomainStatus") != _SUCCESS:
        told = f"SES does not find the records of {domain}: SPF does not agree with the sender"
        return warning(told, f"{_SETUP} shows them")
    return ok(f"bounces return to {domain}")


def _configuration_set(subject: Subject) -> Diagnosis:
    name = subject.project.settings.transport.ses.configuration_set
    if not name:
        return skipped("transport.ses.configuration_set is not set")
    found = _set(subject, name)
    if found is None:
        return error(f"there is no configuration set {name} in this region", _SETUP)
    faults = []
    if not found.get("SendingOptions", {}).get("SendingEnabled", True):
        faults.append(error(f"sending is switched off for {name}", _SETUP))
    suppressed = (found.get("SuppressionOptions") or {}).get("SuppressedReasons")
    if suppressed is not None and not {"BOUNCE", "COMPLAINT"} <= set(suppressed):
        told = f"{name} does not keep bounced and complained addresses out"
        faults.append(warning(told, _SETUP))
    return worst(faults, f"{name} is there")


def _events(subject: Subject) -> Diagnosis:
    from newsletter.ses.setup.blueprint import REPORTED  # noqa: PLC0415  # as above
    from newsletter.ses.setup.reporting import lets_in  # noqa: PLC0415  # as above

    group = subject.project.settings.transport.ses
    if not group.configuration_set or not group.events_queue:
        return skipped("no queue of events is set")
    told = _destinations(subject, group.configuration_set)
    there = [one for one in told if one.get("Enabled")]
    faults = []
    kinds = {kind for one in there for kind in one.get("MatchingEventTypes", ())}
    if kinds & {"OPEN", "CLICK"}:
        what = "opens or clicks are tracked, which rewrites the letters"
        faults.append(warning(what, "take OPEN and CLICK out of the event destination"))
    attributes = _queue(subject, group.events_queue)
    arn = attributes.get("QueueArn", "")
    reaching = [one for one in there if _reaches(subject, one, arn)]
    if not reaching:
        what = f"nothing that {group.configuration_set} reports reaches the queue"
        return worst([error(what, _SETUP), *faults], "")
    policy = attributes.get("Policy", "")
    if not any(lets_in(policy, one["SnsDestination"]["TopicArn"]) for one in reaching):
        what = "the queue's policy does not let in what SES reports"
        return worst([error(what, _SETUP), *faults], "")
    heard = {kind for one in reaching for kind in one["MatchingEventTypes"]}
    if lacking := [kind.lower() for kind in REPORTED if kind not in heard]:
        faults.append(warning(f"SES does not report {', '.join(lacking)}", _SETUP))
    if any(_filters(subject, one, arn) for one in reaching):
        what = "a filter of the subscription keeps some of what SES reports from the queue"
        faults.append(warning(what, _SETUP))
    faults += _of_queue(subject, attributes)
    return worst(faults, "what SES reports reaches the queue")


def _set(subject: Subject, name: str) -> dict[str, Any] | None:
    return subject.control.read("sesv2", "get_configuration_set", ConfigurationSetName=name)


def _destinations(subject: Subject, name: str) -> list[dict[str, Any]]:
    told = subject.control.read(
        "sesv2", "get_configuration_set_event_destinations", ConfigurationSetName=name
    )
    return list((told or {}).get("EventDestinations", ()))


def _reaches(subject: Subject, destination: dict[str, Any], queue: str) -> bool:
    """Whether an event destination's topic fills a queue."""
    from newsletter.ses.setup.reporting import subscriptions  # noqa: PLC0415  # as above

    topic = (destination.get("SnsDestination") or {}).get("TopicArn", "")
    if not topic:
        return False
    return any(one.get("Endpoint") == queue for one in subscriptions(subject.control, topic))


def _filters(subject: Subject, destination: dict[str, Any], queue: str) -> bool:
    """Whether less comes through to a queue than is published; no where nobody may look."""
    from newsletter.ses.setup.control import DeniedError  # noqa: PLC0415  # as above
    from newsletter.ses.setup.reporting import filtered, subscriptions  # noqa: PLC0415  # as above

    topic = destination["SnsDestination"]["TopicArn"]
    own = [one for one in subscriptions(subject.control, topic) if one.get("Endpoint") == queue]
    try:
        return any(filtered(subject.control, one) for one in own)
    except DeniedError:
        return False


def _queue(subject: Subject, url: str) -> dict[str, str]:
    found = subject.control.read(
        "sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"]
    )
    return dict((found or {}).get("Attributes", {}))


def _of_queue(subject: Subject, found: dict[str, str]) -> list[Diagnosis]:
    """What is amiss with the queue itself, and with its dead letters."""
    from newsletter.ses.setup.blueprint import RETENTION  # noqa: PLC0415  # as above

    faults = []
    kept = int(found.get("MessageRetentionPeriod", 0))
    if kept < RETENTION:
        what = f"the queue forgets events after {kept / _DAY:g} days"
        faults.append(warning(what, f"let it keep them for {RETENTION // _DAY} days"))
    redrive = json.loads(found.get("RedrivePolicy", "{}"))
    dead = str(redrive.get("deadLetterTargetArn", ""))
    if not dead:
        faults.append(warning("the queue of events has no dead-letter queue", _SETUP))
        return faults
    name = dead.rpartition(":")[2]
    url = subject.control.read("sqs", "get_queue_url", QueueName=name)
    left = _queue(subject, url["QueueUrl"]) if url else {}
    if number := int(left.get("ApproximateNumberOfMessages", 0)):
        what = f"{plural(number, 'message')} could not be read and {_lie(number)} in {name}"
        faults.append(warning(what, "look at it in the SQS console, and report what it is"))
    return faults


def _lie(number: int) -> str:
    return "lies" if number == 1 else "lie"
