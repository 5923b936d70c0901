"""What an account is set up with: identities, configuration sets, destinations, tags.

Validated by the model's shapes, and strict where SES is: what exists cannot be made again, what
does not cannot be changed, a name belongs to one thing.
"""

from __future__ import annotations

import functools
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from .account import Account, rate_exceeded
from .answers import Answer, RefusedError, in_json
from .shapes import check_input, model
from .signature import Request

_KEY_LENGTH: Final = "RSA_2048_BIT"
_OPTIONS: Final = ("Reputation", "Suppression", "Sending", "Delivery", "Tracking")
_PLACE: Final = re.compile(r"\{(\w+)\}")


@dataclass(slots=True)
class _Thing:
    """One thing of the account; `unseen` looks find nothing yet."""

    content: dict[str, Any]
    unseen: int
    destinations: dict[str, dict[str, Any]] = field(default_factory=dict)


@functools.cache
def _routes() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    found = []
    for name in _HANDLERS:
        http = model().operation_model(name).http
        pattern = _PLACE.sub(r"(?P<\1>[^/]+)", http["requestUri"])
        found.append((http["method"], re.compile(pattern), name))
    return tuple(found)


def operation_of(method: str, path: str) -> str:
    """The operation that a request asks for, "" where it is none of these."""
    for wanted, pattern, name in _routes():
        if method == wanted and pattern.fullmatch(path):
            return name
    return ""


class Configuration:
    """Identities and configuration sets of one account; only the server's own thread calls it."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.reset()

    def reset(self) -> None:
        """An account with nothing in it."""
        self._identities: dict[str, _Thing] = {}
        self._sets: dict[str, _Thing] = {}
        self._suppressed: list[str] | None = None
        self._details: dict[str, Any] | None = None
        self._last = -1e9

    def reply(self, operation: str, request: Request) -> Answer:
        """Answer one request.

        Raises:
            RefusedError: as SES refuses it.
        """
        self._take_turn()
        (route,) = (pattern for _, pattern, name in _routes() if name == operation)
        found = route.fullmatch(request.path)
        assert found
        body = json.loads(request.body or b"{}")
        if not isinstance(body, dict):
            raise RefusedError(400, "SerializationException", "The body is not a JSON object.")
        places = {name: unquote(value) for name, value in found.groupdict().items()}
        asked = {**dict(parse_qsl(request.query)), **body, **places}
        check_input(operation, asked)
        return in_json(_HANDLERS[operation](self, asked))

    def description(self) -> dict[str, Any]:
        """What GetAccount says besides limits."""
        found: dict[str, Any] = {}
        if self._suppressed is not None:
            found["SuppressionAttributes"] = {"SuppressedReasons": self._suppressed}
        if self._details is not None:
            found["Details"] = self._details
        return found

    def destinations_of(self, name: str) -> list[dict[str, Any]]:
        """The enabled event destinations of a configuration set."""
        thing = self._sets.get(name)
        return [one for one in (thing.destinations.values() if thing else ()) if one["Enabled"]]

    def order(self, domain: str, **states: Any) -> None:
        """Put an identity in a state: `dkim` and `mail_from` statuses, `error`, `hosted_zone`."""
        content = self._identities[domain].content
        if dkim := states.get("dkim"):
            content["DkimAttributes"]["Status"] = dkim
            content["VerifiedForSendingStatus"] = dkim == "SUCCESS"
            content["VerificationStatus"] = dkim
        if mail_from := states.get("mail_from"):
            content["MailFromAttributes"]["MailFromDomainStatus"] = mail_from
        if error := states.get("error"):
            content["VerificationInfo"] = {"ErrorType": error}
        if zone := states.get("hosted_zone"):
            content["DkimAttributes"]["SigningHostedZone"] = zone

    def snapshot(self) -> dict[str, Any]:
        """Everything there is, to be compared."""
        kinds = {"identities": self._identities, "configuration_sets": self._sets}
        found: dict[str, Any] = {
            kind: {
                name: {**thing.content, "destinations": dict(thing.destinations)}
                for name, thing in things.items()
            }
            for kind, things in kinds.items()
        }
        copied: dict[str, Any] = json.loads(json.dumps(found | {"suppressed": self._suppressed}))
        return copied

    def _take_turn(self) -> None:
        """At most so many control requests a second."""
        rate, now = self._account.settings.control_rate, time.monotonic()
        if rate is not None and now - self._last < 1 / rate:
            raise rate_exceeded()
        self._last = now

    def _new(self, content: dict[str, Any]) -> _Thing:
        return _Thing(content, self._account.settings.unseen)

    def _identity(self, asked: dict[str, Any], *, look: bool = False) -> _Thing:
        return _found(self._identities, asked["EmailIdentity"], "Email identity", look=look)

    def _set(self, asked: dict[str, Any], *, look: bool = False) -> _Thing:
        return _found(self._sets, asked["ConfigurationSetName"], "Configuration set", look=look)

    # --- identities -----------------------------------------------------------------------------

    def create_email_identity(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["EmailIdentity"]
        if name in self._identities:
            raise RefusedError(
                400, "AlreadyExistsException", f"Email identity {name} already exist."
            )
        length = asked.get("DkimSigningAttributes", {}).get("NextSigningKeyLength", "RSA_1024_BIT")
        content = {
            "IdentityType": "EMAIL_ADDRESS" if "@" in name else "DOMAIN",
            "FeedbackForwardingStatus": True,
            "VerifiedForSendingStatus": False,
            "VerificationStatus": "PENDING",
            "DkimAttributes": {
                "SigningEnabled": True,
                "Status": "PENDING",
                "Tokens": [f"token{n}{name.replace('.', '')}" for n in (1, 2, 3)],
                "SigningAttributesOrigin": "AWS_SES",
                "NextSigningKeyLength": length,
                "CurrentSigningKeyLength": length,
            },
            "MailFromAttributes": {"BehaviorOnMxFailure": "USE_DEFAULT_VALUE"},
            "Policies": {},
            "Tags": asked.get("Tags", []),
        }
        self._identities[name] = self._new(content)
        kept = ("IdentityType", "VerifiedForSendingStatus", "DkimAttributes")
        return {key: content[key] for key in kept}

    def get_email_identity(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._identity(asked, look=True).content

    def delete_email_identity(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._identity(asked)
        del self._identities[asked["EmailIdentity"]]
        return {}

    def put_dkim(self, asked: dict[str, Any]) -> dict[str, Any]:
        dkim = self._identity(asked).content["DkimAttributes"]
        dkim["SigningEnabled"] = asked.get("SigningEnabled", False)
        return {}

    def put_dkim_signing(self, asked: dict[str, Any]) -> dict[str, Any]:
        content = self._identity(asked).content
        dkim = content["DkimAttributes"]
        dkim["SigningAttributesOrigin"] = asked["SigningAttributesOrigin"]
        if length := asked.get("SigningAttributes", {}).get("NextSigningKeyLength"):
            dkim["NextSigningKeyLength"] = length
        if dkim["Status"] == "FAILED":
            dkim["Status"] = content["VerificationStatus"] = "PENDING"
        return {"DkimStatus": dkim["Status"], "DkimTokens": dkim["Tokens"]}

    def put_mail_from(self, asked: dict[str, Any]) -> dict[str, Any]:
        content, domain = self._identity(asked).content, asked.get("MailFromDomain", "")
        behaviour = asked.get("BehaviorOnMxFailure", "USE_DEFAULT_VALUE")
        found = {"BehaviorOnMxFailure": behaviour}
        if domain:
            found |= {"MailFromDomain": domain, "MailFromDomainStatus": "PENDING"}
        content["MailFromAttributes"] = found
        return {}

    def put_feedback(self, asked: dict[str, Any]) -> dict[str, Any]:
        content = self._identity(asked).content
        content["FeedbackForwardingStatus"] = asked.get("EmailForwardingEnabled", False)
        return {}

    # --- configuration sets ---------------------------------------------------------------------

    def create_set(self, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["ConfigurationSetName"]
        if name in self._sets:
            raise RefusedError(
                400, "AlreadyExistsException", f"Configuration set <{name}> already exists."
            )
        self._sets[name] = self._new(
            {
                "ConfigurationSetName": name,
                "ReputationOptions": {"ReputationMetricsEnabled": False},
                "SendingOptions": {"SendingEnabled": True},
                "DeliveryOptions": {"TlsPolicy": "OPTIONAL"},
                "Tags": [],
                **asked,
            }
        )
        return {}

    def get_set(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self._set(asked, look=True).content

    def list_sets(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"ConfigurationSets": sorted(self._sets)}

    def delete_set(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._set(asked)
        del self._sets[asked["ConfigurationSetName"]]
        return {}

    def put_options(self, kind: str, asked: dict[str, Any]) -> dict[str, Any]:
        told = {key: value for key, value in asked.items() if key != "ConfigurationSetName"}
        content = self._set(asked).content
        if told or kind != "Tracking":
            content[f"{kind}Options"] = told
        else:
            content.pop("TrackingOptions", None)
        return {}

    # --- event destinations ---------------------------------------------------------------------

    def create_destination(self, asked: dict[str, Any]) -> dict[str, Any]:
        there, name = self._set(asked).destinations, asked["EventDestinationName"]
        if name in there:
            raise RefusedError(
                400, "AlreadyExistsException", f"Event destination <{name}> already exists."
            )
        there[name] = self._destination(asked)
        return {}

    def update_destination(self, asked: dict[str, Any]) -> dict[str, Any]:
        there, name = self._set(asked).destinations, asked["EventDestinationName"]
        _found_name(there, name)
        there[name] = self._destination(asked)
        return {}

    def get_destinations(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"EventDestinations": list(self._set(asked, look=True).destinations.values())}

    def delete_destination(self, asked: dict[str, Any]) -> dict[str, Any]:
        there, name = self._set(asked).destinations, asked["EventDestinationName"]
        _found_name(there, name)
        del there[name]
        return {}

    def _destination(self, asked: dict[str, Any]) -> dict[str, Any]:
        told = asked["EventDestination"]
        if not told.get("MatchingEventTypes"):
            raise RefusedError(400, "BadRequestException", "MatchingEventTypes must not be empty.")
        return {"Name": asked["EventDestinationName"], "Enabled": False, **told}

    # --- tags and the account -------------------------------------------------------------------

    def tag(self, asked: dict[str, Any]) -> dict[str, Any]:
        content = self._by_arn(asked["ResourceArn"]).content
        new = {one["Key"] for one in asked["Tags"]}
        content["Tags"] = [one for one in content["Tags"] if one["Key"] not in new] + asked["Tags"]
        return {}

    def list_tags(self, asked: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": self._by_arn(asked["ResourceArn"]).content["Tags"]}

    def put_suppression(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._suppressed = asked.get("SuppressedReasons", [])
        return {}

    def put_details(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self._details and self._details["ReviewDetails"]["Status"] == "PENDING":
            raise RefusedError(409, "ConflictException", "A review is under way.")
        review = {"Status": "PENDING", "CaseId": "1234567890"}
        kept = {key: asked[key] for key in ("MailType", "WebsiteURL") if key in asked}
        self._details = kept | {"ReviewDetails": review}
        return {}

    def _by_arn(self, arn: str) -> _Thing:
        kind, _, name = arn.rpartition(":")[2].partition("/")
        things = self._identities if kind == "identity" else self._sets
        return _found(things, name, "Resource", look=False)


def _found(things: dict[str, _Thing], name: str, what: str, *, look: bool) -> _Thing:
    thing = things.get(name)
    if thing is not None and look and thing.unseen:
        thing.unseen -= 1
        thing = None
    if thing is None:
        raise RefusedError(404, "NotFoundException", f"{what} {name} does not exist.")
    return thing


def _found_name(there: dict[str, Any], name: str) -> None:
    if name not in there:
        raise RefusedError(404, "NotFoundException", f"Event destination <{name}> does not exist.")


_Handler = Callable[[Configuration, dict[str, Any]], dict[str, Any]]
_HANDLERS: Final[dict[str, _Handler]] = {
    "CreateEmailIdentity": Configuration.create_email_identity,
    "GetEmailIdentity": Configuration.get_email_identity,
    "DeleteEmailIdentity": Configuration.delete_email_identity,
    "PutEmailIdentityDkimAttributes": Configuration.put_dkim,
    "PutEmailIdentityDkimSigningAttributes": Configuration.put_dkim_signing,
    "PutEmailIdentityMailFromAttributes": Configuration.put_mail_from,
    "PutEmailIdentityFeedbackAttributes": Configuration.put_feedback,
    "CreateConfigurationSet": Configuration.create_set,
    "GetConfigurationSet": Configuration.get_set,
    "ListConfigurationSets": Configuration.list_sets,
    "DeleteConfigurationSet": Configuration.delete_set,
    "CreateConfigurationSetEventDestination": Configuration.create_destination,
    "UpdateConfigurationSetEventDestination": Configuration.update_destination,
    "GetConfigurationSetEventDestinations": Configuration.get_destinations,
    "DeleteConfigurationSetEventDestination": Configuration.delete_destination,
    "TagResource": Configuration.tag,
    "ListTagsForResource": Configuration.list_tags,
    "PutAccountSuppressionAttributes": Configuration.put_suppression,
    "PutAccountDetails": Configuration.put_details,
    **{
        f"PutConfigurationSet{kind}Options": functools.partial(
            lambda kind, configuration, asked: configuration.put_options(kind, asked), kind
        )
        for kind in _OPTIONS
    },
}
