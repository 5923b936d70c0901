"""Signature Version 4, recomputed from the request and compared."""

from __future__ import annotations

import functools
import hmac
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import parse_qsl, quote

from .answers import RefusedError

ACCESS_KEY = "AKIDFAKE"
SECRET_KEY = "fake/secret+key"
#: Allowed difference between the client's clock and ours, in seconds.
SKEW = 300

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<scope>[^,\s]+),\s*"
    r"SignedHeaders=(?P<signed>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_SCOPE_PARTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request, read whole.

    Attributes:
        headers: Names in lower case; the values of a repeated name joined by a comma.
        idle: Seconds the connection had waited since its last answer; 0 for the first request.
    """

    number: int
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    idle: float


def verify(request: Request, *, service: str, now: float | None = None) -> None:
    """Check the signature.

    Args:
        request: The request as it came.
        service: What the credential must be scoped to: `ses` or `sts`.
        now: Seconds since the epoch; the clock's when None.

    Raises:
        RefusedError: 403 with AWS's code, unless the signature is right.
    """
    header = request.headers.get("authorization")
    if not header:
        raise _denied("MissingAuthenticationTokenException", "Missing Authentication Token")
    found = _AUTHORIZATION.fullmatch(header)
    scope = found["scope"].split("/") if found else []
    if not found or len(scope) != _SCOPE_PARTS or scope[3] != "aws4_request":
        raise _denied(
            "IncompleteSignatureException", "Authorization header is not of SigV4's form."
        )
    if found["key"] != ACCESS_KEY:
        raise _denied(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    if scope[2] != service:
        raise _mismatch(f"Credential should be scoped to correct service: '{service}'.")
    stamp = _fresh_stamp(request, scope[0], time.time() if now is None else now)
    signed = found["signed"].split(";")
    _check_signed_names(request, signed)
    expected = _signature(request, signed=signed, scope=found["scope"], stamp=stamp)
    if not hmac.compare_digest(expected, found["signature"]):
        raise _mismatch(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. "
            "Consult the service documentation for details."
        )


def expired() -> RefusedError:
    """The refusal for temporary credentials that have run out."""
    return _denied("ExpiredTokenException", "The security token included in the request is expired")


def _fresh_stamp(request: Request, day: str, now: float) -> str:
    stamp = request.headers.get("x-amz-date", "")
    try:
        at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise _denied("IncompleteSignatureException", "X-Amz-Date is missing or wrong.") from None
    if abs(at - now) > SKEW:
        server = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        raise _denied("RequestExpired", f"Signature of {stamp} is not current: it is {server}.")
    if not stamp.startswith(day):
        raise _mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version.")
    return stamp


def _check_signed_names(request: Request, signed: list[str]) -> None:
    if "host" not in signed or "x-amz-date" not in signed or signed != sorted(signed):
        raise _mismatch("SignedHeaders must be sorted and name host and x-amz-date.")
    unsigned = [
        name for name in request.headers if name.startswith("x-amz-") and name not in signed
    ]
    if unsigned:
        raise _mismatch(f"There were headers present which were not signed: {', '.join(unsigned)}.")


def _signature(request: Request, *, signed: list[str], scope: str, stamp: str) -> str:
    canonical = "\n".join(
        (
            request.method,
            quote(request.path, safe="/~"),
            _canonical_query(request.query),
            *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in signed),
            "",
            ";".join(signed),
            sha256(request.body).hexdigest(),
        )
    )
    digest = sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    day, region, service, _ = scope.split("/")
    return hmac.new(_signing_key(day, region, service), text.encode(), sha256).hexdigest()


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = parse_qsl(query, keep_blank_values=True)
    return "&".join(sorted(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in pairs))


@functools.lru_cache(maxsize=64)
def _signing_key(day: str, region: str, service: str) -> bytes:
    key = f"AWS4{SECRET_KEY}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), sha256).digest()
    return key


def _denied(code: str, message: str) -> RefusedError:
    return RefusedError(403, code, message)


def _mismatch(message: str) -> RefusedError:
    return _denied("InvalidSignatureException", message)
