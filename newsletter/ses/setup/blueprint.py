"""What is wanted of an AWS account for one newsletter; values only, nobody is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from newsletter.check.placeholder import PLACEHOLDERS
from newsletter.errors import InputError
from newsletter.settings import Settings
from newsletter.slugs import slug

#: What SES reports; opens and clicks are not wanted, for they rewrite the mail.
REPORTED: Final = (
    "SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY", "DELIVERY_DELAY", "RENDERING_FAILURE",
    "SUBSCRIPTION",
)  # fmt: skip
#: The longest that SQS keeps messages; a fortnightly newsletter needs it.
RETENTION: Final = 14 * 24 * 3600
#: IAM's own path for what belongs to this program.
POLICY_PATH: Final = "/gitletter/"
_NEWSLETTER: Final = "gitletter:newsletter"
_MAKER: Final = "gitletter:by"
_LIST: Final = "newsletter."
#: The rest of 64 characters is for what is appended.
_LONGEST_NAME: Final = 40
#: Everything that no tag of AWS may hold (resource groups tagging, "Tag naming").
_NOT_IN_TAGS: Final = re.compile(r"[^\w .:/=+@-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """One newsletter's things in one account and region.

    Attributes:
        domain: the identity, the sender's domain or a parent of it.
        name: of the configuration set; the other names follow from it.
        list_id: whose things they are.
        from_address: the only address the sending host may send from.
        account: the AWS account, 12 digits.
        partition: "aws", "aws-cn" or "aws-us-gov".
        sandbox: whether SES asks for rights to the recipients' identities as well.
        chosen_mail_from: where bounces return to, "" for the usual.
    """

    domain: str
    name: str
    list_id: str
    from_address: str
    account: str
    region: str
    partition: str = "aws"
    sandbox: bool = False
    chosen_mail_from: str = ""

    @property
    def mail_from(self) -> str:
        """The domain that bounces return to."""
        return self.chosen_mail_from or f"bounce.{self.domain}"

    @property
    def events(self) -> str:
        """The name of queue and topic."""
        return f"{self.name}-events"

    @property
    def dead_letters(self) -> str:
        """The name of the dead-letter queue."""
        return f"{self.events}-dead"

    @property
    def policy(self) -> str:
        """The name of the policy for the sending host."""
        return f"{self.name}-send"

    @property
    def tags(self) -> dict[str, str]:
        """By which our own things are known."""
        return {_NEWSLETTER: _NOT_IN_TAGS.sub("-", self.list_id), _MAKER: "setup"}

    def are_ours(self, tags: dict[str, str]) -> bool:
        """Whether what has these tags was made by a setup of this newsletter."""
        return all(tags.get(key) == value for key, value in self.tags.items())

    def others(self, tags: dict[str, str]) -> list[str]:
        """Why a thing with these tags cannot be shared: a setup of another newsletter made it.

        The events of both would end in one queue, and the other's `--destroy` takes it away.
        """
        if tags.get(_MAKER) != self.tags[_MAKER] or self.are_ours(tags):
            return []
        return [f"made for the newsletter of {_owner(tags)}"]

    def needs_domain(self, tags: dict[str, str]) -> bool:
        """Whether a thing was made for a newsletter whose mails this domain signs."""
        owner = _owner(tags)
        return tags.get(_MAKER) == self.tags[_MAKER] and (
            owner == self.domain or owner.endswith(f".{self.domain}")
        )

    def arn(self, service: str, resource: str) -> str:
        """The name of a resource in this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    @property
    def policy_arn(self) -> str:
        """IAM belongs to no region."""
        return f"arn:{self.partition}:iam::{self.account}:policy{POLICY_PATH}{self.policy}"

    @property
    def topic_arn(self) -> str:
        """Of the topic that SES publishes to."""
        return self.arn("sns", self.events)

    @property
    def queue_arn(self) -> str:
        """Of the queue that is emptied."""
        return self.arn("sqs", self.events)

    @property
    def topic_rights(self) -> list[dict[str, Any]]:
        """SES may publish to the topic, for this account's configuration set alone."""
        source = self.arn("ses", f"configuration-set/{self.name}")
        return [
            {
                "Sid": "SesPublishes",
                "Effect": "Allow",
                "Principal": {"Service": "ses.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": self.topic_arn,
                "Condition": {
                    "StringEquals": {"AWS:SourceAccount": self.account, "AWS:SourceArn": source}
                },
            }
        ]

    @property
    def queue_rights(self) -> list[dict[str, Any]]:
        """The topic may fill the queue; nobody comes without TLS."""
        return [
            {
                "Sid": "TopicFills",
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": self.queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": self.topic_arn}},
            },
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sqs:*",
                "Resource": self.queue_arn,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ]

    @property
    def sending_rights(self) -> dict[str, Any]:
        """The policy of the host that sends: no more than sending, events, and `doctor`'s looks.

        SES asks for both the identity and the configuration set; who forgets the second sees every
        mail refused. In the sandbox the recipients' identities are asked for as well.
        """
        identity = self.arn("ses", "identity/*" if self.sandbox else f"identity/{self.domain}")
        configuration_set = self.arn("ses", f"configuration-set/{self.name}")
        dead_letters = self.arn("sqs", self.dead_letters)
        queue = "sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes sqs:GetQueueUrl"
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "Send",
                    "Effect": "Allow",
                    "Action": ["ses:SendEmail", "ses:SendRawEmail", "ses:SendBulkEmail"],
                    "Resource": [identity, configuration_set],
                    "Condition": {"StringEquals": {"ses:FromAddress": self.from_address}},
                },
                _allowed("Account", "ses:GetAccount", "*"),
                _allowed("Events", queue, self.queue_arn),
                _allowed(
                    "DeadLetters", "sqs:SendMessage sqs:GetQueueUrl sqs:GetQueueAttributes",
                    dead_letters,
                ),
                _allowed(
                    "Look",
                    "ses:GetEmailIdentity ses:GetConfigurationSet "
                    "ses:GetConfigurationSetEventDestinations",
                    self.arn("ses", f"identity/{self.domain}"), configuration_set,
                ),
                _allowed("LookAtTopic", "sns:ListSubscriptionsByTopic", self.topic_arn),
            ],
        }  # fmt: skip


def blueprint(
    settings: Settings,
    *,
    account: str,
    region: str,
    partition: str,
    domain: str = "",
    mail_from: str = "",
    sandbox: bool = False,
) -> Blueprint:
    """What a newsletter's settings ask for.

    Args:
        settings: of the newsletter.
        account: see `Blueprint`, like the others.
        region: where mail leaves.
        partition: that the region is in.
        domain: a parent of the sender's domain, "" for the very domain.
        mail_from: a domain below that one, "" for the usual.
        sandbox: whether the account is in the sandbox.

    Raises:
        InputError: there is no sender, or still the one that `newsletter init` wrote; the domain is
            none of its parents, or the other is not below it.
    """
    address = settings.sender.from_address
    own = address.rpartition("@")[2].lower()
    if not own:
        raise InputError(
            "there is no sender to set SES up for",
            hint="set sender.from_address in newsletter.toml",
        )
    _refuse_placeholders(settings)
    chosen = domain.lower().strip(".") or own
    if "." not in chosen or (chosen != own and not own.endswith(f".{chosen}")):
        raise InputError(
            f"{chosen} is not the domain of sender.from_address, nor one above it",
            hint=f"leave --domain out, or name {own} or one of its parents",
        )
    bounces = mail_from.lower().strip(".")
    if bounces and (bounces == own or not bounces.endswith(f".{chosen}")):
        raise InputError(
            f"{bounces} cannot be the MAIL FROM domain of {chosen}",
            hint=f"name one below {chosen} that nobody writes from, such as bounce.{chosen}",
        )
    named = slug(settings.site.name)[:_LONGEST_NAME].strip("-")
    default = f"newsletter-{named}" if named else "newsletter"
    return Blueprint(
        domain=chosen,
        name=settings.transport.ses.configuration_set or default,
        list_id=f"{_LIST}{own}",
        from_address=address,
        account=account,
        region=region,
        partition=partition,
        sandbox=sandbox,
        chosen_mail_from=bounces,
    )


def _refuse_placeholders(settings: Settings) -> None:
    """Refuse to name things in an account after what nobody chose.

    Raises:
        InputError: sender or name are still those that `newsletter init` wrote.
    """
    chosen = {"sender.from_address": settings.sender.from_address}
    if not settings.transport.ses.configuration_set:
        chosen["site.name"] = settings.site.name
    for key, value in chosen.items():
        if value == PLACEHOLDERS[key]:
            raise InputError(
                f'{key} is still "{value}", which newsletter init wrote',
                hint=f"set {key} in newsletter.toml: what is made in AWS is named after it",
            )


def _owner(tags: dict[str, str]) -> str:
    """The sender's domain of the newsletter whose tags these are."""
    return tags.get(_NEWSLETTER, "").removeprefix(_LIST)


def _allowed(sid: str, actions: str, *resources: str) -> dict[str, Any]:
    listed: list[str] | str = list(resources) if len(resources) > 1 else resources[0]
    found = actions.split()
    action: list[str] | str = found if len(found) > 1 else found[0]
    return {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": listed}
