"""S3 for photos, through boto3: the :class:`chalicelib.objects.Objects` of stages that have buckets.

One client a process, made on first use. Credentials and region come from botocore's chain. A call takes two attempts
at most, each bounded by connect and read timeouts and by the request's end, which botocore knows nothing of: a hook
tells it, and refuses to send when no time is left. Of what S3 says about an error only its code is passed on.
"""

from __future__ import annotations

import base64
import hashlib
import io
import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from threading import Lock, local
from time import perf_counter
from typing import Any

from chalicelib.objects import Beginning, ObjectError, S3Object

CONNECT, READ = 2.0, 5.0  # seconds that one attempt waits
ATTEMPTS = 2
MOST = 10  # requests of one call, with those by which botocore looks for a bucket's region: it can go on for ever
CHUNK = 64 * 1024  # bytes
CONNECTIONS = 32  # kept open; more requests than that at once open their own

# Error codes of S3 -> reason, where the HTTP status does not tell. Source: S3's "Error responses".
CODES = {
    "missing": "NoSuchKey NoSuchVersion MethodNotAllowed",  # the last: a delete marker
    "unreadable": "InvalidObjectState",
    "not-configured": "NoSuchBucket InvalidBucketName AuthorizationHeaderMalformed IllegalLocationConstraintException",
    "credentials": "AccessDenied ExpiredToken InvalidToken KMS.DisabledException KMS.NotFoundException",
    "throttled": "SlowDown Throttling ThrottlingException RequestLimitExceeded",
    "timeout": "RequestTimeout",
}
_BY_CODE = {code: reason for reason, codes in CODES.items() for code in codes.split()}
STATUSES = {401: "credentials", 403: "credentials", 404: "missing", 409: "changed", 412: "changed", 429: "throttled"}
EXCEPTIONS = {  # of botocore; the first that fits
    "timeout": "ReadTimeoutError ConnectTimeoutError",
    "credentials": """NoCredentialsError PartialCredentialsError CredentialRetrievalError ProfileNotFound
        NoAuthTokenError TokenRetrievalError UnauthorizedSSOTokenError""",
    "not-configured": "NoRegionError InvalidRegionError ParamValidationError UnknownEndpointError",
    "unreachable": "ConnectionError HTTPClientError IncompleteReadError",
    "bad-answer": "BotoCoreError",
}


class Buckets:
    """Reads and writes the objects of S3. Thread-safe.

    Args:
        endpoint: URL of a private endpoint (VPC) or an emulator; default: AWS, or what AWS_ENDPOINT_URL says.
        region: default: botocore's chain.
    """

    def __init__(self, endpoint: str | None = None, region: str | None = None) -> None:
        self._endpoint, self._region = endpoint, region
        self._lock, self._now = Lock(), local()
        self._made: Any = None

    def begin(self, bucket: str, key: str, size: int, until: float) -> Beginning:
        """The object as it is now, with its first ``size`` bytes. An empty object has no state."""
        with self._asking(until):
            try:
                answer = self._client().get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{size - 1}")
            except Exception as error:
                if _code(error) == "InvalidRange":  # there is no first byte
                    return Beginning(S3Object(bucket, key), 0, b"")
                raise
            with closing(answer["Body"]) as body:
                data = b"".join(_pieces(body, size, until))
            total = str(answer.get("ContentRange") or "").rpartition("/")[2] or answer["ContentLength"]
            return Beginning(_state(bucket, key, answer), int(total), data)

    def stream(self, found: S3Object, start: int, until: float) -> Iterator[bytes]:
        """The bytes from ``start`` on, of that version, or as long as the ETag is still that.

        A connection that breaks in the middle is taken up again there, once.
        """
        for last in (False, True):
            with closing(self._open(found, start, until)) as body:
                try:
                    while chunk := self._next(body, until):
                        start += len(chunk)
                        yield chunk
                    return
                except ObjectError:
                    if last:
                        raise

    def _open(self, found: S3Object, start: int, until: float) -> Any:
        state = {"VersionId": found.version} if found.version else {"IfMatch": f'"{found.etag}"'}
        part = {"Range": f"bytes={start}-"} if start else {}
        with self._asking(until):
            return self._client().get_object(Bucket=found.bucket, Key=found.key, **state, **part)["Body"]

    def write(self, bucket: str, key: str, data: bytes, media_type: str, until: float) -> S3Object:
        """Put ``data`` there, unless it is there: neither a second version nor a second copy."""
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        with self._asking(until):
            return self._put(bucket, key, data, ContentType=media_type, ChecksumSHA256=checksum)

    def _put(self, bucket: str, key: str, data: bytes, **about: str) -> S3Object:
        client = self._client()

        def put(**condition: str) -> S3Object:
            body = io.BytesIO(data)  # a file: botocore waits for a "continue" before it sends what is not wanted
            return _state(bucket, key, client.put_object(Bucket=bucket, Key=key, Body=body, **about, **condition))

        try:
            return put(IfNoneMatch="*")
        except Exception as error:
            if _code(error) not in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise
        there = client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        checksum = there.get("ChecksumSHA256", about["ChecksumSHA256"])
        same = (there["ContentLength"], checksum) == (len(data), about["ChecksumSHA256"])
        return _state(bucket, key, there) if same else put()

    def delete(self, found: S3Object, until: float) -> bool:
        """Remove that version, or the object as long as its ETag is still that.

        Whether it was there; of a version S3 does not say. What came in its place stays, and no marker is left.
        """
        with self._asking(until):
            version = {"VersionId": found.version} if found.version else self._current(found)
            if version is not None:
                self._client().delete_object(Bucket=found.bucket, Key=found.key, **version)
            return version is not None

    def _current(self, found: S3Object) -> dict[str, str] | None:
        """What to name besides its key to delete the object, as versions may be kept by now; None: it is gone."""
        try:
            there = self._client().head_object(Bucket=found.bucket, Key=found.key)
        except Exception as error:
            if _code(error) == "404":
                return None
            raise
        if _etag(there) != found.etag:
            raise ObjectError("changed")
        return {"VersionId": there["VersionId"]} if "VersionId" in there else {}

    def _next(self, body: Any, until: float) -> bytes:
        with self._asking(until):
            return next(_pieces(body, CHUNK, until), b"")

    @contextmanager
    def _asking(self, until: float) -> Iterator[None]:
        """S3 is asked within: whatever goes wrong becomes an ObjectError."""
        self._now.until, self._now.sent = until, 0
        try:
            if perf_counter() >= until:
                raise TimeoutError
            yield
        except ObjectError:
            raise
        except Exception as error:  # its response parser passes on whatever it stumbles over
            reason, said = _reason(error)
            raise ObjectError(reason, said) from None

    def _client(self) -> Any:
        if self._made is None:
            with self._lock:
                if self._made is None:
                    self._made = _make(self._endpoint, self._region, self._in_time)
        return self._made

    def _in_time(self, request: Any, **_: Any) -> None:
        """Before anything is sent: it waits no longer than there is time."""
        left = self._now.until - perf_counter()
        if left <= 0:
            raise TimeoutError
        self._now.sent += 1
        if self._now.sent > MOST:
            raise ObjectError("not-configured", "one redirect after the other")
        request.context["read_timeout"] = min(READ, left)


def _make(endpoint: str | None, region: str | None, before_send: Callable[..., None]) -> Any:
    import boto3
    from botocore.config import Config

    logging.getLogger("botocore").setLevel(logging.INFO)  # at DEBUG it logs requests: photos, keys, session tokens
    config = Config(
        connect_timeout=CONNECT,
        read_timeout=READ,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=CONNECTIONS,
        response_checksum_validation="when_required",  # the checksum of a whole object is not that of its beginning
    )
    session = boto3.Session(region_name=region)
    if session.get_credentials() is None:  # a client made without any would never look again
        raise ObjectError("credentials", "there are none: give the process a role, or AWS_PROFILE")
    client = session.client("s3", endpoint_url=endpoint, config=config)
    client.meta.events.register_first("before-send.s3", before_send)
    return client


def _pieces(body: Any, size: int, until: float) -> Iterator[bytes]:
    """Up to ``size`` bytes, as they come: a read of them all would wait anew for each that trickles in."""
    while size and (piece := body._raw_stream.read1(min(size, CHUNK))):
        size -= len(piece)
        yield piece
        if perf_counter() >= until:
            raise TimeoutError


def _state(bucket: str, key: str, answer: dict[str, Any]) -> S3Object:
    version = answer.get("VersionId")
    if version and version != "null":  # "null": written while the bucket kept no versions; it may be overwritten
        return S3Object(bucket, key, version, _etag(answer))
    if not _etag(answer):
        raise ObjectError("bad-answer", "no ETag")
    return S3Object(bucket, key, None, _etag(answer))


def _etag(answer: dict[str, Any]) -> str:
    return str(answer.get("ETag") or "").strip('"')


def _code(error: BaseException) -> str:
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _reason(error: Exception) -> tuple[str, str]:
    """Why, and S3's code or the exception's name."""
    if isinstance(error, TimeoutError):
        return "timeout", "no time was left"
    from botocore import exceptions
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    if isinstance(error, ReadTimeoutError):
        return "timeout", type(error).__name__
    if isinstance(error, HTTPError):  # of a body, which is read without botocore
        return "unreachable", type(error).__name__
    if isinstance(error, exceptions.ClientError):
        status, said = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)), _code(error)
        return _BY_CODE.get(said) or STATUSES.get(status) or _by_kind(status), said if said.isalnum() else str(status)
    for reason, names in EXCEPTIONS.items():
        if isinstance(error, tuple(getattr(exceptions, name) for name in names.split())):
            return reason, type(error).__name__
    return "not-configured" if isinstance(error, ValueError) else "bad-answer", type(error).__name__


def _by_kind(status: int) -> str:
    if status >= 500:
        return "throttled" if status == 503 else "server-error"
    return "not-configured" if 300 <= status < 400 else "unreadable"
