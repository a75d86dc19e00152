"""API keys: ``Authorization: Bearer <key>``, compared by digest in constant time."""

from __future__ import annotations

import hashlib
import hmac

from chalicelib.errors import Unauthenticated
from chalicelib.service import LOCAL_CLIENT
from chalicelib.settings import LOCAL, ApiKey, Settings


def authenticate(authorization: str | None, settings: Settings) -> ApiKey:
    """Who asks. Raises Unauthenticated. Only the local stage may run without keys."""
    if not settings.api_keys and settings.stage == LOCAL:
        return LOCAL_CLIENT
    scheme, _, key = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthenticated("send the header Authorization: Bearer <key>")
    digest = hashlib.sha256(key.strip().encode("utf-8", "backslashreplace")).hexdigest()
    found = None
    for candidate in settings.api_keys:  # all of them, so that the time tells nothing
        if hmac.compare_digest(candidate.sha256, digest):
            found = candidate
    if found is None:
        raise Unauthenticated("this key is not known")
    return found
