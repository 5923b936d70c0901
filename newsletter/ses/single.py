"""One mail per request: SESv2 SendEmail with raw MIME."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from newsletter.message import Message

OPERATION: Final = "SendEmail"


def parameters(message: Message, configuration_set: str) -> dict[str, Any]:
    """The parameters of SendEmail (SESv2 API reference) but for the content.

    Args:
        message: the mail.
        configuration_set: through which events come back, "" for none.
    """
    found: dict[str, Any] = {
        "FromEmailAddress": message.sender,
        "Destination": {"ToAddresses": [message.to]},
        "EmailTags": [{"Name": "delivery", "Value": message.tag}],
    }
    if configuration_set:
        found["ConfigurationSetName"] = configuration_set
    return found


def body(found: Mapping[str, Any], mail: bytes) -> bytes:
    """The request's body.

    Args:
        found: from `parameters`.
        mail: the MIME.
    """
    # base64 needs no escaping, and it is nearly all of the request.
    content = (b',"Content":{"Raw":{"Data":"', base64.b64encode(mail), b'"}}}')
    return b"".join((json.dumps(found).encode()[:-1], *content))
