"""Requests after the first: botocore is not asked again, but for the key and the signature."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import RefreshableCredentials
from botocore.signers import RequestSigner

from newsletter.delivery import Effect, Result
from newsletter.ses.http1 import serialize
from newsletter.ses.pattern import pattern_of
from tests.fake_ses import ACCESS_KEY, SECRET_KEY, FakeSes
from tests.ses.test_ses import message, transport, world

__all__ = ["world"]

pytestmark = pytest.mark.processes


def test_the_requests_after_the_first_differ_from_it_in_body_date_and_signature_alone(
    world, monkeypatch
):
    made = []
    with FakeSes() as fake:
        with transport(world(fake)) as ses:
            send = ses._wire.send

            def heard(request, **more):
                written = serialize("POST", request.url, request.headers, b"").decode("latin-1")
                _, *lines = written.splitlines()
                made.append(
                    (request.method, request.url, sorted(filter(None, lines)), request.body)
                )
                return send(request, **more)

            monkeypatch.setattr(ses._wire, "send", heard)
            assert ses.deliver(message(1)).result is Result.ACCEPTED
            monkeypatch.setattr(ses, "_client", None)
            assert ses.deliver(message(2)).result is Result.ACCEPTED
        assert fake.quiet().operations == {"SendEmail": 2}
    (*where, headers, body), (*there, others, another) = made
    assert where == there
    assert body != another
    own = ("Authorization:", "X-Amz-Date:", "Content-Length:", "amz-sdk-")
    assert [one for one in headers if not one.startswith(own)] == [
        one for one in others if not one.startswith(own)
    ]
    assert [one.partition(":")[0] for one in others if one.startswith(own)] == [
        "Authorization", "Content-Length", "X-Amz-Date",
    ]  # fmt: skip


def test_each_request_is_signed_with_the_key_of_its_moment(world):
    with FakeSes() as fake, transport(world(fake)) as ses:
        assert ses.deliver(message(1)).result is Result.ACCEPTED
        credentials = ses._session.get_credentials()
        assert credentials is not None
        credentials.secret_key = "another"
        refused = ses.deliver(message(2))
        assert (refused.result, refused.effect) == (Result.NOT_SENT, Effect.ABORT)
        credentials.secret_key = SECRET_KEY
        assert ses.deliver(message(3)).result is Result.ACCEPTED


class Signer(RequestSigner):
    """One whose credentials end soon, so that they are fetched again each time."""

    def __init__(self):
        fetched = itertools.count(1)
        soon = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=12)

        def fetch():
            return {
                "access_key": ACCESS_KEY, "secret_key": SECRET_KEY,
                "token": f"token {next(fetched)}", "expiry_time": soon.isoformat(),
            }  # fmt: skip

        self._region_name = "eu-west-1"
        self._credentials = RefreshableCredentials.create_from_metadata(fetch(), fetch, "test")


def pattern(context=None, version="v4"):
    request = AWSRequest("POST", "https://email.eu-west-1.amazonaws.com/v2/x", {"X": "1"}, b"{}")
    request.context.update(context or {})
    return pattern_of(
        request, request_signer=Signer(), signing_name="ses",
        region_name="eu-west-1", signature_version=version, event_name="before-sign",
    )  # fmt: skip


def test_the_place_is_that_of_the_endpoint_s_rules_and_credentials_are_renewed():
    found = pattern({"signing": {"region": "eu-west-3", "signing_name": "other"}})
    assert found is not None
    found.request(b"an earlier one")
    made = found.request(b"body")
    assert "/eu-west-3/other/aws4_request" in made.headers["Authorization"]
    assert made.headers["X-Amz-Security-Token"] == "token 3"
    assert made.body == b"body"


@pytest.mark.parametrize(
    ("context", "version"),
    [
        ({}, "v4a"), ({}, "bearer"), ({}, None),
        ({"signing": {"region": "*", "identity_cache": {}}}, "v4"),
        ({"signing": {"request_credentials": object()}}, "v4"),
        ({"signing": {"region": "eu-west-1", "something": "new"}}, "v4"),
        ({"payload_signing_enabled": False}, "v4"),
    ],
)  # fmt: skip
def test_what_is_not_known_of_signing_leaves_each_request_to_botocore(context, version):
    assert pattern(context, version) is None
