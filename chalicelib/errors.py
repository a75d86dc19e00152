"""Every error Artemis raises on purpose.

    ArtemisError
    ├── ContractError        a use case breaks the authoring contract; carries every problem found
    ├── SettingsError        misconfigured: the service refuses to start; carries every problem found
    ├── StepError            a step of a decision failed; carries the failure as data
    ├── ProviderError        a model could not answer (raised inside tasks, so it becomes data there)
    │   └── PhotoError           it was not asked: the photo cannot be read from S3, or not be decoded
    └── ServiceError         has an HTTP status and a stable code; the edge turns it into a problem
        ├── Malformed            400  the body is not a JSON text
        ├── Unauthenticated      401
        ├── NotFound             404  unknown, or not this client's to see
        ├── Gone                 410  a decision that was forgotten
        ├── Conflict             409  the same Idempotency-Key is being decided right now
        ├── TooLarge             413
        ├── KeyReused            422  the Idempotency-Key came with another request before
        ├── Invalid              422  the JSON is not a valid request; carries pointers
        ├── DecisionFailed       500, 502 or 504  recorded as a failed decision
        └── Unavailable          503  overloaded, or the store is down; safe to ask again
            └── KeyMissing           503  what is stored is encrypted under a key that the service lacks

Classes carry data; wording for people is made where it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class ArtemisError(Exception):
    """The root: catching it catches everything Artemis raises on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One violation of the authoring contract, placed in the module's source.

    ``line`` is 1-based in the generated module (or in the notebook's namespace), 0 when the
    fault has no line of its own.
    """

    rule: str
    message: str
    hint: str = ""
    line: int = 0


class ContractError(ArtemisError):
    """A use case breaks the authoring contract. ``faults`` lists all of it."""

    def __init__(self, name: str, faults: list[Fault]) -> None:
        self.name, self.faults = name, faults
        super().__init__(f"use case {name}: " + "; ".join(fault.message for fault in faults))


class SettingsError(ArtemisError):
    """The configuration does not hold. ``problems`` is a list of sentences, all of them."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("cannot start:\n" + "\n".join(f"  - {problem}" for problem in problems))


class ProviderError(ArtemisError):
    """A provider could not answer a capability.

    Args:
        code: why, one of ``PROVIDER_CODES``; it stands in the trace, in ``degraded`` and in the price list's sums.
        attempts: how often the provider was called before it was given up; 0 when it was not called at all.

    The message never holds a secret, a photo's content or what a provider said word for word: it may be logged.
    """

    def __init__(self, message: str, code: str = "failed", attempts: int = 1) -> None:
        super().__init__(message)
        self.code, self.attempts = code, attempts


class PhotoError(ProviderError):
    """A task's photo cannot be read or decoded: no fault of the provider that wanted it, which was not called."""

    def __init__(self, message: str, code: str = "refused") -> None:  # a default: copy() gives the message alone
        super().__init__(message, code=code, attempts=0)


# code -> what it means. Those of TROUBLE count against a provider; the others are about this one call.
PROVIDER_CODES = {
    "failed": "anything else",
    "timeout": "no answer in time",
    "unreachable": "refused, reset or not resolved",
    "throttled": "too many requests, quota used up",
    "server-error": "5xx",
    "bad-answer": "not JSON, not of the documented form, not a finite number",
    "credentials": "missing, expired or not allowed",
    "refused": "the provider does not take this input: too large, no such model, a bad query",
    "model-mismatch": "another model version than the one pinned",
    "circuit-open": "the provider failed so often that it is left alone for a while; it was not called",
    "busy": "too many calls of this provider at once; it was not called",
    "not-configured": "the stage file does not say who, or what, answers",
    "not-recorded": "the recordings hold no such call",
}
TROUBLE = frozenset({"timeout", "unreachable", "throttled", "server-error", "bad-answer", "failed"})


class ServiceError(ArtemisError):
    """An error with a place in the HTTP contract.

    ``code`` is stable and becomes the problem's ``type``; ``members`` are extra problem members.
    """

    status = 500
    code = "internal"
    title = "Internal error"

    def __init__(self, detail: str, **members: Any) -> None:
        self.detail, self.members = detail, members
        self.headers: dict[str, str] = {}
        super().__init__(detail)


class Malformed(ServiceError):
    status, code, title = 400, "malformed-body", "The body is not a JSON text"


class Unauthenticated(ServiceError):
    status, code, title = 401, "unauthenticated", "A valid API key is needed"

    def __init__(self, detail: str, **members: Any) -> None:
        super().__init__(detail, **members)
        self.headers["WWW-Authenticate"] = "Bearer"


class NotFound(ServiceError):
    status, code, title = 404, "not-found", "Not found"


class Gone(ServiceError):
    status, code, title = 410, "forgotten", "The decision was forgotten"


class Conflict(ServiceError):
    """409. The same Idempotency-Key is being decided; the request may be sent again after ``retry_after`` seconds."""

    status, code, title = 409, "idempotency-key-in-progress", "This Idempotency-Key is being decided"

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.headers["Retry-After"] = str(retry_after)


class KeyReused(ServiceError):
    status, code, title = 422, "idempotency-key-reused", "This Idempotency-Key belongs to another request"


class TooLarge(ServiceError):
    status, code, title = 413, "too-large", "The body is too large"


class Invalid(ServiceError):
    """422. ``errors`` is a list of ``{"pointer": RFC 6901 pointer, "detail": sentence}``."""

    status, code, title = 422, "invalid-request", "The request is not valid"

    def __init__(self, errors: list[dict[str, str]]) -> None:
        self.errors = errors
        count = "1 problem" if len(errors) == 1 else f"{len(errors)} problems"
        super().__init__(f"{count} in the request", errors=errors)


class DecisionFailed(ServiceError):
    """A decision that was recorded as failed; ``members`` name its id and the step."""

    title = "The decision failed"

    def __init__(self, status: int, code: str, detail: str, **members: Any) -> None:
        super().__init__(detail, **members)
        self.status, self.code = status, code


class Unavailable(ServiceError):
    """503. Nothing was decided; the same request may be sent again after ``retry_after`` seconds."""

    status, title = 503, "Not available right now"

    def __init__(self, detail: str, code: str, retry_after: int) -> None:
        super().__init__(detail)
        self.code = code
        self.headers["Retry-After"] = str(retry_after)


class RecordUnavailable(Unavailable):
    """503 for what of a record lies apart and cannot be read. ``is_gone``: there is no such object any more."""

    def __init__(self, detail: str, is_gone: bool = False) -> None:
        super().__init__(detail, code="record-unavailable", retry_after=60 if is_gone else 5)
        self.is_gone = is_gone


class KeyMissing(Unavailable):
    """503 for what is stored, until the key that encrypted it is among the service's again."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, code="key-missing", retry_after=60)
