"""Requests made after the pattern of the first of their kind.

For each request botocore looks up anew where it goes, which headers it has, and how it is signed;
that takes three times as long as signing it. All requests of one operation have these in common:
the first goes botocore's whole way, and those after it differ in their body alone. The signature,
and the credentials of the moment with their renewal, stay botocore's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.awsrequest import AWSRequest

if TYPE_CHECKING:
    from botocore.auth import BaseSigner
    from botocore.awsrequest import AWSPreparedRequest
    from botocore.signers import RequestSigner

#: SigV4 with a key: nothing else is known here.
_SIGNATURE: Final = "v4"
#: What may be said of how a request is signed; whatever else is, is looked up for each.
_KNOWN: Final = frozenset({"region", "signing_name"})
#: Of one request, and not of its kind.
_OWN: Final = frozenset({"amz-sdk-invocation-id", "amz-sdk-request", "content-length"})


@dataclass(frozen=True, slots=True)
class RequestPattern:
    """What the requests of one operation have in common.

    Attributes:
        headers: without those that signing adds.
        signer: gives what signs, with the credentials of the moment.
    """

    method: str
    url: str
    headers: dict[str, str]
    signer: Callable[[], BaseSigner]

    def request(self, body: bytes) -> AWSPreparedRequest:
        """A request with this body, signed.

        Raises:
            BotoCoreError, ClientError: there are no credentials any more.
        """
        made = AWSRequest(method=self.method, url=self.url, headers=self.headers, data=body)
        self.signer().add_auth(made)
        return made.prepare()


def pattern_of(
    request: AWSRequest,
    *,
    request_signer: RequestSigner,
    signing_name: str,
    region_name: str,
    signature_version: str,
    **_: object,
) -> RequestPattern | None:
    """The pattern of a request that botocore is about to sign, as it tells on `before-sign`.

    None where something is said of signing that is not known here: then each goes the whole way.
    """
    context: Any = request.context
    told: dict[str, str] = context.get("signing", {})
    whole = context.get("payload_signing_enabled", True)
    if signature_version != _SIGNATURE or told.keys() - _KNOWN or not whole:
        return None
    made: Any = request  # botocore's types know less of it
    name, region = told.get("signing_name", signing_name), told.get("region", region_name)

    def signer() -> BaseSigner:
        made: BaseSigner = request_signer.get_auth_instance(
            signing_name=name, region_name=region, signature_version=signature_version
        )
        return made

    return RequestPattern(
        made.method, made.url,
        {name: value for name, value in made.headers.items() if name.lower() not in _OWN},
        signer,
    )  # fmt: skip
