"""The outcome table, row by row, and that nothing SES or boto3 may say is left out of it.

What a later botocore or SES adds fails here until somebody has decided what it proves.
"""

from __future__ import annotations

import inspect

import botocore.exceptions
import botocore.session
import pytest

from newsletter.delivery import Effect, Pause, Result, State, next_state
from newsletter.delivery.breaker import Breaker
from newsletter.delivery.outcomes import Verdict, accepted_as, judged
from newsletter.errors import AccountError
from newsletter.ses.account import account_error
from newsletter.ses.outcomes import (
    api_error,
    api_success,
    failed_after_request,
    failed_before_request,
)
from newsletter.smtp.outcomes import smtp_reply

# --- the rows --------------------------------------------------------------------------------

#: What is seen, where the delivery goes, what the run does, and how it stands then.
ROWS = {
    Verdict.ACCEPTED: (State.ACCEPTED, Effect.GO_ON, None),
    Verdict.MALFORMED: (State.QUEUED, Effect.REJECT, Pause.MALFORMED),
    Verdict.UNREACHABLE: (State.DEFERRED, Effect.BACK_OFF, None),
    Verdict.BROKEN_OFF: (State.DEFERRED, Effect.BACK_OFF, None),
    Verdict.FATAL: (State.QUEUED, Effect.ABORT, Pause.ACCOUNT),
    Verdict.THROTTLED: (State.DEFERRED, Effect.SLOW_DOWN, None),
    Verdict.QUOTA: (State.QUEUED, Effect.STOP, Pause.QUOTA),
    Verdict.REFUSED: (State.REFUSED, Effect.GO_ON, None),
    Verdict.REFUSED_TOGETHER: (State.QUEUED, Effect.ONE_BY_ONE, None),
    Verdict.UNFIT: (State.REFUSED, Effect.OURS, None),
    Verdict.DEFERRED: (State.DEFERRED, Effect.GO_ON, None),
    Verdict.UNPROVEN: (State.UNKNOWN, Effect.GO_ON, None),
    Verdict.UNNAMED: (State.UNKNOWN, Effect.PAUSE, Pause.BREAKER),
}


@pytest.mark.parametrize("seen", Verdict)
def test_a_row_says_where_the_delivery_goes_and_how_the_run_stands(seen):
    state, effect, pause = ROWS[seen]
    outcome = accepted_as("m") if seen is Verdict.ACCEPTED else judged(seen, "why")
    assert (next_state(outcome), outcome.effect) == (state, effect)
    stop = Breaker(total=1000).hear(outcome, now=0.0)
    assert (stop.pause if stop else None) is pause


@pytest.mark.parametrize("seen", [seen for seen in Verdict if seen is not Verdict.ACCEPTED])
def test_only_where_nobody_was_reached_nothing_is_told_about_the_recipient(seen):
    assert judged(seen, "why").reached is (seen is not Verdict.UNREACHABLE)


@pytest.mark.parametrize("seen", Verdict)
def test_only_what_is_proven_not_accepted_may_be_sent_again(seen):
    proven = seen not in {Verdict.ACCEPTED, Verdict.UNPROVEN, Verdict.UNNAMED}
    assert (ROWS[seen][0] in {State.QUEUED, State.DEFERRED, State.REFUSED}) is proven


def expect(outcome, seen):
    """The outcome is the one of this row, and its reason is fit to be kept."""
    result, effect = (outcome.result, outcome.effect)
    assert (next_state(outcome), effect) == ROWS[seen][:2], outcome
    assert "@" not in outcome.reason
    assert bool(outcome.reason) is (result is not Result.ACCEPTED)


# --- what SES answers ------------------------------------------------------------------------

#: Every error of SESv2's own model, and AWS's common errors, each with its status and its row.
ERRORS = {
    # SendEmail and GetAccount.
    "AccountSuspendedException": (400, Verdict.FATAL),
    "BadRequestException": (400, Verdict.REFUSED),
    "LimitExceededException": (400, Verdict.THROTTLED),
    "MailFromDomainNotVerifiedException": (400, Verdict.FATAL),
    "MessageRejected": (400, Verdict.REFUSED),
    "NotFoundException": (404, Verdict.FATAL),
    "SendingPausedException": (400, Verdict.FATAL),
    "TooManyRequestsException": (429, Verdict.THROTTLED),
    # Of SESv2's other operations; should a send ever meet one, this is what it proves.
    "AlreadyExistsException": (400, Verdict.REFUSED),
    "ConcurrentModificationException": (500, Verdict.UNPROVEN),
    "ConflictException": (409, Verdict.FATAL),
    "InternalServiceErrorException": (500, Verdict.UNPROVEN),
    "InvalidNextTokenException": (400, Verdict.REFUSED),
}
COMMON = {
    "AccessDenied": (403, Verdict.FATAL),
    "AccessDeniedException": (403, Verdict.FATAL),
    "ExpiredToken": (403, Verdict.FATAL),
    "ExpiredTokenException": (403, Verdict.FATAL),
    "IncompleteSignature": (400, Verdict.FATAL),
    "IncompleteSignatureException": (403, Verdict.FATAL),
    "InternalFailure": (500, Verdict.UNPROVEN),
    "InvalidAccessKeyId": (403, Verdict.FATAL),
    "InvalidAction": (400, Verdict.FATAL),
    "InvalidClientTokenId": (403, Verdict.FATAL),
    "InvalidParameterCombination": (400, Verdict.REFUSED),
    "InvalidParameterValue": (400, Verdict.REFUSED),
    "InvalidSignatureException": (403, Verdict.FATAL),
    "MalformedHttpRequestException": (400, Verdict.FATAL),
    "MalformedQueryString": (404, Verdict.FATAL),
    "MissingAction": (400, Verdict.FATAL),
    "MissingAuthenticationToken": (403, Verdict.FATAL),
    "MissingAuthenticationTokenException": (403, Verdict.FATAL),
    "MissingParameter": (400, Verdict.REFUSED),
    "NotAuthorized": (401, Verdict.FATAL),
    "OptInRequired": (403, Verdict.FATAL),
    "RequestAbortedException": (400, Verdict.UNPROVEN),
    "RequestEntityTooLargeException": (413, Verdict.FATAL),
    "RequestExpired": (400, Verdict.FATAL),
    "RequestTimeTooSkewed": (403, Verdict.FATAL),
    "RequestTimeout": (400, Verdict.UNPROVEN),
    "RequestTimeoutException": (408, Verdict.UNPROVEN),
    "ServiceUnavailable": (503, Verdict.UNPROVEN),
    "SignatureDoesNotMatch": (403, Verdict.FATAL),
    "SlowDown": (429, Verdict.THROTTLED),
    "Throttling": (400, Verdict.THROTTLED),
    "ThrottlingException": (400, Verdict.THROTTLED),
    "UnauthorizedOperation": (403, Verdict.FATAL),
    "UnknownOperationException": (404, Verdict.FATAL),
    "UnrecognizedClientException": (403, Verdict.FATAL),
    "ValidationError": (400, Verdict.REFUSED),
    "ValidationException": (400, Verdict.REFUSED),
}


def test_every_error_in_botocores_model_of_ses_is_decided():
    model = botocore.session.get_session().get_service_model("sesv2")
    named = {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in model.error_shapes}
    assert {name: status for name, (status, _) in ERRORS.items()} == named
    for operation in ("SendEmail", "GetAccount"):
        assert {s.name for s in model.operation_model(operation).error_shapes} <= ERRORS.keys()


@pytest.mark.parametrize("code", [*ERRORS, *COMMON])
def test_an_error_of_ses_is_in_its_row(code):
    status, seen = (ERRORS | COMMON)[code]
    expect(api_error(code, status, "No, mara@example.org."), seen)


@pytest.mark.parametrize("code", [*ERRORS, *COMMON])
def test_an_error_with_a_5xx_proves_nothing_whatever_its_name(code):
    expect(api_error(code, 500, ""), Verdict.UNPROVEN)


@pytest.mark.parametrize(
    ("code", "status", "text", "seen"),
    [
        ("TooManyRequestsException", 429, "Daily message quota exceeded.", Verdict.QUOTA),
        ("LimitExceededException", 400, "Daily message quota exceeded.", Verdict.QUOTA),
        ("ThrottlingException", 400, "Maximum sending rate exceeded.", Verdict.THROTTLED),
        ("Throttling", 400, "Daily message quota exceeded.", Verdict.QUOTA),
        ("MessageRejected", 400, "Email address is not verified. a@b.org", Verdict.FATAL),
        ("MessageRejected", 400, "Not that.", Verdict.REFUSED),
        # Nobody knows whose answer it is, when it has no name that SES gives.
        *(("", status, "quota", Verdict.UNPROVEN) for status in (400, 401, 403, 404, 407, 413, 429)),
        *(("", status, "", Verdict.UNPROVEN) for status in (0, 200, 204, 301, 307, 408, 500, 502, 503, 504, 599)),
    ],
)  # fmt: skip
def test_an_answer_of_ses_is_in_its_row(code, status, text, seen):
    expect(api_error(code, status, text), seen)


@pytest.mark.parametrize("code", ["", "a@b.org", "<html>", "x" * 81, "400"])
def test_a_code_that_is_no_name_is_not_kept_and_proves_nothing(code):
    outcome = api_error(code, 400, "")
    expect(outcome, Verdict.UNPROVEN)
    assert outcome.reason == "HTTP 400, not from SES"
    assert api_error("500", 500, "").reason == "HTTP 500"
    assert api_error("ServiceUnavailable", 503, "").reason == "HTTP 503 ServiceUnavailable"


def test_a_refusal_of_everything_says_in_words_what_to_mend():
    reason = api_error("ExpiredTokenException", 403, "").reason
    assert reason == "the credentials have expired (ExpiredTokenException)"


@pytest.mark.parametrize(
    ("name", "seen"), [("m", Verdict.ACCEPTED), ("", Verdict.UNNAMED), (None, Verdict.UNNAMED)]
)
def test_a_success_needs_a_message_id(name, seen):
    expect(api_success(name), seen)


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        (250, Verdict.ACCEPTED), (251, Verdict.ACCEPTED), (220, Verdict.UNPROVEN), (221, Verdict.UNPROVEN), (235, Verdict.UNPROVEN), (421, Verdict.DEFERRED), (451, Verdict.DEFERRED),
        (550, Verdict.REFUSED), (554, Verdict.REFUSED), (354, Verdict.UNPROVEN), (-1, Verdict.UNPROVEN),
        (100, Verdict.UNPROVEN),
    ],
)  # fmt: skip
def test_a_mail_server_says_it_by_its_first_digit(code, seen):
    expect(smtp_reply(code, "m"), seen)


# --- what boto3 raises -----------------------------------------------------------------------

#: Of the network: before the request left, of looking for credentials.
NETWORK = """
    ConnectTimeoutError ConnectionClosedError ConnectionError EndpointConnectionError
    HTTPClientError ProxyConnectionError ReadTimeoutError ResponseStreamingError SSLError
""".split()
#: Of our own request, before it left.
MALFORMED = """
    AliasConflictParameterError InvalidRegionError MissingParametersError ParamValidationError RangeError
    UnknownKeyError UnknownParameterError ValidationError
""".split()
#: Of configuration, credentials, or parts of botocore no send uses: nothing would help the next.
SETTING = """
    ApiVersionNotFoundError AwsChunkedWrapperError BaseEndpointResolverError BotoCoreError
    CapacityNotAvailableError ChecksumError ConfigNotFound ConfigParseError CredentialRetrievalError DataNotFoundError
    EndpointProviderError EndpointResolutionError EndpointVariantError
    FlexibleChecksumError IncompleteReadError InfiniteLoopConfigError
    InvalidChecksumConfigError InvalidConfigError InvalidDNSNameError InvalidDefaultsMode
    InvalidEndpointConfigurationError InvalidEndpointDiscoveryConfigurationError
    InvalidExpressionError InvalidHostLabelError InvalidIMDSEndpointError
    InvalidIMDSEndpointModeError InvalidMaxRetryAttemptsError InvalidProxiesConfigError
    InvalidRetryConfigurationError InvalidRetryModeError
    InvalidS3AddressingStyleError InvalidS3UsEast1RegionalEndpointConfigError
    InvalidSTSRegionalEndpointsConfigError LoginAuthorizationCodeError LoginError
    LoginInsufficientPermissions LoginRefreshRequired LoginTokenLoadError MD5UnavailableError
    MetadataRetrievalError MissingDependencyException MissingServiceIdError NoAuthTokenError
    NoCredentialsError NoRegionError OperationNotPageableError PaginationError
    PartialCredentialsError ProfileNotFound RefreshWithMFAUnsupportedError SSOError
    SSOTokenLoadError ServiceNotInRegionError StubAssertionError StubResponseError
    TokenRetrievalError UnStubbedResponseError UnauthorizedSSOTokenError
    UndefinedModelAttributeError UnknownClientMethodError UnknownCredentialError UnknownEndpointError
    UnknownEndpointResolutionBuiltInName UnknownFIPSEndpointError UnknownRegionError
    UnknownServiceError UnknownServiceStyle UnknownSignatureVersionError
    UnknownTokenProviderError UnseekableStreamError UnsupportedOutpostResourceError
    UnsupportedS3AccesspointConfigurationError UnsupportedS3ArnError
    UnsupportedS3ConfigurationError UnsupportedS3ControlArnError
    UnsupportedS3ControlConfigurationError UnsupportedServiceProtocolsError
    UnsupportedSignatureVersionError WaiterConfigError WaiterError
""".split()
#: Before the request left; once it has begun to, none of them proves anything.
RAISED = {
    **dict.fromkeys(NETWORK, Verdict.UNREACHABLE),
    **dict.fromkeys(MALFORMED, Verdict.MALFORMED),
    **dict.fromkeys(SETTING, Verdict.FATAL),
    # Judged by what was answered: here a 500.
    "ClientError": Verdict.UNREACHABLE,
    "EventStreamError": Verdict.UNREACHABLE,
}
KINDS = {
    name: kind
    for name, kind in inspect.getmembers(botocore.exceptions, inspect.isclass)
    if issubclass(kind, Exception) and not issubclass(kind, Warning)
}


def built(kind, text="something", code="InternalFailure", status=500):
    """An exception of this kind, whatever its constructor wants."""
    if issubclass(kind, botocore.exceptions.ClientError):
        answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return kind(answer, "SendEmail")
    fault = kind.__new__(kind)
    Exception.__init__(fault, text)
    return fault


def test_every_exception_of_botocore_is_decided():
    assert set(KINDS) == set(RAISED)


@pytest.mark.parametrize("name", KINDS)
def test_an_exception_means_what_it_proves_before_and_after_the_request_left(name):
    expect(failed_before_request(built(KINDS[name])), RAISED[name])
    expect(failed_after_request(built(KINDS[name])), Verdict.UNPROVEN)


@pytest.mark.parametrize("name", KINDS)
def test_whatever_asking_for_the_account_raises_is_one_sentence(name):
    fault = account_error(built(KINDS[name], "the key AKIDFAKE of mara@example.org"))
    assert isinstance(fault, AccountError)
    assert fault.hint
    assert "AKIDFAKE" not in f"{fault} {fault.cause}"
    reachable = name not in NETWORK
    assert (fault.message == "SES cannot be reached") is not reachable


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("ExpiredTokenException", 403, "AWS refuses these credentials or this account"),
        ("TooManyRequestsException", 429, "SES does not tell this account's limits now"),
        ("ServiceUnavailable", 503, "SES does not tell this account's limits now"),
        ("BadRequestException", 400, "AWS refuses these credentials or this account"),
    ],
)
def test_an_account_that_cannot_be_asked_now_is_not_blamed(code, status, message):
    fault = account_error(built(botocore.exceptions.ClientError, code=code, status=status))
    assert fault.message == message
    assert code in str(fault.cause)


@pytest.mark.parametrize(
    ("code", "status", "seen"),
    [
        ("InvalidClientTokenId", 403, Verdict.FATAL),
        ("ValidationError", 400, Verdict.FATAL),
        ("Throttling", 400, Verdict.UNREACHABLE),
        ("ServiceUnavailable", 503, Verdict.UNREACHABLE),
    ],
)
def test_the_service_that_gives_credentials_never_refuses_a_recipient(code, status, seen):
    expect(
        failed_before_request(built(botocore.exceptions.ClientError, code=code, status=status)),
        seen,
    )


def test_what_is_no_exception_of_botocore_proves_nothing_once_the_request_has_left():
    expect(failed_after_request(ValueError("x")), Verdict.UNPROVEN)
    expect(failed_before_request(ValueError("x")), Verdict.FATAL)
