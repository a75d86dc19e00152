"""One call of Cloud Vision over gRPC: its client, its retries within a deadline, and its errors as ProviderError.

The client is made in a thread of its own, once per process: looking for credentials may mean waiting for a metadata
server, and nobody waits for that longer than there is time. Credentials are found by the library itself
(``google.auth.default``). A plain ``http`` endpoint is an emulator: no encryption and no credentials.

Retries are google-api-core's (exponential backoff with jitter). Each attempt has its own timeout here: the one that
the library derives from a deadline grows back to its full length in a call's last second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from math import isinf
from threading import Lock, Thread
from time import perf_counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chalicelib.errors import ProviderError

if TYPE_CHECKING:
    from google.cloud.vision import ImageAnnotatorClient

BACKOFF, MAX_BACKOFF = 0.1, 2.0  # seconds; the longest pause before the second attempt, and before any
RECONNECT = [  # milliseconds; gRPC's own, 1 s to 2 min, would have retries fail without trying to connect
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 2000),
]
RETRIED = frozenset({"unreachable", "throttled", "server-error", "timeout"})

# google.rpc.Code -> ours. https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
CODES = {
    2: "server-error",  # UNKNOWN
    3: "refused",  # INVALID_ARGUMENT
    4: "timeout",  # DEADLINE_EXCEEDED
    5: "refused",  # NOT_FOUND
    7: "credentials",  # PERMISSION_DENIED: also an API or a billing account that is switched off
    8: "throttled",  # RESOURCE_EXHAUSTED
    9: "refused",  # FAILED_PRECONDITION
    10: "server-error",  # ABORTED
    11: "refused",  # OUT_OF_RANGE
    12: "refused",  # UNIMPLEMENTED
    13: "server-error",  # INTERNAL
    14: "unreachable",  # UNAVAILABLE: also what gRPC says of a connection that is refused or reset
    15: "server-error",  # DATA_LOSS
    16: "credentials",  # UNAUTHENTICATED
}
HINT = "; check the process's Application Default Credentials, and that their project has the Vision API enabled"
# How gRPC begins the details of two failures that have a misleading status.
NOT_PARSED = "Exception deserializing response"
UNSIGNED = "Getting metadata from plugin failed"


@dataclass(frozen=True, slots=True)
class Reply:
    """A bare ``AnnotateImageResponse`` message, and how many attempts it took."""

    answer: Any
    attempts: int


class VisionClient:
    """Annotates one photo at a time. Thread-safe.

    Args:
        endpoint: an https URL, or http to this machine; None for Vision's own.
        timeout: seconds that one attempt may take.
        attempts: how many attempts there are at most.
    """

    def __init__(self, endpoint: str | None, timeout: float, attempts: int) -> None:
        self._endpoint, self._timeout, self._attempts = endpoint, timeout, attempts
        self._lock = Lock()
        self._made: Future[ImageAnnotatorClient] | None = None

    def annotate(self, content: bytes, features: Iterable[dict[str, Any]], until: float) -> Reply:
        """What Vision says about an encoded picture.

        Args:
            features: each a ``Feature`` message as a dict.
            until: when to give up, on the performance counter.

        Raises:
            ProviderError: with the code of what went wrong, and the attempts made.
        """
        if until <= perf_counter():
            raise ProviderError("no time was left to call Vision", code="timeout", attempts=0)
        client = self._client(until)
        from google.cloud.vision import BatchAnnotateImagesRequest

        context = {"text_detection_params": {"enable_text_detection_confidence_score": True}}
        one = {"image": {"content": content}, "features": list(features), "image_context": context}
        request = BatchAnnotateImagesRequest({"requests": [one]})

        def send(seconds: float) -> Any:
            return client.batch_annotate_images(request, retry=None, timeout=seconds)

        call = _Call(send, until, self._timeout, self._attempts)
        response = call.made()
        answers = type(response).pb(response).responses
        if len(answers) != 1:
            said = f"Vision answered for {len(answers)} photos, asked about one"
            raise ProviderError(said, code="bad-answer", attempts=call.attempts)
        return Reply(answers[0], call.attempts)

    def _client(self, until: float) -> ImageAnnotatorClient:
        """The process's client. A failure is not kept: the next call tries anew."""
        with self._lock:
            if self._made is None or (self._made.done() and self._made.exception()):
                self._made = Future()
                Thread(target=_fulfil, args=(self._made, self._endpoint), name="vision-client", daemon=True).start()
            made = self._made
        try:
            return made.result(_seconds(until))
        except TimeoutError:
            raise ProviderError("the credentials of Vision were not found in time", "timeout", attempts=0) from None
        except ImportError:
            raise ProviderError("google-cloud-vision is not installed", "not-configured", attempts=0) from None
        except Exception as error:
            raise failure(error, attempts=0) from None


def failure(error: Exception, attempts: int) -> ProviderError:
    """The ProviderError for whatever the client library raised. Its text goes no further."""
    code, status = _code(error)
    hint = HINT if code == "credentials" else ""
    return ProviderError(f"Vision failed: {status}{hint}", code=code, attempts=attempts)


@dataclass(slots=True)
class _Call:
    """One call, and its attempts so far."""

    send: Callable[[float], Any]
    until: float
    timeout: float
    most: int
    attempts: int = 0
    asked_to_wait: float = 0  # seconds, by the service

    def made(self) -> Any:
        from google.api_core.retry import retry_target

        try:
            return retry_target(
                self._attempt,
                predicate=self._again,
                sleep_generator=self._pauses(),
                timeout=_seconds(self.until),
                exception_factory=lambda errors, *_: (errors[-1], None),
            )
        except Exception as error:
            raise failure(error, self.attempts) from None

    def _attempt(self) -> Any:
        self.attempts += 1
        return self.send(max(0.001, min(self.timeout, self.until - perf_counter())))

    def _again(self, error: Exception) -> bool:
        self.asked_to_wait = _retry_delay(error)
        return self.attempts < self.most and _code(error)[0] in RETRIED

    def _pauses(self) -> Iterator[float]:
        """Before each retry; one that would end past the deadline ends the call instead."""
        from google.api_core.retry import exponential_sleep_generator

        for pause in exponential_sleep_generator(BACKOFF, MAX_BACKOFF):
            yield max(pause, self.asked_to_wait)


def _code(error: Exception) -> tuple[str, str]:
    """Our code, and a name of what happened that may be shown."""
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError, TransportError

    if isinstance(error, GoogleAPICallError) and error.grpc_status_code is not None:
        details = str(error.message)
        if details.startswith(NOT_PARSED):
            return "bad-answer", "its answer is no message of the documented form"
        if details.startswith(UNSIGNED):
            return "credentials", "no access token could be got"
        status = error.grpc_status_code
        return CODES.get(status.value[0], "failed"), status.name
    if isinstance(error, TransportError):
        return "unreachable", "no access token could be got"
    if isinstance(error, GoogleAuthError):
        return "credentials", "no credentials, or they are not valid"
    return "failed", type(error).__name__


def _retry_delay(error: Exception) -> float:
    """Seconds that the service asks to wait (``google.rpc.RetryInfo``); 0 when it does not say."""
    for detail in getattr(error, "details", ()):
        if type(detail).__name__ == "RetryInfo":
            return float(detail.retry_delay.seconds + detail.retry_delay.nanos / 1e9)
    return 0.0


def _fulfil(made: Future[ImageAnnotatorClient], endpoint: str | None) -> None:
    try:
        made.set_result(_make(endpoint))
    except BaseException as error:
        made.set_exception(error)


def _make(endpoint: str | None) -> ImageAnnotatorClient:
    import logging
    from functools import partial

    from google.auth.credentials import AnonymousCredentials
    from google.cloud.vision import ImageAnnotatorClient
    from google.cloud.vision_v1.services.image_annotator.transports import ImageAnnotatorGrpcTransport

    logging.getLogger("google.cloud.vision_v1").setLevel(logging.INFO)  # at DEBUG it logs requests: photos
    logging.getLogger("grpc._plugin_wrapping").setLevel(logging.CRITICAL)  # it logs what a token's server said
    url = urlsplit(endpoint or "")
    emulated = url.scheme == "http"
    return ImageAnnotatorClient(
        credentials=AnonymousCredentials() if emulated else None,  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": url.netloc} if url.netloc else None,
        transport=partial(ImageAnnotatorGrpcTransport, channel=_plain if emulated else _secure),
    )


def _secure(host: str, options: Iterable[Any] = (), **others: Any) -> Any:
    from google.cloud.vision_v1.services.image_annotator.transports import ImageAnnotatorGrpcTransport

    return ImageAnnotatorGrpcTransport.create_channel(host, options=[*options, *RECONNECT], **others)


def _plain(host: str, options: Iterable[Any] = (), **_: Any) -> Any:
    import grpc

    return grpc.insecure_channel(host, options=[*options, *RECONNECT, ("grpc.enable_http_proxy", 0)])


def _seconds(until: float) -> float | None:
    """What is left; None where nobody waits."""
    return None if isinf(until) else max(0.0, until - perf_counter())
