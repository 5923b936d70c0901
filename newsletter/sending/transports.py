"""The ways out of the house; each file is one, and none knows another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from newsletter.delivery.bulk import BulkTransport

if TYPE_CHECKING:
    from newsletter.delivery import Outcome
    from newsletter.delivery.deliver import Transport
    from newsletter.project import Project
    from newsletter.smtp import Server


def open_transport(project: Project, environ: Mapping[str, str]) -> Transport:
    """The configured way out; nothing is connected yet.

    Raises:
        AccountError: AWS has no such profile.
        InputError: the endpoint of SES is no address.
    """
    group = project.settings.transport
    if group.kind == "ses":
        from newsletter.ses.client import SesTransport  # noqa: PLC0415  # boto3 is heavy

        return SesTransport(
            region=group.ses.region,
            profile=group.ses.profile,
            configuration_set=group.ses.configuration_set,
            max_rate=group.ses.max_rate,
            bulk_wanted=group.ses.mode == "bulk",
            environ=environ,
        )
    if group.kind == "smtp":
        from newsletter.smtp import SmtpTransport  # noqa: PLC0415  # as above

        return SmtpTransport(mail_server(project))
    from newsletter.folder import FolderTransport  # noqa: PLC0415  # as above

    return FolderTransport(project.root / group.folder)


def in_bulk(transport: Transport) -> BulkTransport | None:
    """The way out for many mails in one request, None where each has a request of its own."""
    return transport if isinstance(transport, BulkTransport) and transport.bulk_wanted else None


def reach(transport: Transport) -> Outcome | None:
    """Why no mail could go, as far as that is known before the first; None where they can.

    SES was asked for its allowance before.
    """
    if transport.name != "smtp":
        return None
    from newsletter.smtp import SmtpTransport  # noqa: PLC0415  # as above

    return transport.reach() if isinstance(transport, SmtpTransport) else None


def mail_server(project: Project) -> Server:
    """The mail server of the settings."""
    from newsletter.smtp import Server  # noqa: PLC0415  # as above

    group = project.settings.transport.smtp
    return Server(
        host=group.host,
        port=group.port,
        security=group.security,
        username=group.username,
        password=group.password.get_secret_value() if group.password else "",
    )
