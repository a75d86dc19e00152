"""AWS through botocore: one client per service and settings, calls that end in time, errors as ProviderError.

    settings = AwsSettings(region="eu-west-1")             the base of the AWS providers' settings
    s3 = client("s3", settings)                            made once per process; ProviderError where it cannot be made
    head = call(s3, "head_object", asking, Bucket=…)       botocore's response, or ProviderError with a code
    attempts(head)                                         how many requests it took

Credentials come from botocore's chain (environment, profile, container or instance role), and so does the region
unless the settings name one. ``AWS_ENDPOINT_URL`` and ``AWS_ENDPOINT_URL_<SERVICE>`` are obeyed by botocore.

Retries are botocore's standard mode: backoff with jitter, ``x-amz-retry-after``, and a quota for each client, which
ends retries when nearly every call fails. It knows no deadline; two hooks add one: no request is sent when no time is
left, each waits for its answer no longer than there is time, and no retry is begun whose backoff would outlast it.

Of what AWS says about an error only its code is passed on: its messages name accounts, roles and keys.
"""

from __future__ import annotations

import logging
import os
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from typing import Any, NoReturn

from pydantic import BaseModel, Field

from chalicelib.asking import ANY_TIME, Asking
from chalicelib.errors import ProviderError
from chalicelib.providers.endpoint import Endpoint

CONNECT = 3.0  # seconds; the second SYN goes out after one
CONNECTIONS = 64  # kept open by each client: more than tasks call at once


class AwsSettings(BaseModel, extra="forbid"):
    """What every AWS provider can be told. Credentials are never among it."""

    region: str | None = Field(None, description="AWS region; botocore's chain decides where it is not given")
    endpoint: Endpoint | None = Field(None, description="URL of a private endpoint (VPC) or an emulator")
    timeout: float = Field(5, gt=0, description="seconds that one attempt waits for the answer")
    attempts: int = Field(3, ge=1, le=10, description="requests per call at most, retries included")


@dataclass(slots=True)
class _Call:
    """A call under way in this thread."""

    asking: Asking
    sent: int = 0


class _NoTimeLeft(Exception):
    """Raised in botocore's place where a request would go out too late."""


_CALL: ContextVar[_Call | None] = ContextVar("aws_call", default=None)
_CLIENTS: dict[tuple[Any, ...], Any] = {}
_SESSION: list[Any] = []  # one at most
_MAKING = Lock()  # sessions are not thread-safe while a client is made; clients are


def client(service: str, settings: AwsSettings) -> Any:
    """The boto3 client of a service, e.g. "rekognition", made on first use.

    Raises:
        ProviderError: "not-configured" without a region or with an endpoint that is no URL, "credentials" without
            credentials. Neither is remembered: the next call looks again.
    """
    endpoint = settings.endpoint or os.environ.get("AWS_ENDPOINT_URL")
    key = (service, settings.region, endpoint, settings.timeout, settings.attempts)
    found = _CLIENTS.get(key)
    if found is None:
        with _MAKING:
            found = _CLIENTS.get(key)
            if found is None:
                found = _CLIENTS[key] = _make(service, settings)
    return found


def call(client: Any, operation: str, asking: Asking = ANY_TIME, **arguments: Any) -> dict[str, Any]:
    """What AWS answers to an operation, by its Python name, e.g. "detect_faces".

    A JSON service's answer that is no JSON comes back **empty**: check for the members that you need. A body that is
    streamed (S3 GetObject, InvokeEndpoint) is read after the call, with :func:`read`.

    Raises:
        ProviderError: with a code of ``PROVIDER_CODES``; ``attempts`` is how many requests were sent.
    """
    if not asking.left():
        raise ProviderError(f"no time was left to call {_name(client)} {operation}", code="timeout", attempts=0)
    now = _Call(asking)
    token = _CALL.set(now)
    try:
        response: dict[str, Any] = getattr(client, operation)(**arguments)
        return response
    except Exception as error:  # its response parser passes on whatever it stumbles over
        _fail(error, f"{_name(client)} {operation}", now.sent)
    finally:
        _CALL.reset(token)


def read(response: dict[str, Any], client: Any) -> bytes:
    """The whole streamed ``Body`` of a response. Raises ProviderError: the connection may break in the middle."""
    try:
        content: bytes = response["Body"].read()
        return content
    except Exception as error:
        _fail(error, f"the answer of {_name(client)}", attempts(response))


def attempts(response: dict[str, Any]) -> int:
    """How many requests a response took."""
    return int(response.get("ResponseMetadata", {}).get("RetryAttempts", 0)) + 1


def _make(service: str, settings: AwsSettings) -> Any:
    from botocore.config import Config

    config = Config(
        connect_timeout=min(CONNECT, settings.timeout),
        read_timeout=settings.timeout,
        retries={"mode": "standard", "total_max_attempts": settings.attempts},
        max_pool_connections=CONNECTIONS,
    )
    try:
        session = _session()
        region = settings.region or session.region_name or os.environ.get("AWS_REGION")  # botocore ignores the last
        if region is None:
            raise ProviderError(_no_region(service), code="not-configured", attempts=0)
        made = session.client(service, region_name=region, endpoint_url=settings.endpoint, config=config)
    except ProviderError:
        raise
    except Exception as error:
        _fail(error, f"the client of {service}", 0)
    _bound(made, settings.attempts)
    return made


def _session() -> Any:
    """The session of all clients: they share its credentials, and it has read botocore's descriptions once."""
    import boto3

    logging.getLogger("botocore").setLevel(logging.INFO)  # at DEBUG it logs requests: photos, keys, session tokens
    if not _SESSION:
        session = boto3.Session()
        if session.get_credentials() is None:  # a client made without any would never look again
            raise ProviderError(f"no AWS credentials: {HINTS['credentials']}", code="credentials", attempts=0)
        _SESSION.append(session)
    return _SESSION[0]


def _bound(client: Any, most: int) -> None:
    """Give a client's calls their deadline."""
    from botocore.retries import standard

    service, events = client.meta.service_model.service_id.hyphenize(), client.meta.events
    event, known_as = f"needs-retry.{service}", f"retry-config-{service}"
    events.unregister(event, unique_id=known_as)
    policy = standard.register_retry_handler(client, max_attempts=most)  # the same again: now we hold it
    events.unregister(event, unique_id=known_as)

    def in_time(**happened: Any) -> Any:
        delay, now = policy.needs_retry(**happened), _CALL.get()
        return False if delay and now and delay >= now.asking.left() else delay  # None: other handlers may retry

    def send(request: Any, **_: Any) -> None:
        now = _CALL.get() or _Call(ANY_TIME)
        left = now.asking.left()
        if not left:
            raise _NoTimeLeft
        now.sent += 1
        request.context["read_timeout"] = min(left, client.meta.config.read_timeout)

    events.register_first(event, in_time)
    events.register_first(f"before-send.{service}", send)


HINTS = {
    "credentials": "give the process a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE",
    "not-configured": "check region and endpoint, which is a URL, as https://host",
}

# Error codes of AWS -> ours, where the HTTP status does not tell.
CODES = {
    "throttled": """Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException
        TooManyRequestsException ProvisionedThroughputExceededException RequestLimitExceeded LimitExceededException
        BandwidthLimitExceeded SlowDown""",
    "credentials": """AccessDenied AccessDeniedException ExpiredToken ExpiredTokenException InvalidClientTokenId
        UnrecognizedClientException InvalidSignatureException SignatureDoesNotMatch IncompleteSignature
        MissingAuthenticationToken MissingAuthenticationTokenException InvalidAccessKeyId InvalidToken AuthFailure
        NotAuthorized OptInRequired RequestExpired RequestTimeTooSkewed AccountProblem AllAccessDisabled""",
    "timeout": "RequestTimeout RequestTimeoutException",
    "server-error": "InternalServerError InternalFailure InternalError ServiceUnavailable ServiceUnavailableException",
}
_OURS = {theirs: ours for ours, those in CODES.items() for theirs in those.split()}
STATUSES = {401: "credentials", 403: "credentials", 408: "timeout", 429: "throttled"}

# Exceptions of botocore -> our codes; the first class that fits.
EXCEPTIONS = {
    "timeout": "ReadTimeoutError ConnectTimeoutError",
    "credentials": """NoCredentialsError PartialCredentialsError CredentialRetrievalError ProfileNotFound
        NoAuthTokenError TokenRetrievalError UnauthorizedSSOTokenError""",
    "not-configured": "InvalidRegionError UnknownEndpointError",
    "refused": "ParamValidationError",
    "bad-answer": "ChecksumError",
    "unreachable": "ConnectionError HTTPClientError IncompleteReadError",
}


def _fail(error: Exception, what: str, sent: int) -> NoReturn:
    """Raise the ProviderError of whatever botocore raised. Its text goes no further."""
    if isinstance(error, _NoTimeLeft):
        raise ProviderError(f"no time was left for {what}", code="timeout", attempts=sent) from None
    from botocore.exceptions import ClientError

    if isinstance(error, ClientError):
        said = str(error.response.get("Error", {}).get("Code", "unknown"))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if said == "ModelError":  # of SageMaker: what the model's own container answered
            status = int(error.response.get("OriginalStatusCode", 0)) or status
        code = _OURS.get(said) or STATUSES.get(status) or ("server-error" if status >= 500 else "refused")
        said = said if said.isalnum() and len(said) < 80 else "an error"
        raise ProviderError(f"{what}: {said} (status {status})", code=code, attempts=sent) from None
    code = _code(error, sent)
    hint = f"; {HINTS[code]}" if code in HINTS else ""
    raise ProviderError(f"{what}: {type(error).__name__}{hint}", code=code, attempts=sent) from None


def _code(error: Exception, sent: int) -> str:
    from botocore import exceptions

    for code, names in EXCEPTIONS.items():
        if isinstance(error, tuple(getattr(exceptions, name) for name in names.split())):
            return code
    if isinstance(error, exceptions.BotoCoreError):
        return "failed"
    if sent:
        return "bad-answer"  # the parser's
    return "not-configured" if isinstance(error, ValueError) else "failed"  # an endpoint that is no URL


def _no_region(service: str) -> str:
    provider = service.removesuffix("-runtime")
    return f"no AWS region: set region under provider_settings.{provider}, or AWS_DEFAULT_REGION"


def _name(client: Any) -> str:
    return str(client.meta.service_model.service_name)
